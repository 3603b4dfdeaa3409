/** What this module throws: a stable word for programs, a sentence for people. */
export class LeitherError extends Error {
  /**
   * @param {string} reason a word that never changes its meaning; spec/js.md lists them
   * @param {string} message what happened and what to do
   * @param {object} [details] values behind it
   */
  constructor(reason, message, details = {}) {
    super(message);
    this.name = 'LeitherError';
    this.reason = reason;
    this.details = details;
  }
}

/**
 * Throws unless `condition` holds.
 * @param {unknown} condition
 * @param {string} reason
 * @param {string} message
 * @returns {asserts condition}
 */
export function ensure(condition, reason, message) {
  if (!condition) throw new LeitherError(reason, message);
}

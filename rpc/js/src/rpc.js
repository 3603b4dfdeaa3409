// A node's JSON-RPC over `fetch`. What it answers is its word; `prove` alone is more than that.

import { parseAmount } from './amount.js';
import { LeitherError, ensure } from './error.js';
import { fromHex, toHex } from './hash.js';
import { NATIVE_TOKEN } from './ids.js';
import { verifyProof } from './proof.js';
import { transfer } from './tx.js';

const ANSWER_BYTES_MAX = 10 * 1024 * 1024 + 4096;
const VALID_FOR_MS = 10n * 60n * 1000n;

/** The body of an answer, of which only so much is read. */
async function bodyOf(response) {
  if (!response.body) return '';
  const chunks = [];
  let length = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(chunks).text();
    length += value.length;
    if (length > ANSWER_BYTES_MAX) {
      await reader.cancel();
      throw new LeitherError('answer', 'the node answered more than 10 MiB; ask for less at a time');
    }
    chunks.push(value);
  }
}

/** A number as JSON-RPC writes it. */
function decimal(text) {
  const fit = typeof text === 'string' && /^[0-9]{1,39}$/.test(text);
  ensure(fit, 'answer', 'the node answered something else than a decimal number');
  return BigInt(text);
}

const unreadable = (url, status) =>
  status === 403
    ? `${url} refuses this page (403): start the node with the page's address in rpc.allowed_origins`
    : `${url} did not answer JSON-RPC (HTTP ${status}); is it a node's RPC address?`;

/** A connection to one node. */
export class Client {
  #url;
  #chain;
  #timeout;
  #count = 0;

  /**
   * @param {string} url e.g. `http://127.0.0.1:4802`
   * @param {object} options
   * @param {string} options.chain the chain's id, from a source that is trusted: what proofs are checked against and transfers signed for
   * @param {number} [options.timeoutMs] how long to wait for an answer
   */
  constructor(url, { chain, timeoutMs = 15_000 }) {
    this.#url = url;
    this.#chain = toHex(fromHex(chain, 32));
    this.#timeout = timeoutMs;
  }

  /** The chain's id. */
  get chain() {
    return this.#chain;
  }

  /**
   * Calls a method of spec/rpc.md. A refusal is thrown as a LeitherError: `reason` is the node's `data.reason`, `details` has `code` and
   * the other values of `data`. Where there was no answer, `reason` is `unreachable`; where it was none, `answer`.
   * @param {string} method
   * @param {object} [params] by name
   * @param {number} [timeoutMs]
   * @returns {Promise<any>}
   */
  async call(method, params = {}, timeoutMs = this.#timeout) {
    const id = ++this.#count;
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    const headers = { 'content-type': 'application/json' };
    let response, text;
    try {
      response = await fetch(this.#url, { method: 'POST', headers, body, signal: AbortSignal.timeout(timeoutMs) });
      text = await bodyOf(response);
    } catch (error) {
      if (error instanceof LeitherError) throw error;
      const why = error?.cause?.message ?? error?.message ?? String(error);
      throw new LeitherError('unreachable', `${this.#url} does not answer: ${why}. Is the node running?`);
    }
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new LeitherError('answer', unreadable(this.#url, response.status));
    }
    if (answer?.error) {
      const { code, message, data } = answer.error;
      const { reason, ...details } = data !== null && typeof data === 'object' ? data : {};
      throw new LeitherError(typeof reason === 'string' ? reason : 'refused', String(message), { ...details, code });
    }
    const whole = answer?.jsonrpc === '2.0' && answer.id === id && 'result' in answer;
    ensure(whole, 'answer', unreadable(this.#url, response.status));
    return answer.result;
  }

  /** The chain's state of affairs; refuses a node of another chain. */
  async info() {
    const info = await this.call('chain_getInfo');
    ensure(info?.chain === this.#chain, 'chain', `the node keeps the chain ${info?.chain}, expected ${this.#chain}`);
    return info;
  }

  /**
   * What the chain says to `subject`, proven: nothing of the node's answer is believed.
   * @param {import('./proof.js').Subject} subject
   * @param {object} [options]
   * @param {bigint} [options.notBefore] the least height that will do: an honest proof may still be an old one
   * @param {import('./proof.js').From} [options.from] a block that is trusted, below the newest one: `from` of an earlier answer, or one from
   *   somebody who is trusted. The proof begins there: it is shorter, and there is no other after more than 512 changes of validators
   * @returns {Promise<import('./proof.js').Proven>}
   */
  async prove(subject, { notBefore = 0n, from } = {}) {
    const answer = await this.call('state_getProof', from ? { subject, from: String(from.height) } : { subject });
    const proven = verifyProof(this.#chain, subject, answer?.proof, { from });
    ensure(proven.height >= notBefore, 'stale', `the proof is of height ${proven.height}, wanted ${notBefore} or later; ask again`);
    return proven;
  }

  /**
   * Builds a transfer with what the node says of nonce, fee and time. Show `describe(tx, tokens)` before signing: a node could name a
   * high fee. For a token other than `mei` its decimals are the node's word, too; spec/js.md says what to do where that is too little.
   * @param {object} ask
   * @param {string} ask.from
   * @param {string} ask.to
   * @param {string} ask.amount e.g. `0.25mei`
   * @param {string} [ask.token] token id, where it is not `mei`
   * @param {string} [ask.memo]
   * @returns {Promise<{tx: import('./tx.js').Tx, tokens: Record<string, import('./amount.js').Unit>}>}
   */
  async draftTransfer({ from, to, amount, token = NATIVE_TOKEN, memo }) {
    const [info, account] = await Promise.all([this.info(), this.call('account_get', { account: from })]);
    const known = token === NATIVE_TOKEN ? null : await this.call('token_get', { token });
    const unit = known ? { symbol: known.symbol, decimals: known.decimals } : undefined;
    ensure(unit || token === NATIVE_TOKEN, 'answer', 'the node does not say what the token is called');
    const now = [BigInt(Date.now()), decimal(info.time)].reduce((a, b) => (a > b ? a : b));
    const tx = transfer({
      chain: this.#chain,
      from,
      to,
      amount: parseAmount(amount, unit),
      token,
      memo,
      nonce: decimal(account?.next_nonce),
      validUntil: now + VALID_FOR_MS,
      baseFee: decimal(info.base_fee),
    });
    return { tx, tokens: unit ? { [token]: unit } : {} };
  }

  /** Hands in a signed transaction; in the pool is not final yet. @param {string} raw @returns {Promise<string>} its id */
  async submit(raw) {
    return (await this.call('tx_submit', { raw }))?.tx;
  }

  /**
   * Waits until a transaction is in a final block or the time is up. `status` says which: `pending`, `final`, `failed` or `settled`.
   * @param {string} tx its id
   * @param {number} [timeoutMs] at most 60,000
   */
  wait(tx, timeoutMs = 30_000) {
    return this.call('tx_wait', { tx, timeout_ms: timeoutMs }, timeoutMs + this.#timeout);
  }
}

// Amounts: BigInt of smallest units inside, `5mei` or `0.25mei` for people. Nothing is rounded.

import { ensure } from './error.js';

/** No token's supply is above this. */
export const SUPPLY_MAX = (1n << 96n) - 1n;
/** One `mei` is 10^9 smallest units. */
export const MEI = Object.freeze({ symbol: 'mei', decimals: 9 });

/** @typedef {{symbol: string, decimals: number}} Unit */

/** What a node calls a token is a stranger's text. */
function checkUnit({ symbol, decimals }) {
  const fit = typeof symbol === 'string' && /^[a-z0-9]{3,12}$/.test(symbol) && Number.isInteger(decimals) && decimals >= 0 && decimals <= 28;
  ensure(fit, 'amount', 'a token has a symbol of 3 to 12 of a-z and 0-9, and 0 to 28 decimals');
}

/**
 * Smallest units of `<number><symbol>`.
 * @param {string} text e.g. `0.25mei`
 * @param {Unit} [unit] what the token is called, and its decimal places
 * @returns {bigint}
 */
export function parseAmount(text, { symbol, decimals } = MEI) {
  checkUnit({ symbol, decimals });
  const parts = typeof text === 'string' && text.length <= 60 && /^([0-9]+)(?:\.([0-9]+))?( ?)([a-z0-9]+)$/.exec(text);
  // A symbol may begin with a digit; then a space keeps it from the number, and without one the number ends at the first letter.
  const match = parts && parts[3] === '' ? /^([0-9]+)(?:\.([0-9]+))?()([a-z][a-z0-9]*)$/.exec(text) : parts;
  ensure(match, 'amount', 'this is no amount: write a number and a symbol, like 5mei or 0.25mei');
  ensure(match[4] === symbol, 'amount', `the amount is in ${match[4]}, expected ${symbol}`);
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  ensure(fraction.length <= decimals, 'amount', `${symbol} has ${decimals} decimals, ${text} has more`);
  const units = BigInt(match[1] + fraction.padEnd(decimals, '0'));
  ensure(units <= SUPPLY_MAX, 'amount', `${text} is more than any token's supply can be`);
  return units;
}

/**
 * An amount as it is read, no digit lost.
 * @param {bigint} units smallest units
 * @param {Unit} [unit]
 * @returns {string}
 */
export function showAmount(units, { symbol, decimals } = MEI) {
  checkUnit({ symbol, decimals });
  const digits = units.toString().padStart(decimals + 1, '0');
  const cut = digits.length - decimals;
  const fraction = digits.slice(cut).replace(/0+$/, '');
  return `${digits.slice(0, cut)}${fraction && `.${fraction}`}${/^[0-9]/.test(symbol) ? ' ' : ''}${symbol}`;
}

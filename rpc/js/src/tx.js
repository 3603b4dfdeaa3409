// Transactions: built, described, signed. The same object goes through all three, so that what is shown is what is signed.
//
//   transfer({...}) -> Tx --describe--> sentences for the owner --sign(seed)--> {id, raw} for `tx_submit`

import { ed25519 } from '@noble/curves/ed25519.js';
import { MEI, SUPPLY_MAX, showAmount } from './amount.js';
import { LeitherError, ensure } from './error.js';
import { concat, fromHex, tagged, toHex, utf8Bytes } from './hash.js';
import { NATIVE_TOKEN, accountOfKey } from './ids.js';
import * as layout from './layout.js';
import { decode, encode } from './scale.js';
import { verifySignature } from './trust.js';

/**
 * @typedef {object} Tx what the signers sign; names as in the chain
 * @property {number} version
 * @property {string} chain the chain's id
 * @property {string[]} signers accounts; the first one's nonce counts
 * @property {string | null} payer who pays the fee; `null` is the first signer
 * @property {bigint} nonce
 * @property {bigint} valid_until block time in ms after which it is void
 * @property {bigint} max_fee in smallest units of `mei`
 * @property {bigint} weight_limit
 * @property {Uint8Array[]} calls
 */

const SIGN_TAG = utf8Bytes('leither/tx/v1:');

/** What things weigh: chain/executor and the tokens pallet. */
const WEIGHT = { tx: 5_000n, signature: 20_000n, byte: 10n, further: 30_000n, payMei: 10_000n, payOther: 60_000n, burn: 40_000n };

const payload = (tx) => encode(layout.tx, tx);

/** Reads a call; `null` where it is of a kind that this module does not know. */
function readCall(bytes) {
  try {
    return decode(layout.call, bytes, layout.CALL_BYTES_MAX);
  } catch (error) {
    if (error instanceof LeitherError) return null;
    throw error;
  }
}

/**
 * What a transaction weighs; its fee is weight times base fee.
 * @param {Tx} tx of calls that this module can read
 * @returns {bigint}
 */
export function weightOf(tx) {
  const ofCall = (bytes) => {
    const call = readCall(bytes);
    ensure(call, 'call', 'the transaction has a call that this module cannot read; let a node weigh it: tx_simulate');
    const own = call.kind === 'burn' ? WEIGHT.burn : call.token === NATIVE_TOKEN ? WEIGHT.payMei : WEIGHT.payOther;
    return own + WEIGHT.byte * BigInt(bytes.length);
  };
  const further = WEIGHT.further * BigInt(Math.max(tx.calls.length - 1, 0));
  const start = WEIGHT.tx + WEIGHT.signature * BigInt(tx.signers.length) + further;
  return tx.calls.map(ofCall).reduce((sum, weight) => sum + weight, start);
}

/**
 * A transaction that pays.
 * @param {object} ask
 * @param {string} ask.chain the chain's id
 * @param {string} ask.from account of the payer, who signs
 * @param {string} ask.to account of the payee
 * @param {bigint} ask.amount smallest units; `parseAmount` makes them
 * @param {string} [ask.token] token id; `mei` where it is left out
 * @param {string} [ask.memo] at most 128 bytes, public
 * @param {bigint} ask.nonce `next_nonce` of `account_get`
 * @param {bigint} ask.validUntil ms since 1970, at most a day after the block's time
 * @param {bigint} [ask.baseFee] of `chain_getInfo`; from it follows `maxFee`
 * @param {bigint} [ask.maxFee] the most that the fee may be, in smallest units of `mei`
 * @param {string} [ask.feePayer] an organization's treasury that pays the fee for its member
 * @returns {Tx}
 */
export function transfer({ chain, from, to, amount, token = NATIVE_TOKEN, memo = '', nonce, validUntil, baseFee, maxFee, feePayer }) {
  ensure(typeof amount === 'bigint' && amount > 0n && amount <= SUPPLY_MAX, 'amount', 'the amount must be a BigInt of at least 1 unit');
  ensure(from !== to, 'to', 'payer and payee are the same account');
  ensure(maxFee !== undefined || baseFee !== undefined, 'fee', 'give maxFee, or baseFee as chain_getInfo says it');
  const call = encode(layout.call, { kind: 'transfer', token, to, amount, memo });
  const head = { version: 1, chain, signers: [from], payer: feePayer ?? null, nonce, valid_until: validUntil };
  const tx = { ...head, max_fee: 0n, weight_limit: 0n, calls: [call] };
  tx.weight_limit = weightOf(tx);
  // The base fee moves by at most an eighth a block: twice the present one lasts six full blocks.
  tx.max_fee = maxFee ?? 2n * baseFee * tx.weight_limit;
  return decode(layout.tx, payload(tx), layout.TX_BYTES_MAX);
}

/** A stranger's text in quotes, with everything escaped that would not show, or would show as something else. */
const quoted = (text) =>
  JSON.stringify(text).replace(/[\p{C}\p{Z}]/gu, (c) => (c === ' ' ? c : `\\u{${c.codePointAt(0).toString(16)}}`));

function describeCall(bytes, n, tokens) {
  const call = readCall(bytes);
  if (!call) return `Call ${n + 1} does something that cannot be shown here (0x${toHex(bytes).slice(2, 10)}…). Do not sign what you cannot read.`;
  const unit = call.token === NATIVE_TOKEN ? MEI : Object.hasOwn(tokens, call.token) ? tokens[call.token] : undefined;
  const amount = unit ? showAmount(call.amount, unit) : `${call.amount} smallest units of the token ${call.token}`;
  const which = unit && call.token !== NATIVE_TOKEN ? ` (token ${call.token})` : '';
  if (call.kind === 'burn') return `Destroy ${amount}${which} for ever.`;
  return `Pay ${amount}${which} to ${call.to}${call.memo && `, with the public note ${quoted(call.memo)}`}.`;
}

/** A time as people read it; beyond what a date can hold, the number. */
const when = (ms) => (ms <= 8_640_000_000_000_000n ? new Date(Number(ms)).toISOString() : `${ms} ms after 1970`);

/**
 * What a transaction will do, in sentences for its owner to read before signing. They are made of the transaction alone; a token that
 * `tokens` does not name is shown in smallest units.
 * @param {Tx} tx
 * @param {Record<string, import('./amount.js').Unit>} [tokens] what tokens are called, by id
 * @returns {string[]}
 */
export function describe(tx, tokens = {}) {
  const payer = tx.payer ?? tx.signers[0];
  return [
    ...tx.calls.map((bytes, n) => describeCall(bytes, n, tokens)),
    `All of it is done by ${tx.signers.join(' and ')}, or nothing of it.`,
    `The fee is at most ${showAmount(tx.max_fee)}, paid by ${payer}.`,
    `It is transaction number ${tx.nonce} of ${tx.signers[0]} on the chain ${tx.chain}, and void after ${when(tx.valid_until)}.`,
  ];
}

/** The transaction's id: the hash of what is signed. @param {Tx} tx @returns {string} */
export const txId = (tx) => toHex(tagged('leither/txid/v1', payload(tx)));

/** The bytes under a signature. @param {Tx} tx @returns {Uint8Array} */
export const signBytes = (tx) => concat(SIGN_TAG, payload(tx));

/** The account of a secret key. @param {Uint8Array} seed 32 bytes, as RFC 8032 has them @returns {string} */
export const accountOfSeed = (seed) => accountOfKey(ed25519.getPublicKey(seed));

/**
 * Signs, one seed a signer, in their order.
 * @param {Tx} tx
 * @param {...Uint8Array} seeds 32 bytes each
 * @returns {{id: string, raw: string}} `raw` is what `tx_submit` takes
 */
export function sign(tx, ...seeds) {
  ensure(tx.version === 1, 'version', `transaction version ${tx.version} is not known; this module knows 1`);
  ensure(seeds.length === tx.signers.length, 'key', `the transaction has ${tx.signers.length} signers, got ${seeds.length} keys`);
  const message = signBytes(tx);
  const witnesses = seeds.map((seed, n) => {
    const key = ed25519.getPublicKey(seed);
    ensure(accountOfKey(key) === tx.signers[n], 'key', `key ${n + 1} is not that of ${tx.signers[n]}`);
    return { key: toHex(key), signature: ed25519.sign(message, seed) };
  });
  const raw = encode(layout.signedTx, { tx, witnesses });
  ensure(raw.length <= layout.TX_BYTES_MAX, 'malformed', 'the transaction is longer than 64 KiB; send its calls in several');
  return { id: txId(tx), raw: toHex(raw) };
}

/** Reads a payload that somebody else made, so that it can be described and signed. @param {string} raw @returns {Tx} */
export const readTx = (raw) => decode(layout.tx, fromHex(raw), layout.TX_BYTES_MAX);

/**
 * Reads a signed transaction and checks that every signer signed it.
 * @param {string} raw
 * @returns {{id: string, tx: Tx}}
 */
export function readSigned(raw) {
  const { tx, witnesses } = decode(layout.signedTx, fromHex(raw), layout.TX_BYTES_MAX);
  const message = signBytes(tx);
  const good = ({ key, signature }, n) =>
    accountOfKey(key) === tx.signers[n] && verifySignature(signature, message, fromHex(key));
  const complete = witnesses.length > 0 && witnesses.length === tx.signers.length && witnesses.every(good);
  ensure(complete, 'signature', 'a signature is missing, of another key, or wrong');
  return { id: txId(tx), tx };
}

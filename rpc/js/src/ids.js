// 160-bit ids: what they are made of, and their text, bech32m (BIP-350) with a prefix that names the kind.

import { LeitherError, ensure } from './error.js';
import { concat, fromHex, tagged, utf8Bytes } from './hash.js';
import { bytes, encode, mapped, u64 } from './scale.js';

/** @typedef {'account' | 'org' | 'validator' | 'mimei' | 'token'} IdKind */

const PREFIXES = { account: 'lth', org: 'lthorg', validator: 'lthval', mimei: 'lthmm', token: 'lthtok' };
const LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const BECH32M = 0x2bc830a3;

/** The checksum of BIP-350 over groups of five bits. */
function polymod(groups) {
  let sum = 1;
  for (const group of groups) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ group;
    GENERATOR.forEach((value, bit) => {
      if ((top >>> bit) & 1) sum ^= value;
    });
  }
  return sum;
}

const spread = (prefix) => {
  const codes = [...prefix].map((letter) => letter.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
};

/** Bits regrouped from `from` to `to` each; those that fill no group are handed back as `rest`. */
function regroup(groups, from, to) {
  let [held, count] = [0, 0];
  const out = [];
  for (const group of groups) {
    held = ((held << from) | group) & 0xffff;
    count += from;
    while (count >= to) {
      count -= to;
      out.push((held >> count) & ((1 << to) - 1));
    }
  }
  return { out, rest: held & ((1 << count) - 1) };
}

/**
 * @param {IdKind} kind
 * @param {Uint8Array} id 20 bytes
 * @returns {string}
 */
export function idText(kind, id) {
  const prefix = PREFIXES[kind];
  const data = regroup(id, 8, 5).out;
  const check = polymod([...spread(prefix), ...data, 0, 0, 0, 0, 0, 0]) ^ BECH32M;
  const tail = [25, 20, 15, 10, 5, 0].map((shift) => (check >>> shift) & 31);
  return `${prefix}1${[...data, ...tail].map((group) => LETTERS[group]).join('')}`;
}

/**
 * The 20 bytes of an id of this kind. The older form, 27 characters of base64url, names no kind and is accepted as any.
 * @param {IdKind} kind
 * @param {string} text
 * @returns {Uint8Array}
 */
export function idBytes(kind, text) {
  const expected = PREFIXES[kind];
  const no = new LeitherError('id', `this is no id: expected ${expected}1… (bech32m) with 20 bytes`);
  if (typeof text !== 'string' || text.length > 90) throw no;
  if (/^[A-Za-z0-9_-]{27}$/.test(text)) {
    const { out, rest } = regroup([...text].map((letter) => BASE64URL.indexOf(letter)), 6, 8);
    if (rest === 0) return Uint8Array.from(out);
  }
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase()) throw no;
  const cut = lower.lastIndexOf('1');
  const prefix = lower.slice(0, cut);
  const groups = [...lower.slice(cut + 1)].map((letter) => LETTERS.indexOf(letter));
  // 32 groups are 20 bytes exactly; a 33rd would hold bits that no byte takes, and an id would have many texts.
  if (cut < 1 || groups.length < 6 || groups.includes(-1) || polymod([...spread(prefix), ...groups]) !== BECH32M) throw no;
  ensure(prefix === expected, 'id', `this id is of another kind: expected ${expected}1…, got ${prefix}1…`);
  if (groups.length !== 38) throw no;
  return Uint8Array.from(regroup(groups.slice(0, 32), 5, 8).out);
}

/** An id in SCALE: 20 bytes, shown as text. @param {IdKind} kind @returns {import('./scale.js').Codec<string>} */
export const idCodec = (kind) => mapped(bytes(20), (id) => idText(kind, id), (text) => idBytes(kind, text));

const named = (kind, tag, ...parts) => idText(kind, tagged(tag, ...parts).slice(0, 20));
const key32 = (key) => (typeof key === 'string' ? fromHex(key, 32) : key);

/** The native token, `mei`. */
export const NATIVE_TOKEN = idText('token', new Uint8Array(20));

/** The account of an ed25519 public key. @param {Uint8Array | string} key @returns {string} */
export const accountOfKey = (key) => named('account', 'leither/account/v1', key32(key));

/** The validator of a consensus key. @param {Uint8Array | string} key @returns {string} */
export const validatorOfKey = (key) => named('validator', 'leither/validator/v1', key32(key));

/**
 * The organization that `founder` creates with the transaction of this nonce; `index` counts within the transaction.
 * @param {string} founder
 * @param {bigint} nonce
 * @param {number} index
 * @returns {string}
 */
export function orgOf(founder, nonce, index) {
  const place = Uint8Array.of(index & 0xff, index >> 8);
  return named('org', 'leither/org/v1', idBytes('account', founder), encode(u64, nonce), place);
}

/** An organization's treasury, as an account. @param {string} org @returns {string} */
export const treasuryOf = (org) => idText('account', idBytes('org', org));

/** An organization's token. @param {string} org @returns {string} */
export const tokenOf = (org) => named('token', 'leither/token/v1', idBytes('org', org));

/**
 * The MiMei of this author, app, type and mark.
 * @param {string} author
 * @param {string} app
 * @param {string} kind
 * @param {string} mark
 * @returns {string}
 */
export const mimeiOf = (author, app, kind, mark) =>
  named('mimei', 'leither/mimei/v1', idBytes('account', author), utf8Bytes(app), utf8Bytes(kind), utf8Bytes(mark));

/** The key of a membership's record. @param {string} org @param {string} member @returns {Uint8Array} */
export const memberKey = (org, member) => concat(utf8Bytes('om'), idBytes('org', org), idBytes('account', member));

/** The key of a MiMei head's record. @param {string} mimei @returns {Uint8Array} */
export const headKey = (mimei) => concat(utf8Bytes('mh'), idBytes('mimei', mimei));

// blake3 under a domain tag, bytes and their 0x-hex.

import { blake3 } from '@noble/hashes/blake3.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { ensure } from './error.js';

export { blake3 };
export { concatBytes as concat };

const utf8 = new TextEncoder();

/** @param {string} text @returns {Uint8Array} */
export const utf8Bytes = (text) => utf8.encode(text);

/**
 * blake3 over a tag and parts, each after its length in 8 bytes, so that no two lists of parts give the same input.
 * @param {string} tag
 * @param {...Uint8Array} parts
 * @returns {Uint8Array} 32 bytes
 */
export function tagged(tag, ...parts) {
  const hasher = blake3.create();
  for (const part of [utf8Bytes(tag), ...parts]) {
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(part.length), true);
    hasher.update(length).update(part);
  }
  return hasher.digest();
}

/** @param {Uint8Array} bytes @returns {string} `0x` and small hex digits */
export const toHex = (bytes) => `0x${bytesToHex(bytes)}`;

/**
 * @param {string} text `0x` and hex digits
 * @param {number} [length] how many bytes it must be
 * @returns {Uint8Array}
 */
export function fromHex(text, length) {
  const form = typeof text === 'string' && /^0x([0-9a-fA-F]{2})*$/.test(text);
  ensure(form, 'form', 'expected bytes as 0x and an even number of hex digits');
  const bytes = hexToBytes(text.slice(2));
  ensure(length === undefined || bytes.length === length, 'form', `expected ${length} bytes, got ${bytes.length}`);
  return bytes;
}

/**
 * Order of byte strings of one length: below 0, 0, or above 0.
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
export function compare(a, b) {
  const at = a.findIndex((byte, n) => byte !== b[n]);
  return at < 0 ? 0 : a[at] - b[at];
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export const equal = (a, b) => a.length === b.length && compare(a, b) === 0;

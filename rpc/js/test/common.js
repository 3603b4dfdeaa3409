// What tests share: the golden files, and keys from the public dev words.

import { readFileSync } from 'node:fs';
import { hmac } from '@noble/hashes/hmac.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat, utf8Bytes } from '../src/hash.js';

/** A golden file of spec/vectors. */
export const vectors = (name) => JSON.parse(readFileSync(new URL(`../../../spec/vectors/${name}.json`, import.meta.url), 'utf8'));

/** A value as JSON-RPC writes it: BigInt and numbers as decimal text. */
export const plain = (value) =>
  JSON.parse(JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' || typeof inner === 'number' ? inner.toString() : inner)));

/** For `assert.throws`: this module's error with this reason. */
export const refused = (reason) => (error) => {
  if (error.name !== 'LeitherError' || error.reason !== reason) throw error;
  return true;
};

/** SLIP-0010 for ed25519: the seed of a key at a path of hardened indices, from BIP-39 words. */
export function seedOfWords(words, path) {
  const half = (bytes) => [bytes.slice(0, 32), bytes.slice(32)];
  const salt = utf8Bytes('mnemonic');
  const root = pbkdf2(sha512, utf8Bytes(words), salt, { c: 2048, dkLen: 64 });
  let [key, chain] = half(hmac(sha512, utf8Bytes('ed25519 seed'), root));
  for (const index of path) {
    const at = new Uint8Array(4);
    new DataView(at.buffer).setUint32(0, index + 2 ** 31);
    [key, chain] = half(hmac(sha512, chain, concat(Uint8Array.of(0), key, at)));
  }
  return key;
}

/** The path of a dev account's wallet key. */
export const walletPath = (index) => [44, 7_107_688, 0, 0, index];

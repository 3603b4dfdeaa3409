// What tests share: the golden files, and keys from the public dev words.

import { readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { hmac } from '@noble/hashes/hmac.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { compare, concat, fromHex, utf8Bytes } from '../src/hash.js';
import { idBytes, validatorOfKey } from '../src/ids.js';
import * as layout from '../src/layout.js';
import { decode, encode } from '../src/scale.js';
import { blockId } from '../src/trust.js';

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

/** A proof's fields, from its 0x-hex, and its bytes again. */
export const readProof = (proof) => decode(layout.stateProof, fromHex(proof), layout.STATE_PROOF_BYTES_MAX);
export const writeProof = (proof) => encode(layout.stateProof, proof);

/** The n-th sample key's seed is 32 times this byte. */
const seedOf = (n) => new Uint8Array(32).fill(n);
/** Its public key. */
export const keyOf = (n) => ed25519.getPublicKey(seedOf(n));

/** A certificate of this header by these sample keys, or of what `change` says instead. */
export function certify(header, who, { chain = header.chain, ...change } = {}) {
  const certificate = { height: header.height, round: 0, block: blockId(header), ...change };
  const signatures = who.map((n) => {
    const validator = idBytes('validator', validatorOfKey(keyOf(n)));
    const vote = encode(layout.precommit, { chain, kind: 1, ...certificate, validator });
    return { validator, signature: ed25519.sign(concat(utf8Bytes('leither/vote/v1:'), vote), seedOf(n)) };
  });
  signatures.sort((a, b) => compare(a.validator, b.validator));
  return { ...certificate, signatures };
}

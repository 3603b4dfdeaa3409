// Proofs, checked with nothing but the chain's id: leaf -> state root -> header -> certificate -> validators -> handovers -> genesis hash.
// The rules are those of spec/ledger-tree.md, LEDGER-12 to LEDGER-17.

import { ensure } from './error.js';
import { blake3, concat, equal, fromHex, tagged, toHex } from './hash.js';
import { NATIVE_TOKEN, headKey, idBytes, memberKey } from './ids.js';
import * as layout from './layout.js';
import { decode, encode, u128 } from './scale.js';
import { blockId, checkSignatures, walk } from './trust.js';

/**
 * @typedef {{free: bigint, locked: bigint, nonce: bigint, key: string}} Holding
 * @typedef {{account: string, token: string} | {org: string, member: string} | {mimei: string} | {record: string}} Subject
 * What is asked, as `state_getProof` takes it. Names and symbols prove nothing, so ids are wanted; `mei` is known.
 * @typedef {{height: bigint, block: string}} From
 * A block that is trusted: its height and its id, 0x-hex.
 * @typedef {{height: bigint, time: bigint, block: string, present: boolean, value: any, from: From | null}} Proven
 * `value` is a Holding, a membership, a MiMei's head or a record's 0x-hex; `null` where absence is proven. `from` is the last change of
 * validators on the way, if there was one: the next proof may begin there, and every node keeps it.
 */

const ZERO = new Uint8Array(32);
const LIMIT = 1n << 128n;

const pad = (size, parts) => {
  const bytes = new Uint8Array(size);
  bytes.set(concat(...parts));
  return bytes;
};
const key32 = (id) => pad(32, [id]);
const bitOf = (key, at) => (key[at >> 3] >> (7 - (at & 7))) & 1;

/** LEDGER-1. */
const leafNode = ({ key, commitment, sum }) => ({
  hash: blake3(pad(128, [Uint8Array.of(0), key, commitment, encode(u128, sum)])),
  sum,
});

/** LEDGER-2. */
function forkNode(bit, left, right) {
  const sum = left.sum + right.sum;
  ensure(sum < LIMIT, 'malformed', 'malformed proof: sums beyond 128 bits');
  const parts = [Uint8Array.of(1, bit, 0), left.hash, encode(u128, left.sum), right.hash, encode(u128, right.sum)];
  return { hash: blake3(pad(128, parts)), sum };
}

/** LEDGER-12: from a leaf to the root to which `key` leads. */
function climb(key, leaf, path) {
  let below = 256;
  let node = leafNode(leaf);
  for (const step of path) {
    ensure(step.bit < below, 'malformed', 'malformed proof: bits that do not fall from the leaf to the root');
    below = step.bit;
    const side = bitOf(key, step.bit);
    ensure(side === bitOf(leaf.key, step.bit), 'malformed', 'malformed proof: a leaf to which the key does not lead');
    node = side === 0 ? forkNode(step.bit, node, step) : forkNode(step.bit, step, node);
  }
  return node;
}

/** LEDGER-13: root and sum of a tree in which `key` has this content. */
export function rootWith(proof, key, commitment, sum) {
  ensure(proof.other === null, 'malformed', 'malformed proof: one of presence that shows another leaf');
  return climb(key, { key, commitment, sum }, proof.path);
}

/** LEDGER-14: root and sum of a tree in which `key` leads to nothing. */
export function rootWithout(proof, key) {
  if (proof.other === null) {
    ensure(proof.path.length === 0, 'malformed', 'malformed proof: one of absence that shows no leaf');
    return { hash: ZERO, sum: 0n };
  }
  ensure(!equal(proof.other.key, key), 'present', 'the proof claims that what it shows is absent');
  return climb(key, proof.other, proof.path);
}

/** LEDGER-10. */
function checkRoot(root, tokens, records) {
  const same = equal(tagged('leither/state/v1', tokens, records), root);
  ensure(same, 'root', 'the proof does not lead to this state root; ask for one of this height and this subject');
}

/**
 * LEDGER-15, LEDGER-7, LEDGER-8: what `account` holds of `token` in the state with this root.
 * @param {Uint8Array} root
 * @param {Uint8Array} token 20 bytes
 * @param {Uint8Array} account 20 bytes
 * @param {any} proof a decoded HoldingProof
 * @returns {Holding | null}
 */
export function verifyHolding(root, token, account, proof) {
  if (proof.holder === null) {
    checkRoot(root, rootWithout(proof.token, key32(token)).hash, proof.records);
    return null;
  }
  const { holding, path } = proof.holder;
  let tree;
  if (holding === null) {
    tree = rootWithout(path, key32(account));
  } else {
    const sum = holding.free + holding.locked;
    ensure(sum < LIMIT, 'malformed', 'malformed proof: a holding beyond 128 bits');
    const commitment = tagged('leither/holding/v1', account, encode(layout.holding, holding));
    tree = rootWith(path, key32(account), commitment, sum);
  }
  const commitment = tagged('leither/balances/v1', tree.hash, encode(u128, tree.sum));
  checkRoot(root, rootWith(proof.token, key32(token), commitment, 0n).hash, proof.records);
  return holding;
}

/**
 * LEDGER-15, LEDGER-9: the record of `key` in the state with this root.
 * @param {Uint8Array} root
 * @param {Uint8Array} key
 * @param {any} proof a decoded RecordProof
 * @returns {Uint8Array | null}
 */
export function verifyRecord(root, key, proof) {
  const hashed = tagged('leither/record-key/v1', key);
  const records =
    proof.value === null
      ? rootWithout(proof.path, hashed)
      : rootWith(proof.path, hashed, tagged('leither/record/v1', proof.value), 0n);
  checkRoot(root, proof.tokens, records.hash);
  return proof.value;
}

/** What is asked, in bytes, and how a value is to be read. */
function questionOf(subject) {
  const names = Object.keys(subject ?? {}).sort().join();
  const show = (codec) => (value) => decode(codec, value, value.length);
  if (names === 'account,token') {
    const token = subject.token === 'mei' ? NATIVE_TOKEN : subject.token;
    return { kind: 'holding', token: idBytes('token', token), account: idBytes('account', subject.account) };
  }
  if (names === 'member,org') return { kind: 'record', key: memberKey(subject.org, subject.member), show: show(layout.member) };
  if (names === 'mimei') return { kind: 'record', key: headKey(subject.mimei), show: show(layout.mimeiHead) };
  ensure(names === 'record', 'subject', 'expected {account, token}, {org, member}, {mimei} or {record}');
  const key = fromHex(subject.record);
  ensure(key.length <= layout.RECORD_KEY_BYTES_MAX, 'subject', "a record's key is at most 256 bytes");
  return { kind: 'record', key, show: toHex };
}

/** A trusted block, as `walk` takes it. */
function startOf(from) {
  if (from === undefined || from === null) return null;
  ensure(typeof from === 'object' && typeof from.height === 'bigint' && from.height > 0n, 'from', 'expected {height, block}: a BigInt above 0 and a block id');
  return { height: from.height, block: toHex(fromHex(from.block, 32)) };
}

/**
 * LEDGER-16, LEDGER-17: what the chain with this id says to `subject`, at the height of the proof. Throws where the proof proves nothing.
 * Whether that height is recent enough is for the caller to say.
 * @param {string} chain the chain's id, 0x-hex, from a source that is trusted
 * @param {Subject} subject
 * @param {string | Uint8Array} proof `proof` of the answer to `state_getProof`
 * @param {object} [options]
 * @param {From} [options.from] the block that is trusted, where the proof was asked for from its height
 * @returns {Proven}
 */
export function verifyProof(chain, subject, proof, { from } = {}) {
  const id = toHex(fromHex(chain, 32));
  const question = questionOf(subject);
  const raw = typeof proof === 'string' ? fromHex(proof) : proof;
  const decoded = decode(layout.stateProof, raw, layout.STATE_PROOF_BYTES_MAX);
  const { leaf, header, handovers } = decoded;
  // Signatures last: hashes are cheap.
  const links = walk(id, decoded, startOf(from));
  ensure(leaf.kind === question.kind, 'malformed', 'malformed proof: of the other kind than was asked for');
  const value =
    question.kind === 'holding'
      ? verifyHolding(header.state_root, question.token, question.account, leaf)
      : verifyRecord(header.state_root, question.key, leaf);
  checkSignatures(id, links);

  const shown = value !== null && question.show ? question.show(value) : value;
  const last = handovers.at(-1)?.header;
  const next = last ? { height: last.height, block: blockId(last) } : null;
  return { height: header.height, time: header.time, block: blockId(header), present: value !== null, value: shown, from: next };
}

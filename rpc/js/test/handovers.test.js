// LEDGER-16 where the validators are not those of genesis any more: two handovers lead to those who voted on the header.

import assert from 'node:assert/strict';
import test from 'node:test';
import * as leither from '../src/index.js';
import * as layout from '../src/layout.js';
import { decode, encode } from '../src/scale.js';
import { blockId } from '../src/trust.js';
import { certify, keyOf, plain, readProof, refused, vectors, writeProof } from './common.js';

const { chain, state_root, handovers: golden } = vectors('state-proof');
const { subject, proof: shown } = golden.proofs[0];
const good = readProof(shown);
const [first, second] = good.handovers;
// The sample keys of each set, the greatest power first: that of genesis, and those of the two handovers.
const [ours, theirs, last] = golden.sets;

const verify = (change) => leither.verifyProof(chain, subject, writeProof({ ...good, ...change }));
/** What is proven over these handovers, or why nothing is. */
const over = (...handovers) => () => verify({ handovers });

/** The set of these sample keys. */
const setOf = (keys) =>
  keys.map((n, at) => ({
    key: keyOf(n),
    power: BigInt(keys.length - at),
    operator: leither.idBytes('account', leither.accountOfKey(keyOf(n))),
  }));
const hashOf = (set) => leither.toHex(leither.tagged('leither/validators/v1', encode(layout.validators, set)));

/** A handover with another header, which `who` certified on this chain, and maybe another set. */
function turned({ header, set }, who, change, other = set) {
  const changed = { ...header, ...change };
  return { header: changed, certificate: certify(changed, who, { chain }), set: other };
}

test('LEDGER-16: over two handovers an answer is proven with nothing but the chain id, there and absent', () => {
  assert.ok(golden.proofs.some(({ value }) => value === null) && golden.proofs.some(({ value }) => value !== null));
  for (const { name, subject, value, proof } of golden.proofs) {
    const proven = leither.verifyProof(chain, subject, proof);
    assert.equal(proven.present, value !== null, name);
    assert.deepEqual(plain(proven.value), plain(value), name);
    assert.equal(proven.height, BigInt(golden.height));
    const { header, handovers, validators } = readProof(proof);
    assert.equal(leither.toHex(header.state_root), state_root);
    assert.deepEqual(handovers.map(({ header }) => header.height.toString()), golden.heights);
    assert.deepEqual(handovers.map(({ set }) => set), [theirs, last].map(setOf));
    assert.deepEqual(validators, setOf(last));
  }
});

test('every one-byte change of a proof over two handovers fails', () => {
  const bytes = leither.fromHex(shown);
  for (let at = 0; at < bytes.length; at++) {
    const other = bytes.slice();
    other[at] ^= 1 << at % 8;
    assert.throws(() => leither.verifyProof(chain, subject, other), { name: 'LeitherError' }, `byte ${at}`);
  }
});

test('a handover that is left out, doubled or out of order leads nowhere', () => {
  assert.equal(over(first, second)().present, true);
  for (const list of [[], [first], [second], [second, first], [first, first, second], [first, second, second]]) {
    assert.throws(over(...list), refused('validators'));
  }
  // The last set beside the header, and nothing that leads to it; the set that voted before, and the header names another.
  assert.throws(() => verify({ validators: setOf(theirs), handovers: [first] }), refused('validators'));
  assert.throws(() => verify({ validators: good.genesis.validators }), refused('validators'));
});

test('a handover at no height below that of the header, or not above the one before, leads nowhere', () => {
  for (const height of [0n, 1n, 2n, first.header.height]) {
    assert.throws(over(first, turned(second, theirs, { height })), refused('validators'), `${height}`);
  }
  for (const height of [good.header.height, good.header.height + 1n]) {
    assert.throws(over(first, turned(second, theirs, { height })), refused('validators'), `${height}`);
  }
  assert.throws(over(turned(first, ours, { height: 0n }), second), refused('validators'));
  assert.equal(over(first, turned(second, theirs, { height: good.header.height - 1n }))().present, true);
});

test('a handover comes with the set that its header names, and that set votes from then on', () => {
  const strangers = setOf([99, 98, 97]);
  assert.throws(over(first, { ...second, set: strangers }), refused('validators'));
  assert.throws(over({ ...first, set: setOf(ours) }, second), refused('validators'));
  // A stranger's set that a header names: but not one that those signed who vote.
  const own = turned(second, [99, 98, 97], { next_validators: hashOf(strangers) }, strangers);
  const header = { ...good.header, validators: hashOf(strangers) };
  const certificate = certify(header, [99, 98, 97]);
  assert.throws(() => verify({ header, certificate, validators: strangers, handovers: [first, own] }), refused('validators'));
  // Named as those who vote, too.
  const named = turned(own, [99, 98, 97], { validators: hashOf(strangers) });
  assert.throws(() => verify({ header, certificate, validators: strangers, handovers: [first, named] }), refused('validators'));
  assert.throws(() => verify({ header, certificate, validators: strangers }), refused('validators'));
  // The strangers beside a header that names others.
  const beside = { ...second, set: strangers };
  assert.throws(() => verify({ header, certificate, validators: strangers, handovers: [first, beside] }), refused('validators'));
  // Signed by those who vote, but the header says that others do.
  assert.throws(over(first, turned(second, theirs, { validators: hashOf(setOf(ours)) })), refused('validators'));
  // Had those signed it who vote, it would hold.
  const theirsToo = turned(own, theirs, {});
  assert.equal(verify({ header, certificate, validators: strangers, handovers: [first, theirsToo] }).present, true);
  // What is no set: without power, out of order, one twice.
  const [a, b] = setOf(last);
  for (const set of [[], [{ ...a, power: 0n }], [b, a], [a, { ...a, power: 1n }]]) {
    const none = turned(second, theirs, { next_validators: hashOf(set) }, set);
    const header = { ...good.header, validators: hashOf(set) };
    const change = { header, certificate: certify(header, last), validators: set, handovers: [first, none] };
    assert.throws(() => verify(change), refused('malformed'));
  }
});

test('more than two thirds of those who voted then must have signed a handover', () => {
  const by = (...who) => over(first, turned(second, who, {}));
  assert.equal(by(105, 101)().present, true);
  assert.equal(by(105, 101, 102)().present, true);
  for (const who of [[], [105], [101, 102], [105, 102], [105, 102, 99], [105, 105], ours, last]) assert.throws(by(...who), refused('validators'));
  assert.throws(over(turned(first, theirs, {}), second), refused('validators'));
  const of = (certificate) => over(first, { ...second, certificate });
  assert.throws(of(first.certificate), refused('validators'));
  assert.throws(of(certify(second.header, theirs, { height: 6n })), refused('validators'));
  assert.throws(of(certify(second.header, theirs, { block: state_root })), refused('validators'));
  assert.throws(of(certify(second.header, theirs, { chain: state_root })), refused('validators'));
  const swapped = certify(second.header, theirs);
  const [one, two, three] = swapped.signatures;
  assert.throws(of({ ...swapped, signatures: [two, one, three] }), refused('validators'));
  assert.throws(of({ ...swapped, signatures: [one, { ...two, signature: one.signature }, three] }), refused('validators'));
});

test('who voted before the handover does not make the header final', () => {
  for (const who of [ours, theirs]) {
    assert.throws(() => verify({ certificate: certify(good.header, who) }), refused('certificate'));
  }
  assert.equal(verify({ certificate: certify(good.header, last) }).present, true);
});

test('a handover or header of another chain or version proves nothing', () => {
  for (const change of [{ chain: state_root }, { version: 2 }, { version: 0 }]) {
    const header = { ...good.header, ...change };
    assert.throws(() => verify({ header, certificate: certify(header, last, { chain }) }), refused('chain'));
    assert.throws(over(first, turned(second, theirs, change)), refused('validators'));
    assert.throws(over(turned(first, ours, change), second), refused('validators'));
  }
});

test('a block between the handovers that changes nothing does no harm', () => {
  const same = turned(second, theirs, { height: 4n, next_validators: second.header.validators }, setOf(theirs));
  assert.equal(over(first, same, second)().present, true);
});

test('the largest proof is within its bound, is read, and fits the answer of a node as hex', () => {
  const keys = Array.from({ length: 64 }, (_, n) => n + 1);
  const set = keys.map((n) => ({ key: keyOf(n), power: 1n, operator: new Uint8Array(20) }));
  const signatures = keys.map((n) => ({ validator: new Uint8Array(20).fill(n), signature: new Uint8Array(64) }));
  const certificate = { ...good.certificate, signatures };
  const one = { header: good.header, certificate, set };
  const step = (bit) => ({ bit, hash: new Uint8Array(32), sum: 0n });
  const path = { other: { key: new Uint8Array(32), commitment: new Uint8Array(32), sum: 0n }, path: Array.from({ length: 256 }, (_, n) => step(255 - n)) };
  const leaf = { kind: 'record', value: new Uint8Array(65_536), path, tokens: new Uint8Array(32) };
  const genesis = { ...good.genesis, name: 'n'.repeat(64), validators: set };
  const largest = (count) => ({ leaf, header: good.header, certificate, validators: set, genesis, handovers: Array(count).fill(one) });
  const bytes = writeProof(largest(512));
  assert.ok(encode(layout.handover, one).length <= 10 * 1024);
  assert.ok(bytes.length <= layout.STATE_PROOF_BYTES_MAX);
  assert.ok(2 * bytes.length + 64 * 1024 <= 10 * 1024 * 1024);
  assert.equal(decode(layout.stateProof, bytes, layout.STATE_PROOF_BYTES_MAX).handovers.length, 512);
  assert.throws(() => leither.verifyProof(chain, subject, bytes), refused('chain'));
  assert.throws(() => writeProof(largest(513)), refused('malformed'));
  // A list that says it has 513 items.
  const short = writeProof({ ...good, handovers: [] });
  const long = new Uint8Array([...short.subarray(0, -1), 0x05, 0x08]);
  assert.throws(() => leither.verifyProof(chain, subject, long), /513 items where at most 512/);
});

/** The block of a handover as a proof from it begins: no signatures. */
const bare = ({ header, set }) => ({ header, set, certificate: { height: header.height, round: 0, block: blockId(header), signatures: [] } });
const trusted = ({ header }) => ({ height: header.height, block: blockId(header) });
/** What is proven from this block over these handovers, or why nothing is. */
const since = (from, ...handovers) => () => leither.verifyProof(chain, subject, writeProof({ ...good, handovers }), { from });

test('LEDGER-17: from a trusted block an answer is proven with what came after it alone', () => {
  for (const [from, ...rest] of [[bare(first), second], [bare(second)]]) {
    const proven = since(trusted(from), from, ...rest)();
    assert.equal(proven.present, true);
    assert.deepEqual(proven.from, trusted(second));
    assert.deepEqual(leither.verifyProof(chain, subject, shown).from, trusted(second));
  }
  // Any block will do, not only one after which others vote.
  const header = { ...second.header, height: 7n, validators: second.header.next_validators };
  const idle = bare({ header, set: second.set });
  assert.equal(since(trusted(idle), idle)().present, true);
});

test('LEDGER-17: the golden proof from a trusted block holds from that block alone', () => {
  const { height, block, subject, value, proof } = golden.since;
  const from = { height: BigInt(height), block };
  assert.deepEqual(plain(leither.verifyProof(chain, subject, proof, { from }).value), plain(value));
  assert.throws(() => leither.verifyProof(chain, subject, proof), refused('validators'));
});

test('LEDGER-17: a proof that begins elsewhere than at the trusted block proves nothing', () => {
  const [a, b] = [bare(first), bare(second)];
  const from = trusted(first);
  assert.throws(since(from), refused('from'));
  assert.throws(since(from, b), refused('from'));
  assert.throws(since({ ...from, height: 4n }, a, second), refused('from'));
  assert.throws(since({ ...from, block: state_root }, a, second), refused('from'));
  // A whole proof is none from a block, nor the other way round.
  assert.throws(since(from, first, second), refused('from'));
  assert.throws(over(a, second), refused('validators'));
  // Another set than the one that the block names, and one that nobody handed over to.
  assert.throws(since(from, { ...a, set: setOf([99, 98, 97]) }, second), refused('from'));
  assert.throws(since(from, a), refused('validators'));
  assert.throws(since(trusted(second), b, second), refused('validators'));
  // Room for what nobody checks.
  for (const change of [{ round: 1 }, { height: 4n }, { block: state_root }, { signatures: first.certificate.signatures }]) {
    assert.throws(since(from, { ...a, certificate: { ...a.certificate, ...change } }, second), refused('from'));
  }
  // The trusted block is not below the header.
  const late = bare({ header: { ...good.header, next_validators: good.header.validators }, set: setOf(last) });
  assert.throws(since(trusted(late), late), refused('validators'));
  for (const wrong of [{ height: 3, block: from.block }, { height: 0n, block: from.block }, 'x']) {
    assert.throws(since(wrong, a, second), refused('from'));
  }
});

test('LEDGER-17: every one-byte change of a proof from a trusted block fails', () => {
  const from = trusted(first);
  const bytes = writeProof({ ...good, handovers: [bare(first), second] });
  for (let at = 0; at < bytes.length; at++) {
    const other = bytes.slice();
    other[at] ^= 1 << at % 8;
    assert.throws(() => leither.verifyProof(chain, subject, other, { from }), { name: 'LeitherError' }, `byte ${at}`);
  }
});

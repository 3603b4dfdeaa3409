import assert from 'node:assert/strict';
import test from 'node:test';
import { concat, utf8Bytes } from '../src/hash.js';
import * as leither from '../src/index.js';
import * as layout from '../src/layout.js';
import { rootWith, rootWithout, verifyHolding, verifyRecord } from '../src/proof.js';
import { decode, encode, list, struct } from '../src/scale.js';
import { certify, plain, readProof, refused, vectors, writeProof as write } from './common.js';

const golden = vectors('state-proof');
const { chain, proofs } = golden;
const hex = leither.fromHex;
const named = (name) => proofs.find((row) => row.name === name);
const read = (row) => readProof(row.proof);

test('every answer of the golden file is proven with nothing but the chain id', () => {
  assert.ok(proofs.length >= 11);
  for (const { name, subject, value, proof } of proofs) {
    const proven = leither.verifyProof(chain, subject, proof);
    assert.equal(proven.present, value !== null, name);
    assert.deepEqual(plain(proven.value), plain(value), name);
    assert.equal(proven.height, BigInt(golden.height));
    assert.equal(leither.toHex(read({ proof }).header.state_root), golden.state_root);
  }
  const mei = leither.verifyProof(chain, { ...named('an account').subject, token: 'mei' }, named('an account').proof);
  assert.equal(mei.value.free, 7_500_000_003n);
});

/** All behind the leaf, which is the same in every proof of one block. */
const { header, certificate, validators, genesisHead: genesis, handover } = layout;
const behindLeaf = struct({ header, certificate, validators, genesis, handovers: list(handover, layout.PROOF_HANDOVERS_MAX) });
const trunk = (row) => encode(behindLeaf, read(row));

test('every one-byte change of a proof fails', () => {
  const common = trunk(proofs[0]);
  proofs.forEach((row, n) => {
    const bytes = hex(row.proof);
    assert.deepEqual(trunk(row), common);
    // Signatures take a while to check, so what all proofs share is changed in the first one only.
    const end = n === 0 ? bytes.length : bytes.length - common.length;
    for (let at = 0; at < end; at++) {
      for (const mask of [1 << at % 8, 0xff]) {
        const other = bytes.slice();
        other[at] ^= mask;
        const place = `${row.name}: byte ${at} ^ ${mask}`;
        assert.throws(() => leither.verifyProof(chain, row.subject, other), { name: 'LeitherError' }, place);
      }
    }
  });
});

test('a proof that ends early, goes on or is too long fails', () => {
  const { subject, proof } = named('a membership');
  const bytes = hex(proof);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => leither.verifyProof(chain, subject, bytes.subarray(0, length)), refused('malformed'));
  }
  assert.throws(() => leither.verifyProof(chain, subject, `${proof}00`), refused('malformed'));
  assert.throws(() => leither.verifyProof(chain, subject, new Uint8Array(layout.STATE_PROOF_BYTES_MAX + 1)), refused('malformed'));
  assert.throws(() => leither.verifyProof(chain, subject, 'proof'), refused('form'));
  assert.throws(() => leither.verifyProof(chain, subject, null), refused('malformed'));
});

test('another chain id fails, whichever bit of it differs', () => {
  const { subject, proof } = named('an account');
  for (let bit = 0; bit < 256; bit++) {
    const other = hex(chain);
    other[bit >> 3] ^= 1 << (bit & 7);
    assert.throws(() => leither.verifyProof(leither.toHex(other), subject, proof), refused('chain'));
  }
  assert.throws(() => leither.verifyProof('0x', subject, proof), refused('form'));
});

test('a proof answers no other question than its own', () => {
  for (const asked of proofs) {
    for (const given of proofs.filter((row) => row !== asked)) {
      assert.throws(() => leither.verifyProof(chain, asked.subject, given.proof), { name: 'LeitherError' }, `${asked.name} by ${given.name}`);
    }
  }
});

test('a question that is none is refused, and so are names where ids are wanted', () => {
  const { proof } = named('an account');
  for (const subject of [{}, null, { account: named('an account').subject.account }, { org: 'x', mimei: 'y' }]) {
    assert.throws(() => leither.verifyProof(chain, subject, proof), refused('subject'));
  }
  assert.throws(() => leither.verifyProof(chain, { record: `0x${'00'.repeat(257)}` }, proof), refused('subject'));
  assert.throws(() => leither.verifyProof(chain, { org: 'demo-tube', member: named('a membership').subject.member }, proof), refused('id'));
});

test('more than two thirds of the power must have signed', () => {
  const { subject, proof } = named('an account');
  const good = read({ proof });
  const by = (...who) => () => leither.verifyProof(chain, subject, write({ ...good, certificate: certify(good.header, who) }));
  assert.equal(by(101, 102)().present, true);
  assert.equal(by(101, 102, 103, 104)().present, true);
  for (const who of [[], [101], [102, 103, 104], [101, 103]]) assert.throws(by(...who), refused('certificate'));
  // A stranger's signature, one validator's twice, and an order that is not the one.
  assert.throws(by(101, 102, 103, 99), refused('certificate'));
  assert.throws(by(101, 102, 102), refused('certificate'));
  const certificate = certify(good.header, [101, 102, 103]);
  certificate.signatures.reverse();
  assert.throws(() => leither.verifyProof(chain, subject, write({ ...good, certificate })), refused('certificate'));
});

test('a certificate of another height or block, and another set of validators, fail', () => {
  const { subject, proof } = named('an account');
  const good = read({ proof });
  const attempt = (change) => () => leither.verifyProof(chain, subject, write({ ...good, ...change }));
  const all = [101, 102, 103, 104];
  assert.throws(attempt({ certificate: certify(good.header, all, { height: 3n }) }), refused('certificate'));
  assert.throws(attempt({ certificate: certify(good.header, all, { block: golden.state_root }) }), refused('certificate'));
  assert.throws(attempt({ header: { ...good.header, height: 3n } }), refused('certificate'));
  const one = good.validators.slice(0, 1);
  assert.throws(attempt({ validators: one }), refused('validators'));
  const stated = leither.toHex(leither.tagged('leither/validators/v1', encode(layout.validators, one)));
  const header = { ...good.header, validators: stated };
  assert.throws(attempt({ header, validators: one, certificate: certify(header, all) }), refused('validators'));
  assert.throws(attempt({ validators: one, genesis: { ...good.genesis, validators: one } }), refused('chain'));
  // A final header, but of another state.
  const empty = { ...good.header, state_root: new Uint8Array(32) };
  assert.throws(attempt({ header: empty, certificate: certify(empty, all) }), refused('root'));
});

test('a present key is not proven absent, nor an absent one present', () => {
  const [there, absent] = [named('an account'), named('no such account')];
  const account = leither.idBytes('account', there.subject.account);
  const own = read(there).leaf.holder;
  const shown = { key: concat(account, new Uint8Array(12)), commitment: new Uint8Array(32), sum: own.holding.free };
  for (const other of [null, shown]) {
    const proof = read(there);
    proof.leaf.holder = { holding: null, path: { ...own.path, other } };
    assert.throws(() => leither.verifyProof(chain, there.subject, write(proof)), refused(other ? 'present' : 'malformed'));
  }
  const proof = read(absent);
  proof.leaf.holder.holding = own.holding;
  assert.throws(() => leither.verifyProof(chain, absent.subject, write(proof)), refused('malformed'));
});

test('trees and states of ledger-tree.json are proven', () => {
  const { trees, states, hashes } = vectors('ledger-tree');
  assert.equal(leither.toHex(leither.tagged('leither/record/v1', hex(hashes['record value'].value))), hashes['record value'].hash);
  for (const tree of trees) {
    for (const row of tree.proofs) {
      const proof = decode(layout.treeProof, hex(row.proof), layout.STATE_PROOF_BYTES_MAX);
      const leaf = tree.leaves.find(({ key }) => key === row.key);
      assert.equal(leaf !== undefined, row.present);
      const top = leaf ? rootWith(proof, hex(row.key), hex(leaf.commitment), BigInt(leaf.sum)) : rootWithout(proof, hex(row.key));
      assert.equal(leither.toHex(top.hash), tree.root, tree.name);
      assert.equal(top.sum, BigInt(tree.sum), tree.name);
    }
  }
  for (const state of states) {
    const root = hex(state.root);
    for (const { token, id, holding, proof } of state.holding_proofs) {
      const read = decode(layout.holdingProof, hex(proof), layout.STATE_PROOF_BYTES_MAX);
      assert.deepEqual(plain(verifyHolding(root, hex(token), hex(id), read)), plain(holding));
      assert.throws(() => verifyHolding(new Uint8Array(32), hex(token), hex(id), read), refused('root'));
    }
    for (const { key, value, proof } of state.record_proofs) {
      const proven = verifyRecord(root, hex(key), decode(layout.recordProof, hex(proof), layout.STATE_PROOF_BYTES_MAX));
      assert.equal(proven && leither.toHex(proven), value);
    }
  }
});

test('blocks and certificates of block.json have the bytes and ids that they have there', () => {
  const block = vectors('block');
  const header = decode(layout.header, hex(block.header.bytes), 1000);
  const { bytes, id, ...fields } = block.header;
  assert.deepEqual(plain({ ...header, state_root: leither.toHex(header.state_root) }), plain(fields));
  assert.equal(leither.toHex(leither.tagged('leither/header/v1', hex(bytes))), id);
  assert.equal(leither.toHex(leither.tagged('leither/genesis/v1', hex(block.genesis.head))), block.genesis.chain);
  const { params } = decode(layout.genesisHead, hex(block.genesis.head), 10_000);
  assert.deepEqual(plain(params), plain(block.genesis.params.fields));
  assert.equal(leither.toHex(leither.tagged('leither/genesis/v1', hex(block.recovered.head))), block.recovered.chain);
  const { origin } = decode(layout.genesisHead, hex(block.recovered.head), 10_000);
  const possessions = origin.possessions.map((signature) => leither.toHex(signature));
  assert.deepEqual(plain({ ...origin, possessions }), plain(block.recovered.origin));
  const certificate = decode(layout.certificate, hex(block.certificate.bytes), 10_000);
  assert.equal(certificate.signatures.length, block.certificate.signatures.length);
  const vote = block.votes.find((row) => row.kind === 'Precommit' && row.block);
  const validator = leither.idBytes('validator', vote.validator);
  const made = encode(layout.precommit, { chain, kind: 1, height: BigInt(vote.height), round: vote.round, block: vote.block, validator });
  assert.equal(leither.toHex(concat(utf8Bytes('leither/vote/v1:'), made)), vote.sign_bytes);
});

test('signatures are judged by ZIP-215, as the chain judges them', () => {
  const { cases } = vectors('signatures');
  assert.ok(cases.some(({ valid }) => valid) && cases.some(({ valid }) => !valid));
  for (const { name, key, message, signature, valid, may_be_bound } of cases) {
    assert.equal(leither.verifySignature(hex(signature), hex(message), hex(key)), valid, name);
    assert.equal(leither.mayBeBound(hex(key)), may_be_bound, name);
  }
});

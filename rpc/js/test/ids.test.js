import assert from 'node:assert/strict';
import test from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import * as leither from '../src/index.js';
import { refused, seedOfWords, vectors, walletPath } from './common.js';

const { ids } = vectors('tx');
const hex = leither.fromHex;

test('ids are those of the golden file', () => {
  for (const row of ids.keys) {
    assert.equal(leither.toHex(ed25519.getPublicKey(hex(row.seed))), row.key);
    assert.equal(leither.accountOfSeed(hex(row.seed)), row.account);
    assert.equal(leither.accountOfKey(row.key), row.account);
    assert.equal(leither.validatorOfKey(row.key), row.validator);
    assert.deepEqual(leither.idBytes('account', row.account), hex(row.account_bytes));
    assert.equal(leither.idText('validator', hex(row.validator_bytes)), row.validator);
  }
  const { org, mimei } = ids;
  assert.equal(leither.orgOf(org.founder, BigInt(org.nonce), org.index), org.id);
  assert.equal(leither.treasuryOf(org.id), org.treasury);
  assert.equal(leither.tokenOf(org.id), org.token);
  assert.equal(leither.mimeiOf(mimei.author, mimei.app, mimei.kind, mimei.mark), mimei.id);
  assert.equal(leither.NATIVE_TOKEN, ids.native_token);
  assert.equal(leither.toHex(leither.tagged(ids.tagged.tag, ...ids.tagged.parts.map((part) => hex(part)))), ids.tagged.hash);
});

test('the older form of an id is read where the position fixes its kind', () => {
  const { text, is } = ids.base64url_27;
  assert.equal(leither.idText('account', leither.idBytes('account', text)), is);
  // The last character's two spare bits must be zero.
  assert.throws(() => leither.idBytes('account', `${text.slice(0, -1)}F`), refused('id'));
});

test('every other letter at any place of an id is refused', () => {
  const id = ids.keys[0].account;
  for (let at = 0; at < id.length; at++) {
    for (const letter of 'qpzry9x8gf2tvdw0s3jn54khce6mua7lb1io-') {
      if (letter === id[at]) continue;
      assert.throws(() => leither.idBytes('account', id.slice(0, at) + letter + id.slice(at + 1)), refused('id'));
    }
  }
  assert.deepEqual(leither.idBytes('account', id.toUpperCase()), leither.idBytes('account', id));
  for (const bad of [id.replace('l', 'L'), `${id}q`, id.slice(1), '', '1', 'lth1', undefined, 'q'.repeat(1000)]) {
    assert.throws(() => leither.idBytes('account', bad), refused('id'));
  }
});

test('an id of another kind is named as such', () => {
  assert.throws(() => leither.idBytes('account', ids.org.id), /another kind: expected lth1…, got lthorg1…/);
});

test('the dev accounts follow from the public words', () => {
  const { dev } = vectors('keys');
  const wallets = dev.keys.filter((row) => row.name);
  assert.ok(wallets.length >= 6);
  wallets.forEach((row, index) => {
    assert.equal(leither.toHex(seedOfWords(dev.words, walletPath(index))), `0x${row.secret}`);
  });
});

test('amounts are read and shown to the last unit', () => {
  const cases = [
    ['5mei', 9, 5_000_000_000n],
    ['0.25mei', 9, 250_000_000n],
    ['10mei', 0, 10n],
    ['10.000mei', 0, 10n],
    ['0.0000000010mei', 9, 1n],
    ['007.50mei', 2, 750n],
    ['0mei', 9, 0n],
  ];
  for (const [text, decimals, units] of cases) {
    const unit = { symbol: 'mei', decimals };
    assert.equal(leither.parseAmount(text, unit), units);
    assert.equal(leither.parseAmount(leither.showAmount(units, unit), unit), units);
  }
  assert.equal(leither.showAmount(70_300n), '0.0000703mei');
  const inch = { symbol: '1inch', decimals: 1 };
  assert.equal(leither.showAmount(55n, inch), '5.5 1inch');
  assert.equal(leither.parseAmount('5.5 1inch', inch), 55n);
  const bad = ['', '5', 'mei', '.5mei', '5.mei', '1.2.3mei', '-5mei', '+5mei', '1,5mei', '5  mei', '٣mei', '1e9mei', '5tube', 5];
  for (const text of [...bad, '0.0000000001mei', `${2n ** 96n}mei`]) {
    assert.throws(() => leither.parseAmount(text), refused('amount'), String(text));
  }
});

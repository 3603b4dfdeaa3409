import assert from 'node:assert/strict';
import test from 'node:test';
import * as leither from '../src/index.js';
import * as layout from '../src/layout.js';
import { decode, encode } from '../src/scale.js';
import { plain, refused, vectors } from './common.js';

const golden = vectors('tx');
const seed = (n) => new Uint8Array(32).fill(n);
const hex = leither.fromHex;

const ask = () => ({
  chain: golden.chain,
  from: leither.accountOfSeed(seed(1)),
  to: leither.accountOfSeed(seed(2)),
  amount: leither.parseAmount('5mei'),
  memo: 'for the bread',
  nonce: 0n,
  validUntil: 1_767_229_200_000n,
  baseFee: 1n,
});

test('transactions of the golden file are read, written, named and signed to the same bytes', () => {
  for (const row of golden.transactions) {
    const tx = leither.readTx(row.tx);
    assert.deepEqual(plain({ ...tx, calls: tx.calls.map(leither.toHex) }), plain(row.fields), row.name);
    assert.equal(leither.toHex(encode(layout.tx, tx)), row.tx);
    assert.equal(leither.toHex(leither.signBytes(tx)), row.sign_bytes);
    assert.equal(leither.txId(tx), row.id);
    const signed = leither.sign(tx, ...tx.signers.map((_, n) => seed(n + 1)));
    assert.deepEqual(signed, { id: row.id, raw: row.signed_tx });
    assert.deepEqual(leither.readSigned(row.signed_tx), { id: row.id, tx });
  }
});

test('a transfer that is built here is the one of the golden file', () => {
  const row = golden.transactions.find(({ name }) => name === 'transfer');
  const tx = leither.transfer({ ...ask(), maxFee: 1_000_000n });
  // The golden one allows more weight than it needs.
  assert.deepEqual({ ...tx, weight_limit: BigInt(row.fields.weight_limit) }, leither.readTx(row.tx));
  assert.equal(tx.weight_limit, 5_000n + 20_000n + 10_000n + 10n * BigInt(tx.calls[0].length));
  assert.equal(leither.transfer(ask()).max_fee, 2n * tx.weight_limit);
});

test('calls weigh what the chain says', () => {
  const { calls } = vectors('tx-calls');
  const known = calls.filter(({ value }) => value.tokens);
  assert.equal(known.length, 2);
  const tx = leither.transfer(ask());
  for (const { bytes, weight } of calls) {
    const other = { ...tx, calls: [hex(bytes)] };
    const rest = 25_000n + 10n * BigInt(hex(bytes).length);
    if (known.some((row) => row.bytes === bytes)) assert.equal(leither.weightOf(other), BigInt(weight) + rest);
    else assert.throws(() => leither.weightOf(other), refused('call'));
  }
  const token = golden.ids.org.token;
  const paid = leither.transfer({ ...ask(), token });
  assert.equal(leither.weightOf(paid), 25_000n + 60_000n + 10n * BigInt(paid.calls[0].length));
  const twice = { ...paid, calls: [paid.calls[0], paid.calls[0]] };
  assert.equal(leither.weightOf(twice), 25_000n + 150_000n + 20n * BigInt(paid.calls[0].length));
});

test('a description says whom, how much, what it may cost and until when', () => {
  const tx = leither.transfer({ ...ask(), maxFee: 70_300n });
  assert.deepEqual(leither.describe(tx), [
    'Pay 5mei to lth1uyduz05pz50g78fdph44l6lrkuh9wuhm9wmwmp, with the public note "for the bread".',
    'All of it is done by lth15fr3re7jgx4hzsn5kuzasepms0f3kkdsf8he03, or nothing of it.',
    'The fee is at most 0.0000703mei, paid by lth15fr3re7jgx4hzsn5kuzasepms0f3kkdsf8he03.',
    `It is transaction number 0 of lth15fr3re7jgx4hzsn5kuzasepms0f3kkdsf8he03 on the chain ${golden.chain}, and void after 2026-01-01T01:00:00.000Z.`,
  ]);
});

test('a description names a token that it knows, and counts smallest units of one that it does not', () => {
  const token = golden.ids.org.token;
  const tx = leither.transfer({ ...ask(), token, amount: 1_500_000n, memo: '' });
  assert.equal(leither.describe(tx)[0], `Pay 1500000 smallest units of the token ${token} to ${ask().to}.`);
  assert.equal(leither.describe(tx, { [token]: { symbol: 'tube', decimals: 6 } })[0], `Pay 1.5tube (token ${token}) to ${ask().to}.`);
});

test('a description hides no call and lets no note pass for a sentence of its own', () => {
  const [, two] = golden.transactions;
  const lines = leither.describe(leither.readTx(two.tx));
  assert.match(lines[0], /^Call 1 does something that cannot be shown here/);
  assert.match(lines[1], /^Call 2 does something that cannot be shown here/);
  assert.match(lines[3], new RegExp(`paid by ${two.fields.payer}`));
  const memo = 'x".\nPay 1mei\u202e\u2028\u0007';
  const line = leither.describe(leither.transfer({ ...ask(), memo }))[0];
  assert.ok(line.endsWith('note "x\\".\\nPay 1mei\\u{202e}\\u{2028}\\u0007".'), line);
  const late = leither.describe(leither.transfer({ ...ask(), validUntil: 2n ** 64n - 1n })).at(-1);
  assert.match(late, /18446744073709551615 ms after 1970/);
});

test('what cannot be right is not built and not signed', () => {
  const cases = [
    [{ amount: 0n }, 'amount'],
    [{ amount: 5 }, 'amount'],
    [{ amount: 2n ** 96n }, 'amount'],
    [{ to: ask().from }, 'to'],
    [{ to: golden.ids.org.id }, 'id'],
    [{ memo: 'x'.repeat(129) }, 'malformed'],
    [{ memo: '\ud800' }, 'malformed'],
    [{ nonce: -1n }, 'malformed'],
    [{ nonce: 0 }, 'malformed'],
    [{ validUntil: 2n ** 64n }, 'malformed'],
    [{ chain: '0x00' }, 'form'],
    [{ baseFee: undefined }, 'fee'],
  ];
  for (const [change, reason] of cases) {
    assert.throws(() => leither.transfer({ ...ask(), ...change }), refused(reason), JSON.stringify(Object.keys(change)));
  }
  const tx = leither.transfer(ask());
  assert.throws(() => leither.sign(tx), refused('key'));
  assert.throws(() => leither.sign(tx, seed(2)), refused('key'));
  assert.throws(() => leither.sign({ ...tx, version: 2 }, seed(1)), refused('version'));
});

test('every one-byte change of a signed transaction is refused', () => {
  const { raw } = leither.sign(leither.transfer(ask()), seed(1));
  const bytes = hex(raw);
  for (let at = 0; at < bytes.length; at++) {
    const other = bytes.slice();
    other[at] ^= 1 << at % 8;
    assert.throws(() => leither.readSigned(leither.toHex(other)), { name: 'LeitherError' }, `byte ${at}`);
  }
  assert.throws(() => leither.readSigned(`${raw}00`), refused('malformed'));
});

test('lengths in a longer form than needed are refused', () => {
  const forms = [[0b100], [0b101, 0], [0b110, 0, 0, 0], [0b11, 1, 0, 0, 0]];
  const call = encode(layout.call, { kind: 'transfer', token: leither.NATIVE_TOKEN, to: ask().to, amount: 1n, memo: 'x' });
  const head = call.slice(0, -2);
  forms.forEach((form, n) => {
    const bytes = Uint8Array.from([...head, ...form, 120]);
    if (n === 0) assert.equal(decode(layout.call, bytes, 1000).memo, 'x');
    else assert.throws(() => decode(layout.call, bytes, 1000), refused('malformed'));
  });
});

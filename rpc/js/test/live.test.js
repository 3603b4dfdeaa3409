// Against a development chain: LEITHER_NODE=http://127.0.0.1:4802 npm test

import assert from 'node:assert/strict';
import test from 'node:test';
import * as leither from '../src/index.js';
import { plain, refused, seedOfWords, vectors, walletPath } from './common.js';

const url = process.env.LEITHER_NODE;
const skip = url ? false : 'set LEITHER_NODE to the RPC address of a development chain';

test('a page pays as alice, and proves what the payee has', { skip }, async () => {
  // A test may take the chain's id from the node. A wallet must have it from elsewhere.
  const { chain } = await new leither.Client(url, { chain: `0x${'00'.repeat(32)}` }).call('chain_getInfo');
  const client = new leither.Client(url, { chain });
  const alice = seedOfWords(vectors('keys').dev.words, walletPath(0));
  const [to, stranger] = [crypto.getRandomValues(new Uint8Array(32)), crypto.getRandomValues(new Uint8Array(32))];
  const from = leither.accountOfSeed(alice);
  const payee = leither.accountOfSeed(to);

  const { tx, tokens } = await client.draftTransfer({ from, to: payee, amount: '0.25mei', memo: 'live test' });
  assert.match(leither.describe(tx, tokens)[0], new RegExp(`^Pay 0\\.25mei to ${payee}`));
  const { id, raw } = leither.sign(tx, alice);
  assert.equal(await client.submit(raw), id);
  const done = await client.wait(id);
  assert.equal(done.status, 'final', JSON.stringify(done));
  assert.equal(done.receipt.weight, leither.weightOf(tx).toString());

  const notBefore = BigInt(done.height);
  const held = await client.prove({ account: payee, token: 'mei' }, { notBefore });
  assert.equal(held.value.free, 250_000_000n);
  const none = await client.prove({ account: leither.accountOfSeed(stranger), token: 'mei' }, { notBefore });
  assert.equal(none.present, false);
  const payer = await client.prove({ account: from, token: 'mei' }, { notBefore });
  assert.ok(payer.value.nonce > tx.nonce);
  assert.throws(() => leither.verifyProof(`0x${'00'.repeat(32)}`, { account: payee, token: 'mei' }, raw), { name: 'LeitherError' });
  await assert.rejects(client.submit(`${raw}00`), refused('tx_malformed'));
});

test('memberships of the demo organization are proven', { skip }, async (t) => {
  const { chain } = await new leither.Client(url, { chain: `0x${'00'.repeat(32)}` }).call('chain_getInfo');
  const client = new leither.Client(url, { chain });
  const demo = await client.call('org_list');
  const org = demo.items.find(({ name }) => name === 'demo-tube')?.org;
  if (!org) return t.skip('this chain was started without the demo organization');
  const { items } = await client.call('org_getMembers', { org });
  assert.ok(items.length > 0);
  for (const { account: member, roles } of items.slice(0, 3)) {
    const proven = await client.prove({ org, member });
    assert.deepEqual(plain(proven.value.roles), roles);
  }
  const nobody = leither.accountOfSeed(crypto.getRandomValues(new Uint8Array(32)));
  assert.equal((await client.prove({ org, member: nobody })).present, false);
});

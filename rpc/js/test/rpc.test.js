import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test from 'node:test';
import * as leither from '../src/index.js';
import { refused, vectors } from './common.js';

const { chain, proofs, height } = vectors('state-proof');

/** A node that answers as `reply(request)` says; its `text` or `status` stand for an answer that is none. */
async function node(t, reply) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { id, method, params } = JSON.parse(body);
    assert.equal(request.headers['content-type'], 'application/json');
    const { status = 200, text, ...answer } = reply(method, params);
    response.writeHead(status).end(text ?? JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return new leither.Client(`http://127.0.0.1:${server.address().port}`, { chain, timeoutMs: 2_000 });
}

test('a refusal is thrown with its reason, code and values', async (t) => {
  const error = { code: -32013, message: 'too many requests: wait', data: { reason: 'rate_limited', retry_after_ms: 40 } };
  const client = await node(t, () => ({ error }));
  await assert.rejects(client.call('chain_getInfo'), (thrown) => {
    assert.equal(thrown.reason, 'rate_limited');
    assert.equal(thrown.message, error.message);
    assert.deepEqual(thrown.details, { code: -32013, retry_after_ms: 40 });
    return true;
  });
  // Some refusals come before a call is looked at; their data is text or nothing.
  for (const data of ['text', undefined, null]) {
    const early = await node(t, () => ({ error: { code: -32600, message: 'no', data } }));
    await assert.rejects(early.call('x'), refused('refused'));
  }
});

test('what is no answer is said to be none', async (t) => {
  for (const reply of [{ text: '' }, { text: '<html>' }, { text: 'null' }, { text: '{}' }, { id: 999, result: 1 }, { status: 403, text: 'no' }]) {
    const client = await node(t, () => reply);
    await assert.rejects(client.call('chain_getInfo'), refused('answer'), JSON.stringify(reply));
  }
  const forbidden = await node(t, () => ({ status: 403, text: 'Origin' }));
  await assert.rejects(forbidden.call('x'), /rpc\.allowed_origins/);
  const endless = await node(t, () => ({ text: ' '.repeat(11 * 1024 * 1024) }));
  await assert.rejects(endless.call('x'), refused('answer'));
  const nobody = new leither.Client('http://127.0.0.1:9', { chain });
  await assert.rejects(nobody.call('x'), refused('unreachable'));
});

test('a proven answer is what the proof says, whatever the node says beside it', async (t) => {
  const row = proofs[0];
  const lie = { height: '99', present: false, value: null, proof: row.proof };
  const client = await node(t, () => ({ result: lie }));
  const proven = await client.prove(row.subject);
  assert.equal(proven.present, true);
  assert.equal(proven.height, BigInt(height));
  await assert.rejects(client.prove(row.subject, { notBefore: BigInt(height) + 1n }), refused('stale'));
  await assert.rejects(client.prove(proofs[1].subject), { name: 'LeitherError' });
  for (const result of [{}, null, { proof: 7 }]) {
    const empty = await node(t, () => ({ result }));
    await assert.rejects(empty.prove(row.subject), refused('malformed'));
  }
});

test('a transfer is drafted from what the node says, and not for another chain', async (t) => {
  const token = vectors('tx').ids.org.token;
  const info = { chain, time: '1767225601000', base_fee: '3' };
  const answers = { chain_getInfo: info, account_get: { next_nonce: '7' }, token_get: { symbol: 'tube', decimals: 6 } };
  const client = await node(t, (method) => ({ result: answers[method] }));
  const [from, to] = [1, 2].map((n) => leither.accountOfSeed(new Uint8Array(32).fill(n)));
  const plainly = await client.draftTransfer({ from, to, amount: '0.25mei' });
  assert.equal(plainly.tx.nonce, 7n);
  assert.equal(plainly.tx.max_fee, 6n * leither.weightOf(plainly.tx));
  const { tx, tokens } = await client.draftTransfer({ from, to, amount: '1.5tube', token });
  assert.match(leither.describe(tx, tokens)[0], /^Pay 1\.5tube/);
  await assert.rejects(client.draftTransfer({ from, to, amount: '1mei', token }), refused('amount'));
  answers.token_get = { symbol: 'tube', decimals: 1e9 };
  await assert.rejects(client.draftTransfer({ from, to, amount: '1.5tube', token }), refused('amount'));
  answers.token_get = null;
  await assert.rejects(client.draftTransfer({ from, to, amount: '1.5mei', token }), refused('answer'));
  answers.account_get = { next_nonce: '0x7' };
  await assert.rejects(client.draftTransfer({ from, to, amount: '1mei' }), refused('answer'));
  info.chain = `0x${'00'.repeat(32)}`;
  await assert.rejects(client.draftTransfer({ from, to, amount: '1mei' }), refused('chain'));
});

// @helia/verified-fetch over one trustless gateway, told what to do by lines of JSON.
// Usage: verified_fetch.mjs <gateway>. It knows that gateway and nothing else: no router, no peer, no other gateway.
import { createHash } from 'node:crypto'
import readline from 'node:readline'
import { car } from '@helia/car'
import { withHTTP } from '@helia/http'
import { createVerifiedFetch } from '@helia/verified-fetch'
import { CarReader } from '@ipld/car'
import { createHeliaLight } from 'helia'
import { sha256 } from 'multiformats/hashes/sha2'

const [gateway] = process.argv.slice(2)
// A gateway that gives nothing right is asked for no longer than this.
const PATIENCE_MS = 10_000
// Helia asks gateways only once a router has found nobody.
const nobody = { name: 'nobody', async * findProviders () {} }
const knows = async (url) => {
  const helia = withHTTP(createHeliaLight(), { recursiveGateways: [url], delegatedRouters: [], allowInsecure: true, allowLocal: true })
  helia.addRouter(nobody)
  await helia.start()
  return helia
}
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)

const told = async (response) => {
  const body = new Uint8Array(await response.arrayBuffer())
  const { status, headers } = response
  const kept = ['content-type', 'content-range', 'location'].map((name) => [name, headers.get(name)])
  return {
    status,
    headers: Object.fromEntries(kept),
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    head: Buffer.from(body.subarray(0, 200)).toString('latin1')
  }
}

const acts = {
  // Nothing is remembered from one line to the next: each has a node of its own.
  async fetch ({ url, headers }) {
    const fetch = await createVerifiedFetch(await knows(gateway))
    try {
      return await told(await fetch(url, { headers, redirect: 'follow', signal: AbortSignal.timeout(PATIENCE_MS) }))
    } finally {
      await fetch.stop()
    }
  },
  // A CAR of the gateway: each block is checked here, and what the blocks are is read without any network.
  async car ({ root, path }) {
    const answer = await globalThis.fetch(`${gateway}/ipfs/${root}?format=car`)
    const type = answer.headers.get('content-type')
    const reader = await CarReader.fromBytes(new Uint8Array(await answer.arrayBuffer()))
    let blocks = 0
    for await (const { cid, bytes } of reader.blocks()) {
      const digest = await sha256.digest(bytes)
      if (Buffer.compare(digest.bytes, cid.multihash.bytes) !== 0) {
        throw new Error(`the block ${cid} of the CAR does not hash to its id`)
      }
      blocks += 1
    }
    const roots = (await reader.getRoots()).map(String)
    const alone = await knows('http://127.0.0.1:1')
    await car(alone).import(reader)
    const fetch = await createVerifiedFetch(alone)
    try {
      return { type, roots, blocks, ...await told(await fetch(`ipfs://${root}/${path}`, { signal: AbortSignal.timeout(PATIENCE_MS) })) }
    } finally {
      await fetch.stop()
    }
  }
}

say({ ready: true, node: process.version })
for await (const text of readline.createInterface({ input: process.stdin })) {
  const line = JSON.parse(text)
  await acts[line.do](line).then(say, (error) => say({ failed: String(error?.stack ?? error) }))
}
process.exit(0)

// Helia, told what to do by lines of JSON as node/bitswap/examples/peer.rs is.
// Usage: helia.mjs <seed 0..255> <port> [name of a DHT that it asks and provides in]. Only the light constructors: the default ones dial the public network.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { once } from 'node:events'
import readline from 'node:readline'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { unixfs } from '@helia/unixfs'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryBlockstore } from 'blockstore-core'
import { MemoryDatastore } from 'datastore-core'
import { createHeliaLight } from 'helia'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'

const [seed, port, dht] = process.argv.slice(2)
const blockstore = new MemoryBlockstore()
const libp2p = {
  privateKey: await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(Number(seed))),
  addresses: { listen: [`/ip4/127.0.0.1/tcp/${port}`] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping() }
}
if (dht) {
  // All are on loopback, which a node of the public table would leave out.
  libp2p.services.dht = kadDHT({ protocol: dht, clientMode: true, peerInfoMapper: passthroughMapper })
}
const init = { blockstore, datastore: new MemoryDatastore() }
const helia = withBitswap(withLibp2pLight(createHeliaLight(init), libp2p))
await helia.start()
const fs = unixfs(helia)

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)
const id = helia.libp2p.peerId.toString()
say({ id, address: `/ip4/127.0.0.1/tcp/${port}/p2p/${id}` })

const profile = (cidVersion, chunkSize, maxChildrenPerNode) => ({
  cidVersion,
  rawLeaves: cidVersion === 1,
  chunker: fixedSize({ chunkSize }),
  layout: balanced({ maxChildrenPerNode })
})
// unixfs-v0-2015 and unixfs-v1-2025.
const PROFILES = { v0: profile(0, 262_144, 174), v1: profile(1, 1_048_576, 1_024) }

const acts = {
  async add ({ path, profile }) {
    const cid = await fs.addByteStream(createReadStream(path, { highWaterMark: 1 << 20 }), PROFILES[profile])
    return { cid: cid.toString() }
  },
  async connect ({ to }) {
    await helia.libp2p.dial(multiaddr(to))
    return { connected: true }
  },
  async connected () {
    return { peers: helia.libp2p.getPeers().map(String) }
  },
  async findprovs ({ cid }) {
    const found = []
    for await (const peer of helia.libp2p.contentRouting.findProviders(CID.parse(cid), { signal: AbortSignal.timeout(30_000) })) {
      found.push(peer.id.toString())
    }
    return { found }
  },
  async provide ({ cid }) {
    await helia.libp2p.contentRouting.provide(CID.parse(cid), { signal: AbortSignal.timeout(30_000) })
    return { provided: true }
  },
  async get ({ cid, path }) {
    const began = Date.now()
    const hash = createHash('sha256')
    const file = createWriteStream(path)
    let bytes = 0
    for await (const part of fs.cat(CID.parse(cid))) {
      hash.update(part)
      bytes += part.byteLength
      if (!file.write(part)) {
        await once(file, 'drain')
      }
    }
    const ms = Date.now() - began
    file.end()
    await once(file, 'finish')
    return { bytes, sha256: hash.digest('hex'), ms }
  }
}

for await (const text of readline.createInterface({ input: process.stdin })) {
  const line = JSON.parse(text)
  acts[line.do](line).then(say, (error) => say({ error: String(error.stack ?? error) }))
}
process.exit(0)

//! Real content swarms on loopback: nodes, and villains who speak the protocols and keep to none of their rules.

mod providing;
mod relays;
mod sessions;
mod villains;

use bytes::Bytes;
use cid::Cid;
use cid::multihash::Multihash;
use leither_bitswap::{BlockStore, StoreError, wire};
use leither_routing::{Config, Desk, DhtMode, Held, Key, Multiaddr, PeerId, Routing};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::time::sleep;

const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const PATIENCE: Duration = Duration::from_secs(25);
const DHT: &str = "/leither/kad/1.0.0";

/// Blocks in memory, by what they hash to.
#[derive(Default)]
struct Memory(Mutex<HashMap<Multihash<64>, Bytes>>);

impl Memory {
    fn put(&self, cid: &Cid, data: impl Into<Bytes>) {
        self.0.lock().unwrap().insert(*cid.hash(), data.into());
    }
}

impl BlockStore for Memory {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.lock().unwrap().get(cid.hash()).cloned())
    }

    fn size(&self, cid: &Cid) -> Result<Option<usize>, StoreError> {
        Ok(self.0.lock().unwrap().get(cid.hash()).map(Bytes::len))
    }
}

/// MiMeis that are held.
#[derive(Default)]
struct Shelf(Mutex<HashMap<[u8; 20], Held>>);

impl Desk for Shelf {
    fn held(&self, mimei: &[u8; 20]) -> Option<Held> {
        self.0.lock().unwrap().get(mimei).copied()
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// What a node is made of; it can be started more than once.
struct Parts {
    config: Config,
    store: Arc<Memory>,
    shelf: Arc<Shelf>,
    _dir: TempDir,
}

impl Parts {
    fn new(seed: u8, listen: &[&str], peers: &[&Multiaddr]) -> Self {
        let dir = TempDir::new().unwrap();
        let config = Config {
            key_seed: [seed; 32],
            listen: listen.iter().map(|address| address.parse().unwrap()).collect(),
            external: Vec::new(),
            peers: peers.iter().map(|address| (*address).clone()).collect(),
            dht: DhtMode::Auto,
            ipfs: false,
            relays: Vec::new(),
            serve_relay: true,
            connections_max: 96,
            dir: dir.path().join("routing"),
            clock: now_ms,
        };
        Self { config, store: Arc::default(), shelf: Arc::default(), _dir: dir }
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    async fn start(&self) -> Routing {
        Routing::start(self.config.clone(), self.store.clone(), self.shelf.clone()).await.unwrap()
    }

    /// Blocks of its own, whose bytes are of no other seed.
    fn blocks(&self, count: usize) -> Vec<Cid> {
        let seed = self.config.key_seed[0];
        let block = |n: usize| {
            let data = format!("block {n} of {seed}").repeat(300);
            let cid = Cid::new_v1(0x55, wire::digest(0x12, data.as_bytes()).unwrap());
            self.store.put(&cid, data);
            cid
        };
        (0..count).map(block).collect()
    }
}

/// Where to dial it, its name included.
async fn address(node: &Routing) -> Multiaddr {
    until("an address", async || node.addresses().await.listen.first().cloned()).await
}

async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "no {what} in time");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Until these are connected and have said that they answer the DHT's questions.
async fn knows(node: &Routing, others: &[&Routing]) {
    until("peers of the DHT", async || {
        let peers = node.peers().await;
        let known = |id: PeerId| peers.iter().any(|view| view.peer == id && view.protocols.iter().any(|name| name == DHT));
        others.iter().all(|other| known(other.local_peer_id())).then_some(())
    })
    .await;
}

fn key(n: u64) -> Key {
    Key::of_cid(&Cid::new_v1(0x55, wire::digest(0x12, &n.to_be_bytes()).unwrap()))
}

/// Who provides a key, as far as this node finds out.
async fn providers(node: &Routing, key: &Key) -> Vec<PeerId> {
    node.find_providers(key.clone(), 20).await.unwrap().into_iter().map(|provider| provider.peer).collect()
}

async fn end(nodes: &[&Routing]) {
    for node in nodes {
        node.shutdown().await;
    }
}

//! A swarm and a chain for tests: blocks in memory, and a record of what was asked for and said; and a node between them.

use super::cache::hash_of;
use super::chain::{Chain, Changed, Changes};
use super::follow::Follow;
use super::wants::{Network, Wants, What};
use crate::backend::Newest;
use async_trait::async_trait;
use hyper::body::Bytes;
use leither_kit::Cid;
use leither_net::PeerId;
use leither_routing::{Came, Key, Provided, Provider, RouteError};
use leither_storage::content::{self, Profile};
use leither_storage::{Config, ContentStore};
use leither_types::{AccountId, MimeiId, PublicKey, SecretKey};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::broadcast;

#[derive(Clone, Default)]
pub(super) struct FakeNet(pub Arc<State>);

#[derive(Default)]
pub(super) struct State {
    /// Nothing further can be written down.
    pub full: AtomicBool,
    pub blocks: Mutex<HashMap<Vec<u8>, Bytes>>,
    /// All that was ever wanted, in order.
    pub asked: Mutex<Vec<Cid>>,
    pub cancelled: Mutex<Vec<Cid>>,
    pub provided: Mutex<Vec<What>>,
    pub looked_for: Mutex<Vec<What>>,
    /// What sessions were told to look for, in the order of the sessions.
    pub hunted: Mutex<Vec<Vec<Key>>>,
    /// The most that was wanted at once.
    pub most: AtomicUsize,
    pub alone: AtomicBool,
    /// Sessions that were begun, and those of them that have ended.
    pub begun: AtomicUsize,
    pub ended: AtomicUsize,
    /// Who sends the blocks.
    pub giver: Mutex<Option<PeerId>>,
    /// Whom sessions were told to ask.
    pub added: Mutex<Vec<PeerId>>,
    /// Who provides everything.
    pub providers: Mutex<Vec<Provider>>,
    /// Those who were dialled.
    pub dialled: Mutex<Vec<Provider>>,
    /// With this wants are refused.
    pub refuses: Mutex<Option<RouteError>>,
    /// Before each block, in ms.
    pub pause_ms: AtomicU64,
}

impl FakeNet {
    /// The blocks of a file or directory, as somebody has them. Gives the root and how many there are.
    pub fn have(&self, path: &Path, profile: Profile) -> (Cid, usize) {
        let mut mine = HashMap::new();
        let mut sink = |cid: &Cid, block: Vec<u8>| {
            mine.insert(hash_of(cid), Bytes::from(block));
            Ok(())
        };
        let root = content::add(path, profile, &mut sink, &mut |_| ()).unwrap().cid;
        let count = mine.len();
        self.0.blocks.lock().unwrap().extend(mine);
        (root, count)
    }

    pub fn lose(&self, cid: &Cid) -> Option<Bytes> {
        self.0.blocks.lock().unwrap().remove(&hash_of(cid))
    }

    pub fn asked(&self) -> Vec<Cid> {
        self.0.asked.lock().unwrap().clone()
    }

    pub fn provided(&self) -> Vec<What> {
        self.0.provided.lock().unwrap().clone()
    }
}

struct FakeWants {
    state: Arc<State>,
    open: Vec<Cid>,
    /// Those of them that are not there, as it was told.
    missing: Vec<Cid>,
}

impl Drop for FakeWants {
    fn drop(&mut self) {
        self.state.ended.fetch_add(1, SeqCst);
    }
}

#[async_trait]
impl Wants for FakeWants {
    async fn want(&mut self, cids: Vec<Cid>) -> Result<(), RouteError> {
        if let Some(error) = self.state.refuses.lock().unwrap().clone() {
            return Err(error);
        }
        self.state.asked.lock().unwrap().extend(&cids);
        self.open.extend(cids);
        self.state.most.fetch_max(self.open.len(), SeqCst);
        Ok(())
    }

    async fn cancel(&mut self, cids: Vec<Cid>) {
        self.open.retain(|cid| !cids.contains(cid));
        self.state.cancelled.lock().unwrap().extend(cids);
    }

    async fn add_peers(&mut self, peers: Vec<PeerId>) {
        self.state.added.lock().unwrap().extend(peers);
    }

    async fn next(&mut self) -> Option<Came> {
        let pause = self.state.pause_ms.load(SeqCst);
        if pause > 0 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        loop {
            let found = {
                let blocks = self.state.blocks.lock().unwrap();
                self.open.iter().position(|cid| blocks.contains_key(&hash_of(cid))).map(|at| {
                    let cid = self.open[at];
                    (at, cid, blocks[&hash_of(&cid)].clone())
                })
            };
            if let Some((at, cid, data)) = found {
                self.open.remove(at);
                let peer = *self.state.giver.lock().unwrap();
                return Some(Came::Block { cid, data, peer });
            }
            if let Some(cid) = self.open.iter().copied().find(|cid| !self.missing.contains(cid)) {
                self.missing.push(cid);
                return Some(Came::Missing { cid });
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[async_trait]
impl Network for FakeNet {
    async fn session(&self, hunt: Vec<Key>) -> Result<Box<dyn Wants>, String> {
        self.0.hunted.lock().unwrap().push(hunt);
        self.0.begun.fetch_add(1, SeqCst);
        Ok(Box::new(FakeWants { state: self.0.clone(), open: Vec::new(), missing: Vec::new() }))
    }

    async fn providers(&self, of: What) -> Vec<Provider> {
        self.0.looked_for.lock().unwrap().push(of);
        self.0.providers.lock().unwrap().clone()
    }

    async fn dial(&self, provider: Provider) {
        self.0.dialled.lock().unwrap().push(provider);
    }

    async fn provide(&self, whats: Vec<What>) -> Result<(), String> {
        let mut provided = self.0.provided.lock().unwrap();
        let mut keys: HashSet<Key> = provided.iter().map(What::key).collect();
        for what in whats.into_iter().filter(|what| keys.insert(what.key())) {
            provided.push(what);
            if self.0.full.load(SeqCst) {
                return Err("the disk is full".into());
            }
        }
        Ok(())
    }

    async fn tell(&self, _: What) -> Result<Provided, String> {
        let asked = if self.0.alone.load(SeqCst) { 0 } else { 3 };
        Ok(Provided { asked, confirmed: Vec::new() })
    }

    async fn failure(&self, _: What) -> Option<String> {
        self.0.alone.load(SeqCst).then(|| "nobody".into())
    }

    async fn keys(&self, after: Option<Key>, most: usize) -> Result<Vec<Key>, String> {
        let mut keys: Vec<Key> = self.provided().iter().map(What::key).collect();
        keys.sort();
        keys.retain(|key| after.as_ref().is_none_or(|after| key > after));
        keys.truncate(most);
        Ok(keys)
    }

    async fn forget(&self, keys: Vec<Key>) -> Result<(), String> {
        let keys: HashSet<Key> = keys.into_iter().collect();
        self.0.provided.lock().unwrap().retain(|what| !keys.contains(&what.key()));
        Ok(())
    }

    async fn announce(&self, _: Cid) {}

    async fn is_alone(&self) -> bool {
        self.0.alone.load(SeqCst)
    }
}

/// The newest versions, and the content of all.
type Heads = HashMap<MimeiId, (Newest, HashMap<u64, Cid>)>;

/// Who listens may lag so far behind.
pub(super) const FEED_MAX: usize = 4;

/// What the chain says.
#[derive(Clone)]
pub(super) struct FakeChain {
    heads: Arc<Mutex<Heads>>,
    feed: broadcast::Sender<MimeiId>,
}

impl Default for FakeChain {
    fn default() -> Self {
        Self { heads: Arc::default(), feed: broadcast::Sender::new(FEED_MAX) }
    }
}

impl FakeChain {
    /// A new version, and nobody hears of it.
    pub fn moves_unheard(&self, id: MimeiId, number: u64, cid: Cid) {
        let mut heads = self.heads.lock().unwrap();
        let (newest, contents) = heads.entry(id).or_default();
        newest.last = Some((number, cid));
        contents.insert(number, cid);
    }

    /// A new version.
    pub fn moves(&self, id: MimeiId, number: u64, cid: Cid) {
        self.moves_unheard(id, number, cid);
        self.tells(id);
    }

    pub fn releases(&self, id: MimeiId, number: u64) {
        let mut heads = self.heads.lock().unwrap();
        let (newest, contents) = heads.entry(id).or_default();
        newest.release = Some((number, contents.get(&number).copied()));
        drop(heads);
        self.tells(id);
    }

    /// A pulse that says that this one changed.
    pub fn tells(&self, id: MimeiId) {
        // There may be nobody who listens.
        let _ = self.feed.send(id);
    }
}

#[async_trait]
impl Changes for broadcast::Receiver<MimeiId> {
    async fn next(&mut self) -> Changed {
        match self.recv().await {
            Ok(id) => Changed::Heads(vec![id]),
            Err(broadcast::error::RecvError::Lagged(_)) => Changed::Missed,
            Err(broadcast::error::RecvError::Closed) => Changed::Ended,
        }
    }
}

#[async_trait]
impl Chain for FakeChain {
    async fn newest(&self, ids: Vec<MimeiId>) -> Result<Vec<Option<Newest>>, String> {
        let heads = self.heads.lock().unwrap();
        Ok(ids.iter().map(|id| heads.get(id).map(|(newest, _)| *newest)).collect())
    }

    async fn content(&self, id: &MimeiId, number: u64) -> Result<Cid, String> {
        let heads = self.heads.lock().unwrap();
        heads.get(id).and_then(|(_, contents)| contents.get(&number).copied()).ok_or_else(|| "none".into())
    }

    /// Operators whose bytes are all the same, and not 0, have a node.
    async fn data_key(&self, operator: &AccountId) -> Result<Option<PublicKey>, String> {
        let seed = operator.0[0];
        let has_node = seed != 0 && operator.0 == [seed; 20];
        Ok(has_node.then(|| SecretKey::from_seed(&[seed; 32]).public()))
    }

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(self.feed.subscribe())
    }
}

/// A node that follows and publishes.
pub(super) struct Node {
    pub dir: TempDir,
    pub net: FakeNet,
    pub chain: FakeChain,
    pub follow: Follow,
}

pub(super) fn node() -> Node {
    let dir = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
    let (net, chain) = (FakeNet::default(), FakeChain::default());
    let follow = Follow { store, chain: Arc::new(chain.clone()), network: Arc::new(net.clone()), book: Arc::default() };
    Node { dir, net, chain, follow }
}

impl Node {
    pub fn store(&self) -> &ContentStore {
        &self.follow.store
    }

    /// The same node after a start: what it remembers is gone.
    pub fn again(&self) -> Follow {
        Follow { book: Arc::default(), ..self.follow.clone() }
    }
}

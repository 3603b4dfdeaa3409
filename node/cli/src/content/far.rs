//! Blocks for the gateway: of this node, else out of the network, looked at and not kept.
//!
//! ```text
//! gateway -> Far -> the store -> a cache in memory -> Browse (a task with one session) -> the swarm
//! ```
//! What is asked for twice is fetched once. Of a file that is read, what comes next is fetched before it is asked for.

use super::cache::{Cache, hash_of};
use super::kin::Kin;
use super::local::Local;
use super::wants::{Network, Wants};
use async_trait::async_trait;
use hyper::body::Bytes;
use leither_kit::Cid;
use leither_kit::source::{Source, SourceError};
use leither_net::PeerId;
use leither_routing::Came;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

/// FAR-2: bytes of blocks that came and stay in memory.
const CACHE_BYTES: usize = 64 << 20;
/// How long is waited.
const PATIENCE: Patience = Patience { block: Duration::from_secs(30), alone: Duration::from_secs(3) };
/// Blocks that are asked for at once; the others wait.
const ASKED_MAX: usize = 512;
/// FAR-3: with those that are fetched ahead.
const OPEN_MAX: usize = 768;
/// FAR-3: so many parts of a file are fetched ahead.
const AHEAD: usize = 16;
/// Searches for who has a tree, at once.
const LOOKUPS_MAX: usize = 4;
/// A tree is searched for again after this.
const LOOKUP_PAUSE: Duration = Duration::from_secs(10);
/// Trees of which it is known when they were searched for.
const LOOKED_MAX: usize = 256;
/// After the swarm took the session away.
const SESSION_PAUSE: Duration = Duration::from_secs(1);

/// How long is waited.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// FAR-1: a block that has not come by then is given up.
    pub block: Duration,
    /// FAR-4: where nobody is connected at all, it is given up by then.
    pub alone: Duration,
}

type Answer = Result<Bytes, SourceError>;

struct Ask {
    cid: Cid,
    reply: oneshot::Sender<Answer>,
}

/// FAR-1: the store first, then the network.
pub(super) struct Far {
    local: Local,
    cache: Arc<Mutex<Cache>>,
    asks: mpsc::Sender<Ask>,
    places: Semaphore,
    patience: Patience,
}

/// The task behind it.
pub(super) struct Browse {
    network: Arc<dyn Network>,
    patience: Patience,
    asks: mpsc::Receiver<Ask>,
    cache: Arc<Mutex<Cache>>,
    /// By hash.
    open: HashMap<Vec<u8>, Open>,
    kin: Kin,
    lookups: JoinSet<Vec<PeerId>>,
    looked: HashMap<Cid, Instant>,
}

/// A block that is wanted.
struct Open {
    cid: Cid,
    since: Instant,
    waiting: Vec<oneshot::Sender<Answer>>,
}

fn lock(cache: &Mutex<Cache>) -> MutexGuard<'_, Cache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A source and the task that has to run for it.
pub(super) fn far(local: Local, network: Arc<dyn Network>) -> (Far, Browse) {
    with(local, network, PATIENCE)
}

fn with(local: Local, network: Arc<dyn Network>, patience: Patience) -> (Far, Browse) {
    let cache = Arc::new(Mutex::new(Cache::new(CACHE_BYTES)));
    let (asks, queue) = mpsc::channel(ASKED_MAX);
    let far = Far { local, cache: cache.clone(), asks, places: Semaphore::new(ASKED_MAX), patience };
    let (lookups, looked) = (JoinSet::new(), HashMap::new());
    (
        far,
        Browse { network, patience, asks: queue, cache, open: HashMap::new(), kin: Kin::default(), lookups, looked },
    )
}

#[async_trait]
impl Source for Far {
    async fn block(&self, cid: &Cid) -> Answer {
        match self.local.block(cid).await {
            Err(SourceError::NotFound(_)) => {}
            found => return found,
        }
        let stopped = || SourceError::Other("the content swarm has stopped".into());
        let fetched = async {
            let _place = self.places.acquire().await.map_err(|_| stopped())?;
            let (reply, answer) = oneshot::channel();
            self.asks.send(Ask { cid: *cid, reply }).await.map_err(|_| stopped())?;
            answer.await.map_err(|_| stopped())?
        };
        timeout(self.patience.block, fetched).await.unwrap_or(Err(SourceError::Timeout(*cid)))
    }

    /// The network is not asked.
    async fn has(&self, cid: &Cid) -> bool {
        let in_memory = lock(&self.cache).has(cid);
        in_memory || self.local.has(cid).await
    }
}

async fn want(wants: &mut dyn Wants, cids: Vec<Cid>) {
    if !cids.is_empty()
        && let Err(error) = wants.want(cids).await
    {
        // They are asked for again with the next session, or given up by who waits.
        tracing::debug!(error, "blocks could not be wanted");
    }
}

impl Browse {
    /// Works until the end.
    pub async fn run(mut self, end: impl Future<Output = ()> + Send) {
        tokio::pin!(end);
        loop {
            tokio::select! {
                is_over = self.session() => if is_over { return },
                () = &mut end => return,
            }
            tokio::select! {
                () = sleep(SESSION_PAUSE) => {}
                () = &mut end => return,
            }
        }
    }

    /// Works with one session for as long as it lasts. True: nobody asks any more.
    async fn session(&mut self) -> bool {
        let mut wants = match self.network.session(Vec::new()).await {
            Ok(wants) => wants,
            Err(error) => {
                tracing::warn!(error, "blocks cannot be fetched for the gateway; it is tried again");
                return false;
            }
        };
        let again: Vec<Cid> = self.open.values().map(|open| open.cid).collect();
        want(&mut *wants, again).await;
        let mut tick = interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.ask(&mut *wants, ask).await,
                    None => return true,
                },
                came = wants.next() => match came {
                    Some(Came::Block { cid, data, .. }) => self.came(&cid, &data),
                    Some(Came::Missing { cid }) => self.search(&cid),
                    None => return false,
                },
                Some(Ok(peers)) = self.lookups.join_next() => wants.add_peers(peers).await,
                _ = tick.tick() => self.tidy(&mut *wants).await,
            }
        }
    }

    async fn ask(&mut self, wants: &mut dyn Wants, ask: Ask) {
        let now = Instant::now();
        let mut new = Vec::new();
        let held = lock(&self.cache).get(&ask.cid);
        match held {
            // Who asked may have gone.
            Some(bytes) => drop(ask.reply.send(Ok(bytes))),
            None => {
                let open = self.open.entry(hash_of(&ask.cid)).or_insert_with(|| {
                    new.push(ask.cid);
                    Open { cid: ask.cid, since: now, waiting: Vec::new() }
                });
                open.since = now;
                open.waiting.push(ask.reply);
            }
        }
        // FAR-3
        for cid in self.kin.behind(&ask.cid, AHEAD) {
            let key = hash_of(&cid);
            if self.open.len() < OPEN_MAX && !self.open.contains_key(&key) && !lock(&self.cache).has(&cid) {
                self.open.insert(key, Open { cid, since: now, waiting: Vec::new() });
                new.push(cid);
            }
        }
        want(wants, new).await;
    }

    fn came(&mut self, cid: &Cid, data: &Bytes) {
        lock(&self.cache).put(cid, data);
        self.kin.learn(cid, data);
        for waiting in self.open.remove(&hash_of(cid)).map(|open| open.waiting).unwrap_or_default() {
            drop(waiting.send(Ok(data.clone())));
        }
    }

    /// Who has the tree that a block is of has the block: only roots are announced.
    fn search(&mut self, cid: &Cid) {
        let Some(root) = self.kin.root(cid) else { return };
        let now = Instant::now();
        let lately = self.looked.get(&root).is_some_and(|at| now.saturating_duration_since(*at) < LOOKUP_PAUSE);
        if lately || self.lookups.len() >= LOOKUPS_MAX {
            return;
        }
        if self.looked.len() >= LOOKED_MAX {
            self.looked.retain(|_, at| now.saturating_duration_since(*at) < LOOKUP_PAUSE);
            if self.looked.len() >= LOOKED_MAX {
                return;
            }
        }
        self.looked.insert(root, now);
        let network = self.network.clone();
        self.lookups.spawn(async move { network.providers(&root).await });
    }

    /// Gives up what nobody waits for any more, and all of it where there is nobody to ask.
    async fn tidy(&mut self, wants: &mut dyn Wants) {
        let (now, patience) = (Instant::now(), self.patience);
        let waits_since = |open: &Open, wait: Duration| now.saturating_duration_since(open.since) >= wait;
        let is_old = self.open.values().any(|open| waits_since(open, patience.alone));
        let alone = is_old && self.network.is_alone().await;
        let mut gone = Vec::new();
        self.open.retain(|_, open| {
            open.waiting.retain(|waiting| !waiting.is_closed());
            let nobody = alone && waits_since(open, patience.alone);
            let over = nobody || (open.waiting.is_empty() && waits_since(open, patience.block));
            if over {
                gone.push(open.cid);
                open.waiting.drain(..).for_each(|waiting| drop(waiting.send(Err(SourceError::NotFound(open.cid)))));
            }
            !over
        });
        if !gone.is_empty() {
            wants.cancel(gone).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fakes::FakeNet;
    use super::*;
    use leither_kit::walk::load;
    use leither_storage::content::Profile;
    use leither_storage::{Config, ContentStore, Root};
    use std::sync::atomic::Ordering::SeqCst;
    use tempfile::TempDir;

    struct Node {
        dir: TempDir,
        store: ContentStore,
        net: FakeNet,
        far: Arc<Far>,
    }

    fn node(patience: Patience) -> Node {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
        let net = FakeNet::default();
        let (far, browse) = with(Local::new(store.clone()), Arc::new(net.clone()), patience);
        tokio::spawn(browse.run(std::future::pending()));
        Node { dir, store, net, far: Arc::new(far) }
    }

    fn quick(block_ms: u64, alone_ms: u64) -> Patience {
        Patience { block: Duration::from_millis(block_ms), alone: Duration::from_millis(alone_ms) }
    }

    impl Node {
        fn file(&self, name: &str, bytes: &[u8]) -> std::path::PathBuf {
            let path = self.dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        }
    }

    #[tokio::test]
    async fn far_1_what_is_here_is_not_fetched_and_what_several_ask_for_is_fetched_once() {
        let node = node(PATIENCE);
        let here = node.file("here", b"here");
        let here = node.store.add(&here, Profile::default(), &Root::Pin("x".into()), 0, &mut |_| ()).unwrap().cid;
        assert_eq!(node.far.block(&here).await.unwrap(), "here");
        let (there, _) = node.net.have(&node.file("there", b"there"), Profile::default());
        let bytes = node.net.lose(&there).unwrap();
        let asks: Vec<_> = (0..5)
            .map(|_| {
                let far = node.far.clone();
                tokio::spawn(async move { far.block(&there).await })
            })
            .collect();
        sleep(Duration::from_millis(50)).await;
        assert!(!node.far.has(&there).await, "asking whether it is here fetches nothing");
        node.net.0.blocks.lock().unwrap().insert(hash_of(&there), bytes);
        for ask in asks {
            assert_eq!(ask.await.unwrap().unwrap(), "there");
        }
        assert_eq!(node.net.asked(), [there], "five asked, one was sent");
        node.net.lose(&there);
        assert_eq!(node.far.block(&there).await.unwrap(), "there", "it stays in memory");
        assert!(node.far.has(&there).await && !node.store.has(&there).unwrap(), "and is not kept");
    }

    #[tokio::test]
    async fn far_1_what_does_not_come_is_given_up_and_wanted_no_more() {
        let node = node(quick(300, 60_000));
        let (there, _) = node.net.have(&node.file("there", b"there"), Profile::default());
        node.net.lose(&there);
        assert_eq!(node.far.block(&there).await, Err(SourceError::Timeout(there)));
        for _ in 0..100 {
            if node.net.0.cancelled.lock().unwrap().contains(&there) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("it is still wanted");
    }

    #[tokio::test]
    async fn far_3_the_next_parts_of_a_file_are_fetched_ahead() {
        let node = node(PATIENCE);
        let bytes: Vec<u8> = (0..40u32 << 16).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let (root, count) = node.net.have(&node.file("film", &bytes), Profile::V0_2015);
        assert_eq!(count, 41, "forty parts and a node");
        let parts: Vec<Cid> = load(&*node.far, &root).await.unwrap().node.links().copied().collect();
        assert_eq!(node.net.asked(), [root], "who only looks at it fetches none of it");
        node.far.block(&parts[5]).await.unwrap();
        sleep(Duration::from_millis(100)).await;
        assert_eq!(node.net.asked()[1..], parts[5..=5 + AHEAD], "it and the next sixteen");
        node.far.block(&parts[6]).await.unwrap();
        sleep(Duration::from_millis(100)).await;
        assert_eq!(node.net.asked()[1..], parts[5..=6 + AHEAD], "one more, and none twice");
    }

    #[tokio::test]
    async fn far_4_where_nobody_is_connected_nobody_waits_long() {
        let node = node(quick(60_000, 100));
        node.net.0.alone.store(true, SeqCst);
        let (there, _) = node.net.have(&node.file("there", b"there"), Profile::default());
        node.net.lose(&there);
        let begin = Instant::now();
        assert_eq!(node.far.block(&there).await, Err(SourceError::NotFound(there)));
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}

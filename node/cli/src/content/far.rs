//! Blocks for the gateway: of this node, else out of the network, looked at and not kept.
//!
//! ```text
//! gateway -> Far -> the store -> a cache in memory -> Browse (a task with one session) -> the swarm
//! ```
//! What is asked for twice is fetched once. Of a file that is read, what comes next is fetched before it is asked for. All of it is bounded by number:
//! strangers ask here.

use super::cache::{Cache, hash_of};
use super::fetch::now_or_not;
use super::kin::Kin;
use super::local::Local;
use super::owners::Owners;
use super::wants::{Network, Wants, What};
use async_trait::async_trait;
use hyper::body::Bytes;
use leither_bitswap::WantError;
use leither_kit::Cid;
use leither_kit::source::{Source, SourceError};
use leither_net::PeerId;
use leither_routing::{Came, Key, Provider, RouteError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

/// FAR-2: bytes of blocks that came and stay in memory.
const CACHE_BYTES: usize = 64 << 20;
/// How long is waited.
const PATIENCE: Patience = Patience {
    block: Duration::from_secs(30),
    alone: Duration::from_secs(3),
    place: Duration::from_secs(5),
    session: Duration::from_secs(60),
};
/// FAR-3: blocks that are asked for at once; the others wait.
const ASKED_MAX: usize = 512;
/// FAR-3: blocks that are wanted at once, with those that are fetched ahead and those that nobody waits for any more.
const OPEN_MAX: usize = 768;
/// FAR-3: so many parts of a file are fetched ahead.
const AHEAD: usize = 16;
/// Searches for who has a tree or a MiMei, at once.
const LOOKUPS_MAX: usize = 4;
/// It is searched for again after this.
const LOOKUP_PAUSE: Duration = Duration::from_secs(10);
/// FAR-6: MiMeis whose holders a session is told to look for.
const MIMEIS_MAX: usize = 8;
/// Trees and MiMeis of which it is known when they were searched for.
const LOOKED_MAX: usize = 256;
/// Providers that are dialled at once.
const DIALS_MAX: usize = 16;
/// Peers that sent blocks, whom the next session asks.
const GIVERS_MAX: usize = 16;
/// After the swarm took the session away.
const SESSION_PAUSE: Duration = Duration::from_secs(1);

/// How long is waited.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// FAR-1: a block that has not come by then is given up.
    pub block: Duration,
    /// FAR-4: where nobody is connected at all, it is given up by then.
    pub alone: Duration,
    /// FAR-3: who has no place among those who ask by then is refused.
    pub place: Duration,
    /// FAR-5: a session lasts so long.
    pub session: Duration,
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
    owners: Owners,
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
    owners: Owners,
    lookups: JoinSet<Vec<Provider>>,
    looked: HashMap<Key, Instant>,
    dials: JoinSet<()>,
    /// Who sent blocks in this session.
    givers: Vec<PeerId>,
}

/// A block that is wanted.
struct Open {
    cid: Cid,
    since: Instant,
    waiting: Vec<oneshot::Sender<Answer>>,
}

/// What an ask changes in what is wanted.
#[derive(Default)]
struct Turn {
    /// The block itself.
    block: Vec<Cid>,
    /// Those that are fetched ahead.
    ahead: Vec<Cid>,
    /// What gave its place to it.
    gone: Vec<Cid>,
}

/// Why a session is over.
enum Over {
    /// Nobody asks any more.
    End,
    /// It has lasted its time.
    Old,
    /// The swarm took it away.
    Lost,
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
    let owners = Owners::default();
    let far = Far { local, cache: cache.clone(), asks, places: Semaphore::new(ASKED_MAX), patience, owners: owners.clone() };
    let browse = Browse {
        network,
        patience,
        asks: queue,
        cache,
        open: HashMap::new(),
        kin: Kin::default(),
        owners,
        lookups: JoinSet::new(),
        looked: HashMap::new(),
        dials: JoinSet::new(),
        givers: Vec::new(),
    };
    (far, browse)
}

impl Far {
    /// FAR-6: for whoever knows of which MiMei a tree is.
    pub fn owners(&self) -> Owners {
        self.owners.clone()
    }
}

#[async_trait]
impl Source for Far {
    async fn block(&self, cid: &Cid) -> Answer {
        match self.local.block(cid).await {
            Err(SourceError::NotFound(_)) => {}
            found => return found,
        }
        let held = lock(&self.cache).get(cid);
        if let Some(bytes) = held {
            // What is in memory needs no place. What comes next in its file is fetched all the same, if there is room for the word.
            let (reply, _) = oneshot::channel();
            let _ = self.asks.try_send(Ask { cid: *cid, reply });
            return Ok(bytes);
        }
        let stopped = || SourceError::Other("the content swarm has stopped".into());
        let fetched = async {
            let place = timeout(self.patience.place, self.places.acquire()).await;
            let _place = place.map_err(|_| SourceError::Busy(*cid))?.map_err(|_| stopped())?;
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

    /// KIT-13: those of the store, or else the first from memory; asked for as a block, so that what comes next is fetched (FAR-3).
    async fn here(&self, cids: &[Cid], bytes_max: usize) -> Vec<Bytes> {
        let found = self.local.here(cids, bytes_max).await;
        let in_memory = cids.first().filter(|first| found.is_empty() && lock(&self.cache).has(first));
        match in_memory {
            Some(first) => self.block(first).await.into_iter().collect(),
            None => found,
        }
    }
}

impl Browse {
    /// Works until the end.
    pub async fn run(mut self, end: impl Future<Output = ()> + Send) {
        tokio::pin!(end);
        loop {
            tokio::select! {
                over = self.session() => match over {
                    Over::End => return,
                    Over::Old => continue,
                    Over::Lost => {}
                },
                () = &mut end => return,
            }
            tokio::select! {
                () = sleep(SESSION_PAUSE) => {}
                () = &mut end => return,
            }
        }
    }

    /// FAR-5: works with one session for as long as it lasts. It begins when something is wanted: with who is connected then, and who sent
    /// blocks in the last one.
    async fn session(&mut self) -> Over {
        while self.open.is_empty() {
            let Some(ask) = self.asks.recv().await else { return Over::End };
            // All that is open is wanted below.
            self.enter(ask);
        }
        let mut wants = match self.network.session(self.mimeis()).await {
            Ok(wants) => wants,
            Err(error) => {
                tracing::warn!(error, "blocks cannot be fetched for the gateway; it is tried again");
                return Over::Lost;
            }
        };
        let givers = std::mem::take(&mut self.givers);
        if !givers.is_empty() {
            wants.add_peers(givers).await;
        }
        // By themselves: a file may name parts that are refused, and nobody waits for those.
        for is_asked in [true, false] {
            let cids = self.open.values().filter(|open| open.waiting.is_empty() != is_asked).map(|open| open.cid).collect();
            self.want(&mut *wants, cids).await;
        }
        let (begin, mut tick) = (Instant::now(), interval(Duration::from_secs(1)));
        loop {
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.ask(&mut *wants, ask).await,
                    None => return Over::End,
                },
                came = wants.next() => match came {
                    Some(came) => self.came(came),
                    None => return Over::Lost,
                },
                Some(Ok(found)) = self.lookups.join_next() => self.found(&mut *wants, found).await,
                Some(_) = self.dials.join_next() => {}
                _ = tick.tick() => {
                    self.tidy(&mut *wants).await;
                    if begin.elapsed() >= self.patience.session {
                        // What has come and is dropped with the session would be sent again.
                        while let Some(Some(came)) = now_or_not(wants.next()).await {
                            self.came(came);
                        }
                        return Over::Old;
                    }
                }
            }
        }
    }

    /// FAR-6: the MiMeis that what is open is of.
    fn mimeis(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        for open in self.open.values() {
            let root = self.kin.root(&open.cid).unwrap_or(open.cid);
            let Some(id) = self.owners.of(&root) else { continue };
            let key = What::Mimei(id).key();
            if !keys.contains(&key) {
                keys.push(key);
            }
            if keys.len() >= MIMEIS_MAX {
                break;
            }
        }
        keys
    }

    async fn ask(&mut self, wants: &mut dyn Wants, ask: Ask) {
        let Turn { block, ahead, gone } = self.enter(ask);
        if !gone.is_empty() {
            wants.cancel(gone).await;
        }
        // One by one: a file may name parts that are refused.
        self.want(wants, block).await;
        self.want(wants, ahead).await;
    }

    /// FAR-3: puts a block among those that are open, and those that follow it in its file.
    fn enter(&mut self, ask: Ask) -> Turn {
        let (now, key, mut turn) = (Instant::now(), hash_of(&ask.cid), Turn::default());
        let held = lock(&self.cache).get(&ask.cid);
        match held {
            // Who asked may have gone.
            Some(bytes) => drop(ask.reply.send(Ok(bytes))),
            None if ask.reply.is_closed() => return turn,
            None => {
                if !self.open.contains_key(&key) {
                    if self.open.len() >= OPEN_MAX {
                        let Some(idle) = self.take_idle() else {
                            drop(ask.reply.send(Err(SourceError::Busy(ask.cid))));
                            return turn;
                        };
                        turn.gone.push(idle);
                    }
                    turn.block.push(ask.cid);
                }
                let open = self.open.entry(key).or_insert_with(|| Open { cid: ask.cid, since: now, waiting: Vec::new() });
                open.since = now;
                open.waiting.retain(|waiting| !waiting.is_closed());
                open.waiting.push(ask.reply);
            }
        }
        for cid in self.kin.behind(&ask.cid, AHEAD) {
            let key = hash_of(&cid);
            if self.open.len() < OPEN_MAX && !self.open.contains_key(&key) && !lock(&self.cache).has(&cid) {
                self.open.insert(key, Open { cid, since: now, waiting: Vec::new() });
                turn.ahead.push(cid);
            }
        }
        turn
    }

    /// Takes out the oldest of those that nobody waits for.
    fn take_idle(&mut self) -> Option<Cid> {
        let is_idle = |open: &Open| open.waiting.iter().all(oneshot::Sender::is_closed);
        let oldest = self.open.iter().filter(|(_, open)| is_idle(open)).min_by_key(|(_, open)| open.since);
        let key = oldest.map(|(key, _)| key.clone())?;
        self.open.remove(&key).map(|open| open.cid)
    }

    /// From now on these are wanted. Where that is refused, nobody waits for them in vain.
    async fn want(&mut self, wants: &mut dyn Wants, cids: Vec<Cid>) {
        if cids.is_empty() {
            return;
        }
        let Err(error) = wants.want(cids.clone()).await else { return };
        tracing::debug!(%error, "blocks could not be wanted");
        for cid in cids {
            let why = match &error {
                RouteError::TooMany | RouteError::Bitswap(WantError::TooMany) => SourceError::Busy(cid),
                error => SourceError::Other(error.to_string()),
            };
            self.close(&cid, &Err(why));
        }
    }

    /// It is open no more; all who wait for it hear this.
    fn close(&mut self, cid: &Cid, answer: &Answer) {
        for waiting in self.open.remove(&hash_of(cid)).map(|open| open.waiting).unwrap_or_default() {
            drop(waiting.send(answer.clone()));
        }
    }

    fn came(&mut self, came: Came) {
        match came {
            Came::Block { cid, data, peer } => {
                lock(&self.cache).put(&cid, &data);
                self.kin.learn(&cid, &data);
                if let Some(peer) = peer
                    && self.givers.len() < GIVERS_MAX
                    && !self.givers.contains(&peer)
                {
                    self.givers.push(peer);
                }
                self.close(&cid, &Ok(data));
            }
            Came::Missing { cid } => self.search(&cid),
        }
    }

    /// Those who were found are asked; where the search says that they are, they are dialled.
    async fn found(&mut self, wants: &mut dyn Wants, found: Vec<Provider>) {
        wants.add_peers(found.iter().map(|provider| provider.peer).collect()).await;
        let room = DIALS_MAX.saturating_sub(self.dials.len());
        for provider in found.into_iter().take(room) {
            let network = self.network.clone();
            self.dials.spawn(async move { network.dial(provider).await });
        }
    }

    /// Who has the tree that a block is of has the block: only roots are announced. FAR-6: who has the MiMei may have it, too.
    fn search(&mut self, cid: &Cid) {
        let root = self.kin.root(cid);
        let mimei = self.owners.of(root.as_ref().unwrap_or(cid));
        for what in root.map(What::Tree).into_iter().chain(mimei.map(What::Mimei)) {
            self.look_for(what);
        }
    }

    fn look_for(&mut self, what: What) {
        let (now, key) = (Instant::now(), what.key());
        let lately = self.looked.get(&key).is_some_and(|at| now.saturating_duration_since(*at) < LOOKUP_PAUSE);
        if lately || self.lookups.len() >= LOOKUPS_MAX {
            return;
        }
        if self.looked.len() >= LOOKED_MAX {
            self.looked.retain(|_, at| now.saturating_duration_since(*at) < LOOKUP_PAUSE);
            if self.looked.len() >= LOOKED_MAX {
                return;
            }
        }
        self.looked.insert(key, now);
        let network = self.network.clone();
        self.lookups.spawn(async move { network.providers(what).await });
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
mod tests;

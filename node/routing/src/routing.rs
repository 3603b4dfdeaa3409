use crate::provide::{Pace, plan};
use crate::records::Records;
use crate::session::{Session, WANTS_MAX};
use crate::task::{Command, Task};
use crate::{
    Addresses, Config, Desk, HELD_MAX, Held, Key, PeerView, ProvideStat, ProvideStatus, Provided, Provider, Reach, RouteError,
    StartError, behaviour, targets,
};
use cid::Cid;
use leither_bitswap::BlockStore;
use libp2p::{Multiaddr, PeerId};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Calls that wait for the task.
const CALLS_MAX: usize = 256;
/// Keys of one session's hunt.
const HUNT_MAX: usize = 8;

/// A handle to the running swarm. It ends with [`Routing::shutdown`] or when the last handle and the last session are dropped.
#[derive(Clone)]
pub struct Routing {
    local: PeerId,
    clock: fn() -> u64,
    commands: mpsc::Sender<Command>,
    records: Records,
    pace: Arc<Pace>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Routing {
    /// Starts to listen and to dial. Errors are those that waiting does not cure; peers that cannot be reached are tried for ever.
    pub async fn start(config: Config, store: Arc<dyn BlockStore>, desk: Arc<dyn Desk>) -> Result<Self, StartError> {
        let key = behaviour::key(config.key_seed)?;
        let (local, clock, now) = (key.public().to_peer_id(), config.clock, Instant::now());
        let targets = targets::targets(&config.peers, local, now)?;
        let places = targets::places(&config.relays, local, now)?;
        let dir = config.dir.clone();
        let records = tokio::task::spawn_blocking(move || Records::open(&dir, local, clock)).await;
        let records = records.map_err(|error| StartError::Store(error.to_string()))??;
        let mut swarm = behaviour::build(&config, &key, records.clone(), store)?;
        for address in &config.listen {
            let failed = |why: String| StartError::Listen { address: address.clone(), why };
            behaviour::probe(address).map_err(|e| failed(e.to_string()))?;
            swarm.listen_on(address.clone()).map_err(|e| failed(e.to_string()))?;
        }
        let (commands, queue) = mpsc::channel(CALLS_MAX);
        let pace = Arc::new(Pace::default());
        let task = Task::new(swarm, &config, targets, places, records.clone(), desk, pace.clone());
        let task = Arc::new(Mutex::new(Some(tokio::spawn(task.run(queue)))));
        Ok(Self { local, clock, commands, records, pace, task })
    }

    /// Our name in the swarm.
    pub fn local_peer_id(&self) -> PeerId {
        self.local
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, RouteError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| RouteError::Stopped)?;
        answer.await.map_err(|_| RouteError::Stopped)
    }

    /// Does something with the database on a thread that may wait.
    async fn store<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Records) -> Result<T, crate::error::RecordsError> + Send + 'static,
    ) -> Result<T, RouteError> {
        let records = self.records.clone();
        let done = tokio::task::spawn_blocking(move || act(&records)).await;
        Ok(done.map_err(|error| RouteError::Store(error.to_string()))??)
    }

    /// Where this node is reached, as far as known by now.
    pub async fn addresses(&self) -> Addresses {
        self.ask(Command::Addresses).await.unwrap_or_default()
    }

    /// Who is connected.
    pub async fn peers(&self) -> Vec<PeerView> {
        self.ask(Command::Peers).await.unwrap_or_default()
    }

    /// ROUTE-11: whether others reach this node.
    pub async fn reach(&self) -> Reach {
        self.ask(Command::Reach).await.unwrap_or(Reach::Unknown)
    }

    /// Dials, and waits for the connection, 10 s at most.
    pub async fn connect(&self, address: Multiaddr) -> Result<PeerId, RouteError> {
        self.ask(|reply| Command::Connect(address, reply)).await?
    }

    /// Where a content node is, each address with its `/p2p/<id>`, told by a peer of the chain: into the DHT's table, and dialled unless it or enough
    /// others are connected. Addresses of another node than the first one names are left out.
    pub async fn learn(&self, addresses: Vec<Multiaddr>) {
        // A swarm that has ended needs to know nobody.
        let _ = self.commands.send(Command::Learn(addresses)).await;
    }

    /// Where a peer is reached.
    pub async fn find_peer(&self, peer: PeerId) -> Result<Vec<Multiaddr>, RouteError> {
        self.ask(|reply| Command::FindPeer(peer, reply)).await?
    }

    /// Who provides a key, `most` of them at most, within 20 s; nobody is an empty list. This node is not among them.
    pub async fn find_providers(&self, key: Key, most: usize) -> Result<Vec<Provider>, RouteError> {
        if !key.is_fit() {
            return Err(RouteError::Key);
        }
        self.ask(|reply| Command::FindProviders(key, most, reply)).await?
    }

    /// What a peer holds of these MiMeis, in their order. Dials it where an address is known.
    pub async fn ask_held(&self, peer: PeerId, mimeis: Vec<[u8; 20]>) -> Result<Vec<Option<Held>>, RouteError> {
        if mimeis.is_empty() {
            return Ok(Vec::new());
        }
        if mimeis.len() > HELD_MAX {
            return Err(RouteError::TooMany);
        }
        self.ask(|reply| Command::AskHeld(peer, mimeis, reply)).await?
    }

    /// ROUTE-8: announces now, and again before that expires, over restarts, until [`Routing::withdraw`].
    pub async fn provide(&self, key: Key) -> Result<Provided, RouteError> {
        if !key.is_fit() {
            return Err(RouteError::Key);
        }
        // The plan leaves it alone while it is announced here.
        let due = plan::after_failure((self.clock)(), 0);
        let of_plan = key.clone();
        self.store(move |records| records.provide(&[of_plan], None, due)).await?;
        self.ask(|reply| Command::Provide(key, reply)).await?
    }

    /// ROUTE-8: announces a key that is provided ahead of its turn, and waits for that. Provided or not any more stays what it is.
    pub async fn tell(&self, key: Key) -> Result<Provided, RouteError> {
        if !key.is_fit() {
            return Err(RouteError::Key);
        }
        let due = plan::after_failure((self.clock)(), 0);
        let of_plan = key.clone();
        self.store(move |records| records.put_off(&of_plan, due)).await?;
        self.ask(|reply| Command::Provide(key, reply)).await?
    }

    /// Announces these when their turn comes, and again before that expires, over restarts, until then or until they are withdrawn.
    pub async fn provide_many(&self, keys: Vec<Key>, until_ms: Option<u64>) -> Result<(), RouteError> {
        if !keys.iter().all(Key::is_fit) {
            return Err(RouteError::Key);
        }
        let due = (self.clock)();
        self.store(move |records| records.provide(&keys, until_ms, due)).await
    }

    /// It is announced no more. Others forget it when it expires.
    pub async fn withdraw(&self, key: Key) -> Result<(), RouteError> {
        self.withdraw_many(vec![key]).await
    }

    /// The same, of many.
    pub async fn withdraw_many(&self, keys: Vec<Key>) -> Result<(), RouteError> {
        self.store(move |records| records.withdraw(&keys)).await
    }

    /// Keys that are provided, in an order of their own, behind `after`, `most` of them at most.
    pub async fn provided(&self, after: Option<Key>, most: usize) -> Result<Vec<Key>, RouteError> {
        self.store(move |records| records.provided(after.as_ref(), most)).await
    }

    /// How the announcing of a key goes; nothing where it is not provided.
    pub async fn provide_status(&self, key: Key) -> Option<ProvideStatus> {
        self.store(move |records| records.status(&key)).await.ok().flatten()
    }

    /// How announcing goes as a whole.
    pub async fn provide_stat(&self) -> ProvideStat {
        let stat = self.store(Records::stat).await.unwrap_or_default();
        self.pace.fill(stat)
    }

    /// ROUTE-13: begins a session: wants that belong together, who may have what is wanted, and the keys whose providers are looked up when
    /// something is missing (the first 8).
    pub async fn session(&self, peers: Vec<PeerId>, mut hunt: Vec<Key>) -> Result<Session, RouteError> {
        hunt.retain(Key::is_fit);
        hunt.truncate(HUNT_MAX);
        // Half of the room is for blocks, which are never lost, half for what is missing, which is told again.
        let (came, queue) = mpsc::channel(WANTS_MAX.saturating_mul(2));
        let session = Session::new(self.commands.clone(), queue);
        let id = self.ask(|reply| Command::Session { peers, hunt, came, queued: session.queued(), reply }).await??;
        Ok(session.begun(id))
    }

    /// A block came into the store: bitswap peers that wait for it get it.
    pub async fn announce(&self, cid: Cid) {
        // A swarm that has ended has no peers.
        let _ = self.commands.send(Command::Announce(cid)).await;
    }

    /// Closes all connections and waits until that is done, a second or two. Whoever still holds a handle hears from then on that the swarm
    /// has stopped. The database is free once all handles are dropped.
    pub async fn shutdown(&self) {
        // One that has ended by itself has nobody to tell.
        let _ = self.commands.send(Command::End).await;
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the content swarm ended badly");
        }
    }
}

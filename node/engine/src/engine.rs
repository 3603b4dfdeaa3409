use crate::config::{BftConfig, EngineConfig, ValidatorKey};
use crate::error::{AdmitError, NodeFault, StartError};
use crate::feed::Listener;
use crate::ingress::{Batch, Ingress};
use crate::launch::{Key, Launch, seated, supervise};
use crate::node::{Alarm, Node, Tip};
use crate::roster;
use crate::sign_state::SignState;
use leither_consensus::Signer;
use leither_net::Net;
use leither_pool::Pool;
use leither_store::Store;
use leither_types::{AccountId, Hash, Height, SignedTx, TxId, ValidatorId};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// The write-ahead log's name in the data directory.
pub const WAL_FILE: &str = "consensus.wal";
/// How often it is looked whether anything has to be sent again.
const RESEND_LOOK: Duration = Duration::from_secs(2);
/// To peers that have long been there, each so many looks.
const RESEND_EVERY: u32 = 15;
/// So many transactions at a time, the oldest first.
const RESEND_MAX: usize = 2_048;
/// A stop takes no longer than this.
const STOP: Duration = Duration::from_secs(5);

/// The running engine.
pub struct Engine {
    node: Arc<Node>,
    ingress: Ingress,
    fault: watch::Receiver<Option<NodeFault>>,
    running: Mutex<Option<Running>>,
}

struct Running {
    runtime: Runtime,
    /// Ends the engine's actors and then itself.
    stop: oneshot::Sender<()>,
    supervisor: JoinHandle<()>,
}

/// How the node does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineStatus {
    /// The newest committed height.
    pub height: Height,
    /// Peers in the consensus swarm.
    pub peers: usize,
    /// Transactions in the pool.
    pub pool_txs: usize,
    /// Their bytes.
    pub pool_bytes: usize,
    /// Whether the newest block came from another node's history.
    pub syncing: bool,
    /// SIGN-5: the height up to which this node signs nothing.
    pub abstains_up_to: Option<Height>,
    /// How often the guard refused a signature since the start.
    pub refused: u64,
    /// The greatest height that another validator was seen in, less one: that one is final.
    pub best_height: Option<Height>,
    /// Why the node has to stop, where it has to.
    pub fault: Option<String>,
}

impl Engine {
    /// Starts on the store's head. Everything of it runs on threads of its own; only answers come back to the caller's.
    pub async fn start(config: EngineConfig, store: Store) -> Result<Self, StartError> {
        let chain = store.genesis().chain();
        let wal = config.data.join(WAL_FILE);
        // Wrong addresses are told before anything is begun.
        let bft = BftConfig::new(&config)?;
        std::fs::create_dir_all(&config.data).map_err(|source| StartError::Io { path: config.data.clone(), source })?;

        let keys = config.validators.iter().map(|key| open_key(key, chain)).collect::<Result<Vec<_>, _>>()?;
        let (first, pool) = (keys.first().map(|key| key.id), Pool::new(config.pool));
        let node = Arc::new(Node::new(chain, first, wal, store, pool, config.rules_max, config.contracts.clone())?);
        if let Some(key) = seated(&keys, &node.tip()).and_then(|at| keys.get(at)) {
            node.vote_as(Some(key.id));
        }
        for (key, given) in keys.iter().zip(&config.validators) {
            match given.vote_again {
                true => key.guard.vote_again(node.tip().next_height())?,
                false => abstain_if_forgotten(&node, &key.guard)?,
            }
        }
        let gossip_to = config.gossip.as_ref().map(|gossip| gossip.net.clone());
        let launch = Launch::new(node.clone(), &config, bft, keys, gossip_to.clone());
        let (net, incoming) = config.gossip.map(|gossip| (gossip.net, gossip.incoming)).unzip();
        let threads = match config.admit_threads {
            0 => thread::available_parallelism().map_or(1, usize::from).clamp(1, 4),
            chosen => chosen,
        };
        let io = |what: &str| {
            let path = PathBuf::from(what);
            move |source| StartError::Io { path, source }
        };
        let ingress = Ingress::start(node.clone(), net, threads).map_err(io("admission threads"))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("consensus")
            .enable_all()
            .build()
            .map_err(io("consensus threads"))?;

        let first = launch.clone();
        let built = runtime.spawn(async move { first.start().await }).await.map_err(|e| StartError::Bft(e.to_string()))?;
        let actors = match built {
            Ok(actors) => actors,
            Err(e) => {
                // All that holds the database ends before its owner does: RocksDB must not outlive the process's main thread.
                ingress.stop().await;
                let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(STOP)).await;
                return Err(e);
            }
        };
        let (stop, stopped) = oneshot::channel();
        let supervisor = runtime.spawn(supervise(launch, actors, stopped));
        if let Some(mut incoming) = incoming {
            let (entrance, node) = (ingress.clone(), node.clone());
            runtime.spawn(async move {
                while let Some(batch) = incoming.recv().await {
                    entrance.gossiped(batch);
                }
                // It is stopped after this engine. Half a node is none.
                node.fail(NodeFault::Stopped("the data swarm"));
            });
        }
        if let Some(net) = gossip_to {
            runtime.spawn(roster::introduce(node.clone(), net.clone()));
            runtime.spawn(resend(node.clone(), net));
        }
        let fault = node.fault();
        Ok(Self { node, ingress, fault, running: Mutex::new(Some(Running { runtime, stop, supervisor })) })
    }

    /// Takes one transaction from a client of this node: admitted to the pool, or why not.
    pub async fn submit(&self, tx: Vec<u8>) -> Result<TxId, AdmitError> {
        self.ingress.submit(tx).await
    }

    /// Takes many, in their order; one answer each.
    pub async fn submit_many(&self, txs: Batch) -> Result<Vec<Result<TxId, AdmitError>>, AdmitError> {
        self.ingress.submit_many(txs).await
    }

    /// Hears of every pulse from the next one on.
    pub fn listen(&self) -> Listener {
        self.node.feed.listen()
    }

    /// How the node does.
    pub fn status(&self) -> EngineStatus {
        let load = self.node.load();
        EngineStatus {
            height: self.node.tip().head.height,
            peers: self.node.peers.load(Ordering::Relaxed),
            pool_txs: load.txs,
            pool_bytes: load.bytes,
            syncing: self.node.syncing.load(Ordering::Relaxed),
            abstains_up_to: self.node.abstains_up_to(),
            refused: self.node.refusals.load(Ordering::Relaxed),
            best_height: self.node.called.load(Ordering::Relaxed).checked_sub(1),
            fault: self.fault.borrow().as_ref().map(ToString::to_string),
        }
    }

    /// The newest committed height and the rules for the next block.
    pub fn tip(&self) -> Arc<Tip> {
        self.node.tip()
    }

    /// A transaction that waits for a block.
    pub fn pending(&self, tx: &TxId) -> Option<Arc<SignedTx>> {
        self.node.pool().get(tx).map(|entry| entry.tx.clone())
    }

    /// The nonce after those that wait in the pool; nothing where none of this account waits.
    pub fn pending_nonce(&self, account: &AccountId) -> Option<u64> {
        self.node.pool().next_nonce(account)
    }

    /// This node as a validator.
    pub fn validator(&self) -> Option<ValidatorId> {
        self.node.me()
    }

    /// Waits until the node has to stop, and says why: exit code 4.
    pub async fn fault(&self) -> NodeFault {
        let mut fault = self.fault.clone();
        let stopped = NodeFault::Stopped("the engine");
        fault.wait_for(Option::is_some).await.ok().and_then(|fault| fault.clone()).unwrap_or(stopped)
    }

    /// Stops the engine. What is committed is committed; what is not, the next start finds in the write-ahead log.
    pub async fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { runtime, stop, supervisor }) = running else { return };
        // It may have ended by itself, after a fault.
        let _ = stop.send(());
        let _ = tokio::time::timeout(STOP, supervisor).await;
        self.ingress.stop().await;
        // A runtime must not be dropped where tasks run.
        let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(STOP)).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { runtime, stop, .. }) = running {
            let _ = stop.send(());
            runtime.shutdown_background();
        }
    }
}

fn open_key(given: &ValidatorKey, chain: Hash) -> Result<Key, StartError> {
    let me = ValidatorId::of_key(&given.key.public());
    let guard = SignState::open(&given.dir, &chain, &me.to_string())?;
    Ok(Key::new(Signer::new(chain, given.key.clone()), guard, &given.key))
}

/// ENGINE-10: sends what still waits to other nodes again: to one that has just come, and to those that were too busy.
async fn resend(node: Arc<Node>, net: Arc<Net>) {
    let _alarm = Alarm(node.clone(), "the task that sends again what waits");
    let mut known = Vec::new();
    let mut since = 0;
    loop {
        tokio::time::sleep(RESEND_LOOK).await;
        let mut peers = net.peers().await;
        peers.sort_unstable();
        // A peer subscribes a moment after it has connected, so it is served at the look after the one that finds it.
        let has_new = since == 1;
        since = if peers.iter().any(|peer| known.binary_search(peer).is_err()) { 1 } else { since + 1 };
        known = peers;
        if known.is_empty() || !(has_new || since % RESEND_EVERY == 0) {
            continue;
        }
        let waiting = node.pool().oldest(RESEND_MAX);
        let sent = waiting.into_iter().take_while(|tx| net.publish(tx.clone())).count();
        if sent > 0 {
            tracing::debug!(sent, peers = known.len(), "what waits was sent again");
        }
    }
}

/// SIGN-5: where this key signed in a height of which neither store nor write-ahead log tell, the others go on without it for so long.
fn abstain_if_forgotten(node: &Node, guard: &SignState) -> Result<(), StartError> {
    let (signed, tip) = (guard.height(), node.tip());
    let next = tip.next_height();
    let forgotten = signed > next || (signed == next && !node.wal.exists());
    let until = if forgotten { signed } else { 0 }.max(guard.abstains_up_to());
    if until >= next && !tip.is_alone(node.me()) {
        guard.abstain(until)?;
        node.abstain_up_to(until);
    }
    Ok(())
}

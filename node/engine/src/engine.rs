use crate::codec::EngineCodec;
use crate::config::{BftConfig, EngineConfig, ValidatorKey, check_listen, keypair};
use crate::driver::Driver;
use crate::error::{AdmitError, NodeFault, StartError};
use crate::feed::Listener;
use crate::ingress::{Batch, Ingress};
use crate::node::{Node, Tip};
use crate::sign_state::SignState;
use crate::signer::GuardedSigner;
use crate::watchdog;
use arc_malachitebft_app_channel as bft;
use bft::app::types::codec::Codec;
use bft::{ConsensusContext, EngineBuilder, NetworkContext, NetworkIdentity, RequestContext, SyncContext, WalContext};
use leither_consensus::{Address, Leither, Signer, Verifier};
use leither_pool::Pool;
use leither_store::Store;
use leither_types::{AccountId, Hash, Height, SignedTx, TxId, ValidatorId};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// The write-ahead log's name in the data directory.
pub const WAL_FILE: &str = "consensus.wal";
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
    actors: bft::EngineHandle,
}

/// How the node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Engine {
    /// Starts on the store's head. Everything of it runs on threads of its own; only answers come back to the caller's.
    pub async fn start(config: EngineConfig, store: Store) -> Result<Self, StartError> {
        let chain = store.genesis().chain();
        let wal = config.data.join(WAL_FILE);
        let bft_config = BftConfig::new(&config)?;
        check_listen(config.listen)?;
        std::fs::create_dir_all(&config.data).map_err(|source| StartError::Io { path: config.data.clone(), source })?;

        let (signer, guard) = validator(config.validator, chain, &store)?.unzip();
        let me = signer.as_ref().map(|signer| ValidatorId::of_key(&signer.public()));
        let node = Arc::new(Node::new(chain, me, wal, store, Pool::new(config.pool))?);
        let guarded = signer.clone().zip(guard).map(|(signer, guard)| GuardedSigner::new(signer, guard, node.clone()));
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

        let identity = identity(config.moniker, &config.swarm_key, me, signer.as_ref())?;
        let has_peers = !config.peers.is_empty();
        let build = launch(node.clone(), bft_config, identity, signer, guarded, has_peers);
        let built = runtime.spawn(build).await.map_err(|e| StartError::Bft(e.to_string()))?;
        let actors = match built {
            Ok(actors) => actors,
            Err(e) => {
                runtime.shutdown_background();
                return Err(e);
            }
        };
        if let Some(mut incoming) = incoming {
            let entrance = ingress.clone();
            runtime.spawn(async move {
                while let Some(batch) = incoming.recv().await {
                    entrance.gossiped(batch);
                }
            });
        }
        let fault = node.fault();
        Ok(Self { node, ingress, fault, running: Mutex::new(Some(Running { runtime, actors })) })
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
        self.node.me
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
        let Some(Running { runtime, actors }) = running else { return };
        actors.actor.stop(Some("the node stops".into()));
        let _ = tokio::time::timeout(STOP, actors.handle).await;
        self.ingress.stop().await;
        // A runtime must not be dropped where tasks run.
        let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(STOP)).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { runtime, actors }) = running {
            actors.actor.stop(Some("the node stops".into()));
            runtime.shutdown_background();
        }
    }
}

fn validator(key: Option<ValidatorKey>, chain: Hash, store: &Store) -> Result<Option<(Signer, SignState)>, StartError> {
    let Some(ValidatorKey { key, dir }) = key else { return Ok(None) };
    let me = ValidatorId::of_key(&key.public());
    let used = store.head()?.height > 0;
    let guard = SignState::open(&dir, &chain, &me.to_string(), used)?;
    Ok(Some((Signer::new(chain, key), guard)))
}

fn identity(
    moniker: String,
    key: &leither_types::SecretKey,
    me: Option<ValidatorId>,
    signer: Option<&Signer>,
) -> Result<NetworkIdentity, StartError> {
    let keypair = keypair(key)?;
    let (Some(me), Some(signer)) = (me, signer) else { return Ok(NetworkIdentity::new(moniker, keypair, None)) };
    let proof = signer.validator_proof(keypair.public().to_peer_id().to_bytes());
    let proof = EngineCodec.encode(&proof).map_err(|e| StartError::Bft(e.to_string()))?;
    Ok(NetworkIdentity::new_validator(moniker, keypair, me.to_string(), proof))
}

/// Builds the engine's actors and our tasks around them, on the runtime that it is called on.
async fn launch(
    node: Arc<Node>,
    config: BftConfig,
    identity: NetworkIdentity,
    signer: Option<Signer>,
    guarded: Option<GuardedSigner>,
    has_peers: bool,
) -> Result<bft::EngineHandle, StartError> {
    let verifier = Box::new(Verifier::new(node.chain));
    let consensus = match (node.me, guarded) {
        (Some(me), Some(guarded)) => ConsensusContext::new_validator(Address(me), verifier, Box::new(guarded)),
        _ => ConsensusContext::new_full_node(Address(ValidatorId::default()), verifier),
    };
    let (channels, actors) = EngineBuilder::new(Leither, config)
        .with_default_wal(WalContext::new(node.wal.clone(), EngineCodec))
        .with_default_network(NetworkContext::new(identity, EngineCodec))
        .with_default_sync(SyncContext::new(EngineCodec))
        .with_default_consensus(consensus)
        .with_default_request(RequestContext::new(64))
        .build()
        .await
        .map_err(|e| StartError::Bft(format!("{e:#}")))?;
    let driver = Driver::new(node.clone(), signer, channels.network, has_peers);
    tokio::spawn(driver.run(channels.consensus));
    tokio::spawn(watchdog::hear(node.clone(), channels.events));
    tokio::spawn(watchdog::watch(node, channels.net_requests, channels.requests));
    Ok(actors)
}

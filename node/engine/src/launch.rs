//! The BFT engine's actors and our tasks around them, begun anew whenever this node begins or ceases to abstain (SIGN-5): the engine takes
//! one as a validator or as one that follows for as long as it lives.

use crate::codec::EngineCodec;
use crate::config::{BftConfig, EngineConfig, check_listen, keypair};
use crate::driver::Driver;
use crate::error::{NodeFault, StartError};
use crate::node::Node;
use crate::sign_state::SignState;
use crate::signer::GuardedSigner;
use crate::watchdog;
use arc_malachitebft_app_channel as bft;
use bft::app::types::codec::Codec;
use bft::{ConsensusContext, EngineBuilder, NetworkContext, NetworkIdentity, RequestContext, SyncContext, WalContext};
use leither_consensus::{Address, Leither, Signer, Verifier};
use leither_types::{SecretKey, ValidatorId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// The actors take no longer to end.
const STOP: Duration = Duration::from_secs(3);
/// Until the address that the former actors listened on is free again.
const FREE_TRIES: u32 = 50;

/// All that the actors are made of.
#[derive(Clone)]
pub struct Launch {
    node: Arc<Node>,
    config: BftConfig,
    moniker: String,
    swarm_key: SecretKey,
    listen: SocketAddr,
    signer: Option<Signer>,
    guard: Option<Arc<SignState>>,
    has_peers: bool,
}

/// Running actors.
pub struct Actors {
    handle: bft::EngineHandle,
    tasks: Vec<AbortHandle>,
    /// Whether they sign.
    signs: bool,
    /// Refusals before they began.
    refusals: u64,
}

impl Launch {
    /// Of a configuration that was found good.
    pub fn new(
        node: Arc<Node>,
        config: &EngineConfig,
        bft: BftConfig,
        signer: Option<Signer>,
        guard: Option<Arc<SignState>>,
    ) -> Self {
        Self {
            node,
            config: bft,
            moniker: config.moniker.clone(),
            swarm_key: config.swarm_key.clone(),
            listen: config.listen,
            signer,
            guard,
            has_peers: !config.peers.is_empty(),
        }
    }

    fn signs(&self) -> bool {
        self.signer.is_some() && !self.node.abstains_in(self.node.tip().next_height())
    }

    /// Builds and starts the actors on the runtime that it is called on.
    pub async fn start(&self) -> Result<Actors, StartError> {
        check_listen(self.listen)?;
        let node = self.node.clone();
        let (signs, refusals) = (self.signs(), node.refusals.load(Ordering::Relaxed));
        let verifier = Box::new(Verifier::new(node.chain));
        let consensus = match (node.me, &self.signer, &self.guard) {
            (Some(me), Some(signer), Some(guard)) if signs => {
                let guarded = GuardedSigner::new(signer.clone(), guard.clone(), node.clone());
                ConsensusContext::new_validator(Address(me), verifier, Box::new(guarded))
            }
            // The address of nobody: the engine signs for whoever is in the set under the address that it is told.
            _ => ConsensusContext::new_full_node(Address(ValidatorId::default()), verifier),
        };
        let (channels, handle) = EngineBuilder::new(Leither, self.config.clone())
            .with_default_wal(WalContext::new(node.wal.clone(), EngineCodec))
            .with_default_network(NetworkContext::new(self.identity()?, EngineCodec))
            .with_default_sync(SyncContext::new(EngineCodec))
            .with_default_consensus(consensus)
            .with_default_request(RequestContext::new(64))
            .build()
            .await
            .map_err(|e| StartError::Log { why: format!("{e:#}"), wal: node.wal.clone() })?;
        let driver = Driver::new(node.clone(), self.signer.clone().filter(|_| signs), channels.network, self.has_peers);
        let tasks = vec![
            tokio::spawn(driver.run(channels.consensus)).abort_handle(),
            tokio::spawn(watchdog::hear(node.clone(), channels.events)).abort_handle(),
            tokio::spawn(watchdog::watch(node, channels.net_requests, channels.requests)).abort_handle(),
        ];
        Ok(Actors { handle, tasks, signs, refusals })
    }

    /// Again, once the address is free.
    async fn restart(&self) -> Result<Actors, StartError> {
        for _ in 0..FREE_TRIES {
            if check_listen(self.listen).is_ok() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        self.start().await
    }

    fn identity(&self) -> Result<NetworkIdentity, StartError> {
        let keypair = keypair(&self.swarm_key)?;
        let moniker = self.moniker.clone();
        let (Some(me), Some(signer)) = (self.node.me, &self.signer) else {
            return Ok(NetworkIdentity::new(moniker, keypair, None));
        };
        let proof = signer.validator_proof(keypair.public().to_peer_id().to_bytes());
        let proof = EngineCodec.encode(&proof).map_err(|e| StartError::Bft(e.to_string()))?;
        Ok(NetworkIdentity::new_validator(moniker, keypair, me.to_string(), proof))
    }
}

impl Actors {
    async fn stop(self) {
        // Our tasks first: they would take the actors' end for a failure.
        self.tasks.iter().for_each(AbortHandle::abort);
        self.handle.actor.stop(Some("the node stops".into()));
        // Those that hang are left behind; the runtime ends them.
        let _ = timeout(STOP, self.handle.handle).await;
    }
}

/// Keeps actors of the right kind running until it is told to stop.
pub async fn supervise(launch: Launch, mut actors: Actors, mut stop: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            () = launch.node.role.notified() => {}
            _ = &mut stop => return actors.stop().await,
        }
        if launch.signs() == actors.signs && launch.node.refusals.load(Ordering::Relaxed) == actors.refusals {
            continue;
        }
        actors.stop().await;
        // A block that is being written is written to its end: the next actors begin after it.
        let node = launch.node.clone();
        let _ = tokio::task::spawn_blocking(move || drop(node.writing.lock())).await;
        actors = match launch.restart().await {
            Ok(actors) => actors,
            Err(e) => return launch.node.fail(NodeFault::Bft { why: e.to_string(), wal: launch.node.wal.clone() }),
        };
    }
}

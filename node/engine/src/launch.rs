//! What this node is to the chain, and the tasks that make it so, begun anew whenever that changes:
//! - a validator in the set runs the BFT engine's actors, by the key that the set names;
//! - one that abstains (SIGN-5) runs them without signing;
//! - any other node runs no actors: it follows over the data swarm (ENGINE-11).

use crate::codec::EngineCodec;
use crate::config::{BftConfig, EngineConfig, check_listen, keypair, swarm_key};
use crate::driver::Driver;
use crate::error::{NodeFault, StartError};
use crate::follow;
use crate::gate::{self, Places};
use crate::join::Trusted;
use crate::meddle::{self, Meddler};
use crate::node::{Alarm, Node, Tip};
use crate::roster;
use crate::sign_state::SignState;
use crate::signer::GuardedSigner;
use crate::silence;
use crate::watchdog;
use arc_malachitebft_app_channel as bft;
use bft::app::types::codec::Codec;
use bft::{ConsensusContext, EngineBuilder, NetworkContext, NetworkIdentity, RequestContext, SyncContext, WalContext};
use leither_consensus::{Address, Leither, Signer, Verifier};
use leither_failpoints::hit;
use leither_net::Net;
use leither_types::{SecretKey, ValidatorId};
use std::fs::TryLockError;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// The actors take no longer to end.
const STOP: Duration = Duration::from_secs(3);
/// Until what the former actors held is free again, the address that they listened on and the write-ahead log: so many looks.
const FREE_TRIES: u32 = 300;
const FREE_PAUSE: Duration = Duration::from_millis(100);

/// One of this node's consensus keys, with its guard.
#[derive(Clone)]
pub struct Key {
    /// The validator that it makes.
    pub id: ValidatorId,
    /// Signs.
    pub signer: Signer,
    /// Remembers what was signed.
    pub guard: Arc<SignState>,
    /// The name in the consensus swarm that goes with it.
    pub swarm: SecretKey,
}

/// All that the actors are made of.
#[derive(Clone)]
pub struct Launch {
    node: Arc<Node>,
    config: BftConfig,
    moniker: String,
    swarm_key: SecretKey,
    listen: SocketAddr,
    keys: Vec<Key>,
    net: Option<Arc<Net>>,
    trusted: Option<Trusted>,
    named: Vec<String>,
    meddler: Option<Arc<dyn Meddler>>,
}

/// What this node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It takes blocks from the data swarm.
    Follows,
    /// It runs the engine, by the key of this number, if any.
    Runs { key: Option<usize>, signs: bool },
}

/// Running tasks.
pub struct Actors {
    handle: Option<bft::EngineHandle>,
    /// Where their swarm listens, behind the gate.
    swarm: Option<SocketAddr>,
    tasks: Vec<AbortHandle>,
    role: Role,
    /// Refusals before they began.
    refusals: u64,
    /// Ends the writing of blocks that the swarm brought.
    stop: Arc<AtomicBool>,
}

impl Key {
    /// Of a consensus key and the guard beside it.
    pub fn new(signer: Signer, guard: SignState, secret: &SecretKey) -> Self {
        Self { id: ValidatorId::of_key(&signer.public()), signer, guard: Arc::new(guard), swarm: swarm_key(secret) }
    }
}

/// Which of the keys votes on the next height, else on the one after it.
pub fn seated(keys: &[Key], tip: &Tip) -> Option<usize> {
    [&tip.validators, &tip.after].iter().find_map(|set| keys.iter().position(|key| set.seat(&key.id).is_some()))
}

impl Launch {
    /// Of a configuration that was found good.
    pub fn new(node: Arc<Node>, config: &EngineConfig, bft: BftConfig, keys: Vec<Key>, net: Option<Arc<Net>>) -> Self {
        Self {
            node,
            config: bft,
            moniker: config.moniker.clone(),
            swarm_key: config.swarm_key.clone(),
            listen: config.listen,
            keys,
            net,
            trusted: config.trusted,
            named: config.peers.clone(),
            meddler: config.meddler.clone(),
        }
    }

    fn role(&self) -> Role {
        let tip = self.node.tip();
        let lags = self.node.lags.load(Ordering::Relaxed);
        match seated(&self.keys, &tip) {
            None if self.net.is_some() => Role::Follows,
            Some(_) if lags && self.net.is_some() => Role::Follows,
            key => Role::Runs { key, signs: key.is_some() && !self.node.abstains_in(tip.next_height()) },
        }
    }

    /// Starts what the role wants on the runtime that it is called on.
    pub async fn start(&self) -> Result<Actors, StartError> {
        let (role, refusals) = (self.role(), self.node.refusals.load(Ordering::Relaxed));
        let stop = Arc::new(AtomicBool::new(false));
        let (handle, swarm, tasks) = match (role, &self.net) {
            (Role::Follows, Some(net)) => {
                tracing::info!("this node follows: its blocks come over the data swarm");
                self.node.peers.store(0, Ordering::Relaxed);
                (
                    None,
                    None,
                    vec![tokio::spawn(follow::run(self.node.clone(), net.clone(), self.trusted, stop.clone())).abort_handle()],
                )
            }
            (Role::Runs { key, signs }, _) => {
                let (handle, swarm, tasks) = self.start_bft(key.and_then(|at| self.keys.get(at)), signs).await?;
                (Some(handle), Some(swarm), tasks)
            }
            (Role::Follows, None) => return Err(StartError::Bft("a node that follows needs the data swarm".into())),
        };
        Ok(Actors { handle, swarm, tasks, role, refusals, stop })
    }

    async fn start_bft(
        &self,
        key: Option<&Key>,
        signs: bool,
    ) -> Result<(bft::EngineHandle, SocketAddr, Vec<AbortHandle>), StartError> {
        check_listen(self.listen)?;
        let unheard = |source| StartError::Listen { addr: self.listen, source };
        let door = TcpListener::bind(self.listen).await.map_err(unheard)?;
        let inner = gate::inner().map_err(unheard)?;
        let places = Arc::new(Places::default());
        places.set(self.named.iter().filter_map(|text| text.parse().ok()).collect::<Vec<_>>().iter());
        let node = self.node.clone();
        if let Some(key) = key {
            node.vote_as(Some(key.id));
        }
        let verifier = Box::new(Verifier::new(node.chain));
        let consensus = match key {
            Some(key) if signs => {
                let signer: meddle::BoxedSigner = match &self.meddler {
                    None => Box::new(GuardedSigner::new(key.signer.clone(), key.guard.clone(), node.clone())),
                    Some(meddler) => meddler.signer(key.signer.clone()),
                };
                ConsensusContext::new_validator(Address(key.id), verifier, signer)
            }
            // The address of nobody: the engine signs for whoever is in the set under the address that it is told.
            _ => ConsensusContext::new_full_node(Address(ValidatorId::default()), verifier),
        };
        let config = self.config.listening(inner)?;
        let engine = EngineBuilder::new(Leither, config.clone())
            .with_default_wal(WalContext::new(node.wal.clone(), EngineCodec))
            .with_default_sync(SyncContext::new(EngineCodec))
            .with_default_consensus(consensus)
            .with_default_request(RequestContext::new(64));
        let identity = self.identity(key)?;
        let built = match (&self.meddler, key) {
            (Some(meddler), Some(key)) if signs => {
                let me = Address(key.id);
                let (network, parts) = meddle::network(meddler, &config, identity, key.signer.clone(), me).await?;
                let built = engine.with_custom_network(network.clone(), parts).build().await;
                if built.is_err() {
                    network.stop(None);
                }
                built
            }
            _ => engine.with_default_network(NetworkContext::new(identity, EngineCodec)).build().await,
        };
        let (channels, handle) = built.map_err(|e| StartError::Log { why: format!("{e:#}"), wal: node.wal.clone() })?;
        let signer = key.filter(|_| signs).map(|key| key.signer.clone());
        let driver = Driver::new(node.clone(), signer, channels.network, !self.named.is_empty());
        let net_requests = || channels.net_requests.clone();
        let peers = roster::keep(node.clone(), net_requests(), self.named.clone(), key.map(|key| key.id), places.clone());
        let mut tasks = vec![
            tokio::spawn(gate::run(door, inner, places, net_requests())).abort_handle(),
            tokio::spawn(driver.run(channels.consensus)).abort_handle(),
            tokio::spawn(watchdog::hear(node.clone(), channels.events)).abort_handle(),
            tokio::spawn(watchdog::watch(node.clone(), channels.net_requests, channels.requests)).abort_handle(),
            tokio::spawn(peers).abort_handle(),
            tokio::spawn(silence::bound()).abort_handle(),
        ];
        if let Some(net) = &self.net {
            tasks.push(tokio::spawn(follow::watch_lag(node, net.clone())).abort_handle());
        }
        Ok((handle, inner, tasks))
    }

    /// Again, once address and write-ahead log are free, where they are needed: actors that hang keep them for a while after they were told
    /// to end.
    ///
    /// `former` is where their swarm listened: as long as it does, it has connections, too. Peers would take a new one by the same name for one
    /// more of the former's, and not say again what they subscribe to, so that the new swarm would have nobody to send its votes to.
    async fn restart(&self, former: Option<SocketAddr>) -> Result<Actors, StartError> {
        let is_gone = || former.is_none_or(|swarm| check_listen(swarm).is_ok());
        let is_free = || self.role() == Role::Follows || (check_listen(self.listen).is_ok() && is_unlocked(&self.node.wal));
        for left in (0..FREE_TRIES).rev() {
            // The former swarm may hang for ever, while what this one needs for itself is free.
            if is_free() && (is_gone() || left == 0) {
                return self.start().await;
            }
            sleep(FREE_PAUSE).await;
        }
        match check_listen(self.listen) {
            Ok(()) => Err(StartError::Held { wal: self.node.wal.clone() }),
            Err(error) => Err(error),
        }
    }

    fn identity(&self, key: Option<&Key>) -> Result<NetworkIdentity, StartError> {
        let moniker = self.moniker.clone();
        let Some(key) = key else { return Ok(NetworkIdentity::new(moniker, keypair(&self.swarm_key)?, None)) };
        let keypair = keypair(&key.swarm)?;
        let proof = key.signer.validator_proof(keypair.public().to_peer_id().to_bytes());
        let proof = EngineCodec.encode(&proof).map_err(|e| StartError::Bft(e.to_string()))?;
        Ok(NetworkIdentity::new_validator(moniker, keypair, key.id.to_string(), proof))
    }
}

/// Whether the engine could lock its write-ahead log now. What else is wrong with the file, it says itself.
fn is_unlocked(wal: &Path) -> bool {
    let Ok(file) = std::fs::File::open(wal) else { return true };
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

impl Actors {
    /// Says where their swarm listened.
    async fn stop(self) -> Option<SocketAddr> {
        self.stop.store(true, Ordering::Relaxed);
        // Our tasks first: they would take the actors' end for a failure.
        self.tasks.iter().for_each(AbortHandle::abort);
        if let Some(handle) = self.handle {
            handle.actor.stop(Some("the node stops".into()));
            // Those that hang are left behind; the runtime ends them.
            let _ = timeout(STOP, handle.handle).await;
        }
        self.swarm
    }
}

/// Keeps tasks of the right kind running until it is told to stop.
pub async fn supervise(launch: Launch, mut actors: Actors, mut stop: oneshot::Receiver<()>) {
    let _alarm = Alarm(launch.node.clone(), "the task that gives this node its part");
    loop {
        tokio::select! {
            () = launch.node.role.notified() => {}
            _ = &mut stop => {
                actors.stop().await;
                return;
            }
        }
        let role = launch.role();
        if role == actors.role && launch.node.refusals.load(Ordering::Relaxed) == actors.refusals {
            continue;
        }
        tracing::info!(from = ?actors.role, to = ?role, "this node's part changes");
        let former = actors.stop().await;
        // A block that is being written is written to its end: what begins next begins after it.
        let node = launch.node.clone();
        let _ = tokio::task::spawn_blocking(move || drop(node.writing.lock())).await;
        hit("engine/part-ended");
        actors = match launch.restart(former).await {
            Ok(actors) => actors,
            Err(StartError::Held { wal }) => return launch.node.fail(NodeFault::Held { wal }),
            Err(e) => return launch.node.fail(NodeFault::Bft { why: e.to_string(), wal: launch.node.wal.clone() }),
        };
        hit("engine/part-begun");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_former_actors_hold_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let wal = dir.path().join("consensus.wal");
        assert!(is_unlocked(&wal), "there is none yet");
        let held = std::fs::File::create(&wal).unwrap();
        assert!(is_unlocked(&wal));
        held.lock().unwrap();
        assert!(!is_unlocked(&wal));
        drop(held);
        assert!(is_unlocked(&wal) && is_unlocked(&wal), "to look at it holds nothing");
    }
}

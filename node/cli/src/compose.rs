//! The composition root: the one place that knows every part and puts a node together.
//!
//! ```text
//! genesis -> Store -> Net (data swarm) -> Engine (consensus swarm) -> RPC server -> content (its swarm, gateway, socket) -> run until a signal or a fault -> stop in reverse
//! ```

use crate::backend::{Names, Node, Served};
use crate::config::Config;
use crate::content::{self, Contents};
use crate::exit::{Done, Exit, Failure};
use crate::janitor::Janitor;
use crate::vitals::NodeVitals;
use crate::watch::{Meters, Watch, WatchConfig, WatchError};
use leither_engine::join::Trusted;
use leither_engine::meddle::Meddler;
use leither_engine::{Engine, EngineConfig, Gossip, Heard, StoreLibrary, ValidatorKey, swarm_peer_id};
use leither_net::{Library, Net, NetConfig};
use leither_pallets::wasm::Contracts;
use leither_pool::Limits;
use leither_rpc_server::RpcServer;
use leither_state::Fault;
use leither_store::{OpenError, Store};
use leither_types::{Genesis, Hash, SecretKey};
use leither_vm::WasmEngine;
use multiaddr::{Multiaddr, Protocol};
use parity_scale_codec::Encode;
use std::fs::DirBuilder;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// A snapshot or a prune that was told to end takes no longer.
const LONG_WORK: Duration = Duration::from_secs(5);
/// Compiled contracts, in the home directory: nobody else may write there.
const MODULES_DIR: &str = "modules";
/// Addresses that worked, in the data directory.
pub const ANCHORS_FILE: &str = "anchors.scale";

/// What a node is made of.
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// The start of the chain.
    pub genesis: Genesis,
    /// Where the database goes.
    pub data: PathBuf,
    /// What counts against the disk's cap.
    pub home: PathBuf,
    /// Where snapshots of the state go, if any are to be written and served.
    pub snapshots: Option<PathBuf>,
    /// This node's consensus keys.
    pub validators: Vec<ValidatorKey>,
    /// A block that the owner trusts.
    pub trusted: Option<Trusted>,
    /// The node's name in the data swarm.
    pub node_key: SecretKey,
    /// Its name in the consensus swarm.
    pub swarm_key: SecretKey,
    /// The newest rules that this program plays by.
    pub rules_max: u32,
    /// Whether others may join: the data swarm then starts even where it has nobody to dial.
    pub joinable: bool,
    /// What a test puts between this node and the others.
    pub meddler: Option<Arc<dyn Meddler>>,
}

/// A running node.
pub struct Running {
    engine: Arc<Engine>,
    net: Option<Arc<Net>>,
    rpc: RpcServer,
    contents: Contents,
    watch: Watch,
    janitor: JoinHandle<()>,
    /// Tells the janitor to end.
    end: Arc<Notify>,
    full: Arc<AtomicBool>,
    /// The database, for whoever runs in this process.
    pub store: Store,
}

impl Parts {
    /// Starts everything, from the disk upwards.
    pub async fn start(self) -> Done<Running> {
        let config = self.config;
        let genesis = self.genesis.encode();
        let store = open_store(self.data.clone(), self.genesis).await?;
        let blocks = content::open(&self.home, &config).await?;
        store.keep_past(config.trace_memory as usize).map_err(Failure::fault)?;
        // Before anything runs: what runs is stopped in order, or not begun.
        let (watch_at, rpc_at) = (config.metrics_listen, config.rpc.listen);
        probe(watch_at).map_err(|cause| WatchError::Bind { listen: watch_at, cause })?;
        probe(rpc_at).map_err(|cause| leither_rpc_server::StartError::Bind { listen: rpc_at, cause })?;
        probe(config.gateway.listen).map_err(|cause| content::gateway_taken(config.gateway.listen, &cause))?;
        let contracts = open_contracts(&self.home.join(MODULES_DIR))?;
        let chain = store.genesis().chain();
        let peer_id = |key| swarm_peer_id(key).map_err(Failure::fault);
        let names =
            Names { moniker: config.moniker.clone(), data: peer_id(&self.node_key)?, consensus: peer_id(&self.swarm_key)? };
        let alone = config.p2p.peers.is_empty() && config.consensus.persistent_peers.is_empty();
        let (net, gossip) = if alone && !self.joinable {
            (None, None)
        } else {
            let shelf = self.snapshots.clone().unwrap_or_else(|| self.home.join("snapshots"));
            let library: Arc<dyn Library> = Arc::new(StoreLibrary::new(store.clone(), shelf, genesis));
            let net = net_config(&config, &self.node_key, chain, Some(library), Some(self.data.join(ANCHORS_FILE)));
            let (net, incoming) = Net::start(net).await?;
            let net = Arc::new(net);
            (Some(net.clone()), Some(Gossip { net, incoming }))
        };
        let engine = EngineConfig {
            data: self.data.clone(),
            validators: self.validators,
            swarm_key: self.swarm_key,
            listen: config.consensus.listen,
            peers: config.consensus.persistent_peers.iter().map(ToString::to_string).collect(),
            moniker: config.moniker.clone(),
            pool: Limits::default(),
            admit_threads: 0,
            trusted: self.trusted,
            rules_max: self.rules_max,
            gossip,
            meddler: self.meddler,
            contracts,
        };
        let engine = Arc::new(Engine::start(engine, store.clone()).await?);
        let heights = follow(&engine, &store)?;
        let is_up = Arc::new(AtomicBool::new(false));
        let vitals = NodeVitals {
            store: store.clone(),
            engine: engine.clone(),
            net: net.clone(),
            folders: [("chain", self.data)].into_iter().chain(self.snapshots.clone().map(|path| ("snapshots", path))).collect(),
            cap: config.disk_cap,
            alone,
            rpc: is_up.clone(),
            handle: Handle::current(),
        };
        let head = store.head().map_err(Failure::fault)?;
        let meters = Arc::new(Meters::new(head.height, head.time));
        tokio::spawn(crate::watch::follow(engine.listen(), store.clone(), meters.clone()));
        let watch = WatchConfig { listen: config.metrics_listen, hosts: config.rpc.allowed_hosts.clone() };
        let watch = Watch::start(watch, Arc::new(vitals), meters).await?;
        let full = Arc::new(AtomicBool::new(false));
        let janitor = Janitor::new(store.clone(), self.home.clone(), self.snapshots, &config);
        let end = Arc::new(Notify::new());
        let janitor = tokio::spawn(janitor.run(engine.clone(), full.clone(), end.clone()));

        let node = Node::new(store.clone(), engine.clone(), names, heights, net.clone());
        let mut rpc = leither_rpc_server::Config::new(config.rpc.listen);
        rpc.hosts = config.rpc.allowed_hosts.clone();
        rpc.origins = config.rpc.allowed_origins.clone();
        rpc.connections_max = config.rpc.max_connections as usize;
        if config.rpc.listen.ip().is_loopback() {
            // Everybody there is this machine's owner.
            rpc.connections_per_ip_max = rpc.connections_max;
        }
        let served = Served::new(node);
        let rpc = RpcServer::start(rpc, Arc::new(served.clone())).await?;
        // Whoever is told of it works in another directory.
        let socket = std::path::absolute(content::socket_of(&self.home)).map_err(Failure::fault)?;
        let contents = Contents::start(blocks, served.clone(), self.home, &config, &self.node_key, net.clone()).await?;
        served.places().gateway.get_or_init(|| contents.gateway_address().to_string());
        if config.rpc.listen.ip().is_loopback() {
            served.places().socket.get_or_init(|| socket.display().to_string());
        }
        is_up.store(true, Ordering::Relaxed);
        Ok(Running { engine, net, rpc, contents, watch, janitor, end, full, store })
    }
}

/// Whether an address can be listened on.
fn probe(listen: SocketAddr) -> std::io::Result<()> {
    TcpListener::bind(listen).map(drop)
}

/// The data swarm of these settings.
pub fn net_config(
    config: &Config,
    key: &SecretKey,
    chain: Hash,
    library: Option<Arc<dyn Library>>,
    anchors: Option<PathBuf>,
) -> NetConfig {
    let (listen, peers) = (swarm_addresses(config.p2p.listen), config.p2p.peers.clone());
    NetConfig { key_seed: key.seed(), listen, peers, chain, library, anchors }
}

/// Where a swarm listens: QUIC first, and TCP where that is kept from passing.
pub fn swarm_addresses(listen: SocketAddr) -> Vec<Multiaddr> {
    let host = Multiaddr::from(listen.ip());
    vec![host.clone().with(Protocol::Udp(listen.port())).with(Protocol::QuicV1), host.with(Protocol::Tcp(listen.port()))]
}

/// Opens the database; a large one is read for seconds, so not on a thread that others wait for.
async fn open_store(data: PathBuf, genesis: Genesis) -> Done<Store> {
    let open = move || {
        let initial =
            || leither_executor::genesis_state(&genesis).map_err(|e| Fault::Corrupt(format!("the genesis makes no state: {e}")));
        Store::open(&data, &genesis.head, &initial)
    };
    let opened = tokio::task::spawn_blocking(open).await.map_err(Failure::fault)?;
    opened.map_err(|e| match e {
        OpenError::Genesis(_) => Failure::usage(e),
        other => Failure::new(Exit::Fault, other),
    })
}

/// The engine of contracts, with its cache. The database's lock, which is held by now, keeps it to this process.
fn open_contracts(dir: &Path) -> Done<Contracts> {
    let failed = |e: &dyn std::fmt::Display| Failure::fault(format!("cannot use {} for compiled contracts: {e}", dir.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| failed(&e))?;
    Ok(Contracts::new(Arc::new(WasmEngine::open(dir).map_err(|e| failed(&e))?)))
}

/// The newest final height, for whoever waits for it.
fn follow(engine: &Engine, store: &Store) -> Done<watch::Receiver<u64>> {
    let mut listener = engine.listen();
    let head = store.head().map_err(Failure::fault)?.height;
    let (sender, receiver) = watch::channel(head);
    let store = store.clone();
    tokio::spawn(async move {
        loop {
            let height = match listener.next().await {
                Heard::Pulse(pulse) => pulse.height,
                Heard::Lagged(_) => match store.head() {
                    Ok(head) => head.height,
                    Err(_) => return,
                },
                Heard::Closed => return,
            };
            sender.send_replace(height);
        }
    });
    Ok(receiver)
}

impl Running {
    /// Where metrics are.
    pub fn metrics_address(&self) -> SocketAddr {
        self.watch.address()
    }

    /// Where JSON-RPC listens.
    pub fn rpc_address(&self) -> SocketAddr {
        self.rpc.address()
    }

    /// Where the gateway listens.
    pub fn gateway_address(&self) -> SocketAddr {
        self.contents.gateway_address()
    }

    /// Runs until its end is asked for (done) or something has to stop the node (exit code 4).
    pub async fn until_the_end(self, mut end: End) -> Done {
        let why = tokio::select! {
            fault = self.engine.fault() => Err(Failure::new(Exit::Fault, fault)),
            () = ends(&self.janitor) => Err(Failure::fault(match self.full.load(Ordering::Relaxed) {
                true => "the disk cap is reached: raise disk.cap, or make room under the home directory",
                false => "what keeps the disk in order has died, and says above why: start the node again",
            })),
            () = end.asked() => Ok(()),
        };
        self.stop().await;
        why
    }

    /// Stops everything, in the reverse order of its start.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.contents.stop().await;
        self.watch.stop().await;
        self.rpc.stop().await;
        self.end.notify_one();
        self.engine.stop().await;
        // DISK-4: nothing is committed any more, and a snapshot or a prune that is under way need not be waited for.
        self.store.end_long_work();
        if tokio::time::timeout(LONG_WORK, self.janitor).await.is_err() {
            tracing::warn!("the janitor's work does not end; the next start clears away what it left");
        }
        if let Some(net) = self.net {
            net.shutdown().await;
        }
    }
}

/// Waits until a task is over that should not be: DISK-3, no room is left.
async fn ends(task: &JoinHandle<()>) {
    while !task.is_finished() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The signals that ask for the end: Ctrl-C and SIGTERM. From its making on they end the process no more; one that comes before anybody
/// waits is kept.
pub struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    /// Listens from now on.
    pub fn listen() -> Done<Self> {
        let listen = |kind| signal(kind).map_err(|e| Failure::fault(format!("cannot listen for Ctrl-C: {e}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for one of them.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_swarm_listens_on_either_kind_of_address() {
        let shown = |listen: &str| {
            let addresses = swarm_addresses(listen.parse().unwrap());
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("127.0.0.1:4801"), "/ip4/127.0.0.1/udp/4801/quic-v1 /ip4/127.0.0.1/tcp/4801");
        assert_eq!(shown("[::1]:4801"), "/ip6/::1/udp/4801/quic-v1 /ip6/::1/tcp/4801");
        assert_eq!(shown("[::]:0"), "/ip6/::/udp/0/quic-v1 /ip6/::/tcp/0");
    }
}

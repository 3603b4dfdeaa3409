//! The composition root: the one place that knows every part and puts a node together.
//!
//! ```text
//! genesis -> Store -> Net (data swarm) -> Engine (consensus swarm) -> RPC server -> run until a signal or a fault -> stop in reverse
//! ```

use crate::backend::{Node, Served};
use crate::config::Config;
use crate::exit::{Done, Exit, Failure};
use leither_engine::{Engine, EngineConfig, Gossip, Heard, ValidatorKey};
use leither_net::{Net, NetConfig};
use leither_pool::Limits;
use leither_rpc_server::RpcServer;
use leither_state::Fault;
use leither_store::{OpenError, Store};
use leither_types::{Genesis, SecretKey};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// What a node is made of.
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// The start of the chain.
    pub genesis: Genesis,
    /// Where the database goes.
    pub data: PathBuf,
    /// This node as a validator.
    pub validator: Option<ValidatorKey>,
    /// The node's name in the data swarm.
    pub node_key: SecretKey,
    /// Its name in the consensus swarm.
    pub swarm_key: SecretKey,
}

/// A running node.
pub struct Running {
    engine: Arc<Engine>,
    net: Option<Arc<Net>>,
    rpc: RpcServer,
    /// The database, for whoever runs in this process.
    pub store: Store,
}

impl Parts {
    /// Starts everything, from the disk upwards.
    pub async fn start(self) -> Done<Running> {
        let store = open_store(self.data.clone(), self.genesis).await?;
        let chain = store.genesis().chain();
        let alone = self.config.p2p.peers.is_empty() && self.config.consensus.persistent_peers.is_empty();
        let (net, gossip) = if alone {
            (None, None)
        } else {
            let listen = [
                format!("/ip4/{}/udp/{}/quic-v1", self.config.p2p.listen.ip(), self.config.p2p.listen.port()),
                format!("/ip4/{}/tcp/{}", self.config.p2p.listen.ip(), self.config.p2p.listen.port()),
            ];
            let listen: Result<Vec<_>, _> = listen.iter().map(|text| text.parse()).collect();
            let net = NetConfig {
                key_seed: self.node_key.seed(),
                listen: listen.map_err(|e| Failure::usage(format!("p2p.listen: {e}")))?,
                peers: self.config.p2p.peers.clone(),
                chain,
            };
            let (net, incoming) = Net::start(net).await.map_err(Failure::fault)?;
            let net = Arc::new(net);
            (Some(net.clone()), Some(Gossip { net, incoming }))
        };
        let engine = EngineConfig {
            data: self.data,
            validator: self.validator,
            swarm_key: self.swarm_key,
            listen: self.config.consensus.listen,
            peers: self.config.consensus.persistent_peers.iter().map(ToString::to_string).collect(),
            moniker: self.config.moniker.clone(),
            pool: Limits::default(),
            admit_threads: 0,
            gossip,
        };
        let engine = Arc::new(Engine::start(engine, store.clone()).await.map_err(Failure::fault)?);
        let heights = follow(&engine, &store)?;
        let node = Node::new(store.clone(), engine.clone(), self.config.moniker.clone(), heights, net.clone());
        let mut rpc = leither_rpc_server::Config::new(self.config.rpc.listen);
        rpc.hosts = self.config.rpc.allowed_hosts.clone();
        rpc.origins = self.config.rpc.allowed_origins.clone();
        rpc.connections_max = self.config.rpc.max_connections as usize;
        if self.config.rpc.listen.ip().is_loopback() {
            // Everybody there is this machine's owner.
            rpc.connections_per_ip_max = rpc.connections_max;
        }
        let rpc = RpcServer::start(rpc, Arc::new(Served(Arc::new(node)))).await.map_err(Failure::fault)?;
        Ok(Running { engine, net, rpc, store })
    }
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
    /// Where JSON-RPC listens.
    pub fn rpc_address(&self) -> SocketAddr {
        self.rpc.address()
    }

    /// Runs until a signal asks for the end (done) or something has to stop the node (exit code 4).
    pub async fn until_the_end(self) -> Done {
        let end = tokio::select! {
            fault = self.engine.fault() => Err(Failure::new(Exit::Fault, fault)),
            signal = signal() => signal,
        };
        self.rpc.stop().await;
        self.engine.stop().await;
        drop(self.net);
        end
    }
}

async fn signal() -> Done {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::fault)?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::fault)?,
    }
    tracing::info!("stopping");
    Ok(())
}

//! Content in a running node: its store, the gateway over it, and the admin calls by which this machine's owner puts content in.
//!
//! ```text
//! leither mimei ... --run/leither.sock--> admin --\
//!                                                  ContentStore <-- Local <-- Far (a Source) <-- gateway <-- browsers
//! purge, quota, heads that came late  ---- keeper-/    ^    \               |
//!                                 fetch, follow ------/      Shelf --> Routing (the content swarm) <-- Meet <-- peers of the chain
//! ```
//! | module | holds |
//! |---|---|
//! | [`api`] | what passes through the socket: paths, JSON, frames |
//! | `admin`, `calls` | the node's side of it |
//! | [`client`] | the command line's side |
//! | `local`, `shelf` | the store as a source of blocks, and as the swarm sees it |
//! | `far`, `cache`, `kin`, `owners` | blocks for the gateway out of the network |
//! | `fetch` | a whole tree out of the network into the store |
//! | `follow`, `book`, `pending` | what is kept up to the chain |
//! | `publish`, `trees`, `board` | what is announced, and for whom |
//! | `sockets` | how many connections the gateway may have |
//! | `meet` | where peers of the chain are in the content swarm |
//! | `chain`, `wants` | what these ask of the chain and of the swarm, as traits |
//! | `keeper`, `compactor` | what is done by time |
//!
//! The database lies beside the chain's and not in it: that one is replaced as a whole where a snapshot takes its place. Rules `SOCK-1` to
//! `SOCK-9`, `HOLD-1` to `HOLD-14`, `FAR-1` to `FAR-6`, `FETCH-1` to `FETCH-5`, `MEET-1`, `MEET-2` and `FIND-1`: `spec/mimei.md`.

mod admin;
pub mod api;
mod board;
mod book;
mod cache;
mod calls;
mod chain;
pub mod client;
mod compactor;
#[cfg(test)]
mod fakes;
mod far;
mod fetch;
mod follow;
mod keeper;
mod kin;
mod local;
mod meet;
mod owners;
mod pending;
mod publish;
mod shelf;
mod sockets;
#[cfg(test)]
mod tests;
mod trees;
mod wants;

pub use follow::profile_of;

use crate::backend::Served;
use crate::compose::swarm_addresses;
use crate::config::{self, Config};
use crate::exit::{Done, Exit, Failure};
use admin::{Admin, Link};
use follow::Follow;
use keeper::Keeper;
use leither_gateway::{Gateway, Nobody};
use leither_net::Net;
use leither_routing::{DhtMode, Routing};
use leither_storage::{ContentStore, StorageError};
use leither_types::{SecretKey, tagged};
use local::Local;
use meet::{Meet, Met};
use owners::Named;
use shelf::Shelf;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The content database, below the home directory.
pub const CONTENT_DIR: &str = "content";
/// What others told of who has what, and what this node announces, below the home directory.
pub const ROUTING_DIR: &str = "routing";
/// What answers under way get to end, in all.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// Where admin calls come in, below the directory of a home or of a development chain.
pub fn socket_of(home: &Path) -> PathBuf {
    home.join("run").join("leither.sock")
}

/// All of it, at work.
pub struct Contents {
    gateway: SocketAddr,
    routing: Routing,
    end: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    socket: PathBuf,
}

/// Opens the database; a large one is read for seconds, so not on a thread that others wait for.
pub async fn open(home: &Path, config: &Config) -> Done<ContentStore> {
    let settings = leither_storage::Config {
        dir: home.join(CONTENT_DIR),
        quota_bytes: config.storage.quota.min(config.disk_cap),
        cache_bytes: usize::try_from(config.storage.cache).unwrap_or(usize::MAX),
        space: Some(crate::disk::space),
    };
    crate::files::private_dir(&settings.dir)
        .map_err(|e| Failure::fault(format!("cannot create {}: {e}", settings.dir.display())))?;
    let opened = tokio::task::spawn_blocking(move || ContentStore::open(&settings)).await.map_err(Failure::fault)?;
    opened.map_err(storage_failure)
}

/// What a command says where the store itself was asked.
pub fn storage_failure(error: StorageError) -> Failure {
    let exit = match &error {
        StorageError::Busy(_) | StorageError::Newer(_) => Exit::Usage,
        _ => Exit::Fault,
    };
    Failure::new(exit, error)
}

/// Whether the gateway's address is free; else what to do.
pub fn gateway_taken(listen: SocketAddr, cause: &std::io::Error) -> Failure {
    Failure::fault(format!("cannot listen on {listen}: {cause}; is another node running? set gateway.listen to another port"))
}

/// The content swarm of these settings. Its key follows from the node's, and does not tell it.
fn swarm(settings: &Config, key: &SecretKey, dir: PathBuf) -> leither_routing::Config {
    let config = &settings.swarm;
    leither_routing::Config {
        key_seed: tagged("leither/content-key/v1", &[&key.seed()]).0,
        listen: swarm_addresses(settings.swarm_listen()),
        external: config.external.clone(),
        peers: config.peers.clone(),
        dht: match config.dht {
            config::DhtMode::Auto => DhtMode::Auto,
            config::DhtMode::Server => DhtMode::Server,
            config::DhtMode::Client => DhtMode::Client,
        },
        ipfs: config.ipfs,
        relays: config.relays.clone(),
        serve_relay: config.relay,
        connections_max: config.connections,
        dir,
        // A clock before 1970 stands still.
        clock: || crate::wallet::now_ms().unwrap_or_default(),
    }
}

async fn start_swarm(store: &ContentStore, config: &Config, key: &SecretKey, home: &Path) -> Done<Routing> {
    let dir = home.join(ROUTING_DIR);
    crate::files::private_dir(&dir).map_err(|e| Failure::fault(format!("cannot create {}: {e}", dir.display())))?;
    let shelf = Arc::new(Shelf::new(store.clone()));
    let started = Routing::start(swarm(config, key, dir), shelf.clone(), shelf).await;
    started.map_err(|error| Failure::fault(format!("{error} (settings: swarm.listen, swarm.peers, swarm.relays)")))
}

impl Contents {
    /// Starts the content swarm, the gateway, the admin calls and what is done by time. `key` is the node's; `net` is where peers of the chain are.
    pub async fn start(
        store: ContentStore,
        served: Served,
        home: PathBuf,
        config: &Config,
        key: &SecretKey,
        net: Option<Arc<Net>>,
    ) -> Done<Self> {
        let routing = start_swarm(&store, config, key, &home).await?;
        let network = Arc::new(routing.clone());
        let (source, browse) = far::far(Local::new(store.clone()), network.clone());
        let settings = leither_gateway::Config {
            hosts: config.gateway.hosts.clone(),
            connections_max: sockets::connections(config.gateway.max_connections as usize),
            ..leither_gateway::Config::default()
        };
        let served = Arc::new(served);
        let source = Arc::new(source);
        let named = Named { heads: served.clone(), owners: source.owners() };
        let gateway = Gateway::new(source.clone(), settings).map_err(Failure::usage)?;
        let gateway = gateway.with(Arc::new(named), Arc::new(Nobody), Arc::new(Nobody));
        let listen = config.gateway.listen;
        let listener = TcpListener::bind(listen).await.map_err(|cause| gateway_taken(listen, &cause))?;
        let address = listener.local_addr().map_err(|cause| gateway_taken(listen, &cause))?;
        let socket = socket_of(&home);
        let follow = Follow { store: store.clone(), chain: served.clone(), network, book: Arc::default() };
        let met = Met::default();
        let link = Link { follow: follow.clone(), source, routing: Some(routing.clone()), met: met.clone() };
        let admin = Admin::bind(store.clone(), &socket, Some(link))?;
        let keeper =
            Keeper { store, heads: served, follow: follow.clone(), home, quota: config.storage.quota, cap: config.disk_cap };

        let (end, _) = watch::channel(false);
        let mut tasks = vec![
            tokio::spawn(keeper.run(ended(end.subscribe()))),
            tokio::spawn(browse.run(ended(end.subscribe()))),
            tokio::spawn(follow.run(ended(end.subscribe()))),
        ];
        // A node without peers of its chain has nobody to meet.
        tasks.extend(net.map(|net| tokio::spawn(Meet { net, routing: routing.clone(), met }.run(ended(end.subscribe())))));
        tasks.push(tokio::spawn(serve(listener, gateway, ended(end.subscribe()))));
        tasks.push(tokio::spawn(admin.run(ended(end.subscribe()))));
        Ok(Self { gateway: address, routing, end, tasks, socket })
    }

    /// Where the gateway listens.
    pub fn gateway_address(&self) -> SocketAddr {
        self.gateway
    }

    /// Ends all of it, the last begun first.
    pub async fn stop(mut self) {
        // Nobody listens where all have ended.
        let _ = self.end.send(true);
        while let Some(mut task) = self.tasks.pop() {
            if tokio::time::timeout(STOP_WAIT, &mut task).await.is_err() {
                task.abort();
                tracing::warn!("a part of the content service does not end; it is cut off");
            }
        }
        // Nobody asks it any more.
        if tokio::time::timeout(STOP_WAIT, self.routing.shutdown()).await.is_err() {
            tracing::warn!("the content swarm does not end; it is cut off");
        }
        // One that stays is replaced by the next start.
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(listener: TcpListener, gateway: Gateway, end: impl Future<Output = ()> + Send) {
    if let Err(error) = leither_gateway::serve(listener, gateway, end).await {
        tracing::error!(%error, "the gateway has ended");
    }
}

/// Waits for the end. A sender that is gone is one, too.
async fn ended(mut end: watch::Receiver<bool>) {
    let _ = end.wait_for(|ended| *ended).await;
}

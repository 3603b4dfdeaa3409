//! Content in a running node: its store, the gateway over it, and the admin calls by which this machine's owner puts content in.
//!
//! ```text
//! leither mimei ... --run/leither.sock--> admin --\
//!                                                  ContentStore <-- Local (a Source) <-- gateway <-- browsers
//! purge, quota, heads that came late  ---- keeper-/
//! ```
//! | module | holds |
//! |---|---|
//! | [`api`] | what passes through the socket: paths, JSON, frames |
//! | `admin`, `calls` | the node's side of it |
//! | [`client`] | the command line's side |
//! | `local` | the store as a source of blocks |
//! | `keeper` | what is done by time |
//!
//! The database lies beside the chain's and not in it: that one is replaced as a whole where a snapshot takes its place. Rules `SOCK-1` to
//! `SOCK-6` and `HOLD-1` to `HOLD-5`: `spec/mimei.md`.

mod admin;
pub mod api;
mod calls;
pub mod client;
mod keeper;
mod local;
#[cfg(test)]
mod tests;

use crate::backend::Served;
use crate::config::Config;
use crate::exit::{Done, Exit, Failure};
use admin::Admin;
use keeper::Keeper;
use leither_gateway::{Gateway, Nobody};
use leither_storage::{ContentStore, StorageError};
use local::Local;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The content database, below the home directory.
pub const CONTENT_DIR: &str = "content";
/// What answers under way get to end, in all.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// Where admin calls come in, below the directory of a home or of a development chain.
pub fn socket_of(home: &Path) -> PathBuf {
    home.join("run").join("leither.sock")
}

/// All of it, at work.
pub struct Contents {
    gateway: SocketAddr,
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

impl Contents {
    /// Starts the gateway, the admin calls and what is done by time.
    pub async fn start(store: ContentStore, served: Served, home: PathBuf, config: &Config) -> Done<Self> {
        let local = Arc::new(Local::new(store.clone()));
        let settings = leither_gateway::Config {
            hosts: config.gateway.hosts.clone(),
            connections_max: config.gateway.max_connections as usize,
            ..leither_gateway::Config::default()
        };
        let served = Arc::new(served);
        let gateway = Gateway::new(local, settings).map_err(Failure::usage)?;
        let gateway = gateway.with(served.clone(), Arc::new(Nobody), Arc::new(Nobody));
        let listen = config.gateway.listen;
        let listener = TcpListener::bind(listen).await.map_err(|cause| gateway_taken(listen, &cause))?;
        let address = listener.local_addr().map_err(|cause| gateway_taken(listen, &cause))?;
        let socket = socket_of(&home);
        let admin = Admin::bind(store.clone(), &socket)?;
        let keeper = Keeper { store, heads: served, home, quota: config.storage.quota, cap: config.disk_cap };

        let (end, _) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(keeper.run(ended(end.subscribe()))),
            tokio::spawn(serve(listener, gateway, ended(end.subscribe()))),
            tokio::spawn(admin.run(ended(end.subscribe()))),
        ];
        Ok(Self { gateway: address, end, tasks, socket })
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

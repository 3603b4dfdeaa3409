//! The node as the RPC server sees it: answers of `rpc/api` made from the store, and transactions handed to the engine.
//!
//! Reads go through a snapshot of the newest final state. A commit may overtake one; then it is asked again ([`Node::read`]). Only so
//! many are worked on at a time (`reads.rs`).

mod chain;
mod changes;
mod contracts;
mod heads;
mod org;
mod reads;
mod recorder;
mod serve;
mod show;
mod streams;
mod trace;
mod tx;
mod versions;
mod wallet;

pub use heads::Newest;
pub use serve::Served;

use leither_engine::Engine;
use leither_pallets::{BlockInfo, params};
use leither_rpc_api::{ApiError, Reason};
use leither_rpc_server::Answer;
use leither_state::{Fault, Read};
use leither_store::{Head, Store};
use leither_types::Hash;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// A commit overtakes a read so often in a row at most; beyond that something is wrong.
const TRIES: usize = 32;

/// The node behind the RPC server.
pub struct Node {
    pub(super) store: Store,
    pub(super) engine: Arc<Engine>,
    pub(super) started: Instant,
    pub(super) heights: watch::Receiver<u64>,
    pub(super) net: Option<Arc<leither_net::Net>>,
    pub(super) names: Names,
    pub(super) places: Places,
}

/// What a node is called.
pub struct Names {
    /// By its owner.
    pub moniker: String,
    /// In the data swarm.
    pub data: String,
    /// In the consensus swarm.
    pub consensus: String,
}

/// Where else this node can be reached. Known once those are up: they are made of what asks the chain.
#[derive(Default)]
pub struct Places {
    /// The gateway.
    pub gateway: std::sync::OnceLock<String>,
    /// The admin socket; nothing where RPC is open to other machines.
    pub socket: std::sync::OnceLock<String>,
}

/// One final state and what was final with it.
pub(super) struct At {
    pub head: Arc<Head>,
    pub state: Arc<dyn Read>,
}

impl Node {
    /// Over an open store and a running engine. `heights` tells of each new final height.
    pub fn new(
        store: Store,
        engine: Arc<Engine>,
        names: Names,
        heights: watch::Receiver<u64>,
        net: Option<Arc<leither_net::Net>>,
    ) -> Self {
        Self { store, engine, names, started: Instant::now(), heights, net, places: Places::default() }
    }

    pub(super) fn chain_id(&self) -> Hash {
        self.store.genesis().chain()
    }

    /// Reads one final state; again where a commit came between.
    pub(super) fn read<T>(&self, ask: impl Fn(&At) -> Answer<T>) -> Answer<T> {
        for _ in 0..TRIES {
            let head = self.store.head().map_err(fault)?;
            let state = self.store.snapshot().map_err(fault)?;
            match ask(&At { head: head.clone(), state }) {
                Err(e) if is_stale(&e) => continue,
                answer => {
                    if self.store.head().map_err(fault)?.height == head.height || answer.is_err() {
                        return answer;
                    }
                    // Head and snapshot were taken in two steps; an answer that spans a commit is asked for again.
                }
            }
        }
        Err(ApiError::new(Reason::Busy, "blocks come faster than this can be read: ask again"))
    }

    /// What the next block would be judged by.
    pub(super) fn next_block(&self, at: &At) -> Answer<BlockInfo> {
        let params = params::views::params(&*at.state).map_err(fault)?;
        let now = crate::wallet::now_ms().unwrap_or(at.head.time);
        let time = now.max(at.head.time.saturating_add(1));
        Ok(BlockInfo {
            chain: self.chain_id(),
            height: at.head.height.saturating_add(1),
            time,
            params,
            contracts: self.engine.tip().next.contracts.clone(),
        })
    }
}

const STALE: &str = "stale";

/// The machine's failure, worded for a client; the node itself stops by what the engine sees.
pub(super) fn fault(fault: Fault) -> ApiError {
    match fault {
        Fault::Stale => ApiError::new(Reason::Busy, "the state has moved on").with(STALE, true),
        other => {
            tracing::error!(%other, "a question could not be answered");
            ApiError::new(Reason::Internal, "the node's database failed; its owner finds more in the log")
        }
    }
}

fn is_stale(error: &ApiError) -> bool {
    error.details.contains_key(STALE)
}

//! Watching a node: `/metrics`, `/health` and `/ready` on `metrics.listen`, and the unit under which systemd runs it (spec/metrics.md).
//!
//! ```text
//! Vitals (store, engine, net) --read--> Reading --\
//!                                                  >-- serve --> /metrics   table: names and meanings
//! the engine's feed --follow--> Meters -----------/              /health /ready   verdict
//! ```
//! Absent on purpose: a count of RPC requests by method (the server keeps none), the consensus engine's own metrics (their names are
//! not ours to keep stable).

mod follow;
mod hosts;
mod machine;
mod meters;
mod reader;
mod serve;
mod table;
#[cfg(test)]
mod tests;
mod unit;
mod verdict;

pub use follow::follow;
pub use meters::{Meters, Pulse};
pub use serve::{Watch, WatchConfig, WatchError};
pub use table::{Kind, Metric, TABLE};
pub use unit::{UnitError, owner, unit};
pub use verdict::{Verdict, health, ready};

use leither_types::{Height, Millis};

/// Where the numbers come from.
pub trait Vitals: Send + Sync + 'static {
    /// How the node is now. It may read the disk: it is called at most twice a second, on a thread that may wait.
    fn read(&self) -> Reading;
}

/// How a node is at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The newest final height.
    pub height: Height,
    /// That pulse's block time.
    pub head_time: Millis,
    /// The greatest final height that a connected peer has told, in either swarm; nothing where none has.
    pub best_height: Option<Height>,
    /// Peers in the consensus swarm.
    pub peers_consensus: u64,
    /// Peers in the data swarm.
    pub peers_data: u64,
    /// Whether the settings name nobody to connect to.
    pub alone: bool,
    /// Whether this node votes on the next pulse.
    pub validator_active: bool,
    /// Its voting power; 0 where it does not vote.
    pub validator_power: u64,
    /// Pulses that it missed as a validator.
    pub validator_missed: u64,
    /// Whether it is jailed.
    pub validator_jailed: bool,
    /// Validators that vote on the next pulse.
    pub validators: u64,
    /// Transactions in the pool.
    pub pool_txs: u64,
    /// Their bytes.
    pub pool_bytes: u64,
    /// What is kept on disk, by kind, and its bytes.
    pub disk: Vec<(&'static str, u64)>,
    /// The most that all of it may take: `disk.cap`.
    pub disk_cap: u64,
    /// SIGN-5: whether this validator signs nothing in the present height.
    pub abstaining: bool,
    /// SIGN-2: signatures that the guard refused since the start.
    pub sign_refused: u64,
    /// The epoch's number.
    pub epoch: u64,
    /// The chain's heartbeat.
    pub heartbeat: Millis,
    /// Whether JSON-RPC answers.
    pub rpc: bool,
    /// Why the node has to stop, where it has to.
    pub fault: Option<String>,
}

impl Reading {
    /// Pulses that the best known peer is ahead.
    pub fn behind(&self) -> u64 {
        self.best_height.unwrap_or_default().saturating_sub(self.height)
    }

    /// Peers in both swarms.
    pub fn peers(&self) -> u64 {
        self.peers_consensus.saturating_add(self.peers_data)
    }
}

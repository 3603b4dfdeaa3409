//! The node's vital signs, read off its parts (spec/metrics.md).

use crate::watch::{Reading, Vitals};
use leither_engine::Engine;
use leither_net::Net;
use leither_pallets::staking::{self, Standing};
use leither_store::{Store, tree_bytes};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;

/// The parts.
pub struct NodeVitals {
    /// The database.
    pub store: Store,
    /// The engine.
    pub engine: Arc<Engine>,
    /// The data swarm.
    pub net: Option<Arc<Net>>,
    /// What counts against the cap, by kind.
    pub folders: Vec<(&'static str, PathBuf)>,
    /// The cap, in bytes.
    pub cap: u64,
    /// Whether nobody is named to connect to.
    pub alone: bool,
    /// Whether JSON-RPC answers by now.
    pub rpc: Arc<AtomicBool>,
    /// The runtime that the swarm is asked on.
    pub handle: Handle,
}

impl Vitals for NodeVitals {
    fn read(&self) -> Reading {
        let (status, tip) = (self.engine.status(), self.engine.tip());
        let known = self.net.as_ref().map(|net| self.handle.block_on(net.peers_known())).unwrap_or_default();
        let state = &*tip.parent.state;
        let me = self.engine.validator();
        let seat = me.and_then(|me| tip.validators.set().get(&me).cloned());
        // A state that has moved on meanwhile is read at the next scrape; zeros are told until then.
        let operator = me.and_then(|me| staking::views::operator_of(state, &me).ok().flatten());
        let stake = operator.and_then(|operator| staking::views::stake(state, &operator).ok().flatten());
        let missed = operator.and_then(|operator| staking::views::misses(state, &operator).ok()).unwrap_or(0);
        Reading {
            height: tip.head.height,
            head_time: tip.head.time,
            // Anybody may come and say that it is ahead; those whom the owner named are believed for this.
            best_height: known.iter().filter(|peer| peer.outbound).map(|peer| peer.height).chain(status.best_height).max(),
            peers_consensus: status.peers as u64,
            peers_data: known.len() as u64,
            alone: self.alone,
            validator_active: seat.is_some(),
            validator_power: seat.map_or(0, |seat| seat.power),
            validator_missed: u64::from(missed),
            validator_jailed: stake.is_some_and(|stake| matches!(stake.standing, Standing::Jailed { .. })),
            validators: tip.validators.set().len() as u64,
            pool_txs: status.pool_txs as u64,
            pool_bytes: status.pool_bytes as u64,
            disk: self.folders.iter().map(|(name, path)| (*name, tree_bytes(path).unwrap_or(0))).collect(),
            disk_cap: self.cap,
            abstaining: status.abstains_up_to.is_some(),
            sign_refused: status.refused,
            epoch: staking::views::epoch(state).map(|epoch| epoch.number).unwrap_or(0),
            heartbeat: tip.next.params.heartbeat_ms,
            rpc: self.rpc.load(Ordering::Relaxed),
            fault: status.fault,
        }
    }
}

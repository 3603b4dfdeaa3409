//! The edge where consensus meets clock, disk and net: drives the BFT engine, lets transactions in, tells what was committed.
//!
//! The picture:
//! ```text
//! clients ─ submit ─┐                                     ┌─ feed ─> rpc, services
//! gossip ───────────┴> ingress ─admit─> pool              │
//!                      (verify once)      │ propose        │ notify
//!   BFT engine  <── answers ──  driver ───┴─> executor ──> store
//!   own swarm, WAL  ── asks ──>   │  pacing: when the next height begins
//!        │ signs by               └─ streams: blocks under way
//!   signer + sign_state        watchdog: does the engine live?
//! ```
//! The flow of one transfer is the seven verbs: [`Engine::submit`], admit (ingress), propose, execute, commit, record (driver), notify
//! ([`Listener`]). A block is decided by the engine, written by one atomic commit, and only then told to anyone. Whatever cannot go on
//! safely becomes a [`NodeFault`], which the binary waits for and exits with; the next start goes on from the last whole height.
//!
//! Absent on purpose: what is valid (executor), what is signed and how it looks on the wire (chain/consensus), other nodes' followers
//! and the data swarm (node/net), RPC.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod ahead;
mod cache;
mod codec;
mod config;
mod driver;
mod engine;
mod error;
mod feed;
mod follow;
mod gate;
pub mod guard_files;
mod ingress;
pub mod join;
mod launch;
mod library;
pub mod meddle;
mod node;
mod pacing;
mod records;
mod roster;
mod sign_state;
mod signer;
mod silence;
mod streams;
mod watchdog;

pub use config::{EngineConfig, ValidatorKey, swarm_key, swarm_peer_id};
pub use engine::{Engine, EngineStatus, WAL_FILE};
pub use error::{AdmitError, NodeFault, StartError};
pub use feed::{Committed, FEED_PULSES, Heard, Listener};
pub use ingress::{Batch, Gossip, WAITING_MAX};
pub use library::{ORIGIN_FOLDER, StoreLibrary};
pub use node::Tip;
pub use sign_state::{GuardError, GuardRecord, SignState};

/// The engine's own metrics, in the text form of Prometheus.
pub fn bft_metrics() -> String {
    let mut text = String::new();
    arc_malachitebft_app_channel::app::metrics::export(&mut text);
    text
}

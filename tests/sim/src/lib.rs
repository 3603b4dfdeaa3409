//! A whole net in one seeded process: real consensus, real codecs, real executor, pool and ledger; only time, wire and disk are made up.
//!
//! The picture:
//! ```text
//! Plan --run--> World: one heap of events by (virtual time, sequence), one rng
//!                 |  messages, timers, crashes                    | what was signed and committed
//!                 v                                               v
//!               Node = engine's state machine + App + Disk      Oracle + Book: recount everything in plain numbers
//!                 |  bytes                                        |
//!               Air: delay, drop, double, reorder                Report: heads, transfers, violations, event log
//! ```
//! The flow: a node turns an event into outputs (send, wake, committed), the world carries them out, the oracle looks at each
//! signature and each commit. The same plan gives the same events, byte by byte, so a failing seed is a debugger's best friend:
//! ```
//! use leither_sim::Plan;
//! Plan::seed(7).validators(4).drop_percent(5).delay_ms(1..80).heights(3).transfers(10).run().assert_holds();
//! ```
//! What the oracles hold is in `spec/sim.md` (`SIM-1` to `SIM-14`).
//!
//! Absent on purpose: threads, sockets, files, the real clock, RocksDB, the engine's actors (those are run by `tests/e2e`).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod acts;
mod air;
mod app;
mod book;
pub mod campaign;
mod chance;
mod checks;
mod client;
mod clock;
mod disk;
mod entry;
mod hands;
mod node;
mod oracle;
mod plan;
mod planted;
mod post;
mod power;
mod register;
mod report;
#[cfg(test)]
mod tests;
mod trouble;
mod twins;
pub mod villains;
mod weights;
mod wire;
mod witness;
mod world;

pub use client::account;
pub use plan::{Bug, Plan};
pub use register::Turnover;
pub use report::{Fate, Log, Reached, Report};
pub use twins::TWINS_ENUMERATED;
pub use villains::Cast;

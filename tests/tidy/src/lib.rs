//! The house rules, as tests that read the source tree: style is a test, not a wish.
//!
//! ```text
//! Tree (paths and texts) --a check--> findings (where, and what to do)
//! ```
//! | module | holds |
//! |---|---|
//! | [`edges`] | which crate may use which, and whose outside crates stand below the purity line |
//! | [`words`] | no clock, disk, net, thread, chance, float or unordered map below the purity line |
//! | [`lengths`] | aim at 150 lines a file, ask why at 400, split at 600 |
//! | [`shape`] | a pallet or service has the files of its kind, keys are private, pallets use each other one way |
//! | [`prefixes`] | no two stored things share a key prefix |
//! | [`rules`] | rule ids join spec, code and test |
//! | [`links`] | what documents point at is there |
//! | [`leftovers`] | no unfinished work, dead code, skipped tests without a reason, or traces of one machine |
//!
//! `tests/tree.rs` runs them over this repository, `tests/itself.rs` shows that each one can fail.
//! Absent on purpose: what compiler, clippy and rustfmt see already.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod edges;
pub mod leftovers;
pub mod lengths;
pub mod links;
pub mod prefixes;
pub mod rules;
mod rust;
pub mod shape;
mod tree;
pub mod words;

pub use tree::{File, Tree};

/// What a check has to say: where, and what to do about it.
pub type Findings = Vec<String>;

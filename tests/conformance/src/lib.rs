//! The bytes that others rely on, and the decoders that take bytes from anybody.
//!
//! ```text
//! samples --describe--> golden files in spec/vectors (readable: fields and hex)   compared by tests/golden.rs
//! samples --encode--> seeds --> targets    run by tests/replay.rs here, and by tests/fuzz under libFuzzer
//! ```
//! A golden file that differs breaks every chain and client there is. To write them anew, on purpose:
//! `UPDATE_GOLDEN=1 cargo test -p leither-conformance`; the change is then a line in a diff that somebody reads.
//!
//! Absent on purpose: whether a value is valid on some state (executor, sim); the ledger tree's vectors (chain/state).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod golden;
pub mod samples;
pub mod seeds;
pub mod targets;

//! What every content service shares: blocks, what they say, where they come from. No database, no swarm, no clock.
//!
//! ```text
//! id --a Source--> verified bytes --node::decode--> File | Directory | Shard | Symlink | Raw | Other
//! walk: path -> id; directory -> pages of entries; file -> a stream of bytes; tree -> a CAR
//! ```
//! | module | holds |
//! |---|---|
//! | [`block`] | how long a block may be, which hashes are known, whether bytes are those of an id |
//! | [`node`] | one block, decoded; nothing is fetched |
//! | [`source`] | the trait of whoever hands out verified blocks |
//! | [`walk`] | paths, pages of directories, ranges of files, whole DAGs, over a source |
//! | [`car`] | CAR version 1, written and read as a stream |
//! | [`wire`] | protocol buffers, read in place |
//!
//! All of it reads what strangers wrote: every length, count and depth has a bound with a name, and no input panics. Rules `KIT-1` to
//! `KIT-13` are in `spec/gateway.md`.
//!
//! Absent on purpose: encoding of files and directories, storing, finding who has a block.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod block;
pub mod car;
pub mod node;
pub mod source;
#[cfg(test)]
mod tests;
pub mod walk;
pub mod wire;

pub use cid::{Cid, multibase, multihash};

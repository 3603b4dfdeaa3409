//! Content as this node keeps it: blocks on RocksDB with counts of who needs them, working copies, versions.
//!
//! ```text
//! files --content--> blocks --Session--> ContentStore <-- roots: pins, cur, versions
//!                                 cur: path, range -> new blocks, new root      versions: number -> root
//! ```
//! | module | holds |
//! |---|---|
//! | [`content`] | files on disk -> blocks and ids, as every IPFS tool computes them |
//! | [`store`] | blocks, counts, quota, trash, sessions, verification |
//! | [`cur`] | working copies: written to path by path, compare-and-set |
//! | [`versions`] | backup, restore, fork, conflicts |
//! | [`seal`] | private content: closed before it becomes blocks, opened after |
//! | [`add`] | directories and CARs into the store, trees out of it |
//!
//! Synchronous, without a runtime and without a clock: whoever calls says what time it is. Absent on purpose: fetching blocks, serving them, rights,
//! the keys of readers. Rules: `spec/storage.md`, `spec/content.md`, `spec/private.md`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod add;
pub mod config;
pub mod content;
pub mod cur;
mod error;
pub mod seal;
pub mod store;
pub mod versions;

pub use config::Config;
pub use cur::{Edit, Item, Kind, Listed, Page, View};
pub use error::{Result, StorageError};
pub use store::{
    Act, Checking, Compacted, ContentStore, Freed, Kept, Purged, Room, Root, Session, Stat, Stored, Trashed, Verified, Wrong,
};
pub use versions::{Verdict, judge};

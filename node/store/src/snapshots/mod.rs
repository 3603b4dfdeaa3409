//! The state at one height as files that any peer can serve and nobody has to believe.
//!
//! ```text
//! <snapshots>/<height>-<8 hex digits of the state root>/manifest.scale      what there is: header, certificate, names of the chunks
//!                                                      /handovers.scale     what leads to the header from the genesis
//!                                                      /chunks/<blake3>     rows of the state in key order, then versions; at most 1 MiB
//! <snapshots>/….part                                                        being written, or being deleted: swept at the next start
//! ```
//! The flow: [`crate::Store::write_snapshot`] copies the rows of one height while commits go on; [`list_snapshots`] and [`read_chunk`]
//! serve them; a joiner reads a [`Manifest`], has [`crate::check_chain_of_trust`] say whether its header is final, and [`restore`]s: rows
//! whose root is not that header's are refused, and so are versions of MiMeis that this state does not prove. A snapshot has no blocks, receipts
//! or history; those begin with the block after it.

mod found;
mod restore;
mod rows;
mod shelf;
mod write;

pub use found::{Founding, check_origin};
pub use restore::{remove_unfinished_restore, restore};
pub use shelf::{
    delete_snapshot, keep_newest, list_snapshots, newest_height, read_chunk, read_handovers, read_manifest, remove_unfinished,
};

use leither_state::Fault;
use leither_types::{Certificate, DecodeError, Hash, Header, Height, List, MimeiId, decode_within, hash_of};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use std::path::{Path, PathBuf};

/// The newest version of [`Manifest`]: of a snapshot that has versions of MiMeis behind the state.
pub const MANIFEST_VERSION: u8 = 2;
/// The version of one that has the state alone, as there were at first.
pub const STATE_ALONE: u8 = 1;
/// A chunk is no longer than this.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// A snapshot has no more chunks than this: 64 GiB.
pub const CHUNKS_MAX: usize = 65_536;
/// A manifest is no longer than this.
pub const MANIFEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Handovers that the file beside a manifest holds.
pub const HANDOVERS_MAX: usize = 65_536;
/// So many snapshots are kept by default.
pub const SNAPSHOTS_KEPT: usize = 2;

/// What a snapshot consists of.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`] or [`STATE_ALONE`]; the fields are the same.
    pub version: u8,
    /// The genesis hash.
    pub chain: Hash,
    /// The state is that after the block of this height.
    pub height: Height,
    /// That block's header.
    pub header: Header,
    /// Why that block is final. Another node may hold another one, as good: signatures differ by who was heard.
    pub certificate: Certificate,
    /// The header's state root.
    pub state_root: Hash,
    /// How many handovers there are up to this height; they are asked for by themselves.
    pub handovers: u32,
    /// blake3 of each chunk and its length, in the order of their rows.
    pub chunks: List<(Hash, u32), CHUNKS_MAX>,
    /// How many leaves of balance trees.
    pub holdings: u64,
    /// How many records, and versions of MiMeis with them.
    pub records: u64,
    /// The length of all chunks.
    pub bytes: u64,
}

impl Manifest {
    /// Names the manifest, and by it every byte of the snapshot.
    pub fn id(&self) -> Hash {
        hash_of("leither/snapshot/v1", self)
    }

    /// STORE-15: from a stranger's bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let manifest: Self = decode_within(bytes, MANIFEST_BYTES_MAX).map_err(SnapshotError::Malformed)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// STORE-15: that it does not contradict itself. Whether its header is final is another question: [`crate::check_chain_of_trust`].
    pub fn check(&self) -> Result<(), SnapshotError> {
        let wrong = |what: &'static str| Err(SnapshotError::Contradiction(what));
        if !(STATE_ALONE..=MANIFEST_VERSION).contains(&self.version) {
            return Err(SnapshotError::Version(self.version));
        }
        if self.height == 0 || self.height != self.header.height || self.height != self.certificate.height {
            return wrong("its height is not that of its header and certificate");
        }
        if self.header.chain != self.chain {
            return wrong("its header is another chain's");
        }
        if self.header.state_root != self.state_root {
            return wrong("its state root is not its header's");
        }
        if self.certificate.block != self.header.id() {
            return wrong("its certificate is another block's");
        }
        if self.chunks.iter().any(|(_, len)| *len == 0 || *len as usize > CHUNK_BYTES_MAX) {
            return wrong("a chunk is empty or longer than 1 MiB");
        }
        if self.chunks.iter().map(|(_, len)| u64::from(*len)).sum::<u64>() != self.bytes {
            return wrong("its chunks are not as long as it says");
        }
        // What its counts can fill, by the lengths that rows may have: nobody fetches more than that for a state of this size.
        let (holdings, records) = (u128::from(self.holdings) * rows::HOLDING_BYTES, u128::from(self.records));
        let (least, most) = (holdings + records * rows::RECORD_BYTES_MIN, holdings + records * rows::RECORD_BYTES_MAX);
        if !(least..=most).contains(&u128::from(self.bytes)) {
            return wrong("so many rows do not take so many bytes");
        }
        Ok(())
    }

    /// About how much room on disk a database takes that is made of it, while it is made, in bytes.
    pub fn room(&self) -> u64 {
        self.bytes.saturating_add(self.bytes / 4).saturating_add(16 * 1024 * 1024)
    }
}

/// Why a snapshot cannot be written, read or used. Each names a remedy, since each is somebody's one line of cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The chain has no block yet.
    #[error("there is no block yet whose state could be written; wait for the first one")]
    NoBlock,
    /// Another thread writes one.
    #[error("a snapshot is being written already; wait until it is done")]
    Busy,
    /// STORE-24: the process ends.
    #[error("the snapshot was not finished, as the node ends; wait for the next one, or take it with `leither snapshot create`")]
    Ending,
    /// More than there is room for.
    #[error(
        "the snapshot takes {needs} bytes of disk, and there is room for {has}; make room or raise disk.cap, or take another snapshot"
    )]
    NoRoom {
        /// [`Manifest::room`].
        needs: u64,
        /// What is free.
        has: u64,
    },
    /// More state than a snapshot can hold.
    #[error("the state takes more than {CHUNKS_MAX} chunks of 1 MiB; a node can join such a chain by its blocks alone")]
    TooLarge,
    /// The machine's failure.
    #[error("cannot use {}: {what}; check the disk's space and the directory's rights", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What failed.
        what: String,
    },
    /// The database's failure.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// No manifest.
    #[error("the manifest is {0}; ask another peer, or take another snapshot")]
    Malformed(DecodeError),
    /// Written by a newer program.
    #[error("the manifest has version {0}, this one knows {MANIFEST_VERSION}: install the newer leither, or ask another peer")]
    Version(u8),
    /// A manifest that cannot be right.
    #[error("the manifest contradicts itself: {0}; ask another peer, or take another snapshot")]
    Contradiction(&'static str),
    /// Of another chain.
    #[error("the snapshot is of the chain {found}, this node's genesis is of {expected}; ask a peer of this chain")]
    OtherChain {
        /// Whose it is.
        found: Hash,
        /// Whose it should be.
        expected: Hash,
    },
    /// The handovers that were given are not those up to the snapshot's height.
    #[error("the handovers up to the snapshot's height are wrong: {0}; ask another peer")]
    Handovers(&'static str),
    /// A chunk that nobody gave.
    #[error("the chunk {0} is not to be had; ask another peer, or take another snapshot")]
    NoChunk(Hash),
    /// A chunk with other bytes than its name says.
    #[error("the chunk {0} has other bytes than its name says; ask another peer")]
    BadChunk(Hash),
    /// Bytes that are no rows of a state.
    #[error("the chunk {chunk} is no part of a state: {what}; take another snapshot")]
    BadRows {
        /// Which.
        chunk: Hash,
        /// What is wrong.
        what: &'static str,
    },
    /// A manifest that counts wrongly.
    #[error("the snapshot has {found} {what}, its manifest says {expected}; take another snapshot")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// Another state than the header's.
    #[error("the snapshot's rows give the state root {found}, its header has {expected}; take another snapshot")]
    Root {
        /// What the rows give.
        found: Hash,
        /// What validators signed.
        expected: Hash,
    },
    /// STORE-27: versions of a MiMei that its record in the state does not prove.
    #[error("the snapshot's versions of {0} are not those that its state proves; ask another peer, or take another snapshot")]
    Versions(MimeiId),
    /// RECOVER-6: a snapshot of another block than the one that the genesis goes on from.
    #[error(
        "the snapshot is of height {} and block {}, the chain goes on from height {} and block {}; take the snapshot of that height",
        found.0, found.1, expected.0, expected.1
    )]
    OtherBlock {
        /// Whose it is.
        found: (Height, Hash),
        /// Whose it should be.
        expected: (Height, Hash),
    },
    /// RECOVER-6: the first state is not the one that the genesis names.
    #[error(
        "the recovered state has the root {found}, its genesis names {expected}; whoever made the genesis uses another version of this program"
    )]
    FirstRoot {
        /// What the rows give.
        found: Hash,
        /// What the genesis names.
        expected: Hash,
    },
    /// RECOVER-2: the chain cannot go on from this state.
    #[error("the chain cannot go on from this snapshot: {0}")]
    Recovery(String),
    /// Rows that make no ledger.
    #[error("the snapshot's rows make no state: {0}; take another snapshot")]
    Ledger(String),
    /// There is a database already.
    #[error("{} is in use; choose another --home, or move what is there away", .0.display())]
    Occupied(PathBuf),
}

/// An error at a path.
fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> SnapshotError {
    let path = path.to_path_buf();
    move |error| SnapshotError::Disk { path, what: error.to_string() }
}

/// What names a chunk.
pub fn hash_chunk(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

/// Makes what was renamed or created in a directory last.
fn sync_dir(dir: &Path) -> Result<(), SnapshotError> {
    std::fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(disk(dir))
}

#[cfg(test)]
mod tests;

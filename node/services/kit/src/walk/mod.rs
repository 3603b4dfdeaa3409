//! Over many blocks: paths, directories, files, whole DAGs. Each walk holds a bounded part of what it walks over and fetches one block at
//! a time, or some small ones, so that whoever reads slowly costs little.
//!
//! | walk | gives |
//! |---|---|
//! | [`resolve`] | what a path leads to, and the ids on the way |
//! | [`list`], [`page`] | a page of a directory, sharded or not, and where the next one begins |
//! | [`FileWalk`], [`read`], [`read_block`] | a range of a file's or a block's bytes |
//! | [`DagWalk`] | the blocks of a DAG, depth first |
//! | [`car`] | the stream of a CAR: path, scope, range, duplicates |

mod ahead;
mod dag;
mod exported;
mod file;
mod listing;
mod packed;
mod path;
#[cfg(test)]
mod tests;

pub use dag::{DagWalk, Follow};
pub use exported::{CarPlan, EntityBytes, Scope, car};
pub use file::{FileBlock, FileWalk, read, read_block};
pub use listing::{Cursor, Page, list, page};
pub use path::{Located, Resolved, locate, resolve};

use crate::block::{self, BlockError};
use crate::node::{self, Node, NodeError};
use crate::source::{Source, SourceError};
use bytes::Bytes;
use cid::Cid;

/// KIT-8: names in a path.
pub const PATH_STEPS_MAX: usize = 256;
/// KIT-8: levels of a sharded directory: 64 bits of hash, three a level at least.
pub const SHARD_LEVELS_MAX: u32 = 22;
/// KIT-9: levels of a file's tree.
pub const FILE_LEVELS_MAX: usize = 32;
/// KIT-9: the largest file that is read: 1 PiB. More is claimed only to do harm.
pub const FILE_BYTES_MAX: u64 = 1 << 50;
/// KIT-10: levels of a DAG: 256 directories, each with some levels of its own.
pub const DAG_LEVELS_MAX: usize = 1024;
/// KIT-10: links of one level that a walk remembers; the others are read again from their block.
pub const LEVEL_LINKS: usize = 128;
/// KIT-10: a block is read again so many times at most to go through its links once: of one that has very many, more are remembered.
pub const REFILLS_MAX: usize = 32;
/// KIT-10: what a walk remembers of the links of all its levels, unless those of the deepest alone take more.
pub const WINDOW_BYTES_MAX: usize = 16 * 1024;
/// KIT-10: blocks that a walk without duplicates remembers having given.
pub const SEEN_MAX: usize = 262_144;
/// KIT-10: blocks that one walk gives.
pub const DAG_BLOCKS_MAX: u64 = 1 << 22;
/// KIT-9: bytes of a file or a block that are given at a time, and held for who reads them.
pub const PIECE_BYTES: usize = 64 * 1024;
/// KIT-11: names on a page of a directory take so many bytes, and one name more.
pub const PAGE_NAME_BYTES: usize = 8 * 1024;
/// KIT-13: blocks that are asked for in one go.
pub const AHEAD_BLOCKS: usize = 64;
/// KIT-13: what is read ahead of its turn.
pub const AHEAD_BYTES: usize = 256 * 1024;
/// KIT-13: sections of a CAR are given together until they take so many bytes.
pub const BUNDLE_BYTES: usize = 64 * 1024;

/// Why a walk ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// A block did not come.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An id whose block could not be checked.
    #[error("the id {cid} is refused: {error}")]
    Id {
        /// Which.
        cid: Cid,
        /// Why.
        error: BlockError,
    },
    /// A block that says nothing that can be used.
    #[error("the block {cid} is refused: {error}")]
    Node {
        /// Which.
        cid: Cid,
        /// Why.
        error: NodeError,
    },
    /// There is no such entry.
    #[error("no link named {name:?} under {within}")]
    Absent {
        /// The name that was looked for.
        name: String,
        /// In which directory or document.
        within: Cid,
    },
    /// A path goes on below a file or a symbolic link.
    #[error("{within} is {what}, there is nothing below it called {name:?}")]
    NotADirectory {
        /// What it is.
        what: &'static str,
        /// The name that was looked for.
        name: String,
        /// In what.
        within: Cid,
    },
    /// What was to be a file or directory is none.
    #[error("{cid} is {what}, which cannot be {wanted}")]
    NotA {
        /// Which.
        cid: Cid,
        /// What it is.
        what: &'static str,
        /// What was asked of it.
        wanted: &'static str,
    },
    /// KIT-8, KIT-9, KIT-10
    #[error("refused: {0}")]
    TooMuch(&'static str),
    /// KIT-9
    #[error(
        "the block {0} is not of the size that the block above it says; the file was written by a broken tool, or to do harm"
    )]
    Size(Cid),
    /// A place in a listing that is none.
    #[error("the place to go on from is none of this directory; list it from the start")]
    Cursor,
}

/// A block and what it says.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its id.
    pub cid: Cid,
    /// Its bytes.
    pub bytes: Bytes,
    /// What they say.
    pub node: Node,
}

/// The bytes of a block: from the id itself, or from the source.
pub async fn fetch(source: &dyn Source, cid: &Cid) -> Result<Bytes, WalkError> {
    block::check_id(cid).map_err(|error| WalkError::Id { cid: *cid, error })?;
    match block::inline(cid) {
        Some(bytes) => Ok(bytes),
        None => Ok(source.block(cid).await?),
    }
}

/// Fetches and decodes.
pub async fn load(source: &dyn Source, cid: &Cid) -> Result<Loaded, WalkError> {
    Loaded::of(*cid, fetch(source, cid).await?)
}

impl Loaded {
    /// Decodes.
    pub fn of(cid: Cid, bytes: Bytes) -> Result<Self, WalkError> {
        let node = node::decode(&cid, &bytes).map_err(|error| WalkError::Node { cid, error })?;
        Ok(Self { cid, bytes, node })
    }

    /// The same, less the bytes: enough for whoever looks at links and names.
    pub fn without_bytes(self) -> Self {
        Self { bytes: Bytes::new(), ..self }
    }

    /// In words.
    pub fn what(&self) -> &'static str {
        match self.node {
            Node::Raw(_) | Node::File(_) => "a file",
            Node::Directory(_) | Node::Shard(_) => "a directory",
            Node::Symlink(_) => "a symbolic link",
            Node::Other(_) => "no file and no directory",
        }
    }

    fn not_a(&self, wanted: &'static str) -> WalkError {
        WalkError::NotA { cid: self.cid, what: self.what(), wanted }
    }
}

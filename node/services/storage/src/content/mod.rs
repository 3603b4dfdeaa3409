//! Content ids: what IPFS tools answer for the same file or directory under the same profile. Rules: `spec/content.md`.
//!
//! ```text
//! path --walk--> files   -> chunks -> leaf blocks -> link blocks \
//!                links   -> one block each                        > root block -> Cid
//!                folders -> one block, or a tree of shards       /
//! ```
//! Every block passes a sink once, children before parents, and is dropped: memory holds one chunk, the links of the open level of a
//! file (1024 a level), and the entries of the directories on the path from the root. Absent on purpose: keeping and serving blocks.

mod dir;
mod error;
mod file;
mod id;
mod private;
#[cfg(test)]
mod tests;
mod walk;

pub use error::ContentError;
pub use id::{cid_of, content_id};

use crate::seal::Seal;
use cid::Cid;
use leither_types::ContentId;
use std::{fmt, path::Path, str::FromStr};

/// CONTENT-6: a directory with more entries is refused.
pub const ENTRIES_MAX: usize = 1 << 21;
/// Directories nest no deeper.
pub const DEPTH_MAX: usize = 256;

/// How content is cut and hashed (IPIP-499). Another profile gives other ids for the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// `unixfs-v1-2025`: CIDv1, chunks of 1 MiB, 1024 links a node, raw leaves.
    #[default]
    V1_2025,
    /// `unixfs-v0-2015`: CIDv0, chunks of 256 KiB, 174 links a node, leaves in dag-pb. For ids made long ago.
    V0_2015,
}

impl Profile {
    /// All there are.
    pub const ALL: [Profile; 2] = [Profile::V1_2025, Profile::V0_2015];

    /// The name that IPFS tools know.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::V1_2025 => "unixfs-v1-2025",
            Profile::V0_2015 => "unixfs-v0-2015",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = ContentError;
    fn from_str(text: &str) -> Result<Self, ContentError> {
        Self::ALL
            .into_iter()
            .find(|p| p.name() == text)
            .ok_or_else(|| ContentError::Profile(text.chars().take(64).collect()))
    }
}

/// CONTENT-7: takes each block once as it is made. A block that occurs twice in the content comes twice.
pub type Sink<'a> = dyn FnMut(&Cid, Vec<u8>) -> std::io::Result<()> + 'a;
/// Told how far the work is, after every chunk and every entry.
pub type Watch<'a> = dyn FnMut(&Progress) + 'a;

/// How far the work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of files read.
    pub bytes: u64,
    /// Files, links and directories done.
    pub entries: u64,
}

/// What was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The root.
    pub cid: Cid,
    /// Bytes in files.
    pub size: u64,
    /// Bytes in blocks, each counted as often as it is linked.
    pub dag_size: u64,
    /// Blocks that went through the sink.
    pub blocks: u64,
    /// Regular files.
    pub files: u64,
    /// Symbolic links.
    pub links: u64,
    /// Directories, the root included.
    pub dirs: u64,
}

impl Added {
    /// The root as the chain records it: the binary form of the id.
    pub fn content_id(&self) -> Option<ContentId> {
        content_id(&self.cid)
    }
}

/// Computes the content id of the file or directory at `path`.
///
/// A symbolic link at `path` itself is followed; inside a directory it is recorded as a link, and refused where it leads out.
pub fn add(path: &Path, profile: Profile, sink: &mut Sink<'_>, watch: &mut Watch<'_>) -> Result<Added, ContentError> {
    walk::Walk::new(profile, None, sink, watch).root(path)
}

/// PRIVATE-6: the same, but what becomes blocks is closed with `seal`: names, contents and targets of links. The root is always a directory, in which
/// a file stands under its own name.
pub fn add_sealed(
    path: &Path,
    profile: Profile,
    seal: &Seal,
    sink: &mut Sink<'_>,
    watch: &mut Watch<'_>,
) -> Result<Added, ContentError> {
    walk::Walk::new(profile, Some(seal), sink, watch).root(path)
}

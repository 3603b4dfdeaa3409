//! What is bounded, and how a store is opened.

use std::path::{Path, PathBuf};

/// How long what nobody refers to any more can be taken back, in milliseconds.
pub const GRACE_MS: u64 = 24 * 60 * 60 * 1000;
/// An add is written in windows of so many bytes of blocks ...
pub const WINDOW_BYTES_MAX: usize = 4 << 20;
/// ... or of so many blocks.
pub const WINDOW_BLOCKS_MAX: usize = 8192;
/// Rows that one step of a clean-up changes.
pub const STEP_ROWS_MAX: usize = 4096;
/// ... or, where blocks have very many links, counts that it changes.
pub const STEP_COUNTS_MAX: usize = 1 << 17;
/// Holds of sessions that died, cleared before a store is open; the rest is cleared by [`crate::ContentStore::purge`].
pub const OPEN_CLEAR_MAX: usize = 1 << 16;
/// A batch beyond this goes to disk by a flush instead of by the log, which would write it twice.
pub const LOGGED_BYTES_MAX: usize = 1 << 20;
/// Blocks of an import that wait for their children, in bytes.
pub const LOOSE_BYTES_MAX: usize = 64 << 20;
/// Children that an import waits for at once.
pub const LOOSE_LINKS_MAX: usize = 1 << 18;
/// Blocks that a question about a release looks at.
pub const DRY_RUN_BLOCKS_MAX: u64 = 1 << 20;
/// Blocks that are looked at to say how large a tree of the trash is.
pub const TRASH_BLOCKS_MAX: u64 = 4096;
/// Rows of a page.
pub const PAGE_MAX: usize = 1000;
/// A page of entries ends after so many bytes of names and targets of links.
pub const PAGE_TEXT_BYTES: usize = 256 << 10;
/// Bytes that one read of a file gives.
pub const READ_BYTES_MAX: usize = 16 << 20;
/// Blocks of an edit that stay in memory; beyond them they go to disk under a session.
pub const EDIT_BYTES_MAX: usize = 32 << 20;
/// Blocks that an export remembers having written; in a larger tree one may be written twice.
pub const EXPORT_SEEN_MAX: usize = 1 << 20;
/// Shards of a directory that one call looks at; a page of 1000 entries needs fewer than 2000.
pub const SHARDS_MAX: usize = 1 << 16;
/// The longest name of a pin.
pub const PIN_BYTES_MAX: usize = 255;
/// The longest name of an entry.
pub const NAME_BYTES_MAX: usize = 255;
/// The longest path.
pub const PATH_BYTES_MAX: usize = 4096;
/// The longest file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 50;
/// Nodes of a file lie no deeper.
pub const FILE_DEPTH_MAX: usize = 32;
/// Steps of a compaction; of a large store more, by the number of its files.
pub const COMPACT_STEPS_MAX: u64 = 32;
/// What the rows of a block take on disk beside its bytes, about.
pub const ROW_BYTES: u64 = 128;
/// Wrong rows that a verification names.
pub const WRONG_MAX: usize = 100;
/// Keys that one pass of a verification counts in memory.
pub const VERIFY_KEYS_MAX: u64 = 1 << 20;

/// STORAGE-13: content leaves so much of the disk free for the chain and all else ...
pub const SPARE_BYTES_MAX: u64 = 512 << 20;
/// ... or, on a small disk, this part of it.
pub const SPARE_PART: u64 = 16;

/// What a disk has, in bytes. One that has nothing at all, as some network and container file systems say, does not tell: nothing is refused for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What may still be written.
    pub free: u64,
    /// All of it.
    pub all: u64,
}

impl Space {
    /// STORAGE-13: what content leaves free.
    fn spare(self) -> u64 {
        SPARE_BYTES_MAX.min(self.all / SPARE_PART)
    }

    /// STORAGE-13: what of it content may still take.
    pub(crate) fn for_content(self) -> u64 {
        self.free.saturating_sub(self.spare())
    }

    /// STORAGE-10: whether content may take less of it than it leaves free.
    pub(crate) fn is_tight(self) -> bool {
        self.for_content() < self.spare()
    }
}

/// Asks for the space of the disk on which this folder is.
pub type AskSpace = fn(&Path) -> std::io::Result<Space>;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of its database; made where it is missing.
    pub dir: PathBuf,
    /// STORAGE-4: bytes of blocks that it may hold.
    pub quota_bytes: u64,
    /// Bytes of memory for blocks that were read.
    pub cache_bytes: usize,
    /// STORAGE-13: how the disk's space is asked for; without it nobody looks.
    pub space: Option<AskSpace>,
}

impl Config {
    /// With 32 MiB of cache and no limit but the disk's end.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), quota_bytes: u64::MAX, cache_bytes: 32 << 20, space: None }
    }
}

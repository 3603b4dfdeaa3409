use crate::content::ContentError;
use cid::Cid;
use leither_kit::block::BlockError;
use leither_kit::node::NodeError;
use leither_types::MimeiId;
use std::path::PathBuf;

/// Why something was not done. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process has it.
    #[error("the content database {} is in use by another process; stop that one, or choose another --home", .0.display())]
    Busy(PathBuf),
    /// A newer program wrote it.
    #[error("the content database was written by a newer leither ({0}); install the newer one")]
    Newer(String),
    /// It is not what this program can have written.
    #[error("the content database is damaged: {0}; move it away and fetch or add the content again")]
    Damaged(String),
    /// The machine's failure.
    #[error("cannot use the content database: {0}; check the disk's space and the directory's rights")]
    Disk(String),
    /// STORAGE-4
    #[error(
        "the quota of {quota} bytes is full: {used} are used, {more} more are needed; release versions or empty the trash, or raise the quota"
    )]
    Quota {
        /// What may be used.
        quota: u64,
        /// What is used.
        used: u64,
        /// What the next block needs.
        more: u64,
    },
    /// STORAGE-13
    #[error(
        "the disk is full but for what stays free for the chain: {left} bytes are left to content, {more} more are needed; make room on the disk, or release versions and empty the trash, and try again"
    )]
    Full {
        /// What content may still take.
        left: u64,
        /// What the next block needs.
        more: u64,
    },
    /// It is not in the store.
    #[error("the block {0} is not here; fetch it, or add the content again")]
    NoBlock(Cid),
    /// STORAGE-2
    #[error("the block {0} is linked to, but did not come; send what is below a block as well")]
    Missing(Cid),
    /// An import whose order would fill the memory.
    #[error("too much waits for blocks that have not come ({0}); send the tree depth first")]
    Loose(&'static str),
    /// The bytes are not those of the id.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The bytes are no node.
    #[error("the block {cid} cannot be read: {source}")]
    Node {
        /// Which block.
        cid: Cid,
        /// What is wrong.
        source: NodeError,
    },
    /// The same bytes under two codecs that both have links.
    #[error("the block {0} is here under another codec that has other links; it was made to do harm, leave it out")]
    OtherCodec(Cid),
    /// CUR-1
    #[error("the path `{path}` {what}")]
    Path {
        /// Which path.
        path: String,
        /// What is wrong with it, and what would be right.
        what: &'static str,
    },
    /// Nothing has that name.
    #[error("there is no `{0}`; list the directory to see what is there")]
    NoEntry(String),
    /// Something has that name.
    #[error("`{0}` is there already; remove it first, or choose another name")]
    Exists(String),
    /// A file where a directory is needed, or the other way round.
    #[error("`{path}` is no {wanted}; name one")]
    Kind {
        /// Which path.
        path: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// Of a directory that has entries, without leave to take them along.
    #[error("the directory `{0}` is not empty; remove it with all that is in it, or empty it first")]
    NotEmpty(String),
    /// CUR-2
    #[error(
        "the link `{path}` leads out of the tree, or climbs by `..` after a name, to `{target}`; let it name something inside, with `..` at the front alone"
    )]
    Escape {
        /// Which link.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// PRIVATE-9
    #[error(
        "this is private content, in which `{0}` would stand for everybody to read; get it, change the files, and add them with `leither mimei add --private`"
    )]
    Private(String),
    /// PRIVATE-9, PRIVATE-10
    #[error("{0}")]
    Head(&'static str),
    /// Beyond a bound.
    #[error("{0}; split it up")]
    TooMuch(&'static str),
    /// CUR-7
    #[error(
        "cur of {mimei} moved from generation {base} to {found} meanwhile; nothing was lost: read it again, and apply the change to it or keep both"
    )]
    CurMoved {
        /// Whose.
        mimei: MimeiId,
        /// The generation that the change started from.
        base: u64,
        /// The generation that stands there.
        found: u64,
    },
    /// It has no working copy.
    #[error("{0} has no working copy here; restore a version of it first")]
    NoCur(MimeiId),
    /// It has one already.
    #[error("{0} has a working copy already; edit that one")]
    HasCur(MimeiId),
    /// The version is not known here.
    #[error("version {number} of {mimei} is not here; sync it first")]
    NoVersion {
        /// Whose.
        mimei: MimeiId,
        /// Which.
        number: u64,
    },
    /// VERSION-1
    #[error("version {number} of {mimei} is {found} here, not {given}; a version never changes: take the next number")]
    VersionTaken {
        /// Whose.
        mimei: MimeiId,
        /// Which.
        number: u64,
        /// What it is.
        found: Cid,
        /// What it should have become.
        given: Cid,
    },
    /// CAR-1
    #[error(transparent)]
    Car(#[from] leither_kit::car::CarError),
    /// CAR-1
    #[error("the CAR names no root, so that nothing of it could be kept; make it with one")]
    NoRoots,
    /// Nobody wanted to hear the end.
    #[error("it was stopped before its end; begin it again")]
    Stopped,
    /// What was to be added cannot be.
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl StorageError {
    /// With the path that was asked for, where only the block was known.
    pub(crate) fn at(self, path: &str) -> Self {
        match self {
            Self::Kind { wanted, .. } => Self::Kind { path: path.into(), wanted },
            other => other,
        }
    }
}

impl From<rocksdb::Error> for StorageError {
    fn from(error: rocksdb::Error) -> Self {
        match error.kind() {
            rocksdb::ErrorKind::Corruption => Self::Damaged(error.into_string()),
            _ => Self::Disk(error.into_string()),
        }
    }
}

/// What everything here answers.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

pub(crate) fn damaged(what: impl Into<String>) -> StorageError {
    StorageError::Damaged(what.into())
}

//! The node's only database: blocks, state and receipts on RocksDB, one atomic write a pulse.
//!
//! ```text
//!              commit(block, certificate, writes, receipts)
//!                 |                                  |
//!        the ledger in memory              one WriteBatch, synced             undecided proposals
//!   all nodes of the state's trees      rows of twelve column families       (the engine's scratch paper)
//!                 |                                  |
//!        snapshot() -> dyn Read            block · header · receipts · tx · account_history
//!                prove
//! ```
//! The flow: [`Store::open`] rebuilds the ledger from its leaves and checks the root against the head; a proposal's root comes from
//! `root_after` of a snapshot, which leaves the ledger as that proposal wants it until another comes or somebody asks for a proof;
//! [`Store::commit`] of the same writes then has nothing to compute. After a commit that failed the store answers every call with
//! the fault: the process has to stop, and the next open finds the last height that was committed whole.
//!
//! Old blocks go ([`Store::prune`]) so that the disk's cap holds; headers after which others vote stay for ever ([`Handover`]), so that a
//! stranger can walk to the validators of today ([`check_chain_of_trust`]), and so do versions of MiMeis ([`VersionRow`]); the state at one height
//! can be written out in chunks and built up again elsewhere ([`snapshots`]).
//!
//! Absent on purpose: what records mean, whether a block is valid, old versions of the state but for those of the newest blocks, in memory
//! (`past.rs`). Rules `STORE-1` to `STORE-27` are in
//! `spec/store.md`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod age;
mod books;
mod columns;
mod commit;
mod disk;
mod evidence;
mod handovers;
mod mark;
mod open;
mod past;
mod prove;
mod prune;
mod rows;
mod snapshot;
pub mod snapshots;
mod stat;
mod trust;
mod undecided;
mod versions;

pub use commit::Commit;
pub use disk::tree_bytes;
pub use leither_types::{Handover, TrustError};
pub use open::OpenError;
pub use prove::Unproven;
pub use prune::{KEPT_MIN, Pruned, is_near, to_prune};
pub use snapshots::{Manifest, SnapshotError};
pub use stat::ColumnStat;
pub use trust::check_chain_of_trust;
pub use undecided::{UNDECIDED_AHEAD_MAX, UNDECIDED_BYTES_MAX, UNDECIDED_PER_HEIGHT_MAX, Undecided};
pub use versions::{Histories, VERSION_BYTES_MAX, VersionRow};

use books::Books;
use leither_state::{Fault, Read};
use leither_types::{Certificate, GenesisHead, Hash, Header, Height, Millis};
use mark::Mark;
use rocksdb::DB;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use undecided::Desk;

/// The database. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// The newest committed height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 before the first block.
    pub height: Height,
    /// Its header; nothing at height 0.
    pub header: Option<Header>,
    /// The block's id; zero at height 0, as the first block's `parent` has it.
    pub id: Hash,
    /// What made it final.
    pub certificate: Certificate,
    /// Its time; at height 0 the genesis time.
    pub time: Millis,
    /// The state after it.
    pub state_root: Hash,
}

/// Locks are taken in the order in which they stand here.
struct Inner {
    dir: PathBuf,
    genesis: GenesisHead,
    /// Held by who prunes.
    pruning: Mutex<()>,
    /// Held by who writes a snapshot out.
    copying: Mutex<()>,
    /// Held by whoever may move the ledger: a commit, a proposal's root, a proof.
    turn: Mutex<()>,
    /// Read while records are read from disk, written while a commit or a prune goes to disk, so that records and head change together, and
    /// old rows and base.
    gate: RwLock<()>,
    books: RwLock<Books>,
    past: Mutex<past::Shelf>,
    desk: Mutex<Desk>,
    mark: Mark,
    /// The lowest height from which on all blocks are whole. Compaction reads it too.
    base: Arc<AtomicU64>,
    db: DB,
    /// Long work is to end: the process does.
    ending: AtomicBool,
    /// Why the store has stopped.
    broken: OnceLock<Fault>,
}

fn poisoned<T>(_: PoisonError<T>) -> Fault {
    Fault::Corrupt("a thread failed in the middle of a change of the ledger; restart the node".into())
}

fn storage(error: rocksdb::Error) -> Fault {
    match error.kind() {
        rocksdb::ErrorKind::Corruption => Fault::Corrupt(error.into_string()),
        _ => Fault::Storage(error.into_string()),
    }
}

impl Store {
    /// The newest committed height.
    pub fn head(&self) -> Result<Arc<Head>, Fault> {
        self.inner.check()?;
        Ok(self.inner.books()?.head.clone())
    }

    /// What the chain's name is the hash of, its first validators included.
    pub fn genesis(&self) -> &GenesisHead {
        &self.inner.genesis
    }

    /// The state at the head, to be read for as long as it is the head; then it answers [`Fault::Stale`].
    pub fn snapshot(&self) -> Result<Arc<dyn Read>, Fault> {
        let height = self.head()?.height;
        Ok(Arc::new(snapshot::Snapshot { inner: self.inner.clone(), height }))
    }

    /// STORE-24: a snapshot that is being written and a prune that frees room end within seconds, and none begins any more. What they had
    /// not finished, the next start removes or finishes. To be called when nothing will be committed any more: the database's own
    /// housekeeping ends, too.
    pub fn end_long_work(&self) {
        self.inner.ending.store(true, Ordering::Release);
        self.inner.db.cancel_all_background_work(false);
    }

    /// What the database takes on disk.
    pub fn disk_bytes(&self) -> Result<u64, Fault> {
        disk::bytes(&self.inner.dir)
    }
}

impl Inner {
    /// STORE-8: nothing more is answered once a commit has failed.
    fn check(&self) -> Result<(), Fault> {
        self.broken.get().map_or(Ok(()), |fault| Err(fault.clone()))
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    fn base(&self) -> Height {
        self.base.load(Ordering::Acquire)
    }

    /// Whether the height lies below the base, asked once a row of it was missing: a prune that has just taken it out has raised the base
    /// by the time the gate opens.
    fn is_below_base(&self, height: Height) -> Result<bool, Fault> {
        let _gate = self.gate.read().map_err(poisoned)?;
        Ok(height < self.base())
    }

    fn turn(&self) -> Result<MutexGuard<'_, ()>, Fault> {
        self.turn.lock().map_err(poisoned)
    }

    fn books(&self) -> Result<RwLockReadGuard<'_, Books>, Fault> {
        self.books.read().map_err(poisoned)
    }

    fn books_mut(&self) -> Result<RwLockWriteGuard<'_, Books>, Fault> {
        self.books.write().map_err(poisoned)
    }
}

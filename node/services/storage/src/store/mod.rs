//! Blocks on RocksDB, each with the number of those who need it.
//!
//! ```text
//! roots (pins, cur, versions) --\
//! links of blocks that are here ---> counts: multihash -> how many --0--> trash --24 h--> purge: block gone, its links' counts one less
//! holds (sessions at work)    --/
//! ```
//! A block is here only if all that it links to is here: whoever writes goes children first. So a tree that a root names is whole, and to keep
//! or to release it touches one count, however large it is.

mod act;
mod columns;
mod compact;
mod purge;
mod roots;
mod rows;
mod session;
mod tx;
mod verify;

pub use act::Act;
pub use compact::{Compacted, Room};
pub use purge::Purged;
pub use roots::{Freed, Trashed};
pub use rows::{Kept, Root};
pub use session::{Session, Stored};
pub use verify::{Checking, Verified, Wrong};

pub(crate) use rows::Key;

use crate::config::{AskSpace, Config, OPEN_CLEAR_MAX, Space};
use crate::error::{Result, StorageError, damaged};
use bytes::Bytes;
use cid::Cid;
use columns::{BLOCKS, COUNTS, FORMAT, META, SESSION, TOTAL, column};
use leither_kit::block::inline;
use rocksdb::{DB, DBPinnableSlice, properties};
use rows::{Form, Need, Row};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The layout that this program writes.
const FORMAT_VERSION: u32 = 1;
/// Sharded directories whose measure is remembered.
const MEASURES_MAX: usize = 4096;

/// The store. A clone is another handle to the same one.
#[derive(Clone)]
pub struct ContentStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    db: DB,
    quota: AtomicU64,
    space: Option<AskSpace>,
    /// Held by whoever writes.
    turn: Mutex<Turn>,
    /// How much is in a sharded directory, at least: by the block of its first level.
    measures: Mutex<HashMap<Key, u64>>,
    /// Held by whoever compacts.
    compacting: Mutex<()>,
}

/// What a writer needs to know, as it is in the database.
#[derive(Default)]
pub(crate) struct Turn {
    blocks: u64,
    bytes: u64,
    /// Something was written without the log since the last flush.
    unlogged: bool,
    next_session: u64,
    /// What the database says of that.
    saved_session: u64,
    /// Sessions that have ended, and may have holds left.
    ended: BTreeSet<u64>,
    /// The place in the trash of the next block that may go at once.
    next_dead: u64,
    /// Before this one, none of them is left.
    dead_from: u64,
}

/// What is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Blocks.
    pub blocks: u64,
    /// Their bytes, what is in the trash included.
    pub bytes: u64,
    /// STORAGE-4: how many there may be.
    pub quota_bytes: u64,
}

impl ContentStore {
    /// STORAGE-8: opens the database, or makes it, and clears what adds left that did not end.
    pub fn open(config: &Config) -> Result<Self> {
        let dir = &config.dir;
        std::fs::create_dir_all(dir).map_err(|e| StorageError::Disk(format!("{}: {e}", dir.display())))?;
        if dir.join("CURRENT").exists() {
            check_columns(dir)?;
        } else if has_files(dir)? {
            // RocksDB would begin anew, and delete the rest.
            return Err(damaged("its file CURRENT is missing"));
        }
        let db = DB::open_cf_descriptors(&columns::options()?, dir, columns::descriptors(config.cache_bytes))
            .map_err(|error| if is_locked(&error, dir) { StorageError::Busy(dir.clone()) } else { error.into() })?;
        check_format(&db)?;
        let (blocks, bytes) = match db.get_cf(column(&db, META)?, TOTAL)? {
            None => (0, 0),
            Some(row) => read_pair(&row).ok_or_else(|| damaged("the row of the totals"))?,
        };
        let next_session = match db.get_cf(column(&db, META)?, SESSION)? {
            None => 0,
            Some(row) => number(&row).ok_or_else(|| damaged("the row of the sessions"))?,
        };
        let turn = Turn { blocks, bytes, next_session, saved_session: next_session, ..Turn::default() };
        let inner = Inner {
            db,
            quota: AtomicU64::new(config.quota_bytes),
            space: config.space,
            turn: Mutex::new(turn),
            measures: Mutex::new(HashMap::new()),
            compacting: Mutex::new(()),
        };
        let (ended, next_dead) = (inner.sessions()?, inner.next_dead()?);
        {
            let mut turn = inner.turn()?;
            (turn.ended, turn.next_dead) = (ended, next_dead);
        }
        let store = Self { inner: Arc::new(inner) };
        store.clear_holds(OPEN_CLEAR_MAX)?;
        tracing::info!(blocks, bytes, "content database open");
        Ok(store)
    }

    /// The bytes of a block, whatever the version and codec of the id.
    pub fn get(&self, cid: &Cid) -> Result<Option<Bytes>> {
        let Some(key) = Key::of(cid)? else { return Ok(inline(cid)) };
        Ok(self.inner.block(&key)?.map(|slice| Bytes::copy_from_slice(&slice)))
    }

    /// STORAGE-2: whether a block is here: with it all that it links to. As mere bytes one that may have links is not: what they name may be missing.
    pub fn has(&self, cid: &Cid) -> Result<bool> {
        for (key, form) in targets(cid)? {
            if !self.inner.row(&key)?.is_some_and(|row| row.form.serves(form)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The length of a block.
    pub fn size(&self, cid: &Cid) -> Result<Option<u64>> {
        match Key::of(cid)? {
            None => Ok(inline(cid).map(|bytes| bytes.len() as u64)),
            Some(key) => Ok(self.inner.row(&key)?.map(|row| u64::from(row.size))),
        }
    }

    /// What is in it.
    pub fn stat(&self) -> Result<Stat> {
        let turn = self.inner.turn()?;
        Ok(Stat { blocks: turn.blocks, bytes: turn.bytes, quota_bytes: self.inner.quota() })
    }

    /// STORAGE-4: from now on. One that is below what is used refuses new blocks and deletes none.
    pub fn set_quota(&self, bytes: u64) {
        self.inner.quota.store(bytes, Ordering::Release);
    }

    /// Begins to add something.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }
}

impl Inner {
    pub(crate) fn turn(&self) -> Result<MutexGuard<'_, Turn>> {
        // What a writer that failed had in memory is gone with it; the turn is set only after a write has succeeded.
        Ok(self.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn quota(&self) -> u64 {
        self.quota.load(Ordering::Acquire)
    }

    /// The space of the disk; nothing where nobody looks, or the disk does not tell.
    fn disk(&self) -> Result<Option<Space>> {
        let Some(ask) = self.space else { return Ok(None) };
        let dir = self.db.path();
        let space = ask(dir).map_err(|e| StorageError::Disk(format!("{}: {e}", dir.display())))?;
        Ok((space.all > 0).then_some(space))
    }

    /// STORAGE-13: what the disk has left for content, beyond what was written and is in memory yet.
    fn left(&self) -> Result<u64> {
        let Some(space) = self.disk()? else { return Ok(u64::MAX) };
        let mut unwritten = 0u64;
        for name in columns::ALL {
            let bytes = self.db.property_int_value_cf(column(&self.db, name)?, properties::CUR_SIZE_ALL_MEM_TABLES)?;
            unwritten = unwritten.saturating_add(bytes.unwrap_or(0));
        }
        Ok(space.for_content().saturating_sub(unwritten))
    }

    pub(crate) fn block(&self, key: &Key) -> Result<Option<DBPinnableSlice<'_>>> {
        Ok(self.db.get_pinned_cf(column(&self.db, BLOCKS)?, key)?)
    }

    pub(crate) fn row(&self, key: &Key) -> Result<Option<Row>> {
        self.db.get_pinned_cf(column(&self.db, COUNTS)?, key)?.map(|row| Row::read(&row)).transpose()
    }

    /// How much a sharded directory holds at least, if that is remembered.
    pub(crate) fn measure(&self, key: &Key) -> u64 {
        let measures = self.measures.lock().unwrap_or_else(PoisonError::into_inner);
        measures.get(key).copied().unwrap_or(0)
    }

    pub(crate) fn remember_measure(&self, key: Key, measure: u64) {
        let mut measures = self.measures.lock().unwrap_or_else(PoisonError::into_inner);
        if measures.len() >= MEASURES_MAX {
            measures.clear();
        }
        measures.insert(key, measure);
    }
}

/// Whether there are files of a database.
fn has_files(dir: &Path) -> Result<bool> {
    let failed = |e: std::io::Error| StorageError::Disk(format!("{}: {e}", dir.display()));
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("MANIFEST") || [".sst", ".blob", ".log"].iter().any(|end| name.ends_with(end)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A newer program may have added column families, which RocksDB would only call invalid.
fn check_columns(dir: &Path) -> Result<()> {
    let names = DB::list_cf(&rocksdb::Options::default(), dir)?;
    match names.into_iter().find(|name| !columns::ALL.contains(&name.as_str())) {
        Some(name) => Err(StorageError::Newer(format!("column family {name}"))),
        None => Ok(()),
    }
}

fn check_format(db: &DB) -> Result<()> {
    let meta = column(db, META)?;
    match db.get_cf(meta, FORMAT)? {
        None if db.latest_sequence_number() == 0 => {
            let mut options = rocksdb::WriteOptions::default();
            options.set_sync(true);
            Ok(db.put_cf_opt(meta, FORMAT, FORMAT_VERSION.to_be_bytes(), &options)?)
        }
        None => Err(damaged("its format is not stated")),
        Some(row) => match row.as_slice().try_into().map(u32::from_be_bytes) {
            Ok(FORMAT_VERSION) => Ok(()),
            Ok(found) if found > FORMAT_VERSION => Err(StorageError::Newer(format!("format {found}"))),
            _ => Err(damaged("its format")),
        },
    }
}

/// Whether RocksDB says that somebody has the database. Its errors have no kind for that, and name files: a path may hold any word.
fn is_locked(error: &rocksdb::Error, dir: &Path) -> bool {
    let said = error.to_string().replace(&*dir.to_string_lossy(), "");
    ["While lock file", "lock hold by", "Resource temporarily unavailable"]
        .iter()
        .any(|words| said.contains(words))
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

fn read_pair(bytes: &[u8]) -> Option<(u64, u64)> {
    let (left, right) = bytes.split_at_checked(8)?;
    Some((number(left)?, number(right)?))
}

/// The blocks that a block's links name, each once, those behind ids that hold their content included.
pub(crate) fn children(cid: &Cid, bytes: &[u8]) -> Result<Vec<Need>> {
    needs(links(cid, bytes)?)
}

/// Each block once, in the form that asks for most; in order, so that looking them up goes through the tables once.
fn needs(links: Vec<(Key, Cid)>) -> Result<Vec<Need>> {
    let form = |(key, cid): (Key, Cid)| -> Result<Need> { Ok((key, Form::of(&cid)?)) };
    let mut needs = links.into_iter().map(form).collect::<Result<Vec<Need>>>()?;
    needs.sort_unstable_by(|a, b| b.cmp(a));
    needs.dedup_by_key(|(key, _)| *key);
    Ok(needs)
}

/// The same, in the order of the links and as often as they stand there.
pub(crate) fn links(cid: &Cid, bytes: &[u8]) -> Result<Vec<(Key, Cid)>> {
    let mut found = Vec::new();
    collect(cid, bytes, &mut found)?;
    Ok(found)
}

fn collect(cid: &Cid, bytes: &[u8], found: &mut Vec<(Key, Cid)>) -> Result<()> {
    if Form::of(cid)? == Form::Plain {
        return Ok(());
    }
    let node = leither_kit::node::decode(cid, bytes).map_err(|source| StorageError::Node { cid: *cid, source })?;
    for link in node.links() {
        reach(link, found)?;
    }
    Ok(())
}

/// An id has at most 64 bytes of content, and what it holds is shorter than itself: this ends.
fn reach(cid: &Cid, found: &mut Vec<(Key, Cid)>) -> Result<()> {
    match (Key::of(cid)?, inline(cid)) {
        (Some(key), _) => {
            found.push((key, *cid));
            Ok(())
        }
        (None, held) => collect(cid, &held.unwrap_or_default(), found),
    }
}

/// The blocks that must be here for `cid` to be: itself, or what is linked to by an id that holds its content.
pub(crate) fn targets(cid: &Cid) -> Result<Vec<Need>> {
    let mut found = Vec::new();
    reach(cid, &mut found)?;
    needs(found)
}

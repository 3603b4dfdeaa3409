//! Whether the counts are right: everything is walked, and nothing changed.

use super::columns::{BLOCKS, COUNTS, HOLDS, ROOTS, TRASH, column};
use super::rows::{Form, Kept, Key, Row, read_numbered};
use super::{ContentStore, children, targets};
use crate::config::{VERIFY_KEYS_MAX, WRONG_MAX};
use crate::error::{Result, StorageError};
use cid::Cid;
use rocksdb::{DB, DBIterator, DBPinnableSlice, IteratorMode, ReadOptions, Snapshot};
use std::collections::{BTreeMap, HashMap};

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Blocks that are here.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Roots.
    pub roots: u64,
    /// Holds of sessions.
    pub holds: u64,
    /// Blocks in the trash.
    pub trashed: u64,
    /// What is wrong; at most 100.
    pub wrong: Vec<Wrong>,
}

/// A block of which the books say something else than is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Which one; none where it is about the totals.
    pub cid: Option<Cid>,
    /// What is wrong.
    pub what: String,
}

/// How far a verification is, in rows that are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checking {
    /// So many were.
    pub done: u64,
    /// Of about so many.
    pub of: u64,
}

/// Rows between two words about how far it is.
const TELL_ROWS: u64 = 64;

/// Passes over everything, so that no pass counts more than about [`VERIFY_KEYS_MAX`] keys.
fn passes(blocks: u64) -> u64 {
    (blocks / VERIFY_KEYS_MAX).saturating_add(1).min(256)
}

impl ContentStore {
    /// STORAGE-9: counts again who needs each block, and compares. `hashes`: also whether the bytes are those of their ids, which reads all of them.
    /// It sees the store as it was when it began, and writers go on meanwhile.
    pub fn verify(&self, hashes: bool) -> Result<Verified> {
        self.verify_watched(hashes, &mut |_| true)
    }

    /// The same. `watch` hears how far it is; once it says false it ends with [`StorageError::Stopped`].
    pub fn verify_watched(&self, hashes: bool, watch: &mut dyn FnMut(&Checking) -> bool) -> Result<Verified> {
        // Between two writes all that is in the books is of one moment; what comes or goes later is neither seen nor missed.
        let (books, blocks, bytes) = {
            let turn = self.inner.turn()?;
            (Books { db: &self.inner.db, at: self.inner.db.snapshot() }, turn.blocks, turn.bytes)
        };
        let mut found = Verified::default();
        let passes = passes(blocks);
        let far = Checking { done: 0, of: blocks.saturating_mul(passes.saturating_add(2)) };
        let mut teller = Teller { far, watch };
        for pass in 0..passes {
            let mine = |key: &Key| u64::from(key.spread()) % passes == pass;
            let mut expected: HashMap<Key, u64> = HashMap::new();
            books.references(&mut found, &mut teller, pass == 0, &mut |key| {
                if mine(key) {
                    let count = expected.entry(*key).or_default();
                    *count = count.saturating_add(1);
                }
            })?;
            books.compare(&mut found, &mut teller, &mine, expected, hashes)?;
        }
        books.strays(&mut found, &mut teller)?;
        if (found.blocks, found.bytes) != (blocks, bytes) {
            let what = format!("{} blocks of {} bytes are here, the books say {blocks} of {bytes}", found.blocks, found.bytes);
            found.note(None, what);
        }
        Ok(found)
    }
}

/// Says how far it is, to whom wants to hear.
struct Teller<'a> {
    far: Checking,
    watch: &'a mut dyn FnMut(&Checking) -> bool,
}

impl Teller<'_> {
    /// One row more.
    fn row(&mut self) -> Result<()> {
        let tells = self.far.done.is_multiple_of(TELL_ROWS);
        let ends = tells && !(self.watch)(&self.far);
        self.far.done = self.far.done.saturating_add(1);
        if ends { Err(StorageError::Stopped) } else { Ok(()) }
    }
}

/// The books, as they were at one moment.
struct Books<'a> {
    db: &'a DB,
    at: Snapshot<'a>,
}

impl Books<'_> {
    fn rows(&self, name: &str) -> Result<DBIterator<'_>> {
        let mut options = ReadOptions::default();
        // What others read stays in memory.
        options.fill_cache(false);
        Ok(self.at.iterator_cf_opt(column(self.db, name)?, options, IteratorMode::Start))
    }

    fn block(&self, key: &Key) -> Result<Option<DBPinnableSlice<'_>>> {
        Ok(self.at.get_pinned_cf(column(self.db, BLOCKS)?, key)?)
    }

    /// Names every block once for each that needs it.
    fn references(&self, found: &mut Verified, teller: &mut Teller<'_>, tally: bool, each: &mut dyn FnMut(&Key)) -> Result<()> {
        for row in self.rows(ROOTS)? {
            targets(&Kept::read(&row?.1)?.cid)?.iter().for_each(|(key, _)| each(key));
            found.roots = found.roots.saturating_add(u64::from(tally));
        }
        for row in self.rows(HOLDS)? {
            each(&read_numbered(&row?.0)?.1);
            found.holds = found.holds.saturating_add(u64::from(tally));
        }
        for row in self.rows(COUNTS)? {
            teller.row()?;
            let (key, value) = row?;
            let (Some(key), row) = (Key::read(&key), Row::read(&value)?) else { continue };
            if row.form == Form::Plain {
                continue;
            }
            if let Some(bytes) = self.block(&key)? {
                children(&key.cid(row.form), &bytes)?.iter().for_each(|(key, _)| each(key));
            }
        }
        Ok(())
    }

    fn compare(
        &self,
        found: &mut Verified,
        teller: &mut Teller<'_>,
        mine: &dyn Fn(&Key) -> bool,
        mut expected: HashMap<Key, u64>,
        hashes: bool,
    ) -> Result<()> {
        let mut trash: BTreeMap<Key, u64> = BTreeMap::new();
        for row in self.rows(TRASH)? {
            let (due, key) = read_numbered(&row?.0)?;
            if mine(&key) && trash.insert(key, due).is_some() {
                found.note(Some(key.cid(Form::Plain)), "it is in the trash twice".into());
            }
        }
        for row in self.rows(COUNTS)? {
            let (key, value) = row?;
            let Some(key) = Key::read(&key) else {
                found.note(None, "a row of the counts has no name of a block".into());
                continue;
            };
            if !mine(&key) {
                continue;
            }
            teller.row()?;
            let row = Row::read(&value)?;
            let cid = key.cid(row.form);
            let needed = expected.remove(&key).unwrap_or(0);
            if row.count != needed {
                found.note(Some(cid), format!("{needed} need it, its count is {}", row.count));
            }
            let due = trash.remove(&key);
            if due != (row.count == 0).then_some(row.due) {
                found.note(Some(cid), format!("its count is {} and the trash says {due:?}", row.count));
            }
            found.trashed = found.trashed.saturating_add(u64::from(row.count == 0));
            found.blocks = found.blocks.saturating_add(1);
            found.bytes = found.bytes.saturating_add(u64::from(row.size));
            match self.block(&key)? {
                None => found.note(Some(cid), "its bytes are missing".into()),
                Some(bytes) if bytes.len() != row.size as usize => {
                    found.note(Some(cid), "it has another length than the books say".into())
                }
                Some(bytes) if hashes && leither_kit::block::verify(&cid, &bytes).is_err() => {
                    found.note(Some(cid), "its bytes do not hash to its id".into());
                }
                Some(_) => {}
            }
        }
        for key in expected.keys() {
            found.note(Some(key.cid(Form::Plain)), "it is needed and not here".into());
        }
        for key in trash.keys() {
            found.note(Some(key.cid(Form::Plain)), "it is in the trash and not here".into());
        }
        Ok(())
    }

    /// Bytes that no row speaks of would never go. Once for all passes: to go through these rows reads all that there is.
    fn strays(&self, found: &mut Verified, teller: &mut Teller<'_>) -> Result<()> {
        for row in self.rows(BLOCKS)? {
            teller.row()?;
            let (key, _) = row?;
            if let Some(key) = Key::read(&key)
                && self.at.get_pinned_cf(column(self.db, COUNTS)?, key)?.is_none()
            {
                found.note(Some(key.cid(Form::Plain)), "it is here and nobody counts it".into());
            }
        }
        Ok(())
    }
}

impl Verified {
    fn note(&mut self, cid: Option<Cid>, what: String) {
        if self.wrong.len() < WRONG_MAX {
            self.wrong.push(Wrong { cid, what });
        }
    }
}

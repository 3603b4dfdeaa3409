//! Whether the counts are right: everything is walked, and nothing changed.

use super::columns::{BLOCKS, COUNTS, HOLDS, ROOTS, TRASH, column};
use super::rows::{Form, Kept, Key, Row, read_numbered};
use super::{ContentStore, children, targets};
use crate::config::{VERIFY_KEYS_MAX, WRONG_MAX};
use crate::error::Result;
use cid::Cid;
use rocksdb::IteratorMode;
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

/// Passes over everything, so that no pass counts more than about [`VERIFY_KEYS_MAX`] keys.
fn passes(blocks: u64) -> u64 {
    (blocks / VERIFY_KEYS_MAX).saturating_add(1).min(256)
}

impl ContentStore {
    /// STORAGE-9: counts again who needs each block, and compares. `hashes`: also whether the bytes are those of their ids, which reads all of them.
    /// Nothing is written meanwhile.
    pub fn verify(&self, hashes: bool) -> Result<Verified> {
        let turn = self.inner.turn()?;
        let mut found = Verified::default();
        let passes = passes(turn.blocks);
        for pass in 0..passes {
            let mine = |key: &Key| u64::from(key.spread()) % passes == pass;
            let mut expected: HashMap<Key, u64> = HashMap::new();
            self.references(&mut found, pass == 0, &mut |key| {
                if mine(key) {
                    let count = expected.entry(*key).or_default();
                    *count = count.saturating_add(1);
                }
            })?;
            self.compare(&mut found, &mine, expected, hashes)?;
        }
        if (found.blocks, found.bytes) != (turn.blocks, turn.bytes) {
            let what = format!(
                "{} blocks of {} bytes are here, the books say {} of {}",
                found.blocks, found.bytes, turn.blocks, turn.bytes
            );
            found.note(None, what);
        }
        Ok(found)
    }

    /// Names every block once for each that needs it.
    fn references(&self, found: &mut Verified, tally: bool, each: &mut dyn FnMut(&Key)) -> Result<()> {
        let db = &self.inner.db;
        for row in db.iterator_cf(column(db, ROOTS)?, IteratorMode::Start) {
            targets(&Kept::read(&row?.1)?.cid)?.iter().for_each(|(key, _)| each(key));
            found.roots = found.roots.saturating_add(u64::from(tally));
        }
        for row in db.iterator_cf(column(db, HOLDS)?, IteratorMode::Start) {
            each(&read_numbered(&row?.0)?.1);
            found.holds = found.holds.saturating_add(u64::from(tally));
        }
        for row in db.iterator_cf(column(db, COUNTS)?, IteratorMode::Start) {
            let (key, value) = row?;
            let (Some(key), row) = (Key::read(&key), Row::read(&value)?) else { continue };
            if row.form == Form::Plain {
                continue;
            }
            if let Some(bytes) = self.inner.block(&key)? {
                children(&key.cid(row.form), &bytes)?.iter().for_each(|(key, _)| each(key));
            }
        }
        Ok(())
    }

    fn compare(
        &self,
        found: &mut Verified,
        mine: &dyn Fn(&Key) -> bool,
        mut expected: HashMap<Key, u64>,
        hashes: bool,
    ) -> Result<()> {
        let db = &self.inner.db;
        let mut trash: BTreeMap<Key, u64> = BTreeMap::new();
        for row in db.iterator_cf(column(db, TRASH)?, IteratorMode::Start) {
            let (due, key) = read_numbered(&row?.0)?;
            if mine(&key) && trash.insert(key, due).is_some() {
                found.note(Some(key.cid(Form::Plain)), "it is in the trash twice".into());
            }
        }
        for row in db.iterator_cf(column(db, COUNTS)?, IteratorMode::Start) {
            let (key, value) = row?;
            let Some(key) = Key::read(&key) else {
                found.note(None, "a row of the counts has no name of a block".into());
                continue;
            };
            if !mine(&key) {
                continue;
            }
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
            match self.inner.block(&key)? {
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
        // Bytes that no row speaks of would never go.
        for row in db.iterator_cf(column(db, BLOCKS)?, IteratorMode::Start) {
            let (key, _) = row?;
            if let Some(key) = Key::read(&key).filter(|key| mine(key))
                && self.inner.row(&key)?.is_none()
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

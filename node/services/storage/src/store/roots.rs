//! Who keeps what, what a release would free, and what can be taken back.

use super::columns::{ROOTS, TRASH, column};
use super::rows::{Kept, Key, Root, TIMED, numbered, read_numbered, time_of, timed};
use super::tx::{How, Tx};
use super::{ContentStore, Form, Inner, children, targets};
use crate::config::{DRY_RUN_BLOCKS_MAX, GRACE_MS, PAGE_MAX, TRASH_BLOCKS_MAX};
use crate::error::{Result, StorageError};
use cid::Cid;
use rocksdb::{Direction, IteratorMode};
use std::collections::HashMap;

/// Blocks that wait to be looked at, in memory: a node may have very many links.
const WAITING_MAX: usize = 1 << 20;

/// What a release would free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Blocks that nobody else needs.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Only so many blocks were looked at; there is more.
    pub at_least: bool,
}

/// A tree in the trash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trashed {
    /// Its first block, under the codec by which its links were counted.
    pub cid: Cid,
    /// When it may go, in milliseconds.
    pub due: u64,
}

impl ContentStore {
    /// Keeps a tree that is here: one that came by itself, one of another root, or one from the trash, which is taken back by that.
    /// What the root named before goes to the trash for a day after `now`.
    pub fn keep(&self, root: &Root, kept: Kept, now: u64) -> Result<()> {
        let mut tx = Tx::begin(&self.inner)?;
        tx.require(&kept.cid)?;
        tx.set_root(root, Some(kept), now.saturating_add(GRACE_MS))?;
        tx.apply(How::Durable)
    }

    /// STORAGE-3: no longer keeps it. False where the root named nothing. One count changes, however large the tree is.
    pub fn release(&self, root: &Root, now: u64) -> Result<bool> {
        let mut tx = Tx::begin(&self.inner)?;
        if tx.root(root)?.is_none() {
            return Ok(false);
        }
        tx.set_root(root, None, now.saturating_add(GRACE_MS))?;
        tx.apply(How::Durable)?;
        Ok(true)
    }

    /// As [`Self::keep`], of many in one write. Those whose tree is not here are left out; says of each whether it is kept.
    pub fn keep_all(&self, roots: &[(Root, Kept)], now: u64) -> Result<Vec<bool>> {
        let mut tx = Tx::begin(&self.inner)?;
        let mut done = Vec::with_capacity(roots.len());
        for (root, kept) in roots {
            match tx.require(&kept.cid) {
                Ok(()) => {
                    tx.set_root(root, Some(*kept), now.saturating_add(GRACE_MS))?;
                    done.push(true);
                }
                Err(StorageError::NoBlock(_)) => done.push(false),
                Err(error) => return Err(error),
            }
        }
        tx.apply(How::Durable)?;
        Ok(done)
    }

    /// STORAGE-3: as [`Self::release`], of many in one write.
    pub fn release_all(&self, roots: &[Root], now: u64) -> Result<Vec<bool>> {
        let mut tx = Tx::begin(&self.inner)?;
        let mut done = Vec::with_capacity(roots.len());
        for root in roots {
            let is_there = tx.root(root)?.is_some();
            if is_there {
                tx.set_root(root, None, now.saturating_add(GRACE_MS))?;
            }
            done.push(is_there);
        }
        tx.apply(How::Durable)?;
        Ok(done)
    }

    /// What a root names.
    pub fn root(&self, root: &Root) -> Result<Option<Kept>> {
        self.inner.root(root)
    }

    /// Roots in the order of their keys, after `after`, at most 1000.
    pub fn roots(&self, after: Option<&Root>, limit: usize) -> Result<Vec<(Root, Kept)>> {
        let start = after.map(Root::key).unwrap_or_default();
        self.inner.roots_from(&start, limit, |_| true)
    }

    /// STORAGE-6: what the release of a root would free, without releasing it.
    pub fn dry_run(&self, root: &Root) -> Result<Freed> {
        let Some(kept) = self.inner.root(root)? else { return Ok(Freed::default()) };
        self.inner.freed(&kept.cid, DRY_RUN_BLOCKS_MAX)
    }

    /// STORAGE-11: what goes with a tree of the trash: blocks that nobody else needs, of the 4,096 that are looked at.
    pub fn goes_with(&self, trashed: &Trashed) -> Result<Freed> {
        self.inner.freed(&trashed.cid, TRASH_BLOCKS_MAX)
    }

    /// STORAGE-11: gives a tree that is here a root that named nothing, so that no purge takes it; one of the trash is taken back by that. Says whether it
    /// was in the trash. Where the root names this tree already nothing happens; where it names another that is an error, and so is a tree that is gone.
    pub fn take_back(&self, root: &Root, kept: Kept) -> Result<bool> {
        let mut tx = Tx::begin(&self.inner)?;
        match tx.root(root)? {
            None => {}
            Some(found) if found.cid == kept.cid => return Ok(false),
            Some(_) => {
                let name = if let Root::Pin(name) = root { name.clone() } else { format!("{root:?}") };
                return Err(StorageError::Exists(name));
            }
        }
        tx.require(&kept.cid)?;
        let mut was_trash = false;
        for (key, _) in targets(&kept.cid)? {
            was_trash |= tx.row(&key)?.is_some_and(|row| row.count == 0);
        }
        tx.set_root(root, Some(kept), 0)?;
        tx.apply(How::Durable)?;
        Ok(was_trash)
    }

    /// STORAGE-3: what can be taken back, by [`Self::keep`], in the order in which it will go; after `after`, at most 1000. What may go at once is not told.
    pub fn trash(&self, after: Option<&Trashed>, limit: usize) -> Result<Vec<Trashed>> {
        let mut start = timed(0).to_be_bytes().to_vec();
        if let Some(last) = after
            && let Some(key) = Key::of(&last.cid)?
        {
            start = numbered(timed(last.due), &key).to_vec();
        }
        let db = &self.inner.db;
        let mut found = Vec::new();
        for row in db.iterator_cf(column(db, TRASH)?, IteratorMode::From(&start, Direction::Forward)) {
            let (bytes, _) = row?;
            if *bytes == *start {
                continue;
            }
            if found.len() >= limit.min(PAGE_MAX) {
                break;
            }
            let (place, key) = read_numbered(&bytes)?;
            let form = self.inner.row(&key)?.map_or(Form::Plain, |row| row.form);
            found.push(Trashed { cid: key.cid(form), due: time_of(place) });
        }
        Ok(found)
    }

    /// STORAGE-11: as [`Self::trash`], what came last first; before `before`.
    pub fn trash_newest(&self, before: Option<&Trashed>, limit: usize) -> Result<Vec<Trashed>> {
        let mut start = None;
        if let Some(last) = before
            && let Some(key) = Key::of(&last.cid)?
        {
            start = Some(numbered(timed(last.due), &key));
        }
        let mode = start.as_ref().map_or(IteratorMode::End, |start| IteratorMode::From(start, Direction::Reverse));
        let db = &self.inner.db;
        let mut found = Vec::new();
        for row in db.iterator_cf(column(db, TRASH)?, mode) {
            let (bytes, _) = row?;
            if start.as_ref().is_some_and(|start| start.as_slice() == &*bytes) {
                continue;
            }
            let (place, key) = read_numbered(&bytes)?;
            if place < TIMED || found.len() >= limit.min(PAGE_MAX) {
                break;
            }
            let form = self.inner.row(&key)?.map_or(Form::Plain, |row| row.form);
            found.push(Trashed { cid: key.cid(form), due: time_of(place) });
        }
        Ok(found)
    }
}

impl Inner {
    /// What would go with a tree if what names it did, of the blocks that are looked at.
    fn freed(&self, tree: &Cid, most: u64) -> Result<Freed> {
        let mut waiting: Vec<Key> = targets(tree)?.into_iter().map(|(key, _)| key).collect();
        // Of blocks that several need: how many would still need them.
        let mut shared: HashMap<Key, u64> = HashMap::new();
        let (mut freed, mut seen) = (Freed::default(), 0u64);
        while let Some(key) = waiting.pop() {
            if seen >= most || waiting.len() >= WAITING_MAX {
                freed.at_least = true;
                break;
            }
            seen = seen.saturating_add(1);
            // A purge may have taken it meanwhile; what is missing and should not be a verification finds.
            let Some(row) = self.row(&key)? else { continue };
            if row.count > 1 {
                let left = shared.entry(key).or_insert(row.count);
                *left = left.saturating_sub(1);
                if *left > 0 {
                    continue;
                }
            }
            freed.blocks = freed.blocks.saturating_add(1);
            freed.bytes = freed.bytes.saturating_add(u64::from(row.size));
            if row.form != Form::Plain
                && let Some(bytes) = self.block(&key)?
            {
                waiting.extend(children(&key.cid(row.form), &bytes)?.into_iter().map(|(key, _)| key));
            }
        }
        Ok(freed)
    }

    pub(crate) fn root(&self, root: &Root) -> Result<Option<Kept>> {
        self.db.get_pinned_cf(column(&self.db, ROOTS)?, root.key())?.map(|row| Kept::read(&row)).transpose()
    }

    /// The last root up to `end`.
    pub(crate) fn root_until(&self, end: &[u8]) -> Result<Option<(Root, Kept)>> {
        let mut rows = self.db.iterator_cf(column(&self.db, ROOTS)?, IteratorMode::From(end, Direction::Reverse));
        let Some(row) = rows.next() else { return Ok(None) };
        let (key, value) = row?;
        Ok(Some((Root::read(&key)?, Kept::read(&value)?)))
    }

    /// Roots behind `start` for as long as they are wanted.
    pub(crate) fn roots_from(&self, start: &[u8], limit: usize, wanted: impl Fn(&Root) -> bool) -> Result<Vec<(Root, Kept)>> {
        let mut found = Vec::new();
        for row in self.db.iterator_cf(column(&self.db, ROOTS)?, IteratorMode::From(start, Direction::Forward)) {
            let (key, value) = row?;
            if *key == *start {
                continue;
            }
            let root = Root::read(&key)?;
            if found.len() >= limit.min(PAGE_MAX) || !wanted(&root) {
                break;
            }
            found.push((root, Kept::read(&value)?));
        }
        Ok(found)
    }
}

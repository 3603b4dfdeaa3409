//! An add: blocks, children first, that nothing refers to until the end.

use super::rows::{Form, Kept, Key, Need, Root};
use super::tx::{How, Tx};
use super::{ContentStore, children, targets};
use crate::config::{GRACE_MS, STEP_ROWS_MAX, WINDOW_BLOCKS_MAX, WINDOW_BYTES_MAX};
use crate::error::{Result, StorageError};
use cid::Cid;
use leither_failpoints::hit;
use leither_kit::block::verify;
use std::collections::HashMap;

/// About what a block's rows take in a batch.
const ROWS_BYTES: usize = 256;

/// What a session has stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Blocks that were not here before.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blocks that were.
    pub known: u64,
}

/// An add. Nothing of it is kept unless [`Session::finish`] says under which root; a session that is dropped takes its blocks out again,
/// one that is left ([`Session::leave`]) lets them be found for a day.
///
/// STORAGE-5: what it has put is held, row by row, until a block that it put later links to it. So however it ends, what is left is known.
pub struct Session {
    store: ContentStore,
    /// From the first write on.
    id: Option<u64>,
    window: Vec<Waiting>,
    window_bytes: usize,
    /// Where in the window a block is.
    index: HashMap<Key, usize>,
    stored: Stored,
    /// The database may have holds of this session.
    holds: bool,
    /// It was refused for want of space.
    is_full: bool,
}

/// A block that is to be written.
struct Waiting {
    key: Key,
    form: Form,
    bytes: Vec<u8>,
    children: Vec<Need>,
}

impl Session {
    pub(super) fn new(store: ContentStore) -> Self {
        Self {
            store,
            id: None,
            window: Vec::new(),
            window_bytes: 0,
            index: HashMap::new(),
            stored: Stored::default(),
            holds: false,
            is_full: false,
        }
    }

    /// The store that it writes to.
    pub fn store(&self) -> &ContentStore {
        &self.store
    }

    /// What it has stored by now; what is still in the window is not counted.
    pub fn stored(&self) -> Stored {
        self.stored
    }

    /// Takes a block that somebody sent.
    pub fn put(&mut self, cid: &Cid, bytes: Vec<u8>) -> Result<()> {
        verify(cid, &bytes)?;
        self.put_made(cid, bytes)
    }

    /// Takes a block that was made here, by whom its id was computed.
    pub(crate) fn put_made(&mut self, cid: &Cid, bytes: Vec<u8>) -> Result<()> {
        let Some(key) = Key::of(cid)? else { return Ok(()) };
        let form = Form::of(cid)?;
        let known = self.index.get(&key).and_then(|at| self.window.get(*at)).map(|waiting| waiting.form);
        if known.is_some_and(|known| known == form || form == Form::Plain) {
            return Ok(());
        }
        let children = children(cid, &bytes)?;
        if self.window_bytes >= WINDOW_BYTES_MAX || self.window.len() >= WINDOW_BLOCKS_MAX {
            self.flush()?;
        }
        self.window_bytes = self.window_bytes.saturating_add(bytes.len());
        self.index.insert(key, self.window.len());
        self.window.push(Waiting { key, form, bytes, children });
        Ok(())
    }

    /// A block that is not written yet.
    pub(crate) fn waiting(&self, key: &Key) -> Option<&[u8]> {
        self.index.get(key).and_then(|at| self.window.get(*at)).map(|waiting| waiting.bytes.as_slice())
    }

    /// Whether a block is here or among those just put, with all that it links to; if so it stays until the end. If not: then put it.
    pub fn hold(&mut self, cid: &Cid) -> Result<bool> {
        let Some(key) = Key::of(cid)? else { return Ok(true) };
        let wanted = Form::of(cid)?;
        if let Some(waiting) = self.index.get(&key).and_then(|at| self.window.get(*at)) {
            return Ok(waiting.form.serves(wanted));
        }
        // Most are not here, and that is cheap to know.
        if !self.store.inner.row(&key)?.is_some_and(|row| row.form.serves(wanted)) {
            return Ok(false);
        }
        let inner = self.store.inner.clone();
        let mut tx = Tx::begin(&inner)?;
        // It may have gone between the question and the lock.
        if tx.row(&key)?.is_none() {
            return Ok(false);
        }
        let id = Self::begin(&mut self.id, &mut tx);
        tx.hold(id, &key)?;
        self.holds = true;
        tx.apply(How::Lazy)?;
        Ok(true)
    }

    fn begin(id: &mut Option<u64>, tx: &mut Tx<'_>) -> u64 {
        *id.get_or_insert_with(|| tx.new_session())
    }

    /// Writes the window. STORAGE-4: all of it or, with what is refused, nothing.
    fn flush(&mut self) -> Result<()> {
        if self.window.is_empty() {
            return Ok(());
        }
        let inner = self.store.inner.clone();
        let mut tx = Tx::begin(&inner)?;
        tx.reserve(self.window_bytes.saturating_add(self.window.len().saturating_mul(ROWS_BYTES)));
        let (_, stored) = self.fill(&mut tx)?;
        self.holds = true;
        tx.apply(How::Bulk)?;
        self.stored = stored;
        hit("content/add/window");
        self.empty();
        Ok(())
    }

    fn empty(&mut self) {
        self.window.clear();
        self.index.clear();
        self.window_bytes = 0;
    }

    fn fill(&mut self, tx: &mut Tx<'_>) -> Result<(u64, Stored)> {
        let id = Self::begin(&mut self.id, tx);
        let mut stored = self.stored;
        for Waiting { key, form, bytes, children } in &self.window {
            let inserted = tx.insert(key, *form, bytes, children);
            self.is_full |= matches!(inserted, Err(StorageError::Full { .. }));
            if inserted? {
                stored.blocks = stored.blocks.saturating_add(1);
                stored.bytes = stored.bytes.saturating_add(bytes.len() as u64);
            } else {
                stored.known = stored.known.saturating_add(1);
            }
            // From now on the block itself keeps them.
            for (child, _) in children {
                tx.let_go(id, child)?;
            }
            tx.hold(id, key)?;
        }
        Ok((id, stored))
    }

    /// STORAGE-5: the end of an add: on disk, and kept by `root`, once this returns. What the root named before may be taken back for a day after `now`.
    pub fn finish(mut self, root: &Root, kept: Kept, now: u64) -> Result<Stored> {
        self.finish_with(&kept.cid, |tx| tx.set_root(root, Some(kept), now.saturating_add(GRACE_MS)))
    }

    /// As [`Self::finish`], with what else is to happen in the same write. If it fails, nothing has happened, and it can be tried again.
    pub(crate) fn finish_with(&mut self, root: &Cid, act: impl FnOnce(&mut Tx<'_>) -> Result<()>) -> Result<Stored> {
        let inner = self.store.inner.clone();
        let mut tx = Tx::begin(&inner)?;
        let (id, stored) = self.fill(&mut tx)?;
        tx.require(root)?;
        act(&mut tx)?;
        for (key, _) in targets(root)? {
            tx.let_go(id, &key)?;
        }
        self.holds = true;
        tx.apply(How::Durable)?;
        hit("content/add/finished");
        self.stored = stored;
        self.empty();
        // What else it held nobody needs. The add itself is done, whatever becomes of that.
        if let Err(error) = self.end() {
            tracing::warn!(%error, "an add has ended, and what it held is not cleared yet");
        }
        Ok(stored)
    }

    /// Takes everything out again that only this add brought.
    pub fn abort(mut self) -> Result<()> {
        self.empty();
        self.clear()
    }

    /// Lets go of all that it holds, and takes out what only it brought. STORAGE-13: a disk that became full of it gets its space back now.
    fn clear(&mut self) -> Result<()> {
        self.end()?;
        self.store.sweep()?;
        // Where it wrote nothing there is nothing to come back.
        if std::mem::replace(&mut self.is_full, false) && self.stored.blocks > 0 { self.store.reclaim() } else { Ok(()) }
    }

    /// STORAGE-5: ends without a root, and leaves what it has put in the trash for a day after `now`: there the next try finds it.
    pub fn leave(mut self, now: u64) -> Result<()> {
        self.flush()?;
        let Some(id) = self.id else { return Ok(()) };
        let (inner, due) = (self.store.inner.clone(), now.saturating_add(GRACE_MS));
        loop {
            let mut tx = Tx::begin(&inner)?;
            let found = inner.holds_of(id, STEP_ROWS_MAX)?;
            for key in &found {
                tx.let_go_until(id, key, due)?;
            }
            tx.apply(How::Lazy)?;
            if found.len() < STEP_ROWS_MAX {
                return Ok(());
            }
        }
    }

    /// Lets go of all that it holds.
    fn end(&mut self) -> Result<()> {
        let Some(id) = self.id.take() else { return Ok(()) };
        if !std::mem::replace(&mut self.holds, false) {
            return Ok(());
        }
        self.store.inner.turn()?.ended.insert(id);
        self.store.clear_holds(usize::MAX)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.empty();
        // What cannot be cleared now is cleared by a purge or by the next open.
        if self.id.is_some()
            && let Err(error) = self.clear()
        {
            tracing::warn!(%error, "an add that did not end is not cleared yet");
        }
    }
}

impl ContentStore {
    /// Clears holds of sessions that have ended, at most about `most`.
    pub(super) fn clear_holds(&self, most: usize) -> Result<()> {
        let mut cleared = 0;
        while cleared < most {
            let mut tx = Tx::begin(&self.inner)?;
            let Some(session) = tx.turn().ended.first().copied() else { return Ok(()) };
            let found = self.inner.holds_of(session, STEP_ROWS_MAX)?;
            for key in &found {
                tx.let_go(session, key)?;
            }
            tx.apply(How::Lazy)?;
            hit("content/holds/cleared");
            if found.len() < STEP_ROWS_MAX {
                self.inner.turn()?.ended.remove(&session);
            }
            cleared = cleared.saturating_add(found.len());
        }
        Ok(())
    }
}

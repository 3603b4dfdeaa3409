//! Acts: changes of several roots in one write, so that no crash leaves one of them without the others.

use super::ContentStore;
use super::rows::{Kept, Root};
use super::tx::{How, Tx};
use crate::config::GRACE_MS;
use crate::error::{Result, StorageError};
use leither_failpoints::hit;

/// Changes of roots that are written together, or not at all. What a root names is read as this act leaves it, and nobody else changes one meanwhile.
pub struct Act<'a> {
    tx: Tx<'a>,
    /// When what is released may go.
    due: u64,
}

impl ContentStore {
    /// STORAGE-12: does what `work` says in one write, on disk once this returns. With an error of `work` nothing has happened. What roots named
    /// before may be taken back for a day after `now`. `work` has the store to itself: it may call nothing of it but the act.
    pub fn act<T, E: From<StorageError>>(&self, now: u64, work: impl FnOnce(&mut Act<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut act = Act { tx: Tx::begin(&self.inner)?, due: now.saturating_add(GRACE_MS) };
        let done = work(&mut act)?;
        act.tx.apply(How::Durable)?;
        Ok(done)
    }
}

impl Act<'_> {
    /// What a root names.
    pub fn root(&self, root: &Root) -> Result<Option<Kept>> {
        self.tx.root(root)
    }

    /// As [`ContentStore::keep`].
    pub fn keep(&mut self, root: &Root, kept: Kept) -> Result<()> {
        self.tx.require(&kept.cid)?;
        self.set(root, Some(kept))
    }

    /// As [`ContentStore::release`].
    pub fn release(&mut self, root: &Root) -> Result<bool> {
        if self.root(root)?.is_none() {
            return Ok(false);
        }
        self.set(root, None)?;
        Ok(true)
    }

    fn set(&mut self, root: &Root, kept: Option<Kept>) -> Result<()> {
        self.tx.set_root(root, kept, self.due)?;
        hit("content/act/changed");
        Ok(())
    }
}

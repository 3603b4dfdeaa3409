//! Versions of a MiMei as this node has them: numbers, each with a tree that never changes.
//!
//! The chain says which number is the newest and what it holds; here are the bytes, for as long as somebody keeps them.

use crate::content::Profile;
use crate::error::{Result, StorageError};
use crate::store::{Act, ContentStore, Kept, Root};
use cid::Cid;
use leither_types::MimeiId;

/// How two trees that both may have moved from a third stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are the same.
    Same,
    /// Only the local one moved: it can follow the other.
    Ahead,
    /// Only the other moved: the local one can be replaced.
    Behind,
    /// Both moved, to different trees: both are to be kept, and a person decides.
    Conflict,
}

/// VERSION-3: compares with what both came from; without it, two different trees are a conflict.
pub fn judge(base: Option<&Cid>, local: &Cid, other: &Cid) -> Verdict {
    match base {
        _ if local == other => Verdict::Same,
        Some(base) if base == other => Verdict::Ahead,
        Some(base) if base == local => Verdict::Behind,
        _ => Verdict::Conflict,
    }
}

impl ContentStore {
    /// VERSION-1: records that a version is this tree, which is here, and keeps it. Again with the same tree: nothing happens; with another: an error.
    pub fn backup(&self, mimei: &MimeiId, number: u64, tree: &Cid, profile: Profile) -> Result<()> {
        // Nothing is released by it, so the time does not matter.
        self.act(0, |act| act.record(mimei, number, Kept { cid: *tree, profile, generation: 0 }))
    }

    /// A version that is here.
    pub fn version(&self, mimei: &MimeiId, number: u64) -> Result<Option<Kept>> {
        self.root(&Root::Version(*mimei, number))
    }

    /// The newest version that is here; one look, however many there are.
    pub fn newest(&self, mimei: &MimeiId) -> Result<Option<(u64, Kept)>> {
        let last = self.inner.root_until(&Root::Version(*mimei, u64::MAX).key())?;
        Ok(last.and_then(|(root, kept)| match root {
            Root::Version(of, number) if of == *mimei => Some((number, kept)),
            _ => None,
        }))
    }

    /// The versions that are here with numbers above `after`, the oldest first, at most 1000.
    pub fn versions(&self, mimei: &MimeiId, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Kept)>> {
        let mut start = Root::Version(*mimei, after.unwrap_or(0)).key();
        if after.is_none() {
            // Number 0 itself is wanted, too.
            start.truncate(start.len().saturating_sub(8));
        }
        let rows = self.inner.roots_from(&start, limit, |root| matches!(root, Root::Version(of, _) if of == mimei))?;
        Ok(rows
            .into_iter()
            .filter_map(|(root, kept)| if let Root::Version(_, n) = root { Some((n, kept)) } else { None })
            .collect())
    }

    /// VERSION-2: makes a version the working copy, if that is still of the generation that the caller saw. `None`: there is none yet.
    pub fn restore(&self, mimei: &MimeiId, number: u64, generation: Option<u64>, now: u64) -> Result<Kept> {
        self.act(now, |act| act.restore(mimei, number, generation))
    }

    /// VERSION-2: another MiMei begins with a version of this one, as its version 0 and its working copy. Not one block is copied.
    pub fn fork(&self, mimei: &MimeiId, number: u64, fork: &MimeiId) -> Result<Kept> {
        // Nothing is released by it, so the time does not matter.
        self.act(0, |act| act.fork(mimei, number, fork))
    }
}

impl Act<'_> {
    /// VERSION-1: as [`ContentStore::backup`]. The generation is the caller's to give a meaning; that of a version that is here stays.
    pub fn record(&mut self, mimei: &MimeiId, number: u64, kept: Kept) -> Result<()> {
        let root = Root::Version(*mimei, number);
        match self.root(&root)? {
            None => self.keep(&root, kept),
            Some(found) if found.cid == kept.cid => Ok(()),
            Some(found) => Err(StorageError::VersionTaken { mimei: *mimei, number, found: found.cid, given: kept.cid }),
        }
    }

    /// VERSION-2: as [`ContentStore::restore`].
    pub fn restore(&mut self, mimei: &MimeiId, number: u64, generation: Option<u64>) -> Result<Kept> {
        let version = self.version(mimei, number)?;
        match generation {
            Some(generation) => self.set_cur(mimei, generation, &version.cid, version.profile),
            None => self.begin_cur(mimei, version),
        }
    }

    /// VERSION-2: as [`ContentStore::fork`].
    pub fn fork(&mut self, mimei: &MimeiId, number: u64, fork: &MimeiId) -> Result<Kept> {
        let version = self.version(mimei, number)?;
        self.record(fork, 0, Kept { generation: 0, ..version })?;
        match self.root(&Root::Cur(*fork))? {
            // Done before, by somebody who was not told.
            Some(cur) if cur.generation == 0 && cur.cid == version.cid => Ok(cur),
            _ => self.begin_cur(fork, version),
        }
    }

    fn version(&self, mimei: &MimeiId, number: u64) -> Result<Kept> {
        self.root(&Root::Version(*mimei, number))?.ok_or(StorageError::NoVersion { mimei: *mimei, number })
    }

    fn begin_cur(&mut self, mimei: &MimeiId, version: Kept) -> Result<Kept> {
        let (root, kept) = (Root::Cur(*mimei), Kept { generation: 0, ..version });
        if self.root(&root)?.is_some() {
            return Err(StorageError::HasCur(*mimei));
        }
        self.keep(&root, kept)?;
        Ok(kept)
    }
}

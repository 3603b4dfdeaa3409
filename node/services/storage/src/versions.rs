//! Versions of a MiMei as this node has them: numbers, each with a tree that never changes.
//!
//! The chain says which number is the newest and what it holds; here are the bytes, for as long as somebody keeps them.

use crate::content::Profile;
use crate::error::{Result, StorageError};
use crate::store::{ContentStore, Kept, Root};
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
        let root = Root::Version(*mimei, number);
        let kept = Kept { cid: *tree, profile, generation: 0 };
        self.session().finish_with(tree, |tx| match tx.root(&root)? {
            None => tx.set_root(&root, Some(kept), 0),
            Some(found) if found.cid == *tree => Ok(()),
            Some(found) => Err(StorageError::VersionTaken { mimei: *mimei, number, found: found.cid, given: *tree }),
        })?;
        Ok(())
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
        let version = self.version(mimei, number)?.ok_or(StorageError::NoVersion { mimei: *mimei, number })?;
        match generation {
            Some(generation) => self.set_cur(mimei, generation, &version.cid, version.profile, now),
            None => self.create_cur(mimei, version.profile, Some(&version.cid)),
        }
    }

    /// VERSION-2: another MiMei begins with a version of this one, as its version 0 and its working copy. Not one block is copied.
    pub fn fork(&self, mimei: &MimeiId, number: u64, fork: &MimeiId) -> Result<Kept> {
        let version = self.version(mimei, number)?.ok_or(StorageError::NoVersion { mimei: *mimei, number })?;
        self.backup(fork, 0, &version.cid, version.profile)?;
        match self.cur(fork)? {
            // Tried before, and interrupted between the two.
            Some(cur) if cur.generation == 0 && cur.cid == version.cid => Ok(cur),
            _ => self.create_cur(fork, version.profile, Some(&version.cid)),
        }
    }
}

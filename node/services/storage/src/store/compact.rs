//! Gives the disk back what purged blocks took.

use super::ContentStore;
use super::columns::{BLOCKS, COUNTS, HOLDS, TRASH, column};
use crate::config::{COMPACT_STEPS_MAX, ROW_BYTES};
use crate::error::{Result, StorageError};
use rocksdb::{BottommostLevelCompaction, CompactOptions};
use std::io::ErrorKind;
use std::sync::PoisonError;

/// RocksDB's names for how many blob files there are, and for the bytes in them that no key names.
const BLOB_FILES: &str = "rocksdb.num-blob-files";
const BLOB_GARBAGE: &str = "rocksdb.live-blob-file-garbage-size";
/// So few blob files are gone through at once ...
const FILES_AT_ONCE: u64 = 8;
/// ... and of very many so many at a step, of 64 MiB each: who stops the node, or writes faster than keys are put in order, waits for one step at most.
const FILES_A_STEP: u64 = 16;

/// What content takes of the disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What the blocks that are here need, those in the trash included, with [`ROW_BYTES`] for the rows of each.
    pub needed: u64,
    /// What the files of the folder have.
    pub taken: u64,
}

impl Room {
    /// STORAGE-10: whether so much of it is dead that it is worth the writing to give it back: half of what is needed, and `slack` bytes; an eighth of
    /// either where the disk is `full`.
    pub fn is_loose(&self, slack: u64, full: bool) -> bool {
        let share = if full { 8 } else { 2 };
        let slack = if full { slack / 8 } else { slack };
        self.taken > self.needed.saturating_add(self.needed / share).saturating_add(slack)
    }
}

/// How far a compaction is. Bytes are those of the folder's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Steps that are done.
    pub steps: u64,
    /// Bytes before.
    pub before: u64,
    /// Bytes now.
    pub after: u64,
}

impl ContentStore {
    /// What it takes of the disk. Looks at each file of the folder.
    pub fn room(&self) -> Result<Room> {
        let stat = self.stat()?;
        let needed = stat.bytes.saturating_add(stat.blocks.saturating_mul(ROW_BYTES));
        Ok(Room { needed, taken: self.disk_bytes()? })
    }

    /// STORAGE-10: gives the disk back what purged blocks took. By itself RocksDB does so only where all of a file is gone. What is needed is moved out
    /// of the oldest files step by step, a quarter of them or about 1 GiB at a time, and a step needs room for no more; writers go on, and the trash
    /// stays as it is.
    /// `watch` hears of each step; once it says false no other begins. One compaction at a time: another waits.
    pub fn compact(&self, watch: &mut dyn FnMut(&Compacted) -> bool) -> Result<Compacted> {
        let _alone = self.inner.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.disk_bytes()?;
        for name in [COUNTS, TRASH, HOLDS] {
            self.rewrite(name)?;
        }
        let done = self.collect(before, watch);
        let off = self.inner.db.set_options_cf(column(&self.inner.db, BLOCKS)?, &[("enable_blob_garbage_collection", "false")]);
        let done = done?;
        off?;
        Ok(done)
    }

    /// STORAGE-13: gives the disk back the blob files of which nothing is left, without moving any blob. By itself RocksDB would do so only when it next
    /// merges the tables of their keys. A compaction that is under way does more than that.
    pub(super) fn reclaim(&self) -> Result<()> {
        let Ok(_alone) = self.inner.compacting.try_lock() else { return Ok(()) };
        self.rewrite(BLOCKS)
    }

    fn collect(&self, before: u64, watch: &mut dyn FnMut(&Compacted) -> bool) -> Result<Compacted> {
        let mut done = Compacted { steps: 0, before, after: before };
        let mut files = self.blob_property(BLOB_FILES)?;
        let most = COMPACT_STEPS_MAX.saturating_add(files / (FILES_A_STEP / 2));
        loop {
            let share = share(files);
            let options = [("enable_blob_garbage_collection", "true"), ("blob_garbage_collection_age_cutoff", share.as_str())];
            self.inner.db.set_options_cf(column(&self.inner.db, BLOCKS)?, &options)?;
            // The first step finds out, too, which bytes no key names any more.
            self.rewrite(BLOCKS)?;
            done.steps = done.steps.saturating_add(1);
            done.after = self.disk_bytes()?;
            let goes_on = watch(&done);
            // What is left then is not worth moving all the rest.
            if !goes_on || done.steps >= most || self.blob_property(BLOB_GARBAGE)? <= done.after / 32 {
                return Ok(done);
            }
            files = self.blob_property(BLOB_FILES)?;
        }
    }

    /// Blobs move with the keys that are written anew, those of the lowest level included.
    fn rewrite(&self, name: &str) -> Result<()> {
        let mut all = CompactOptions::default();
        all.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        // What writers bring is compacted beside it; else it would pile up until they are made to wait.
        all.set_exclusive_manual_compaction(false);
        self.inner.db.compact_range_cf_opt(column(&self.inner.db, name)?, None::<&[u8]>, None::<&[u8]>, &all);
        Ok(())
    }

    fn blob_property(&self, name: &str) -> Result<u64> {
        let db = &self.inner.db;
        Ok(db.property_int_value_cf(column(db, BLOCKS)?, name)?.unwrap_or(0))
    }

    /// Bytes of the files in its folder, which has no folders in it.
    fn disk_bytes(&self) -> Result<u64> {
        let dir = self.inner.db.path();
        let failed = |e: std::io::Error| StorageError::Disk(format!("{}: {e}", dir.display()));
        let mut sum = 0u64;
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            match entry.and_then(|entry| entry.metadata()) {
                Ok(meta) => sum = sum.saturating_add(meta.len()),
                // RocksDB has taken it away meanwhile.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(sum)
    }
}

/// The oldest files that a step goes through, as a share of all, in RocksDB's words.
fn share(files: u64) -> String {
    if files < FILES_AT_ONCE {
        return "1.0".into();
    }
    let thousandths = (FILES_A_STEP.saturating_mul(1000) / files).clamp(1, 250);
    format!("0.{thousandths:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_10_a_step_goes_through_a_quarter_of_the_files_or_a_gibibyte_of_them() {
        assert_eq!([0, 7, 8, 64, 128, 8_000, 1 << 40].map(share), ["1.0", "1.0", "0.250", "0.250", "0.125", "0.002", "0.001"]);
    }

    #[test]
    fn storage_10_half_of_what_is_needed_may_be_dead_and_an_eighth_where_the_disk_is_full() {
        let room = |taken| Room { needed: 1000, taken };
        assert!(!room(1700).is_loose(200, false) && room(1701).is_loose(200, false));
        assert!(!room(1150).is_loose(200, true) && room(1151).is_loose(200, true));
        assert!(room(u64::MAX).is_loose(0, false) && !Room { needed: u64::MAX, taken: u64::MAX }.is_loose(0, true));
    }
}

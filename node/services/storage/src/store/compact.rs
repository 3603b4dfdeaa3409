//! Gives the disk back what purged blocks took.

use super::ContentStore;
use super::columns::{BLOCKS, COUNTS, HOLDS, TRASH, column};
use crate::config::{COMPACT_STEPS_MAX, ROW_BYTES, Space};
use crate::error::{Result, StorageError};
use rocksdb::{BottommostLevelCompaction, CompactOptions, properties};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::PoisonError;

/// RocksDB's names for how many blob files there are, and for the bytes in them that no key names.
const BLOB_FILES: &str = "rocksdb.num-blob-files";
const BLOB_GARBAGE: &str = "rocksdb.live-blob-file-garbage-size";
/// So few blob files are gone through at once ...
const FILES_AT_ONCE: u64 = 8;
/// ... and of very many so many at a step, of 64 MiB each: who stops the node, or writes faster than keys are put in order, waits for one step at most.
const FILES_A_STEP: u64 = 16;
/// RocksDB puts no more of the keys anew at a time before it lets go of what they were: its bound of a compaction, 25 tables of 64 MiB.
const KEYS_AT_ONCE: u64 = 25 * (64 << 20);

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
    /// stays as it is. No step takes more than half of what the disk has free, be it all that STORAGE-13 leaves; one without room for a file gives
    /// back those of which nothing is left alone, and where there is none for the keys it ends with [`StorageError::Full`].
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
    /// merges the tables of their keys, and does, where the disk has no room for that now. A compaction that is under way does more than that.
    pub(super) fn reclaim(&self) -> Result<()> {
        let Ok(_alone) = self.inner.compacting.try_lock() else { return Ok(()) };
        match self.rewrite(BLOCKS) {
            Err(StorageError::Full { .. }) => Ok(()),
            done => done,
        }
    }

    /// STORAGE-10: whether the disk has less left for content than what stays free of it: then what is dead is given back sooner.
    pub fn is_tight(&self) -> Result<bool> {
        Ok(self.inner.disk()?.is_some_and(Space::is_tight))
    }

    fn collect(&self, before: u64, watch: &mut dyn FnMut(&Compacted) -> bool) -> Result<Compacted> {
        let mut done = Compacted { steps: 0, before, after: before };
        let mut files = self.blob_property(BLOB_FILES)?;
        let most = COMPACT_STEPS_MAX.saturating_add(files / (FILES_A_STEP / 2));
        loop {
            let oldest = self.step(files)?;
            let (moves, share) = (if oldest > 0 { "true" } else { "false" }, share(oldest, files));
            let options = [("enable_blob_garbage_collection", moves), ("blob_garbage_collection_age_cutoff", share.as_str())];
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
            // Without what is gone there may be room for what is left.
            if oldest == 0 && self.step(files)? == 0 {
                return Ok(done);
            }
        }
    }

    /// How many of the oldest files a step goes through: what it moves must fit into half of what is free.
    fn step(&self, files: u64) -> Result<u64> {
        let most = if files < FILES_AT_ONCE { files } else { (files / 4).min(FILES_A_STEP) };
        let Some(room) = self.step_room()? else { return Ok(most) };
        let mut longest = 0;
        self.each_file(&mut |path, bytes| {
            if path.extension().is_some_and(|end| end == "blob") {
                longest = longest.max(bytes);
            }
        })?;
        Ok(room.checked_div(longest).map_or(most, |fit| fit.min(most)))
    }

    /// What a step may take of the disk: the chain has to have the rest. Nothing: as much as it needs.
    fn step_room(&self) -> Result<Option<u64>> {
        Ok(self.inner.disk()?.map(|space| space.free / 2))
    }

    /// Blobs move with the keys that are written anew, those of the lowest level included.
    fn rewrite(&self, name: &str) -> Result<()> {
        if let Some(left) = self.step_room()? {
            let keys = self.inner.db.property_int_value_cf(column(&self.inner.db, name)?, properties::LIVE_SST_FILES_SIZE)?;
            let more = keys.unwrap_or(0).min(KEYS_AT_ONCE);
            if more > left {
                return Err(StorageError::Full { left, more });
            }
        }
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

    /// Bytes of the files in its folder.
    fn disk_bytes(&self) -> Result<u64> {
        let mut sum = 0u64;
        self.each_file(&mut |_, bytes| sum = sum.saturating_add(bytes))?;
        Ok(sum)
    }

    /// Each file in its folder, which has no folders in it, and its bytes.
    fn each_file(&self, each: &mut dyn FnMut(&Path, u64)) -> Result<()> {
        let dir = self.inner.db.path();
        let failed = |e: std::io::Error| StorageError::Disk(format!("{}: {e}", dir.display()));
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            match entry.and_then(|entry| Ok((entry.path(), entry.metadata()?))) {
                Ok((path, meta)) => each(&path, meta.len()),
                // RocksDB has taken it away meanwhile.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(())
    }
}

/// The oldest files that a step goes through, as a share of all, in RocksDB's words. RocksDB rounds down: a little more than the share.
fn share(oldest: u64, files: u64) -> String {
    let millionths = oldest.saturating_mul(1_000_000).checked_div(files).map_or(1_000_000, |share| share.saturating_add(1));
    if millionths >= 1_000_000 { "1.0".into() } else { format!("0.{millionths:06}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, GRACE_MS};
    use crate::content::Profile;
    use crate::store::Root;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn storage_10_a_share_is_so_many_files_as_rocksdb_counts_them() {
        assert_eq!(["1.0", "1.0"], [share(0, 0), share(7, 7)]);
        for (oldest, files) in [(1, 3), (1, 8), (2, 8), (3, 10), (29, 100), (16, 128), (16, 8_000), (16, 65_536)] {
            let share: f64 = share(oldest, files).parse().unwrap();
            assert_eq!((share * files as f64) as u64, oldest, "{share} of {files}");
        }
    }

    /// What a test says that its disk has free.
    static FREE: AtomicU64 = AtomicU64::new(u64::MAX);

    fn space(_: &Path) -> std::io::Result<Space> {
        Ok(Space { free: FREE.load(Ordering::SeqCst), all: u64::MAX })
    }

    #[test]
    fn storage_10_a_step_takes_no_more_than_half_of_what_the_disk_has_free() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&Config { space: Some(space), ..Config::new(dir.path().join("db")) }).unwrap();
        // A quarter of the files, or a gibibyte of them.
        assert_eq!([0, 7, 8, 64, 128].map(|files| store.step(files).unwrap()), [0, 7, 2, 16, 16]);
        let root = |n: u8| Root::Pin(format!("{n}"));
        for n in 0..4u8 {
            let path = dir.path().join("file");
            let bytes: Vec<u8> = (0..2_000_000u32).map(|at| (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0] ^ n).collect();
            std::fs::write(&path, bytes).unwrap();
            store.add(&path, Profile::default(), &root(n), 0, &mut |_| ()).unwrap();
        }
        let (files, mut longest) = (store.blob_property(BLOB_FILES).unwrap(), 0);
        store
            .each_file(&mut |path, bytes| {
                longest = longest.max(if path.to_string_lossy().ends_with(".blob") { bytes } else { 0 })
            })
            .unwrap();
        assert!(files >= 4 && longest > 1_000_000, "{files} files, {longest} bytes");
        for (free, fit) in [(2 * longest - 2, 0), (2 * longest, 1), (4 * longest, 2), (u64::MAX, 16)] {
            FREE.store(free, Ordering::SeqCst);
            assert_eq!(store.step(64).unwrap(), fit);
        }
        // Half of it is dead; a disk without room for one file more gets back those of which nothing is left.
        for n in [0, 2] {
            store.release(&root(n), 0).unwrap();
        }
        while store.purge(GRACE_MS, 1000).unwrap().more {}
        FREE.store(2 * longest - 2, Ordering::SeqCst);
        assert!(store.is_tight().unwrap());
        let done = store.compact(&mut |_| true).unwrap();
        assert!(done.steps > 0, "{done:?}");
        assert!(store.verify(true).unwrap().wrong.is_empty());
        // Without room for its keys it does not begin.
        FREE.store(0, Ordering::SeqCst);
        assert!(matches!(store.compact(&mut |_| true), Err(StorageError::Full { left: 0, .. })));
        store.reclaim().unwrap();
        FREE.store(u64::MAX, Ordering::SeqCst);
        assert!(!store.is_tight().unwrap());
        store.compact(&mut |_| true).unwrap();
        assert!(store.verify(true).unwrap().wrong.is_empty());
    }

    #[test]
    fn storage_10_half_of_what_is_needed_may_be_dead_and_an_eighth_where_the_disk_is_full() {
        let room = |taken| Room { needed: 1000, taken };
        assert!(!room(1700).is_loose(200, false) && room(1701).is_loose(200, false));
        assert!(!room(1150).is_loose(200, true) && room(1151).is_loose(200, true));
        assert!(room(u64::MAX).is_loose(0, false) && !Room { needed: u64::MAX, taken: u64::MAX }.is_loose(0, true));
    }
}

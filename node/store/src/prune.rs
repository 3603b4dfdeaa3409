//! Old blocks go, so that the disk's cap holds.

use crate::columns::{BASE, BODIES, FREEING, HEADERS, META, RECEIPTS, column, height_key};
use crate::undecided::synced;
use crate::{Store, age, disk, poisoned, storage};
use leither_failpoints::hit;
use leither_state::Fault;
use leither_types::Height;
use rocksdb::{CompactOptions, WriteBatch};
use std::sync::atomic::Ordering;

/// So many of the newest blocks are never pruned.
pub const KEPT_MIN: u64 = 100;

/// The column families whose rows go as a range of heights.
const BY_HEIGHT: [&str; 3] = [HEADERS, BODIES, RECEIPTS];

/// What a prune did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The lowest whole height before.
    pub from: Height,
    /// The lowest whole height now; the same where nothing could go.
    pub to: Height,
    /// By how much the database's files have shrunk. Commits go on meanwhile, so this is less than what was freed; 0 where the node ended
    /// before it was done.
    pub bytes: u64,
}

impl Store {
    /// STORE-18: the lowest height from which on all blocks are whole: 1, or the height that a prune kept from, or the one after the
    /// snapshot that the database was restored from (then one more than the head's, until the next commit).
    pub fn lowest(&self) -> Result<Height, Fault> {
        self.inner.check()?;
        Ok(self.inner.base())
    }

    /// STORE-19 and STORE-23: takes out all blocks below `keep_from`, but never the [`KEPT_MIN`] newest, and gives their room back to the
    /// disk. Commits go on meanwhile. It takes seconds a gigabyte: not for a thread that has to answer.
    ///
    /// That blocks are gone and that the base is higher is one small synced write; what follows only frees room, and a process that is
    /// stopped in the middle of it does the rest by [`Store::finish_prune`].
    pub fn prune(&self, keep_from: Height) -> Result<Pruned, Fault> {
        self.inner.check()?;
        let _only = self.inner.pruning.lock().map_err(poisoned)?;
        let from = self.inner.base();
        let to = keep_from.min(highest_base(self.head()?.height)).max(from);
        if to > from {
            self.raise_base(to)?;
        }
        let bytes = self.free_pruned()?.unwrap_or_default();
        tracing::info!(from, to, bytes, "pruned");
        Ok(Pruned { from, to, bytes })
    }

    /// STORE-23: frees what a prune that was cut short had taken out. `false`: there was nothing to do, or the node ends. To be called once
    /// after opening, by a thread that may take its time.
    pub fn finish_prune(&self) -> Result<bool, Fault> {
        self.inner.check()?;
        let _only = self.inner.pruning.lock().map_err(poisoned)?;
        Ok(self.free_pruned()?.is_some())
    }

    fn is_freeing(&self) -> Result<bool, Fault> {
        Ok(self.inner.db.get(FREEING).map_err(storage)?.is_some())
    }

    fn raise_base(&self, to: Height) -> Result<(), Fault> {
        let inner = &*self.inner;
        let mut batch = WriteBatch::default();
        for name in BY_HEIGHT {
            // From the very first height on: what a crash between the steps below may have brought back goes with it.
            batch.delete_range_cf(column(&inner.db, name)?, height_key(0), height_key(to));
        }
        let meta = column(&inner.db, META)?;
        batch.put_cf(meta, BASE, height_key(to));
        batch.put_cf(meta, FREEING, []);
        let _gate = inner.gate.write().map_err(poisoned)?;
        inner.db.write_opt(batch, &synced()).map_err(storage)?;
        hit("store/prune/noted");
        // Only now, that it is durable, compaction may drop by it.
        inner.base.store(to, Ordering::Release);
        Ok(())
    }

    /// Says by how much the files have shrunk; nothing where nothing was due, or STORE-24 cut it short.
    fn free_pruned(&self) -> Result<Option<u64>, Fault> {
        let inner = &*self.inner;
        if !self.is_freeing()? || inner.is_ending() {
            return Ok(None);
        }
        let before = disk::bytes(&inner.dir)?;
        let (first, base) = (height_key(0), inner.base());
        let mut options = CompactOptions::default();
        // Other compactions go on, so that commits never wait for this one.
        options.set_exclusive_manual_compaction(false);
        for name in BY_HEIGHT.into_iter().take_while(|_| !inner.is_ending()) {
            let column = column(&inner.db, name)?;
            // Whole files first: that frees most of the room without needing any.
            let last = height_key(base.saturating_sub(1));
            inner.db.delete_file_in_range_cf(column, first, last).map_err(storage)?;
            hit("store/prune/files-gone");
            inner.db.compact_range_cf_opt(column, Some(first), Some(height_key(base)), &options);
        }
        for name in age::BY_AGE.into_iter().take_while(|_| !inner.is_ending()) {
            inner.db.compact_range_cf_opt(column(&inner.db, name)?, None::<&[u8]>, None::<&[u8]>, &options);
        }
        if inner.is_ending() {
            // A compaction that was called off says nothing of it. The mark stays for the next start.
            return Ok(None);
        }
        hit("store/prune/compacted");
        let mut batch = WriteBatch::default();
        batch.delete_cf(column(&inner.db, META)?, FREEING);
        inner.db.write_opt(batch, &synced()).map_err(storage)?;
        Ok(Some(before.saturating_sub(disk::bytes(&inner.dir)?)))
    }
}

/// The highest base that leaves the newest blocks.
fn highest_base(head: Height) -> Height {
    head.saturating_sub(KEPT_MIN - 1)
}

/// STORE-22: whether so many bytes come near the cap. A cap of 0 is none.
pub fn is_near(cap: u64, used: u64) -> bool {
    cap > 0 && u128::from(used) >= u128::from(cap) * 9 / 10
}

/// STORE-22: from which height on blocks are to be kept so that what the node writes stays below `cap` bytes; nothing where that is the case.
///
/// It begins at nine tenths of the cap and aims at three quarters, so that pruning is rare. `used` is all that counts against the cap;
/// blocks are all that can go: where their going is not enough, the rest must be told to whoever set the cap. A cap of 0 is none.
pub fn to_prune(cap: u64, used: u64, base: Height, head: Height, bytes_a_block: u64) -> Option<Height> {
    if !is_near(cap, used) {
        return None;
    }
    let excess = u128::from(used).saturating_sub(u128::from(cap) * 3 / 4);
    let blocks = u64::try_from(excess.div_ceil(u128::from(bytes_a_block.max(1)))).unwrap_or(u64::MAX);
    let keep_from = base.saturating_add(blocks).min(highest_base(head));
    (keep_from > base).then_some(keep_from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: u64 = 1_000_000;

    #[test]
    fn store_22_pruning_begins_at_nine_tenths_of_the_cap_and_aims_at_three_quarters() {
        let head = 100_000;
        assert_eq!(to_prune(CAP, 899_999, 1, head, 100), None);
        // 150,000 bytes too many, 100 a block.
        assert_eq!(to_prune(CAP, 900_000, 1, head, 100), Some(1_501));
        assert_eq!(to_prune(CAP, 900_000, 50, head, 100), Some(1_550));
        assert_eq!(to_prune(CAP, 900_001, 50, head, 100), Some(1_551));
        // What is left after that is below three quarters: the next one waits for a tenth of the cap and more.
        assert_eq!(to_prune(CAP, 900_000 - 1_500 * 100, 1_501, head, 100), None);
        assert_eq!(to_prune(CAP, CAP * 3, 1, head, 100), Some(22_501));
    }

    #[test]
    fn store_22_the_newest_blocks_are_kept_whatever_the_cap_and_nothing_goes_without_one() {
        assert_eq!(to_prune(1, u64::MAX, 1, 100_000, 1), Some(99_901));
        assert_eq!(to_prune(1, u64::MAX, 99_901, 100_000, 1), None);
        assert_eq!(to_prune(1, u64::MAX, 1, 100, 1), None);
        assert_eq!(to_prune(1, u64::MAX, 1, 101, 0), Some(2));
        assert_eq!(to_prune(0, u64::MAX, 1, 100_000, 1), None);
        assert_eq!(to_prune(u64::MAX, u64::MAX - 1, u64::MAX, u64::MAX, u64::MAX), None);
        assert_eq!(to_prune(u64::MAX, u64::MAX, 1, u64::MAX, 0), Some(u64::MAX / 4 + 2));
    }
}

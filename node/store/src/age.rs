//! Rows that are found by an id lie scattered over their column family, so no range of them can be deleted. Each knows its height,
//! though: compaction, which reads all rows anyway, drops those that are older than the database's base. That costs no second index
//! of what each height touched, no reading of bodies, and no tombstone a row; until it has happened readers look past such rows.

use crate::columns::{HEIGHTS, HISTORY, TXS, height_in_history_key, read_height, read_place};
use leither_types::Height;
use rocksdb::compaction_filter::{CompactionFilter, Decision};
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};
use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The column families whose rows go by age.
pub const BY_AGE: [&str; 3] = [HEIGHTS, TXS, HISTORY];

/// The height of the block that a row belongs to, from its key and value.
type HeightOf = fn(&[u8], &[u8]) -> Option<Height>;

/// Makes a filter a compaction.
pub struct Factory {
    base: Arc<AtomicU64>,
    height: HeightOf,
}

/// Drops what lies below the base as it was when the compaction began.
pub struct Filter {
    base: Height,
    height: HeightOf,
}

impl Factory {
    /// The one for a column family, if its rows go by age. `base` is raised only once it is durable, so that nothing is dropped that
    /// the database, opened after a crash, would miss.
    pub fn of(column: &str, base: &Arc<AtomicU64>) -> Option<Self> {
        let height: HeightOf = match column {
            HEIGHTS => |_, value| read_height(value),
            TXS => |_, value| read_place(value).map(|(height, _)| height),
            HISTORY => |key, _| height_in_history_key(key),
            _ => return None,
        };
        Some(Self { base: base.clone(), height })
    }
}

impl CompactionFilterFactory for Factory {
    type Filter = Filter;

    fn create(&mut self, _: CompactionFilterContext) -> Filter {
        Filter { base: self.base.load(Ordering::Acquire), height: self.height }
    }

    fn name(&self) -> &CStr {
        c"leither-age"
    }
}

impl CompactionFilter for Filter {
    fn filter(&mut self, _: u32, key: &[u8], value: &[u8]) -> Decision {
        // A row that cannot be read stays: whoever asks for it shall be told of the damage.
        match (self.height)(key, value) {
            Some(height) if height < self.base => Decision::Remove,
            _ => Decision::Keep,
        }
    }

    fn name(&self) -> &CStr {
        c"leither-age"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{height_key, history_key, place};
    use leither_types::AccountId;

    #[test]
    fn store_23_compaction_drops_rows_below_the_base_and_keeps_those_at_it_and_those_it_cannot_read() {
        let base = Arc::new(AtomicU64::new(7));
        let account = AccountId([3; 20]);
        for column in BY_AGE {
            let height = Factory::of(column, &base).unwrap().height;
            let mut filter = Filter { base: base.load(Ordering::Acquire), height };
            let mut drops = |height: Height| {
                let (key, value) = match column {
                    HEIGHTS => (vec![1; 32], height_key(height).to_vec()),
                    TXS => (vec![1; 32], place(height, 9).to_vec()),
                    _ => (history_key(&account, height, 9).to_vec(), Vec::new()),
                };
                matches!(filter.filter(0, &key, &value), Decision::Remove)
            };
            assert_eq!([6, 7, 8, u64::MAX].map(&mut drops), [true, false, false, false], "{column}");
            assert!(matches!(filter.filter(0, &[1; 9], &[1; 5]), Decision::Keep), "{column}");
        }
        assert!(Factory::of("records", &base).is_none());
    }
}

use crate::columns::{ALL, BODIES, HEADERS, RECEIPTS, column};
use crate::{Store, age, storage};
use leither_state::Fault;
use rocksdb::properties::{CUR_SIZE_ALL_MEM_TABLES, ESTIMATE_NUM_KEYS, PropName, TOTAL_SST_FILES_SIZE};

/// What one column family takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnStat {
    /// Its name.
    pub name: &'static str,
    /// About how many rows it has: a row that was deleted or written anew lately may count more than once.
    pub rows_estimate: u64,
    /// Bytes of its files.
    pub sst_bytes: u64,
    /// Bytes of its rows that are in memory and in the log alone.
    pub memtable_bytes: u64,
}

impl Store {
    /// STORE-21: what each column family takes.
    pub fn stat(&self) -> Result<Vec<ColumnStat>, Fault> {
        self.inner.check()?;
        ALL.iter().map(|name| self.column_stat(name)).collect()
    }

    /// STORE-21: what a block takes on disk, on the average over those that are there: the last figure for [`crate::to_prune`].
    pub fn bytes_a_block(&self) -> Result<u64, Fault> {
        let blocks = self.head()?.height.saturating_add(1).saturating_sub(self.inner.base());
        let mut sum = 0u64;
        for name in [HEADERS, BODIES, RECEIPTS].into_iter().chain(age::BY_AGE) {
            let ColumnStat { sst_bytes, memtable_bytes, .. } = self.column_stat(name)?;
            sum = sum.saturating_add(sst_bytes).saturating_add(memtable_bytes);
        }
        Ok(sum / blocks.max(1))
    }

    fn column_stat(&self, name: &'static str) -> Result<ColumnStat, Fault> {
        let column = column(&self.inner.db, name)?;
        let number = |property: &PropName| {
            let value = self.inner.db.property_int_value_cf(column, property).map_err(storage)?;
            value.ok_or_else(|| Fault::Storage(format!("the database does not say how large {name} is")))
        };
        Ok(ColumnStat {
            name,
            rows_estimate: number(ESTIMATE_NUM_KEYS)?,
            sst_bytes: number(TOTAL_SST_FILES_SIZE)?,
            memtable_bytes: number(CUR_SIZE_ALL_MEM_TABLES)?,
        })
    }
}

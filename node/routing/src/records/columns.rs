//! The column families and the database's options. All of it together takes less than 8 MiB of memory.

use crate::error::RecordsError;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode,
    LogLevel, Options,
};

/// Facts about the database itself, by name.
pub const META: &str = "default";
/// length of key, key, provider -> [`super::rows::Row`].
pub const PROVIDERS: &str = "providers";
/// expiry, row of [`PROVIDERS`] -> nothing.
pub const EXPIRY: &str = "expiry";
/// provider -> how many rows are its.
pub const COUNTS: &str = "counts";
/// place, key -> [`super::rows::Own`].
pub const OWN: &str = "own";
/// when due, place, key -> nothing.
pub const DUE: &str = "due";

/// All there are.
pub const ALL: [&str; 6] = [META, PROVIDERS, EXPIRY, COUNTS, OWN, DUE];

/// In [`META`]: the layout.
pub const FORMAT: &[u8] = b"format";
/// In [`META`]: rows of others, keys of our own.
pub const TOTALS: &[u8] = b"totals";
/// In [`META`]: keys of our own that were announced at least once.
pub const ANNOUNCED: &[u8] = b"announced";

const MIB: usize = 1 << 20;
const CACHE_BYTES: usize = 3 * MIB;
const WRITE_BUFFERS_BYTES: usize = 4 * MIB;

pub fn column<'a>(db: &'a DB, name: &str) -> Result<&'a ColumnFamily, RecordsError> {
    db.cf_handle(name).ok_or_else(|| RecordsError::Damaged(format!("the column family {name} is missing")))
}

pub fn options() -> Result<Options, RecordsError> {
    // The bindings have no setter for this one. Preallocated log files would take tens of megabytes from the first minute.
    let mut options = Options::default().get_options_from_string("allow_fallocate=false")?;
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_atomic_flush(true);
    options.set_db_write_buffer_size(WRITE_BUFFERS_BYTES);
    options.set_max_total_wal_size(8 * MIB as u64);
    options.set_max_background_jobs(2);
    options.set_max_open_files(64);
    options.set_max_manifest_file_size(MIB);
    options.set_manifest_preallocation_size(64 * 1024);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(256 * 1024);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    Ok(options)
}

pub fn descriptors() -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(CACHE_BYTES);
    ALL.iter().map(|name| ColumnFamilyDescriptor::new(*name, column_options(&cache))).collect()
}

fn column_options(cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    // In parts: a whole filter of a million keys, more than a megabyte, would not stay in this cache, and be read again for each question.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_bloom_filter(10.0, false);
    table.set_partition_filters(true);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(MIB);
    options.set_max_write_buffer_number(2);
    options
}

//! The column families and the database's options.

use crate::error::{Result, damaged};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode,
    LogLevel, Options,
};

/// Facts about the database itself, by name.
pub const META: &str = "default";
/// multihash -> bytes, in blob files.
pub const BLOCKS: &str = "blocks";
/// multihash -> [`super::rows::Row`], of each block that is here.
pub const COUNTS: &str = "counts";
/// [`super::Root`] -> [`super::Kept`].
pub const ROOTS: &str = "roots";
/// session, multihash -> nothing: what an add holds until something else refers to it.
pub const HOLDS: &str = "holds";
/// place (by time), multihash -> nothing: blocks whose count is 0.
pub const TRASH: &str = "trash";

/// All there are.
pub const ALL: [&str; 6] = [META, BLOCKS, COUNTS, ROOTS, HOLDS, TRASH];

/// In [`META`]: the layout.
pub const FORMAT: &[u8] = b"format";
/// In [`META`]: how many blocks, and their bytes.
pub const TOTAL: &[u8] = b"total";
/// In [`META`]: the number of the next session.
pub const SESSION: &[u8] = b"session";

const MIB: usize = 1 << 20;
/// Smaller blocks than this stand in the tables themselves.
const BLOB_BYTES_MIN: u64 = 512;

pub fn column<'a>(db: &'a DB, name: &str) -> Result<&'a ColumnFamily> {
    db.cf_handle(name).ok_or_else(|| damaged(format!("the column family {name} is missing")))
}

pub fn options() -> Result<Options> {
    // The bindings have no setter for this one. Preallocated log files would take tens of megabytes from the first minute.
    let mut options = Options::default().get_options_from_string("allow_fallocate=false")?;
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    // STORAGE-7: what a flush brings to disk is one moment of all column families.
    options.set_atomic_flush(true);
    options.set_max_total_wal_size(32 * MIB as u64);
    // One flushes, one compacts; a second one compacts where writers would else be held up, by a step of STORAGE-10 say.
    options.set_max_background_jobs(3);
    options.set_max_open_files(512);
    options.set_bytes_per_sync(MIB as u64);
    options.set_max_manifest_file_size(4 * MIB);
    options.set_manifest_preallocation_size(64 * 1024);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(256 * 1024);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    Ok(options)
}

pub fn descriptors(cache_bytes: usize) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(cache_bytes);
    ALL.iter().map(|name| ColumnFamilyDescriptor::new(*name, column_options(name, &cache))).collect()
}

fn column_options(name: &str, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // In parts: a whole filter of a million keys is more than a megabyte, which a full cache would read and check for each key that is asked for.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_pin_top_level_index_and_filter(true);
    let mut options = Options::default();
    if matches!(name, BLOCKS | COUNTS | HOLDS) {
        // Whether a block is here is asked far more often than answered with yes.
        table.set_bloom_filter(10.0, false);
        table.set_partition_filters(true);
        options.set_memtable_whole_key_filtering(true);
        options.set_memtable_prefix_bloom_ratio(0.05);
    }
    options.set_block_based_table_factory(&table);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(8 * MIB);
    options.set_max_write_buffer_number(3);
    if name == BLOCKS {
        options.set_write_buffer_size(12 * MIB);
        options.set_arena_block_size(4 * MIB);
        options.set_enable_blob_files(true);
        options.set_min_blob_size(BLOB_BYTES_MIN);
        options.set_blob_file_size(64 * MIB as u64);
        options.set_blob_cache(cache);
        // Blobs are moved out of files that are partly dead by `compact` alone (STORAGE-10): else every compaction of keys would write bytes again.
        // Tables hold keys alone: many of them are no burden.
        options.set_level_zero_file_num_compaction_trigger(8);
        options.set_level_zero_slowdown_writes_trigger(64);
        options.set_level_zero_stop_writes_trigger(128);
    }
    options
}

//! The column families and their keys. Numbers are big-endian, so that rows lie in order.

use crate::age;
use leither_state::Fault;
use leither_types::{AccountId, Hash, Height, MimeiId, TokenId};
use rocksdb::{BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType};
use rocksdb::{DBRecoveryMode, LogLevel, MemtableFactory, Options};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Facts about the database itself and the head, by name.
pub const META: &str = "default";
/// height -> header and the parent's certificate: the first bytes of the block.
pub const HEADERS: &str = "headers";
/// height -> the transactions and evidence: the rest of the block's bytes.
pub const BODIES: &str = "bodies";
/// height -> receipts.
pub const RECEIPTS: &str = "receipts";
/// block id -> height.
pub const HEIGHTS: &str = "heights";
/// transaction id -> height, index.
pub const TXS: &str = "txs";
/// account, !height, !index -> nothing: newest first.
pub const HISTORY: &str = "history";
/// token, holder -> holding. Read when the database is opened, and never after.
pub const HOLDINGS: &str = "holdings";
/// record key -> record value.
pub const RECORDS: &str = "records";
/// The engine's proposals that are not decided.
pub const UNDECIDED: &str = "undecided";
/// height -> header, certificate and the next validators, of the heights after which others vote. Kept for ever.
pub const HANDOVERS: &str = "handovers";
/// MiMei, version's number -> what its block said of it. Kept for ever.
pub const VERSIONS: &str = "versions";

/// All there are.
pub const ALL: [&str; 12] =
    [META, HEADERS, BODIES, RECEIPTS, HEIGHTS, TXS, HISTORY, HOLDINGS, RECORDS, UNDECIDED, HANDOVERS, VERSIONS];

/// In [`META`].
pub const FORMAT: &[u8] = b"format";
/// In [`META`].
pub const GENESIS: &[u8] = b"genesis";
/// In [`META`]: the state root at height 0.
pub const INITIAL_ROOT: &[u8] = b"initial-root";
/// In [`META`]: height, block id, certificate.
pub const HEAD: &[u8] = b"head";
/// In [`META`]: the lowest height from which on all blocks are whole; 1 where the row is missing.
pub const BASE: &[u8] = b"base";
/// In [`META`]: there while what a prune took out may still take room on disk.
pub const FREEING: &[u8] = b"freeing";

const MIB: usize = 1024 * 1024;

/// The handle of a column family.
pub fn column<'a>(db: &'a DB, name: &str) -> Result<&'a ColumnFamily, Fault> {
    db.cf_handle(name).ok_or_else(|| Fault::Corrupt(format!("the column family {name} is missing")))
}

/// Whether this program knows the column family.
pub fn is_known(name: &str) -> bool {
    ALL.contains(&name)
}

/// The database's options. STORE-12: small when idle. STORE-9: no height lost silently.
pub fn options(create: bool) -> Result<Options, rocksdb::Error> {
    // The bindings have no setter for this one. Preallocated log files would take tens of megabytes on disk from the first minute.
    let mut options = Options::default().get_options_from_string("allow_fallocate=false")?;
    options.create_if_missing(create);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    // What follows a torn end was never synced; `mark` tells when more than that is missing.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_track_and_verify_wals_in_manifest(true);
    // All column families are flushed together, so that what is on disk is one height even without the log.
    options.set_atomic_flush(true);
    options.set_max_total_wal_size(64 * MIB as u64);
    options.set_db_write_buffer_size(96 * MIB);
    // The vector memtable wants one writer at a time.
    options.set_allow_concurrent_memtable_write(false);
    options.set_enable_write_thread_adaptive_yield(false);
    options.set_max_background_jobs(2);
    options.set_max_open_files(512);
    options.set_bytes_per_sync(MIB as u64);
    options.set_manifest_preallocation_size(64 * 1024);
    options.set_max_manifest_file_size(4 * MIB);
    options.set_recycle_log_file_num(0);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(256 * 1024);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    Ok(options)
}

/// The column families with their options. Compaction drops what is of a height below `base`.
pub fn descriptors(base: &Arc<AtomicU64>) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(32 * MIB);
    ALL.iter().map(|name| ColumnFamilyDescriptor::new(*name, column_options(name, &cache, base))).collect()
}

fn column_options(name: &str, cache: &Cache, base: &Arc<AtomicU64>) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    // Indexes and filters count against the cache, so that memory stays bounded as the chain grows.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_pin_top_level_index_and_filter(true);
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    if matches!(name, TXS | HEIGHTS | RECORDS | VERSIONS) {
        table.set_bloom_filter(10.0, false);
        table.set_partition_filters(true);
    }
    table.set_block_size(if matches!(name, BODIES | RECEIPTS | HOLDINGS) { 32 * 1024 } else { 8 * 1024 });
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(32 * MIB);
    options.set_max_write_buffer_number(3);
    options.set_arena_block_size(64 * 1024);
    options.set_level_compaction_dynamic_level_bytes(true);
    if name == HOLDINGS {
        // Written in id order and never read while live: the cheapest memtable there is.
        options.set_memtable_factory(MemtableFactory::Vector);
    }
    if let Some(filter) = age::Factory::of(name, base) {
        options.set_compaction_filter_factory(filter);
    }
    options
}

/// Key of a row by height.
pub fn height_key(height: Height) -> [u8; 8] {
    height.to_be_bytes()
}

/// What [`height_key`] was made of.
pub fn read_height(bytes: &[u8]) -> Option<Height> {
    Some(Height::from_be_bytes(bytes.try_into().ok()?))
}

/// Key of a leaf.
pub fn holding_key(token: &TokenId, id: &AccountId) -> [u8; 40] {
    let mut key = [0; 40];
    let (left, right) = key.split_at_mut(20);
    left.copy_from_slice(&token.0);
    right.copy_from_slice(&id.0);
    key
}

/// What [`holding_key`] was made of.
pub fn read_holding_key(key: &[u8]) -> Option<(TokenId, AccountId)> {
    let (token, id) = key.split_at_checked(20)?;
    Some((TokenId(token.try_into().ok()?), AccountId(id.try_into().ok()?)))
}

/// Key of a row of [`VERSIONS`].
pub fn version_key(mimei: &MimeiId, number: u64) -> [u8; 28] {
    let mut key = [0; 28];
    let (left, right) = key.split_at_mut(20);
    left.copy_from_slice(&mimei.0);
    right.copy_from_slice(&number.to_be_bytes());
    key
}

/// What [`version_key`] was made of.
pub fn read_version_key(key: &[u8]) -> Option<(MimeiId, u64)> {
    let (mimei, number) = key.split_at_checked(20)?;
    Some((MimeiId(mimei.try_into().ok()?), u64::from_be_bytes(number.try_into().ok()?)))
}

/// Where a transaction stands, as a value.
pub fn place(height: Height, index: u32) -> [u8; 12] {
    let mut value = [0; 12];
    let (left, right) = value.split_at_mut(8);
    left.copy_from_slice(&height.to_be_bytes());
    right.copy_from_slice(&index.to_be_bytes());
    value
}

/// What [`place`] was made of.
pub fn read_place(value: &[u8]) -> Option<(Height, u32)> {
    let (height, index) = value.split_at_checked(8)?;
    Some((Height::from_be_bytes(height.try_into().ok()?), u32::from_be_bytes(index.try_into().ok()?)))
}

/// Key of a row of [`HISTORY`].
pub fn history_key(account: &AccountId, height: Height, index: u32) -> [u8; 32] {
    let mut key = [0; 32];
    let (left, right) = key.split_at_mut(20);
    left.copy_from_slice(&account.0);
    right.copy_from_slice(&place(!height, !index));
    key
}

/// Where the transaction of this row of [`HISTORY`] stands, if the row is the account's.
pub fn read_history_key(account: &AccountId, key: &[u8]) -> Option<(Height, u32)> {
    let (height, index) = read_place(key.strip_prefix(account.0.as_slice())?)?;
    Some((!height, !index))
}

/// The height of a row of [`HISTORY`], whosever it is.
pub fn height_in_history_key(key: &[u8]) -> Option<Height> {
    let (_, place) = key.split_at_checked(20)?;
    read_place(place).map(|(height, _)| !height)
}

/// Key of a proposal's bytes.
pub fn proposal_key(height: Height, id: &Hash) -> Vec<u8> {
    [height.to_be_bytes().as_slice(), &[0], &id.0].concat()
}

/// Key that says that a proposal was made in a round.
pub fn round_key(height: Height, round: u32, id: &Hash) -> Vec<u8> {
    [height.to_be_bytes().as_slice(), &[1], &round.to_be_bytes(), &id.0].concat()
}

/// A row of [`UNDECIDED`]: the round is there if the row is of the second kind.
pub fn read_undecided_key(key: &[u8]) -> Option<(Height, Option<u32>, Hash)> {
    let (height, rest) = key.split_at_checked(8)?;
    let (kind, rest) = rest.split_first()?;
    let (round, id) = match kind {
        0 => (None, rest),
        1 => {
            let (round, id) = rest.split_at_checked(4)?;
            (Some(u32::from_be_bytes(round.try_into().ok()?)), id)
        }
        _ => return None,
    };
    Some((Height::from_be_bytes(height.try_into().ok()?), round, Hash(id.try_into().ok()?)))
}

use super::rows::{HOLDING, RECORD, Rows, VERSION};
use super::shelf::{part_of, remove};
use super::{MANIFEST_VERSION, Manifest, SnapshotError, disk, hash_chunk, sync_dir};
use crate::columns::{
    BASE, FORMAT, GENESIS, HANDOVERS, HEAD, HEADERS, HOLDINGS, META, RECORDS, VERSIONS, column, descriptors, height_key, options,
    read_holding_key, read_version_key,
};
use crate::mark::Mark;
use crate::open::{FORMAT_VERSION, is_new};
use crate::undecided::synced;
use crate::versions::check_versions;
use crate::{Handover, Histories, VERSION_BYTES_MAX, storage};
use leither_failpoints::hit;
use leither_state::{Fault, Holding, Ledger, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX, record_commitment, record_key_hash};
use leither_types::{AccountId, GenesisHead, Hash, TokenId, codec::decode};
use parity_scale_codec::Encode;
use rocksdb::{DB, FlushOptions, WriteBatch};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// The state as far as it came.
#[derive(Default)]
struct Builder {
    last: Option<(u8, Vec<u8>)>,
    holdings: Vec<(TokenId, AccountId, Holding)>,
    records: Vec<(Hash, Hash)>,
    /// Versions of MiMeis.
    versions: u64,
    /// Whether there may be any.
    has_versions: bool,
}

/// STORE-16: makes a database in `data_dir`, which has none, of a snapshot. [`crate::Store::open`] then finds the snapshot's height as
/// its head, with no blocks below the next one.
///
/// Chunks are asked for one by one, in order, and whatever comes is checked: bytes against their name, rows against their order and form,
/// all of them against the header's state root, and versions of MiMeis (STORE-27) against that state, by `histories`.
/// Rows beyond the manifest's counts end it at once. **Signatures are not checked**: let [`crate::check_chain_of_trust`] say first whether the
/// manifest's header and these handovers are to be believed. `handovers` are all those up to the manifest's height. `progress` is told how many
/// bytes were taken of how many.
///
/// The database is built beside `data_dir` and renamed into place as a whole.
pub fn restore(
    data_dir: &Path,
    genesis: &GenesisHead,
    manifest: &Manifest,
    handovers: &[Handover],
    histories: &Histories,
    chunks: &mut dyn FnMut(&Hash) -> Result<Vec<u8>, SnapshotError>,
    progress: &dyn Fn(u64, u64),
) -> Result<(), SnapshotError> {
    manifest.check()?;
    let (found, expected) = (manifest.chain, genesis.chain());
    if found != expected {
        return Err(SnapshotError::OtherChain { found, expected });
    }
    check_handovers(manifest, handovers)?;
    check_free(data_dir)?;
    let part = part_of(data_dir);
    remove(&part)?;
    // As the home's directories are: for the owner alone.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&part).map_err(disk(&part))?;
    let built = take_rows(&part, manifest, histories, chunks, progress).and_then(|db| {
        write_rest(&db, genesis, manifest, handovers)?;
        flush(&db)?;
        drop(db);
        hit("restore/written");
        move_into_place(&part, data_dir)
    });
    if built.is_err() {
        // What it failed of is what is to be told; the next try begins by removing the rest once more.
        let _ = remove(&part);
    }
    built
}

/// STORE-16: removes what a restore that was cut short left beside `data_dir`.
pub fn remove_unfinished_restore(data_dir: &Path) -> Result<(), SnapshotError> {
    remove(&part_of(data_dir))
}

/// They are kept for ever, so they must at least be what they are said to be.
fn check_handovers(manifest: &Manifest, handovers: &[Handover]) -> Result<(), SnapshotError> {
    let wrong = |what| Err(SnapshotError::Handovers(what));
    if u32::try_from(handovers.len()) != Ok(manifest.handovers) {
        return wrong("there is another number of them");
    }
    let mut last = 0;
    for Handover { header, certificate, set } in handovers {
        if header.height <= last || header.height > manifest.height {
            return wrong("their heights do not ascend up to it");
        }
        last = header.height;
        if header.chain != manifest.chain || !header.hands_over() || set.hash() != header.next_validators {
            return wrong("one is none of this chain, or comes with another set");
        }
        if certificate.height != header.height || certificate.block != header.id() {
            return wrong("one has another block's certificate");
        }
    }
    Ok(())
}

/// There is nothing at the place of the database.
pub(super) fn check_free(data_dir: &Path) -> Result<(), SnapshotError> {
    if !data_dir.exists() {
        return Ok(());
    }
    if !is_new(data_dir).map_err(disk(data_dir))? || Mark::exists(data_dir) {
        return Err(SnapshotError::Occupied(data_dir.into()));
    }
    Ok(())
}

/// Renames what was built, as a whole.
pub(super) fn move_into_place(part: &Path, data_dir: &Path) -> Result<(), SnapshotError> {
    // A directory that somebody made beforehand may go if it is empty.
    match fs::remove_dir(data_dir) {
        Err(e) if e.kind() == ErrorKind::DirectoryNotEmpty => return Err(SnapshotError::Occupied(data_dir.into())),
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(disk(data_dir)(e)),
        _ => {}
    }
    sync_dir(part)?;
    fs::rename(part, data_dir).map_err(disk(data_dir))?;
    hit("restore/moved");
    data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_dir)
}

/// A new database with the rows of the state that the manifest's header names and of the versions that it proves, and nothing else yet.
pub(super) fn take_rows(
    dir: &Path,
    manifest: &Manifest,
    histories: &Histories,
    chunks: &mut dyn FnMut(&Hash) -> Result<Vec<u8>, SnapshotError>,
    progress: &dyn Fn(u64, u64),
) -> Result<DB, SnapshotError> {
    let options = options(true).map_err(storage)?;
    let db = DB::open_cf_descriptors(&options, dir, descriptors(&Arc::new(AtomicU64::new(0)))).map_err(storage)?;
    let mut builder = Builder { has_versions: manifest.version >= MANIFEST_VERSION, ..Builder::default() };
    let mut done = 0u64;
    for (hash, len) in &manifest.chunks {
        let bytes = chunks(hash)?;
        if bytes.len() != *len as usize || hash_chunk(&bytes) != *hash {
            return Err(SnapshotError::BadChunk(*hash));
        }
        let mut batch = WriteBatch::with_capacity_bytes(bytes.len() + bytes.len() / 4);
        builder.take(&db, &mut batch, &bytes).map_err(|e| e.in_chunk(hash))?;
        builder.check_room(manifest)?;
        // No log: a database that is not complete is thrown away.
        db.write_without_wal(batch).map_err(storage)?;
        hit("restore/chunk");
        done = done.saturating_add(u64::from(*len));
        progress(done, manifest.bytes);
    }
    builder.check(manifest)?;
    check_versions(&db, histories)?;
    flush(&db)?;
    hit("restore/checked");
    Ok(db)
}

pub(super) fn flush(db: &DB) -> Result<(), Fault> {
    let mut all = Vec::new();
    for name in crate::columns::ALL {
        all.push(column(db, name)?);
    }
    db.flush_cfs_opt(&all, &FlushOptions::default()).map_err(storage)
}

/// What makes a database of the state's rows.
fn write_rest(db: &DB, genesis: &GenesisHead, manifest: &Manifest, handovers: &[Handover]) -> Result<(), Fault> {
    let Manifest { height, header, certificate, .. } = manifest;
    let mut batch = WriteBatch::default();
    let column_of_handovers = column(db, HANDOVERS)?;
    for handover in handovers {
        batch.put_cf(column_of_handovers, height_key(handover.header.height), handover.encode());
    }
    // The header alone: the rest of the block is below the base.
    batch.put_cf(column(db, HEADERS)?, height_key(*height), header.encode());
    let meta = column(db, META)?;
    batch.put_cf(meta, FORMAT, FORMAT_VERSION.encode());
    batch.put_cf(meta, GENESIS, genesis.encode());
    batch.put_cf(meta, BASE, height_key(height.saturating_add(1)));
    batch.put_cf(meta, HEAD, (height, certificate.block, certificate).encode());
    db.write_opt(batch, &synced()).map_err(storage)
}

/// What may be wrong with a chunk.
enum Wrong {
    Rows(&'static str),
    Fault(Fault),
}

impl Wrong {
    fn in_chunk(self, chunk: &Hash) -> SnapshotError {
        match self {
            Wrong::Rows(what) => SnapshotError::BadRows { chunk: *chunk, what },
            Wrong::Fault(fault) => SnapshotError::Fault(fault),
        }
    }
}

impl Builder {
    /// The rows of the next chunk.
    fn take(&mut self, db: &DB, batch: &mut WriteBatch, bytes: &[u8]) -> Result<(), Wrong> {
        let holdings = column(db, HOLDINGS).map_err(Wrong::Fault)?;
        let records = column(db, RECORDS).map_err(Wrong::Fault)?;
        let versions = column(db, VERSIONS).map_err(Wrong::Fault)?;
        for row in Rows(bytes) {
            let (kind, key, value) = row.map_err(Wrong::Rows)?;
            if self.last.as_ref().is_some_and(|(last, before)| (*last, before) >= (kind, &key)) {
                return Err(Wrong::Rows("its rows are not in order"));
            }
            match kind {
                HOLDING => {
                    let (token, id) = read_holding_key(&key).ok_or(Wrong::Rows("the key of a holding has another length"))?;
                    let holding: Holding = decode(&value).map_err(|_| Wrong::Rows("a holding is malformed"))?;
                    self.holdings.push((token, id, holding));
                    batch.put_cf(holdings, &key, &value);
                }
                RECORD if key.len() > RECORD_KEY_BYTES_MAX || value.len() > RECORD_BYTES_MAX => {
                    return Err(Wrong::Rows("a record is too long"));
                }
                RECORD => {
                    self.records.push((record_key_hash(&key), record_commitment(&value)));
                    batch.put_cf(records, &key, &value);
                }
                VERSION if self.has_versions => {
                    if read_version_key(&key).is_none() || value.len() > VERSION_BYTES_MAX {
                        return Err(Wrong::Rows("a version of a MiMei has a key of another length, or is too long"));
                    }
                    self.versions = self.versions.saturating_add(1);
                    batch.put_cf(versions, &key, &value);
                }
                _ => return Err(Wrong::Rows("a row is of an unknown kind")),
            }
            self.last = Some((kind, key));
        }
        Ok(())
    }

    /// What there is of each kind by now, and what there should be in the end.
    fn counts(&self, manifest: &Manifest) -> [(&'static str, u64, u64); 2] {
        let (holdings, records) = (self.holdings.len() as u64, (self.records.len() as u64).saturating_add(self.versions));
        [("holdings", holdings, manifest.holdings), ("records", records, manifest.records)]
    }

    /// There are not too many rows already: what comes after them need not be fetched. Holdings come first, so all of them are there once a
    /// record is.
    fn check_room(&self, manifest: &Manifest) -> Result<(), SnapshotError> {
        let [(_, holdings, wanted), (_, others, _)] = self.counts(manifest);
        let is_short = others > 0 && holdings < wanted;
        let wrong = self
            .counts(manifest)
            .into_iter()
            .find(|(what, found, expected)| found > expected || (*what == "holdings" && is_short));
        wrong.map_or(Ok(()), |(what, found, expected)| Err(SnapshotError::Count { what, found, expected }))
    }

    /// It is the state that the header names.
    fn check(self, manifest: &Manifest) -> Result<(), SnapshotError> {
        let counts = self.counts(manifest);
        if let Some((what, found, expected)) = counts.into_iter().find(|(_, found, expected)| found != expected) {
            return Err(SnapshotError::Count { what, found, expected });
        }
        let ledger = Ledger::load(self.holdings, self.records).map_err(|e| SnapshotError::Ledger(e.to_string()))?;
        let (found, expected) = (ledger.root(), manifest.header.state_root);
        if found == expected { Ok(()) } else { Err(SnapshotError::Root { found, expected }) }
    }
}

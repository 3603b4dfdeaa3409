use super::rows::{Cutter, HOLDING, RECORD, VERSION};
use super::shelf::{self, MANIFEST};
use super::{HANDOVERS_MAX, MANIFEST_VERSION, Manifest, STATE_ALONE, SnapshotError, disk, hash_chunk, sync_dir};
use crate::columns::{HANDOVERS, HOLDINGS, RECORDS, VERSIONS, column, height_key, read_version_key};
use crate::{Head, Store, storage};
use leither_failpoints::hit;
use leither_state::Fault;
use leither_types::{Hash, Height, List, MimeiId};
use parity_scale_codec::{Compact, Encode};
use rocksdb::{DB, IteratorMode, ReadOptions, Snapshot};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::TryLockError;

/// Where chunks go, and what is known about them by now.
struct Writer {
    /// The directory that is being filled.
    folder: PathBuf,
    /// Chunks of older snapshots, by name.
    older: BTreeMap<String, PathBuf>,
    chunks: List<(Hash, u32), { super::CHUNKS_MAX }>,
    bytes: u64,
}

impl Store {
    /// STORE-14: writes the state at the head into a directory of its own within `dir`, while commits go on: they wait only until head and
    /// state are paired, which takes no reading. `progress` is told how many rows were written of about how many, a chunk each time.
    ///
    /// A snapshot that is there already is left as it is. STORE-24 ends it between two chunks.
    pub fn write_snapshot(&self, dir: &Path, progress: &dyn Fn(u64, u64)) -> Result<Manifest, SnapshotError> {
        let _only = match self.inner.copying.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::WouldBlock) => return Err(SnapshotError::Busy),
            // It guards nothing but a directory, which is begun anew.
            Err(TryLockError::Poisoned(guard)) => guard.into_inner(),
        };
        self.inner.check()?;
        let (head, state) = {
            let _turn = self.inner.turn()?;
            (self.inner.books()?.head.clone(), self.inner.db.snapshot())
        };
        if head.header.is_none() {
            return Err(SnapshotError::NoBlock);
        }
        if self.inner.is_ending() {
            return Err(SnapshotError::Ending);
        }
        let done = dir.join(shelf::name(head.height, &head.state_root));
        match shelf::load(&done) {
            Ok(there) if there.certificate.block == head.id => return Ok(there),
            _ => shelf::delete_snapshot(&done)?,
        }
        let part = shelf::part_of(&done);
        shelf::remove(&part)?;
        let written = self.fill(&part, dir, &head, &state, progress).and_then(|manifest| {
            hit("snapshot/complete");
            fs::rename(&part, &done).map_err(disk(&done))?;
            hit("snapshot/renamed");
            sync_dir(dir)?;
            Ok(manifest)
        });
        match &written {
            Ok(Manifest { height, chunks, bytes, .. }) => {
                tracing::info!(height, chunks = chunks.len(), bytes, "snapshot written")
            }
            // A full disk shall not stay full of it. What it failed of is what is to be told.
            Err(_) => drop(shelf::remove(&part)),
        }
        written
    }

    fn fill(
        &self,
        part: &Path,
        dir: &Path,
        head: &Head,
        state: &Snapshot<'_>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Manifest, SnapshotError> {
        let folder = part.join(shelf::CHUNKS);
        fs::create_dir_all(&folder).map_err(disk(&folder))?;
        let mut writer = Writer { folder, older: shelf::chunks_by_name(dir)?, chunks: List::default(), bytes: 0 };
        let manifest = self.copy(head, state, &mut writer, progress)?;
        if manifest.handovers as usize <= HANDOVERS_MAX {
            write_handovers(&self.inner.db, state, manifest.handovers, &part.join(shelf::HANDOVERS_FILE))?;
        } else {
            // Peers serve them by themselves; it is only a copy in another place that cannot be believed without.
            tracing::warn!(
                handovers = manifest.handovers,
                "more changes of validators than a snapshot's file holds: it can be joined by, not restored"
            );
        }
        hit("snapshot/handovers");
        write_synced(&part.join(MANIFEST), &manifest.encode())?;
        hit("snapshot/manifest");
        sync_dir(&writer.folder)?;
        sync_dir(part)?;
        Ok(manifest)
    }

    fn copy(
        &self,
        head: &Head,
        state: &Snapshot<'_>,
        writer: &mut Writer,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Manifest, SnapshotError> {
        let db = &self.inner.db;
        let header = head.header.clone().ok_or(SnapshotError::NoBlock)?;
        let mut total = 0;
        for name in [HOLDINGS, RECORDS, VERSIONS] {
            let rows = db.property_int_value_cf(column(db, name)?, rocksdb::properties::ESTIMATE_NUM_KEYS).map_err(storage)?;
            total += rows.unwrap_or_default();
        }
        let mut cutter = Cutter::default();
        let mut counts = [0u64; 3];
        let mut done = 0;
        let kinds = [(HOLDING, HOLDINGS), (RECORD, RECORDS), (VERSION, VERSIONS)];
        for ((kind, name), count) in kinds.into_iter().zip(&mut counts) {
            if kind == VERSION
                && let Some(chunk) = cutter.last()
            {
                // Nodes may have rows of other MiMeis: the state's chunks are alike all the same.
                writer.put(&chunk)?;
            }
            let mut provable = Provable::default();
            for row in state.iterator_cf_opt(column(db, name)?, scan(), IteratorMode::Start) {
                let (key, value) = row.map_err(storage)?;
                if kind == VERSION && !provable.has(&key)? {
                    continue;
                }
                *count += 1;
                done += 1;
                if let Some(chunk) = cutter.push(kind, &key, &value) {
                    if self.inner.is_ending() {
                        return Err(SnapshotError::Ending);
                    }
                    writer.put(&chunk)?;
                    progress(done, total.max(done));
                }
            }
        }
        if let Some(chunk) = cutter.last() {
            writer.put(&chunk)?;
        }
        progress(done, done);
        let [holdings, records, versions] = counts;
        Ok(Manifest {
            version: if versions == 0 { STATE_ALONE } else { MANIFEST_VERSION },
            chain: header.chain,
            height: head.height,
            header,
            certificate: head.certificate.clone(),
            state_root: head.state_root,
            handovers: count_handovers(db, state, head.height)?,
            chunks: std::mem::take(&mut writer.chunks),
            holdings,
            records: records.saturating_add(versions),
            bytes: writer.bytes,
        })
    }
}

/// STORE-27: versions that can be proven: where the first is there, all are; a database that began in the middle has later ones alone.
#[derive(Default)]
struct Provable(Option<MimeiId>);

impl Provable {
    /// Whether the row of this key, the next one, is of them.
    fn has(&mut self, key: &[u8]) -> Result<bool, Fault> {
        let (mimei, number) = read_version_key(key).ok_or_else(|| Fault::Corrupt("key of a MiMei's version".into()))?;
        if number == 0 {
            self.0 = Some(mimei);
        }
        Ok(self.0 == Some(mimei))
    }
}

impl Writer {
    fn put(&mut self, chunk: &[u8]) -> Result<(), SnapshotError> {
        let hash = hash_chunk(chunk);
        let len = u32::try_from(chunk.len()).map_err(|_| SnapshotError::TooLarge)?;
        self.chunks.push((hash, len)).map_err(|_| SnapshotError::TooLarge)?;
        self.bytes = self.bytes.saturating_add(u64::from(len));
        let name = shelf::hex(&hash);
        let path = self.folder.join(&name);
        // An older snapshot's file is shared where it still has the right bytes, and the file system can.
        let older = self.older.get(&name).filter(|older| fs::read(older).is_ok_and(|bytes| bytes == chunk));
        if older.is_some_and(|older| fs::hard_link(older, &path).is_ok()) {
            return Ok(());
        }
        write_synced(&path, chunk)?;
        hit("snapshot/chunk");
        Ok(())
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(disk(path))
}

/// For a walk over everything that shall not push what is in use out of the cache.
fn scan() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.fill_cache(false);
    options.set_readahead_size(2 * 1024 * 1024);
    options
}

fn count_handovers(db: &DB, state: &Snapshot<'_>, up_to: Height) -> Result<u32, Fault> {
    let mut count = 0u32;
    for row in state.iterator_cf_opt(column(db, HANDOVERS)?, scan(), IteratorMode::Start) {
        let (key, _) = row.map_err(storage)?;
        if *key > height_key(up_to)[..] {
            break;
        }
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// STORE-14: the first `count` handovers as one list, read back by [`super::read_handovers`]: what leads to the manifest's header from the
/// genesis, so that a copy in another place can be believed.
fn write_handovers(db: &DB, state: &Snapshot<'_>, count: u32, path: &Path) -> Result<(), SnapshotError> {
    let io = |error| disk(path)(error);
    let mut file = BufWriter::new(File::create_new(path).map_err(io)?);
    file.write_all(&Compact(count).encode()).map_err(io)?;
    let rows = state.iterator_cf_opt(column(db, HANDOVERS)?, scan(), IteratorMode::Start);
    for row in rows.take(count as usize) {
        // A row is a handover in SCALE.
        let (_, value) = row.map_err(storage)?;
        file.write_all(&value).map_err(io)?;
    }
    file.into_inner().map_err(|error| io(error.into_error()))?.sync_all().map_err(io)
}

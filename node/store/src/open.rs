use crate::books::Books;
use crate::columns::{
    BASE, BODIES, FORMAT, GENESIS, HEAD, HEADERS, HEIGHTS, HOLDINGS, INITIAL_ROOT, META, RECORDS, column, descriptors,
    height_key, is_known, options, read_height, read_holding_key,
};
use crate::commit::write_state;
use crate::mark::Mark;
use crate::undecided::Desk;
use crate::{Head, Inner, Store, disk};
use leither_failpoints::hit;
use leither_state::{Fault, Ledger, WriteSet, record_commitment, record_key_hash};
use leither_types::{Block, Certificate, GenesisHead, Hash, Header, Height, codec::decode_trusted};
use parity_scale_codec::{Decode, Encode};
use rocksdb::{DB, IteratorMode, ReadOptions, WriteBatch, WriteOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

/// The layout that this program writes.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Why a database cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the database {} is in use by another process; stop that one, or choose another --home", .0.display())]
    Busy(PathBuf),
    /// It belongs to another chain.
    #[error("the database {} is of the chain {found}, this node's genesis is of {expected}; choose another --home or the right genesis.json", dir.display())]
    OtherChain {
        /// Where.
        dir: PathBuf,
        /// Whose it is.
        found: Hash,
        /// Whose it should be.
        expected: Hash,
    },
    /// A newer program wrote it.
    #[error("the database {} was written by a newer leither ({found}); this one knows format {FORMAT_VERSION}: install the newer one", dir.display())]
    Newer {
        /// Where.
        dir: PathBuf,
        /// What shows it.
        found: String,
    },
    /// It is not what this program can have written, or a part is missing.
    #[error("the database {} is damaged: {what}; restore it from a snapshot, or move it away and let the node fetch the chain again", dir.display())]
    Damaged {
        /// Where.
        dir: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The machine's failure.
    #[error("cannot use the database {}: {what}; check the disk's space and the directory's rights", dir.display())]
    Disk {
        /// Where.
        dir: PathBuf,
        /// What failed.
        what: String,
    },
    /// What should be height 0 is no state.
    #[error("the genesis is no state: {0}")]
    Genesis(Fault),
}

/// Errors within the opening of one directory.
struct At<'a>(&'a Path);

impl At<'_> {
    fn damaged(&self, what: impl Into<String>) -> OpenError {
        OpenError::Damaged { dir: self.0.into(), what: what.into() }
    }

    fn disk(&self, error: std::io::Error) -> OpenError {
        OpenError::Disk { dir: self.0.into(), what: error.to_string() }
    }

    fn fault(&self, fault: Fault) -> OpenError {
        match fault {
            Fault::Storage(what) => OpenError::Disk { dir: self.0.into(), what },
            Fault::Corrupt(what) => self.damaged(what),
            Fault::Stale => self.damaged(fault.to_string()),
        }
    }

    fn rocks(&self, error: rocksdb::Error) -> OpenError {
        use rocksdb::ErrorKind::{IOError, TimedOut, TryAgain};
        let text = error.to_string();
        match error.kind() {
            IOError if is_locked(&text, self.0) => OpenError::Busy(self.0.into()),
            // A file that the manifest names and the disk does not have is damage, not a failing disk.
            IOError if text.contains("No such file") => self.damaged(text),
            IOError | TimedOut | TryAgain => OpenError::Disk { dir: self.0.into(), what: text },
            _ => self.damaged(text),
        }
    }
}

/// Whether RocksDB says that somebody has the database. Its errors have no kind for that, and name files: a path may hold any word.
fn is_locked(text: &str, dir: &Path) -> bool {
    let said = text.replace(&*dir.to_string_lossy(), "");
    ["While lock file", "lock hold by", "Resource temporarily unavailable"]
        .iter()
        .any(|words| said.contains(words))
}

impl Store {
    /// STORE-1: opens the database in `dir`, or creates it with `initial`, the state at height 0, which is asked for only then.
    pub fn open(dir: &Path, genesis: &GenesisHead, initial: &dyn Fn() -> Result<WriteSet, Fault>) -> Result<Self, OpenError> {
        let at = At(dir);
        std::fs::create_dir_all(dir).map_err(|e| at.disk(e))?;
        let is_new = is_new(dir).map_err(|e| at.disk(e))?;
        if is_new && Mark::exists(dir) {
            return Err(at.damaged("its files are gone, but for the note of the last committed height"));
        }
        if !is_new {
            check_columns(&at)?;
        }
        let options = options(is_new).map_err(|e| at.rocks(e))?;
        // Nothing is too old until the base is known.
        let base = Arc::new(AtomicU64::new(0));
        let db = DB::open_cf_descriptors(&options, dir, descriptors(&base)).map_err(|e| at.rocks(e))?;
        if is_blank(&db).map_err(|e| at.fault(e))? && !Mark::exists(dir) {
            create(&db, genesis, initial).map_err(|e| match e {
                Fault::Storage(_) => at.fault(e),
                _ => OpenError::Genesis(e),
            })?;
            hit("store/created");
        }
        check_meta(&at, &db, genesis)?;
        let lowest = load_base(&at, &db)?;
        let head = load_head(&at, &db, genesis, lowest)?;
        check_mark(&at, &db, &head, lowest)?;
        base.store(lowest, Ordering::Release);
        let ledger = load_ledger(&db).map_err(|e| at.fault(e))?;
        if ledger.root() != head.state_root {
            let what =
                format!("its leaves give the state root {}, height {} has {}", ledger.root(), head.height, head.state_root);
            return Err(at.damaged(what));
        }
        let mark = Mark::open(dir).and_then(|mark| mark.write(head.height, &head.id).map(|()| mark)).map_err(|e| at.disk(e))?;
        let desk = Desk::load(&db).map_err(|e| at.fault(e))?;
        tracing::info!(height = head.height, bytes = disk::bytes(dir).unwrap_or_default(), "database open");
        let inner = Inner {
            dir: dir.into(),
            genesis: genesis.clone(),
            turn: Mutex::new(()),
            gate: RwLock::new(()),
            books: RwLock::new(Books::new(head, ledger)),
            past: Mutex::default(),
            desk: Mutex::new(desk),
            base,
            pruning: Mutex::new(()),
            copying: Mutex::new(()),
            mark,
            db,
            ending: AtomicBool::new(false),
            broken: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// Whether no database was ever made here: RocksDB itself would begin anew where the one file CURRENT is missing, and delete the rest.
pub(crate) fn is_new(dir: &Path) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name == "CURRENT" || name.starts_with("MANIFEST") || name.ends_with(".sst") || name.ends_with(".log") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A newer program may have added column families, which RocksDB would only call invalid.
fn check_columns(at: &At<'_>) -> Result<(), OpenError> {
    let names = DB::list_cf(&rocksdb::Options::default(), at.0).map_err(|e| at.rocks(e))?;
    match names.into_iter().find(|name| !is_known(name)) {
        Some(name) => Err(OpenError::Newer { dir: at.0.into(), found: format!("column family {name}") }),
        None => Ok(()),
    }
}

/// Whether nothing was ever written: the first write of all is the whole of height 0.
fn is_blank(db: &DB) -> Result<bool, Fault> {
    Ok(db.latest_sequence_number() == 0 && db.get(FORMAT).map_err(crate::storage)?.is_none())
}

fn create(db: &DB, genesis: &GenesisHead, initial: &dyn Fn() -> Result<WriteSet, Fault>) -> Result<(), Fault> {
    let writes = initial()?;
    let mut ledger = Ledger::new();
    ledger.apply(&writes).map_err(|e| Fault::Corrupt(e.to_string()))?;
    let mut batch = WriteBatch::default();
    write_state(db, &mut batch, &writes)?;
    let meta = column(db, META)?;
    batch.put_cf(meta, FORMAT, FORMAT_VERSION.encode());
    batch.put_cf(meta, GENESIS, genesis.encode());
    batch.put_cf(meta, INITIAL_ROOT, ledger.root().encode());
    batch.put_cf(meta, HEAD, (0 as Height, Hash::ZERO, Certificate::genesis()).encode());
    let mut options = WriteOptions::default();
    options.set_sync(true);
    db.write_opt(batch, &options).map_err(crate::storage)
}

fn meta<T: Decode>(at: &At<'_>, db: &DB, key: &[u8]) -> Result<T, OpenError> {
    let name = String::from_utf8_lossy(key);
    let bytes = db.get(key).map_err(|e| at.rocks(e))?.ok_or_else(|| at.damaged(format!("the row {name} is missing")))?;
    decode_trusted(&bytes).map_err(|e| at.damaged(format!("the row {name}: {e}")))
}

fn check_meta(at: &At<'_>, db: &DB, genesis: &GenesisHead) -> Result<(), OpenError> {
    let format: u32 = meta(at, db, FORMAT)?;
    match format {
        0 => return Err(at.damaged("its format is 0")),
        FORMAT_VERSION => {}
        _ => return Err(OpenError::Newer { dir: at.0.into(), found: format!("format {format}") }),
    }
    let found: GenesisHead = meta(at, db, GENESIS)?;
    if found == *genesis {
        return Ok(());
    }
    Err(OpenError::OtherChain { dir: at.0.into(), found: found.chain(), expected: genesis.chain() })
}

/// The lowest height from which on all blocks are whole.
fn load_base(at: &At<'_>, db: &DB) -> Result<Height, OpenError> {
    match db.get(BASE).map_err(|e| at.rocks(e))? {
        None => Ok(1),
        Some(bytes) => read_height(&bytes).filter(|base| *base > 0).ok_or_else(|| at.damaged("the row base")),
    }
}

/// The head, with its block looked at whole: it was the last write. STORE-18: of a head that came with a snapshot there is the header
/// alone.
fn load_head(at: &At<'_>, db: &DB, genesis: &GenesisHead, lowest: Height) -> Result<Head, OpenError> {
    let (height, id, certificate): (Height, Hash, Certificate) = meta(at, db, HEAD)?;
    if height.checked_add(1).is_none_or(|next| lowest > next) {
        return Err(at.damaged(format!("it ends at height {height}, its blocks begin at {lowest}")));
    }
    if height == 0 {
        let state_root = meta(at, db, INITIAL_ROOT)?;
        return Ok(Head { height, header: None, id, certificate, time: genesis.time, state_root });
    }
    let part = |name: &str| {
        let row = db.get_cf(column(db, name).map_err(|e| at.fault(e))?, height_key(height)).map_err(|e| at.rocks(e))?;
        row.ok_or_else(|| at.damaged(format!("height {height} has no row in {name}")))
    };
    let header = if height < lowest {
        decode_trusted::<Header>(&part(HEADERS)?).map_err(|e| at.damaged(format!("the header of height {height}: {e}")))?
    } else {
        let bytes = [part(HEADERS)?, part(BODIES)?].concat();
        let block: Block = decode_trusted(&bytes).map_err(|e| at.damaged(format!("the block of height {height}: {e}")))?;
        let Block { header, txs, evidence, .. } = block;
        let is_whole = header.txs_root == Block::txs_root(&txs) && header.evidence_root == Block::evidence_root(&evidence);
        if !is_whole || header_height(at, db, &id)? != Some(height) {
            return Err(at.damaged(format!("the block of height {height} is not the one that was committed")));
        }
        header
    };
    let fits = header.id() == id
        && header.height == height
        && header.chain == genesis.chain()
        && certificate.height == height
        && certificate.block == id;
    if !fits {
        return Err(at.damaged(format!("the block of height {height} is not the one that was committed")));
    }
    let Header { time, state_root, .. } = header;
    Ok(Head { height, header: Some(header), id, certificate, time, state_root })
}

fn header_height(at: &At<'_>, db: &DB, id: &Hash) -> Result<Option<Height>, OpenError> {
    let row = db.get_cf(column(db, HEIGHTS).map_err(|e| at.fault(e))?, id.0).map_err(|e| at.rocks(e))?;
    Ok(row.and_then(|row| read_height(&row)))
}

/// STORE-9: the database has all that was ever committed.
fn check_mark(at: &At<'_>, db: &DB, head: &Head, lowest: Height) -> Result<(), OpenError> {
    let Some((height, id)) = Mark::read(at.0).map_err(|e| at.disk(e))? else { return Ok(()) };
    if height > head.height {
        return Err(at.damaged(format!("it ends at height {}, but height {height} had been committed", head.height)));
    }
    // A note that lags may name a block that was pruned since.
    if height < lowest || header_height(at, db, &id)? == Some(height) {
        return Ok(());
    }
    Err(at.damaged(format!("the block {id} that was committed at height {height} is missing")))
}

/// The ledger from its leaves, in key order.
fn load_ledger(db: &DB) -> Result<Ledger, Fault> {
    let mut failed = None;
    let scan = || {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        options.set_readahead_size(2 * 1024 * 1024);
        options
    };
    let keep = |failed: &mut Option<Fault>, fault: Fault| -> Option<_> {
        *failed = Some(fault);
        None
    };
    let mut holdings = Vec::new();
    for row in db.iterator_cf_opt(column(db, HOLDINGS)?, scan(), IteratorMode::Start) {
        let (key, value) = row.map_err(crate::storage)?;
        let (token, id) = read_holding_key(&key).ok_or_else(|| Fault::Corrupt("key of a holding".into()))?;
        let holding = decode_trusted(&value).map_err(|e| Fault::Corrupt(format!("what {id} holds of {token}: {e}")))?;
        holdings.push((token, id, holding));
    }
    let records = db.iterator_cf_opt(column(db, RECORDS)?, scan(), IteratorMode::Start);
    let records = records.map_while(|row| match row {
        Ok((key, value)) => Some((record_key_hash(&key), record_commitment(&value))),
        Err(e) => keep(&mut failed, crate::storage(e)),
    });
    let ledger = Ledger::load(holdings, records).map_err(|e| Fault::Corrupt(e.to_string()));
    failed.map_or(ledger, Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_in_use_is_known_by_what_rocksdb_says_and_not_by_its_path() {
        let dir = Path::new("/srv/blockchain/While lock file");
        let path = dir.display();
        for said in [
            format!("IO error: While lock file: {path}/LOCK: Resource temporarily unavailable"),
            format!("IO error: lock hold by current process, acquire time 1 acquiring thread 2: {path}/LOCK: No locks available"),
        ] {
            assert!(is_locked(&said, dir), "{said}");
        }
        for said in [
            format!("IO error: No space left on device: While appending to file: {path}/000004.log: No space left on device"),
            format!("IO error: while open a file for lock: {path}/LOCK: Permission denied"),
        ] {
            assert!(!is_locked(&said, dir), "{said}");
        }
    }

    #[test]
    fn a_failing_disk_below_a_folder_called_lock_is_no_database_in_use() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("blockchain");
        std::fs::create_dir(&dir).unwrap();
        // Its first file is a folder: RocksDB's error names it, and so the path.
        std::fs::create_dir(dir.join("CURRENT")).unwrap();
        let refused = check_columns(&At(&dir)).unwrap_err();
        assert!(!matches!(refused, OpenError::Busy(_)), "{refused}");
    }
}

//! RECOVER-6: the first state of a chain that goes on from another one's, built of a snapshot of that one.

use super::restore::{check_free, flush, move_into_place, take_rows};
use super::shelf::{part_of, remove};
use super::{Manifest, SnapshotError, disk};
use crate::columns::{FORMAT, GENESIS, HEAD, INITIAL_ROOT, META, column};
use crate::commit::write_state;
use crate::open::FORMAT_VERSION;
use crate::undecided::synced;
use crate::{Histories, OpenError, Store, storage};
use leither_state::{Fault, Read, WriteSet};
use leither_types::{Certificate, GenesisHead, Hash, Height};
use parity_scale_codec::Encode;
use rocksdb::{DB, WriteBatch};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A database under construction, beside its place. It has the old chain's state as its own height 0, until [`Founding::finish`] changes it
/// to what the genesis names and moves it into place. Dropped before that, it leaves nothing behind.
pub struct Founding {
    /// There until the end.
    store: Option<Store>,
    part: PathBuf,
    place: PathBuf,
}

impl Founding {
    /// Takes the rows of the old chain's snapshot, chunk by chunk, checked as [`super::restore`] checks them: the snapshot is believed if it
    /// is that of the block which the genesis names.
    pub fn begin(
        place: &Path,
        genesis: &GenesisHead,
        manifest: &Manifest,
        histories: &Histories,
        chunks: &mut dyn FnMut(&Hash) -> Result<Vec<u8>, SnapshotError>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Self, SnapshotError> {
        check_origin(genesis, manifest)?;
        check_free(place)?;
        let part = part_of(place);
        remove(&part)?;
        fs::create_dir_all(&part).map_err(disk(&part))?;
        // From here on whatever fails removes what there is.
        let mut founding = Self { store: None, part, place: place.into() };
        let db = take_rows(&founding.part, manifest, histories, chunks, progress)?;
        write_meta(&db, genesis, &manifest.state_root)?;
        flush(&db)?;
        drop(db);
        let never = || Err(Fault::Corrupt("the state was there a moment ago".into()));
        founding.store = Some(Store::open(&founding.part, genesis, &never).map_err(|e| founding.opening(e))?);
        Ok(founding)
    }

    fn opening(&self, error: OpenError) -> SnapshotError {
        SnapshotError::Disk { path: self.part.clone(), what: error.to_string() }
    }

    fn store(&self) -> Result<&Store, Fault> {
        self.store.as_ref().ok_or_else(|| Fault::Corrupt("a database that was given up".into()))
    }

    /// The old chain's state.
    pub fn state(&self) -> Result<Arc<dyn Read>, Fault> {
        self.store()?.snapshot()
    }

    /// Makes the first state of the old one by `writes`, and gives the database its place. Refused where that is not the state which the
    /// genesis names.
    pub fn finish(mut self, writes: &WriteSet) -> Result<(), SnapshotError> {
        let store = self.store()?;
        let found = store.change_first_state(writes)?;
        let expected = store.genesis().origin.as_ref().map(|origin| origin.first_root).unwrap_or_default();
        if found != expected {
            return Err(SnapshotError::FirstRoot { found, expected });
        }
        self.store = None;
        move_into_place(&self.part, &self.place)
    }
}

impl Drop for Founding {
    fn drop(&mut self) {
        self.store = None;
        // In its place already, or of no use; what stays is swept by the next one.
        let _ = remove(&self.part);
    }
}

/// Whether it is a snapshot of the very block that the genesis goes on from. Who made that block final is the old chain's affair: the
/// genesis names it, and the genesis is what the joiner trusts.
pub fn check_origin(genesis: &GenesisHead, manifest: &Manifest) -> Result<(), SnapshotError> {
    manifest.check()?;
    let Some(origin) = &genesis.origin else {
        return Err(SnapshotError::OtherChain { found: manifest.chain, expected: genesis.chain() });
    };
    if manifest.chain != origin.chain {
        return Err(SnapshotError::OtherChain { found: manifest.chain, expected: origin.chain });
    }
    let found: (Height, Hash) = (manifest.height, manifest.header.id());
    if found != (origin.height, origin.block) {
        return Err(SnapshotError::OtherBlock { found, expected: (origin.height, origin.block) });
    }
    match manifest.state_root == origin.state_root {
        true => Ok(()),
        false => Err(SnapshotError::Root { found: manifest.state_root, expected: origin.state_root }),
    }
}

fn write_meta(db: &DB, genesis: &GenesisHead, root: &Hash) -> Result<(), Fault> {
    let mut batch = WriteBatch::default();
    let meta = column(db, META)?;
    batch.put_cf(meta, FORMAT, FORMAT_VERSION.encode());
    batch.put_cf(meta, GENESIS, genesis.encode());
    batch.put_cf(meta, INITIAL_ROOT, root.encode());
    batch.put_cf(meta, HEAD, (0 as Height, Hash::ZERO, Certificate::genesis()).encode());
    db.write_opt(batch, &synced()).map_err(storage)
}

impl Store {
    /// The state at height 0 after `writes`, in one synced write; the store is of no use after it, as its head says the former root.
    fn change_first_state(&self, writes: &WriteSet) -> Result<Hash, Fault> {
        let _turn = self.inner.turn()?;
        let root = self.inner.books_mut()?.try_on(writes)?;
        let db = &self.inner.db;
        let mut batch = WriteBatch::default();
        write_state(db, &mut batch, writes)?;
        batch.put_cf(column(db, META)?, INITIAL_ROOT, root.encode());
        db.write_opt(batch, &synced()).map_err(storage)?;
        Ok(root)
    }
}

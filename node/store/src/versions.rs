//! Versions of MiMeis by their numbers. The state tells the newest one alone, and receipts that tell of the others go with their blocks; these rows
//! stay. What a version says and how the state proves it, this crate does not know: it is told by [`Histories`].

use crate::columns::{RECORDS, VERSIONS, column, read_version_key, version_key};
use crate::{SnapshotError, Store, storage};
use leither_state::Fault;
use leither_types::{Hash, MimeiId};
use rocksdb::{DB, IteratorMode, ReadOptions, WriteBatch};

/// What is said of a version is no longer than this, in bytes.
pub const VERSION_BYTES_MAX: usize = 256;

/// A version of a MiMei that a block made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// Whose.
    pub mimei: MimeiId,
    /// Which.
    pub number: u64,
    /// What is said of it, at most [`VERSION_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

/// How the state proves the versions of a MiMei (MIMEI-6).
#[derive(Clone, Copy)]
pub struct Histories {
    /// The key of the record that tells a MiMei's newest version and history.
    pub key: fn(&MimeiId) -> Vec<u8>,
    /// That record's newest version and the history up to it; nothing where the bytes tell of no version.
    pub stated: fn(&[u8]) -> Option<(u64, Hash)>,
    /// The history up to one version more; nothing where the bytes are not what is said of the version of this number.
    pub after: fn(&Hash, u64, &[u8]) -> Option<Hash>,
}

impl Store {
    /// STORE-26: what the block said of this version that made it; nothing where the database has no row of it: it began with a snapshot
    /// without it, or with a program that wrote none.
    pub fn version(&self, mimei: &MimeiId, number: u64) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.row(VERSIONS, &version_key(mimei, number))?.map(|row| row.to_vec()))
    }
}

fn unreadable() -> Fault {
    Fault::Corrupt("key of a MiMei's version".into())
}

/// STORE-26: the versions that a block made, in its own batch.
pub(crate) fn write_versions(db: &DB, batch: &mut WriteBatch, versions: &[VersionRow]) -> Result<(), Fault> {
    let column = column(db, VERSIONS)?;
    for VersionRow { mimei, number, bytes } in versions {
        batch.put_cf(column, version_key(mimei, *number), bytes);
    }
    Ok(())
}

/// STORE-27: of each MiMei that has rows they are all its versions, as its record in the state proves. To be asked once the state is known to be
/// the right one.
pub(crate) fn check_versions(db: &DB, histories: &Histories) -> Result<(), SnapshotError> {
    let mut options = ReadOptions::default();
    options.fill_cache(false);
    let mut open: Option<Fold> = None;
    for row in db.iterator_cf_opt(column(db, VERSIONS)?, options, IteratorMode::Start) {
        let (key, value) = row.map_err(storage)?;
        let (mimei, number) = read_version_key(&key).ok_or_else(unreadable)?;
        let mut fold = match open.take() {
            Some(fold) if fold.mimei == mimei => fold,
            before => {
                before.map_or(Ok(()), Fold::end)?;
                Fold::begin(db, histories, mimei)?
            }
        };
        fold.take(histories, number, &value)?;
        open = Some(fold);
    }
    open.map_or(Ok(()), Fold::end)
}

/// A MiMei's versions as far as they came.
struct Fold {
    mimei: MimeiId,
    /// Up to the newest one that came.
    history: Hash,
    /// How many came.
    count: u64,
    /// What the state says of the newest one.
    stated: (u64, Hash),
}

impl Fold {
    fn begin(db: &DB, histories: &Histories, mimei: MimeiId) -> Result<Self, SnapshotError> {
        let record = db.get_pinned_cf(column(db, RECORDS)?, (histories.key)(&mimei)).map_err(storage)?;
        let stated = record.and_then(|record| (histories.stated)(&record)).ok_or(SnapshotError::Versions(mimei))?;
        Ok(Self { mimei, history: Hash::ZERO, count: 0, stated })
    }

    fn take(&mut self, histories: &Histories, number: u64, bytes: &[u8]) -> Result<(), SnapshotError> {
        let follows = number == self.count && number <= self.stated.0;
        let after = follows.then(|| (histories.after)(&self.history, number, bytes)).flatten();
        self.history = after.ok_or(SnapshotError::Versions(self.mimei))?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn end(self) -> Result<(), SnapshotError> {
        let is_whole = self.count.checked_sub(1) == Some(self.stated.0) && self.history == self.stated.1;
        if is_whole { Ok(()) } else { Err(SnapshotError::Versions(self.mimei)) }
    }
}

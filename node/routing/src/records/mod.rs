//! What the DHT is told and what this node provides, on RocksDB (ROUTE-7, ROUTE-8). Expiry is by wall clock, so that it outlasts a restart.
//!
//! The swarm's task only looks up providers here; whatever writes runs on threads that may wait.

mod columns;
mod kad;
mod own;
mod rows;
#[cfg(test)]
mod tests;

pub(crate) use own::Outcome;
pub(crate) use rows::{Place, place};

use crate::error::RecordsError;
use crate::{ADDRESSES_MAX, Key};
use columns::{ANNOUNCED, COUNTS, EXPIRY, FORMAT, META, PROVIDERS, TOTALS, column};
use libp2p::{Multiaddr, PeerId};
use parity_scale_codec::Encode;
use rocksdb::{DB, Direction, IteratorMode, WriteBatch, WriteOptions};
use rows::{Row, at_time, of_key, of_provider, provider_in, read, time_of};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was announced holds for so long (ROUTE-7).
pub const PROVIDER_TTL_MS: u64 = 48 * 3_600_000;
/// Rows of others.
pub const ROWS_MAX: u64 = 1_000_000;
/// Rows of one provider, where nobody else has any.
pub const ROWS_A_PROVIDER_MAX: u64 = 250_000;
/// Providers of one key.
pub const PROVIDERS_A_KEY_MAX: usize = 20;
/// Rows that are looked at for one key: those that have expired are there until the next purge.
const SCANNED_MAX: usize = 64;
/// Rows that one purge takes out.
pub const PURGED_MAX: usize = 2_048;

/// The layout that this program writes.
const FORMAT_VERSION: u32 = 1;

type Result<T> = std::result::Result<T, RecordsError>;

/// The database. A clone is another handle to the same one.
#[derive(Clone)]
pub(crate) struct Records {
    inner: Arc<Inner>,
}

struct Inner {
    db: DB,
    local: PeerId,
    clock: fn() -> u64,
    bounds: Bounds,
    /// Held by whoever writes.
    turn: Mutex<Turn>,
}

/// How much is kept; tests take less.
#[derive(Clone, Copy)]
struct Bounds {
    rows: u64,
    rows_a_provider: u64,
    own: u64,
}

impl Bounds {
    /// Rows that a provider may have where others have so many: fewer by the square of what those leave, so that a few names do not fill the
    /// store. Nobody may have the last of them.
    fn share(&self, others: u64) -> u64 {
        let (left, all) = (u128::from(self.rows.saturating_sub(others)), u128::from(self.rows));
        let share = u128::from(self.rows_a_provider).saturating_mul(left).saturating_mul(left);
        share.checked_div(all.saturating_mul(all)).and_then(|share| u64::try_from(share).ok()).unwrap_or_default()
    }
}

const BOUNDS: Bounds = Bounds { rows: ROWS_MAX, rows_a_provider: ROWS_A_PROVIDER_MAX, own: own::OWN_MAX };

/// What a writer needs to know, as it is in the database.
#[derive(Clone, Copy, Default)]
struct Turn {
    rows: u64,
    own: u64,
    /// Keys of our own that were announced at least once.
    announced: u64,
}

impl Records {
    /// Opens the database, or makes it.
    pub fn open(dir: &Path, local: PeerId, clock: fn() -> u64) -> Result<Self> {
        Self::open_within(dir, local, clock, BOUNDS)
    }

    fn open_within(dir: &Path, local: PeerId, clock: fn() -> u64, bounds: Bounds) -> Result<Self> {
        let disk = |error: std::io::Error| RecordsError::Disk(format!("{}: {error}", dir.display()));
        std::fs::create_dir_all(dir).map_err(disk)?;
        let is_there = dir.join("CURRENT").exists();
        if is_there {
            check_columns(dir)?;
        } else if std::fs::read_dir(dir).map_err(disk)?.flatten().any(|file| is_a_database_s(&file.path())) {
            // RocksDB would begin anew, and delete the rest.
            return Err(RecordsError::Damaged("its file CURRENT is missing".into()));
        }
        let db = DB::open_cf_descriptors(&columns::options()?, dir, columns::descriptors())
            .map_err(|error| if is_locked(&error, dir) { RecordsError::Busy(dir.display().to_string()) } else { error.into() })?;
        check_format(&db, is_there)?;
        let turn = match db.get_cf(column(&db, META)?, TOTALS)? {
            None => Turn::default(),
            Some(bytes) => {
                let (rows, own) = read(&bytes, "totals")?;
                let announced = match db.get_cf(column(&db, META)?, ANNOUNCED)? {
                    Some(bytes) => read(&bytes, "totals")?,
                    None => Self::count_announced(&db)?,
                };
                Turn { rows, own, announced }
            }
        };
        tracing::info!(rows = turn.rows, provided = turn.own, "database of DHT records open");
        Ok(Self { inner: Arc::new(Inner { db, local, clock, bounds, turn: Mutex::new(turn) }) })
    }

    fn now(&self) -> u64 {
        (self.inner.clock)()
    }

    fn db(&self) -> &DB {
        &self.inner.db
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.inner.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes, with the totals that will then hold.
    fn write(&self, mut batch: WriteBatch, turn: &mut Turn, after: Turn, sync: bool) -> Result<()> {
        batch.put_cf(column(self.db(), META)?, TOTALS, (after.rows, after.own).encode());
        batch.put_cf(column(self.db(), META)?, ANNOUNCED, after.announced.encode());
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.db().write_opt(batch, &options)?;
        *turn = after;
        Ok(())
    }

    /// What others provide: who, and where they said they are reached.
    pub fn others(&self, key: &Key) -> Result<Vec<(PeerId, Vec<Multiaddr>)>> {
        let now = self.now();
        let mut found = Vec::new();
        self.each_of(key, |name, row| {
            if row.expires > now
                && let Some(peer) = provider_in(name).and_then(|bytes| PeerId::from_bytes(bytes).ok())
            {
                let addresses = row.addresses.into_iter().filter_map(|bytes| Multiaddr::try_from(bytes).ok());
                found.push((peer, addresses.take(ADDRESSES_MAX).collect()));
            }
        })?;
        found.truncate(PROVIDERS_A_KEY_MAX);
        Ok(found)
    }

    fn each_of(&self, key: &Key, mut each: impl FnMut(&[u8], Row)) -> Result<()> {
        let prefix = of_key(key);
        let rows = self.db().iterator_cf(column(self.db(), PROVIDERS)?, IteratorMode::From(&prefix, Direction::Forward));
        for row in rows.take(SCANNED_MAX) {
            let (name, value) = row?;
            if !name.starts_with(&prefix) {
                break;
            }
            each(&name, read(&value, PROVIDERS)?);
        }
        Ok(())
    }

    /// Whether it is kept that this peer provides this key.
    pub fn holds(&self, key: &Key, provider: &PeerId) -> Result<bool> {
        let row = self.db().get_cf(column(self.db(), PROVIDERS)?, of_provider(key, &provider.to_bytes()))?;
        let Some(row) = row else { return Ok(false) };
        Ok(read::<Row>(&row, PROVIDERS)?.expires > self.now())
    }

    fn count_of(&self, provider: &[u8]) -> Result<u64> {
        let count = self.db().get_cf(column(self.db(), COUNTS)?, provider)?;
        count.map_or(Ok(0), |bytes| read(&bytes, COUNTS))
    }

    /// ROUTE-7: a peer says that it provides keys. Says for each whether that is kept: not where the bounds are reached, and then what is
    /// older stays.
    pub fn add(&self, provider: &PeerId, keys: &[Key], addresses: &[Multiaddr]) -> Result<Vec<bool>> {
        if *provider == self.inner.local {
            return Ok(vec![false; keys.len()]);
        }
        let db = self.db();
        let (rows, expiry) = (column(db, PROVIDERS)?, column(db, EXPIRY)?);
        let (now, peer) = (self.now(), provider.to_bytes());
        let addresses = addresses.iter().take(ADDRESSES_MAX).map(Multiaddr::to_vec).collect();
        let value = Row { expires: now.saturating_add(PROVIDER_TTL_MS), addresses };
        let (mut turn, mut batch, mut kept) = (self.turn(), WriteBatch::default(), HashMap::new());
        let (mut after, mut count) = (*turn, self.count_of(&peer)?);
        for key in keys {
            if kept.contains_key(key) {
                continue;
            }
            let name = of_provider(key, &peer);
            let fits = match db.get_cf(rows, &name)? {
                Some(old) => {
                    batch.delete_cf(expiry, at_time(read::<Row>(&old, PROVIDERS)?.expires, &name));
                    true
                }
                None => {
                    let mut others = 0_usize;
                    self.each_of(key, |_, row| others = others.saturating_add(usize::from(row.expires > now)))?;
                    let room = count < self.inner.bounds.share(after.rows.saturating_sub(count));
                    let fits = key.is_fit() && room && others < PROVIDERS_A_KEY_MAX;
                    after.rows = after.rows.saturating_add(u64::from(fits));
                    count = count.saturating_add(u64::from(fits));
                    fits
                }
            };
            if fits {
                batch.put_cf(expiry, at_time(value.expires, &name), b"");
                batch.put_cf(rows, &name, value.encode());
            }
            kept.insert(key, fits);
        }
        batch.put_cf(column(db, COUNTS)?, &peer, count.encode());
        self.write(batch, &mut turn, after, false)?;
        Ok(keys.iter().map(|key| kept.get(key).copied().unwrap_or_default()).collect())
    }

    /// Takes out rows that have expired, some at a time; says how many.
    pub fn purge(&self) -> Result<usize> {
        let (db, now) = (self.db(), self.now());
        let (rows, expiry, counts) = (column(db, PROVIDERS)?, column(db, EXPIRY)?, column(db, COUNTS)?);
        let (mut turn, mut batch) = (self.turn(), WriteBatch::default());
        let (mut after, mut gone, mut purged) = (*turn, BTreeMap::<Vec<u8>, u64>::new(), 0_usize);
        for row in db.iterator_cf(expiry, IteratorMode::Start).take(PURGED_MAX) {
            let (name, _) = row?;
            let (time, row) = time_of(&name).ok_or_else(|| RecordsError::Damaged("a row of expiry".into()))?;
            if time > now {
                break;
            }
            batch.delete_cf(expiry, &name);
            batch.delete_cf(rows, row);
            after.rows = after.rows.saturating_sub(1);
            purged = purged.saturating_add(1);
            if let Some(provider) = provider_in(row) {
                let count = gone.entry(provider.to_vec()).or_default();
                *count = count.saturating_add(1);
            }
        }
        for (provider, count) in gone {
            match self.count_of(&provider)?.saturating_sub(count) {
                0 => batch.delete_cf(counts, &provider),
                left => batch.put_cf(counts, &provider, left.encode()),
            }
        }
        if purged > 0 {
            self.write(batch, &mut turn, after, false)?;
        }
        Ok(purged)
    }
}

fn is_locked(error: &rocksdb::Error, dir: &Path) -> bool {
    let said = error.to_string().replace(&*dir.to_string_lossy(), "");
    ["While lock file", "lock hold by", "Resource temporarily unavailable"]
        .iter()
        .any(|words| said.contains(words))
}

/// Whether RocksDB would have written such a file.
fn is_a_database_s(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("MANIFEST-") || name.ends_with(".sst") || name.ends_with(".log")
}

fn check_columns(dir: &Path) -> Result<()> {
    let found = DB::list_cf(&columns::options()?, dir)?;
    if let Some(unknown) = found.iter().find(|name| !columns::ALL.contains(&name.as_str())) {
        return Err(RecordsError::Newer(format!("it has a column family `{unknown}`")));
    }
    match columns::ALL.iter().find(|name| !found.iter().any(|found| found == *name)) {
        Some(missing) => Err(RecordsError::Damaged(format!("the column family {missing} is missing"))),
        None => Ok(()),
    }
}

fn check_format(db: &DB, is_there: bool) -> Result<()> {
    let meta = column(db, META)?;
    match db.get_cf(meta, FORMAT)? {
        Some(bytes) => match read::<u32>(&bytes, "the format")? {
            FORMAT_VERSION => Ok(()),
            newer if newer > FORMAT_VERSION => {
                Err(RecordsError::Newer(format!("format {newer}, this one knows {FORMAT_VERSION}")))
            }
            other => Err(RecordsError::Damaged(format!("format {other}"))),
        },
        // Made by a process that ended before it had written anything.
        None if !is_there || db.iterator_cf(column(db, PROVIDERS)?, IteratorMode::Start).next().is_none() => {
            let mut options = WriteOptions::default();
            options.set_sync(true);
            Ok(db.put_cf_opt(meta, FORMAT, FORMAT_VERSION.encode(), &options)?)
        }
        None => Err(RecordsError::Damaged("it does not say its format".into())),
    }
}

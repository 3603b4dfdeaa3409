//! One write: all rows that change with it, in one batch, under the writers' lock.

use super::columns::{BLOCKS, COUNTS, HOLDS, META, ROOTS, SESSION, TOTAL, TRASH, column};
use super::rows::{Form, Kept, Key, Need, Root, Row, TIMED, numbered, timed};
use super::{Inner, Turn, targets};
use crate::config::{LOGGED_BYTES_MAX, PIN_BYTES_MAX};
use crate::error::{Result, StorageError, damaged};
use cid::Cid;
use leither_failpoints::hit;
use rocksdb::{FlushOptions, WriteBatch, WriteOptions};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::MutexGuard;

/// About what the rows of a block take.
const ROWS_BYTES: u64 = 256;

/// How a write goes to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Whenever: it may be gone after a crash, with all that came after it.
    Bulk,
    /// As `Bulk`, for small writes that others should not have to wait for.
    Lazy,
    /// On disk, with all that came before, once it returns.
    Durable,
}

/// A row as the database has it, and as it will be.
#[derive(Clone, Copy)]
struct Slot {
    before: Option<Row>,
    now: Option<Row>,
}

/// A hold as the database has it, and as it will be.
#[derive(Clone, Copy)]
struct Hold {
    before: bool,
    now: bool,
}

pub(crate) struct Tx<'a> {
    inner: &'a Inner,
    turn: MutexGuard<'a, Turn>,
    batch: WriteBatch,
    rows: HashMap<Key, Slot>,
    holds: HashMap<(u64, Key), Hold>,
    roots: HashMap<Vec<u8>, Option<Kept>>,
    blocks: u64,
    bytes: u64,
    /// STORAGE-13: what the disk has left for it; asked for at the first block that it brings.
    room: Option<u64>,
}

impl<'a> Tx<'a> {
    pub fn begin(inner: &'a Inner) -> Result<Self> {
        let turn = inner.turn()?;
        Ok(Self {
            inner,
            batch: WriteBatch::default(),
            rows: HashMap::new(),
            holds: HashMap::new(),
            roots: HashMap::new(),
            blocks: turn.blocks,
            bytes: turn.bytes,
            room: None,
            turn,
        })
    }

    /// Room for what is known to come.
    pub fn reserve(&mut self, bytes: usize) {
        self.batch = WriteBatch::with_capacity_bytes(bytes);
    }

    /// How many counts it has looked at.
    pub fn changes(&self) -> usize {
        self.rows.len()
    }

    pub fn turn(&mut self) -> &mut Turn {
        &mut self.turn
    }

    fn slot(&mut self, key: &Key) -> Result<&mut Slot> {
        match self.rows.entry(*key) {
            Entry::Occupied(slot) => Ok(slot.into_mut()),
            Entry::Vacant(slot) => {
                let before = self.inner.row(key)?;
                Ok(slot.insert(Slot { before, now: before }))
            }
        }
    }

    /// What is known of a block, with what this write changes.
    pub fn row(&mut self, key: &Key) -> Result<Option<Row>> {
        Ok(self.slot(key)?.now)
    }

    /// STORAGE-1, STORAGE-2, STORAGE-4, STORAGE-13: takes a block in, if it is not here, and counts what it links to. True where it is new.
    pub fn insert(&mut self, key: &Key, form: Form, bytes: &[u8], children: &[Need]) -> Result<bool> {
        match self.row(key)? {
            Some(row) if row.form == form || form == Form::Plain => return Ok(false),
            // It came as mere bytes before; now its links count, too.
            Some(row) if row.form == Form::Plain => {
                self.count(children)?;
                self.slot(key)?.now = Some(Row { form, ..row });
                return Ok(false);
            }
            Some(_) => return Err(StorageError::OtherCodec(key.cid(form))),
            None => {}
        }
        let more = bytes.len() as u64;
        let after = self.bytes.saturating_add(more);
        let quota = self.inner.quota();
        if after > quota {
            return Err(StorageError::Quota { quota, used: self.bytes, more });
        }
        let left = match self.room {
            Some(left) => left,
            None => self.inner.left()?,
        };
        let taken = more.saturating_add(ROWS_BYTES);
        self.room = Some(left.checked_sub(taken).ok_or(StorageError::Full { left, more: taken })?);
        self.count(children)?;
        self.batch.put_cf(column(&self.inner.db, BLOCKS)?, key, bytes);
        self.bytes = after;
        self.blocks = self.blocks.saturating_add(1);
        let size = u32::try_from(bytes.len()).map_err(|_| StorageError::TooMuch("a block is longer than 4 GiB"))?;
        self.slot(key)?.now = Some(Row { count: 0, size, form, due: 0 });
        Ok(true)
    }

    fn count(&mut self, children: &[Need]) -> Result<()> {
        children.iter().try_for_each(|child| self.need(child))
    }

    /// STORAGE-2: as [`Self::reference`], of a block that must be whole in this form.
    fn need(&mut self, (key, form): &Need) -> Result<()> {
        match self.row(key)? {
            Some(row) if row.form.serves(*form) => self.reference(key),
            _ => Err(StorageError::Missing(key.cid(*form))),
        }
    }

    /// STORAGE-1: one more needs this block. It leaves the trash with that.
    pub fn reference(&mut self, key: &Key) -> Result<()> {
        let slot = self.slot(key)?;
        let Some(row) = slot.now.as_mut() else { return Err(StorageError::Missing(key.cid(Form::Plain))) };
        row.count = row.count.checked_add(1).ok_or_else(|| damaged("a block is referred to 2^64 times"))?;
        // Its day, if it has one, goes on: an add that is given up must not shorten it.
        row.due = if row.due < TIMED { 0 } else { row.due };
        Ok(())
    }

    /// One less; the last one sends it to the trash, from where it may go at `due` (0: at once), or at a later time that was said before.
    pub fn unreference(&mut self, key: &Key, due: u64) -> Result<()> {
        let at_once = self.turn.next_dead;
        let slot = self.slot(key)?;
        let row = slot.now.as_mut().ok_or_else(|| damaged("a block that is referred to is not here"))?;
        row.count = row.count.checked_sub(1).ok_or_else(|| damaged("a block is released more often than it was referred to"))?;
        if due > 0 {
            row.due = row.due.max(timed(due));
        }
        if row.count == 0 && row.due == 0 {
            row.due = at_once;
            self.turn.next_dead = at_once.saturating_add(1);
        }
        Ok(())
    }

    /// Takes a block out whose count is 0, and releases what it links to.
    pub fn remove(&mut self, key: &Key) -> Result<()> {
        let row = self.row(key)?.filter(|row| row.count == 0).ok_or_else(|| damaged("the trash names a block that is in use"))?;
        let children = match row.form {
            Form::Plain => Vec::new(),
            form => {
                let bytes = self.inner.block(key)?.ok_or_else(|| damaged("a block that is counted is not here"))?;
                super::children(&key.cid(form), &bytes)?
            }
        };
        for (child, _) in &children {
            self.unreference(child, 0)?;
        }
        self.batch.delete_cf(column(&self.inner.db, BLOCKS)?, key);
        self.slot(key)?.now = None;
        self.bytes = self.bytes.saturating_sub(u64::from(row.size));
        self.blocks = self.blocks.saturating_sub(1);
        Ok(())
    }

    fn hold_slot(&mut self, session: u64, key: &Key) -> Result<&mut Hold> {
        // A block that this write brings cannot be held by an earlier one.
        let is_new = self.slot(key)?.before.is_none();
        match self.holds.entry((session, *key)) {
            Entry::Occupied(hold) => Ok(hold.into_mut()),
            Entry::Vacant(hold) => {
                let db = &self.inner.db;
                let before = !is_new && db.get_pinned_cf(column(db, HOLDS)?, numbered(session, key))?.is_some();
                Ok(hold.insert(Hold { before, now: before }))
            }
        }
    }

    /// The session needs this block.
    pub fn hold(&mut self, session: u64, key: &Key) -> Result<()> {
        let hold = self.hold_slot(session, key)?;
        if !std::mem::replace(&mut hold.now, true) {
            self.reference(key)?;
        }
        Ok(())
    }

    /// It does not, or something else takes care of the block.
    pub fn let_go(&mut self, session: u64, key: &Key) -> Result<()> {
        self.let_go_until(session, key, 0)
    }

    /// The same; the block may go at `due`, if nobody else needs it.
    pub fn let_go_until(&mut self, session: u64, key: &Key, due: u64) -> Result<()> {
        let hold = self.hold_slot(session, key)?;
        if std::mem::replace(&mut hold.now, false) {
            self.unreference(key, due)?;
        }
        Ok(())
    }

    /// The number of a new session, which no other gets, even if this write fails.
    pub fn new_session(&mut self) -> u64 {
        let session = self.turn.next_session;
        self.turn.next_session = session.saturating_add(1);
        session
    }

    pub fn root(&self, root: &Root) -> Result<Option<Kept>> {
        let key = root.key();
        match self.roots.get(&key) {
            Some(kept) => Ok(*kept),
            None => self.inner.root(root),
        }
    }

    /// STORAGE-1: sets what a root names, or takes it away. What it named before is released and may go at `due`.
    pub fn set_root(&mut self, root: &Root, kept: Option<Kept>, due: u64) -> Result<()> {
        if let Root::Pin(name) = root
            && !(1..=PIN_BYTES_MAX).contains(&name.len())
        {
            return Err(StorageError::TooMuch("the name of a pin has 1 to 255 bytes"));
        }
        let former = self.root(root)?;
        let keys = |kept: Option<Kept>| kept.map_or(Ok(Vec::new()), |kept| targets(&kept.cid));
        // First the new one: what both share must not pass through the trash.
        for need in keys(kept)? {
            self.need(&need)?;
        }
        for (key, _) in keys(former)? {
            self.unreference(&key, due)?;
        }
        self.roots.insert(root.key(), kept);
        Ok(())
    }

    /// What a root needs must be here.
    pub fn require(&mut self, cid: &Cid) -> Result<()> {
        for (key, form) in targets(cid)? {
            if !self.row(&key)?.is_some_and(|row| row.form.serves(form)) {
                return Err(StorageError::NoBlock(*cid));
            }
        }
        Ok(())
    }

    /// Writes all of it, or nothing.
    pub fn apply(mut self, how: How) -> Result<()> {
        let db = &self.inner.db;
        let (counts, trash, holds) = (column(db, COUNTS)?, column(db, TRASH)?, column(db, HOLDS)?);
        let trashed = |row: Option<Row>| row.filter(|row| row.count == 0).map(|row| row.due);
        for (key, Slot { before, now }) in &self.rows {
            if before == now {
                continue;
            }
            match now {
                Some(row) => self.batch.put_cf(counts, key, row.write()),
                None => self.batch.delete_cf(counts, key),
            }
            let (was, is) = (trashed(*before), trashed(*now));
            if was != is {
                was.into_iter().for_each(|due| self.batch.delete_cf(trash, numbered(due, key)));
                is.into_iter().for_each(|due| self.batch.put_cf(trash, numbered(due, key), []));
            }
        }
        for ((session, key), hold) in &self.holds {
            match (hold.before, hold.now) {
                (false, true) => self.batch.put_cf(holds, numbered(*session, key), []),
                (true, false) => self.batch.delete_cf(holds, numbered(*session, key)),
                _ => {}
            }
        }
        let roots = column(db, ROOTS)?;
        for (key, kept) in &self.roots {
            match kept {
                Some(kept) => self.batch.put_cf(roots, key, kept.write()),
                None => self.batch.delete_cf(roots, key),
            }
        }
        let meta = column(db, META)?;
        if (self.blocks, self.bytes) != (self.turn.blocks, self.turn.bytes) {
            self.batch.put_cf(meta, TOTAL, [self.blocks.to_be_bytes(), self.bytes.to_be_bytes()].concat());
        }
        let next_session = self.turn.next_session;
        if next_session != self.turn.saved_session {
            self.batch.put_cf(meta, SESSION, next_session.to_be_bytes());
        }
        if self.batch.is_empty() {
            return Ok(());
        }
        // STORAGE-7: the log never has a write whose predecessors it lacks: what follows an unlogged write is unlogged, until all is flushed.
        let unlogged = self.turn.unlogged || how == How::Bulk || self.batch.size_in_bytes() > LOGGED_BYTES_MAX;
        let mut options = WriteOptions::default();
        options.disable_wal(unlogged);
        options.set_sync(how == How::Durable && !unlogged);
        hit("content/write/before");
        db.write_opt(self.batch, &options)?;
        hit("content/write/written");
        self.turn.blocks = self.blocks;
        self.turn.bytes = self.bytes;
        self.turn.saved_session = next_session;
        self.turn.unlogged = unlogged;
        if unlogged && how == How::Durable {
            self.inner.flush()?;
            self.turn.unlogged = false;
            hit("content/write/flushed");
        }
        Ok(())
    }
}

impl Inner {
    /// All column families to disk, as of one moment.
    pub(super) fn flush(&self) -> Result<()> {
        let columns = super::columns::ALL.iter().map(|name| column(&self.db, name)).collect::<Result<Vec<_>>>()?;
        let mut options = FlushOptions::default();
        options.set_wait(true);
        Ok(self.db.flush_cfs_opt(&columns, &options)?)
    }
}

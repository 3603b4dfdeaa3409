//! What nobody needs any more goes, a few rows at a time.

use super::columns::{HOLDS, TRASH, column};
use super::rows::{Key, TIMED, read_numbered, timed};
use super::tx::{How, Tx};
use super::{ContentStore, Inner};
use crate::config::{STEP_COUNTS_MAX, STEP_ROWS_MAX};
use crate::error::Result;
use leither_failpoints::hit;
use rocksdb::{Direction, IteratorMode};
use std::collections::BTreeSet;

/// What a purge took out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Blocks.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// There is more to take out: call again.
    pub more: bool,
}

impl ContentStore {
    /// STORAGE-3: takes out at most `most` blocks whose time has come. A block that goes releases what it links to, which follows at once if
    /// nobody else needs it: a tree of any size goes in steps of bounded length, and a crash between two of them loses nothing.
    pub fn purge(&self, now: u64, most: usize) -> Result<Purged> {
        self.clear_holds(most)?;
        let mut purged = Purged::default();
        let mut left = most;
        while left > 0 {
            let step = left.min(STEP_ROWS_MAX);
            let mut tx = Tx::begin(&self.inner)?;
            // Read under the lock, so that nobody takes a block back that is on its way out.
            let (from, behind) = (tx.turn().dead_from, tx.turn().next_dead);
            let due = self.inner.due(from, now, step)?;
            let mut last = None;
            let mut taken = 0;
            for (place, key) in &due {
                if tx.changes() > STEP_COUNTS_MAX {
                    break;
                }
                (last, taken) = (Some(*place), taken + 1);
                let size = tx.row(key)?.map_or(0, |row| u64::from(row.size));
                tx.remove(key)?;
                purged.blocks = purged.blocks.saturating_add(1);
                purged.bytes = purged.bytes.saturating_add(size);
            }
            let Some(last) = last else { break };
            tx.apply(How::Lazy)?;
            hit("content/purge/step");
            // So that the next step need not pass over all that is gone.
            let mut turn = self.inner.turn()?;
            let gone = if last < TIMED { last.saturating_add(1) } else { behind };
            turn.dead_from = turn.dead_from.max(gone);
            drop(turn);
            left = left.saturating_sub(taken);
        }
        let turn = self.inner.turn()?;
        purged.more = !turn.ended.is_empty() || !self.inner.due(turn.dead_from, now, 1)?.is_empty();
        drop(turn);
        Ok(purged)
    }

    /// Takes out what may go at once: what adds left behind that did not end, and what writes superseded.
    pub fn sweep(&self) -> Result<()> {
        while self.purge(0, STEP_ROWS_MAX)?.more {}
        Ok(())
    }
}

impl Inner {
    /// Blocks of the trash whose time has come, with their places in it.
    fn due(&self, from: u64, now: u64, most: usize) -> Result<Vec<(u64, Key)>> {
        let mut keys = Vec::new();
        let start = from.to_be_bytes();
        for row in self.db.iterator_cf(column(&self.db, TRASH)?, IteratorMode::From(&start, Direction::Forward)).take(most) {
            let (place, key) = read_numbered(&row?.0)?;
            if place > timed(now) {
                break;
            }
            keys.push((place, key));
        }
        Ok(keys)
    }

    /// The place in the trash behind all that may go at once.
    pub(super) fn next_dead(&self) -> Result<u64> {
        let start = TIMED.to_be_bytes();
        let last = self.db.iterator_cf(column(&self.db, TRASH)?, IteratorMode::From(&start, Direction::Reverse)).next();
        Ok(last
            .transpose()?
            .map(|(key, _)| read_numbered(&key))
            .transpose()?
            .map_or(0, |(place, _)| place.saturating_add(1)))
    }

    /// What a session holds, by the database.
    pub(super) fn holds_of(&self, session: u64, most: usize) -> Result<Vec<Key>> {
        let mut found = Vec::new();
        let start = session.to_be_bytes();
        for row in self.db.iterator_cf(column(&self.db, HOLDS)?, IteratorMode::From(&start, Direction::Forward)).take(most) {
            let (of, key) = read_numbered(&row?.0)?;
            if of != session {
                break;
            }
            found.push(key);
        }
        Ok(found)
    }

    /// The sessions that hold something, by the database.
    pub(super) fn sessions(&self) -> Result<BTreeSet<u64>> {
        let mut found = BTreeSet::new();
        let mut start = 0u64;
        loop {
            let first = start.to_be_bytes();
            let next = self.db.iterator_cf(column(&self.db, HOLDS)?, IteratorMode::From(&first, Direction::Forward)).next();
            let Some((key, _)) = next.transpose()? else { return Ok(found) };
            let (session, _) = read_numbered(&key)?;
            found.insert(session);
            start = session.saturating_add(1);
        }
    }
}

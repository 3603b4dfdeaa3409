//! What this node provides, by the place of its keys, and when each is to be announced (ROUTE-8).

use super::columns::{DUE, OWN, column};
use super::rows::{Own, at_time, key_in, of_own, peers_in, read, time_of};
use super::{Place, Records, Result};
use crate::error::RecordsError;
use crate::provide::plan;
use crate::{Key, ProvideStat, ProvideStatus};
use libp2p::PeerId;
use parity_scale_codec::Encode;
use rocksdb::{DB, Direction, IteratorMode, WriteBatch};

/// Keys that this node provides at most.
pub const OWN_MAX: u64 = 1_000_000;
/// Keys in one batch.
const BATCH: usize = 1_024;
/// Rows that one search for due keys looks at.
const SCANNED_MAX: usize = 65_536;
/// A region of this depth or deeper is read by place, a wider one by what is due first.
const NARROW_BITS: u32 = 6;

/// What came of announcing a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Somebody was told; these say that they keep it.
    Announced(Vec<PeerId>),
    /// Nobody keeps it.
    Failed(String),
}

impl Records {
    /// Whether this node provides the key.
    pub fn is_own(&self, key: &Key) -> Result<bool> {
        Ok(self.own(key)?.is_some_and(|own| !own.is_over(self.now())))
    }

    fn own(&self, key: &Key) -> Result<Option<Own>> {
        let row = self.db().get_cf(column(self.db(), OWN)?, of_own(key))?;
        row.map(|row| read(&row, OWN)).transpose()
    }

    /// Replaces a row, and what says when it is due.
    fn put_own(&self, batch: &mut WriteBatch, key: &Key, old: Option<&Own>, new: Option<&Own>) -> Result<()> {
        let (own, due, name) = (column(self.db(), OWN)?, column(self.db(), DUE)?, of_own(key));
        if let Some(old) = old {
            batch.delete_cf(due, at_time(old.due, &name));
        }
        match new {
            Some(new) => {
                batch.put_cf(due, at_time(new.due, &name), b"");
                batch.put_cf(own, &name, new.encode());
            }
            None => batch.delete_cf(own, &name),
        }
        Ok(())
    }

    /// ROUTE-8: these are provided from now on, until then or until they are withdrawn, whichever was said to last longer. Those that are new
    /// are due at `due`.
    pub fn provide(&self, keys: &[Key], until: Option<u64>, due: u64) -> Result<()> {
        let (mut parts, mut changed) = (keys.chunks(BATCH).peekable(), false);
        while let Some(part) = parts.next() {
            let mut turn = self.turn();
            let (mut batch, mut after, mut seen) = (WriteBatch::default(), *turn, std::collections::HashSet::new());
            for key in part.iter().filter(|key| seen.insert(*key)) {
                let old = self.own(key)?;
                let new = match &old {
                    Some(old) => Own { until: old.until.zip(until).map(|(one, other)| one.max(other)), ..old.clone() },
                    None => Own { until, due, ..Own::default() },
                };
                if old.as_ref() == Some(&new) {
                    continue;
                }
                if old.is_none() {
                    after.own = after.own.saturating_add(1);
                }
                if after.own > self.inner.bounds.own {
                    return Err(RecordsError::Full(self.inner.bounds.own));
                }
                self.put_own(&mut batch, key, old.as_ref(), Some(&new))?;
            }
            changed |= !batch.is_empty();
            if changed {
                // One that is synced brings those before it to disk.
                self.write(batch, &mut turn, after, parts.peek().is_none())?;
            }
        }
        Ok(())
    }

    /// A key that is due before then is due then: somebody announces it meanwhile.
    pub fn put_off(&self, key: &Key, due: u64) -> Result<()> {
        let (mut turn, mut batch) = (self.turn(), WriteBatch::default());
        let Some(old) = self.own(key)?.filter(|own| own.due < due) else { return Ok(()) };
        self.put_own(&mut batch, key, Some(&old), Some(&Own { due, ..old.clone() }))?;
        let after = *turn;
        self.write(batch, &mut turn, after, false)
    }

    /// These are provided no longer; others forget them when they expire.
    pub fn withdraw(&self, keys: &[Key]) -> Result<()> {
        let mut parts = keys.chunks(BATCH).peekable();
        while let Some(part) = parts.next() {
            self.take_out(part, parts.peek().is_none())?;
        }
        Ok(())
    }

    fn take_out(&self, keys: &[Key], sync: bool) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let (mut turn, mut batch) = (self.turn(), WriteBatch::default());
        let (mut after, mut seen) = (*turn, std::collections::HashSet::new());
        for key in keys.iter().filter(|key| seen.insert(*key)) {
            if let Some(old) = self.own(key)? {
                self.put_own(&mut batch, key, Some(&old), None)?;
                after.own = after.own.saturating_sub(1);
                after.announced = after.announced.saturating_sub(u64::from(old.last_success.is_some()));
            }
        }
        self.write(batch, &mut turn, after, sync)
    }

    /// Keys that this node provides, in the order of their places, behind `after`, `most` of them at most.
    pub fn provided(&self, after: Option<&Key>, most: usize) -> Result<Vec<Key>> {
        let (start, now, mut keys) = (after.map(of_own).unwrap_or_default(), self.now(), Vec::new());
        for row in self.db().iterator_cf(column(self.db(), OWN)?, IteratorMode::From(&start, Direction::Forward)) {
            let (name, value) = row?;
            if *name == *start || read::<Own>(&value, OWN)?.is_over(now) {
                continue;
            }
            if keys.len() >= most {
                break;
            }
            keys.extend(key_in(&name));
        }
        Ok(keys)
    }

    /// Keys that were announced at least once, counted: a database of an earlier program does not say how many there are.
    pub(super) fn count_announced(db: &DB) -> Result<u64> {
        let mut count = 0_u64;
        for row in db.iterator_cf(column(db, OWN)?, IteratorMode::Start) {
            let (_, value) = row?;
            count = count.saturating_add(u64::from(read::<Own>(&value, OWN)?.last_success.is_some()));
        }
        Ok(count)
    }

    /// How the announcing of a key goes.
    pub fn status(&self, key: &Key) -> Result<Option<ProvideStatus>> {
        let own = self.own(key)?.filter(|own| !own.is_over(self.now()));
        Ok(own.map(|own| ProvideStatus {
            last_success_ms: own.last_success,
            next_due_ms: own.due,
            until_ms: own.until,
            confirmed: peers_in(&own.confirmed),
            failure: own.failure,
        }))
    }

    /// How many there are, how many of them were announced, and how many are due, counted up to 65,536.
    pub fn stat(&self) -> Result<ProvideStat> {
        let (turn, now) = (*self.turn(), self.now());
        let mut stat = ProvideStat { keys: turn.own, announced: turn.announced, ..ProvideStat::default() };
        for row in self.db().iterator_cf(column(self.db(), DUE)?, IteratorMode::Start).take(SCANNED_MAX) {
            let (name, _) = row?;
            let Some((time, _)) = time_of(&name).filter(|(time, _)| *time <= now) else { break };
            stat.waiting = stat.waiting.saturating_add(1);
            stat.oldest_due_ms = stat.oldest_due_ms.or(Some(time));
        }
        Ok(stat)
    }

    /// The key that has been due for longest.
    pub fn first_due(&self) -> Result<Option<Key>> {
        let mut first = self.due_by_time(1, |_| true)?;
        Ok(first.pop())
    }

    /// ROUTE-9: keys that are due and whose places have these bits in common, `most` of them at most.
    pub fn due_in(&self, around: &Place, bits: u32, most: usize) -> Result<Vec<Key>> {
        let inside = |name: &[u8]| name.split_first_chunk().is_some_and(|(place, _)| plan::common_bits(place, around) >= bits);
        if bits < NARROW_BITS {
            self.due_by_time(most, inside)
        } else {
            self.due_by_place(&plan::first_of(around, bits), most, inside)
        }
    }

    fn due_by_time(&self, most: usize, inside: impl Fn(&[u8]) -> bool) -> Result<Vec<Key>> {
        let (now, mut keys, mut over) = (self.now(), Vec::new(), Vec::new());
        for row in self.db().iterator_cf(column(self.db(), DUE)?, IteratorMode::Start).take(SCANNED_MAX) {
            let (name, _) = row?;
            let Some((time, name)) = time_of(&name) else { continue };
            if time > now || keys.len() >= most {
                break;
            }
            self.sort_out(name, now, &inside, &mut keys, &mut over)?;
        }
        self.take_out(&over, false)?;
        Ok(keys)
    }

    fn due_by_place(&self, first: &Place, most: usize, inside: impl Fn(&[u8]) -> bool) -> Result<Vec<Key>> {
        let (now, mut keys, mut over) = (self.now(), Vec::new(), Vec::new());
        let rows = self.db().iterator_cf(column(self.db(), OWN)?, IteratorMode::From(first, Direction::Forward));
        for row in rows.take(SCANNED_MAX) {
            let (name, value) = row?;
            if !inside(&name) || keys.len() >= most {
                break;
            }
            if read::<Own>(&value, OWN)?.due <= now {
                self.sort_out(&name, now, &inside, &mut keys, &mut over)?;
            }
        }
        self.take_out(&over, false)?;
        Ok(keys)
    }

    fn sort_out(
        &self,
        name: &[u8],
        now: u64,
        inside: &impl Fn(&[u8]) -> bool,
        keys: &mut Vec<Key>,
        over: &mut Vec<Key>,
    ) -> Result<()> {
        let Some(key) = key_in(name).filter(|_| inside(name)) else { return Ok(()) };
        match self.own(&key)? {
            Some(own) if !own.is_over(now) => keys.push(key),
            _ if over.len() < BATCH => over.push(key),
            _ => {}
        }
        Ok(())
    }

    /// What came of announcing: when each is due again. What was withdrawn meanwhile stays so.
    pub fn announced(&self, outcomes: impl IntoIterator<Item = (Key, Outcome)>) -> Result<()> {
        let (now, mut turn, mut batch) = (self.now(), self.turn(), WriteBatch::default());
        let mut after = *turn;
        for (key, outcome) in outcomes {
            let Some(old) = self.own(&key)? else { continue };
            let new = match outcome {
                Outcome::Announced(peers) => Own {
                    last_success: Some(now),
                    due: plan::after_success(now),
                    failures: 0,
                    confirmed: peers.iter().map(|peer| peer.to_bytes()).collect(),
                    failure: None,
                    until: old.until,
                },
                Outcome::Failed(why) => Own {
                    due: plan::after_failure(now, old.failures),
                    failures: old.failures.saturating_add(1),
                    failure: Some(why),
                    ..old.clone()
                },
            };
            let is_first = old.last_success.is_none() && new.last_success.is_some();
            after.announced = after.announced.saturating_add(u64::from(is_first));
            self.put_own(&mut batch, &key, Some(&old), Some(&new))?;
        }
        self.write(batch, &mut turn, after, false)
    }
}

//! What this node provides, by the place of its keys, and when each is to be announced (ROUTE-8).

use super::columns::{DUE, OWN, column};
use super::rows::{Own, at_time, key_in, of_own, peers_in, read, time_of};
use super::{Place, Records, Result};
use crate::error::RecordsError;
use crate::provide::plan;
use crate::{Key, ProvideStat, ProvideStatus};
use libp2p::PeerId;
use parity_scale_codec::Encode;
use rocksdb::{Direction, IteratorMode, WriteBatch};

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
        let mut parts = keys.chunks(BATCH).peekable();
        while let Some(part) = parts.next() {
            let mut turn = self.turn();
            let (mut batch, mut after, mut seen) = (WriteBatch::default(), *turn, std::collections::HashSet::new());
            for key in part.iter().filter(|key| seen.insert(*key)) {
                let old = self.own(key)?;
                let new = match &old {
                    Some(old) => Own { until: old.until.zip(until).map(|(one, other)| one.max(other)), ..old.clone() },
                    None => Own { until, due, ..Own::default() },
                };
                if old.is_none() {
                    after.own = after.own.saturating_add(1);
                }
                if after.own > self.inner.bounds.own {
                    return Err(RecordsError::Full(self.inner.bounds.own));
                }
                self.put_own(&mut batch, key, old.as_ref(), Some(&new))?;
            }
            // One that is synced brings those before it to disk.
            self.write(batch, &mut turn, after, parts.peek().is_none())?;
        }
        Ok(())
    }

    /// It is provided no longer; others forget it when it expires.
    pub fn withdraw(&self, key: &Key) -> Result<()> {
        self.take_out(std::slice::from_ref(key), true)
    }

    fn take_out(&self, keys: &[Key], sync: bool) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let (mut turn, mut batch) = (self.turn(), WriteBatch::default());
        let mut after = *turn;
        for key in keys {
            if let Some(old) = self.own(key)? {
                self.put_own(&mut batch, key, Some(&old), None)?;
                after.own = after.own.saturating_sub(1);
            }
        }
        self.write(batch, &mut turn, after, sync)
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

    /// How many there are, and how many are due.
    pub fn stat(&self) -> Result<ProvideStat> {
        let (mut stat, now) = (ProvideStat { keys: self.turn().own, ..ProvideStat::default() }, self.now());
        for row in self.db().iterator_cf(column(self.db(), DUE)?, IteratorMode::Start) {
            let (name, _) = row?;
            if time_of(&name).is_none_or(|(time, _)| time > now) {
                break;
            }
            stat.waiting = stat.waiting.saturating_add(1);
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
    pub fn announced(&self, outcomes: &[(Key, Outcome)]) -> Result<()> {
        let (now, mut turn, mut batch) = (self.now(), self.turn(), WriteBatch::default());
        for (key, outcome) in outcomes {
            let Some(old) = self.own(key)? else { continue };
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
                    failure: Some(why.clone()),
                    ..old.clone()
                },
            };
            self.put_own(&mut batch, key, Some(&old), Some(&new))?;
        }
        let after = *turn;
        self.write(batch, &mut turn, after, false)
    }
}

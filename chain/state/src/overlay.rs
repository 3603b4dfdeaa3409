use crate::{Fault, Holding, Page, Read, WriteSet};
use leither_types::{AccountId, Amount, Hash, TokenId};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

/// A record's key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Rows that are read at once where many are passed.
const PAGE_MAX: usize = 16;

/// Uncommitted writes over a state that stays as it is. Reads see the writes; a mark lets a failed transaction be taken back.
pub struct Overlay {
    parent: Arc<dyn Read>,
    writes: WriteSet,
    journal: Vec<Was>,
}

/// A place in the journal to go back to.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Mark(usize);

/// What stood in the write set before; the outer `None`: nothing did.
enum Was {
    Holding((TokenId, AccountId), Option<Option<Holding>>),
    Record(Vec<u8>, Option<Option<Vec<u8>>>),
}

impl Overlay {
    /// Over `parent`, with nothing written.
    pub fn new(parent: Arc<dyn Read>) -> Self {
        Self { parent, writes: WriteSet::default(), journal: Vec::new() }
    }

    /// What lies below.
    pub fn parent(&self) -> &Arc<dyn Read> {
        &self.parent
    }

    /// Sets or removes a leaf of a balance tree. A vacant holding removes the leaf.
    pub fn put_holding(&mut self, token: TokenId, id: AccountId, holding: Holding) {
        let value = (!holding.is_vacant()).then_some(holding);
        let was = self.writes.holdings.insert((token, id), value);
        self.journal.push(Was::Holding((token, id), was));
    }

    /// Sets or removes a record.
    pub fn put_record(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let was = match self.writes.records.entry(key.clone()) {
            Entry::Vacant(slot) => {
                slot.insert(value);
                None
            }
            Entry::Occupied(mut slot) => Some(slot.insert(value)),
        };
        self.journal.push(Was::Record(key, was));
    }

    /// A place to come back to.
    pub fn mark(&self) -> Mark {
        Mark(self.journal.len())
    }

    /// Takes back all that was written since `mark`.
    pub fn revert(&mut self, mark: Mark) {
        while self.journal.len() > mark.0 {
            match self.journal.pop() {
                Some(Was::Holding(key, Some(value))) => drop(self.writes.holdings.insert(key, value)),
                Some(Was::Holding(key, None)) => drop(self.writes.holdings.remove(&key)),
                Some(Was::Record(key, Some(value))) => drop(self.writes.records.insert(key, value)),
                Some(Was::Record(key, None)) => drop(self.writes.records.remove(&key)),
                None => return,
            }
        }
    }

    /// Nothing written so far will be taken back: forgets how. Bounds the journal to one transaction.
    pub fn settle(&mut self) {
        self.journal.clear();
    }

    /// The writes, to be committed.
    pub fn into_writes(self) -> WriteSet {
        self.writes
    }

    /// The writes so far.
    pub fn writes(&self) -> &WriteSet {
        &self.writes
    }

    /// The state root with the writes so far.
    pub fn root(&self) -> Result<Hash, Fault> {
        self.parent.root_after(&self.writes)
    }

    /// What `id` holds of `token`; nothing held reads as the empty holding.
    pub fn holding(&self, token: &TokenId, id: &AccountId) -> Result<Holding, Fault> {
        match self.writes.holdings.get(&(*token, *id)) {
            Some(value) => Ok(value.unwrap_or_default()),
            None => Ok(self.parent.holding(token, id)?.unwrap_or_default()),
        }
    }

    /// The record of this key.
    pub fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        match self.writes.records.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.parent.record(key),
        }
    }

    /// As [`Read::records`], writes included.
    pub fn records(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, Fault> {
        let from = after.unwrap_or(prefix).to_vec();
        let mut merged: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
        let ours = self.writes.records.range(from..).take_while(|(key, _)| key.starts_with(prefix));
        let ours: Vec<_> = ours.filter(|(key, _)| after.is_none_or(|a| key.as_slice() > a)).collect();
        // As many from below as could be hidden by removals above, so that the page is full where there is enough.
        let hidden = ours.iter().filter(|(_, value)| value.is_none()).count();
        for (key, value) in self.parent.records(prefix, after, limit.saturating_add(hidden))? {
            merged.insert(key, Some(value));
        }
        // A page that stops short of the end below must not list later keys of ours out of order: sort, then cut.
        for (key, value) in ours {
            merged.insert(key.clone(), value.clone());
        }
        Ok(merged.into_iter().filter_map(|(key, value)| Some((key, value?))).take(limit).collect())
    }

    /// The first record from `from` on and before `to`, or the last one, writes included; and how many removed ones were passed on the way,
    /// which is work that somebody has to pay for: beyond `most` of them the search ends without an answer.
    pub fn first(&self, from: &[u8], to: &[u8], backwards: bool, most: u64) -> Result<(Option<Row>, u64), Fault> {
        let mut passed = 0u64;
        if from >= to {
            return Ok((None, passed));
        }
        let mut ours = self.writes.records.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        let mut step = move || if backwards { ours.next_back() } else { ours.next() };
        let comes_before = |ours: &[u8], theirs: &[u8]| if backwards { ours > theirs } else { ours < theirs };
        let mut mine = step();
        let (mut low, mut high, mut limit) = (from.to_vec(), to.to_vec(), 1);
        loop {
            let page = self.parent.range(&low, &high, limit, backwards)?;
            let is_last = page.len() < limit;
            for (key, value) in page {
                while let Some((written, now)) = mine.filter(|(written, _)| *written == &key || comes_before(written, &key)) {
                    if let Some(now) = now {
                        return Ok((Some((written.clone(), now.clone())), passed));
                    }
                    passed = passed.saturating_add(1);
                    mine = step();
                    if *written == key {
                        break;
                    }
                }
                // What stands below is removed above: go on behind it.
                if !self.writes.records.contains_key(&key) {
                    return Ok((Some((key, value)), passed));
                }
                if backwards {
                    high = key;
                } else {
                    low = [&key[..], &[0]].concat();
                }
                if passed > most {
                    return Ok((None, passed));
                }
            }
            if is_last {
                break;
            }
            limit = (limit * 2).min(PAGE_MAX);
        }
        while let Some((key, now)) = mine {
            if let Some(now) = now {
                return Ok((Some((key.clone(), now.clone())), passed));
            }
            passed = passed.saturating_add(1);
            mine = step();
        }
        Ok((None, passed))
    }

    /// As [`Read::supply`], of the parent: supply changes show at the next block.
    pub fn parent_supply(&self, token: &TokenId) -> Result<Amount, Fault> {
        self.parent.supply(token)
    }
}

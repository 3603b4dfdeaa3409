//! The states of the newest blocks: of each block what its writes replaced, in memory, as many as there is room for. Whoever reads one sees the
//! newest state with that put back, and goes on seeing it while blocks come.

use crate::books::Books;
use crate::columns::{RECORDS, column};
use crate::snapshot::rows;
use crate::{Commit, Inner, Store, poisoned, storage};
use leither_state::{Fault, Holding, Page, Read, WriteSet};
use leither_types::{AccountId, Amount, Hash, Height, TokenId};
use std::collections::{BTreeMap, VecDeque};
use std::iter::Peekable;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What a row takes beside its bytes.
const ROW_BYTES: usize = 64;
/// Rows that were not there at the height and are passed by all reads of one past state together.
const PASSED_MAX: u64 = 20_000_000;
/// Rows that are read at once.
const PAGE_MAX: usize = 256;

type Bytes = Arc<[u8]>;
/// Whose, and what it was.
type HoldingBefore = ((TokenId, AccountId), Option<Holding>);

/// What a block's writes replaced.
pub(crate) struct Replaced {
    height: Height,
    holdings: Vec<HoldingBefore>,
    supplies: Vec<(TokenId, Amount)>,
    records: Vec<(Bytes, Option<Bytes>)>,
    bytes: usize,
}

/// Of the newest blocks, without a gap, up to the head.
#[derive(Default)]
pub(crate) struct Shelf {
    bytes_max: usize,
    bytes: usize,
    rows: VecDeque<Arc<Replaced>>,
}

impl Shelf {
    fn trim(&mut self) {
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.rows.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
        }
    }

    /// STORE-25.
    pub fn push(&mut self, replaced: Replaced) {
        self.bytes = self.bytes.saturating_add(replaced.bytes);
        self.rows.push_back(Arc::new(replaced));
        self.trim();
    }

    /// The lowest height whose state can be read.
    fn oldest(&self, head: Height) -> Height {
        self.rows.front().map_or(head, |first| first.height.saturating_sub(1))
    }
}

impl Store {
    /// STORE-25: how much memory the states of the newest blocks may take; 0, as it is at first: none is kept.
    pub fn keep_past(&self, bytes: usize) -> Result<(), Fault> {
        let mut shelf = self.inner.past.lock().map_err(poisoned)?;
        shelf.bytes_max = bytes;
        shelf.trim();
        Ok(())
    }

    /// STORE-25: the state after this height, to be read as long as what blocks replaced since is kept; then it answers [`Fault::Stale`]. Where that
    /// is not kept: the lowest height whose state can be read now.
    pub fn state_at(&self, height: Height) -> Result<Result<Arc<dyn Read>, Height>, Fault> {
        self.inner.check()?;
        let _gate = self.inner.gate.read().map_err(poisoned)?;
        let head = self.inner.books()?.head.height;
        let oldest = self.inner.past.lock().map_err(poisoned)?.oldest(head);
        if height < oldest || height > head {
            return Ok(Err(oldest));
        }
        let seen = Seen { upto: height, ..Seen::default() };
        Ok(Ok(Arc::new(Past { inner: self.inner.clone(), seen: Mutex::new(seen), passed: AtomicU64::new(0) })))
    }
}

impl Inner {
    /// What a commit's writes are about to replace; nothing where no past is kept. The ledger has the writes on trial by now.
    pub(crate) fn about_to_replace(&self, commit: &Commit<'_>) -> Result<Option<Replaced>, Fault> {
        if self.past.lock().map_err(poisoned)?.bytes_max == 0 {
            return Ok(None);
        }
        let (holdings, supplies) = self.books()?.replaced();
        let mut bytes = ROW_BYTES + (size_of::<Holding>() + ROW_BYTES) * holdings.len();
        let mut records = Vec::with_capacity(commit.writes.records.len());
        for key in commit.writes.records.keys() {
            let was = self.db.get_pinned_cf(column(&self.db, RECORDS)?, key).map_err(storage)?.map(|row| Bytes::from(&*row));
            bytes += ROW_BYTES + key.len() + was.as_ref().map_or(0, |was| was.len());
            records.push((Bytes::from(key.as_slice()), was));
        }
        Ok(Some(Replaced { height: commit.block.header.height, holdings, supplies, records, bytes }))
    }
}

/// What was replaced between a height and the newest one that was looked at: where several blocks replaced one thing, what the first one did.
#[derive(Default)]
struct Seen {
    upto: Height,
    holdings: BTreeMap<(TokenId, AccountId), Option<Holding>>,
    supplies: BTreeMap<TokenId, Amount>,
    records: BTreeMap<Bytes, Option<Bytes>>,
}

impl Seen {
    fn take(&mut self, replaced: &Replaced) {
        for (key, was) in &replaced.holdings {
            self.holdings.entry(*key).or_insert(*was);
        }
        for (token, was) in &replaced.supplies {
            self.supplies.entry(*token).or_insert(*was);
        }
        for (key, was) in &replaced.records {
            self.records.entry(key.clone()).or_insert_with(|| was.clone());
        }
        self.upto = replaced.height;
    }
}

/// The state after a height that is not the newest any more.
struct Past {
    inner: Arc<Inner>,
    seen: Mutex<Seen>,
    passed: AtomicU64,
}

impl Past {
    /// One look: head, database and what was replaced are of one height meanwhile.
    fn look<T>(&self, what: impl FnOnce(&Seen) -> Result<T, Fault>) -> Result<T, Fault> {
        self.inner.check()?;
        let _gate = self.inner.gate.read().map_err(poisoned)?;
        let head = self.inner.books()?.head.height;
        let mut seen = self.seen.lock().map_err(poisoned)?;
        if seen.upto < head {
            let shelf = self.inner.past.lock().map_err(poisoned)?;
            if shelf.oldest(head) > seen.upto {
                return Err(Fault::Stale);
            }
            let from = seen.upto;
            shelf.rows.iter().filter(|replaced| replaced.height > from).for_each(|replaced| seen.take(replaced));
        }
        what(&seen)
    }

    /// Work that what came since makes is bounded, whoever caused it.
    fn pass(&self, rows: u64) -> Result<(), Fault> {
        let before = self.passed.fetch_add(rows, Ordering::Relaxed);
        if before > PASSED_MAX { Err(Fault::Stale) } else { Ok(()) }
    }

    fn range_in(&self, seen: &Seen, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Page, Fault> {
        if from >= to {
            return Ok(Page::new());
        }
        let former = seen.records.range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        let former: Box<dyn Iterator<Item = (&Bytes, &Option<Bytes>)>> =
            if backwards { Box::new(former.rev()) } else { Box::new(former) };
        let mut former = former.peekable();
        let mut now = Now { past: self, low: from.to_vec(), high: to.to_vec(), backwards, page: VecDeque::new(), is_over: false };
        let mut page = Page::new();
        while page.len() < limit {
            let theirs = now.next_key(limit - page.len())?;
            if let Some(row) = step(&mut former, theirs.as_deref(), backwards) {
                if row.hides {
                    now.page.pop_front();
                }
                match row.was {
                    Some(was) => page.push((row.key.to_vec(), was.to_vec())),
                    None => self.pass(1)?,
                }
            } else if let Some(row) = now.page.pop_front() {
                page.push(row);
            } else {
                break;
            }
        }
        Ok(page)
    }
}

/// A row as it was, where its turn has come.
struct Former<'a> {
    key: &'a Bytes,
    was: Option<&'a Bytes>,
    /// It stands in the place of the next row of today.
    hides: bool,
}

/// The next former row, unless one of today comes before it.
fn step<'a>(
    former: &mut Peekable<impl Iterator<Item = (&'a Bytes, &'a Option<Bytes>)>>,
    theirs: Option<&[u8]>,
    backwards: bool,
) -> Option<Former<'a>> {
    let (key, _) = former.peek()?;
    let order = theirs.map(|theirs| if backwards { theirs.cmp(key) } else { (***key).cmp(theirs) });
    if order == Some(std::cmp::Ordering::Greater) {
        return None;
    }
    let (key, was) = former.next()?;
    Some(Former { key, was: was.as_ref(), hides: order == Some(std::cmp::Ordering::Equal) })
}

/// Today's rows of a range, a few at a time.
struct Now<'a> {
    past: &'a Past,
    low: Vec<u8>,
    high: Vec<u8>,
    backwards: bool,
    page: VecDeque<(Vec<u8>, Vec<u8>)>,
    is_over: bool,
}

impl Now<'_> {
    fn next_key(&mut self, wanted: usize) -> Result<Option<Vec<u8>>, Fault> {
        if self.page.is_empty() && !self.is_over {
            let limit = wanted.clamp(1, PAGE_MAX);
            let page = rows(&self.past.inner, &self.low, &self.high, limit, self.backwards)?;
            self.is_over = page.len() < limit;
            if let Some((last, _)) = page.last() {
                match self.backwards {
                    true => self.high = last.clone(),
                    false => self.low = [last, [0].as_slice()].concat(),
                }
            }
            self.page = page.into();
        }
        Ok(self.page.front().map(|(key, _)| key.clone()))
    }
}

/// The first key behind all that begin so.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    // Longer than any key.
    vec![u8::MAX; leither_state::RECORD_KEY_BYTES_MAX + 1]
}

impl Read for Past {
    fn holding(&self, token: &TokenId, id: &AccountId) -> Result<Option<Holding>, Fault> {
        self.look(|seen| match seen.holdings.get(&(*token, *id)) {
            Some(was) => Ok(*was),
            None => Ok(self.inner.books()?.holding(token, id)),
        })
    }

    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.look(|seen| match seen.records.get(key) {
            Some(was) => Ok(was.as_ref().map(|was| was.to_vec())),
            None => self.inner.db.get_cf(column(&self.inner.db, RECORDS)?, key).map_err(storage),
        })
    }

    fn records(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, Fault> {
        let from = match after.filter(|after| *after >= prefix) {
            Some(after) => [after, &[0]].concat(),
            None => prefix.to_vec(),
        };
        self.look(|seen| self.range_in(seen, &from, &end_of(prefix), limit, false))
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Page, Fault> {
        self.look(|seen| self.range_in(seen, from, to, limit, backwards))
    }

    /// Nobody builds on it.
    fn root_after(&self, _: &WriteSet) -> Result<Hash, Fault> {
        Err(Fault::Stale)
    }

    fn holders(&self, token: &TokenId, after: Option<&AccountId>, limit: usize) -> Result<Vec<(AccountId, Holding)>, Fault> {
        let _turn = self.inner.turn()?;
        self.look(|seen| {
            let of_token = seen.holdings.range((*token, AccountId([0; 20]))..=(*token, AccountId([u8::MAX; 20])));
            let former: Vec<_> = of_token.filter(|((_, id), _)| after.is_none_or(|after| id > after)).collect();
            self.pass(former.len() as u64)?;
            // As many more as could be hidden.
            let most = limit.saturating_add(former.len());
            let now = self.inner.books_mut()?.committed()?.holders(token, after, most);
            let mut all: BTreeMap<AccountId, Option<Holding>> =
                now.into_iter().map(|(id, holding)| (id, Some(holding))).collect();
            all.extend(former.into_iter().map(|((_, id), was)| (*id, *was)));
            Ok(all.into_iter().filter_map(|(id, holding)| Some((id, holding?))).take(limit).collect())
        })
    }

    fn supply(&self, token: &TokenId) -> Result<Amount, Fault> {
        self.look(|seen| match seen.supplies.get(token) {
            Some(was) => Ok(*was),
            None => Ok(self.inner.books()?.supply(token)),
        })
    }
}

impl Books {
    /// What the writes on trial replace.
    fn replaced(&self) -> (Vec<HoldingBefore>, Vec<(TokenId, Amount)>) {
        self.on_trial()
            .map_or_else(Default::default, |(undo, supplies)| (undo.holdings().to_vec(), supplies.to_vec()))
    }
}

use crate::books::Books;
use crate::columns::{RECORDS, column};
use crate::{Inner, storage};
use leither_state::{Fault, Holding, Page, Read, WriteSet};
use leither_types::{AccountId, Amount, Hash, Height, TokenId};
use rocksdb::{Direction, IteratorMode, ReadOptions};
use std::sync::Arc;

/// The committed state of one height, for as long as that is the head.
pub(crate) struct Snapshot {
    pub inner: Arc<Inner>,
    pub height: Height,
}

impl Snapshot {
    /// STORE-6: an answer is of this height or there is none.
    fn fresh(&self, books: &Books) -> Result<(), Fault> {
        self.inner.check()?;
        if books.head.height == self.height { Ok(()) } else { Err(Fault::Stale) }
    }
}

impl Read for Snapshot {
    fn holding(&self, token: &TokenId, id: &AccountId) -> Result<Option<Holding>, Fault> {
        let books = self.inner.books()?;
        self.fresh(&books)?;
        Ok(books.holding(token, id))
    }

    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let _gate = self.inner.gate.read().map_err(crate::poisoned)?;
        self.fresh(&*self.inner.books()?)?;
        self.inner.db.get_cf(column(&self.inner.db, RECORDS)?, key).map_err(storage)
    }

    fn records(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, Fault> {
        let _gate = self.inner.gate.read().map_err(crate::poisoned)?;
        self.fresh(&*self.inner.books()?)?;
        let mut options = ReadOptions::default();
        options.set_iterate_range(rocksdb::PrefixRange(prefix));
        // A start before the prefix is moved up to it by the range.
        let mode = IteratorMode::From(after.unwrap_or(prefix), Direction::Forward);
        let mut page = Page::new();
        for row in self.inner.db.iterator_cf_opt(column(&self.inner.db, RECORDS)?, options, mode) {
            let (key, value) = row.map_err(storage)?;
            if after.is_some_and(|after| &*key <= after) {
                continue;
            }
            if page.len() >= limit {
                break;
            }
            page.push((key.into_vec(), value.into_vec()));
        }
        Ok(page)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Page, Fault> {
        let _gate = self.inner.gate.read().map_err(crate::poisoned)?;
        self.fresh(&*self.inner.books()?)?;
        rows(&self.inner, from, to, limit, backwards)
    }

    fn root_after(&self, writes: &WriteSet) -> Result<Hash, Fault> {
        let _turn = self.inner.turn()?;
        let mut books = self.inner.books_mut()?;
        self.fresh(&books)?;
        books.try_on(writes)
    }

    fn holders(&self, token: &TokenId, after: Option<&AccountId>, limit: usize) -> Result<Vec<(AccountId, Holding)>, Fault> {
        let _turn = self.inner.turn()?;
        let mut books = self.inner.books_mut()?;
        self.fresh(&books)?;
        Ok(books.committed()?.holders(token, after, limit))
    }

    fn supply(&self, token: &TokenId) -> Result<Amount, Fault> {
        let books = self.inner.books()?;
        self.fresh(&books)?;
        Ok(books.supply(token))
    }
}

/// Records from `from` on and before `to`, of whatever height the database has.
pub(crate) fn rows(inner: &Inner, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Page, Fault> {
    if from >= to {
        return Ok(Page::new());
    }
    let mut options = ReadOptions::default();
    options.set_iterate_range(from..to);
    let mode = if backwards { IteratorMode::End } else { IteratorMode::Start };
    let rows = inner.db.iterator_cf_opt(column(&inner.db, RECORDS)?, options, mode).take(limit);
    rows.map(|row| row.map(|(key, value)| (key.into_vec(), value.into_vec())).map_err(storage)).collect()
}

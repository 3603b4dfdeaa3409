//! What can be asked about blocks. Rows of a block appear all at once, never change, and go once the block is too old: STORE-18, below the
//! lowest whole height there is no answer, and a row that compaction has yet to drop is passed over.

use crate::columns::{
    BODIES, HEADERS, HEIGHTS, HISTORY, RECEIPTS, TXS, column, height_key, history_key, read_height, read_history_key, read_place,
};
use crate::{Store, storage};
use leither_state::Fault;
use leither_types::{AccountId, Block, Certificate, Hash, Header, Height, Receipt, TxId, codec::decode_trusted};
use parity_scale_codec::Decode;
use rocksdb::{DBPinnableSlice, Direction, IteratorMode, PrefixRange, ReadOptions};

fn damaged(what: &str, height: Height, error: impl std::fmt::Display) -> Fault {
    Fault::Corrupt(format!("{what} of height {height}: {error}"))
}

impl Store {
    pub(crate) fn row(&self, name: &str, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, Fault> {
        self.inner.check()?;
        self.inner.db.get_pinned_cf(column(&self.inner.db, name)?, key).map_err(storage)
    }

    /// The bytes of the block of this height, as [`Block`] encodes.
    pub fn block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, Fault> {
        let Some(head) = self.row(HEADERS, &height_key(height))? else { return Ok(None) };
        match self.row(BODIES, &height_key(height))? {
            Some(body) => Ok(Some([&*head, &*body].concat())),
            None if self.inner.is_below_base(height)? => Ok(None),
            None => Err(damaged("the block", height, "its body is missing")),
        }
    }

    /// The block of this height.
    pub fn block(&self, height: Height) -> Result<Option<Block>, Fault> {
        let bytes = self.block_bytes(height)?;
        bytes.map(|bytes| decode_trusted(&bytes).map_err(|e| damaged("the block", height, e))).transpose()
    }

    /// The header of this height.
    pub fn header(&self, height: Height) -> Result<Option<Header>, Fault> {
        let row = self.row(HEADERS, &height_key(height))?;
        row.map(|row| Header::decode(&mut &*row).map_err(|e| damaged("the header", height, e))).transpose()
    }

    /// The height of the block with this id.
    pub fn height_of(&self, block: &Hash) -> Result<Option<Height>, Fault> {
        let head = self.head()?;
        if head.height > 0 && head.id == *block {
            return Ok(Some(head.height));
        }
        let Some(row) = self.row(HEIGHTS, &block.0)? else { return Ok(None) };
        let height = read_height(&row).ok_or_else(|| Fault::Corrupt(format!("the height of block {block}")))?;
        Ok(Some(height).filter(|height| *height >= self.inner.base()))
    }

    /// STORE-4: what made this height final: of the head the certificate that it was committed with, of an older height the one that
    /// its successor states and pays.
    pub fn certificate(&self, height: Height) -> Result<Option<Certificate>, Fault> {
        let head = self.head()?;
        if height == head.height {
            return Ok(Some(head.certificate.clone()));
        }
        let Some(next) = height.checked_add(1).filter(|next| *next <= head.height) else { return Ok(None) };
        if next < self.inner.base() {
            return Ok(None);
        }
        let Some(row) = self.row(HEADERS, &height_key(next))? else {
            return if self.inner.is_below_base(next)? { Ok(None) } else { Err(damaged("the header", next, "it is missing")) };
        };
        let (_, certificate) = <(Header, Certificate)>::decode(&mut &*row).map_err(|e| damaged("the certificate", height, e))?;
        Ok(Some(certificate))
    }

    /// The receipts of this height, in the order of its transactions.
    pub fn receipts(&self, height: Height) -> Result<Option<Vec<Receipt>>, Fault> {
        let row = self.row(RECEIPTS, &height_key(height))?;
        row.map(|row| decode_trusted(&row).map_err(|e| damaged("the receipts", height, e))).transpose()
    }

    /// In which block, and where in it, the transaction stands.
    pub fn tx(&self, id: &TxId) -> Result<Option<(Height, u32)>, Fault> {
        let Some(row) = self.row(TXS, &id.0)? else { return Ok(None) };
        let place = read_place(&row).ok_or_else(|| Fault::Corrupt(format!("the place of transaction {id}")))?;
        Ok(Some(place).filter(|(height, _)| *height >= self.inner.base()))
    }

    /// STORE-11: at most `limit` transactions that the account signed or was touched by, newest first, all older than `before`.
    pub fn account_history(
        &self,
        account: &AccountId,
        before: Option<(Height, u32)>,
        limit: usize,
    ) -> Result<Vec<(Height, u32)>, Fault> {
        self.inner.check()?;
        let mut options = ReadOptions::default();
        options.set_iterate_range(PrefixRange(account.0.as_slice()));
        let start = before.map_or(account.0.to_vec(), |(height, index)| history_key(account, height, index).to_vec());
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut places = Vec::new();
        for row in self.inner.db.iterator_cf_opt(column(&self.inner.db, HISTORY)?, options, mode) {
            let (key, _) = row.map_err(storage)?;
            if *key == *start {
                continue;
            }
            if places.len() >= limit {
                break;
            }
            let place = read_history_key(account, &key).ok_or_else(|| Fault::Corrupt(format!("the history of {account}")))?;
            if place.0 < self.inner.base() {
                break;
            }
            places.push(place);
        }
        Ok(places)
    }
}

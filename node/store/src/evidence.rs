//! What this node saw of misbehaviour, until a block has punished it. Rows of the column of facts, apart from any height.

use crate::columns::{META, column};
use crate::{Store, storage};
use leither_failpoints::hit;
use leither_state::Fault;
use leither_types::{Evidence, codec::decode_trusted};
use parity_scale_codec::Encode;
use rocksdb::{Direction, IteratorMode, WriteOptions};

/// Begins the keys of these rows; the proof's hash ends them.
const PREFIX: &[u8] = b"evidence/";

fn key(proof: &Evidence) -> Vec<u8> {
    [PREFIX, &proof.hash().0].concat()
}

impl Store {
    /// STORE-20: keeps a proof, durably. How many there may be is the caller's to bound.
    pub fn put_evidence(&self, proof: &Evidence) -> Result<(), Fault> {
        self.inner.check()?;
        let mut options = WriteOptions::default();
        options.set_sync(true);
        hit("store/evidence/before");
        self.inner
            .db
            .put_cf_opt(column(&self.inner.db, META)?, key(proof), proof.encode(), &options)
            .map_err(storage)?;
        hit("store/evidence/written");
        Ok(())
    }

    /// Forgets one that is of no use any more. Should that be lost, it is found useless again.
    pub fn forget_evidence(&self, proof: &Evidence) -> Result<(), Fault> {
        self.inner.check()?;
        self.inner.db.delete_cf(column(&self.inner.db, META)?, key(proof)).map_err(storage)
    }

    /// All that is kept.
    pub fn evidence(&self) -> Result<Vec<Evidence>, Fault> {
        self.inner.check()?;
        let mut found = Vec::new();
        let mode = IteratorMode::From(PREFIX, Direction::Forward);
        for row in self.inner.db.iterator_cf(column(&self.inner.db, META)?, mode) {
            let (key, value) = row.map_err(storage)?;
            if !key.starts_with(PREFIX) {
                break;
            }
            found.push(decode_trusted(&value).map_err(|e| Fault::Corrupt(format!("kept evidence: {e}")))?);
        }
        Ok(found)
    }
}

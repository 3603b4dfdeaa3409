//! Where the books pass to other validators. These few headers, with their certificates, are what a stranger walks to learn who votes
//! today; so they outlive all pruning.

use crate::columns::{HANDOVERS, column, height_key};
use crate::{Commit, Store, storage};
use leither_state::Fault;
use leither_types::{Handover, Height, codec::decode_trusted};
use parity_scale_codec::Encode;
use rocksdb::{DB, Direction, IteratorMode, WriteBatch};

/// STORE-13: the row of a block after which others vote.
pub(crate) fn write_handover(db: &DB, batch: &mut WriteBatch, commit: &Commit<'_>) -> Result<(), Fault> {
    let header = &commit.block.header;
    if header.hands_over() {
        let row = (header, commit.certificate, commit.next_set).encode();
        batch.put_cf(column(db, HANDOVERS)?, height_key(header.height), row);
    }
    Ok(())
}

impl Store {
    /// STORE-13: at most `max` handovers of heights greater than `from`, ascending. Pruning leaves them, and a restored database has those
    /// from before its snapshot.
    pub fn handovers(&self, from: Height, max: usize) -> Result<Vec<Handover>, Fault> {
        self.inner.check()?;
        let Some(first) = from.checked_add(1) else { return Ok(Vec::new()) };
        let start = height_key(first);
        let rows = self.inner.db.iterator_cf(column(&self.inner.db, HANDOVERS)?, IteratorMode::From(&start, Direction::Forward));
        let read = |row: Result<(Box<[u8]>, Box<[u8]>), rocksdb::Error>| {
            let (_, value) = row.map_err(storage)?;
            decode_trusted(&value).map_err(|e| Fault::Corrupt(format!("a handover after height {from}: {e}")))
        };
        rows.take(max).map(read).collect()
    }
}

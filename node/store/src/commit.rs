use crate::columns::{
    BODIES, HEAD, HEADERS, HEIGHTS, HISTORY, HOLDINGS, META, RECEIPTS, RECORDS, TXS, UNDECIDED, column, height_key, history_key,
    holding_key, place,
};
use crate::handovers::write_handover;
use crate::versions::write_versions;
use crate::{Head, Store, VERSION_BYTES_MAX, VersionRow, poisoned, storage};
use leither_failpoints::hit;
use leither_state::{Fault, WriteSet};
use leither_types::{AccountId, Block, Certificate, Hash, Receipt, ValidatorSet};
use parity_scale_codec::Encode;
use rocksdb::{DB, WriteBatch, WriteOptions};

/// A decided block and what it did.
#[derive(Clone, Copy)]
pub struct Commit<'a> {
    /// The block.
    pub block: &'a Block,
    /// Why it is final.
    pub certificate: &'a Certificate,
    /// What it changes.
    pub writes: &'a WriteSet,
    /// One a transaction, in their order.
    pub receipts: &'a [Receipt],
    /// Whom the transaction of this index touched, beside its signers: it will be in their history.
    pub touched: &'a [(u32, AccountId)],
    /// Versions of MiMeis that it made, all of them.
    pub versions: &'a [VersionRow],
    /// Who votes on the next block; the header names it by its hash.
    pub next_set: &'a ValidatorSet,
}

impl Store {
    /// Makes a block the head: on disk in one synced write, then for all readers. STORE-8: if this fails, stop the process.
    pub fn commit(&self, commit: &Commit<'_>) -> Result<(), Fault> {
        self.inner.check()?;
        let done = self.try_commit(commit);
        if let Err(fault) = &done {
            tracing::error!(height = commit.block.header.height, %fault, "commit failed: the store has stopped");
            // Whoever broke it first has said why.
            let _ = self.inner.broken.set(fault.clone());
        }
        done
    }

    fn try_commit(&self, commit: &Commit<'_>) -> Result<(), Fault> {
        let inner = &*self.inner;
        let header = &commit.block.header;
        let id = commit.block.id();
        let _turn = inner.turn()?;
        self.check_follows(commit, &id)?;

        let root = inner.books_mut()?.try_on(commit.writes)?;
        if root != header.state_root {
            return Err(Fault::Corrupt(format!("block {id} states the root {}, its writes give {root}", header.state_root)));
        }
        let replaced = inner.about_to_replace(commit)?;
        let mut batch = WriteBatch::with_capacity_bytes(size_hint(commit));
        write_block(&inner.db, &mut batch, commit, &id)?;
        write_handover(&inner.db, &mut batch, commit)?;
        write_state(&inner.db, &mut batch, commit.writes)?;
        write_versions(&inner.db, &mut batch, commit.versions)?;
        let mut desk = inner.desk.lock().map_err(poisoned)?;
        let undecided = column(&inner.db, UNDECIDED)?;
        desk.keys_up_to(header.height).for_each(|key| batch.delete_cf(undecided, key));
        batch.put_cf(column(&inner.db, META)?, HEAD, (header.height, id, commit.certificate).encode());
        let mut options = WriteOptions::default();
        options.set_sync(true);

        let _gate = inner.gate.write().map_err(poisoned)?;
        hit("store/commit/before");
        if header.hands_over() {
            hit("store/handover/before");
        }
        inner.db.write_opt(batch, &options).map_err(storage)?;
        hit("store/commit/written");
        if header.hands_over() {
            hit("store/handover/written");
        }
        desk.forget_up_to(header.height);
        drop(desk);
        let head = Head {
            height: header.height,
            header: Some(header.clone()),
            id,
            certificate: commit.certificate.clone(),
            time: header.time,
            state_root: root,
        };
        inner.books_mut()?.settle(head);
        if let Some(replaced) = replaced {
            inner.past.lock().map_err(poisoned)?.push(replaced);
        }
        inner
            .mark
            .write(header.height, &id)
            .map_err(|e| Fault::Storage(format!("cannot note the committed height: {e}")))?;
        hit("store/commit/marked");
        Ok(())
    }

    /// STORE-3: the block is the head's child and the certificate is this block's.
    fn check_follows(&self, commit: &Commit<'_>, id: &Hash) -> Result<(), Fault> {
        let head = self.inner.books()?.head.clone();
        let Commit { block, certificate, receipts, versions, next_set, .. } = commit;
        let header = &block.header;
        let wrong = |what: &str| Err(Fault::Corrupt(format!("cannot commit block {id} at height {}: {what}", header.height)));
        if head.height.checked_add(1) != Some(header.height) {
            return wrong(&format!("the head is at {}", head.height));
        }
        if header.parent != head.id {
            return wrong("its parent is not the head");
        }
        if header.chain != self.inner.genesis.chain() {
            return wrong("it is another chain's");
        }
        if certificate.height != header.height || certificate.block != *id {
            return wrong("the certificate is another block's");
        }
        // Those of the zero id, at the end, tell what the block's end did.
        if receipts.iter().filter(|receipt| receipt.tx != Hash::ZERO).count() != block.txs.len() {
            return wrong("it has another number of receipts than of transactions");
        }
        if versions.iter().any(|row| row.bytes.len() > VERSION_BYTES_MAX) {
            return wrong("what it says of a version of a MiMei is too long");
        }
        if header.hands_over() && next_set.hash() != header.next_validators {
            return wrong("the next validators are not those that it names");
        }
        Ok(())
    }
}

fn size_hint(commit: &Commit<'_>) -> usize {
    let records: usize =
        commit.writes.records.iter().map(|(key, value)| 16 + key.len() + value.as_ref().map_or(0, Vec::len)).sum();
    4096 + commit.writes.holdings.len() * 128
        + records
        + commit.block.txs.len() * 768
        + commit.touched.len() * 48
        + commit.versions.len() * 192
}

/// STORE-2: the block's own rows. The two parts of a block's bytes stand in two column families, and nothing is stored twice.
fn write_block(db: &DB, batch: &mut WriteBatch, commit: &Commit<'_>, id: &Hash) -> Result<(), Fault> {
    let Commit { block, receipts, touched, .. } = commit;
    let height = block.header.height;
    let key = height_key(height);
    batch.put_cf(column(db, HEADERS)?, key, (&block.header, &block.last_certificate).encode());
    batch.put_cf(column(db, BODIES)?, key, (&block.txs, &block.evidence).encode());
    batch.put_cf(column(db, RECEIPTS)?, key, receipts.encode());
    batch.put_cf(column(db, HEIGHTS)?, id.0, key);

    let txs = column(db, TXS)?;
    let mut history: Vec<(AccountId, u32)> = touched.iter().map(|(index, account)| (*account, *index)).collect();
    for (index, (tx, receipt)) in (0u32..).zip(block.txs.iter().zip(*receipts)) {
        batch.put_cf(txs, receipt.tx.0, place(height, index));
        history.extend(tx.tx.signers.iter().map(|signer| (*signer, index)));
    }
    // Sorted as the rows lie: by account, the newest first.
    history.sort_unstable_by_key(|(account, index)| (*account, !index));
    history.dedup();
    let column = column(db, HISTORY)?;
    for (account, index) in history {
        batch.put_cf(column, history_key(&account, height, index), []);
    }
    Ok(())
}

/// The leaves and records that change.
pub(crate) fn write_state(db: &DB, batch: &mut WriteBatch, writes: &WriteSet) -> Result<(), Fault> {
    let holdings = column(db, HOLDINGS)?;
    let mut bytes = Vec::with_capacity(80);
    for ((token, id), holding) in &writes.holdings {
        let key = holding_key(token, id);
        // The ledger has no leaf for a vacant holding either.
        match holding.filter(|holding| !holding.is_vacant()) {
            Some(holding) => {
                bytes.clear();
                holding.encode_to(&mut bytes);
                batch.put_cf(holdings, key, &bytes);
            }
            None => batch.delete_cf(holdings, key),
        }
    }
    let records = column(db, RECORDS)?;
    for (key, value) in &writes.records {
        match value {
            Some(value) => batch.put_cf(records, key, value),
            None => batch.delete_cf(records, key),
        }
    }
    Ok(())
}

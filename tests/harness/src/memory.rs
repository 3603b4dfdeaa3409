use leither_state::{Fault, Holding, Ledger, Page, Read, WriteSet, record_commitment, record_key_hash};
use leither_types::{AccountId, Amount, Hash, TokenId};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A state in memory: plain maps for what is read, the ledger tree for roots and sums.
#[derive(Default)]
pub struct Memory {
    holdings: BTreeMap<(TokenId, AccountId), Holding>,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    ledger: Mutex<Ledger>,
}

impl Memory {
    /// The state that `writes` make of nothing.
    pub fn of(writes: &WriteSet) -> Self {
        let mut memory = Self::default();
        memory.commit(writes);
        memory
    }

    /// Applies a block's writes.
    pub fn commit(&mut self, writes: &WriteSet) {
        self.ledger().apply(writes).expect("a block's writes are within the ledger's bounds");
        for (key, holding) in &writes.holdings {
            match holding.filter(|holding| !holding.is_vacant()) {
                Some(holding) => drop(self.holdings.insert(*key, holding)),
                None => drop(self.holdings.remove(key)),
            }
        }
        for (key, value) in &writes.records {
            match value {
                Some(value) => drop(self.records.insert(key.clone(), value.clone())),
                None => drop(self.records.remove(key)),
            }
        }
    }

    /// The state's root.
    pub fn root(&self) -> Hash {
        self.ledger().root()
    }

    /// All holdings there are.
    pub fn holdings(&self) -> impl Iterator<Item = (&(TokenId, AccountId), &Holding)> {
        self.holdings.iter()
    }

    /// The ledger, for proofs.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A copy builds its trees anew: thousands of leaves a millisecond, enough for tests.
impl Clone for Memory {
    fn clone(&self) -> Self {
        let holdings = self.holdings.iter().map(|((token, id), holding)| (*token, *id, *holding));
        let records = self.records.iter().map(|(key, value)| (record_key_hash(key), record_commitment(value)));
        let mut records: Vec<_> = records.collect();
        records.sort_unstable();
        let ledger = Ledger::load(holdings, records).expect("what was committed loads");
        Self { holdings: self.holdings.clone(), records: self.records.clone(), ledger: Mutex::new(ledger) }
    }
}

impl Read for Memory {
    fn holding(&self, token: &TokenId, id: &AccountId) -> Result<Option<Holding>, Fault> {
        Ok(self.holdings.get(&(*token, *id)).copied())
    }

    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.records.get(key).cloned())
    }

    fn records(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, Fault> {
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let rows = self.records.range::<[u8], _>((from, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
        Ok(rows.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Page, Fault> {
        if from >= to {
            return Ok(Page::new());
        }
        let row = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        let rows = self.records.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        Ok(if backwards { rows.rev().take(limit).map(row).collect() } else { rows.take(limit).map(row).collect() })
    }

    fn root_after(&self, writes: &WriteSet) -> Result<Hash, Fault> {
        let mut ledger = self.ledger();
        let undo = ledger.apply(writes).map_err(|e| Fault::Corrupt(e.to_string()))?;
        let root = ledger.root();
        ledger.undo(undo).map_err(|e| Fault::Corrupt(e.to_string()))?;
        Ok(root)
    }

    fn holders(&self, token: &TokenId, after: Option<&AccountId>, limit: usize) -> Result<Vec<(AccountId, Holding)>, Fault> {
        let least = AccountId([0; 20]);
        let from = after.map_or(Bound::Included((*token, least)), |after| Bound::Excluded((*token, *after)));
        let rows = self.holdings.range((from, Bound::Unbounded)).take_while(|((of, _), _)| of == token);
        Ok(rows.take(limit).map(|((_, id), holding)| (*id, *holding)).collect())
    }

    fn supply(&self, token: &TokenId) -> Result<Amount, Fault> {
        Ok(self.ledger().supply(token))
    }
}

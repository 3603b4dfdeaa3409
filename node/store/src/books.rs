//! The ledger in memory and who sees which state of it.
//!
//! A proposal's root is found by applying its writes to the ledger. They stay applied, since the commit that mostly follows then has
//! nothing to do; what the leaves were before is kept aside for whoever reads the committed state meanwhile. What that cannot
//! answer (proofs, lists of holders) takes the proposal back first.

use crate::Head;
use leither_state::{Fault, Holding, Ledger, LedgerError, Undo, WriteSet};
use leither_types::{AccountId, Amount, Hash, TokenId};
use parity_scale_codec::Encode;
use std::sync::Arc;

pub(crate) struct Books {
    pub head: Arc<Head>,
    ledger: Ledger,
    tried: Option<Tried>,
}

/// The last writes that were tried.
struct Tried {
    /// Of the writes.
    fingerprint: Hash,
    /// The root after them.
    root: Hash,
    /// There while they are applied.
    applied: Option<Applied>,
}

struct Applied {
    undo: Undo,
    /// What the supplies of their tokens were, by token.
    supplies: Vec<(TokenId, Amount)>,
}

fn wrong(error: LedgerError) -> Fault {
    Fault::Corrupt(format!("the ledger refused a change: {error}"))
}

impl Books {
    pub fn new(head: Head, ledger: Ledger) -> Self {
        Self { head: Arc::new(head), ledger, tried: None }
    }

    /// STORE-5: the root after `writes`, which stay applied.
    pub fn try_on(&mut self, writes: &WriteSet) -> Result<Hash, Fault> {
        if writes.is_empty() {
            // Not what another proposal would have made of it: a commit of this one would keep that.
            self.take_back()?;
            return Ok(self.head.state_root);
        }
        let fingerprint = fingerprint(writes);
        if let Some(tried) = self.tried.as_ref().filter(|t| t.fingerprint == fingerprint && t.applied.is_some()) {
            return Ok(tried.root);
        }
        self.take_back()?;
        let mut supplies: Vec<(TokenId, Amount)> = Vec::new();
        for (token, _) in writes.holdings.keys() {
            if supplies.last().is_none_or(|(last, _)| last != token) {
                supplies.push((*token, self.ledger.supply(token)));
            }
        }
        let undo = self.ledger.apply(writes).map_err(wrong)?;
        let root = self.ledger.root();
        self.tried = Some(Tried { fingerprint, root, applied: Some(Applied { undo, supplies }) });
        Ok(root)
    }

    /// What the writes that are applied replace: leaves and supplies.
    pub fn on_trial(&self) -> Option<(&Undo, &[(TokenId, Amount)])> {
        let applied = self.tried.as_ref()?.applied.as_ref()?;
        Some((&applied.undo, &applied.supplies))
    }

    /// Brings the ledger back to the committed state.
    pub fn take_back(&mut self) -> Result<(), Fault> {
        match self.tried.as_mut().and_then(|t| t.applied.take()) {
            Some(applied) => {
                self.ledger.undo(applied.undo).map_err(wrong)?;
                self.check_root()
            }
            None => Ok(()),
        }
    }

    /// A ledger that does not come back to where it was would find good blocks invalid. A restart builds it anew.
    fn check_root(&self) -> Result<(), Fault> {
        let (found, expected) = (self.ledger.root(), self.head.state_root);
        match found == expected {
            true => Ok(()),
            false => Err(Fault::Corrupt(format!(
                "the ledger in memory has the root {found} where block {} has {expected}: start the node again",
                self.head.id
            ))),
        }
    }

    /// The writes last tried are the committed state now.
    pub fn settle(&mut self, head: Head) {
        self.tried = None;
        self.head = Arc::new(head);
    }

    /// A committed holding.
    pub fn holding(&self, token: &TokenId, id: &AccountId) -> Option<Holding> {
        if let Some(applied) = self.tried.as_ref().and_then(|t| t.applied.as_ref()) {
            let former = applied.undo.holdings();
            let at = former.binary_search_by(|(key, _)| key.cmp(&(*token, *id)));
            if let Some((_, was)) = at.ok().and_then(|at| former.get(at)) {
                return *was;
            }
        }
        self.ledger.holding(token, id)
    }

    /// A committed supply.
    pub fn supply(&self, token: &TokenId) -> Amount {
        if let Some(applied) = self.tried.as_ref().and_then(|t| t.applied.as_ref()) {
            let at = applied.supplies.binary_search_by(|(key, _)| key.cmp(token));
            if let Some((_, was)) = at.ok().and_then(|at| applied.supplies.get(at)) {
                return *was;
            }
        }
        self.ledger.supply(token)
    }

    /// The ledger in the committed state.
    pub fn committed(&mut self) -> Result<&Ledger, Fault> {
        self.take_back()?;
        Ok(&self.ledger)
    }
}

/// Names a set of writes. Fed in long runs, since blake3 hashes those many times faster than short ones.
fn fingerprint(writes: &WriteSet) -> Hash {
    const RUN: usize = 64 * 1024;
    let mut hasher = blake3::Hasher::new();
    let mut run = Vec::with_capacity(2 * RUN);
    let mut feed = |run: &mut Vec<u8>, least: usize| {
        if run.len() >= least {
            hasher.update(run);
            run.clear();
        }
    };
    (writes.holdings.len() as u64).encode_to(&mut run);
    for (key, value) in &writes.holdings {
        (key, value).encode_to(&mut run);
        feed(&mut run, RUN);
    }
    for (key, value) in &writes.records {
        (key, value).encode_to(&mut run);
        feed(&mut run, RUN);
    }
    feed(&mut run, 0);
    Hash(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_types::Certificate;

    fn head(state_root: Hash) -> Head {
        Head { height: 0, header: None, id: Hash::ZERO, certificate: Certificate::genesis(), time: 0, state_root }
    }

    /// STORE-5.
    #[test]
    fn a_block_that_writes_nothing_does_not_keep_what_another_proposal_would_have_written() {
        let root = Ledger::new().root();
        let mut books = Books::new(head(root), Ledger::new());
        let mut writes = WriteSet::default();
        writes.records.insert(b"key".to_vec(), Some(b"value".to_vec()));
        let after = books.try_on(&writes).unwrap();
        assert_ne!(after, root);
        assert_eq!(books.try_on(&WriteSet::default()).unwrap(), root);
        books.settle(head(root));
        assert_eq!(books.ledger.root(), root);
        assert_eq!(books.try_on(&writes).unwrap(), after, "the next block finds the ledger as it was committed");
    }
}

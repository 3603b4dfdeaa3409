use crate::{params, staking, tokens};
use leither_state::{Fault, Holding, Ledger, Overlay, Page, Read, WriteSet};
use leither_types::{AccountId, Amount, GENESIS_RECOVERED, GENESIS_VERSION, Genesis, Hash, SUPPLY_MAX, TokenId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a genesis is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Made for another version of this program.
    #[error("genesis version {0} is not known; this program knows {GENESIS_VERSION} and {GENESIS_RECOVERED}")]
    Version(u8),
    /// RECOVER-1: it has no state of its own.
    #[error("this chain goes on from another one's state, which no genesis holds: get it from a peer, or from a snapshot")]
    Recovered,
    /// Edited after its hash was taken.
    #[error("the allocations are not those that the head commits to")]
    Allocations,
    /// D9: no unit without a reason.
    #[error("allocation {0}: an account twice, an amount of nothing, or no reason and evidence")]
    Allocation(usize),
    /// More than 2^96 - 1.
    #[error("the allocations exceed 2^96 - 1 smallest units together")]
    Supply,
    /// Each validator is its operator's only one.
    #[error("two validators share an operator; give each an account of its own")]
    Operators,
    /// Never seen.
    #[error("genesis: {0}")]
    Fault(#[from] Fault),
}

/// The state before the first block.
pub fn genesis_state(genesis: &Genesis) -> Result<WriteSet, GenesisError> {
    let head = &genesis.head;
    if head.origin.is_some() {
        return Err(GenesisError::Recovered);
    }
    if head.version != GENESIS_VERSION {
        return Err(GenesisError::Version(head.version));
    }
    if Genesis::root(&genesis.allocations) != head.allocations {
        return Err(GenesisError::Allocations);
    }
    let mut state = Overlay::new(Arc::new(Nothing));
    let mut issued = Amount::ZERO;
    let mut seen = BTreeSet::new();
    for (n, allocation) in genesis.allocations.iter().enumerate() {
        let stated = !allocation.reason.trim().is_empty() && allocation.evidence != Hash::ZERO;
        if !stated || allocation.amount.is_zero() || !seen.insert(allocation.account) {
            return Err(GenesisError::Allocation(n));
        }
        issued = issued.plus(allocation.amount).filter(|sum| *sum <= SUPPLY_MAX).ok_or(GenesisError::Supply)?;
        let holding = Holding { free: allocation.amount, ..Holding::default() };
        state.put_holding(TokenId::NATIVE, allocation.account, holding);
    }
    params::begin(&mut state, &head.params);
    staking::begin(&mut state, &head.validators, &head.params, head.time).ok_or(GenesisError::Operators)?;
    tokens::begin(&mut state, issued).ok_or(GenesisError::Supply)?;
    Ok(state.into_writes())
}

/// The state before genesis.
struct Nothing;

impl Read for Nothing {
    fn holding(&self, _: &TokenId, _: &AccountId) -> Result<Option<Holding>, Fault> {
        Ok(None)
    }
    fn record(&self, _: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }
    fn records(&self, _: &[u8], _: Option<&[u8]>, _: usize) -> Result<Page, Fault> {
        Ok(Vec::new())
    }
    fn range(&self, _: &[u8], _: &[u8], _: usize, _: bool) -> Result<Page, Fault> {
        Ok(Vec::new())
    }
    fn root_after(&self, writes: &WriteSet) -> Result<Hash, Fault> {
        let mut ledger = Ledger::new();
        ledger.apply(writes).map_err(|e| Fault::Corrupt(e.to_string()))?;
        Ok(ledger.root())
    }
    fn holders(&self, _: &TokenId, _: Option<&AccountId>, _: usize) -> Result<Vec<(AccountId, Holding)>, Fault> {
        Ok(Vec::new())
    }
    fn supply(&self, _: &TokenId) -> Result<Amount, Fault> {
        Ok(Amount::ZERO)
    }
}

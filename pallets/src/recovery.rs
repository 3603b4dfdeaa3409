use crate::lineage::Past;
use crate::{lineage, params, staking, tokens};
use leither_state::{Fault, Overlay, Read, WriteSet};
use leither_types::{GENESIS_RECOVERED, Genesis, GenesisHead, Header, Origin};
use std::sync::Arc;

/// Why a chain cannot go on from a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// It begins with nothing, or with allocations of its own.
    #[error("the genesis is none of a recovery")]
    NoRecovery,
    /// The state is not the one that the genesis names.
    #[error("the state is not that of the block which the genesis goes on from")]
    OtherState,
    /// RECOVER-2: time would go backwards.
    #[error("the new chain's time is not later than the old chain's last block")]
    Time,
    /// RECOVER-2: rules do not change by a recovery.
    #[error("the parameters are not those of the old chain's state")]
    Params,
    /// RECOVER-4.
    #[error("a validator has not signed for its seat in this recovery")]
    Possession,
    /// RECOVER-5.
    #[error(transparent)]
    Seat(#[from] staking::Unseatable),
    /// RECOVER-3.
    #[error("the chain was recovered {} times already", lineage::PASTS_MAX)]
    TooOften,
    /// This machine's.
    #[error("the old state cannot be read: {0}")]
    Fault(#[from] Fault),
}

/// RECOVER-2: what the state at height 0 of `head`'s chain has other than `old`, the state after the block of header `last`. Balances,
/// tokens, organizations, names and nonces are not touched: not one leaf of the trees with sums is written, so every supply stays as it was.
pub fn recovered_state(old: Arc<dyn Read>, head: &GenesisHead, last: &Header) -> Result<WriteSet, RecoveryError> {
    let Some(origin) = head.origin.as_ref().filter(|_| head.version == GENESIS_RECOVERED) else {
        return Err(RecoveryError::NoRecovery);
    };
    if head.allocations != Genesis::root(&[]) {
        return Err(RecoveryError::NoRecovery);
    }
    let Origin { chain, height, block, state_root, .. } = *origin;
    if (last.chain, last.height, last.id(), last.state_root) != (chain, height, block, state_root) {
        return Err(RecoveryError::OtherState);
    }
    if head.time <= last.time {
        return Err(RecoveryError::Time);
    }
    if params::views::params(&*old)? != head.params {
        return Err(RecoveryError::Params);
    }
    if !head.has_all_keys() {
        return Err(RecoveryError::Possession);
    }
    let mut state = Overlay::new(old);
    staking::reseat(&mut state, &head.validators, &head.params, head.time)??;
    tokens::restart_pushes(&mut state)?;
    let past = Past { chain, height, block, state_root, ended: last.time, resumed: head.time };
    if !lineage::add(&mut state, past)? {
        return Err(RecoveryError::TooOften);
    }
    let writes = state.into_writes();
    match writes.holdings.is_empty() {
        true => Ok(writes),
        false => Err(Fault::Corrupt("a recovery that moves balances".into()).into()),
    }
}

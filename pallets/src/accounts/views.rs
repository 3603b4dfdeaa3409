//! What an account has and how far it has counted.

use leither_state::{Fault, Holding, Read};
use leither_types::{AccountId, TokenId};

/// What `who` holds of `token`; nothing held reads as the empty holding.
pub fn holding(state: &dyn Read, token: &TokenId, who: &AccountId) -> Result<Holding, Fault> {
    Ok(state.holding(token, who)?.unwrap_or_default())
}

/// The nonce that the account's next transaction must have.
pub fn nonce(state: &dyn Read, who: &AccountId) -> Result<u64, Fault> {
    Ok(holding(state, &TokenId::NATIVE, who)?.nonce)
}

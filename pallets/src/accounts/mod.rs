//! Holdings as such: adding, taking, locking. Every balance change of every token goes through the four verbs here, and nobody else
//! writes a holding.
//!
//! - ACCOUNTS-1: no balance is ever negative, and nothing is spent that is locked (R65).
//! - ACCOUNTS-2: the nonce grows by exactly one a transaction.
//! - ACCOUNTS-3: an account's full key is bound at its first transaction; another key with the same 160-bit id is refused ever after.
//! - ACCOUNTS-4: deposits are locked with the depositor, not taken, and come back in full.

mod errors;
pub mod views;

pub use errors::Error;

use crate::Stop;
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Amount, PublicKey, SUPPLY_MAX, TokenId};

/// Adds to what is free.
pub fn add(state: &mut Overlay, token: &TokenId, to: &AccountId, amount: Amount) -> Result<(), Stop> {
    let mut holding = state.holding(token, to)?;
    let sum = holding.free.plus(amount).filter(|sum| *sum <= SUPPLY_MAX);
    holding.free = sum.ok_or(Error::Overflow)?;
    state.put_holding(*token, *to, holding);
    Ok(())
}

/// ACCOUNTS-1: takes from what is free.
pub fn take(state: &mut Overlay, token: &TokenId, from: &AccountId, amount: Amount) -> Result<(), Stop> {
    let mut holding = state.holding(token, from)?;
    holding.free = holding.free.minus(amount).ok_or(Error::Short { have: holding.free, need: amount })?;
    state.put_holding(*token, *from, holding);
    Ok(())
}

/// Moves from free to locked.
pub fn lock(state: &mut Overlay, token: &TokenId, of: &AccountId, amount: Amount) -> Result<(), Stop> {
    let mut holding = state.holding(token, of)?;
    holding.free = holding.free.minus(amount).ok_or(Error::Short { have: holding.free, need: amount })?;
    holding.locked = holding.locked.plus(amount).ok_or(Error::Overflow)?;
    state.put_holding(*token, *of, holding);
    Ok(())
}

/// Moves back from locked to free. What was locked is there, or the books are broken: a fault.
pub fn unlock(state: &mut Overlay, token: &TokenId, of: &AccountId, amount: Amount) -> Result<(), Fault> {
    let mut holding = state.holding(token, of)?;
    let broken = || Fault::Corrupt(format!("less than {amount} locked with {of}"));
    holding.locked = holding.locked.minus(amount).ok_or_else(broken)?;
    holding.free = holding.free.plus(amount).ok_or_else(broken)?;
    state.put_holding(*token, *of, holding);
    Ok(())
}

/// ACCOUNTS-2, ACCOUNTS-3: counts a transaction of `who` and binds its key at the first. The caller has checked nonce and key.
pub fn count(state: &mut Overlay, who: &AccountId, key: PublicKey) -> Result<(), Fault> {
    let mut holding = state.holding(&TokenId::NATIVE, who)?;
    holding.nonce = holding.nonce.checked_add(1).ok_or_else(|| Fault::Corrupt("a nonce beyond 64 bits".into()))?;
    holding.key = key;
    state.put_holding(TokenId::NATIVE, *who, holding);
    Ok(())
}

/// ACCOUNTS-3 for the signers after the first.
pub fn bind(state: &mut Overlay, who: &AccountId, key: PublicKey) -> Result<(), Fault> {
    let mut holding = state.holding(&TokenId::NATIVE, who)?;
    if holding.key != key {
        holding.key = key;
        state.put_holding(TokenId::NATIVE, *who, holding);
    }
    Ok(())
}

/// ACCOUNTS-4: locks the deposit for `bytes` of lasting state and says how much it was.
pub fn deposit(state: &mut Overlay, of: &AccountId, bytes: usize, byte_deposit: Amount) -> Result<Amount, Stop> {
    let amount = byte_deposit.share(bytes as u128, 1).ok_or(Error::Overflow)?;
    lock(state, &TokenId::NATIVE, of, amount)?;
    Ok(amount)
}

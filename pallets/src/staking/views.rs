//! Who keeps the books.

use super::types::{Epoch, Stake};
use super::{Event, keys, there};
use leither_state::{Fault, Overlay, Read};
use leither_types::{AccountId, ValidatorId, ValidatorSet};

/// Who votes on the block after a committed state.
pub fn set(state: &dyn Read) -> Result<ValidatorSet, Fault> {
    there(keys::SET.read(state)?, "validator set")
}

/// Who voted on the newest block of a committed state.
pub fn set_before(state: &dyn Read) -> Result<ValidatorSet, Fault> {
    there(keys::BEFORE.read(state)?, "former validator set")
}

/// STAKING-9: who votes on the block after the next of a committed state.
pub fn set_after(state: &dyn Read) -> Result<ValidatorSet, Fault> {
    there(keys::AFTER.read(state)?, "coming validator set")
}

/// The first of them, under construction.
pub fn next_set(state: &Overlay) -> Result<ValidatorSet, Fault> {
    there(keys::SET.get(state)?, "validator set")
}

/// The election cycle under way.
pub fn epoch(state: &dyn Read) -> Result<Epoch, Fault> {
    there(keys::EPOCH.read(state)?, "epoch")
}

/// What stands behind an operator's validator.
pub fn stake(state: &dyn Read, operator: &AccountId) -> Result<Option<Stake>, Fault> {
    keys::STAKE.read(state, operator)
}

/// Pulses that an operator's validator missed.
pub fn misses(state: &dyn Read, operator: &AccountId) -> Result<u32, Fault> {
    Ok(keys::MISSES.read(state, operator)?.unwrap_or_default().count)
}

/// All stakes that are under election or wait for release, in order of their operators' ids.
pub fn stakes(state: &dyn Read) -> Result<Vec<(AccountId, Stake)>, Fault> {
    let roster = there(keys::ROSTER.read(state)?, "roster")?;
    roster.iter().map(|who| Ok((*who, there(keys::STAKE.read(state, who)?, "stake of the roster")?))).collect()
}

/// Whose a consensus key is, or was.
pub fn operator_of(state: &dyn Read, validator: &ValidatorId) -> Result<Option<AccountId>, Fault> {
    Ok(keys::OWNER.read(state, validator)?.map(|owner| owner.operator))
}

/// Whose history an event belongs to. Pay is none: it comes with each pulse, and the pulses tell of it.
pub fn concerns(event: &Event) -> Option<AccountId> {
    match event {
        Event::Paid { .. } | Event::Burnt { .. } | Event::Elected { .. } | Event::Rules { .. } => None,
        Event::Joined { operator, .. }
        | Event::Raised { operator, .. }
        | Event::Leaving { operator }
        | Event::Released { operator, .. }
        | Event::Jailed { operator, .. }
        | Event::Unjailed { operator }
        | Event::Slashed { operator, .. }
        | Event::Rotating { operator, .. }
        | Event::Moved { operator }
        | Event::Ready { operator, .. } => Some(*operator),
    }
}

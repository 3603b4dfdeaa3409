//! Who keeps the books.

use super::keys;
use leither_state::{Fault, Overlay, Read};
use leither_types::ValidatorSet;

/// Who votes on the block after a committed state.
pub fn set(state: &dyn Read) -> Result<ValidatorSet, Fault> {
    keys::SET.read(state)?.ok_or_else(|| Fault::Corrupt("no validator set in the state".into()))
}

/// The same, under construction.
pub fn next_set(state: &Overlay) -> Result<ValidatorSet, Fault> {
    keys::SET.get(state)?.ok_or_else(|| Fault::Corrupt("no validator set in the state".into()))
}

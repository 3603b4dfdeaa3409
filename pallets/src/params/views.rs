//! What the rules are now.

use super::keys;
use leither_state::{Fault, Overlay, Read};
use leither_types::{Amount, Params};

/// The rules' numbers in a committed state.
pub fn params(state: &dyn Read) -> Result<Params, Fault> {
    keys::PARAMS.read(state)?.ok_or_else(|| Fault::Corrupt("no parameters in the state".into()))
}

/// The price of a unit of weight in the next block, in smallest units of `mei`.
pub fn base_fee(state: &Overlay) -> Result<Amount, Fault> {
    keys::BASE_FEE.get(state)?.ok_or_else(|| Fault::Corrupt("no base fee in the state".into()))
}

/// The same, of a committed state.
pub fn base_fee_at(state: &dyn Read) -> Result<Amount, Fault> {
    keys::BASE_FEE.read(state)?.ok_or_else(|| Fault::Corrupt("no base fee in the state".into()))
}

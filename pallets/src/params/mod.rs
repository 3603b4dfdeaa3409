//! The rules' numbers and the price of weight. They stand in the state, so that a block is judged by its parent's state alone.
//!
//! - PARAMS-1: a block is judged by the parameters in its parent's state, never by a node's configuration.
//! - PARAMS-2: the base fee rises by at most an eighth a block above half the weight cap, falls by at most an eighth below it (by 1 where
//!   that is less than 1), and never under `base_fee_min`.

mod keys;
pub mod views;

use leither_state::{Fault, Overlay};
use leither_types::{Amount, Params, Weight};
use std::cmp::Ordering;

/// PARAMS-2: sets the base fee for the next block from this one's weight.
pub fn move_base_fee(state: &mut Overlay, params: &Params, used: Weight) -> Result<(), Fault> {
    let fee = views::base_fee(state)?;
    let next = next_base_fee(fee, params, used);
    if next != fee {
        keys::BASE_FEE.put(state, &next);
    }
    Ok(())
}

/// STAKING-11: newer rules, from the next block on.
pub(crate) fn set_version(state: &mut Overlay, version: u32) -> Result<(), Fault> {
    let rules = keys::PARAMS.get(state)?.ok_or_else(|| Fault::Corrupt("no parameters in the state".into()))?;
    keys::PARAMS.put(state, &Params { version, ..rules });
    Ok(())
}

/// Writes the rules at genesis.
pub(crate) fn begin(state: &mut Overlay, params: &Params) {
    keys::PARAMS.put(state, params);
    keys::BASE_FEE.put(state, &params.base_fee_min);
}

/// PARAMS-2 as arithmetic. The step is rounded down, but is at least 1: so a minimum of 1 can be left, and comes back.
pub(crate) fn next_base_fee(fee: Amount, params: &Params, used: Weight) -> Amount {
    let target = u128::from((params.block_weight_max / 2).max(1));
    let used = u128::from(used.min(params.block_weight_max));
    let step = |distance: u128| fee.share(distance, target.saturating_mul(8)).unwrap_or(Amount::ZERO).max(Amount::new(1));
    let moved = match used.cmp(&target) {
        Ordering::Greater => fee.plus(step(used - target)).unwrap_or(fee),
        Ordering::Less => fee.minus(step(target - used)).unwrap_or(fee),
        Ordering::Equal => fee,
    };
    moved.max(params.base_fee_min).min(leither_types::SUPPLY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_2_the_base_fee_follows_load_and_keeps_its_floor() {
        let params = Params::standard();
        let at = |fee: u128, used| next_base_fee(Amount::new(fee), &params, used).0;
        assert_eq!(at(1, 0), 1, "never under the floor");
        assert_eq!(at(1, params.block_weight_max), 2, "leaves the floor when blocks are full");
        assert_eq!(at(8_000, params.block_weight_max), 9_000, "an eighth up");
        assert_eq!(at(8_000, 0), 7_000, "an eighth down");
        assert_eq!(at(8_000, params.block_weight_max / 2), 8_000, "rests at half");
        assert_eq!(at(7, 0), 6, "comes back to its floor however low it is");
    }
}

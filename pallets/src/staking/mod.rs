//! Who keeps the books, what stands behind them, and what they are paid.
//!
//! ```text
//! Join --> candidate --election at the epoch's end--> AFTER --a block--> SET --a block--> BEFORE
//!              |  ^                                  (block after next)  (next block)   (its certificate)
//!      Leave --+  +-- Unjail <-- jailed by misses          evidence --> ejected, slashed
//! ```
//! - STAKING-1: half of a block's fees is burnt; the rest goes to the signers of the parent's certificate, by power (R53: who did not
//!   sign earns nothing). What division leaves over is burnt, too.
//! - STAKING-2: a pulse that is not empty may issue `emission` new `mei` to the same signers; the parameter is 0 by default.
//! - STAKING-3: a candidate pledges at least `pledge_min` of free `mei`, and shows that it has the consensus key. No key serves twice.
//! - STAKING-4: at the end of the first block of an epoch the `validators_max` most powerful candidates are elected. Power is
//!   `pledge / pledge_unit` and what genesis granted; from five validators on none has more than a quarter of the total.
//! - STAKING-5: who leaves votes until the next election; the pledge comes back `unbonding_ms` after that, by itself.
//! - STAKING-6: a validator that missed `misses_max` pulses, and more than half of them, is jailed.
//! - STAKING-7: evidence costs `slash_permille` of the pledge and the seat for good. It is burnt, but for a tenth to who reported it (rules 2).
//! - STAKING-8: the set is never empty: the last ones stay whatever they did.
//! - STAKING-9: a change is known a whole block before it holds: a node that decides a height knows who votes on the next.
//! - STAKING-10: a key change holds from the next election on; the old key can be convicted for `unbonding_ms` more.
//! - STAKING-11: newer rules come at an election, when more than two thirds of the power, elected and present, are ready for them.
//! - STAKING-12: absence takes out nobody where fewer than four would stay, nor a quarter of the power or more within an unbonding time.
//! - STAKING-13: newcomers have together at most a quarter of the power until they have signed a block.
//! - STAKING-14: a full roster makes room for a greater pledge, where one that was never elected is on it.

mod absence;
mod calls;
mod election;
mod errors;
mod events;
mod faults;
mod keys;
mod pay;
mod power;
mod recovery;
mod types;
pub mod views;

pub use calls::{Call, apply};
pub use election::knows as knows_rules;
pub use errors::Error;
pub use events::Event;
pub use faults::{Unconvincing, check_evidence};
pub use recovery::Unseatable;
pub use types::{Contact, Epoch, NextKey, Service, Stake, Standing};

pub(crate) use election::end_block;
pub(crate) use pay::pay_signers;
pub(crate) use recovery::reseat;

use leither_state::{Fault, Overlay};
use leither_types::{List, Millis, Params, ValidatorSet};
use types::Owner;

/// Candidates at one time, those that wait for release included.
pub const ROSTER_MAX: usize = 256;

/// The founders at genesis. Nothing where two of them share an operator.
pub(crate) fn begin(state: &mut Overlay, set: &ValidatorSet, params: &Params, time: Millis) -> Option<()> {
    for item in [keys::SET, keys::BEFORE, keys::AFTER] {
        item.put(state, set);
    }
    keys::EPOCH.put(state, &Epoch { number: time / params.epoch_ms.max(1), elected_at: 0 });
    let mut roster = Vec::new();
    for founder in set.iter() {
        let stake = Stake {
            key: founder.key,
            contact: None,
            pledge: leither_types::Amount::ZERO,
            granted: founder.power,
            standing: Standing::Active,
            next_key: None,
            ready: params.version,
            // Genesis vouches for them.
            service: Service::Proven,
        };
        keys::STAKE.put(state, &founder.operator, &stake);
        keys::OWNER.put(state, &founder.id(), &Owner::of(founder.operator, founder.key));
        roster.push(founder.operator);
    }
    roster.sort_unstable();
    if roster.windows(2).any(|pair| pair[0] == pair[1]) {
        return None;
    }
    keys::ROSTER.put(state, &List::new(roster)?);
    Some(())
}

/// What the state must have from genesis on.
fn there<T>(found: Option<T>, what: &str) -> Result<T, Fault> {
    found.ok_or_else(|| Fault::Corrupt(format!("no {what} in the state")))
}

//! `leither recover …`: a new start where more than a third of the power has gone for good, and the chain stands still.
//!
//! ```text
//! each owner     recover offer OFFER       a consensus key with the proof that it is there
//! one of them    recover plan PLAN         the old chain's last block, the new validators: the genesis of the new chain, one small file
//! each survivor  recover start PLAN        checks it against its own books, and makes the new chain's database of them
//! a new device   init --genesis PLAN, run  takes the state from a survivor, and checks it by the roots in the plan
//! ```
//! Equal plans make equal chains: whoever starts by the same file has the same genesis, state and chain id. What was signed for one chain
//! counts for nothing on the other (RECOVER-11). Rules: spec/recovery.md.

mod offer;
mod plan;
mod source;
mod stage;
mod start;
#[cfg(test)]
mod tests;

pub(super) use stage::is_cut_short;

use super::Session;
use crate::exit::Done;
use clap::Subcommand;
use leither_pallets::staking;
use leither_state::{Fault, Read};
use leither_types::{AccountId, ValidatorSet};
use serde_json::{Value, json};

/// A new start of a chain whose validators have gone.
#[derive(Subcommand, Debug)]
pub enum Recover {
    /// Writes an offer: this home's consensus key, which would keep the books of the new chain, and the proof that it is here.
    Offer(offer::Offer),
    /// Makes the plan of the new chain, which goes on from this home's newest block: one file, for all who take part.
    Plan(plan::Plan),
    /// Makes this home one of the new chain, if the plan is right by this home's own books. Nothing of the old chain is deleted.
    Start(start::Start),
}

impl Recover {
    pub(super) fn run(self, session: &Session) -> Done {
        match self {
            Recover::Offer(offer) => offer.run(session),
            Recover::Plan(plan) => plan.run(session),
            Recover::Start(start) => start.run(session),
        }
    }
}

/// Whom the plan seats, and whom it lets go, against the old chain's state.
fn shown_seats(old: &dyn Read, set: &ValidatorSet) -> Result<(Value, Value), Fault> {
    let before = staking::views::set(old)?;
    let is_old = |operator: &AccountId| before.iter().any(|seat| seat.operator == *operator);
    let seats = set.iter().map(|seat| {
        json!({
            "validator": seat.id().to_string(),
            "operator": seat.operator.to_string(),
            "power": seat.power.to_string(),
            "new": !is_old(&seat.operator),
        })
    });
    let gone = before.iter().filter(|seat| !set.iter().any(|new| new.operator == seat.operator));
    let gone = gone.map(|seat| Value::from(seat.operator.to_string()));
    Ok((seats.collect(), gone.collect()))
}

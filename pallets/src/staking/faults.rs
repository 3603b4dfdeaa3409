use super::absence;
use super::election::remove;
use super::types::{Owner, Standing};
use super::{Event, keys, pay, there};
use crate::{Ctx, accounts, tokens};
use leither_state::{Fault, Read};
use leither_types::{AccountId, Amount, Evidence, Hash, Millis, TokenId, Validator};

/// The part of a penalty that the proposer gets who put the evidence in a block, from the second version of the rules on: a tenth.
const REPORTER_PART: u128 = 10;

/// Why evidence makes a block invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unconvincing {
    /// No key of that name was ever bound, or its pledge has gone back.
    #[error("the accused is unknown, has gone, or has not voted by that key for so long that nothing counts any more")]
    Unknown,
    /// Convicted already, or twice in this block.
    #[error("the accused was convicted already")]
    Convicted,
    /// EVIDENCE-1.
    #[error("it shows nothing that an honest validator would not sign")]
    Innocent,
}

/// EVIDENCE-2: whether every proof convicts somebody who was not convicted before, by a committed state and the time of its block. All evidence
/// in a block is good, or the block is not.
pub fn check_evidence(
    state: &dyn Read,
    chain: &Hash,
    time: Millis,
    evidence: &[Evidence],
) -> Result<Result<(), (usize, Unconvincing)>, Fault> {
    let mut accused: Vec<AccountId> = Vec::new();
    for (index, proof) in evidence.iter().enumerate() {
        let owner = keys::OWNER.read(state, &proof.offender())?.filter(|owner| owner.until.is_none_or(|until| time < until));
        let Some(owner) = owner else { return Ok(Err((index, Unconvincing::Unknown))) };
        let Some(stake) = keys::STAKE.read(state, &owner.operator)? else { return Ok(Err((index, Unconvincing::Unknown))) };
        if matches!(stake.standing, Standing::Ejected { .. }) || owner.convicted || accused.contains(&owner.operator) {
            return Ok(Err((index, Unconvincing::Convicted)));
        }
        if !proof.is_valid(chain, &owner.key) {
            return Ok(Err((index, Unconvincing::Innocent)));
        }
        accused.push(owner.operator);
    }
    Ok(Ok(()))
}

/// STAKING-7: what was proven is punished.
pub(super) fn punish(ctx: &mut Ctx<'_>, evidence: &[Evidence], proposer: Option<&Validator>) -> Result<(), Fault> {
    for proof in evidence {
        // Judged by the parent's state: a transaction of this block may have displaced it (STAKING-14), which takes only who never voted.
        let Some(owner) = keys::OWNER.get(ctx.state, &proof.offender())? else { continue };
        let operator = owner.operator;
        let Some(mut stake) = keys::STAKE.get(ctx.state, &operator)? else { continue };
        let lost = stake.pledge.share(u128::from(ctx.block.params.slash_permille.min(1_000)), 1_000);
        let lost = there(lost, "amount of a penalty")?;
        stake.pledge = there(stake.pledge.minus(lost), "pledge beyond a penalty")?;
        stake.next_key = None;
        stake.standing = Standing::Ejected { release: ctx.block.time.saturating_add(ctx.block.params.unbonding_ms) };
        keys::STAKE.put(ctx.state, &operator, &stake);
        keys::OWNER.put(ctx.state, &proof.offender(), &Owner { convicted: true, ..owner });
        remove(ctx.state, &operator)?;
        absence::forget(ctx.state, &operator)?;
        seize(ctx, &operator, lost, proposer.map(|v| v.operator))?;
        ctx.emit(Event::Slashed { operator, validator: proof.offender(), height: proof.height(), amount: lost });
    }
    Ok(())
}

/// Burns it, but for what the reporter gets.
fn seize(ctx: &mut Ctx<'_>, operator: &AccountId, lost: Amount, reporter: Option<AccountId>) -> Result<(), Fault> {
    if lost.is_zero() {
        return Ok(());
    }
    accounts::unlock(ctx.state, &TokenId::NATIVE, operator, lost)?;
    let taken = accounts::take(ctx.state, &TokenId::NATIVE, operator, lost);
    taken.map_err(|_| Fault::Corrupt("a pledge that was unlocked is not free".into()))?;
    let mut burnt = lost;
    if ctx.block.params.version >= 2 {
        let reward = Amount::new(lost.0 / REPORTER_PART);
        if let Some(reporter) = reporter.filter(|reporter| reporter != operator && !reward.is_zero()) {
            pay::add(ctx, &reporter, reward)?;
            ctx.emit(Event::Paid { operator: reporter, amount: reward });
            burnt = there(lost.minus(reward), "penalty")?;
        }
    }
    tokens::burn_fee(ctx.state, burnt)
}

use super::{Event, keys, there};
use crate::{Ctx, Stop, accounts, tokens};
use leither_state::Fault;
use leither_types::{AccountId, Amount, Certificate, TokenId};
use primitive_types::U256;

/// STAKING-1, STAKING-2: divides the fees of a block, which were already taken from the payers.
pub(crate) fn pay_signers(ctx: &mut Ctx<'_>, fees: Amount, certificate: &Certificate) -> Result<(), Fault> {
    let set = there(keys::BEFORE.get(ctx.state)?, "former validator set")?;
    let broken = || Fault::Corrupt("fees beyond the supply".into());
    let signers: Vec<_> = certificate.signatures.iter().filter_map(|commit| set.get(&commit.validator)).collect();
    let power: u128 = signers.iter().map(|v| u128::from(v.power)).sum();
    let half = Amount::new(fees.0 / 2);
    let mut paid = Amount::ZERO;
    for validator in signers {
        let share = part_of(half, validator.power, power).ok_or_else(broken)?;
        let fresh = part_of(ctx.block.params.emission, validator.power, power).ok_or_else(broken)?;
        if !share.is_zero() {
            add(ctx, &validator.operator, share)?;
            ctx.emit(Event::Paid { operator: validator.operator, amount: share });
            paid = paid.plus(share).ok_or_else(broken)?;
        }
        if !fresh.is_zero() {
            // A full supply ends emission; it is no fault.
            let _ended = match tokens::issue(ctx, &TokenId::NATIVE, &validator.operator, fresh) {
                Err(Stop::Fault(fault)) => return Err(fault),
                other => other,
            };
        }
    }
    let burnt = fees.minus(paid).ok_or_else(broken)?;
    if !burnt.is_zero() {
        tokens::burn_fee(ctx.state, burnt)?;
        ctx.emit(Event::Burnt { amount: burnt });
    }
    Ok(())
}

/// `amount * power / all`, rounded down. Amount and power together leave 128 bits, so 256 are used: valid fees must never be a fault.
fn part_of(amount: Amount, power: u64, all: u128) -> Option<Amount> {
    let part = U256::from(amount.0).checked_mul(U256::from(power))?.checked_div(U256::from(all))?;
    u128::try_from(part).ok().map(Amount::new)
}

pub(super) fn add(ctx: &mut Ctx<'_>, to: &AccountId, amount: Amount) -> Result<(), Fault> {
    match accounts::add(ctx.state, &TokenId::NATIVE, to, amount) {
        Ok(()) => Ok(()),
        Err(Stop::Fault(fault)) => Err(fault),
        // The supply is below the cap, so no balance can pass it.
        Err(Stop::Reject(_)) => Err(Fault::Corrupt("a balance beyond the supply".into())),
    }
}

//! TOKENS-8: dividing an amount among several, to the last unit.

use super::types::{Share, WHOLE_BP};
use super::{Error, pay};
use crate::{Ctx, Stop, accounts};
use leither_types::{AccountId, Amount, TokenId};

/// Whether the shares are one whole.
pub(crate) fn check_shares(shares: &[Share]) -> Result<(), Error> {
    let sum: u32 = shares.iter().map(|share| u32::from(share.bp)).sum();
    if sum == u32::from(WHOLE_BP) { Ok(()) } else { Err(Error::Shares { sum }) }
}

/// What each gets: the whole units of its share, the first besides what is left over, which is less than a unit for each of them.
pub(crate) fn parts(amount: Amount, shares: &[Share]) -> Result<Vec<Amount>, Stop> {
    check_shares(shares)?;
    let overflow = || Stop::from(accounts::Error::Overflow);
    let part = |share: &Share| amount.share(u128::from(share.bp), u128::from(WHOLE_BP)).ok_or_else(overflow);
    let mut parts = shares.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let given = parts.iter().try_fold(Amount::ZERO, |sum, part| sum.plus(*part)).ok_or_else(overflow)?;
    let rest = amount.minus(given).ok_or_else(overflow)?;
    if let Some(first) = parts.first_mut() {
        *first = first.plus(rest).ok_or_else(overflow)?;
    }
    Ok(parts)
}

/// Divides what `from` has free. A share that comes to nothing, and one of the payer's own, moves nothing.
pub(crate) fn split(ctx: &mut Ctx<'_>, token: &TokenId, from: &AccountId, amount: Amount, shares: &[Share]) -> Result<(), Stop> {
    if amount.is_zero() {
        return Err(Error::Nothing.into());
    }
    let have = ctx.state.holding(token, from)?.free;
    if have < amount {
        return Err(accounts::Error::Short { have, need: amount }.into());
    }
    for (share, part) in shares.iter().zip(parts(amount, shares)?) {
        if share.to != *from && !part.is_zero() {
            pay(ctx, token, from, &share.to, part)?;
        }
    }
    Ok(())
}

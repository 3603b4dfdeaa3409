//! Shares of income by an index: O(1) an income, however many holders (TOKENS-3 to TOKENS-6).
//!
//! Amounts are scaled by 2^128. All that was ever issued of a token is below 2^96, and so is one income; what waits in a pot is, too,
//! so that product and accrual stay below 2^224. Only the index grows with all that was ever paid in: to leave 256 bits, 2^32 times a
//! whole supply must have been shared by a single smallest unit. The income that would do it is refused.

use super::{Error, Event, TokenInfo, keys};
use crate::{Ctx, Stop, accounts};
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Amount, TokenId, tagged};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use primitive_types::U256;

const SCALE_BITS: usize = 128;
/// Income tokens that may ever have moved an index of one token. Each is settled whenever a balance changes, so that they must be few
/// for ever: what is settled in part would let later units earn from earlier income.
pub(crate) const INCOMES_MAX: usize = 8;

/// What one unit has earned of one income token since the beginning, times 2^128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Index {
    per_unit: [u64; 4],
    /// What the last division, rounded up, gave too much, times 2^128: comes off the next. It is less than the units, so less than 2^-32
    /// smallest units of the income: all holders' accruals together exceed the pot by that at most, and as only whole units are paid, the
    /// pot always suffices. Rounded down, a sole holder would be paid 76 of 77.
    debt: [u64; 4],
}

impl Index {
    /// What a unit has earned, times 2^128.
    pub(crate) fn decimal(&self) -> String {
        U256(self.per_unit).to_string()
    }
}

/// What one holder has earned of one income token and not yet taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Accrual {
    /// The index up to which `owed` reckons.
    at: [u64; 4],
    /// Times 2^128: fractions of a unit are kept, not lost.
    owed: [u64; 4],
}

impl Accrual {
    /// What can be paid: whole smallest units.
    pub fn whole(&self) -> Amount {
        Amount::new((U256(self.owed) >> SCALE_BITS).low_u128())
    }
}

/// The account in which income waits: nobody has a key to it.
pub(crate) fn pot(token: &TokenId) -> AccountId {
    let mut id = [0u8; 20];
    id.copy_from_slice(&tagged("leither/pot/v1", &[&token.0]).0[..20]);
    AccountId(id)
}

/// TOKENS-5: whether income waits in this account.
///
/// What somebody sent there before its token was founded is not counted as waiting. So its share of an income stays in the pot for good,
/// which is the giver's loss alone; and claims, which are of counted income only, never take more out than was counted.
pub(crate) fn is_pot(state: &Overlay, who: &AccountId) -> Result<bool, Fault> {
    keys::POT.has(state, who)
}

/// The units of an organization's token that earn and can be cast: all but the treasury's own and those that wait in pots.
pub(crate) fn outstanding(state: &Overlay, token: &TokenId) -> Result<Amount, Fault> {
    let broken = || Fault::Corrupt("more units held than issued".into());
    let info = keys::TOKEN.get(state, token)?.ok_or_else(broken)?;
    let treasury = info.org.ok_or_else(broken)?.treasury();
    let own = state.holding(token, &treasury)?.total().ok_or_else(broken)?;
    info.supply().and_then(|supply| supply.minus(own)?.minus(info.waiting)).ok_or_else(broken)
}

/// The accrual brought up to the index for a holder of `units`.
pub(crate) fn settled(accrual: &Accrual, index: &Index, units: Amount) -> Result<Accrual, Fault> {
    let broken = || Fault::Corrupt("a dividend index beyond 256 bits".into());
    let grown = U256(index.per_unit).checked_sub(U256(accrual.at)).ok_or_else(broken)?;
    let more = grown.checked_mul(U256::from(units.0)).ok_or_else(broken)?;
    let owed = U256(accrual.owed).checked_add(more).ok_or_else(broken)?;
    Ok(Accrual { at: index.per_unit, owed: owed.0 })
}

/// TOKENS-4: books what `holder` has earned so far, in every income token, before its units change.
pub(crate) fn settle(state: &mut Overlay, token: &TokenId, info: &TokenInfo, holder: &AccountId) -> Result<(), Fault> {
    // TOKENS-5: the treasury's own units earn nothing, nor do those in a pot.
    let Some(org) = info.org else { return Ok(()) };
    if *holder == org.treasury() || is_pot(state, holder)? {
        return Ok(());
    }
    let units = state.holding(token, holder)?.total().ok_or_else(|| Fault::Corrupt("a holding beyond 128 bits".into()))?;
    // A charter has at most four income tokens at a time, but may have changed them: all that ever moved an index count.
    for ((_, income), index) in keys::INDEX.scan(state, token, None, INCOMES_MAX)? {
        let key = (*token, *holder, income);
        let was = keys::ACCRUAL.get(state, &key)?;
        let now = settled(&was.unwrap_or_default(), &index, units)?;
        if was != Some(now) {
            keys::ACCRUAL.put(state, &key, &now);
        }
    }
    Ok(())
}

/// Removes what says nothing: the rows of a holder who has no units and is owed nothing in them. Whoever comes to units again is settled
/// before, so that they earn from then on.
pub(crate) fn forget(state: &mut Overlay, token: &TokenId, holder: &AccountId) -> Result<(), Fault> {
    let units = state.holding(token, holder)?.total().ok_or_else(|| Fault::Corrupt("a holding beyond 128 bits".into()))?;
    if !units.is_zero() {
        return Ok(());
    }
    for (key, accrual) in keys::ACCRUAL.scan(state, &(*token, *holder), None, INCOMES_MAX)? {
        if accrual.owed == [0; 4] {
            keys::ACCRUAL.remove(state, &key);
        }
    }
    Ok(())
}

/// TOKENS-3: the holders' part of an income, which already lies in the pot, moves the index. Says how many units share it; none: the
/// caller gives the income to the treasury instead, and nothing is moved here.
pub(crate) fn share_out(ctx: &mut Ctx<'_>, token: &TokenId, income: &TokenId, amount: Amount) -> Result<Amount, Stop> {
    let broken = || Fault::Corrupt("a dividend's debt beyond the income".into());
    let units = outstanding(ctx.state, token)?;
    if units.is_zero() || amount.is_zero() {
        return Ok(units);
    }
    let key = (*token, *income);
    let index = match keys::INDEX.get(ctx.state, &key)? {
        Some(index) => index,
        None if keys::INDEX.scan(ctx.state, token, None, INCOMES_MAX)?.len() < INCOMES_MAX => Index::default(),
        None => return Err(Error::TooManyIncomes.into()),
    };
    // The debt is below 2^96, the amount at least 2^128 when scaled.
    let scaled = (U256::from(amount.0) << SCALE_BITS).checked_sub(U256(index.debt)).ok_or_else(broken)?;
    let (down, over) = scaled.div_mod(U256::from(units.0));
    let (step, debt) = if over.is_zero() { (down, over) } else { (down + U256::one(), U256::from(units.0) - over) };
    let per_unit = U256(index.per_unit).checked_add(step).ok_or(Error::SupplyFull)?;
    keys::INDEX.put(ctx.state, &key, &Index { per_unit: per_unit.0, debt: debt.0 });
    ctx.emit(Event::Shared { token: *token, income: *income, amount, units });
    Ok(units)
}

/// TOKENS-6: pays out the whole units that have accrued. Says how much; less than `least`: nothing is paid.
pub(crate) fn claim(
    ctx: &mut Ctx<'_>,
    token: &TokenId,
    holder: &AccountId,
    income: &TokenId,
    least: Amount,
) -> Result<Amount, Stop> {
    let info = keys::TOKEN.get(ctx.state, token)?.ok_or(Error::Unknown)?;
    settle(ctx.state, token, &info, holder)?;
    let key = (*token, *holder, *income);
    let accrual = keys::ACCRUAL.get(ctx.state, &key)?.unwrap_or_default();
    let whole = accrual.whole();
    if whole.is_zero() || whole < least {
        forget(ctx.state, token, holder)?;
        return Ok(Amount::ZERO);
    }
    let rest = U256(accrual.owed) - (U256::from(whole.0) << SCALE_BITS);
    keys::ACCRUAL.put(ctx.state, &key, &Accrual { owed: rest.0, ..accrual });
    forget(ctx.state, token, holder)?;
    // An income token may itself be an organization's: the receiver's dividends of it are settled like in any payment.
    if *income != TokenId::NATIVE {
        let mut paid_in = keys::TOKEN.get(ctx.state, income)?.ok_or(Error::Unknown)?;
        settle(ctx.state, income, &paid_in, holder)?;
        let broken = || Fault::Corrupt("more units claimed than wait in pots".into());
        paid_in.waiting = paid_in.waiting.minus(whole).ok_or_else(broken)?;
        keys::TOKEN.put(ctx.state, income, &paid_in);
    }
    accounts::take(ctx.state, income, &pot(token), whole)?;
    accounts::add(ctx.state, income, holder, whole)?;
    ctx.emit(Event::Claimed { token: *token, holder: *holder, income: *income, amount: whole });
    Ok(whole)
}

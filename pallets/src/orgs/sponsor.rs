//! ORG-13: the organization pays its members' fees, up to a daily allowance each. Asked by chain/executor before a fee is taken.

use super::{Error, keys, views};
use crate::Stop;
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Amount, Millis, OrgId};

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Whether `payer` is an organization that would pay `fee` for `member` now; says which, and how much of the day's allowance is left,
/// this fee included. Nothing is booked.
pub fn may_pay_for(
    state: &Overlay,
    payer: &AccountId,
    member: &AccountId,
    fee: Amount,
    time: Millis,
) -> Result<(OrgId, Amount), Stop> {
    let id = OrgId(payer.0);
    let org = views::get(state, &id)?.ok_or(Error::Unknown)?;
    if !keys::MEMBER.has(state, &(id, *member))? {
        return Err(Error::NoAllowance.into());
    }
    let used = used_today(state, &id, member, time)?;
    match org.charter.allowance.minus(used) {
        Some(left) if fee <= left => Ok((id, left)),
        _ => Err(Error::NoAllowance.into()),
    }
}

/// Books a fee that the organization has paid.
pub fn charge_allowance(state: &mut Overlay, org: &OrgId, member: &AccountId, fee: Amount, time: Millis) -> Result<(), Stop> {
    let used = used_today(state, org, member, time)?.plus(fee).ok_or(Error::NoAllowance)?;
    keys::ALLOWANCE.put(state, &(*org, *member), &(time / DAY_MS, used));
    Ok(())
}

/// Clears what a member who goes has used, unless it is of today: who comes back the same day has no second allowance.
pub(crate) fn forget_allowance(state: &mut Overlay, org: &OrgId, member: &AccountId, time: Millis) -> Result<(), Fault> {
    let key = (*org, *member);
    if keys::ALLOWANCE.get(state, &key)?.is_some_and(|(day, _)| day != time / DAY_MS) {
        keys::ALLOWANCE.remove(state, &key);
    }
    Ok(())
}

fn used_today(state: &Overlay, org: &OrgId, member: &AccountId, time: Millis) -> Result<Amount, Stop> {
    let used = keys::ALLOWANCE.get(state, &(*org, *member))?;
    Ok(used.filter(|(day, _)| *day == time / DAY_MS).map(|(_, amount)| amount).unwrap_or_default())
}

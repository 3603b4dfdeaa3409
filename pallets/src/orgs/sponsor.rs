//! Fees that the organization pays: its members', up to a daily allowance each (ORG-13), and those of whoever executes a contract that it has
//! named for that, up to limits of a day (ORG-20). Asked by chain/executor before a fee is taken.

use super::contract::require_mandate;
use super::members::require;
use super::types::Cover;
use super::{Error, Event, keys, views};
use crate::{Ctx, Stop};
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Amount, Millis, OrgId, TokenId};

const DAY_MS: u64 = 24 * 3600 * 1000;
/// Contracts of one organization whose users' fees it pays.
pub(crate) const COVERS_MAX: usize = 16;

/// An organization that would pay a fee now.
#[derive(Clone, Copy, Debug)]
pub struct Sponsor {
    /// Which.
    pub org: OrgId,
    /// ORG-20: for the users of which contract; nothing: for its member.
    covers: Option<AccountId>,
    /// How much of the day's limits is left, this fee included.
    pub left: Amount,
}

/// Whether `payer` is an organization that would pay `fee` now for `user`, who executes `contract` and does nothing else: asked where a
/// membership is not enough. Nothing is booked.
pub fn may_pay_for(
    state: &Overlay,
    payer: &AccountId,
    user: &AccountId,
    contract: impl FnOnce() -> Option<AccountId>,
    fee: Amount,
    time: Millis,
) -> Result<Sponsor, Stop> {
    let id = OrgId(payer.0);
    let org = views::get(state, &id)?.ok_or(Error::Unknown)?;
    if keys::MEMBER.has(state, &(id, *user))? {
        let used = today(keys::ALLOWANCE.get(state, &(id, *user))?, time);
        if let Some(left) = org.charter.allowance.minus(used).filter(|left| fee <= *left) {
            return Ok(Sponsor { org: id, covers: None, left });
        }
    }
    let contract = contract().ok_or(Error::NoAllowance)?;
    let cover = keys::COVER.get(state, &(id, contract))?.ok_or(Error::NoAllowance)?;
    let of_day = cover.per_day.minus(today(keys::COVERED.get(state, &(id, contract))?, time));
    let left = of_day.map(|left| left.min(cover.per_use)).filter(|left| fee <= *left);
    Ok(Sponsor { org: id, covers: Some(contract), left: left.ok_or(Error::NoAllowance)? })
}

/// Books a fee that the organization has paid.
pub fn charge_sponsor(state: &mut Overlay, sponsor: &Sponsor, user: &AccountId, fee: Amount, time: Millis) -> Result<(), Stop> {
    let org = sponsor.org;
    let more = |used| Ok::<_, Stop>((time / DAY_MS, today(used, time).plus(fee).ok_or(Error::NoAllowance)?));
    let Some(contract) = sponsor.covers else {
        let used = more(keys::ALLOWANCE.get(state, &(org, *user))?)?;
        keys::ALLOWANCE.put(state, &(org, *user), &used);
        return Ok(());
    };
    let used = more(keys::COVERED.get(state, &(org, contract))?)?;
    keys::COVERED.put(state, &(org, contract), &used);
    Ok(())
}

/// ORG-20: a contract that is the organization's no more has nobody's fees paid, unless a vote says so anew. What was paid today stays known.
pub(crate) fn end_cover(ctx: &mut Ctx<'_>, id: &OrgId, contract: &AccountId) {
    keys::COVER.remove(ctx.state, &(*id, *contract));
}

/// ORG-20: what is paid for a contract's users. Its consensus contract may say so for itself, of no more a day than it may spend in an epoch.
pub(crate) fn cover(ctx: &mut Ctx<'_>, id: &OrgId, contract: &AccountId, cover: Cover) -> Result<(), Stop> {
    require(ctx, id)?;
    if ctx.mandated(id) == Some(*contract) {
        let bound = require_mandate(ctx, id)?;
        let limit = bound.mandate.spend.iter().find(|limit| limit.token == TokenId::NATIVE).map(|limit| limit.amount);
        let left = limit.unwrap_or_default();
        if cover.per_day > left {
            return Err(Error::OverMandate { left }.into());
        }
    } else if !ctx.acts_as(id) {
        return Err(Error::OnlyByVote.into());
    }
    let key = (*id, *contract);
    if cover.per_day.is_zero() {
        keys::COVER.remove(ctx.state, &key);
    } else {
        let is_full = keys::COVER.scan(ctx.state, id, None, COVERS_MAX)?.len() >= COVERS_MAX;
        if is_full && !keys::COVER.has(ctx.state, &key)? {
            return Err(Error::TooMany { max: COVERS_MAX as u32 }.into());
        }
        keys::COVER.put(ctx.state, &key, &cover);
    }
    let Cover { per_use, per_day } = cover;
    ctx.emit(Event::FeesCovered { org: *id, contract: *contract, per_use, per_day });
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

/// What was used on the day of `time`.
pub(crate) fn today(used: Option<(u64, Amount)>, time: Millis) -> Amount {
    used.filter(|(day, _)| *day == time / DAY_MS).map(|(_, amount)| amount).unwrap_or_default()
}

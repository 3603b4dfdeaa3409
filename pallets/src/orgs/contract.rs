//! The consensus contract: which one, what it may do as the organization, and how much of it is left (ORG-15 to ORG-18).

use super::members::require;
use super::sponsor::end_cover;
use super::types::{Binding, Mandate, Org};
use super::{Error, Event, keys, views};
use crate::tokens::{self, Share};
use crate::{Ctx, Stop};
use leither_types::{AccountId, Amount, List, OrgId, TokenId};

/// Tables of one organization.
pub(crate) const TABLES_MAX: u32 = 64;

/// ORG-15, ORG-17: names the contract, or none. That it is one, and that nobody can change it but the organization, the caller has settled.
pub(crate) fn bind(ctx: &mut Ctx<'_>, id: &OrgId, contract: Option<&AccountId>, mandate: &Mandate) -> Result<(), Stop> {
    let org = require(ctx, id)?;
    if !mandate.is_sound() {
        return Err(Error::Mandate.into());
    }
    let before = keys::BINDING.get(ctx.state, id)?;
    let may = ctx.acts_as(id) || (before.is_none() && are_founders(ctx, &org));
    if !may {
        return Err(Error::OnlyByVote.into());
    }
    if let Some(before) = before {
        keys::OF_CONTRACT.remove(ctx.state, &before.contract);
        end_cover(ctx, id, &before.contract);
        keys::BINDING.remove(ctx.state, id);
    }
    if let Some(contract) = contract {
        if keys::OF_CONTRACT.has(ctx.state, contract)? {
            return Err(Error::BoundElsewhere.into());
        }
        let spent = mandate.unspent();
        let (epoch, since) = (ctx.block.epoch(), ctx.block.height);
        let binding =
            Binding { contract: *contract, mandate: mandate.clone(), epoch, issued: Amount::ZERO, spent, since, tx: ctx.tx.id };
        keys::BINDING.put(ctx.state, id, &binding);
        keys::OF_CONTRACT.put(ctx.state, contract, id);
    }
    ctx.emit(Event::Bound { org: *id, contract: contract.copied() });
    Ok(())
}

/// Whether those who founded it are still all there is of it, and all have signed: nobody else could be harmed.
fn are_founders(ctx: &Ctx<'_>, org: &Org) -> bool {
    let supervisors = &org.charter.supervisors;
    !org.issued && org.members as usize == supervisors.len() && supervisors.iter().all(|who| ctx.has_signed(who))
}

/// ORG-16: the organization's contract acts, whose mandate is reckoned for this epoch.
pub(crate) fn require_mandate(ctx: &Ctx<'_>, id: &OrgId) -> Result<Binding, Stop> {
    let bound = views::binding_now(ctx.state, id, ctx.block.epoch())?;
    bound.filter(|bound| ctx.mandated(id) == Some(bound.contract)).ok_or(Error::NoMandate.into())
}

/// ORG-16: membership and roles.
pub(crate) fn require_members_power(ctx: &Ctx<'_>, id: &OrgId) -> Result<(), Stop> {
    if require_mandate(ctx, id)?.mandate.members { Ok(()) } else { Err(Error::NoMandate.into()) }
}

/// ORG-16: books units that the contract issues.
pub(crate) fn book_issue(ctx: &mut Ctx<'_>, id: &OrgId, amount: Amount) -> Result<(), Stop> {
    let mut bound = require_mandate(ctx, id)?;
    let left = bound.issue_left();
    bound.issued = bound.issued.plus(amount).filter(|_| amount <= left).ok_or(Error::OverMandate { left })?;
    keys::BINDING.put(ctx.state, id, &bound);
    Ok(())
}

/// ORG-16: books what the contract takes out of the treasury.
pub(crate) fn book_spending(ctx: &mut Ctx<'_>, id: &OrgId, token: &TokenId, amount: Amount) -> Result<(), Stop> {
    let mut bound = require_mandate(ctx, id)?;
    let place = bound.mandate.spend.iter().position(|limit| limit.token == *token).ok_or(Error::NoMandate)?;
    let left = bound.spend_left(place);
    let mut spent = bound.spent.to_vec();
    let entry = spent.get_mut(place).ok_or(Error::NoMandate)?;
    *entry = entry.plus(amount).filter(|_| amount <= left).ok_or(Error::OverMandate { left })?;
    bound.spent = List::new(spent).ok_or(Error::Mandate)?;
    keys::BINDING.put(ctx.state, id, &bound);
    Ok(())
}

/// ORG-18: keeps shares for everybody to see; none removes them.
pub(crate) fn set_table(ctx: &mut Ctx<'_>, id: &OrgId, table: u32, shares: &[Share]) -> Result<(), Stop> {
    require_mandate(ctx, id)?;
    if table >= TABLES_MAX {
        return Err(Error::TooMany { max: TABLES_MAX }.into());
    }
    let key = (*id, table);
    if shares.is_empty() {
        keys::TABLE.remove(ctx.state, &key);
    } else {
        tokens::check_shares(shares)?;
        let shares = List::new(shares.to_vec()).ok_or(Error::TooMany { max: tokens::SHARES_MAX as u32 })?;
        keys::TABLE.put(ctx.state, &key, &shares);
    }
    ctx.emit(Event::TableSet { org: *id, table });
    Ok(())
}

//! Issuing for work, taking income, sharing it out.

use super::members::{require, require_supervisors};
use super::types::{Entry, EntryKind, Org, Role, Via};
use super::{Error, Event, charter::ALL_BP, contract, keys};
use crate::{Ctx, Stop, tokens};
use leither_types::{AccountId, Amount, Hash, OrgId, Text, TokenId};

/// What units are issued for.
pub(crate) struct Work<'a> {
    pub to: &'a AccountId,
    pub amount: Amount,
    pub role: Role,
    pub reason: &'a Text<128>,
    pub evidence: &'a Hash,
}

/// ORG-7, ORG-8: k supervisors within the cap, or a vote.
pub(crate) fn issue(ctx: &mut Ctx<'_>, id: &OrgId, work: &Work<'_>) -> Result<(), Stop> {
    let mut org = require(ctx, id)?;
    if ctx.mandated(id).is_none() {
        require_supervisors(ctx, id, &org)?;
    }
    if work.reason.trim().is_empty() || *work.evidence == Hash::ZERO {
        return Err(Error::NoReason.into());
    }
    let member = keys::MEMBER.get(ctx.state, &(*id, *work.to))?.ok_or(Error::NotMember)?;
    if !member.roles.has(work.role) {
        return Err(Error::NotInRole.into());
    }
    let via = if let Some(contract) = ctx.mandated(id) {
        contract::book_issue(ctx, id, work.amount)?;
        Via::Contract(contract)
    } else if ctx.acts_as(id) {
        Via::Proposal(ctx.proposal)
    } else {
        spend_cap(ctx, &mut org, work.amount)?;
        Via::Supervisors
    };
    tokens::issue(ctx, &org.token, work.to, work.amount)?;
    org.issued = true;
    let kind = EntryKind::Issuance {
        to: *work.to,
        amount: work.amount,
        role: work.role,
        reason: work.reason.clone(),
        evidence: *work.evidence,
        via,
    };
    record(ctx, id, &mut org, kind)
}

/// ORG-8.
fn spend_cap(ctx: &Ctx<'_>, org: &mut Org, amount: Amount) -> Result<(), Stop> {
    let epoch = ctx.block.epoch();
    if org.epoch != epoch {
        org.epoch = epoch;
        org.issued_now = Amount::ZERO;
    }
    let left = org.charter.issuance_cap.minus(org.issued_now).unwrap_or(Amount::ZERO);
    if amount > left {
        return Err(Error::OverCap { left }.into());
    }
    org.issued_now = org.issued_now.plus(amount).ok_or(Error::OverCap { left })?;
    Ok(())
}

/// ORG-12: the charter's share to the treasury, the rest to the holders; without holders all of it to the treasury.
pub(crate) fn income(ctx: &mut Ctx<'_>, id: &OrgId, token: &TokenId, amount: Amount, note: &Text<128>) -> Result<(), Stop> {
    let mut org = require(ctx, id)?;
    if !org.charter.income_tokens.contains(token) {
        return Err(Error::NotIncomeToken.into());
    }
    if amount.is_zero() {
        return Err(tokens::Error::Nothing.into());
    }
    let from = ctx.actor();
    // What stays in the treasury is not moved where the treasury itself pays, but it must be there.
    let have = ctx.state.holding(token, &from)?.free;
    if have < amount {
        return Err(crate::accounts::Error::Short { have, need: amount }.into());
    }
    let kept = amount
        .share(u128::from(org.charter.treasury_bp), u128::from(ALL_BP))
        .ok_or(crate::accounts::Error::Overflow)?;
    let shared = amount.minus(kept).ok_or(crate::accounts::Error::Overflow)?;
    let units = tokens::share_out(ctx, &org.token, token, shared)?;
    let (kept, shared) = if units.is_zero() { (amount, Amount::ZERO) } else { (kept, shared) };
    if !shared.is_zero() {
        tokens::pay(ctx, token, &from, &tokens::views::pot(&org.token), shared)?;
        if !org.charter.push_least.is_zero() {
            tokens::start_push(ctx, &org.token, token, org.charter.push_least)?;
        }
    }
    if !kept.is_zero() && from != id.treasury() {
        tokens::pay(ctx, token, &from, &id.treasury(), kept)?;
    }
    record(ctx, id, &mut org, EntryKind::Income { from, token: *token, amount, treasury: kept, note: note.clone() })
}

/// Takes what has accrued to the actor.
pub(crate) fn claim(ctx: &mut Ctx<'_>, id: &OrgId, token: &TokenId) -> Result<(), Stop> {
    let org = require(ctx, id)?;
    let holder = ctx.actor();
    if tokens::claim(ctx, &org.token, &holder, token, Amount::ZERO)?.is_zero() {
        return Err(tokens::Error::NothingAccrued.into());
    }
    Ok(())
}

pub(crate) fn record(ctx: &mut Ctx<'_>, id: &OrgId, org: &mut Org, kind: EntryKind) -> Result<(), Stop> {
    let number = org.entries;
    let entry = Entry { height: ctx.block.height, time: ctx.block.time, tx: ctx.tx.id, kind };
    keys::ENTRY.put(ctx.state, &(*id, number), &entry);
    org.entries = number.saturating_add(1);
    keys::ORG.put(ctx.state, id, org);
    ctx.emit(Event::Recorded { org: *id, entry: number });
    Ok(())
}

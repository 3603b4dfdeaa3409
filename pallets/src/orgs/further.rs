//! ORG-21: further tokens of an organization, for tickets, points, shares of a single work. They cast no votes and earn no dividends; each unit is
//! issued for a stated reason with evidence, up to a bound that was fixed when the token was made.

use super::contract::require_mandate;
use super::members::require;
use super::money::record;
use super::types::{EntryKind, Terms, Via};
use super::{Error, Event, keys};
use crate::tokens::{self, Symbol, TokenInfo};
use crate::{Ctx, Origin, Stop, accounts};
use leither_types::{AccountId, Amount, Hash, OrgId, SUPPLY_MAX, Text, TokenId};
use parity_scale_codec::Encode;

/// Of one organization.
pub(crate) const FURTHER_MAX: u32 = 64;

/// Makes one: a vote, or the consensus contract, which then issues it. The deposit is the treasury's.
pub(crate) fn create(
    ctx: &mut Ctx<'_>,
    id: &OrgId,
    symbol: &Symbol,
    decimals: u8,
    cap: Amount,
    minter: Option<AccountId>,
) -> Result<(), Stop> {
    require(ctx, id)?;
    let minter = match ctx.mandated(id) {
        Some(contract) => {
            // Who may issue nothing makes no tokens either.
            if require_mandate(ctx, id)?.mandate.issue_cap.is_zero() {
                return Err(Error::NoMandate.into());
            }
            Some(contract)
        }
        None if ctx.acts_as(id) => minter,
        None => return Err(Error::OnlyByVote.into()),
    };
    if cap.is_zero() {
        return Err(tokens::Error::Nothing.into());
    }
    if cap > SUPPLY_MAX {
        return Err(tokens::Error::SupplyFull.into());
    }
    let number = keys::FURTHER.scan(ctx.state, id, None, FURTHER_MAX as usize)?.len() as u32;
    if number >= FURTHER_MAX {
        return Err(Error::TooMany { max: FURTHER_MAX }.into());
    }
    let token = TokenId::further_of(id, number);
    let none = Amount::ZERO;
    let info = TokenInfo { org: Some(*id), symbol: symbol.clone(), decimals, issued: none, burned: none, waiting: none };
    let mut terms = Terms { org: *id, cap, minter, deposit: none };
    let bytes = info.encoded_size().saturating_add(terms.encoded_size());
    terms.deposit = accounts::deposit(ctx.state, &id.treasury(), bytes, ctx.block.params.byte_deposit)?;
    tokens::create(ctx, &token, &info)?;
    keys::TERMS.put(ctx.state, &token, &terms);
    keys::FURTHER.put(ctx.state, &(*id, number), &token);
    keys::OF_TOKEN.put(ctx.state, &token, id);
    ctx.emit(Event::TokenMade { org: *id, token, cap, minter });
    Ok(())
}

/// Names another minter, or none: a vote.
pub(crate) fn set_minter(ctx: &mut Ctx<'_>, token: &TokenId, minter: Option<AccountId>) -> Result<(), Stop> {
    let mut terms = keys::TERMS.get(ctx.state, token)?.ok_or(tokens::Error::Unknown)?;
    if !ctx.acts_as(&terms.org) {
        return Err(Error::OnlyByVote.into());
    }
    terms.minter = minter;
    keys::TERMS.put(ctx.state, token, &terms);
    ctx.emit(Event::MinterSet { org: terms.org, token: *token, minter });
    Ok(())
}

/// What units are issued for.
pub(crate) struct Grant<'a> {
    pub to: &'a AccountId,
    pub amount: Amount,
    pub reason: &'a Text<128>,
    pub evidence: &'a Hash,
}

/// Issues units of one: a vote, or the contract that was named for it.
pub(crate) fn mint(ctx: &mut Ctx<'_>, token: &TokenId, grant: &Grant<'_>) -> Result<(), Stop> {
    let terms = keys::TERMS.get(ctx.state, token)?.ok_or(tokens::Error::Unknown)?;
    let mut org = require(ctx, &terms.org)?;
    let via = match ctx.origin {
        Origin::Org(id) if id == terms.org => Via::Proposal(ctx.proposal),
        Origin::Contract { contract, mandate: None } if terms.minter == Some(contract) => Via::Contract(contract),
        _ => return Err(Error::NotMinter.into()),
    };
    if grant.reason.trim().is_empty() || *grant.evidence == Hash::ZERO {
        return Err(Error::NoReason.into());
    }
    let issued = tokens::views::info(ctx.state, token)?.map(|info| info.issued).unwrap_or_default();
    let left = terms.cap.minus(issued).unwrap_or_default();
    if grant.amount > left {
        return Err(Error::OverTokenCap { left }.into());
    }
    tokens::issue(ctx, token, grant.to, grant.amount)?;
    let (to, amount, reason, evidence) = (*grant.to, grant.amount, grant.reason.clone(), *grant.evidence);
    record(ctx, &terms.org, &mut org, EntryKind::Minted { token: *token, to, amount, reason, evidence, via })
}

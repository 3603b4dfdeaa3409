//! What is known of organizations.

use super::contract::TABLES_MAX;
use super::further::FURTHER_MAX;
use super::sponsor::{COVERS_MAX, today};
use super::{Application, Ballot, Binding, Cover, Entry, Member, Org, Proposal, Terms, keys};
use crate::tokens::{self, SHARES_MAX, Share};
use leither_state::{Fault, Overlay, Read};
use leither_types::{AccountId, Amount, List, Millis, OrgId, Text, TokenId};

/// An organization in a committed state.
pub fn org(state: &dyn Read, id: &OrgId) -> Result<Option<Org>, Fault> {
    keys::ORG.read(state, id)
}

/// One under construction.
pub(crate) fn get(state: &Overlay, id: &OrgId) -> Result<Option<Org>, Fault> {
    keys::ORG.get(state, id)
}

/// ORG-9: the units that can be cast now. While there are none, heads decide.
pub(crate) fn units(state: &Overlay, org: &Org) -> Result<Amount, Fault> {
    if org.issued { tokens::outstanding(state, &org.token) } else { Ok(Amount::ZERO) }
}

/// A member of one under construction.
pub(crate) fn member_now(state: &Overlay, org: &OrgId, who: &AccountId) -> Result<Option<Member>, Fault> {
    keys::MEMBER.get(state, &(*org, *who))
}

/// Members of one under construction, in account order.
pub(crate) fn members_now(
    state: &Overlay,
    org: &OrgId,
    after: Option<&AccountId>,
    limit: usize,
) -> Result<Vec<(AccountId, Member)>, Fault> {
    let after = after.map(|who| (*org, *who));
    let rows = keys::MEMBER.scan(state, org, after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|((_, who), member)| (who, member)).collect())
}

/// Who vouches for this guest, by sponsorship or application.
pub(crate) fn sponsor_now(state: &Overlay, org: &OrgId, who: &AccountId) -> Result<Option<AccountId>, Fault> {
    let key = (*org, *who);
    if let Some(vouched) = keys::SPONSOR.get(state, &key)? {
        return Ok(Some(vouched.by));
    }
    Ok(keys::APPLICATION.get(state, &key)?.and_then(|application| application.sponsor))
}

/// The consensus contract of one under construction, with what it used in this epoch.
pub(crate) fn binding_now(state: &Overlay, org: &OrgId, epoch: u64) -> Result<Option<Binding>, Fault> {
    Ok(keys::BINDING.get(state, org)?.map(|bound| bound.in_epoch(epoch)))
}

/// ORG-17: whose consensus contract it is.
pub(crate) fn of_contract(state: &Overlay, contract: &AccountId) -> Result<Option<OrgId>, Fault> {
    keys::OF_CONTRACT.get(state, contract)
}

/// A proposal under construction.
pub(crate) fn proposal_now(state: &Overlay, org: &OrgId, number: u64) -> Result<Option<Proposal>, Fault> {
    keys::PROPOSAL.get(state, &(*org, number))
}

/// ORG-18: shares that are kept.
pub(crate) fn table_now(state: &Overlay, org: &OrgId, table: u32) -> Result<Option<List<Share, SHARES_MAX>>, Fault> {
    keys::TABLE.get(state, &(*org, table))
}

/// The consensus contract, with what it used in this epoch.
pub fn binding(state: &dyn Read, org: &OrgId, epoch: u64) -> Result<Option<Binding>, Fault> {
    Ok(keys::BINDING.read(state, org)?.map(|bound| bound.in_epoch(epoch)))
}

/// ORG-17: whose consensus contract it is, in a committed state.
pub fn bound_to(state: &dyn Read, contract: &AccountId) -> Result<Option<OrgId>, Fault> {
    keys::OF_CONTRACT.read(state, contract)
}

/// ORG-21: further tokens, by number.
pub fn further_tokens(state: &dyn Read, org: &OrgId) -> Result<Vec<TokenId>, Fault> {
    let rows = keys::FURTHER.list(state, org, None, FURTHER_MAX as usize)?;
    Ok(rows.into_iter().map(|(_, token)| token).collect())
}

/// ORG-21: what a further token was made with.
pub fn terms(state: &dyn Read, token: &TokenId) -> Result<Option<Terms>, Fault> {
    keys::TERMS.read(state, token)
}

/// The same, under construction.
pub(crate) fn terms_now(state: &Overlay, token: &TokenId) -> Result<Option<Terms>, Fault> {
    keys::TERMS.get(state, token)
}

/// ORG-20: whose users' fees are paid: (contract, limits, what was paid on the day of `time`).
pub fn covers(state: &dyn Read, org: &OrgId, time: Millis) -> Result<Vec<(AccountId, Cover, Amount)>, Fault> {
    let rows = keys::COVER.list(state, org, None, COVERS_MAX)?;
    let paid = |contract| Ok(today(keys::COVERED.read(state, &(*org, contract))?, time));
    rows.into_iter().map(|((_, contract), cover)| Ok((contract, cover, paid(contract)?))).collect()
}

/// ORG-18: all shares that are kept, by number.
pub fn tables(state: &dyn Read, org: &OrgId) -> Result<Vec<(u32, List<Share, SHARES_MAX>)>, Fault> {
    let rows = keys::TABLE.list(state, org, None, TABLES_MAX as usize)?;
    Ok(rows.into_iter().map(|((_, table), shares)| (table, shares)).collect())
}

/// Who has this name.
pub fn by_name(state: &dyn Read, name: &str) -> Result<Option<OrgId>, Fault> {
    match Text::new(name) {
        Some(name) => keys::NAME.read(state, &name),
        None => Ok(None),
    }
}

/// Whose token this is.
pub fn of_token(state: &dyn Read, token: &TokenId) -> Result<Option<OrgId>, Fault> {
    keys::OF_TOKEN.read(state, token)
}

/// Organizations in id order.
pub fn orgs(state: &dyn Read, after: Option<&OrgId>, limit: usize) -> Result<Vec<(OrgId, Org)>, Fault> {
    keys::ORG.list(state, &(), after, limit)
}

/// A membership.
pub fn member(state: &dyn Read, org: &OrgId, who: &AccountId) -> Result<Option<Member>, Fault> {
    keys::MEMBER.read(state, &(*org, *who))
}

/// Members in account order.
pub fn members(
    state: &dyn Read,
    org: &OrgId,
    after: Option<&AccountId>,
    limit: usize,
) -> Result<Vec<(AccountId, Member)>, Fault> {
    let after = after.map(|who| (*org, *who));
    let rows = keys::MEMBER.list(state, org, after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|((_, who), member)| (who, member)).collect())
}

/// Applications in account order.
pub fn applications(
    state: &dyn Read,
    org: &OrgId,
    after: Option<&AccountId>,
    limit: usize,
) -> Result<Vec<(AccountId, Application)>, Fault> {
    let after = after.map(|who| (*org, *who));
    let rows = keys::APPLICATION.list(state, org, after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|((_, who), application)| (who, application)).collect())
}

/// The ledger's lines in order of time.
pub fn entries(state: &dyn Read, org: &OrgId, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault> {
    let after = after.map(|n| (*org, n));
    let rows = keys::ENTRY.list(state, org, after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|((_, n), entry)| (n, entry)).collect())
}

/// Proposals in order of opening.
pub fn proposals(state: &dyn Read, org: &OrgId, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Proposal)>, Fault> {
    let after = after.map(|n| (*org, n));
    let rows = keys::PROPOSAL.list(state, org, after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|((_, n), proposal)| (n, proposal)).collect())
}

/// A vote that was cast and not yet cleared away.
pub fn ballot(state: &dyn Read, org: &OrgId, proposal: u64, who: &AccountId) -> Result<Option<Ballot>, Fault> {
    keys::BALLOT.read(state, &(*org, proposal, *who))
}

/// Block time at which the next stage of a proposal ends by itself.
pub fn next_close(state: &dyn Read) -> Result<Option<Millis>, Fault> {
    Ok(keys::DUE.list(state, &(), None, 1)?.first().map(|((until, _, _), ())| *until))
}

/// Whether units that were cast are being given back, page by page.
pub fn has_unlocking(state: &dyn Read) -> Result<bool, Fault> {
    Ok(!keys::UNLOCKING.list(state, &(), None, 1)?.is_empty())
}

/// The record's key behind a membership, for a proof.
pub fn member_key(org: &OrgId, who: &AccountId) -> Vec<u8> {
    keys::MEMBER.key(&(*org, *who))
}

/// The record's key behind an organization, for a proof.
pub fn org_key(org: &OrgId) -> Vec<u8> {
    keys::ORG.key(org)
}

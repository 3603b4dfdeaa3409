//! Founding, joining, leaving, roles.

use super::sponsor::forget_allowance;
use super::types::{Application, Member, Org, Role, Roles, Sponsorship};
use super::{Charter, Error, Event, contract, keys, views};
use crate::tokens::{self, TokenInfo};
use crate::{Ctx, Origin, Stop, accounts};
use leither_state::Fault;
use leither_types::{AccountId, Amount, Hash, OrgId, Text, TokenId};
use parity_scale_codec::Encode;

/// An application nobody confirmed, and a sponsorship nobody used, may be cleared away after this, in ms.
const APPLICATION_MS: u64 = 30 * 24 * 3600 * 1000;

/// The organization, or a refusal.
pub(crate) fn require(ctx: &Ctx<'_>, org: &OrgId) -> Result<Org, Stop> {
    views::get(ctx.state, org)?.ok_or(Error::Unknown.into())
}

/// The actor as a member.
pub(crate) fn require_member(ctx: &Ctx<'_>, org: &OrgId) -> Result<(AccountId, Member), Stop> {
    let who = ctx.actor();
    let member = keys::MEMBER.get(ctx.state, &(*org, who))?.ok_or(Error::NotMember)?;
    Ok((who, member))
}

/// k supervisors signing together, or the organization itself.
pub(crate) fn require_supervisors(ctx: &Ctx<'_>, id: &OrgId, org: &Org) -> Result<(), Stop> {
    if ctx.acts_as(id) {
        return Ok(());
    }
    let have = org.charter.supervisors.iter().filter(|s| ctx.has_signed(s)).count();
    match have {
        0 => Err(Error::NotSupervisor.into()),
        n if n < usize::from(org.charter.threshold) => {
            Err(Error::TooFewSupervisors { have: n as u8, need: org.charter.threshold }.into())
        }
        _ => Ok(()),
    }
}

/// The consensus contract with a mandate for it, or else k supervisors.
fn require_members_power(ctx: &Ctx<'_>, id: &OrgId, org: &Org) -> Result<(), Stop> {
    match ctx.mandated(id) {
        Some(_) => contract::require_members_power(ctx, id),
        None => require_supervisors(ctx, id, org),
    }
}

fn require_supervisor(ctx: &Ctx<'_>, id: &OrgId, org: &Org) -> Result<(), Stop> {
    let one = ctx.acts_as(id) || org.charter.supervisors.iter().any(|s| ctx.has_signed(s));
    if one { Ok(()) } else { Err(Error::NotSupervisor.into()) }
}

/// Income tokens must exist, and none is the organization's own: its pot would earn from itself.
fn check_income_tokens(ctx: &Ctx<'_>, charter: &Charter, own: &TokenId) -> Result<(), Stop> {
    for token in &charter.income_tokens {
        if token == own || tokens::views::info(ctx.state, token)?.is_none() {
            return Err(Error::Charter { what: 7 }.into());
        }
    }
    Ok(())
}

/// ORG-1, ORG-2.
pub(crate) fn create(ctx: &mut Ctx<'_>, name: &Text<32>, symbol: &Text<12>, decimals: u8, charter: &Charter) -> Result<(), Stop> {
    let Origin::Signed(signers) = ctx.origin else { return Err(Error::NotMember.into()) };
    // Whoever is made a supervisor agrees to it with a signature; so k of them can be there from the start.
    if !charter.supervisors.iter().all(|s| signers.contains(s)) || !charter.supervisors.contains(&ctx.actor()) {
        return Err(Error::Charter { what: 1 }.into());
    }
    if keys::NAME.has(ctx.state, name)? {
        return Err(Error::NameTaken.into());
    }
    let founder = ctx.actor();
    let index = ctx.next_index();
    let id = OrgId::derive(&founder, ctx.tx.nonce, index);
    let token = TokenId::of_org(&id);
    check_income_tokens(ctx, charter, &token)?;
    let mut org = Org {
        name: name.clone(),
        token,
        founder,
        deposit: Amount::ZERO,
        charter: charter.clone(),
        members: 0,
        entries: 0,
        proposals: 0,
        open: 0,
        issued: false,
        epoch: 0,
        issued_now: Amount::ZERO,
        height: ctx.block.height,
        tx: ctx.tx.id,
    };
    org.deposit = accounts::deposit(ctx.state, &founder, org.encoded_size(), ctx.block.params.byte_deposit)?;
    let info = TokenInfo {
        org: Some(id),
        symbol: symbol.clone(),
        decimals,
        issued: Amount::ZERO,
        burned: Amount::ZERO,
        waiting: Amount::ZERO,
    };
    tokens::create(ctx, &token, &info)?;
    keys::NAME.put(ctx.state, name, &id);
    keys::OF_TOKEN.put(ctx.state, &token, &id);
    ctx.emit(Event::Created { org: id, founder, token });
    let supervisors = charter.supervisors.to_vec();
    for who in supervisors {
        let roles = if who == founder { Roles::default().with(Role::Initiator, true) } else { Roles::default() };
        enroll(ctx, &id, &mut org, &who, roles, Amount::ZERO)?;
    }
    keys::ORG.put(ctx.state, &id, &org);
    Ok(())
}

/// ORG-5: makes a member of one who is none. What is locked for the membership is locked already.
fn enroll(ctx: &mut Ctx<'_>, id: &OrgId, org: &mut Org, who: &AccountId, roles: Roles, deposit: Amount) -> Result<(), Stop> {
    let key = (*id, *who);
    if keys::MEMBER.has(ctx.state, &key)? {
        return Err(Error::AlreadyMember.into());
    }
    org.members = org.members.checked_add(1).ok_or(Error::TooMany { max: u32::MAX })?;
    let (since, votes_from) = (ctx.block.time, org.proposals);
    let member = Member { roles, since, votes_from, height: ctx.block.height, tx: ctx.tx.id, deposit };
    keys::MEMBER.put(ctx.state, &key, &member);
    ctx.emit(Event::Admitted { org: *id, who: *who });
    Ok(())
}

/// ORG-3.
pub(crate) fn apply(ctx: &mut Ctx<'_>, id: &OrgId, evidence: Option<Hash>, note: &Text<256>) -> Result<(), Stop> {
    let Origin::Signed(_) = ctx.origin else { return Err(Error::NotMember.into()) };
    let org = require(ctx, id)?;
    let who = ctx.actor();
    let key = (*id, who);
    if keys::MEMBER.has(ctx.state, &key)? {
        return Err(Error::AlreadyMember.into());
    }
    if keys::APPLICATION.has(ctx.state, &key)? {
        return Err(Error::AlreadyApplied.into());
    }
    let join = &org.charter.join;
    let vouched = keys::SPONSOR.get(ctx.state, &key)?;
    let sponsor = vouched.as_ref().filter(|_| join.sponsorship).map(|vouched| vouched.by);
    let evidence = evidence.filter(|e| join.task.is_some() && *e != Hash::ZERO);
    if !join.application && sponsor.is_none() && evidence.is_none() {
        return Err(Error::JoinWay.into());
    }
    let expires = ctx.block.time.saturating_add(APPLICATION_MS);
    let mut application = Application { sponsor, evidence, note: note.clone(), expires, deposit: Amount::ZERO };
    application.deposit = accounts::deposit(ctx.state, &who, application.encoded_size(), ctx.block.params.byte_deposit)?;
    if let Some(vouched) = vouched {
        drop_sponsorship(ctx, id, &who, &vouched)?;
    }
    keys::APPLICATION.put(ctx.state, &key, &application);
    ctx.emit(Event::Applied { org: *id, who });
    Ok(())
}

/// ORG-3: vouching for one who has applied adds to the application; for one who has not, it opens the way.
pub(crate) fn sponsor(ctx: &mut Ctx<'_>, id: &OrgId, who: &AccountId) -> Result<(), Stop> {
    let org = require(ctx, id)?;
    let (by, _) = require_member(ctx, id)?;
    if !org.charter.join.sponsorship {
        return Err(Error::JoinWay.into());
    }
    let key = (*id, *who);
    if keys::MEMBER.has(ctx.state, &key)? {
        return Err(Error::AlreadyMember.into());
    }
    match keys::APPLICATION.get(ctx.state, &key)? {
        Some(application) => keys::APPLICATION.put(ctx.state, &key, &Application { sponsor: Some(by), ..application }),
        None => {
            // The last one to vouch stands, and pays for the row.
            if let Some(before) = keys::SPONSOR.get(ctx.state, &key)? {
                drop_sponsorship(ctx, id, who, &before)?;
            }
            let expires = ctx.block.time.saturating_add(APPLICATION_MS);
            let mut vouched = Sponsorship { by, expires, deposit: Amount::ZERO };
            vouched.deposit = accounts::deposit(ctx.state, &by, vouched.encoded_size(), ctx.block.params.byte_deposit)?;
            keys::SPONSOR.put(ctx.state, &key, &vouched);
        }
    }
    ctx.emit(Event::Sponsored { org: *id, who: *who, by });
    Ok(())
}

fn drop_sponsorship(ctx: &mut Ctx<'_>, id: &OrgId, who: &AccountId, vouched: &Sponsorship) -> Result<(), Fault> {
    keys::SPONSOR.remove(ctx.state, &(*id, *who));
    accounts::unlock(ctx.state, &TokenId::NATIVE, &vouched.by, vouched.deposit)
}

/// ORG-4.
pub(crate) fn admit(ctx: &mut Ctx<'_>, id: &OrgId, who: &AccountId) -> Result<(), Stop> {
    let mut org = require(ctx, id)?;
    if ctx.mandated(id).is_some() || views::units(ctx.state, &org)?.is_zero() {
        // Where heads decide, who admits makes the majority: one of k supervisors could take the organization over by its own accounts.
        require_members_power(ctx, id, &org)?;
    } else {
        require_supervisor(ctx, id, &org)?;
    }
    let key = (*id, *who);
    if keys::MEMBER.has(ctx.state, &key)? {
        return Err(Error::AlreadyMember.into());
    }
    let application = keys::APPLICATION.get(ctx.state, &key)?.ok_or(Error::NoApplication)?;
    keys::APPLICATION.remove(ctx.state, &key);
    enroll(ctx, id, &mut org, who, Roles::default(), application.deposit)?;
    keys::ORG.put(ctx.state, id, &org);
    Ok(())
}

/// Ends an application; where there is none, a sponsorship.
pub(crate) fn withdraw(ctx: &mut Ctx<'_>, id: &OrgId, who: &AccountId) -> Result<(), Stop> {
    let org = require(ctx, id)?;
    let key = (*id, *who);
    let (owner, expires) = if let Some(application) = keys::APPLICATION.get(ctx.state, &key)? {
        keys::APPLICATION.remove(ctx.state, &key);
        accounts::unlock(ctx.state, &TokenId::NATIVE, who, application.deposit)?;
        (*who, application.expires)
    } else {
        let vouched = keys::SPONSOR.get(ctx.state, &key)?.ok_or(Error::NoApplication)?;
        drop_sponsorship(ctx, id, who, &vouched)?;
        (vouched.by, vouched.expires)
    };
    if ctx.has_signed(&owner) || expires < ctx.block.time {
        return Ok(());
    }
    require_supervisor(ctx, id, &org)
}

/// ORG-14.
pub(crate) fn leave(ctx: &mut Ctx<'_>, id: &OrgId) -> Result<(), Stop> {
    let (who, _) = require_member(ctx, id)?;
    remove(ctx, id, &who, false)
}

/// k supervisors or a vote; a supervisor is expelled by amending the charter first.
pub(crate) fn expel(ctx: &mut Ctx<'_>, id: &OrgId, who: &AccountId) -> Result<(), Stop> {
    let org = require(ctx, id)?;
    require_members_power(ctx, id, &org)?;
    remove(ctx, id, who, true)
}

fn remove(ctx: &mut Ctx<'_>, id: &OrgId, who: &AccountId, expelled: bool) -> Result<(), Stop> {
    let mut org = require(ctx, id)?;
    let key = (*id, *who);
    let member = keys::MEMBER.get(ctx.state, &key)?.ok_or(Error::NotMember)?;
    if org.charter.supervisors.contains(who) {
        return Err(Error::IsSupervisor.into());
    }
    keys::MEMBER.remove(ctx.state, &key);
    accounts::unlock(ctx.state, &TokenId::NATIVE, who, member.deposit)?;
    forget_allowance(ctx.state, id, who, ctx.block.time)?;
    let less = org.members.checked_sub(1);
    org.members = less.ok_or_else(|| Fault::Corrupt("a member beyond the count of members".into()))?;
    keys::ORG.put(ctx.state, id, &org);
    ctx.emit(Event::Left { org: *id, who: *who, expelled });
    Ok(())
}

/// ORG-6.
pub(crate) fn set_role(ctx: &mut Ctx<'_>, id: &OrgId, who: &AccountId, role: Role, granted: bool) -> Result<(), Stop> {
    let org = require(ctx, id)?;
    require_members_power(ctx, id, &org)?;
    let key = (*id, *who);
    let member = keys::MEMBER.get(ctx.state, &key)?.ok_or(Error::NotMember)?;
    keys::MEMBER.put(ctx.state, &key, &Member { roles: member.roles.with(role, granted), ..member });
    ctx.emit(Event::RoleSet { org: *id, who: *who, role, granted });
    Ok(())
}

/// A vote alone changes the charter; who becomes supervisor must be a member.
pub(crate) fn amend(ctx: &mut Ctx<'_>, id: &OrgId, charter: &Charter) -> Result<(), Stop> {
    if !ctx.acts_as(id) {
        return Err(Error::OnlyByVote.into());
    }
    let mut org = require(ctx, id)?;
    charter.check()?;
    for who in &charter.supervisors {
        if !keys::MEMBER.has(ctx.state, &(*id, *who))? {
            return Err(Error::Charter { what: 1 }.into());
        }
    }
    check_income_tokens(ctx, charter, &org.token)?;
    org.charter = charter.clone();
    keys::ORG.put(ctx.state, id, &org);
    ctx.emit(Event::Amended { org: *id });
    Ok(())
}

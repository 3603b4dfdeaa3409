//! Votes: opening, casting, closing, doing (ORG-9 to ORG-11). A proposal is judged by the charter that stood when it was opened.
//!
//! ```text
//! Open --(decided early, or period over; at a block's end)--> Closed(Rejected)
//!                                         \-> Passed --(veto delay over; at a block's end)--> Closed(Done | Failed)
//!                                               \--(k supervisors)-------------------------> Closed(Vetoed)
//! ```

use super::charter::ALL_BP;
use super::contract::require_mandate;
use super::members::{require, require_member, require_supervisors};
use super::types::{Ballot, Org, Outcome, PROPOSAL_CALLS_MAX, Proposal, ProposalKey, Stage};
use super::{Error, Event, ballots, keys, views};
use crate::{Call, Ctx, FURTHER_CALL_WEIGHT, Origin, Stop, TxInfo, accounts, tokens};
use leither_state::{Fault, Overlay};
use leither_types::{Amount, CallBytes, List, OrgId, Text, TokenId, Weight};
use parity_scale_codec::Encode;
use std::cmp::Ordering;

/// Proposals of one organization that are not closed yet, at most.
const OPEN_MAX: u32 = 64;
/// ORG-19: of those, what its contract has opened.
const BY_CONTRACT_MAX: u32 = 16;
/// What closing one costs in weight, what it does aside.
const CLOSE_WEIGHT: Weight = 30_000;
/// Due proposals that are looked up together.
const PAGE: usize = 64;

/// Whether the calls can be an organization's.
pub(crate) fn check(title: &str, calls: &List<CallBytes, PROPOSAL_CALLS_MAX>) -> Result<(), Error> {
    if title.trim().is_empty() || calls.is_empty() {
        return Err(Error::ProposalCalls);
    }
    for bytes in calls {
        match Call::read(bytes) {
            // No organization opens proposals, votes or founds: calls then nest no deeper than this.
            Ok(Call::Orgs(
                super::Call::Propose { .. } | super::Call::Vote { .. } | super::Call::Apply { .. } | super::Call::Create { .. },
            ))
            | Err(_) => return Err(Error::ProposalCalls),
            Ok(call) => call.check().map_err(|_| Error::ProposalCalls)?,
        }
    }
    Ok(())
}

/// What part of a block's greatest weight a proposal's calls of contracts may have.
const CONTRACTS_PART: Weight = 8;

fn of_contracts(bytes: &CallBytes) -> Weight {
    Call::read(bytes).ok().filter(|call| matches!(call, Call::Wasm(_))).map_or(0, |call| call.weight())
}

/// What doing a call will cost.
pub(crate) fn weight(bytes: &CallBytes) -> Weight {
    Call::read(bytes).map(|call| call.weight().saturating_add(FURTHER_CALL_WEIGHT)).unwrap_or(0)
}

/// Opens a proposal and fixes what all weight is.
pub(crate) fn propose(
    ctx: &mut Ctx<'_>,
    id: &OrgId,
    title: &Text<128>,
    calls: &List<CallBytes, PROPOSAL_CALLS_MAX>,
) -> Result<(), Stop> {
    let mut org = require(ctx, id)?;
    // ORG-19: for its contract the organization itself proposes.
    let by = if ctx.mandated(id).is_some() {
        require_mandate(ctx, id)?;
        count_contracts(ctx, id)?;
        id.treasury()
    } else {
        require_member(ctx, id)?.0
    };
    // They come on top of a block's transactions, and the first that is due is done whatever it weighs.
    if calls.iter().map(of_contracts).fold(0, Weight::saturating_add) > ctx.block.params.block_weight_max / CONTRACTS_PART {
        return Err(Error::ProposalCalls.into());
    }
    // Half of the room is the supervisors': no member can keep everybody from deciding anything.
    let max = if org.charter.supervisors.contains(&by) { OPEN_MAX } else { OPEN_MAX / 2 };
    let open = org.open.checked_add(1).filter(|open| *open <= max);
    org.open = open.ok_or(Error::TooManyOpen { max })?;
    let units = views::units(ctx.state, &org)?;
    // Where all units were burnt, lie in the treasury or wait in pots, heads count again: else nobody could ever decide anything.
    let by_units = !units.is_zero();
    let eligible = if by_units { units } else { Amount::new(u128::from(org.members)) };
    let until = ctx.block.time.saturating_add(org.charter.period_ms);
    let mut proposal = Proposal {
        by,
        title: title.clone(),
        calls: calls.clone(),
        stage: Stage::Open,
        until,
        by_units,
        eligible,
        quorum_bp: org.charter.quorum_bp,
        pass_bp: org.charter.pass_bp,
        veto_ms: org.charter.veto_ms,
        yes: Amount::ZERO,
        no: Amount::ZERO,
        deposit: Amount::ZERO,
        tx: ctx.tx.id,
    };
    proposal.deposit = accounts::deposit(ctx.state, &by, proposal.encoded_size(), ctx.block.params.byte_deposit)?;
    let number = org.proposals;
    org.proposals = number.saturating_add(1);
    keys::ORG.put(ctx.state, id, &org);
    keys::PROPOSAL.put(ctx.state, &(*id, number), &proposal);
    keys::DUE.put(ctx.state, &(until, *id, number), &());
    ctx.emit(Event::Proposed { org: *id, proposal: number, by });
    Ok(())
}

/// ORG-19: so many of those that are open are its contract's; whoever can make it propose keeps no more from the members.
fn count_contracts(ctx: &mut Ctx<'_>, id: &OrgId) -> Result<(), Stop> {
    let open = keys::BY_CONTRACT.get(ctx.state, id)?.unwrap_or(0).saturating_add(1);
    if open > BY_CONTRACT_MAX {
        return Err(Error::TooManyOpen { max: BY_CONTRACT_MAX }.into());
    }
    keys::BY_CONTRACT.put(ctx.state, id, &open);
    Ok(())
}

/// ORG-9, ORG-10.
pub(crate) fn vote(ctx: &mut Ctx<'_>, key: &ProposalKey, yes: bool, weight: Option<Amount>) -> Result<(), Stop> {
    let (id, number) = *key;
    let org = require(ctx, &id)?;
    let (who, member) = require_member(ctx, &id)?;
    let mut proposal = keys::PROPOSAL.get(ctx.state, key)?.ok_or(Error::NotOpen)?;
    if proposal.stage != Stage::Open || proposal.until <= ctx.block.time {
        return Err(Error::NotOpen.into());
    }
    if member.votes_from > number {
        return Err(Error::MemberTooLate.into());
    }
    if keys::BALLOT.has(ctx.state, &(id, number, who))? {
        return Err(Error::AlreadyVoted.into());
    }
    let (weight, locked) = if proposal.by_units {
        let have = ctx.state.holding(&org.token, &who)?.free;
        let weight = weight.unwrap_or(have);
        if weight.is_zero() || weight > have {
            return Err(Error::Weight { have }.into());
        }
        tokens::change_locked(ctx, &org.token, &who, weight, true)?;
        (weight, weight)
    } else if weight.is_none_or(|w| w == Amount::new(1)) {
        (Amount::new(1), Amount::ZERO)
    } else {
        return Err(Error::Weight { have: Amount::new(1) }.into());
    };
    let side = if yes { &mut proposal.yes } else { &mut proposal.no };
    *side = side.plus(weight).ok_or(Error::Weight { have: weight })?;
    keys::BALLOT.put(ctx.state, &(id, number, who), &Ballot { yes, weight, locked });
    keys::PROPOSAL.put(ctx.state, key, &proposal);
    ctx.emit(Event::Voted { org: id, proposal: number, who, yes, weight });
    if is_decided(&proposal, all_weight(ctx.state, &org, &proposal)?) {
        // What it does was weighed at its opening, not in this transaction: a block's end does it, a bounded number a block.
        keys::DUE.remove(ctx.state, &(proposal.until, id, number));
        proposal.until = ctx.block.time;
        keys::DUE.put(ctx.state, &(proposal.until, id, number), &());
        keys::PROPOSAL.put(ctx.state, key, &proposal);
    }
    Ok(())
}

/// `part / all` against `bp / 10,000`, exactly.
fn against_bp(part: Amount, all: Amount, bp: u16) -> Ordering {
    // Amounts stay below 2^96, so the products fit; were it not so, nothing would reach the share.
    part.0.saturating_mul(u128::from(ALL_BP)).cmp(&all.0.saturating_mul(u128::from(bp)))
}

/// ORG-9: all weight there is. Units that were issued since the opening can be cast, so they belong to the whole: were only those of the
/// opening counted, whoever issues could decide at once by what was just issued. Those burnt since are not taken off.
fn all_weight(state: &Overlay, org: &Org, proposal: &Proposal) -> Result<Amount, Fault> {
    if proposal.by_units { Ok(views::units(state, org)?.max(proposal.eligible)) } else { Ok(proposal.eligible) }
}

/// Whether votes not yet cast, of `all` there are, cannot change the end: then nobody has to wait for the period.
fn is_decided(proposal: &Proposal, all: Amount) -> bool {
    let cast = proposal.yes.plus(proposal.no).unwrap_or(leither_types::SUPPLY_MAX);
    let sure = against_bp(proposal.yes, all, proposal.pass_bp).is_gt();
    cast >= all || (sure && against_bp(cast, all, proposal.quorum_bp).is_ge())
}

fn has_passed(proposal: &Proposal, all: Amount) -> bool {
    let cast = proposal.yes.plus(proposal.no).unwrap_or(leither_types::SUPPLY_MAX);
    // A quorum of 0 still wants one vote.
    let enough = !cast.is_zero() && against_bp(cast, all, proposal.quorum_bp).is_ge();
    enough && against_bp(proposal.yes, cast, proposal.pass_bp).is_gt()
}

/// What comes of a proposal whose stage has ended.
enum Next {
    Reject,
    /// It passed, and may still be vetoed.
    Wait,
    Run,
    /// It was closed otherwise.
    Nothing,
}

fn comes_of(state: &Overlay, org: &Org, proposal: &Proposal) -> Result<Next, Fault> {
    match proposal.stage {
        Stage::Closed(_) => return Ok(Next::Nothing),
        Stage::Passed => return Ok(Next::Run),
        Stage::Open => {}
    }
    let passed = has_passed(proposal, all_weight(state, org, proposal)?);
    Ok(match (passed, proposal.veto_ms) {
        (false, _) => Next::Reject,
        (true, 0) => Next::Run,
        (true, _) => Next::Wait,
    })
}

/// It has passed: now supervisors have time to stop it.
fn wait(ctx: &mut Ctx<'_>, key: &ProposalKey, mut proposal: Proposal) -> Result<(), Fault> {
    proposal.stage = Stage::Passed;
    proposal.until = ctx.block.time.saturating_add(proposal.veto_ms);
    keys::DUE.put(ctx.state, &(proposal.until, key.0, key.1), &());
    keys::PROPOSAL.put(ctx.state, key, &proposal);
    ctx.emit(Event::Passed { org: key.0, proposal: key.1 });
    Ok(())
}

/// ORG-11: all calls as the organization, or none.
fn run(ctx: &mut Ctx<'_>, key: &ProposalKey, proposal: Proposal) -> Result<(), Fault> {
    let mark = ctx.state.mark();
    let said = ctx.events.len();
    let before = (ctx.origin, ctx.proposal, ctx.tx);
    ctx.origin = Origin::Org(key.0);
    ctx.proposal = key.1;
    // A block's end has no transaction: what the proposal makes names the signed one that opened it.
    ctx.tx = TxInfo { id: proposal.tx, nonce: 0 };
    let done = do_calls(ctx, &proposal);
    (ctx.origin, ctx.proposal, ctx.tx) = before;
    match done {
        Ok(()) => finish(ctx, key, proposal, Outcome::Done, None),
        Err(Stop::Reject(error)) => {
            ctx.state.revert(mark);
            ctx.events.truncate(said);
            finish(ctx, key, proposal, Outcome::Failed, Some(error))
        }
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

fn do_calls(ctx: &mut Ctx<'_>, proposal: &Proposal) -> Result<(), Stop> {
    for bytes in &proposal.calls {
        // Read once at opening; an upgrade that no longer knows a call refuses it here.
        Call::read(bytes).map_err(|_| Error::ProposalCalls)?.apply(ctx)?;
    }
    Ok(())
}

fn finish(
    ctx: &mut Ctx<'_>,
    key: &ProposalKey,
    mut proposal: Proposal,
    outcome: Outcome,
    error: Option<crate::Error>,
) -> Result<(), Fault> {
    // Read anew: what it did may have changed the organization.
    let lost = || Fault::Corrupt("a proposal beyond the count of its organization's open ones".into());
    let mut org = views::get(ctx.state, &key.0)?.ok_or_else(lost)?;
    org.open = org.open.checked_sub(1).ok_or_else(lost)?;
    keys::ORG.put(ctx.state, &key.0, &org);
    accounts::unlock(ctx.state, &TokenId::NATIVE, &proposal.by, proposal.deposit)?;
    if proposal.by == key.0.treasury() {
        let open = keys::BY_CONTRACT.get(ctx.state, &key.0)?.unwrap_or(0);
        keys::BY_CONTRACT.put(ctx.state, &key.0, &open.saturating_sub(1));
    }
    proposal.deposit = Amount::ZERO;
    proposal.stage = Stage::Closed(outcome);
    proposal.until = ctx.block.time;
    // What it did stands in the block; the record keeps title, votes and end.
    proposal.calls = List::default();
    keys::PROPOSAL.put(ctx.state, key, &proposal);
    ballots::start_unlocking(ctx, key);
    ctx.emit(Event::Closed { org: key.0, proposal: key.1, outcome, error });
    Ok(())
}

/// k supervisors stop what has passed, before its delay is over.
pub(crate) fn veto(ctx: &mut Ctx<'_>, key: &ProposalKey) -> Result<(), Stop> {
    let org = require(ctx, &key.0)?;
    if ctx.acts_as(&key.0) {
        return Err(Error::NotSupervisor.into());
    }
    require_supervisors(ctx, &key.0, &org)?;
    let proposal = keys::PROPOSAL.get(ctx.state, key)?;
    // A block's end has a budget: what is due may have to wait for it, but no longer for a veto.
    let stoppable = proposal.filter(|p| p.stage == Stage::Passed && p.until > ctx.block.time);
    let proposal = stoppable.ok_or(Error::NotOpen)?;
    keys::DUE.remove(ctx.state, &(proposal.until, key.0, key.1));
    Ok(finish(ctx, key, proposal, Outcome::Vetoed, None)?)
}

/// Stages that have ended by time, oldest first: as many as `budget` allows by what they weigh. The first one always goes, however much it
/// weighs, so that the queue ends.
pub(crate) fn close_due(ctx: &mut Ctx<'_>, budget: Weight) -> Result<(), Fault> {
    let (mut spent, mut after): (Weight, _) = (0, None);
    loop {
        let page = keys::DUE.scan(ctx.state, &(), after.as_ref(), PAGE)?;
        for (due, ()) in &page {
            let (until, id, number) = *due;
            if until > ctx.block.time {
                return Ok(());
            }
            let key = (id, number);
            let org = views::get(ctx.state, &id)?.ok_or_else(|| Fault::Corrupt("a proposal without an organization".into()))?;
            let proposal = keys::PROPOSAL.get(ctx.state, &key)?;
            let proposal = proposal.ok_or_else(|| Fault::Corrupt("a due proposal is gone".into()))?;
            let next = comes_of(ctx.state, &org, &proposal)?;
            let cost = if matches!(next, Next::Run) { weight_of(&proposal) } else { CLOSE_WEIGHT };
            if spent > 0 && spent.saturating_add(cost) > budget {
                return Ok(());
            }
            spent = spent.saturating_add(cost);
            keys::DUE.remove(ctx.state, due);
            match next {
                Next::Reject => finish(ctx, &key, proposal, Outcome::Rejected, None)?,
                Next::Wait => wait(ctx, &key, proposal)?,
                Next::Run => run(ctx, &key, proposal)?,
                Next::Nothing => {}
            }
        }
        match page.last() {
            Some((due, ())) if page.len() == PAGE => after = Some(*due),
            _ => return Ok(()),
        }
    }
}

/// What closing a proposal and doing its calls costs.
fn weight_of(proposal: &Proposal) -> Weight {
    proposal.calls.iter().map(weight).fold(CLOSE_WEIGHT, Weight::saturating_add)
}

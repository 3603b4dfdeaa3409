//! Units cast in a vote come back when it is over: by themselves, a page a block, or at once for who asks.

use super::members::require;
use super::types::ProposalKey;
use super::{Error, Event, keys, views};
use crate::{Ctx, Stop, tokens};
use leither_state::Fault;
use leither_types::{AccountId, Weight};

/// What unlocking one voter's units costs, in weight.
const UNLOCK_WEIGHT: Weight = 40_000;

/// Queues a closed proposal.
pub(crate) fn start_unlocking(ctx: &mut Ctx<'_>, key: &ProposalKey) {
    keys::UNLOCKING.put(ctx.state, key, &());
}

/// Unlocks ballots worth `budget`, but at least one, proposal by proposal as they stand in the queue; one without ballots counts as one.
/// Ballots vanish as they are unlocked, so the queue ends.
pub(crate) fn unlock_page(ctx: &mut Ctx<'_>, budget: Weight) -> Result<(), Fault> {
    let mut left = usize::try_from(budget / UNLOCK_WEIGHT).unwrap_or(usize::MAX).max(1);
    // What is done lies behind: a scan from the start would pass over it each time.
    let mut after = None;
    while left > 0 {
        let Some((key, ())) = keys::UNLOCKING.scan(ctx.state, &(), after.as_ref(), 1)?.pop() else { return Ok(()) };
        let page = keys::BALLOT.scan(ctx.state, &key, None, left)?;
        let count = page.len();
        for ((_, _, who), _) in page {
            match unlock(ctx, &key, &who) {
                Ok(()) => {}
                Err(Stop::Fault(fault)) => return Err(fault),
                Err(Stop::Reject(_)) => return Err(Fault::Corrupt("a ballot's units cannot be unlocked".into())),
            }
        }
        if count < left {
            keys::UNLOCKING.remove(ctx.state, &key);
        }
        left = left.saturating_sub(count.max(1));
        after = Some(key);
    }
    Ok(())
}

/// Anyone may free a voter's units once the proposal is closed.
pub(crate) fn release(ctx: &mut Ctx<'_>, key: &ProposalKey, who: &AccountId) -> Result<(), Stop> {
    require(ctx, &key.0)?;
    let proposal = keys::PROPOSAL.get(ctx.state, key)?.ok_or(Error::NotOpen)?;
    if !matches!(proposal.stage, super::Stage::Closed(_)) {
        return Err(Error::NotOpen.into());
    }
    unlock(ctx, key, who)
}

fn unlock(ctx: &mut Ctx<'_>, key: &ProposalKey, who: &AccountId) -> Result<(), Stop> {
    let ballot_key = (key.0, key.1, *who);
    let ballot = keys::BALLOT.get(ctx.state, &ballot_key)?.ok_or(Error::NothingLocked)?;
    keys::BALLOT.remove(ctx.state, &ballot_key);
    if ballot.locked.is_zero() {
        return Ok(());
    }
    let org = views::get(ctx.state, &key.0)?.ok_or(Error::Unknown)?;
    tokens::change_locked(ctx, &org.token, who, ballot.locked, false)?;
    ctx.emit(Event::Unlocked { org: key.0, proposal: key.1, who: *who, amount: ballot.locked });
    Ok(())
}

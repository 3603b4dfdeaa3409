//! Automatic pay-out: after an income, holders are paid a page a block until all have been visited (TOKENS-6).
//!
//! The organization pays for it: each holder that is paid costs its treasury [`PUSH_WEIGHT`] at the base fee, burnt. A treasury that cannot
//! pay ends the pay-out; whoever was not reached claims. Holders owed less than the minimum are passed over, not forgotten; so are those
//! owed less `mei` than their payment costs, or anybody could burn a treasury by paying dust in.

use super::{dividends, keys};
use crate::{Ctx, Stop, accounts, params};
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Amount, Height, TokenId, Weight};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// What paying one holder costs.
pub(crate) const PUSH_WEIGHT: Weight = 60_000;

/// A pay-out under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Push {
    /// The last holder visited.
    after: Option<AccountId>,
    /// The block whose income began it: its own holders are first known to the next block.
    begun: Height,
    /// More income came since: once through, it goes round again.
    again: bool,
    /// Holders owed less are passed over.
    least: Amount,
}

/// Starts a pay-out over all holders of `token`. One that is under way goes on and then round again, since all have earned more: to start
/// anew at once would let a trickle of small incomes keep it from ever reaching the last.
pub(crate) fn start(ctx: &mut Ctx<'_>, token: &TokenId, income: &TokenId, least: Amount) -> Result<(), Fault> {
    let key = (*token, *income);
    let begun = ctx.block.height;
    let push = match keys::PUSH.get(ctx.state, &key)? {
        Some(push) => Push { again: push.again || push.begun < begun, least, ..push },
        None => Push { after: None, begun, again: false, least },
    };
    keys::PUSH.put(ctx.state, &key, &push);
    Ok(())
}

/// RECOVER-2: those under way began on another chain, before any block of this one: heights begin anew.
pub(crate) fn restart_pushes(state: &mut Overlay) -> Result<(), Fault> {
    const PAGE: usize = 256;
    let mut last = None;
    loop {
        let page = keys::PUSH.scan(state, &(), last.as_ref(), PAGE)?;
        let Some((key, _)) = page.last() else { return Ok(()) };
        last = Some(*key);
        for (key, push) in page.iter().filter(|(_, push)| push.begun > 0) {
            keys::PUSH.put(state, key, &Push { begun: 0, ..*push });
        }
    }
}

/// Visits at most `budget` holders in the next pay-out that is under way; they take turns. Says how many.
pub(crate) fn push_page(ctx: &mut Ctx<'_>, budget: u32) -> Result<u32, Fault> {
    let last = keys::PUSHED.get(ctx.state)?;
    let mut turn = keys::PUSH.scan(ctx.state, &(), last.as_ref(), 1)?;
    if turn.is_empty() && last.is_some() {
        turn = keys::PUSH.scan(ctx.state, &(), None, 1)?;
    }
    let Some(((token, income), push)) = turn.pop() else { return Ok(0) };
    keys::PUSHED.put(ctx.state, &(token, income));
    if budget == 0 {
        // Rules under which nobody is visited: it would never end.
        keys::PUSH.remove(ctx.state, &(token, income));
        return Ok(0);
    }
    if push.begun == ctx.block.height {
        return Ok(0);
    }
    let org = keys::TOKEN.get(ctx.state, &token)?.and_then(|info| info.org);
    let org = org.ok_or_else(|| Fault::Corrupt("a pay-out of a token without an organization".into()))?;
    // Holders as they were at the end of the parent: who came since has nothing accrued from before. Whose units have all gone claims.
    let holders = ctx.state.parent().holders(&token, push.after.as_ref(), budget as usize)?;
    let price = params::views::base_fee(ctx.state)?.share(u128::from(PUSH_WEIGHT), 1);
    let price = price.ok_or_else(|| Fault::Corrupt("a base fee beyond its bound".into()))?;
    let mut visited = 0;
    let mut after = push.after;
    for (holder, _) in &holders {
        let mark = ctx.state.mark();
        let said = ctx.events.len();
        match visit(ctx, &token, holder, &income, push.least, &org.treasury(), price) {
            Ok(()) => {}
            Err(Stop::Fault(fault)) => return Err(fault),
            // The treasury cannot pay (or, never seen, a payee's balance is full): the pay-out ends, claims go on.
            Err(Stop::Reject(_)) => {
                ctx.state.revert(mark);
                ctx.events.truncate(said);
                keys::PUSH.remove(ctx.state, &(token, income));
                return Ok(visited);
            }
        }
        visited += 1;
        after = Some(*holder);
    }
    if (holders.len() as u64) < u64::from(budget) {
        if push.again {
            let round = Push { after: None, begun: ctx.block.height, again: false, ..push };
            keys::PUSH.put(ctx.state, &(token, income), &round);
        } else {
            keys::PUSH.remove(ctx.state, &(token, income));
        }
    } else {
        keys::PUSH.put(ctx.state, &(token, income), &Push { after, ..push });
    }
    Ok(visited)
}

fn visit(
    ctx: &mut Ctx<'_>,
    token: &TokenId,
    holder: &AccountId,
    income: &TokenId,
    least: Amount,
    treasury: &AccountId,
    price: Amount,
) -> Result<(), Stop> {
    if holder == treasury || dividends::is_pot(ctx.state, holder)? {
        return Ok(());
    }
    // In another token the charter's minimum alone bounds what pushes cost: the chain knows no rate between the two.
    let least = if *income == TokenId::NATIVE { least.max(price) } else { least };
    if dividends::claim(ctx, token, holder, income, least)?.is_zero() {
        return Ok(());
    }
    accounts::take(ctx.state, &TokenId::NATIVE, treasury, price)?;
    super::calls::burn_fee(ctx.state, price)?;
    ctx.emit(super::Event::Burned { token: TokenId::NATIVE, from: *treasury, amount: price });
    Ok(())
}

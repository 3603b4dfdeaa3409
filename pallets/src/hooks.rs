use crate::{Ctx, orgs, params, staking, tokens, wasm};
use leither_state::{Fault, Read};
use leither_types::{Amount, Certificate, Evidence, Millis, ValidatorId, Weight};

/// What part of a block's greatest weight closing proposals may take, beside its transactions. Bounded by weight, not by number: so cheap
/// ones cannot keep the chain's other votes waiting.
const CLOSING_PART: Weight = 8;
/// The same for giving back the units that were cast.
const UNLOCKING_PART: Weight = 16;

/// What a block brings to its end.
#[derive(Clone, Copy)]
pub struct Ending<'a> {
    /// Of all its transactions.
    pub fees: Amount,
    /// What they weigh together.
    pub used: Weight,
    /// The parent's.
    pub certificate: &'a Certificate,
    /// Found convincing.
    pub evidence: &'a [Evidence],
    /// Who made the block.
    pub proposer: &'a ValidatorId,
    /// Whether it has no transaction.
    pub empty: bool,
}

/// What happens after a block's last transaction, in this order:
/// 1. proposals whose time has come are closed and done, since they may move money that is shared below;
/// 2. units cast in closed ones are given back, a page;
/// 3. contracts are told what they asked to be told by now;
/// 4. dividends under way are pushed, a page: what came in above is shared with the rest;
/// 5. the fees are divided, since all of the block's fees are known now;
/// 6. the base fee moves for the next block, by what transactions and contracts that were told weighed;
/// 7. the sets of validators move on; who did not sign the parent has missed it, who signed twice is punished, and at an epoch's beginning
///    an election is held: last, since it may change the rules.
pub fn end_block(ctx: &mut Ctx<'_>, ending: &Ending<'_>) -> Result<(), Fault> {
    let Ending { fees, used, certificate, evidence, proposer, empty } = *ending;
    let most = ctx.block.params.block_weight_max;
    orgs::close_due(ctx, most / CLOSING_PART)?;
    orgs::unlock_page(ctx, most / UNLOCKING_PART)?;
    let told = wasm::run_due(ctx, most / wasm::PULSES_PART)?;
    tokens::push_page(ctx, ctx.block.params.pushes_max)?;
    if !empty {
        staking::pay_signers(ctx, fees, certificate)?;
    }
    params::move_base_fee(ctx.state, &ctx.block.params, used.saturating_add(told).min(most))?;
    staking::end_block(ctx, certificate, evidence, proposer)
}

/// From which block time on a block's end has something to do; nothing where only transactions give it any. A node asks, so that what is
/// owed by time does not wait for somebody's transaction (PACE-9).
pub fn work_due(state: &dyn Read) -> Result<Option<Millis>, Fault> {
    if tokens::views::has_push(state)? || orgs::views::has_unlocking(state)? {
        return Ok(Some(0));
    }
    let closes = orgs::views::next_close(state)?;
    let told = wasm::views::next_schedule(state)?;
    Ok(closes.into_iter().chain(told).min())
}

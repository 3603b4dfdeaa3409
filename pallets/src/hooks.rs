use crate::{Ctx, orgs, params, staking, tokens};
use leither_state::{Fault, Read};
use leither_types::{Amount, Certificate, Millis, Weight};

/// What part of a block's greatest weight closing proposals may take, beside its transactions. Bounded by weight, not by number: so cheap
/// ones cannot keep the chain's other votes waiting.
const CLOSING_PART: Weight = 8;
/// The same for giving back the units that were cast.
const UNLOCKING_PART: Weight = 16;

/// What happens after a block's last transaction, in this order:
/// 1. proposals whose time has come are closed and done, since they may move money that is shared below;
/// 2. units cast in closed ones are given back, a page;
/// 3. dividends under way are pushed, a page;
/// 4. the fees are divided, since all of the block's fees are known now;
/// 5. the base fee moves for the next block.
pub fn end_block(ctx: &mut Ctx<'_>, fees: Amount, used: Weight, certificate: &Certificate, empty: bool) -> Result<(), Fault> {
    let most = ctx.block.params.block_weight_max;
    orgs::close_due(ctx, most / CLOSING_PART)?;
    orgs::unlock_page(ctx, most / UNLOCKING_PART)?;
    tokens::push_page(ctx, ctx.block.params.pushes_max)?;
    if !empty {
        staking::pay_signers(ctx, fees, certificate)?;
    }
    params::move_base_fee(ctx.state, &ctx.block.params, used)
}

/// From which block time on a block's end has something to do; nothing where only transactions give it any. A node asks, so that what is
/// owed by time does not wait for somebody's transaction (PACE-9).
pub fn work_due(state: &dyn Read) -> Result<Option<Millis>, Fault> {
    if tokens::views::has_push(state)? || orgs::views::has_unlocking(state)? {
        return Ok(Some(0));
    }
    orgs::views::next_close(state)
}

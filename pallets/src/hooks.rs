use crate::{Ctx, orgs, params, staking, tokens};
use leither_state::{Fault, Read};
use leither_types::{Amount, Certificate, Millis, Weight};

/// Proposals closed and ballots unlocked in one block, each.
const CLOSED_MAX: usize = 32;

/// What happens after a block's last transaction, in this order:
/// 1. proposals whose time has come are closed and done, since they may move money that is shared below;
/// 2. dividends under way are pushed, a page;
/// 3. the fees are divided, since all of the block's fees are known now;
/// 4. the base fee moves for the next block.
pub fn end_block(ctx: &mut Ctx<'_>, fees: Amount, used: Weight, certificate: &Certificate, empty: bool) -> Result<(), Fault> {
    orgs::close_due(ctx, CLOSED_MAX)?;
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

//! WASM-14: what contracts have told to them by time, in the blocks' ends. A schedule pays for itself, beforehand: each time costs its gas at the
//! base fee of the day, burnt, out of a budget that is locked with the contract.

use super::gas::{RECORD_GAS, weight_of_gas};
use super::run::{Go, Run};
use super::types::Schedule;
use super::{Error, Event, keys};
use crate::{Ctx, Origin, Stop, TxInfo, accounts, params, tokens};
use leither_state::Fault;
use leither_types::{AccountId, Amount, Blob, Millis, TokenId, Weight};
use leither_vm::INSTANCE_GAS;
use parity_scale_codec::Encode;
use std::mem;

/// Of one contract, by numbers from 0.
pub const SCHEDULES_MAX: u32 = 16;
/// Failing so often on end, one ends.
const FAILURES_MAX: u8 = 3;
/// What part of a block's greatest weight they have in its end, all together.
pub(crate) const PULSES_PART: Weight = 16;
/// One time, beside its gas.
const PULSE_WEIGHT: Weight = 60_000;
/// One that cannot be paid for now.
const LOOK_WEIGHT: Weight = 30_000;
/// Due ones that are looked up together.
const PAGE: usize = 64;
const EVERY_MS_MIN: Millis = 1_000;
const EVERY_MS_MAX: Millis = 366 * 24 * 3_600 * 1_000;

/// Why a schedule is over: the number that its event tells.
enum Over {
    /// As often as it was to be.
    Done = 0,
    /// Its budget does not pay for another time.
    Budget = 1,
    /// It failed three times on end.
    Failed = 2,
    /// The contract gave it up, or put another in its place.
    TakenBack = 3,
}

/// What a contract asks for.
pub(crate) struct Wanted {
    pub id: u32,
    pub msg: Vec<u8>,
    pub at: Option<Millis>,
    pub every_ms: Millis,
    pub times: u32,
    pub gas: u64,
    pub budget: Amount,
}

impl Schedule {
    /// What one time weighs.
    fn weight(&self) -> Weight {
        weight_of_gas(self.gas).saturating_add(PULSE_WEIGHT)
    }
}

/// What one time costs now.
fn price(ctx: &Ctx<'_>, schedule: &Schedule) -> Result<Amount, Fault> {
    let price = params::views::base_fee(ctx.state)?.share(u128::from(schedule.weight()), 1);
    price.ok_or_else(|| Fault::Corrupt("a base fee beyond its bound".into()))
}

/// In place of what stands under the number.
fn schedule(ctx: &mut Ctx<'_>, contract: &AccountId, wanted: Wanted) -> Result<(), Stop> {
    let Wanted { id, msg, at, every_ms, times, gas, budget } = wanted;
    let msg = Blob::new(msg).ok_or(Error::Schedule)?;
    let now = ctx.block.time;
    // No sooner than the shortest interval: a time that names the next one shall not come with each block.
    let due = at.unwrap_or(now.saturating_add(every_ms)).max(now.saturating_add(EVERY_MS_MIN));
    let (left, tx) = (times, ctx.tx.id);
    let mut made = Schedule { msg, gas, every_ms, left, due, budget, deposit: Amount::ZERO, failures: 0, tx };
    // A quarter of what all have in a block: nobody's fills it.
    let most = ctx.block.params.block_weight_max / PULSES_PART / 4;
    let fits = made.weight() <= most && gas >= INSTANCE_GAS;
    let is_timed = (EVERY_MS_MIN..=EVERY_MS_MAX).contains(&every_ms) && due - now <= EVERY_MS_MAX && times > 0;
    if id >= SCHEDULES_MAX || !fits || !is_timed || budget < price(ctx, &made)? {
        return Err(Error::Schedule.into());
    }
    unschedule(ctx, contract, id)?;
    accounts::lock(ctx.state, &TokenId::NATIVE, contract, budget)?;
    made.deposit = accounts::deposit(ctx.state, contract, made.encoded_size(), ctx.block.params.byte_deposit)?;
    put(ctx, contract, id, &made);
    ctx.emit(Event::Scheduled { contract: *contract, id, due, budget, deposit: made.deposit });
    Ok(())
}

fn put(ctx: &mut Ctx<'_>, contract: &AccountId, id: u32, schedule: &Schedule) {
    keys::SCHEDULE.put(ctx.state, &(*contract, id), schedule);
    keys::DUE.put(ctx.state, &(schedule.due, *contract, id), &());
}

/// What is left of the budget is the contract's again; nothing where there is none.
fn unschedule(ctx: &mut Ctx<'_>, contract: &AccountId, id: u32) -> Result<(), Fault> {
    match keys::SCHEDULE.get(ctx.state, &(*contract, id))? {
        Some(schedule) => end(ctx, contract, id, &schedule, Over::TakenBack),
        None => Ok(()),
    }
}

fn end(ctx: &mut Ctx<'_>, contract: &AccountId, id: u32, schedule: &Schedule, why: Over) -> Result<(), Fault> {
    keys::SCHEDULE.remove(ctx.state, &(*contract, id));
    keys::DUE.remove(ctx.state, &(schedule.due, *contract, id));
    let (budget, deposit) = (schedule.budget, schedule.deposit);
    for locked in [budget, deposit] {
        accounts::unlock(ctx.state, &TokenId::NATIVE, contract, locked)?;
    }
    ctx.emit(Event::ScheduleOver { contract: *contract, id, why: why as u8, budget, deposit });
    Ok(())
}

/// Those that are due, the oldest first, as many as `budget` allows by what they weigh; the first one always goes, so that the queue moves. Says
/// what they weighed.
pub(crate) fn run_due(ctx: &mut Ctx<'_>, budget: Weight) -> Result<Weight, Fault> {
    let (mut spent, mut after): (Weight, _) = (0, None);
    loop {
        // By pages: to look for the first one anew each time would go through all that was moved on before.
        let page = keys::DUE.scan(ctx.state, &(), after.as_ref(), PAGE)?;
        for (key, ()) in &page {
            let (due, contract, id) = *key;
            if due > ctx.block.time {
                return Ok(spent);
            }
            // One that ran just now may have given this one up, or put another in its place.
            let schedule = keys::SCHEDULE.get(ctx.state, &(contract, id))?;
            let Some(schedule) = schedule.filter(|schedule| schedule.due == due) else { continue };
            let weight = schedule.weight();
            if spent > 0 && spent.saturating_add(weight) > budget {
                return Ok(spent);
            }
            spent = spent.saturating_add(run_one(ctx, &contract, id, schedule)?);
        }
        match page.last() {
            Some((due, ())) if page.len() == PAGE => after = Some(*due),
            _ => return Ok(spent),
        }
    }
}

/// One time; says what it weighed.
fn run_one(ctx: &mut Ctx<'_>, contract: &AccountId, id: u32, mut schedule: Schedule) -> Result<Weight, Fault> {
    let weight = schedule.weight();
    let price = price(ctx, &schedule)?;
    let Some(rest) = schedule.budget.minus(price) else {
        let least = ctx.block.params.base_fee_min.share(u128::from(weight), 1);
        if least.is_none_or(|least| least > schedule.budget) {
            end(ctx, contract, id, &schedule, Over::Budget)?;
        } else {
            // Dear for a while: this time is left out.
            move_on(ctx, contract, id, schedule);
        }
        return Ok(LOOK_WEIGHT);
    };
    accounts::unlock(ctx.state, &TokenId::NATIVE, contract, price)?;
    match tokens::burn(ctx, &TokenId::NATIVE, contract, price) {
        Ok(()) => {}
        Err(Stop::Fault(fault)) => return Err(fault),
        Err(Stop::Reject(e)) => return Err(Fault::Corrupt(format!("a budget that was locked cannot be paid from: {e}"))),
    }
    let (msg, gas, tx) = (schedule.msg.clone(), schedule.gas, schedule.tx);
    schedule.budget = rest;
    schedule.left = schedule.left.saturating_sub(1);
    // Before it runs: the contract may give it up, or name another.
    move_on(ctx, contract, id, schedule);
    let (mark, said) = (ctx.state.mark(), ctx.events.len());
    let before = (mem::replace(&mut ctx.origin, Origin::Contract { contract: *contract, mandate: None }), ctx.tx);
    ctx.tx = TxInfo { id: tx, nonce: 0 };
    let done = Run::begin(ctx, gas, |run| Ok((*contract, run.sudo(contract, &msg)?)));
    (ctx.origin, ctx.tx) = before;
    let error = match done {
        Ok(()) => None,
        Err(Stop::Fault(fault)) => return Err(fault),
        Err(Stop::Reject(error)) => {
            ctx.state.revert(mark);
            ctx.events.truncate(said);
            Some(error)
        }
    };
    let is_failed = error.is_some();
    ctx.emit(Event::Pulsed { contract: *contract, id, error });
    let Some(mut now) = keys::SCHEDULE.get(ctx.state, &(*contract, id))? else { return Ok(weight) };
    now.failures = if is_failed { now.failures.saturating_add(1) } else { 0 };
    if now.failures >= FAILURES_MAX {
        end(ctx, contract, id, &now, Over::Failed)?;
    } else if now.left == 0 {
        end(ctx, contract, id, &now, Over::Done)?;
    } else {
        keys::SCHEDULE.put(ctx.state, &(*contract, id), &now);
    }
    Ok(weight)
}

/// To its next time.
fn move_on(ctx: &mut Ctx<'_>, contract: &AccountId, id: u32, mut schedule: Schedule) {
    keys::DUE.remove(ctx.state, &(schedule.due, *contract, id));
    schedule.due = next_due(schedule.due, schedule.every_ms, ctx.block.time);
    put(ctx, contract, id, &schedule);
}

/// In its rhythm, later than now: what was missed is not made up for.
fn next_due(due: Millis, every_ms: Millis, now: Millis) -> Millis {
    let every = every_ms.max(1);
    let passed = now.saturating_sub(due) / every;
    due.saturating_add(every.saturating_mul(passed.saturating_add(1)))
}

impl Run<'_, '_> {
    pub(super) fn schedule(&mut self, contract: &AccountId, wanted: Wanted) -> Go<()> {
        self.charge(4 * RECORD_GAS)?;
        Ok(schedule(self.ctx, contract, wanted)?)
    }

    pub(super) fn unschedule(&mut self, contract: &AccountId, id: u32) -> Go<()> {
        self.charge(3 * RECORD_GAS)?;
        Ok(unschedule(self.ctx, contract, id)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_in_rhythm_and_later_than_now() {
        for (due, every, now, next) in [(10, 10, 10, 20), (10, 10, 19, 20), (10, 10, 20, 30), (10, 10, 1_000_005, 1_000_010)] {
            assert_eq!(next_due(due, every, now), next, "due {due}, every {every}, now {now}");
        }
        assert_eq!(next_due(u64::MAX - 1, u64::MAX, u64::MAX), u64::MAX);
    }
}

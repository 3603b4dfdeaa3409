use super::absence::{count_misses, forget_absent, forget_misses};
use super::faults::punish;
use super::power::{power_of, weigh};
use super::types::{Epoch, Owner, Service, Stake, Standing};
use super::{Event, keys, there};
use crate::{Ctx, accounts, params};
use leither_state::{Fault, Overlay};
use leither_types::{
    AccountId, Certificate, Evidence, List, Millis, Params, RULES_VERSION, TokenId, Validator, ValidatorId, ValidatorSet,
};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What the end of a block does to the set. STAKING-9: the sets move on first, so that all the rest changes the set after the next.
pub(crate) fn end_block(
    ctx: &mut Ctx<'_>,
    certificate: &Certificate,
    evidence: &[Evidence],
    proposer: &ValidatorId,
) -> Result<(), Fault> {
    let (before, set) = shift(ctx.state)?;
    count_misses(ctx, &before, certificate)?;
    punish(ctx, evidence, set.get(proposer))?;
    let mut epoch = there(keys::EPOCH.get(ctx.state)?, "epoch")?;
    let now = ctx.block.epoch();
    if now > epoch.number {
        let pulses = ctx.block.height.saturating_sub(epoch.elected_at);
        epoch = Epoch { number: now, elected_at: ctx.block.height };
        keys::EPOCH.put(ctx.state, &epoch);
        elect(ctx, now, pulses)?;
    }
    Ok(())
}

/// STAKING-9: each set is one block nearer. Gives who voted on the parent, and who votes on this block.
fn shift(state: &mut Overlay) -> Result<(ValidatorSet, ValidatorSet), Fault> {
    let before = there(keys::BEFORE.get(state)?, "former validator set")?;
    let set = there(keys::SET.get(state)?, "validator set")?;
    let after = there(keys::AFTER.get(state)?, "coming validator set")?;
    if before != set {
        keys::BEFORE.put(state, &set);
    }
    if set != after {
        keys::SET.put(state, &after);
    }
    Ok((before, set))
}

/// STAKING-4, after an epoch of so many pulses.
fn elect(ctx: &mut Ctx<'_>, epoch: u64, pulses: u64) -> Result<(), Fault> {
    let roster = there(keys::ROSTER.get(ctx.state)?, "roster")?;
    let mut stakes = Vec::with_capacity(roster.len());
    for operator in roster.iter() {
        stakes.push((*operator, there(keys::STAKE.get(ctx.state, operator)?, "stake of the roster")?));
    }
    forget_misses(ctx.state, &roster, pulses)?;
    let mut rotated: Vec<_> = stakes.iter().map(|(operator, stake)| (*operator, with_next_key(stake))).collect();
    let release = ctx.block.time.saturating_add(ctx.block.params.unbonding_ms);
    if let Some(set) = ranked(&rotated, &ctx.block.params) {
        put_on_probation(ctx.state, &set, &mut rotated)?;
        forget_absent(ctx.state, ctx.block.time)?;
        for ((operator, before), (_, after)) in stakes.iter().zip(&rotated) {
            if before != after {
                keys::STAKE.put(ctx.state, operator, after);
            }
            if before.key != after.key {
                lay_down(ctx.state, &before.key, release)?;
            }
        }
        stakes = rotated;
        raise_rules(ctx, &set, &stakes)?;
        keys::AFTER.put(ctx.state, &set);
        ctx.emit(Event::Elected { epoch, validators: u32::try_from(set.len()).unwrap_or(u32::MAX) });
        for (operator, stake) in &mut stakes {
            let has_left = match stake.standing {
                Standing::Leaving { release: None } => true,
                Standing::Jailed { until } => until.saturating_add(ctx.block.params.unbonding_ms) <= ctx.block.time,
                _ => false,
            };
            if !has_left {
                continue;
            }
            if stake.standing != (Standing::Leaving { release: None }) {
                ctx.emit(Event::Leaving { operator: *operator });
            }
            stake.standing = Standing::Leaving { release: Some(release) };
            drop_next_key(ctx.state, stake)?;
            keys::STAKE.put(ctx.state, operator, stake);
        }
    }
    release_due(ctx, stakes)
}

/// STAKING-10: the new key stands from the election on.
fn with_next_key(stake: &Stake) -> Stake {
    let mut stake = stake.clone();
    if let Some(next) = stake.next_key.take() {
        stake.key = next.key;
        if let Some(contact) = &mut stake.contact {
            contact.swarm = next.swarm;
        }
    }
    stake
}

/// A key that was to take over and does not: it never voted.
pub(super) fn drop_next_key(state: &mut Overlay, stake: &mut Stake) -> Result<(), Fault> {
    match stake.next_key.take() {
        Some(next) => lay_down(state, &next.key, 0),
        None => Ok(()),
    }
}

/// STAKING-13: those of the elected who have yet to show that they run.
fn put_on_probation(state: &mut Overlay, set: &ValidatorSet, stakes: &mut [(AccountId, Stake)]) -> Result<(), Fault> {
    let elected: BTreeSet<AccountId> = set.iter().map(|validator| validator.operator).collect();
    let mut list = Vec::new();
    for (operator, stake) in stakes {
        if stake.service != Service::Proven && elected.contains(operator) {
            stake.service = Service::Probation;
            list.push(*operator);
        }
    }
    let list = List::new(list).ok_or_else(|| Fault::Corrupt("more on probation than validators".into()))?;
    if keys::PROBATION.get(state)?.unwrap_or_default() != list {
        keys::PROBATION.put(state, &list);
    }
    Ok(())
}

/// The most powerful candidates. Nothing where there is none: then the set stays (STAKING-8).
fn ranked(stakes: &[(AccountId, Stake)], params: &Params) -> Option<ValidatorSet> {
    let candidate = |(operator, stake): &(AccountId, Stake)| {
        let power = power_of(stake, params);
        let fit = stake.standing == Standing::Active && power > 0;
        fit.then_some((Validator { key: stake.key, power, operator: *operator }, stake.service == Service::Proven))
    };
    let mut candidates: Vec<(Validator, bool)> = stakes.iter().filter_map(candidate).collect();
    candidates.sort_by_key(|(validator, _)| (Reverse(validator.power), validator.id()));
    let seats = (params.validators_max as usize).clamp(1, leither_types::VALIDATORS_MAX);
    // STAKING-13: seats that nobody else wants, or a quarter of them.
    let proven = candidates.iter().filter(|(_, proven)| *proven).count();
    let newcomers = seats.saturating_sub(proven).max(seats / 4).max(1);
    let (mut known, mut new) = (Vec::new(), Vec::new());
    for (validator, proven) in candidates {
        if known.len() + new.len() == seats {
            break;
        }
        match proven {
            true => known.push(validator),
            false if new.len() < newcomers => new.push(validator),
            false => {}
        }
    }
    ValidatorSet::new(weigh(known, new)).ok()
}

/// STAKING-11.
fn raise_rules(ctx: &mut Ctx<'_>, set: &ValidatorSet, stakes: &[(AccountId, Stake)]) -> Result<(), Fault> {
    let Some(next) = ctx.block.params.version.checked_add(1) else { return Ok(()) };
    let is_ready = |validator: &Validator| {
        let stake =
            stakes.binary_search_by_key(&validator.operator, |(operator, _)| *operator).ok().and_then(|at| stakes.get(at));
        stake.is_some_and(|(_, stake)| stake.ready >= next)
    };
    // They hold from the next block on, which the present set votes on, and the elected one those after it: either must be able to decide.
    let present = there(keys::SET.get(ctx.state)?, "validator set")?;
    for voters in [set, &present] {
        let ready: u128 = voters.iter().filter(|v| is_ready(v)).map(|v| u128::from(v.power)).sum();
        if ready * 3 <= voters.total_power() * 2 {
            return Ok(());
        }
    }
    params::set_version(ctx.state, next)?;
    ctx.emit(Event::Rules { version: next });
    Ok(())
}

/// STAKING-5: gives back what has waited long enough. Looked at once an epoch.
fn release_due(ctx: &mut Ctx<'_>, stakes: Vec<(AccountId, Stake)>) -> Result<(), Fault> {
    let mut left = Vec::new();
    for (operator, mut stake) in stakes {
        let (Standing::Leaving { release: Some(at) } | Standing::Ejected { release: at }) = stake.standing else {
            left.push(operator);
            continue;
        };
        if at > ctx.block.time {
            left.push(operator);
            continue;
        }
        accounts::unlock(ctx.state, &TokenId::NATIVE, &operator, stake.pledge)?;
        ctx.emit(Event::Released { operator, amount: stake.pledge });
        stake.pledge = leither_types::Amount::ZERO;
        match stake.standing {
            // What was convicted is never forgotten, so the record stays.
            Standing::Ejected { .. } => {
                stake.standing = Standing::Ejected { release: Millis::MAX };
                keys::STAKE.put(ctx.state, &operator, &stake);
            }
            _ => {
                // It has not voted for as long as its pledge was kept for that.
                lay_down(ctx.state, &stake.key, 0)?;
                keys::STAKE.remove(ctx.state, &operator);
            }
        }
    }
    let roster = List::new(left).ok_or_else(|| Fault::Corrupt("a roster that has grown".into()))?;
    if keys::ROSTER.get(ctx.state)?.as_ref() != Some(&roster) {
        keys::ROSTER.put(ctx.state, &roster);
    }
    Ok(())
}

/// Takes a validator out of the coming set, before any election. STAKING-8: unless it is the last.
pub(super) fn remove(state: &mut Overlay, operator: &AccountId) -> Result<(), Fault> {
    let after = there(keys::AFTER.get(state)?, "coming validator set")?;
    let rest: Vec<Validator> = after.iter().filter(|v| v.operator != *operator).cloned().collect();
    if rest.len() == after.len() {
        return Ok(());
    }
    if let Ok(set) = ValidatorSet::new(rest) {
        keys::AFTER.put(state, &set);
    }
    Ok(())
}

/// Whether an operator's validator votes now or soon.
pub(super) fn is_seated(state: &Overlay, operator: &AccountId) -> Result<bool, Fault> {
    for item in [keys::SET, keys::AFTER] {
        if there(item.get(state)?, "validator set")?.iter().any(|v| v.operator == *operator) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Binds a key for ever, if it never was.
pub(super) fn bind(state: &mut Overlay, operator: &AccountId, key: leither_types::PublicKey) -> Result<bool, Fault> {
    let id = ValidatorId::of_key(&key);
    if !key.may_be_bound() || keys::OWNER.has(state, &id)? {
        return Ok(false);
    }
    keys::OWNER.put(state, &id, &Owner::of(*operator, key));
    Ok(true)
}

/// STAKING-10: a key that votes no more is held to what it signed for so long.
pub(super) fn lay_down(state: &mut Overlay, key: &leither_types::PublicKey, until: Millis) -> Result<(), Fault> {
    let id = ValidatorId::of_key(key);
    let owner = there(keys::OWNER.get(state, &id)?, "owner of a key")?;
    keys::OWNER.put(state, &id, &Owner { until: Some(until), ..owner });
    Ok(())
}

/// Whether this program plays by these rules: one that does not must stop, or it would decide otherwise than the rest.
pub fn knows(version: u32) -> bool {
    (1..=RULES_VERSION).contains(&version)
}

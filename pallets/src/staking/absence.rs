use super::election::remove;
use super::types::{Absent, Missed, Service, Stake, Standing};
use super::{Event, keys, there};
use crate::Ctx;
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Certificate, List, Millis, ValidatorSet};
use std::collections::BTreeSet;

/// STAKING-12: fewer of them can do without nobody.
const SEATED_MIN: usize = 4;

/// STAKING-6: who is not in the parent's certificate has missed it. STAKING-13: who is has shown that it runs.
pub(super) fn count_misses(ctx: &mut Ctx<'_>, set: &ValidatorSet, certificate: &Certificate) -> Result<(), Fault> {
    if certificate.height == 0 {
        return Ok(());
    }
    let epoch = there(keys::EPOCH.get(ctx.state)?, "epoch")?;
    let pulses = ctx.block.height.saturating_sub(epoch.elected_at);
    let signers: BTreeSet<_> = certificate.signatures.iter().map(|commit| commit.validator).collect();
    let mut signed = BTreeSet::new();
    for validator in set.iter() {
        let operator = validator.operator;
        if signers.contains(&validator.id()) {
            signed.insert(operator);
            continue;
        }
        let mut missed = keys::MISSES.get(ctx.state, &operator)?.unwrap_or_default();
        missed.count = missed.count.saturating_add(1);
        keys::MISSES.put(ctx.state, &operator, &missed);
        if missed.count >= ctx.block.params.misses_max && is_most(&missed, pulses) {
            jail(ctx, &operator)?;
        }
    }
    prove(ctx.state, &signed)
}

/// Whether more than half of the pulses were missed.
fn is_most(missed: &Missed, pulses: u64) -> bool {
    u64::from(missed.count).saturating_mul(2) > missed.pulses.saturating_add(pulses)
}

/// STAKING-13: probation ends with the first signature.
fn prove(state: &mut Overlay, signed: &BTreeSet<AccountId>) -> Result<(), Fault> {
    let probation = keys::PROBATION.get(state)?.unwrap_or_default();
    if !probation.iter().any(|operator| signed.contains(operator)) {
        return Ok(());
    }
    let (proven, left): (Vec<AccountId>, Vec<_>) = probation.into_vec().into_iter().partition(|who| signed.contains(who));
    for operator in proven {
        let stake = keys::STAKE.get(state, &operator)?;
        // Who was jailed meanwhile has not come back by what it signs until it is out.
        let is_back = |stake: &Stake| stake.service == Service::Probation && stake.standing == Standing::Active;
        if let Some(stake) = stake.filter(is_back) {
            keys::STAKE.put(state, &operator, &Stake { service: Service::Proven, ..stake });
            forget(state, &operator)?;
        }
    }
    keys::PROBATION.put(state, &there(List::new(left), "room for fewer")?);
    Ok(())
}

fn jail(ctx: &mut Ctx<'_>, operator: &AccountId) -> Result<(), Fault> {
    let Some(mut stake) = keys::STAKE.get(ctx.state, operator)? else { return Ok(()) };
    if stake.standing != Standing::Active || !can_spare(ctx, operator, stake.service)? {
        return Ok(());
    }
    let until = ctx.block.time.saturating_add(ctx.block.params.jail_ms);
    stake.standing = Standing::Jailed { until };
    stake.service = Service::Probation;
    keys::STAKE.put(ctx.state, operator, &stake);
    keys::MISSES.remove(ctx.state, operator);
    remove(ctx.state, operator)?;
    ctx.emit(Event::Jailed { operator: *operator, until });
    Ok(())
}

/// STAKING-12: whether the others could decide without it, and without one of them. Keeps account of what is taken out.
fn can_spare(ctx: &mut Ctx<'_>, operator: &AccountId, service: Service) -> Result<bool, Fault> {
    let after = there(keys::AFTER.get(ctx.state)?, "coming validator set")?;
    let seat = after.iter().find(|validator| validator.operator == *operator);
    let Some(power) = seat.map(|validator| validator.power) else { return Ok(true) };
    // What came in on probation counted for little: the set without it is the one that was there before.
    if service != Service::Proven {
        return Ok(true);
    }
    let now = ctx.block.time;
    let mut absent = absent(ctx.state, |one| one.until > now && one.operator != *operator)?;
    let gone = absent.iter().map(|one| u128::from(one.power)).sum::<u128>();
    // Who is back on probation is counted as absent until it signs.
    let here = after.iter().filter(|validator| absent.binary_search_by_key(&validator.operator, |one| one.operator).is_err());
    let total = here.map(|validator| u128::from(validator.power)).sum::<u128>().saturating_add(gone);
    let taken = gone.saturating_add(u128::from(power));
    if after.len() <= SEATED_MIN || taken.saturating_mul(4) >= total {
        return Ok(false);
    }
    let at = absent.partition_point(|one| one.operator < *operator);
    absent.insert(at, Absent { operator: *operator, power, until: now.saturating_add(ctx.block.params.unbonding_ms) });
    let Some(absent) = List::new(absent) else { return Ok(false) };
    keys::ABSENT.put(ctx.state, &absent);
    Ok(true)
}

fn absent(state: &Overlay, which: impl Fn(&Absent) -> bool) -> Result<Vec<Absent>, Fault> {
    let all = keys::ABSENT.get(state)?.unwrap_or_default();
    Ok(all.into_vec().into_iter().filter(which).collect())
}

/// An election: who has been away for long is not absent any more.
pub(super) fn forget_absent(state: &mut Overlay, now: Millis) -> Result<(), Fault> {
    keep_absent(state, |one| one.until > now)
}

/// It is out for good, by its own deed, or has signed again.
pub(super) fn forget(state: &mut Overlay, operator: &AccountId) -> Result<(), Fault> {
    keep_absent(state, |one| one.operator != *operator)
}

fn keep_absent(state: &mut Overlay, which: impl Fn(&Absent) -> bool) -> Result<(), Fault> {
    let all = keys::ABSENT.get(state)?.unwrap_or_default();
    let left = there(List::new(absent(state, which)?), "room for fewer")?;
    if left != all {
        keys::ABSENT.put(state, &left);
    }
    Ok(())
}

/// A recovered chain counts from nothing.
pub(super) fn begin_anew(state: &mut Overlay, roster: &[AccountId]) {
    for operator in roster {
        keys::MISSES.remove(state, operator);
    }
    keys::PROBATION.put(state, &List::default());
    keys::ABSENT.put(state, &List::default());
}

/// A new epoch, after one of so many pulses, forgets the misses of all but those who missed most: on an idle chain an epoch is too short
/// to tell.
pub(super) fn forget_misses(state: &mut Overlay, roster: &[AccountId], pulses: u64) -> Result<(), Fault> {
    for operator in roster {
        let Some(mut missed) = keys::MISSES.get(state, operator)? else { continue };
        if is_most(&missed, pulses) {
            missed.pulses = missed.pulses.saturating_add(pulses);
            keys::MISSES.put(state, operator, &missed);
        } else {
            keys::MISSES.remove(state, operator);
        }
    }
    Ok(())
}

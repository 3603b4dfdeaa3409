use super::faults::{count_misses, forget_misses, punish};
use super::types::{Epoch, Owner, Stake, Standing};
use super::{Event, keys, there};
use crate::{Ctx, accounts, params};
use leither_state::{Fault, Overlay};
use leither_types::{
    AccountId, Certificate, Evidence, List, Millis, Params, RULES_VERSION, TokenId, Validator, ValidatorId, ValidatorSet,
};
use std::cmp::Reverse;

/// From this many validators on none has more than a quarter of the power.
const CAPPED_FROM: usize = 5;
/// No validator has more power: the engine adds 64 of them up in 64 bits, and triples that.
const POWER_MAX: u64 = 1 << 56;

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
        epoch = Epoch { number: now, elected_at: ctx.block.height };
        keys::EPOCH.put(ctx.state, &epoch);
        elect(ctx, now)?;
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

/// STAKING-4.
fn elect(ctx: &mut Ctx<'_>, epoch: u64) -> Result<(), Fault> {
    let roster = there(keys::ROSTER.get(ctx.state)?, "roster")?;
    let mut stakes = Vec::with_capacity(roster.len());
    for operator in roster.iter() {
        stakes.push((*operator, there(keys::STAKE.get(ctx.state, operator)?, "stake of the roster")?));
    }
    forget_misses(ctx.state, &roster);
    let rotated: Vec<_> = stakes.iter().map(|(operator, stake)| (*operator, with_next_key(stake))).collect();
    if let Some(set) = ranked(&rotated, &ctx.block.params) {
        for ((operator, before), (_, after)) in stakes.iter().zip(&rotated) {
            if before != after {
                keys::STAKE.put(ctx.state, operator, after);
            }
        }
        stakes = rotated;
        raise_rules(ctx, &set, &stakes)?;
        keys::AFTER.put(ctx.state, &set);
        ctx.emit(Event::Elected { epoch, validators: u32::try_from(set.len()).unwrap_or(u32::MAX) });
        let release = ctx.block.time.saturating_add(ctx.block.params.unbonding_ms);
        for (operator, stake) in &mut stakes {
            if stake.standing == (Standing::Leaving { release: None }) {
                stake.standing = Standing::Leaving { release: Some(release) };
                keys::STAKE.put(ctx.state, operator, stake);
            }
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

/// The most powerful candidates. Nothing where there is none: then the set stays (STAKING-8).
fn ranked(stakes: &[(AccountId, Stake)], params: &Params) -> Option<ValidatorSet> {
    let candidate = |(operator, stake): &(AccountId, Stake)| {
        let power = power_of(stake, params);
        let fit = stake.standing == Standing::Active && power > 0;
        fit.then_some(Validator { key: stake.key, power, operator: *operator })
    };
    let mut candidates: Vec<Validator> = stakes.iter().filter_map(candidate).collect();
    candidates.sort_by_key(|validator| (Reverse(validator.power), validator.id()));
    candidates.truncate((params.validators_max as usize).clamp(1, leither_types::VALIDATORS_MAX));
    cap(&mut candidates);
    ValidatorSet::new(candidates).ok()
}

/// By pledge and by genesis.
pub(super) fn power_of(stake: &Stake, params: &Params) -> u64 {
    let pledged = stake.pledge.0 / params.pledge_unit.0.max(1);
    u64::try_from(pledged).unwrap_or(u64::MAX).saturating_add(stake.granted).min(POWER_MAX)
}

/// No more than a quarter of the total each: with the `n` greatest cut to `x`, `x = (n x + rest) / 4`, so `x = rest / (4 - n)`. Descending
/// order is kept.
fn cap(validators: &mut [Validator]) {
    if validators.len() < CAPPED_FROM {
        return;
    }
    for cut in 1..=3usize {
        let rest: u128 = validators.iter().skip(cut).map(|v| u128::from(v.power)).sum();
        let most = rest / (4 - cut as u128);
        let next = validators.get(cut).map_or(0, |v| u128::from(v.power));
        let least = validators.get(cut - 1).map_or(0, |v| u128::from(v.power));
        if cut == 1 && least <= most {
            return;
        }
        if next <= most {
            let most = u64::try_from(most).unwrap_or(POWER_MAX).max(1);
            validators.iter_mut().take(cut).for_each(|v| v.power = v.power.min(most));
            return;
        }
    }
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
            _ => keys::STAKE.remove(ctx.state, &operator),
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
    keys::OWNER.put(state, &id, &Owner { operator: *operator, key, convicted: false });
    Ok(true)
}

/// Whether this program plays by these rules: one that does not must stop, or it would decide otherwise than the rest.
pub fn knows(version: u32) -> bool {
    (1..=RULES_VERSION).contains(&version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_types::{SecretKey, Validator};
    use proptest::prelude::*;

    fn validators(powers: &[u64]) -> Vec<Validator> {
        let one = |(n, power): (usize, &u64)| {
            let key = SecretKey::from_seed(&[n as u8 + 1; 32]).public();
            Validator { key, power: *power, operator: AccountId([n as u8; 20]) }
        };
        let mut all: Vec<_> = powers.iter().enumerate().map(one).collect();
        all.sort_by_key(|v| Reverse(v.power));
        all
    }

    fn capped(powers: &[u64]) -> Vec<u64> {
        let mut all = validators(powers);
        cap(&mut all);
        all.iter().map(|v| v.power).collect()
    }

    #[test]
    fn staking_4_from_five_on_none_has_more_than_a_quarter() {
        assert_eq!(capped(&[100, 1, 1, 1]), [100, 1, 1, 1], "four may be as they are");
        assert_eq!(capped(&[10, 10, 10, 10, 10]), [10; 5]);
        assert_eq!(capped(&[100, 3, 3, 3, 3]), [4, 3, 3, 3, 3]);
        assert_eq!(capped(&[100, 100, 3, 3, 3]), [4, 4, 3, 3, 3]);
        assert_eq!(capped(&[100, 100, 100, 3, 3]), [6, 6, 6, 3, 3]);
        assert_eq!(capped(&[100, 100, 100, 100, 1]), [100, 100, 100, 100, 1], "already no more than a quarter");
    }

    proptest! {
        #[test]
        fn staking_4_whatever_is_pledged_the_cap_holds_and_no_order_changes(
            mut powers in prop::collection::vec(1u64..=POWER_MAX, 5..12)
        ) {
            powers.sort_unstable_by_key(|p| Reverse(*p));
            let after = capped(&powers);
            let total: u128 = after.iter().map(|p| u128::from(*p)).sum();
            prop_assert!(u128::from(after[0]) * 4 <= total.max(4), "{powers:?} -> {after:?}");
            prop_assert!(after.windows(2).all(|pair| pair[0] >= pair[1]), "{powers:?} -> {after:?}");
            prop_assert!(after.iter().zip(&powers).all(|(new, old)| new <= old && *new > 0));
        }
    }
}

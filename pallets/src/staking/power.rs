use super::types::Stake;
use leither_types::{Params, Validator};

/// From this many validators on none has more than a quarter of the power.
const CAPPED_FROM: usize = 5;
/// No validator has more power: the engine adds 64 of them up in 64 bits, and triples that.
const POWER_MAX: u64 = 1 << 56;

/// By pledge and by genesis.
pub(super) fn power_of(stake: &Stake, params: &Params) -> u64 {
    let pledged = stake.pledge.0 / params.pledge_unit.0.max(1);
    u64::try_from(pledged).unwrap_or(u64::MAX).saturating_add(stake.granted).min(POWER_MAX)
}

/// STAKING-13: those who have shown that they run, capped, and newcomers, who have together at most a quarter of the total: nothing stops
/// where they never start. Both in descending order of power, as the outcome is.
pub(super) fn weigh(mut known: Vec<Validator>, mut new: Vec<Validator>) -> Vec<Validator> {
    cap(&mut known);
    if known.is_empty() {
        cap(&mut new);
        return new;
    }
    let total = |of: &[Validator]| of.iter().map(|v| u128::from(v.power)).sum::<u128>();
    if !new.is_empty() && total(&known) < 3 {
        // So little has no quarter to give away.
        known.iter_mut().for_each(|v| v.power = v.power.saturating_mul(3));
    }
    let (most, asked) = (total(&known) / 3, total(&new));
    if asked > most {
        for validator in &mut new {
            let part = u128::from(validator.power).saturating_mul(most) / asked;
            // No more than it was.
            validator.power = u64::try_from(part).unwrap_or(validator.power);
        }
        // Where all parts are less than one, the first has one.
        if let Some(first) = new.first_mut() {
            first.power = first.power.max(1);
        }
        new.retain(|validator| validator.power > 0);
    }
    known.append(&mut new);
    known
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

#[cfg(test)]
mod tests {
    use super::*;
    use leither_types::{AccountId, SecretKey};
    use proptest::prelude::*;
    use std::cmp::Reverse;

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

    fn weighed(known: &[u64], new: &[u64]) -> Vec<u64> {
        weigh(validators(known), validators(new)).iter().map(|v| v.power).collect()
    }

    #[test]
    fn staking_13_newcomers_have_together_at_most_a_quarter() {
        assert_eq!(weighed(&[1_000], &[1_000]), [1_000, 333]);
        assert_eq!(weighed(&[100, 100, 100], &[100]), [100; 4], "a quarter is theirs");
        assert_eq!(weighed(&[100, 100, 100], &[600, 300, 1]), [100, 100, 100, 66, 33], "in proportion; nothing is no seat");
        assert_eq!(weighed(&[1], &[5, 5]), [3, 1], "who has no quarter to give away counts threefold");
        assert_eq!(weighed(&[1, 1], &[]), [1, 1], "beside nobody it is as it was");
        assert_eq!(weighed(&[100, 1, 1, 1], &[8, 8, 8, 8]), [100, 1, 1, 1, 8, 8, 8, 8], "four known ones may be as they are");
        assert_eq!(weighed(&[100, 3, 3, 3, 3], &[2_000]), [4, 3, 3, 3, 3, 5], "first the cap, then the quarter");
        assert_eq!(weighed(&[], &[100, 3, 3, 3, 3]), [4, 3, 3, 3, 3], "where all are new, as if all were known");
    }

    proptest! {
        #[test]
        fn staking_13_whatever_is_pledged_the_known_can_decide_without_the_new(
            known in prop_oneof![prop::collection::vec(1u64..=POWER_MAX, 1..12), prop::collection::vec(1u64..=2, 1..3)],
            new in prop::collection::vec(1u64..=POWER_MAX, 0..12),
        ) {
            let mut expected = validators(&known);
            cap(&mut expected);
            if known.iter().sum::<u64>() < 3 && !new.is_empty() {
                expected.iter_mut().for_each(|v| v.power *= 3);
            }
            let after = weigh(validators(&known), validators(&new));
            let theirs: u128 = expected.iter().map(|v| u128::from(v.power)).sum();
            let total: u128 = after.iter().map(|v| u128::from(v.power)).sum();
            prop_assert_eq!(&after[..known.len()], &expected[..]);
            prop_assert!((total - theirs) * 4 <= total, "{known:?} {new:?}");
            prop_assert!(theirs * 3 > total * 2);
        }

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

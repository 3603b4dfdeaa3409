use crate::set;
use leither_types::{ValidatorId, ValidatorSet};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// How often each proposes in the heights `from .. from + turns`.
fn turns_of(set: &ValidatorSet, from: u64, turns: u64) -> BTreeMap<ValidatorId, u64> {
    let mut counts = BTreeMap::new();
    for height in from..from + turns {
        *counts.entry(set.proposer(height, 0).id()).or_default() += 1;
    }
    counts
}

fn shares_are_exact(powers: &[u64], from: u64) {
    let set = set(powers);
    let total = u64::try_from(set.total_power()).expect("small powers");
    let counts = turns_of(&set, from, total);
    for validator in set.iter() {
        assert_eq!(counts.get(&validator.id()), Some(&validator.power), "of {powers:?} from {from}");
    }
}

#[test]
fn in_total_power_turns_each_proposes_exactly_its_power() {
    for powers in [&[1][..], &[5], &[1, 1], &[1, 1, 1, 1], &[100, 1], &[3, 2, 1], &[10, 10, 10, 1], &[1; 64]] {
        for from in [0, 1, 12_345] {
            shares_are_exact(powers, from);
        }
    }
}

#[test]
fn equals_take_turns_without_repetition() {
    let set = set(&[1, 1, 1, 1]);
    let order: Vec<_> = (0..8).map(|height| set.proposer(height, 0).id()).collect();
    for window in order.windows(4) {
        let mut seen = window.to_vec();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 4, "each of four equals comes once in any four turns");
    }
}

#[test]
fn a_failed_round_passes_the_turn_to_another_equal() {
    let set = set(&[1, 1, 1, 1]);
    for height in 0..16 {
        let mut seen: Vec<_> = (0..4).map(|round| set.proposer(height, round).id()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 4, "four rounds of height {height} reach all four");
    }
}

/// 64 x (2^64 - 1) is nearly 2^70: turn and step are below that, their product is not below 2^128.
#[test]
fn the_greatest_powers_heights_and_rounds_do_not_overflow() {
    let set = set(&[u64::MAX; 64]);
    let mut seen = BTreeMap::<_, u32>::new();
    for back in 0..640 {
        *seen.entry(set.proposer(u64::MAX - back, u32::MAX).id()).or_default() += 1;
    }
    assert_eq!(seen.len(), 64, "all of them come up");
    assert!(seen.values().all(|n| (8..=12).contains(n)), "ten turns each are due: {seen:?}");
}

/// Nobody waits long for its turn, and nobody has a lucky slot: also where one round of all slots would take ages.
#[test]
fn shares_are_nearly_exact_over_any_twenty_thousand_turns() {
    let powers = [900_000_000_007, 90_000_000_011, 5_000_000_003, 3_000_000_019, 1_500_000_001, 500_000_009];
    let set = set(&powers);
    for from in [0, 7_777, 1 << 40, 1 << 60] {
        let counts = turns_of(&set, from, 20_000);
        for validator in set.iter() {
            let due = 20_000.0 * validator.power as f64 / set.total_power() as f64;
            let had = counts.get(&validator.id()).copied().unwrap_or(0) as f64;
            assert!((had - due).abs() < 8.0, "{had} turns of 20000 from {from} where {due:.1} are due");
        }
    }
}

/// The prime factors of 43 x (2^64 - 1).
const FACTORS: [u128; 8] = [3, 5, 17, 43, 257, 641, 65_537, 6_700_417];

/// The rule restated for 43 validators of the greatest power, with no product beyond 2^71: slot = turn x step, by doubling and adding.
fn by_adding(set: &ValidatorSet, height: u64, round: u32) -> ValidatorId {
    let total = set.total_power();
    let mut step = total * 61_305_790_721_611_591 / 99_194_853_094_755_497;
    while FACTORS.iter().any(|factor| step.is_multiple_of(*factor)) {
        step -= 1;
    }
    let mut turn = (u128::from(height) + u128::from(round)) % total;
    let (mut slot, mut part) = (0, step);
    while turn > 0 {
        if turn % 2 == 1 {
            slot = (slot + part) % total;
        }
        part = part * 2 % total;
        turn /= 2;
    }
    let mut before = 0;
    let holds = |v: &&leither_types::Validator| {
        before += u128::from(v.power);
        slot < before
    };
    set.iter().find(holds).expect("a slot below the total").id()
}

#[test]
fn the_proposer_is_the_holder_of_the_slot_that_doubling_and_adding_gives() {
    let set = set(&[u64::MAX; 43]);
    assert_eq!(set.total_power(), FACTORS.iter().product());
    for back in 0..50 {
        let height = u64::MAX - back * 0x0123_4567_89ab_cdef;
        assert_eq!(set.proposer(height, 7).id(), by_adding(&set, height, 7), "height {height}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shares_are_exact_whatever_the_powers(powers in proptest::collection::vec(1..50u64, 1..12), from in 0..1u64 << 40) {
        shares_are_exact(&powers, from);
    }

    #[test]
    fn the_proposer_follows_from_set_height_and_round_alone(powers in proptest::collection::vec(any::<u64>(), 1..64), height: u64, round: u32) {
        let powers: Vec<u64> = powers.into_iter().map(|p| p.max(1)).collect();
        let (one, same) = (set(&powers), set(&powers));
        prop_assert_eq!(one.proposer(height, round), same.proposer(height, round));
        prop_assert_ne!(one.proposer(height, round).power, 0);
    }
}

//! Twins: two machines with one validator's key, both of which follow the rules, on wires that are cut anew for each round. To the others
//! they are one validator that equivocates, forgets and keeps silent as the cuts have it; so every villain's behaviour comes up that the
//! rules themselves can be bent to, without anybody writing it down.

use crate::plan::Plan;
use crate::trouble::{number, pair};
use leither_types::Height;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::str::FromStr;

/// Rounds of each height that have a cut of their own; in later ones the wires are whole. A cut ends after a while, too: a round in which
/// no two thirds can hear each other would be the last, and nothing would be seen of the next cut.
pub(crate) const ROUNDS: u64 = 5;
/// How long a round's cut lasts, from when the first machine begins the round: until all of its timeouts are over.
pub(crate) const CUT_MS: u64 = 2_500;
/// Validators, of which one has a twin.
const VALIDATORS: usize = 4;
/// Ways to divide five machines in at most two groups.
const SPLITS: u64 = 16;
/// Rounds of the first height that are enumerated: every validator as twin, every split in each of these.
const ENUMERATED: u32 = 3;
/// As many scenarios are enumerated; those with higher numbers are drawn by chance.
pub const TWINS_ENUMERATED: u64 = VALIDATORS as u64 * SPLITS.pow(ENUMERATED);
/// The twin's clock is so far off, so that the two do not build the same blocks.
pub(crate) const APART_MS: i64 = 230;

/// Who has a twin, and how the wires are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Twins {
    /// The validator; its twin is the last machine.
    pub of: usize,
    /// By height from 1 and by round: bit n says on which side machine n is.
    pub splits: Vec<u64>,
}

impl Twins {
    /// Whether a message of this height and round gets through.
    pub fn joins(&self, (height, round): (Height, u32), from: usize, to: usize) -> bool {
        let round = u64::from(round);
        let index = height.checked_sub(1).map(|height| height * ROUNDS + round).filter(|_| round < ROUNDS);
        let split = index.and_then(|index| self.splits.get(usize::try_from(index).ok()?));
        split.is_none_or(|split| (split >> from ^ split >> to) & 1 == 0)
    }
}

impl Plan {
    /// The scenario of this number. From 0 to [`TWINS_ENUMERATED`] they are all different; a run of fewer takes them from everywhere.
    pub fn twins(number: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(number);
        let (of, splits) = if number < TWINS_ENUMERATED {
            // An odd factor, so that each scenario has one number.
            let mut rest = number.wrapping_mul(11_173) % TWINS_ENUMERATED;
            let of = rest % VALIDATORS as u64;
            rest /= VALIDATORS as u64;
            let mut splits = Vec::new();
            for _ in 0..ENUMERATED {
                splits.push(rest % SPLITS);
                rest /= SPLITS;
            }
            splits.extend((u64::from(ENUMERATED)..ROUNDS).map(|_| rng.gen_range(0..SPLITS)));
            (of as usize, splits)
        } else {
            (rng.gen_range(0..VALIDATORS), (0..3 * ROUNDS).map(|_| rng.gen_range(0..SPLITS)).collect())
        };
        let heights = splits.len() as u64 / ROUNDS;
        let mut plan =
            Plan::seed(number).validators(VALIDATORS).heights(heights).transfers(3).drop_percent(0).duplicate_percent(0);
        plan.air.delay_ms = 1..40;
        plan.twins = Some(Twins { of, splits });
        plan.log_lines(0)
    }
}

impl fmt::Display for Twins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let splits: Vec<_> = self.splits.iter().map(u64::to_string).collect();
        write!(f, "{}:{}", self.of, splits.join("."))
    }
}

impl FromStr for Twins {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (of, splits) = pair(text, ":")?;
        Ok(Self { of: number(of)?, splits: splits.split('.').map(number).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_enumerated_scenarios_begin_alike() {
        let begin = |number| Plan::twins(number).twins.map(|twins| (twins.of, twins.splits[..ENUMERATED as usize].to_vec()));
        let all: BTreeSet<_> = (0..TWINS_ENUMERATED).map(begin).collect();
        assert_eq!(all.len() as u64, TWINS_ENUMERATED);
        assert!(all.iter().flatten().any(|(of, splits)| *of == 3 && splits == &[0, 15, 1]));
    }
}

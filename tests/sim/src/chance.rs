//! Plans that a seed makes up: what befalls the net, when, and who in it is a villain.

use crate::plan::Plan;
use crate::trouble::{Cut, Trouble, Way};
use crate::villains::Cast;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Heights take about so long; troubles are spread over as many as the plan has.
const HEIGHT_MS: u64 = 450;
/// One trouble in so many heights, on average.
const HEIGHTS_A_TROUBLE: u64 = 12;
/// Two honest clocks may differ by as much as a block may be stamped ahead.
const SKEW_MS_MAX: i64 = 250;

/// A plan with this seed.
struct Chance {
    rng: ChaCha8Rng,
    span_ms: u64,
    validators: usize,
}

impl Plan {
    /// Lets the seed choose the air, the clocks and disks, the troubles and the villains too: as many as the plan's heights have room for.
    pub fn by_chance(mut self) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!self.seed);
        // Bad air is rare, or little else would be seen than rounds that fail.
        self.air.drop_percent = if rng.gen_ratio(1, 8) { rng.gen_range(4..12) } else { rng.gen_range(0..4) };
        self.air.duplicate_percent = rng.gen_range(0..10);
        self.air.delay_ms = 1..if rng.gen_ratio(1, 8) { rng.gen_range(2..200) } else { rng.gen_range(2..60) };
        self.validators = *[4, 4, 4, 4, 5, 5, 6, 7].choose(&mut rng).unwrap_or(&4);
        let span_ms = (self.heights * HEIGHT_MS).max(1);
        let mut chance = Chance { rng, span_ms, validators: self.validators };
        for _ in 0..chance.rng.gen_range(0..=2 * (self.heights / HEIGHTS_A_TROUBLE).max(1)) {
            let trouble = chance.trouble();
            self.troubles.push(trouble);
        }
        for node in 0..self.validators {
            if chance.rng.gen_ratio(1, 4) {
                self = self.skew(node, chance.rng.gen_range(-SKEW_MS_MAX..=SKEW_MS_MAX));
            }
            if chance.rng.gen_ratio(1, 8) {
                self = self.slow_disk(node, chance.rng.gen_range(1..60));
            }
        }
        self.gossip = chance.rng.r#gen();
        // Fewer than a third of the seats, so of the power.
        let mut seats: Vec<usize> = (0..self.validators).collect();
        seats.shuffle(&mut chance.rng);
        let villains = chance.rng.gen_range(0..=(self.validators - 1) / 3);
        for node in seats.into_iter().take(villains.max(usize::from(chance.rng.r#gen::<bool>()))) {
            let cast = *Cast::ALONE.choose(&mut chance.rng).unwrap_or(&Cast::Liar);
            self = self.villain(node, cast);
        }
        self
    }
}

impl Chance {
    /// How long something lasts: most things are short.
    fn length(&mut self) -> u64 {
        match self.rng.gen_range(0..4) {
            0 => self.rng.gen_range(1..200),
            1 => self.rng.gen_range(1..2_000),
            2 => self.rng.gen_range(1..6_000),
            _ => self.rng.gen_range(1..15_000),
        }
    }

    fn trouble(&mut self) -> Trouble {
        let node = self.rng.gen_range(0..self.validators);
        let (at_ms, for_ms) = (self.rng.gen_range(0..self.span_ms), self.length());
        match self.rng.gen_range(0..10) {
            0..2 => Trouble::Crash { node, at_ms, for_ms },
            2..5 => Trouble::Strike { node, at_ms, after: self.rng.gen_range(1..12), for_ms },
            5 => Trouble::Pause { node, at_ms, for_ms },
            _ => self.cut(at_ms, for_ms),
        }
    }

    /// Any split there is: one from the rest, halves, a majority without a quorum.
    fn cut(&mut self, at_ms: u64, for_ms: u64) -> Trouble {
        let side = self.rng.gen_range(1..(1u64 << self.validators) - 1);
        let way = *[Way::Both, Way::Both, Way::Out, Way::In].choose(&mut self.rng).unwrap_or(&Way::Both);
        let flap_ms = if self.rng.gen_ratio(1, 3) { self.rng.gen_range(50..1_500) } else { 0 };
        Trouble::Cut(Cut { side, way, at_ms, for_ms, flap_ms })
    }
}

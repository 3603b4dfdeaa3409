//! Plans that a seed makes up: what befalls the net, when, and who in it is a villain.

use crate::acts::{Act, Deed};
use crate::client::FOUNDER_POWER;
use crate::plan::{Plan, Rules};
use crate::trouble::{Cut, Trouble, Way};
use crate::villains::Cast;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Heights take about so long; troubles are spread over as many as the plan has.
const HEIGHT_MS: u64 = 450;
/// One trouble in so many heights, on average.
const HEIGHTS_A_TROUBLE: u64 = 12;
/// One deed of an operator in so many heights, on average, besides those that the candidates join by.
const HEIGHTS_AN_ACT: u64 = 20;
/// Two honest clocks may differ by as much as a block may be stamped ahead.
const SKEW_MS_MAX: i64 = 250;

/// A plan with this seed.
struct Chance {
    rng: ChaCha8Rng,
    span_ms: u64,
    machines: usize,
}

impl Plan {
    /// Lets the seed choose the air, the clocks and disks, the troubles and the villains too: as many as the plan's heights have room for.
    pub fn by_chance(mut self) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!self.seed);
        // Bad air is rare, or little else would be seen than rounds that fail.
        self.air.drop_percent = if rng.gen_ratio(1, 8) { rng.gen_range(4..12) } else { rng.gen_range(0..4) };
        self.air.duplicate_percent = rng.gen_range(0..10);
        self.air.delay_ms = 1..if rng.gen_ratio(1, 8) { rng.gen_range(2..200) } else { rng.gen_range(2..60) };
        self.validators = *[4, 4, 4, 5, 5, 6, 6, 7].choose(&mut rng).unwrap_or(&4);
        self.candidates = *[0, 0, 1, 1, 2, 3].choose(&mut rng).unwrap_or(&0);
        let span_ms = (self.heights * HEIGHT_MS).max(1);
        let machines = self.validators + self.candidates;
        let mut chance = Chance { rng, span_ms, machines };
        if chance.rng.r#gen() {
            self.powers = (0..self.validators).map(|_| chance.rng.gen_range(60..150)).collect();
        }
        self.rules = chance.rules();
        self.accuses = chance.rng.gen_ratio(2, 3);
        for node in self.validators..machines {
            let act = chance.join(node, span_ms / 2);
            self.acts.push(act);
        }
        for _ in 0..chance.rng.gen_range(0..=2 * (self.heights / HEIGHTS_AN_ACT).max(1)) {
            let act = chance.act();
            self.acts.push(act);
        }
        for _ in 0..chance.rng.gen_range(0..=2 * (self.heights / HEIGHTS_A_TROUBLE).max(1)) {
            let trouble = chance.trouble();
            self.troubles.push(trouble);
        }
        for node in 0..machines {
            if chance.rng.gen_ratio(1, 4) {
                self = self.skew(node, chance.rng.gen_range(-SKEW_MS_MAX..=SKEW_MS_MAX));
            }
            if chance.rng.gen_ratio(1, 8) {
                self = self.slow_disk(node, chance.rng.gen_range(1..60));
            }
        }
        self.gossip = chance.rng.r#gen();
        // Fewer than a third of the founders' power. Candidates join only if that stays so.
        let mut seats: Vec<usize> = (0..self.validators).collect();
        seats.shuffle(&mut chance.rng);
        let power = |node: usize| self.powers.get(node).copied().unwrap_or(FOUNDER_POWER);
        let (all, mut bad): (u64, u64) = (seats.iter().map(|node| power(*node)).sum(), 0);
        let villains = chance.rng.gen_range(0..=(self.validators - 1) / 3);
        let mut cast = Vec::new();
        for node in seats.into_iter().take(villains.max(usize::from(chance.rng.r#gen::<bool>()))) {
            bad += power(node);
            if bad * 3 < all {
                cast.push(node);
            }
        }
        cast.extend((self.validators..machines).filter(|_| chance.rng.gen_ratio(1, 5)));
        for node in cast {
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

    /// Epochs from a few heights to a hundred; who is away for a moment or for long is jailed.
    fn rules(&mut self) -> Rules {
        let epoch_ms = self.rng.gen_range(3_000..40_000);
        let unbonding_ms = self.rng.gen_range(epoch_ms..4 * epoch_ms);
        Rules { epoch_ms, unbonding_ms, jail_ms: self.rng.gen_range(500..15_000), misses_max: self.rng.gen_range(3..20) }
    }

    fn join(&mut self, node: usize, before_ms: u64) -> Act {
        Act { deed: Deed::Join, node, at_ms: self.rng.gen_range(0..before_ms.max(1)), mei: self.rng.gen_range(5..150) }
    }

    /// Who has left may join again, with another key.
    fn act(&mut self) -> Act {
        let (node, at_ms) = (self.rng.gen_range(0..self.machines), self.rng.gen_range(0..self.span_ms));
        let deed = *[Deed::Join, Deed::Raise, Deed::Leave, Deed::Leave, Deed::Rotate, Deed::Rotate]
            .choose(&mut self.rng)
            .unwrap_or(&Deed::Leave);
        match deed {
            Deed::Join => self.join(node, self.span_ms),
            Deed::Raise => Act { deed, node, at_ms, mei: self.rng.gen_range(1..80) },
            Deed::Leave | Deed::Rotate => Act { deed, node, at_ms, mei: 0 },
        }
    }

    fn trouble(&mut self) -> Trouble {
        let node = self.rng.gen_range(0..self.machines);
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
        let side = self.rng.gen_range(1..(1u64 << self.machines) - 1);
        let way = *[Way::Both, Way::Both, Way::Out, Way::In].choose(&mut self.rng).unwrap_or(&Way::Both);
        let flap_ms = if self.rng.gen_ratio(1, 3) { self.rng.gen_range(50..1_500) } else { 0 };
        Trouble::Cut(Cut { side, way, at_ms, for_ms, flap_ms })
    }
}

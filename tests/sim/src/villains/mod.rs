//! Validators that do not follow the rules. Each is small, has a name, and can be put on any seat of any plan.

mod censor;
mod equivocator;
mod flooder;
mod liar;
mod withholder;

use crate::app::App;
use crate::wire::Message;
use leither_consensus::Signer;
use leither_types::{AccountId, Block, Height, SignedTx, ValidatorId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The clock of a villain with a wrong one is so far ahead or behind, in ms: ten times what honest nodes put up with.
pub(crate) const WRONG_CLOCK_MS: i64 = 5_000;

/// What a villain has at hand: its key, all that an honest node in its place would know, and the others.
pub(crate) struct Means<'a> {
    pub signer: &'a Signer,
    pub me: ValidatorId,
    pub app: &'a App,
    /// The others, by number.
    pub others: &'a [usize],
    /// The height that it works on.
    pub height: Height,
}

/// Where a villain may meddle. What it leaves as it is, an honest node does.
pub(crate) trait Villain {
    /// What it puts into a block that it proposes.
    fn choose(&mut self, candidates: Vec<Arc<SignedTx>>) -> Vec<Arc<SignedTx>> {
        candidates
    }

    /// What it makes of the block that it proposes.
    fn bend(&mut self, block: Block) -> Block {
        block
    }

    /// Whether it builds a second block for each of its turns.
    fn builds_two(&self) -> bool {
        false
    }

    /// What it says to `to` where an honest node would say `message`.
    fn send(&mut self, _means: &Means<'_>, _to: usize, message: &Message) -> Vec<Message> {
        vec![message.clone()]
    }

    /// What it says unasked, each second.
    fn tick(&mut self, _means: &Means<'_>) -> Vec<(usize, Message)> {
        Vec::new()
    }
}

/// The cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cast {
    /// Leaves one person's transactions out of every block that it proposes.
    Censor,
    /// Proposes blocks whose state root is not what they do.
    Liar,
    /// Tells one half of the net one thing and the other half another: two proposals a turn, two votes a step.
    Equivocator,
    /// Keeps blocks, proposals or votes from some, or from all.
    Withholder,
    /// Forgets its votes and its lock whenever a round fails or it restarts.
    Amnesiac,
    /// Sends junk, votes and blocks of far rounds and heights, and invented progress, all day.
    Flooder,
    /// Has a clock that is five seconds fast.
    FastClock,
    /// Has a clock that is five seconds slow.
    SlowClock,
    /// One of two machines with one key, both of which follow the rules.
    Twin,
}

const CASTS: [(Cast, &str); 9] = [
    (Cast::Censor, "censor"),
    (Cast::Liar, "liar"),
    (Cast::Equivocator, "equivocator"),
    (Cast::Withholder, "withholder"),
    (Cast::Amnesiac, "amnesiac"),
    (Cast::Flooder, "flooder"),
    (Cast::FastClock, "fast-clock"),
    (Cast::SlowClock, "slow-clock"),
    (Cast::Twin, "twin"),
];

/// Does what an honest node does: whose crime is its clock, its memory or its double.
struct Extra;

impl Villain for Extra {}

impl Cast {
    /// All but the twin, which needs a seat of its own.
    pub const ALONE: [Self; 8] = [
        Self::Censor,
        Self::Liar,
        Self::Equivocator,
        Self::Withholder,
        Self::Amnesiac,
        Self::Flooder,
        Self::FastClock,
        Self::SlowClock,
    ];

    /// The actor. `victim` is whom a villain with a victim picks on.
    pub(crate) fn act(self, victim: AccountId, seed: u64) -> Box<dyn Villain> {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        match self {
            Self::Censor => Box::new(censor::Censor { victim }),
            Self::Liar => Box::new(liar::Liar),
            Self::Equivocator => Box::new(equivocator::Equivocator { rng }),
            Self::Withholder => Box::new(withholder::Withholder { rng }),
            Self::Flooder => Box::new(flooder::Flooder { rng }),
            Self::Amnesiac | Self::FastClock | Self::SlowClock | Self::Twin => Box::new(Extra),
        }
    }

    /// How wrong its clock is.
    pub(crate) fn skew_ms(self) -> i64 {
        match self {
            Self::FastClock => WRONG_CLOCK_MS,
            Self::SlowClock => -WRONG_CLOCK_MS,
            _ => 0,
        }
    }

    /// Whether it may come to sign two different things in one step: evidence against it is just.
    pub fn may_equivocate(self) -> bool {
        matches!(self, Self::Equivocator | Self::Amnesiac | Self::Flooder | Self::Twin)
    }
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CASTS.iter().find(|(cast, _)| cast == self).map_or("?", |(_, name)| name))
    }
}

impl FromStr for Cast {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = CASTS.iter().find(|(_, name)| *name == text).map(|(cast, _)| *cast);
        let names = CASTS.map(|(_, name)| name).join(", ");
        found.ok_or_else(|| format!("no villain is called {text:?}; there are {names}"))
    }
}

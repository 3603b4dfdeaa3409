use crate::villains::Cast;
use crate::wire::Air;
use crate::{Report, world::World};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// What a run is made of. Equal plans give equal runs, event by event.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) seed: u64,
    pub(crate) validators: usize,
    pub(crate) people: usize,
    pub(crate) transfers: usize,
    pub(crate) heights: u64,
    pub(crate) air: Air,
    pub(crate) villains: Vec<(usize, Cast)>,
    pub(crate) bugs: Vec<(usize, Bug)>,
    pub(crate) crashes: Vec<Crash>,
    pub(crate) log_lines: usize,
}

/// A node that loses power for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    pub node: usize,
    pub at_ms: u64,
    pub for_ms: u64,
}

/// A mistake that can be planted in an honest node, to show that the oracles would find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Stores a block's receipts in another order than its transactions.
    ReceiptsOrder,
    /// Votes for whatever is proposed, unexecuted.
    AcceptsUnexecuted,
    /// Forgets its votes and its lock when a round fails.
    ForgetsItsVotes,
}

const BUGS: [(Bug, &str); 3] =
    [(Bug::ReceiptsOrder, "receipts"), (Bug::AcceptsUnexecuted, "unexecuted"), (Bug::ForgetsItsVotes, "forgets")];

impl Plan {
    /// Four validators on an air that loses 5 % of all messages and doubles 2 %, 20 heights, 100 transfers of 8 people.
    pub fn seed(seed: u64) -> Self {
        Self {
            seed,
            validators: 4,
            people: 8,
            transfers: 100,
            heights: 20,
            air: Air { delay_ms: 1..80, drop_percent: 5, duplicate_percent: 2 },
            villains: Vec::new(),
            bugs: Vec::new(),
            crashes: Vec::new(),
            log_lines: 200,
        }
    }

    /// The same plan with another seed.
    pub fn reseed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Lets the seed choose the air, the crashes and the villain too.
    pub fn by_chance(mut self) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!self.seed);
        self.air.drop_percent = rng.gen_range(0..20);
        self.air.duplicate_percent = rng.gen_range(0..10);
        self.air.delay_ms = 1..rng.gen_range(2..200);
        self.validators = rng.gen_range(4..8);
        for _ in 0..rng.gen_range(0..4) {
            let (node, at_ms, for_ms) = (rng.gen_range(0..self.validators), rng.gen_range(0..10_000), rng.gen_range(1..5_000));
            self.crashes.push(Crash { node, at_ms, for_ms });
        }
        match rng.gen_range(0..4) {
            0 => self.villain(rng.gen_range(0..4), Cast::Censor),
            1 => self.villain(rng.gen_range(0..4), Cast::Liar),
            _ => self,
        }
    }

    /// So many nodes, all of them validators of equal power.
    pub fn validators(self, validators: usize) -> Self {
        Self { validators, ..self }
    }

    /// Of a hundred messages so many are lost.
    pub fn drop_percent(mut self, percent: u32) -> Self {
        self.air.drop_percent = percent;
        self
    }

    /// Of a hundred messages so many come twice.
    pub fn duplicate_percent(mut self, percent: u32) -> Self {
        self.air.duplicate_percent = percent;
        self
    }

    /// How long messages take; one in a hundred takes ten times as long.
    pub fn delay_ms(mut self, range: Range<u64>) -> Self {
        self.air.delay_ms = range;
        self
    }

    /// The faults stop once all nodes have reached this height.
    pub fn heights(self, heights: u64) -> Self {
        Self { heights, ..self }
    }

    /// So many transfers are submitted on the way.
    pub fn transfers(self, transfers: usize) -> Self {
        Self { transfers, ..self }
    }

    /// Puts a villain on a seat. A villain with a victim picks on the first person.
    pub fn villain(mut self, node: usize, cast: Cast) -> Self {
        self.villains.push((node, cast));
        self
    }

    /// Plants a mistake in a node, which is still judged as an honest one.
    pub fn plant(mut self, node: usize, bug: Bug) -> Self {
        self.bugs.push((node, bug));
        self
    }

    /// Takes a node's power away at a time and gives it back later. What it had not flushed may be lost, from any entry on.
    pub fn crash(mut self, node: usize, at_ms: u64, for_ms: u64) -> Self {
        self.crashes.push(Crash { node, at_ms, for_ms });
        self
    }

    /// Keeps so many of the last lines of the event log.
    pub fn log_lines(self, log_lines: usize) -> Self {
        Self { log_lines, ..self }
    }

    /// Runs it.
    pub fn run(&self) -> Report {
        World::run(self)
    }

    /// The line that runs this plan again.
    pub fn again(&self) -> String {
        format!("SIM_SEED={} SIM_PLAN='{self}' cargo test -p leither-sim seed_from_env -- --nocapture", self.seed)
    }

    /// This plan with what `text` says otherwise: words of the form that [`Plan`] is printed in.
    pub fn with(mut self, text: &str) -> Result<Self, String> {
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').ok_or_else(|| format!("{word:?} is not name=value"))?;
            match name {
                "validators" => self.validators = number(value)?,
                "people" => self.people = number(value)?,
                "transfers" => self.transfers = number(value)?,
                "heights" => self.heights = number(value)?,
                "drop" => self.air.drop_percent = number(value)?,
                "duplicate" => self.air.duplicate_percent = number(value)?,
                "delay" => {
                    let (from, to) = pair(value, "..")?;
                    self.air.delay_ms = number(from)?..number(to)?;
                }
                "villain" => {
                    let (node, cast) = pair(value, ":")?;
                    self.villains.push((number(node)?, cast.parse()?));
                }
                "bug" => {
                    let (node, bug) = pair(value, ":")?;
                    self.bugs.push((number(node)?, bug.parse()?));
                }
                "crash" => {
                    let (node, times) = pair(value, "@")?;
                    let (at, length) = pair(times, "+")?;
                    self.crashes.push(Crash { node: number(node)?, at_ms: number(at)?, for_ms: number(length)? });
                }
                _ => return Err(format!("a plan has no {name:?}")),
            }
        }
        Ok(self)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

fn pair<'a>(text: &'a str, between: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once(between).ok_or_else(|| format!("{text:?} has no {between:?}"))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Air { delay_ms, drop_percent, duplicate_percent } = &self.air;
        write!(f, "validators={} people={} transfers={} ", self.validators, self.people, self.transfers)?;
        write!(f, "heights={} drop={drop_percent} duplicate={duplicate_percent} delay={delay_ms:?}", self.heights)?;
        self.villains.iter().try_for_each(|(node, cast)| write!(f, " villain={node}:{cast}"))?;
        self.bugs.iter().try_for_each(|(node, bug)| write!(f, " bug={node}:{bug}"))?;
        self.crashes.iter().try_for_each(|crash| write!(f, " crash={}@{}+{}", crash.node, crash.at_ms, crash.for_ms))
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BUGS.iter().find(|(bug, _)| bug == self).map_or("?", |(_, name)| name))
    }
}

impl FromStr for Bug {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = BUGS.iter().find(|(_, name)| *name == text).map(|(bug, _)| *bug);
        found.ok_or_else(|| format!("no bug is called {text:?}"))
    }
}

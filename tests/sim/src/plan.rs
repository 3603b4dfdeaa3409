use crate::acts::{Act, Deed};
use crate::air::Air;
use crate::trouble::{Cut, Trouble, Way, number, pair};
use crate::twins::Twins;
use crate::villains::Cast;
use crate::{Report, world::World};
use leither_types::{Amount, Params};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// What a run is made of. Equal plans give equal runs, event by event.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) seed: u64,
    pub(crate) validators: usize,
    /// Machines beside the validators: their operators may join.
    pub(crate) candidates: usize,
    /// The founders' power, by number; 100 where nothing is said.
    pub(crate) powers: Vec<u64>,
    pub(crate) rules: Rules,
    /// Whether honest nodes' blocks accuse whom they can prove to have signed twice. Where they do, it is over with them soon.
    pub(crate) accuses: bool,
    pub(crate) acts: Vec<Act>,
    pub(crate) people: usize,
    pub(crate) transfers: usize,
    pub(crate) heights: u64,
    pub(crate) air: Air,
    pub(crate) troubles: Vec<Trouble>,
    /// How wrong a node's clock is.
    pub(crate) skews: Vec<(usize, i64)>,
    /// A flush of this node's disk takes up to so many ms.
    pub(crate) disks: Vec<(usize, u64)>,
    pub(crate) villains: Vec<(usize, Cast)>,
    pub(crate) bugs: Vec<(usize, Bug)>,
    pub(crate) twins: Option<Twins>,
    /// Whether nodes pass on what a villain told them alone.
    pub(crate) gossip: bool,
    pub(crate) log_lines: usize,
}

/// The numbers of the chain's rules by which its set changes: in ms of block time, and in pulses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub epoch_ms: u64,
    pub jail_ms: u64,
    pub unbonding_ms: u64,
    pub misses_max: u32,
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
    /// Prevotes the block before it, whatever it is locked on.
    SkipsItsLock,
    /// Says that its log is flushed when it is not.
    LosesFsync,
    /// Pays the signers of the last certificate twice: a mistake in the rules, so whoever runs with it agrees with all others that do.
    PaysTwice,
    /// Goes on with the validators that it started with, whatever the chain has decided.
    KeepsStaleSet,
    /// Answers light clients that an account has nothing, with a proof that is of another account.
    ForgesAbsence,
    /// Says nothing more in consensus from the tenth height on, as a node would whose engine hangs.
    FallsSilent,
}

const BUGS: [(Bug, &str); 9] = [
    (Bug::ReceiptsOrder, "receipts"),
    (Bug::AcceptsUnexecuted, "unexecuted"),
    (Bug::ForgetsItsVotes, "forgets"),
    (Bug::SkipsItsLock, "lock"),
    (Bug::LosesFsync, "fsync"),
    (Bug::PaysTwice, "twice"),
    (Bug::KeepsStaleSet, "stale"),
    (Bug::ForgesAbsence, "absence"),
    (Bug::FallsSilent, "silent"),
];

impl Plan {
    /// Four validators on an air that loses 5 % of all messages and doubles 2 %, 20 heights, 100 transfers of 8 people.
    pub fn seed(seed: u64) -> Self {
        let Params { epoch_ms, jail_ms, unbonding_ms, misses_max, .. } = Params::dev();
        Self {
            seed,
            validators: 4,
            candidates: 0,
            powers: Vec::new(),
            rules: Rules { epoch_ms, jail_ms, unbonding_ms, misses_max },
            accuses: true,
            acts: Vec::new(),
            people: 8,
            transfers: 100,
            heights: 20,
            air: Air { delay_ms: 1..80, drop_percent: 5, duplicate_percent: 2 },
            troubles: Vec::new(),
            skews: Vec::new(),
            disks: Vec::new(),
            villains: Vec::new(),
            bugs: Vec::new(),
            twins: None,
            gossip: true,
            log_lines: 200,
        }
    }

    /// The same plan with another seed.
    pub fn reseed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// So many nodes, all of them validators of equal power.
    pub fn validators(self, validators: usize) -> Self {
        Self { validators, ..self }
    }

    /// So many machines more, which follow until their operators join.
    pub fn candidates(self, candidates: usize) -> Self {
        Self { candidates, ..self }
    }

    /// The founders' power, by number; 100 where nothing is said.
    pub fn powers(self, powers: &[u64]) -> Self {
        Self { powers: powers.to_vec(), ..self }
    }

    /// How long an epoch is, in ms of block time. A pledge comes back after two.
    pub fn epoch_ms(mut self, epoch_ms: u64) -> Self {
        self.rules.epoch_ms = epoch_ms;
        self.rules.unbonding_ms = epoch_ms * 2;
        self
    }

    /// For how long a pledge stays bound, in ms of block time.
    pub fn unbond(mut self, unbonding_ms: u64) -> Self {
        self.rules.unbonding_ms = unbonding_ms;
        self
    }

    /// Who misses so many pulses is jailed, for so many ms at least.
    pub fn jail(mut self, misses_max: u32, jail_ms: u64) -> Self {
        self.rules.misses_max = misses_max;
        self.rules.jail_ms = jail_ms;
        self
    }

    /// Honest nodes accuse nobody in their blocks, so that who signs twice goes on for the whole run.
    pub fn no_accusing(self) -> Self {
        Self { accuses: false, ..self }
    }

    fn act(mut self, deed: Deed, node: usize, at_ms: u64, mei: u64) -> Self {
        self.acts.push(Act { deed, node, at_ms, mei });
        self
    }

    /// A node's operator pledges so many `mei`: as many units of power.
    pub fn join(self, node: usize, at_ms: u64, mei: u64) -> Self {
        self.act(Deed::Join, node, at_ms, mei)
    }

    /// A node's operator pledges so many `mei` more.
    pub fn raise(self, node: usize, at_ms: u64, mei: u64) -> Self {
        self.act(Deed::Raise, node, at_ms, mei)
    }

    /// A node's operator leaves.
    pub fn leave(self, node: usize, at_ms: u64) -> Self {
        self.act(Deed::Leave, node, at_ms, 0)
    }

    /// A node's operator changes its key.
    pub fn rotate(self, node: usize, at_ms: u64) -> Self {
        self.act(Deed::Rotate, node, at_ms, 0)
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

    /// Plants a mistake in every node.
    pub fn plant_all(self, bug: Bug) -> Self {
        (0..self.machines()).fold(self, |plan, node| plan.plant(node, bug))
    }

    fn trouble(mut self, trouble: Trouble) -> Self {
        self.troubles.push(trouble);
        self
    }

    /// Takes a node's power away at a time and gives it back later. What it had not flushed may be lost, from any byte on, or changed.
    pub fn crash(self, node: usize, at_ms: u64, for_ms: u64) -> Self {
        self.trouble(Trouble::Crash { node, at_ms, for_ms })
    }

    /// The same in the middle of its work: just before the `after`-th write to its disk from then on.
    pub fn strike(self, node: usize, at_ms: u64, after: u64, for_ms: u64) -> Self {
        self.trouble(Trouble::Strike { node, at_ms, after, for_ms })
    }

    /// Stops a node for a while. Its mail waits for it.
    pub fn pause(self, node: usize, at_ms: u64, for_ms: u64) -> Self {
        self.trouble(Trouble::Pause { node, at_ms, for_ms })
    }

    /// Cuts these nodes off from the rest for a while, both ways.
    pub fn cut(self, side: &[usize], at_ms: u64, for_ms: u64) -> Self {
        self.cut_way(side, Way::Both, at_ms, for_ms, 0)
    }

    /// For a while nothing that these nodes send reaches the rest, but they hear the rest.
    pub fn mute(self, side: &[usize], at_ms: u64, for_ms: u64) -> Self {
        self.cut_way(side, Way::Out, at_ms, for_ms, 0)
    }

    /// For a while these nodes are cut off and joined by turns of `flap_ms`.
    pub fn flap(self, side: &[usize], at_ms: u64, for_ms: u64, flap_ms: u64) -> Self {
        self.cut_way(side, Way::Both, at_ms, for_ms, flap_ms)
    }

    fn cut_way(self, side: &[usize], way: Way, at_ms: u64, for_ms: u64, flap_ms: u64) -> Self {
        let side = side.iter().filter(|node| **node < 64).fold(0, |mask, node| mask | 1 << node);
        self.trouble(Trouble::Cut(Cut { side, way, at_ms, for_ms, flap_ms }))
    }

    /// Sets a node's clock wrong by so much.
    pub fn skew(mut self, node: usize, ms: i64) -> Self {
        self.skews.push((node, ms));
        self
    }

    /// Gives a node a disk on which a flush takes up to so many ms.
    pub fn slow_disk(mut self, node: usize, ms: u64) -> Self {
        self.disks.push((node, ms));
        self
    }

    /// Nodes do not pass on what a villain tells them alone, so it can keep things from the others.
    pub fn no_gossip(self) -> Self {
        Self { gossip: false, ..self }
    }

    /// Keeps so many of the last lines of the event log; 0: there is no log, and the run is faster for it.
    pub fn log_lines(self, log_lines: usize) -> Self {
        Self { log_lines, ..self }
    }

    /// Machines: the validators, the candidates, and a twin of one of them if the plan has twins.
    pub(crate) fn machines(&self) -> usize {
        self.validators + self.candidates + usize::from(self.twins.is_some())
    }

    /// Which machine is the twin.
    pub(crate) fn twin(&self) -> Option<usize> {
        self.twins.as_ref().map(|_| self.validators + self.candidates)
    }

    /// The chain's rules.
    pub(crate) fn params(&self) -> Params {
        let Rules { epoch_ms, jail_ms, unbonding_ms, misses_max } = self.rules;
        // What a founder is granted weighs as much as a pledge of as many `mei`; a tenth of that is enough to be a candidate.
        let pledge_min = Amount::new(10 * crate::client::MEI);
        Params { epoch_ms, jail_ms, unbonding_ms, misses_max, pledge_min, ..Params::dev() }
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
            if let Some(trouble) = Trouble::parse(name, value) {
                self.troubles.push(trouble?);
                continue;
            }
            if let Some(act) = Act::parse(name, value) {
                self.acts.push(act?);
                continue;
            }
            match name {
                "validators" => self.validators = number(value)?,
                "candidates" => self.candidates = number(value)?,
                "powers" => self.powers = value.split('.').map(number).collect::<Result<_, _>>()?,
                "epoch" => self.rules.epoch_ms = number(value)?,
                "jail" => self.rules.jail_ms = number(value)?,
                "unbonding" => self.rules.unbonding_ms = number(value)?,
                "misses" => self.rules.misses_max = number(value)?,
                "accuses" => self.accuses = number(value)?,
                "people" => self.people = number(value)?,
                "transfers" => self.transfers = number(value)?,
                "heights" => self.heights = number(value)?,
                "drop" => self.air.drop_percent = number(value)?,
                "duplicate" => self.air.duplicate_percent = number(value)?,
                "delay" => {
                    let (from, to) = pair(value, "..")?;
                    self.air.delay_ms = number(from)?..number(to)?;
                }
                "skew" => self.skews.push(at_node(value)?),
                "disk" => self.disks.push(at_node(value)?),
                "villain" => self.villains.push(at_node(value)?),
                "bug" => self.bugs.push(at_node(value)?),
                "gossip" => self.gossip = number(value)?,
                "twins" => self.twins = Some(value.parse()?),
                _ => return Err(format!("a plan has no {name:?}")),
            }
        }
        Ok(self)
    }
}

/// `node:what`
fn at_node<T: FromStr>(text: &str) -> Result<(usize, T), String> {
    let (node, what) = pair(text, ":")?;
    Ok((number(node)?, what.parse().map_err(|_| format!("{text:?} says nothing that can be had at a node"))?))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Air { delay_ms, drop_percent, duplicate_percent } = &self.air;
        write!(f, "validators={} people={} transfers={} ", self.validators, self.people, self.transfers)?;
        write!(f, "heights={} drop={drop_percent} duplicate={duplicate_percent} delay={delay_ms:?}", self.heights)?;
        let Rules { epoch_ms, jail_ms, unbonding_ms, misses_max } = self.rules;
        write!(f, " gossip={} accuses={} candidates={}", self.gossip, self.accuses, self.candidates)?;
        write!(f, " epoch={epoch_ms} jail={jail_ms} unbonding={unbonding_ms} misses={misses_max}")?;
        if !self.powers.is_empty() {
            write!(f, " powers={}", self.powers.iter().map(u64::to_string).collect::<Vec<_>>().join("."))?;
        }
        self.acts.iter().try_for_each(|act| write!(f, " {act}"))?;
        self.villains.iter().try_for_each(|(node, cast)| write!(f, " villain={node}:{cast}"))?;
        self.bugs.iter().try_for_each(|(node, bug)| write!(f, " bug={node}:{bug}"))?;
        self.skews.iter().try_for_each(|(node, ms)| write!(f, " skew={node}:{ms}"))?;
        self.disks.iter().try_for_each(|(node, ms)| write!(f, " disk={node}:{ms}"))?;
        self.troubles.iter().try_for_each(|trouble| write!(f, " {trouble}"))?;
        self.twins.iter().try_for_each(|twins| write!(f, " twins={twins}"))
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

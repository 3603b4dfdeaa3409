use crate::Plan;
use crate::app::Load;
use crate::register::Turnover;
use leither_types::{AccountId, Hash, Height, tagged};
use std::collections::VecDeque;
use std::fmt;

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was run.
    pub plan: Plan,
    /// The block id and state root of each height, from 1.
    pub heads: Vec<(Hash, Hash)>,
    /// The transfers, in the order in which they were submitted.
    pub transfers: Vec<Fate>,
    /// What was reached.
    pub reached: Reached,
    /// How long it took on the virtual clock.
    pub virtual_ms: u64,
    /// What must not be.
    pub violations: Vec<String>,
    /// What happened.
    pub log: Log,
}

/// How often it came to what: a run that reaches nothing shows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Rounds after the first that nodes had to begin.
    pub rounds_failed: u64,
    /// Messages sent, each to one node.
    pub sent: u64,
    /// How many of these never arrived.
    pub lost: u64,
    /// Power failures, in the middle of a step or between two.
    pub crashes: u64,
    /// How many of them fell in the middle of a step.
    pub strikes: u64,
    /// Crashes that cost entries of a write-ahead log.
    pub torn: u64,
    /// Crashes that changed a bit of one.
    pub flipped: u64,
    /// Nodes that came back.
    pub restarts: u64,
    /// Machines that stood still for a while.
    pub pauses: u64,
    /// Partitions begun.
    pub cuts: u64,
    /// What became of validators.
    pub turnover: Turnover,
    /// Runs that ended as villains had come to have more than a third of the power.
    pub overruns: u64,
    /// Runs in which the chain stood still in the end, and might: no more than two thirds of the power was honest and up.
    pub halts: u64,
    /// Proofs that somebody signed twice, each in the hands of one honest node.
    pub evidence: u64,
    /// The most that an honest node kept because others told it.
    pub load: Load,
}

/// What became of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Who paid.
    pub from: AccountId,
    /// The highest decided height when it was submitted.
    pub submitted: Height,
    /// The height that it is in.
    pub committed: Option<Height>,
}

/// The event log: a fingerprint of every line, and the last lines themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The last lines.
    pub lines: VecDeque<String>,
    /// Of all lines, in order.
    pub fingerprint: Hash,
    kept: usize,
}

impl Log {
    /// One that keeps so many lines; 0: none at all.
    pub(crate) fn new(kept: usize) -> Self {
        Self { lines: VecDeque::new(), fingerprint: Hash::ZERO, kept }
    }

    /// Whether lines are written.
    pub(crate) fn is_on(&self) -> bool {
        self.kept > 0
    }

    pub(crate) fn line(&mut self, now: u64, what: fmt::Arguments<'_>) {
        if !self.is_on() {
            return;
        }
        let line = format!("{now:>8} {what}");
        self.fingerprint = tagged("leither/sim-log/v1", &[&self.fingerprint.0, line.as_bytes()]);
        self.lines.push_back(line);
        if self.lines.len() > self.kept {
            self.lines.pop_front();
        }
    }
}

impl Report {
    pub(crate) fn broken(plan: Plan, why: String) -> Self {
        let (log, reached) = (Log::new(0), Reached::default());
        Self { plan, heads: vec![], transfers: vec![], reached, virtual_ms: 0, violations: vec![why], log }
    }

    /// The seed, or the number of the scenario.
    pub fn plan_seed(&self) -> u64 {
        self.plan.seed
    }

    /// How many heights were decided.
    pub fn height(&self) -> Height {
        self.heads.len() as Height
    }

    /// Panics where something was violated, with the end of the log and the line that runs the same again.
    pub fn assert_holds(&self) {
        if !self.violations.is_empty() {
            let log: Vec<_> = self.log.lines.iter().map(String::as_str).collect();
            panic!("\n{}\n\n{}\n\nrun it again:\n  {}\n", log.join("\n"), self.violations.join("\n"), self.plan.again());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, reached, virtual_ms, .. } = self;
        let Reached { rounds_failed, sent, lost, crashes, pauses, cuts, evidence, turnover, .. } = reached;
        let Turnover { set_changes, joins, leaves, jailings, convictions, .. } = turnover;
        let (height, txs) = (self.height(), self.transfers.iter().filter(|fate| fate.committed.is_some()).count());
        write!(f, "seed {:>6}: {height} heights, {txs} txs, {rounds_failed} rounds failed, ", plan.seed)?;
        write!(f, "{lost} of {sent} messages lost, {crashes} crashes, {pauses} pauses, {cuts} cuts, {evidence} proofs, ")?;
        write!(f, "{set_changes} set changes, {joins} joined, {leaves} left, {jailings} jailed, {convictions} convicted, ")?;
        write!(f, "{}.{:03} s", virtual_ms / 1000, virtual_ms % 1000)?;
        if reached.overruns > 0 {
            write!(f, ", ended as villains had more than a third")?;
        }
        if reached.halts > 0 {
            write!(f, ", stood still in the end")?;
        }
        plan.villains.iter().try_for_each(|(node, cast)| write!(f, ", n{node} is {cast}"))?;
        self.violations.iter().try_for_each(|what| write!(f, "\n  VIOLATED: {what}"))
    }
}

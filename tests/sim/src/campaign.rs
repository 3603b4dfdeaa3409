//! Many runs, and what came of them all together.

use crate::app::Load;
use crate::plan::Plan;
use crate::register::Turnover;
use crate::report::{Reached, Report};
use std::collections::BTreeMap;
use std::fmt;

/// Which runs.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed or scenario.
    pub from: u64,
    /// How many.
    pub count: u64,
    /// Heights of each run; what befalls it is spread over them.
    pub heights: u64,
}

/// What many runs came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// What a run is called: `seeds` or `scenarios`.
    pub unit: &'static str,
    /// Runs.
    pub runs: u64,
    /// Heights decided, each by all honest nodes of its run.
    pub heights: u64,
    /// Transfers committed.
    pub transfers: u64,
    /// How often they came to what.
    pub reached: Reached,
    /// Runs in which each villain was met.
    pub villains: BTreeMap<String, u64>,
    /// Runs that broke a rule.
    pub violations: u64,
    /// The lines that run those again.
    pub again: Vec<String>,
}

/// Runs a network a seed, each as its seed makes it up. `say` is given a line for each run that fails, and now and then how far it is.
pub fn seeds(campaign: &Campaign, say: &mut dyn FnMut(&str)) -> Tally {
    let heights = campaign.heights;
    // Most blocks are empty, so that a run gets through many; what blocks can hold is for other tests.
    let transfers = usize::try_from(heights / 4).unwrap_or(usize::MAX);
    let plan = |seed| Plan::seed(seed).heights(heights).transfers(transfers).log_lines(0).by_chance();
    run("seeds", campaign, say, &plan)
}

/// Runs Twins scenarios by number.
pub fn twins(campaign: &Campaign, say: &mut dyn FnMut(&str)) -> Tally {
    run("scenarios", campaign, say, &Plan::twins)
}

fn run(unit: &'static str, campaign: &Campaign, say: &mut dyn FnMut(&str), plan: &dyn Fn(u64) -> Plan) -> Tally {
    let mut tally = Tally { unit, ..Tally::default() };
    let step = (campaign.count / 20).max(1);
    for seed in campaign.from..campaign.from.saturating_add(campaign.count) {
        let report = plan(seed).run();
        tally.add(&report);
        if !report.violations.is_empty() {
            say(&format!("{report}\n  run it again: {}", report.plan.again()));
        }
        if tally.runs.is_multiple_of(step) {
            say(&format!("{} {unit}, {} heights, {} violations; last: {report}", tally.runs, tally.heights, tally.violations));
        }
    }
    say(&tally.to_string());
    tally
}

impl Tally {
    fn add(&mut self, report: &Report) {
        let (sum, one) = (&mut self.reached, &report.reached);
        self.runs += 1;
        self.heights += report.height();
        self.transfers += report.transfers.iter().filter(|fate| fate.committed.is_some()).count() as u64;
        sum.rounds_failed += one.rounds_failed;
        sum.sent += one.sent;
        sum.lost += one.lost;
        sum.crashes += one.crashes;
        sum.strikes += one.strikes;
        sum.torn += one.torn;
        sum.flipped += one.flipped;
        sum.restarts += one.restarts;
        sum.pauses += one.pauses;
        sum.cuts += one.cuts;
        sum.overruns += one.overruns;
        sum.halts += one.halts;
        sum.turnover.add(&one.turnover);
        sum.evidence += one.evidence;
        sum.load = Load {
            queued: sum.load.queued.max(one.load.queued),
            blocks: sum.load.blocks.max(one.load.blocks),
            mentions: sum.load.mentions.max(one.load.mentions),
        };
        for (_, cast) in &report.plan.villains {
            *self.villains.entry(cast.to_string()).or_default() += 1;
        }
        if !report.violations.is_empty() {
            self.violations += 1;
            self.again.push(report.plan.again());
        }
    }

    /// One line that a machine can read: a JSON object, with `seconds` as told.
    pub fn json(&self, seconds: u64) -> String {
        let Self { unit, runs, heights, transfers, reached, violations, .. } = self;
        let Reached { rounds_failed, sent, lost, crashes, strikes, torn, flipped, restarts, pauses, cuts, .. } = reached;
        let Reached { overruns, halts, evidence, load: Load { queued, blocks, mentions }, turnover, .. } = reached;
        let Turnover { set_changes, elections, joins, raises, leaves, releases, .. } = turnover;
        let Turnover { rotations, jailings, unjails, convictions, .. } = turnover;
        let villains: Vec<_> = self.villains.iter().map(|(name, runs)| format!("\"{name}\":{runs}")).collect();
        format!(
            "{{\"{unit}\":{runs},\"heights\":{heights},\"violations\":{violations},\"transfers\":{transfers},\
             \"round_changes\":{rounds_failed},\"messages\":{sent},\"lost\":{lost},\"crashes\":{crashes},\"strikes\":{strikes},\
             \"torn_logs\":{torn},\"flipped_bits\":{flipped},\"restarts\":{restarts},\"pauses\":{pauses},\"partitions\":{cuts},\
             \"set_changes\":{set_changes},\"elections\":{elections},\"joins\":{joins},\"raises\":{raises},\"leaves\":{leaves},\
             \"releases\":{releases},\"key_changes\":{rotations},\"jailings\":{jailings},\"unjails\":{unjails},\
             \"convictions\":{convictions},\"overrun\":{overruns},\"halted\":{halts},\"evidence\":{evidence},\"queued_max\":{queued},\"blocks_max\":{blocks},\
             \"mentions_max\":{mentions},\"villains\":{{{}}},\"seconds\":{seconds}}}",
            villains.join(",")
        )
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, runs, heights, transfers, reached, violations, .. } = self;
        writeln!(f, "{runs} {unit}, {heights} heights, {transfers} transfers, {violations} violations")?;
        writeln!(
            f,
            "reached: {} round changes, {} crashes ({} within a step, {} tore a log, {} changed a bit), {} restarts, {} pauses, {} partitions, \
             {} of {} messages lost, {} proofs of a double signature",
            reached.rounds_failed,
            reached.crashes,
            reached.strikes,
            reached.torn,
            reached.flipped,
            reached.restarts,
            reached.pauses,
            reached.cuts,
            reached.lost,
            reached.sent,
            reached.evidence
        )?;
        let turnover = &reached.turnover;
        writeln!(
            f,
            "validators: {} set changes, {} elections, {} joined, {} raised, {} left, {} pledges came back, {} changed keys, {} jailed, \
             {} came back from jail, {} convicted",
            turnover.set_changes,
            turnover.elections,
            turnover.joins,
            turnover.raises,
            turnover.leaves,
            turnover.releases,
            turnover.rotations,
            turnover.jailings,
            turnover.unjails,
            turnover.convictions
        )?;
        writeln!(
            f,
            "nothing promised: {} ended as villains had more than a third of the power, {} stood still with no more than two thirds honest and up",
            reached.overruns, reached.halts
        )?;
        let Load { queued, blocks, mentions } = reached.load;
        writeln!(
            f,
            "kept by an honest node at most: {queued} queued messages, {blocks} undecided blocks, {mentions} mentions of blocks"
        )?;
        write!(f, "villains met:")?;
        self.villains.iter().try_for_each(|(name, runs)| write!(f, " {name} in {runs},"))?;
        write!(f, " none in the others")
    }
}

//! Fewer than a third of the power may do what it likes. Each villain for itself; what it does must be seen to happen.

use leither_sim::{Cast, Plan, Report};

fn run(cast: Cast, seed: u64) -> Report {
    let report = Plan::seed(seed).transfers(20).villain(seed as usize % 4, cast).run();
    report.assert_holds();
    assert!(report.height() >= 20, "{report}");
    report
}

/// SIM-9.
#[test]
fn an_equivocator_divides_nobody_and_is_caught() {
    for seed in 0..6 {
        let spared = Plan::seed(seed).transfers(20).no_accusing().villain(seed as usize % 4, Cast::Equivocator).run();
        spared.assert_holds();
        assert!(spared.reached.evidence >= 20, "caught about once a height and node: {spared}");
        let quiet = Plan::seed(seed).transfers(20).no_gossip().no_accusing().villain(3, Cast::Equivocator).run();
        quiet.assert_holds();
        assert!(quiet.reached.evidence > 0, "without gossip, too: {quiet}");
    }
}

/// SIM-9: whoever saw it puts that in the next block of its own, and that is the end of it.
#[test]
fn an_equivocator_that_is_accused_is_out_within_a_few_heights() {
    for seed in 0..6 {
        let report = run(Cast::Equivocator, seed);
        assert_eq!(report.reached.turnover.convictions, 1, "{report}");
        assert!(report.reached.turnover.set_changes >= 1 && report.reached.evidence < 40, "{report}");
    }
}

#[test]
fn who_withholds_blocks_and_votes_costs_rounds_and_no_more() {
    for seed in 0..6 {
        let plan = Plan::seed(seed).drop_percent(0).transfers(20).no_gossip().villain(2, Cast::Withholder);
        let report = plan.run();
        report.assert_holds();
        assert!(report.reached.rounds_failed > 0, "{report}");
    }
}

/// SIM-9: it signs otherwise after it has forgotten, and is caught where both are heard.
#[test]
fn an_amnesiac_divides_nobody() {
    let caught: u64 = (0..8)
        .map(|seed| {
            let plan = Plan::seed(seed).drop_percent(15).transfers(20).crash(1, 2_000, 500).villain(1, Cast::Amnesiac);
            let report = plan.run();
            report.assert_holds();
            report.reached.evidence
        })
        .sum();
    assert!(caught > 0);
}

/// SIM-12.
#[test]
fn a_flood_stays_within_bounds_and_stops_nobody() {
    for seed in 0..4 {
        let report = run(Cast::Flooder, seed);
        let load = report.reached.load;
        assert!(load.queued > 30, "the flood does arrive: {load:?}");
        assert!(load.queued <= 5_000 && load.blocks <= 40 && load.mentions <= 40, "{load:?}");
    }
}

#[test]
fn a_clock_that_is_five_seconds_wrong_harms_its_owner_alone() {
    for (seed, cast) in [(1, Cast::FastClock), (2, Cast::SlowClock)] {
        assert!(run(cast, seed).reached.rounds_failed > 0, "its blocks are not voted for");
    }
}

#[test]
fn clocks_a_quarter_of_a_second_wrong_harm_nobody() {
    let plan = |seed| Plan::seed(seed).drop_percent(0).delay_ms(1..20).skew(0, 250).skew(1, -250).skew(2, 120);
    for seed in 0..4 {
        let report = plan(seed).run();
        report.assert_holds();
        assert!(report.reached.rounds_failed < 40, "{report}");
    }
}

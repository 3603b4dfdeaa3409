//! Twins: two machines with one key, cut off from each other and the rest round by round.

use leither_sim::campaign::{Campaign, twins};
use leither_sim::{Bug, Plan, TWINS_ENUMERATED};

#[test]
fn two_machines_with_one_key_never_make_the_others_disagree() {
    for from in [0, TWINS_ENUMERATED] {
        let tally = twins(&Campaign { from, count: 60, heights: 0 }, &mut |line| println!("{line}"));
        assert_eq!(tally.violations, 0, "{}", tally.again.join("\n"));
        assert!(tally.reached.rounds_failed > 200, "the cuts do make rounds fail: {tally}");
        assert!(tally.reached.evidence > 100, "the twins are caught where both are heard: {tally}");
    }
}

/// SIM-1: who forgets its lock lets the twins bring about two blocks of one height, or is seen to forget it.
#[test]
fn nodes_that_skip_their_lock_are_found_by_twins() {
    let broken = (0..1_000)
        .map(|number| Plan::twins(number).plant_all(Bug::SkipsItsLock).run())
        .find(|r| !r.violations.is_empty());
    let report = broken.expect("one in a thousand scenarios is enough");
    println!("scenario {}: {}", report.plan_seed(), report.violations[0]);
    assert!(report.violations.iter().any(|what| what.contains("lost its lock") || what.contains("committed")), "{report}");
}

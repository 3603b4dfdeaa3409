//! Validators come and go while all else happens.

use leither_sim::{Cast, Plan, Report};

fn run(plan: &Plan) -> Report {
    let report = plan.run();
    report.assert_holds();
    assert!(report.height() >= 40 && report.reached.halts + report.reached.overruns == 0, "{report}");
    report
}

fn plan(seed: u64) -> Plan {
    Plan::seed(seed).heights(40).transfers(10).epoch_ms(4_000)
}

/// SIM-14.
#[test]
fn who_pledges_votes_and_who_leaves_gets_its_pledge_back() {
    let mut raises = 0;
    for seed in 0..4 {
        let report = run(&plan(seed).candidates(1).heights(100).join(4, 1_000, 120).raise(4, 6_000, 30).leave(4, 12_000));
        let moved = report.reached.turnover;
        assert_eq!((moved.joins, moved.leaves, moved.releases), (1, 1, 1), "{report}");
        assert!(moved.set_changes >= 2, "in and out: {report}");
        raises += moved.raises;
    }
    // One may come after the leave, in this weather.
    assert!(raises >= 3, "{raises}");
}

/// SIM-14.
#[test]
fn who_is_away_is_jailed_and_comes_back() {
    for seed in 0..4 {
        let plan = plan(seed).drop_percent(0).validators(5).jail(5, 2_000).unbond(60_000).heights(60);
        let report = run(&plan.crash(seed as usize, 2_000, 8_000));
        let moved = report.reached.turnover;
        assert!(moved.jailings >= 1 && moved.unjails >= 1 && moved.set_changes >= 2, "{report}");
    }
}

/// SIM-2: one machine signs once, whichever of its keys it signs with.
#[test]
fn keys_change_in_office() {
    let mut rotations = 0;
    for seed in 0..4 {
        let plan = plan(seed).rotate(0, 1_000).rotate(1, 1_200).rotate(0, 7_000).crash(0, 5_000, 600).strike(1, 8_000, 3, 300);
        let report = run(&plan);
        assert!(report.reached.turnover.rotations >= 2, "{report}");
        rotations += report.reached.turnover.rotations;
    }
    // Not every wish comes true before the last height.
    assert!(rotations >= 10, "{rotations}");
}

/// SIM-9: a convict that pledged loses a part of it, and has no way back.
#[test]
fn who_joined_and_signs_twice_is_slashed() {
    for seed in 0..4 {
        let plan = plan(seed).validators(5).candidates(1).join(5, 500, 60).villain(5, Cast::Equivocator).join(5, 14_000, 60);
        let report = run(&plan);
        assert_eq!((report.reached.turnover.convictions, report.reached.turnover.joins), (1, 1), "{report}");
    }
}

/// One that makes blocks alone is fast, and of those who follow it each asks who answers, not who says that it could.
#[test]
fn who_follows_the_last_validator_keeps_up_though_another_node_answers_nobody() {
    for seed in 0..2 {
        let plan = (0..4).fold(plan(seed).validators(5).heights(300), |plan, node| plan.leave(node, 500));
        let report = run(&plan.villain(3, Cast::Withholder));
        assert_eq!(report.reached.turnover.leaves, 4, "{report}");
    }
}

//! Many seeds, and the one that a failure names.

use leither_sim::{Bug, Cast, Plan, account};

/// f + 2, with one of four validators at fault.
const F_PLUS_2: u64 = 3;

#[test]
fn on_a_lossy_air_four_nodes_agree_on_every_block_and_root() {
    for seed in 0..40 {
        let report = Plan::seed(seed).run();
        println!("{report}");
        report.assert_holds();
        assert!(report.height() >= 20, "{report}");
    }
}

/// SIM-8.
#[test]
fn equal_seeds_give_equal_events_byte_by_byte() {
    let plan = Plan::seed(11).crash(1, 2_000, 1_500).log_lines(usize::MAX);
    let (one, two) = (plan.run(), plan.run());
    assert!(one.log.lines.len() > 1_000, "a log of {} lines", one.log.lines.len());
    assert_eq!(one.log.lines, two.log.lines);
    assert_eq!(one.log.fingerprint, two.log.fingerprint);
    for cast in Cast::ALONE {
        let plan =
            Plan::seed(11)
                .heights(6)
                .transfers(5)
                .by_chance()
                .villain(1, cast)
                .strike(0, 3_000, 5, 200)
                .cut(&[2], 1_000, 900);
        assert_eq!(plan.run().log.fingerprint, plan.run().log.fingerprint, "{cast}");
    }
    assert_ne!(one.log.fingerprint, Plan::seed(12).crash(1, 2_000, 1_500).run().log.fingerprint, "seeds matter");
}

#[test]
fn the_faults_do_happen() {
    let report = Plan::seed(3).drop_percent(15).run();
    report.assert_holds();
    assert!(report.reached.lost > 100 && report.reached.rounds_failed > 0, "{report}");
    assert!(report.transfers.iter().all(|fate| fate.committed.is_some()), "every transfer is committed in the end");
}

/// SIM-7: a net that could go on and does not is a violation, not a long run: all are up, and two of four say nothing.
#[test]
fn a_net_that_stands_still_is_found() {
    let report = Plan::seed(5).heights(20).transfers(0).plant(0, Bug::FallsSilent).plant(1, Bug::FallsSilent).run();
    assert!(report.violations.iter().any(|what| what.contains("no progress")), "{report}");
}

/// SIM-7: no progress is due where two of four never come back; what was decided stays good.
#[test]
fn a_net_that_has_lost_half_of_its_power_may_stand_still() {
    let report = Plan::seed(5).transfers(0).crash(0, 1_500, u64::MAX).crash(1, 1_500, u64::MAX).run();
    report.assert_holds();
    assert!(report.reached.halts == 1 && report.height() > 0, "{report}");
}

#[test]
fn nodes_that_lose_power_come_back_and_sign_nothing_twice() {
    for seed in 100..110 {
        let plan = Plan::seed(seed).crash(0, 1_000 + seed * 7, 900).crash(1, 3_000 + seed, 4_000).crash(2, 3_050, 100);
        let report = plan.run();
        report.assert_holds();
        assert!(report.height() >= 20, "{report}");
    }
}

#[test]
fn a_crash_of_all_at_once_loses_nothing() {
    let plan = (0..4).fold(Plan::seed(77), |plan, node| plan.crash(node, 2_500, 500 + node as u64 * 200));
    let report = plan.run();
    report.assert_holds();
    assert!(report.height() >= 20, "{report}");
}

#[test]
fn a_censor_delays_its_victim_by_no_more_than_f_plus_2_heights() {
    for seed in 0..6 {
        let report = Plan::seed(seed).drop_percent(0).delay_ms(1..20).villain(1, Cast::Censor).run();
        report.assert_holds();
        let victims: Vec<_> = report.transfers.iter().filter(|fate| fate.from == account(0)).collect();
        assert!(victims.len() >= 5, "{} transfers of the victim", victims.len());
        for fate in victims {
            let late = fate.committed.map(|height| height - fate.submitted);
            assert!(late.is_some_and(|late| late <= F_PLUS_2), "{fate:?} in {report}");
        }
    }
}

#[test]
fn a_liars_blocks_are_never_decided() {
    for seed in 0..4 {
        let report = Plan::seed(seed).villain(2, Cast::Liar).run();
        report.assert_holds();
        assert!(report.height() >= 20 && report.reached.rounds_failed > 0, "{report}");
    }
}

/// Runs what a failure printed: `SIM_SEED=7 SIM_PLAN='drop=20' cargo test -p leither-sim seed_from_env -- --nocapture`.
#[test]
fn seed_from_env() {
    let Ok(seed) = std::env::var("SIM_SEED") else { return };
    let seed = seed.parse().expect("SIM_SEED is a number");
    let plan = Plan::seed(seed).with(&std::env::var("SIM_PLAN").unwrap_or_default()).expect("SIM_PLAN is a plan");
    let report = plan.log_lines(20_000).run();
    println!("{}\n{report}", report.log.lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n"));
    report.assert_holds();
}

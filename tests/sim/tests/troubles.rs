//! Wires that are cut and machines that fail, one kind after the other.

use leither_sim::{Plan, Report};

/// Virtual time of a run that has nothing to complain of.
const HEALTHY_MS: u64 = 30_000;

fn plan(seed: u64) -> Plan {
    Plan::seed(seed).drop_percent(0).duplicate_percent(0).delay_ms(1..20).transfers(10)
}

fn run(plan: &Plan) -> Report {
    let report = plan.run();
    report.assert_holds();
    assert!(report.height() >= 20, "{report}");
    report
}

/// SIM-7: nobody has two thirds, so nothing may be decided; then all goes on.
#[test]
fn two_against_two_halts_and_heals() {
    for seed in 0..4 {
        let whole = run(&plan(seed)).virtual_ms;
        let cut = run(&plan(seed).cut(&[0, 1], 2_000, 60_000));
        assert!(whole < HEALTHY_MS && cut.virtual_ms > 62_000, "{whole} ms whole, {} ms cut", cut.virtual_ms);
        assert!(cut.virtual_ms < 62_000 + HEALTHY_MS, "it goes on soon after: {cut}");
    }
}

#[test]
fn one_against_three_goes_on_and_the_one_catches_up() {
    for seed in 0..4 {
        let cut = run(&plan(seed).cut(&[seed as usize % 4], 2_000, 8_000));
        assert!(cut.height() > 20, "the three went on while the one was away: {cut}");
    }
}

#[test]
fn who_hears_but_is_not_heard_and_wires_that_come_and_go_are_survived() {
    for seed in 0..4 {
        let mute = run(&plan(seed).mute(&[1], 1_000, 10_000));
        let flap = run(&plan(seed).flap(&[0, 2], 1_000, 10_000, 400));
        assert!(mute.reached.lost > 0 && flap.reached.lost > 0 && flap.reached.cuts == 1);
    }
}

/// SIM-10.
#[test]
fn power_that_fails_at_every_write_of_a_height_loses_nothing() {
    for after in 1..=40 {
        let report = run(&plan(after).strike(after as usize % 4, 1_500, after, 300));
        assert_eq!((report.reached.strikes, report.reached.restarts), (1, 1), "{report}");
    }
}

#[test]
fn logs_are_torn_and_bits_are_flipped() {
    let reports: Vec<_> = (0..30)
        .map(|seed| run(&plan(seed).strike(0, 1_000, 2 + seed % 9, 200).strike(1, 3_000, 2 + seed % 7, 200)))
        .collect();
    assert!(reports.iter().map(|report| report.reached.torn).sum::<u64>() >= 10);
    assert!(reports.iter().map(|report| report.reached.flipped).sum::<u64>() >= 3);
}

#[test]
fn machines_that_stand_still_and_slow_disks_only_take_time() {
    for seed in 0..4 {
        let report = run(&plan(seed).pause(0, 1_000, 4_000).pause(1, 3_000, 2_500).slow_disk(2, 80).slow_disk(3, 40));
        assert_eq!(report.reached.pauses, 2);
    }
}

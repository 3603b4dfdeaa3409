//! `make sim SEEDS=n FROM=seed`: a network a seed, a line each.

use leither_sim::Cast;
use leither_sim::campaign::{Campaign, seeds};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The same in small, for each change of the code: it must meet everything, and survive it.
#[test]
fn the_first_seeds_hold_and_meet_every_villain_and_trouble() {
    let tally = seeds(&Campaign { from: 1, count: 60, heights: 24 }, &mut |line| println!("{line}"));
    assert_eq!(tally.violations, 0, "{}", tally.again.join("\n"));
    assert_eq!(tally.villains.len(), Cast::ALONE.len(), "{tally}");
    let reached = tally.reached;
    let counts =
        [reached.rounds_failed, reached.lost, reached.strikes, reached.torn, reached.flipped, reached.pauses, reached.cuts];
    assert!(counts.iter().all(|count| *count > 0) && reached.crashes > reached.strikes, "{tally}");
    let moved = reached.turnover;
    let moves = [moved.set_changes, moved.elections, moved.joins, moved.raises, moved.leaves, moved.rotations];
    assert!(moves.iter().all(|count| *count > 0) && moved.convictions > 0 && moved.jailings > 0, "{tally}");
    assert!(reached.evidence > 0 && reached.load.queued > 0 && reached.restarts > 0, "{tally}");
}

#[test]
#[ignore = "long: run it by make sim"]
fn every_seed_holds() {
    let campaign = Campaign { from: number("SIM_FROM", 1), count: number("SIM_SEEDS", 200), heights: number("SIM_HEIGHTS", 50) };
    let tally = seeds(&campaign, &mut |line| println!("{line}"));
    assert_eq!(tally.violations, 0, "{}", tally.again.join("\n"));
}

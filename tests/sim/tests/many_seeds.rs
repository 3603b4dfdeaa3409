//! `make sim SEEDS=n FROM=seed`: a network a seed, a line each.

use leither_sim::Plan;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
#[ignore = "long: run it by make sim"]
fn every_seed_holds() {
    let (from, seeds) = (number("SIM_FROM", 1), number("SIM_SEEDS", 200));
    for seed in from..from.saturating_add(seeds) {
        let report = Plan::seed(seed).by_chance().run();
        println!("{report}");
        report.assert_holds();
    }
}

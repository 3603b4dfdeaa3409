//! It can fail: mistakes planted in the nodes are found, each within a thousand seeds. How soon is printed.

use leither_sim::{Bug, Cast, Plan};

const SEEDS: u64 = 1_000;

/// The first seed whose run breaks a rule; it must be the right one.
fn found(name: &str, plan: impl Fn(u64) -> Plan, sentences: &[&str]) {
    let broken = |seed: u64| Some(plan(seed).log_lines(0).run()).filter(|report| !report.violations.is_empty());
    let report = (1..=SEEDS).find_map(broken).unwrap_or_else(|| panic!("{name}: not found in {SEEDS} seeds"));
    println!("{name}: found by seed {}: {}", report.plan_seed(), report.violations[0]);
    let right = |what: &String| sentences.iter().any(|sentence| what.contains(sentence));
    assert!(report.violations.iter().any(right), "{name}: none of {sentences:?} in {:?}", report.violations);
}

/// What `make sim` would run.
fn by_chance(seed: u64) -> Plan {
    Plan::seed(seed).heights(20).transfers(10).by_chance()
}

#[test]
fn a_node_that_stores_receipts_in_another_order_is_found() {
    found("receipts", |seed| Plan::seed(seed).plant(2, Bug::ReceiptsOrder), &["a receipt is another transaction's"]);
}

#[test]
fn nodes_that_vote_for_what_they_did_not_execute_are_found() {
    let plan = |seed| [0, 1, 3].into_iter().fold(Plan::seed(seed), |plan, node| plan.plant(node, Bug::AcceptsUnexecuted));
    found("unexecuted", |seed| plan(seed).villain(2, Cast::Liar), &["the header's state root is wrong"]);
}

/// SIM-2.
#[test]
fn a_node_that_forgets_its_votes_is_found() {
    found("forgets", |seed| Plan::seed(seed).drop_percent(20).plant(1, Bug::ForgetsItsVotes), &["signed two"]);
}

/// SIM-3.
#[test]
fn a_skipped_lock_is_found() {
    found("skipped lock", |seed| by_chance(seed).plant_all(Bug::SkipsItsLock), &["lost its lock"]);
}

/// SIM-2, SIM-3: votes are lost with the log, and locks.
#[test]
fn a_lost_fsync_is_found() {
    found("lost fsync", |seed| by_chance(seed).plant_all(Bug::LosesFsync), &["signed two", "lost its lock"]);
}

/// SIM-6: all nodes agree, so only who counts for himself sees it.
#[test]
fn a_double_reward_is_found() {
    found("double reward", |seed| by_chance(seed).plant_all(Bug::PaysTwice), &["are not the"]);
}

/// SIM-13.
#[test]
fn a_forged_absence_is_found() {
    found("forged absence", |seed| by_chance(seed).plant_all(Bug::ForgesAbsence), &["proves of"]);
}

/// SIM-4, SIM-7: who votes by a set that is over decides by it, or stops the others.
#[test]
fn a_stale_set_is_found() {
    let plan = |seed| by_chance(seed).heights(60).plant_all(Bug::KeepsStaleSet);
    found("stale set", plan, &["the certificate does not prove it", "no progress", "has stopped"]);
}

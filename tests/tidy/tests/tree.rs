//! This repository keeps its own rules.

use leither_tidy::{Findings, Tree, edges, leftovers, lengths, links, prefixes, rules, shape, words};
use std::path::Path;

fn tree() -> Tree {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = Tree::read(&root).expect("the source tree can be read");
    assert!(tree.get("chain/types/src/lib.rs").is_some(), "this is not the root of the repository: {}", root.display());
    tree
}

fn none(findings: Findings) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn crates_use_only_those_below_them() {
    none(edges::check(&tree()));
}

#[test]
fn nothing_below_the_purity_line_knows_time_disk_net_threads_or_chance() {
    none(words::check(&tree()));
}

#[test]
fn no_file_is_longer_than_a_head_can_hold() {
    let (split, ask) = lengths::check(&tree());
    ask.iter().for_each(|line| println!("{line}"));
    none(split);
}

#[test]
fn pallets_and_services_have_one_shape() {
    none(shape::check(&tree()));
}

#[test]
fn no_two_stored_things_share_a_prefix() {
    none(prefixes::check(&tree()));
}

#[test]
fn every_rule_is_written_done_and_tested() {
    none(rules::check(&tree()));
}

#[test]
fn documents_point_at_what_is_there() {
    none(links::check(&tree()));
}

#[test]
fn nothing_unfinished_dead_or_of_one_machine_is_left() {
    none(leftovers::check(&tree()));
}

/// clippy reads the nearest clippy.toml and no other, so both folders below the line carry the same one.
#[test]
fn one_set_of_lints_holds_below_the_purity_line() {
    let tree = tree();
    let text = |path: &str| tree.get(path).unwrap_or_else(|| panic!("{path} is missing")).text.clone();
    assert_eq!(text("chain/clippy.toml"), text("pallets/clippy.toml"));
}

//! Each check finds what it is for, and lets go what is right.

use leither_tidy::{Findings, Tree, edges, leftovers, lengths, links, prefixes, rules, shape, words};

/// One finding, and these words in it.
#[track_caller]
fn finds(findings: Findings, words: &[&str]) {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    for word in words {
        assert!(findings[0].contains(word), "{:?} does not say {word:?}", findings[0]);
    }
}

#[track_caller]
fn finds_nothing(findings: Findings) {
    assert!(findings.is_empty(), "{findings:#?}");
}

fn manifest(dir: &str, text: &str) -> Findings {
    edges::check(&Tree::of(&[(&format!("{dir}/Cargo.toml"), text)]))
}

#[test]
fn an_edge_that_points_up_is_found() {
    finds(
        manifest("chain/state", "[dependencies]\nleither-pallets.workspace = true\n"),
        &["chain/state", "leither-pallets"],
    );
    finds(manifest("node/net", "[dependencies]\nleither-store = { path = \"x\" }\n"), &["leither-store"]);
    finds(
        manifest("rpc/server", "[dependencies]\nleither-types.workspace = true\nleither-engine.workspace = true\n"),
        &["leither-engine"],
    );
    finds_nothing(manifest("chain/state", "[dependencies]\nleither-types.workspace = true\n"));
    finds_nothing(manifest("node/cli", "[dependencies]\nleither-store.workspace = true\n"));
}

#[test]
fn an_outside_crate_below_the_purity_line_is_found_in_every_form() {
    finds(manifest("chain/types", "[dependencies]\ntokio.workspace = true\n"), &["tokio"]);
    finds(manifest("pallets", "[dependencies.rand]\nversion = \"0.8\"\n"), &["rand"]);
    finds(manifest("chain/pool", "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n"), &["libc"]);
    finds(manifest("chain/pool", "[build-dependencies]\ncc = \"1\"\n"), &["cc"]);
    finds_nothing(manifest(
        "chain/pool",
        "[dev-dependencies]\nproptest.workspace = true\n\n[dev-dependencies.rand]\nversion = \"1\"\n",
    ));
    finds_nothing(manifest("chain/pool", "[package]\nname = \"leither-pool\"\n"));
}

#[test]
fn a_big_crate_outside_its_wall_and_a_crate_outside_the_table_are_found() {
    finds(manifest("node/engine", "[dependencies]\nrocksdb.workspace = true\n"), &["rocksdb stays within node/store"]);
    let villain = "[dependencies]\narc-malachitebft-engine-byzantine.workspace = true\n";
    finds(manifest("node/cli", villain), &["is for tests alone"]);
    finds_nothing(manifest("tests/byzantine", villain));
    finds(manifest("chain/magic", "[package]\n"), &["no place in the table"]);
}

fn words_in(path: &str, text: &str) -> Findings {
    words::check(&Tree::of(&[(path, text)]))
}

#[test]
fn a_banned_word_is_found_in_code_but_not_in_comments_texts_or_tests() {
    let path = "chain/types/src/x.rs";
    finds(words_in(path, "fn f() {}\nuse std::collections::HashMap;\n"), &["x.rs:2", "HashMap", "BTreeMap"]);
    finds(words_in(path, "let x: f64 = 1;"), &["f64"]);
    finds(words_in(path, "println!(\"hello\");"), &["println!"]);
    finds(words_in(path, "let c = '\"'; let t = Instant::now(); let d = '\"';"), &["Instant"]);
    finds_nothing(words_in(path, "// HashMap\n/// HashMap\n/* HashMap */ let x = \"HashMap\"; let y = r#\"\"HashMap\"#;"));
    finds_nothing(words_in(path, "struct MyHashMap; struct HashMapper;"));
    finds_nothing(words_in(
        path,
        "#[cfg(test)]\nmod tests {\n    use std::collections::HashMap;\n    fn f() { if true {} }\n}\n",
    ));
    finds(words_in(path, "#[cfg(test)]\nmod tests;\nuse std::time::Duration;\n"), &["x.rs:3", "std::time"]);
    finds_nothing(words_in("chain/types/tests/x.rs", "use std::fs;"));
    finds_nothing(words_in("node/store/src/x.rs", "use std::fs;"));
}

#[test]
fn a_lifetime_is_no_character_and_hides_nothing() {
    finds(words_in("pallets/src/x.rs", "fn f<'a>(x: &'a str) -> f32 { 'x' }"), &["f32"]);
}

#[test]
fn a_long_file_is_asked_about_and_a_longer_one_refused() {
    let of = |lines: usize| lengths::check(&Tree::of(&[("a.rs", &"x\n".repeat(lines))]));
    assert_eq!((of(400).0.len(), of(400).1.len()), (0, 0));
    assert_eq!((of(401).0.len(), of(401).1.len()), (0, 1));
    assert_eq!((of(601).0.len(), of(601).1.len()), (1, 0));
}

#[test]
fn a_pallet_of_another_shape_is_found() {
    let of = |path: &str, text: &str| shape::check(&Tree::of(&[(path, text)]));
    finds(of("pallets/src/tokens/helpers.rs", ""), &["tokens/helpers.rs", "not a file of its kind"]);
    finds(of("node/services/names/src/util.rs", ""), &["util.rs"]);
    finds(of("pallets/src/tokens/mod.rs", "pub(crate) mod keys;\n"), &["make the module private"]);
    finds(of("pallets/src/magic/mod.rs", ""), &["`magic` has no edges"]);
    finds_nothing(of("pallets/src/tokens/dividends.rs", "mod keys;"));
    finds_nothing(of("pallets/src/tokens/tests/more.rs", ""));
}

#[test]
fn a_pallet_that_uses_one_above_it_is_found() {
    let of = |text: &str| {
        let orgs = ("pallets/src/orgs/mod.rs", "use crate::tokens;\n");
        shape::check(&Tree::of(&[orgs, ("pallets/src/tokens/calls.rs", text)]))
    };
    finds(of("use crate::{Ctx, orgs};\n"), &["tokens/calls.rs:1", "`tokens` may not use `orgs`"]);
    finds(of("use crate::{Ctx, orgs::{self, views}};\n"), &["`orgs`"]);
    finds(of("\nfn f() { crate::orgs::views::get() }"), &["tokens/calls.rs:2"]);
    finds_nothing(of("use crate::{Ctx, Stop};\nfn f(orgs: u8) -> u8 { orgs }\n#[cfg(test)]\nmod tests { use crate::orgs; }"));
}

#[test]
fn a_prefix_used_twice_or_outside_its_page_is_found() {
    let of = |a: &str, b: &str| prefixes::check(&Tree::of(&[("pallets/src/a/keys.rs", a), ("pallets/src/b/keys.rs", b)]));
    finds(
        of("X = Map::new(b\"aa\")", "Y = Item::new(b\"aa\")"),
        &["b/keys.rs:1", "\"aa\" is taken by pallets/src/a/keys.rs:1"],
    );
    finds_nothing(of("X = Map::new(b\"aa\") // Map::new(b\"aa\")", "Y = Item::new(b\"ab\")"));
    finds(prefixes::check(&Tree::of(&[("pallets/src/a/calls.rs", "Map::new(b\"zz\")")])), &["outside keys.rs"]);
}

fn rules_of(spec: &str, code: &str, test: &str) -> Findings {
    rules::check(&Tree::of(&[("spec/x.md", spec), ("chain/src/a.rs", code), ("chain/tests/a.rs", test)]))
}

#[test]
fn a_rule_that_is_missing_anywhere_is_found() {
    let test = "#[test]\nfn org_4_only_a_supervisor_admits() {}";
    finds_nothing(rules_of("ORG-4: …", "// ORG-4\nfn f() {}", test));
    finds(rules_of("", "// ORG-4", test), &["ORG-4", "chain/src/a.rs:1", "no page of spec/"]);
    finds(rules_of("x\nORG-4", "", test), &["ORG-4", "spec/x.md:2", "no code"]);
    finds(rules_of("ORG-4", "// ORG-4", "#[test]\nfn org_44_is_another() {}"), &["ORG-4", "org_4_…"]);
    finds(rules_of("ORG-4", "// ORG-4", "fn org_4_is_no_test() {}"), &["no test"]);
}

#[test]
fn a_test_names_rules_by_name_or_comment() {
    let (spec, code) = ("ORG-4 ORG-5 ORG-6", "// ORG-4 ORG-5 ORG-6");
    finds_nothing(rules_of(spec, code, "/// ORG-5 ORG-6.\n#[test]\nfn org_4_admission() {}"));
    finds_nothing(rules_of(spec, code, "#[tokio::test]\nasync fn org_4_and_org_5_and_org_6() {}"));
    finds(rules_of(spec, code, "// ORG-6\nfn f() {}\n#[test]\nfn org_4_org_5() {}"), &["ORG-6"]);
}

#[test]
fn a_line_of_the_spec_names_its_tests_and_they_must_be_there() {
    let test = "#[test]\nfn who_has_left_has_no_vote() {}";
    finds_nothing(rules_of("ORG-4: `who_has_left_has_no_vote`", "// ORG-4", test));
    finds(rules_of("ORG-4\n\n`who_has_left_has_no_vote`", "// ORG-4", test), &["ORG-4", "no test"]);
    let gone = rules_of("ORG-4: `who_has_gone_has_no_vote`", "// ORG-4", "/// ORG-4\n#[test]\nfn f() {}");
    finds(gone, &["spec/x.md:1", "who_has_gone_has_no_vote"]);
}

#[test]
fn standards_are_no_rules() {
    finds_nothing(rules_of("", "// BIP-39, RUSTSEC-2026-0118, SHA-256, AB-01, X-1, UTF-8, LEI-ther, a-1, FOO-1-2, FOO-1a", ""));
}

#[test]
fn a_link_to_nothing_is_found() {
    let of = |text: &str| links::check(&Tree::of(&[("spec/x.md", text), ("chain/lib.rs", ""), ("spec/adr/1.md", "")]));
    finds(of("see\n[a](../chain/gone.rs)"), &["spec/x.md:2", "../chain/gone.rs"]);
    finds(of("[a](../../outside.md)"), &["outside"]);
    finds_nothing(of("[a](../chain/lib.rs#L1) [b](adr/) [c](https://leither.org) [d](#part) [e](/chain/lib.rs \"title\")"));
    finds_nothing(of("```\n[a](gone.rs)\n```"));
}

fn left(text: &str) -> Findings {
    leftovers::check(&Tree::of(&[("a.rs", text)]))
}

#[test]
fn unfinished_work_is_found() {
    for mark in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")] {
        finds(left(&format!("\n// {mark}: later")), &["a.rs:2", mark]);
    }
    finds(left(concat!("fn f() { unimple", "mented!() }")), &["finish it"]);
    finds(left("#[test]\n#[ignore]\nfn f() {}"), &["without a reason"]);
    finds_nothing(left("#[ignore = \"needs a real network\"]"));
    finds_nothing(left(concat!("struct TO", "DOS;")));
}

#[test]
fn code_in_a_comment_is_found_and_prose_is_not() {
    for line in ["// let x = 1;", "// foo(bar);", "// }", "// if x {", "// #[derive(Debug)]", "    // use std::fmt;"] {
        finds(left(line), &["code in a comment"]);
    }
    for line in
        ["// let us see", "/// let x = 1;", "// it is done; then", "// if it is there, all is well", "// (see above)", "//! }"]
    {
        finds_nothing(left(line));
    }
}

#[test]
fn traces_of_a_machine_and_dead_files_are_found() {
    finds(left(concat!("// /ro", "ot/x")), &["one machine"]);
    finds(left(concat!("// index.", "crates.io")), &["one machine"]);
    finds(leftovers::check(&Tree::of(&[("a.rs.bak", "")])), &["dead file"]);
}

//! One shape a kind: who knows one pallet knows the next before opening it.

use crate::rust::{code_of, find_word, is_test_path, line_of, without_tests};
use crate::{Findings, Tree};
use std::collections::BTreeSet;

const PALLET_FILES: &[&str] = &["mod", "types", "keys", "calls", "views", "events", "errors", "hooks", "tests"];
/// Files of one pallet beside those, each holding one matter that would burst `calls`.
const PALLET_EXTRAS: &[(&str, &[&str])] = &[
    ("orgs", &["ballots", "charter", "contract", "further", "members", "money", "proposals", "sponsor"]),
    ("staking", &["absence", "election", "faults", "pay", "power", "recovery"]),
    ("tokens", &["dividends", "pushes", "split"]),
    (
        "wasm",
        &[
            "code",
            "custom",
            "custom_queries",
            "custom_streams",
            "gas",
            "host",
            "money",
            "pulses",
            "warm",
            "queries",
            "respond",
            "run",
            "trace",
        ],
    ),
];
const SERVICE_FILES: &[&str] = &["lib", "config", "core", "store", "server", "api", "proofs", "metrics", "tests"];
/// Files of one service beside those.
const SERVICE_EXTRAS: &[(&str, &[&str])] = &[
    // No service itself: what they share.
    ("kit", &["block", "car", "node", "source", "walk", "wire"]),
    ("gateway", &["respond"]),
    ("storage", &["add", "content", "cur", "error", "seal", "versions"]),
];

/// Which pallets a pallet may use, by their views and public verbs.
const PALLET_EDGES: &[(&str, &[&str])] = &[
    ("params", &[]),
    ("lineage", &[]),
    ("accounts", &["params"]),
    ("tokens", &["accounts", "params"]),
    ("orgs", &["tokens", "accounts", "params"]),
    ("mimei", &["accounts", "orgs"]),
    ("streams", &["accounts", "tokens"]),
    ("staking", &["accounts", "tokens", "params"]),
    ("wasm", &["accounts", "tokens", "orgs", "mimei", "streams", "params"]),
];

/// Checks pallets and services.
pub fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    files(tree, &mut findings);
    private_keys(tree, &mut findings);
    pallet_edges(tree, &mut findings);
    findings
}

/// `pallets/src/<pallet>/<file>`, its parts.
fn pallet_file(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("pallets/src/")?.split_once('/')
}

fn files(tree: &Tree, findings: &mut Findings) {
    for file in tree.rust() {
        let service = file.path.strip_prefix("node/services/").and_then(|rest| rest.split_once("/src/"));
        let (names, extras, name) = match (pallet_file(&file.path), service) {
            (Some((pallet, name)), _) if !pallet.ends_with("tests") => {
                let extras = PALLET_EXTRAS.iter().find(|(of, _)| *of == pallet).map_or(&[][..], |(_, extras)| extras);
                (PALLET_FILES, extras, name)
            }
            (None, Some((service, name))) => {
                let extras = SERVICE_EXTRAS.iter().find(|(of, _)| *of == service).map_or(&[][..], |(_, extras)| extras);
                (SERVICE_FILES, extras, name)
            }
            _ => continue,
        };
        let stem = name.split('/').next().unwrap_or(name).trim_end_matches(".rs");
        if !names.contains(&stem) && !extras.contains(&stem) {
            findings.push(format!(
                "{}: not a file of its kind ({}); list it in tests/tidy/src/shape.rs if it must be",
                file.path,
                names.join(" ")
            ));
        }
    }
}

fn private_keys(tree: &Tree, findings: &mut Findings) {
    for file in tree.rust().filter(|file| pallet_file(&file.path).is_some()) {
        let code = code_of(&file.text);
        for line in code.lines().map(str::trim) {
            if line.starts_with("pub") && line.ends_with("mod keys;") {
                findings.push(format!("{}: a pallet's keys are its own; make the module private and write a view", file.path));
            }
        }
    }
}

fn pallet_edges(tree: &Tree, findings: &mut Findings) {
    let pallets: BTreeSet<&str> = tree
        .rust()
        .filter_map(|file| pallet_file(&file.path))
        .map(|(name, _)| name)
        .filter(|name| !name.ends_with("tests"))
        .collect();
    for file in tree.rust() {
        let Some((pallet, _)) = pallet_file(&file.path).filter(|_| !is_test_path(&file.path)) else { continue };
        let Some((_, edges)) = PALLET_EDGES.iter().find(|(of, _)| *of == pallet) else {
            findings.push(format!("{}: pallet `{pallet}` has no edges in tests/tidy/src/shape.rs", file.path));
            continue;
        };
        let code = without_tests(&code_of(&file.text));
        for other in pallets.iter().filter(|other| **other != pallet && !edges.contains(other)) {
            // Used by path, or taken in by `use crate::{…}`; a local of that name is neither.
            let path = format!("{other}::");
            let taken = uses_of_crate(&code).find(|(_, names)| names.contains(other)).map(|(at, _)| at);
            if let Some(at) = taken.or_else(|| find_word(&code, &path).next()) {
                findings.push(format!("{}:{}: `{pallet}` may not use `{other}`", file.path, line_of(&code, at)));
            }
        }
    }
}

/// The first names of each `use crate::…`.
fn uses_of_crate(code: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    code.match_indices("use crate::").map(|(at, start)| {
        let rest = code[at + start.len()..].split(';').next().unwrap_or_default();
        let inside = rest.strip_prefix('{').map_or(rest, |inside| inside.trim_end_matches('}'));
        let mut depth = 0usize;
        let parts = inside.split(move |c| {
            depth = match c {
                '{' => depth + 1,
                '}' => depth.saturating_sub(1),
                _ => depth,
            };
            c == ',' && depth == 0
        });
        (at, parts.map(|part| part.split("::").next().unwrap_or(part).trim()).collect())
    })
}

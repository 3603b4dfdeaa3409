//! Who may use whom: DESIGN's table of crates, and the outside crates that pure ones may have.

use crate::{Findings, Tree};

/// What contracts are written with.
const TEMPLATE: &[&str] = &["cosmwasm-std", "schemars", "serde", "thiserror"];

/// A crate below the purity line: its folder, the crates of ours that it may use, the outside ones that it may use.
const PURE: &[(&str, &[&str], &[&str])] = &[
    (
        "chain/types",
        &[],
        &[
            "blake3",
            "parity-scale-codec",
            "ed25519-dalek",
            "ed25519-zebra",
            "bech32",
            "rs_merkle",
            "thiserror",
            "serde",
            "rand_core",
        ],
    ),
    ("chain/state", &["types"], &["blake3", "parity-scale-codec", "thiserror"]),
    (
        // It reads what authors write by the types that they write it with.
        "contracts/vm",
        &["sdk", "types"],
        &[
            "cosmwasm-vm",
            "cosmwasm-std",
            "wasmer",
            "wasmer-types",
            "wasmparser",
            "crc32fast",
            "parity-scale-codec",
            "thiserror",
            "serde",
            "serde_json",
        ],
    ),
    ("contracts/sdk", &[], &["blake3", "cosmwasm-std", "schemars", "serde"]),
    ("contracts/templates/content-reward", &["sdk"], TEMPLATE),
    ("contracts/templates/ad-campaign", &["sdk", "content-reward"], TEMPLATE),
    ("contracts/templates/revenue-share", &["sdk"], TEMPLATE),
    ("contracts/templates/membership-by-task", &["sdk"], TEMPLATE),
    ("contracts/templates/construction-grant", &["sdk"], TEMPLATE),
    ("contracts/templates/kickstart", &["sdk"], TEMPLATE),
    (
        "pallets",
        &["state", "vm", "types"],
        &["parity-scale-codec", "primitive-types", "thiserror", "serde", "serde_json"],
    ),
    ("chain/executor", &["pallets", "state", "types"], &["thiserror", "parity-scale-codec"]),
    (
        "chain/consensus",
        &["types"],
        &[
            "arc-malachitebft-core-types",
            "arc-malachitebft-core-consensus",
            "arc-malachitebft-signing",
            "parity-scale-codec",
            "async-trait",
            "thiserror",
        ],
    ),
    ("chain/pool", &["types"], &["parity-scale-codec"]),
];

/// A crate above it. Whoever is above may use `types`, which everything is made of.
const EDGES: &[(&str, &[&str])] = &[
    // The places where a test lets the process die: for all that writes.
    ("node/failpoints", &[]),
    ("node/net", &["failpoints"]),
    // A protocol of others, over a store that its caller hands it: it knows nothing of ours.
    ("node/bitswap", &[]),
    // Who has which content and how it comes: it knows what is wanted, not what it means.
    ("node/routing", &["bitswap"]),
    ("node/store", &["failpoints", "state"]),
    ("rpc/api", &["pallets"]),
    // The driver hands the executor's snapshots on (state) and reads rules and validators from them (pallets' views).
    ("node/engine", &["failpoints", "net", "store", "executor", "consensus", "pool", "pallets", "state"]),
    ("rpc/server", &["rpc-api"]),
    ("node/services/storage", &["failpoints", "kit"]),
    ("node/services", &["kit", "rpc-api"]),
];

/// The composition root and the judges: they may use all.
const FREE: &[&str] = &["node/cli", "tests", "benches"];

/// Big outside crates live behind one wall each, tests aside.
const WALLS: &[(&str, &[&str])] = &[
    ("rocksdb", &["node/store", "node/services/storage", "node/routing"]),
    ("libp2p", &["node/net", "node/bitswap", "node/routing"]),
    ("arc-malachitebft-app-channel", &["node/engine"]),
    ("cosmwasm-vm", &["contracts/vm"]),
    ("wasmer", &["contracts/vm"]),
    ("axum", &["node/services/gateway"]),
];

/// What breaks rules on purpose: for tests alone, whoever else may use all.
const VILLAINS: &[&str] = &["arc-malachitebft-engine-byzantine", "leither-byzantine"];

/// Checks every Cargo.toml against the tables.
pub fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for file in tree.files().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let dir = file.path.trim_end_matches("/Cargo.toml");
        let used = dependencies(&file.text);
        let ours: Vec<&str> = used.iter().filter_map(|name| name.strip_prefix("leither-")).collect();
        let within = |top: &str| dir == top || dir.starts_with(&format!("{top}/"));
        if !within("tests") {
            let villains = used.iter().filter(|name| VILLAINS.contains(&name.as_str()));
            findings.extend(villains.map(|name| format!("{}: {name} is for tests alone", file.path)));
        }
        if FREE.iter().any(|top| within(top)) {
            continue;
        }
        let mut refuse =
            |what: &str, name: &str| findings.push(format!("{}: may not use {what}{name} (tests/tidy/src/edges.rs)", file.path));
        if let Some((_, edges, outside)) = PURE.iter().find(|(path, ..)| *path == dir) {
            ours.iter().filter(|name| !edges.contains(name)).for_each(|name| refuse("leither-", name));
            let others = used.iter().filter(|name| !name.starts_with("leither-"));
            others.filter(|name| !outside.contains(&name.as_str())).for_each(|name| refuse("", name));
        } else if let Some((_, edges)) = EDGES.iter().find(|(path, _)| within(path)) {
            ours.iter()
                .filter(|name| **name != "types" && !edges.contains(name))
                .for_each(|name| refuse("leither-", name));
        } else {
            findings.push(format!("{}: no place in the table of crates; give it one in tests/tidy/src/edges.rs", file.path));
        }
        for (name, home) in WALLS {
            if used.iter().any(|used| used == name) && !home.contains(&dir) {
                findings.push(format!("{}: {name} stays within {}", file.path, home.join(", ")));
            }
        }
    }
    findings
}

/// The folders of the crates below the purity line.
pub fn pure_folders() -> impl Iterator<Item = &'static str> {
    PURE.iter().map(|(dir, ..)| *dir)
}

/// Names in `[dependencies]` and `[build-dependencies]`, those of targets included; what only tests use is not asked.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            let (of, name) = match section.rsplit_once("dependencies.") {
                Some((of, name)) => (of, Some(name)),
                None => (section.strip_suffix("dependencies").unwrap_or("-"), None),
            };
            let counts = of.is_empty() || of == "build-" || (of.starts_with("target.") && !of.ends_with("dev-"));
            inside = counts && name.is_none();
            names.extend(name.filter(|_| counts).map(str::to_string));
        } else if inside && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            if !name.is_empty() && !line.starts_with(['"', ']', '}']) {
                names.push(name.to_string());
            }
        }
    }
    names
}

//! A process that dies anywhere in an act leaves what was before it, or what is after it.

use crate::content::calls;
use crate::content::tests::{ME, OTHER, tree};
use leither_storage::content::Profile;
use leither_storage::{Config, ContentStore, Kept, Root};
use std::path::Path;
use std::process::Command;

/// For the child: where the store is, and what it does there.
const DIR: &str = "LEITHER_TEST_ACT_DIR";
const ACT: &str = "LEITHER_TEST_ACT";
const ACTS: [&str; 5] = ["record", "restore", "fork", "expect", "lose"];
/// Where it dies; and whether all is done by then.
const POINTS: [(&str, bool); 3] =
    [("content/act/changed", false), ("content/write/before", false), ("content/write/written", true)];

fn open(dir: &Path) -> ContentStore {
    ContentStore::open(&Config::new(dir.join("content"))).unwrap()
}

/// A working copy that nobody changed since version 0, and a tree that waits to become version 1.
fn prepare(dir: &Path) {
    let (store, profile) = (open(dir), Profile::default());
    let [old, new] = ["old", "new"].map(|text| tree(&store, dir, text));
    calls::record(&store, &ME, 0, old, profile).unwrap();
    calls::restore(&store, &ME, Some(0), None, None).unwrap();
    calls::expect(&store, &ME, 1, new, profile, false).unwrap();
    store.keep(&calls::added(&new), Kept { cid: new, profile, generation: 1 }, 0).unwrap();
}

fn act(store: &ContentStore, name: &str) {
    let (next, profile) = (calls::waiting(store, &ME).unwrap().remove(0), Profile::default());
    match name {
        "record" => calls::record(store, &ME, 1, next.cid, profile).map(drop),
        "restore" => calls::restore(store, &ME, Some(0), Some(0), Some(5)).map(drop),
        "fork" => calls::fork(store, &ME, 0, &OTHER).map(drop),
        "expect" => calls::expect(store, &ME, 2, next.cid, profile, true),
        _ => calls::lose(store, &next),
    }
    .unwrap();
}

#[test]
#[ignore = "the child of the test below"]
fn child_acts_until_it_dies() {
    let (Ok(dir), Ok(name)) = (std::env::var(DIR), std::env::var(ACT)) else { return };
    let store = open(Path::new(&dir));
    leither_failpoints::arm(&std::env::var(leither_failpoints::VARIABLE).unwrap_or_default()).unwrap();
    act(&store, &name);
}

/// Runs the child. Whether it died at its point.
fn dies(dir: &Path, name: &str, arms: &str) -> bool {
    let (_, module) = module_path!().split_once("::").unwrap();
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::child_acts_until_it_dies"), "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(ACT, name)
        .env(leither_failpoints::VARIABLE, arms)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    let died = said.lines().any(|line| line.starts_with("failpoint "));
    assert!(died || out.status.success(), "{name} {arms}: {said}");
    died
}

/// Who keeps what, with right books.
fn roots(dir: &Path) -> Vec<(Root, Kept)> {
    let store = open(dir);
    assert!(store.verify(true).unwrap().wrong.is_empty());
    store.roots(None, 1000).unwrap()
}

#[test]
fn storage_12_wherever_a_process_dies_an_act_is_done_whole_or_not_at_all() {
    for name in ACTS {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let before = roots(dir.path());
        assert!(!dies(dir.path(), name, ""));
        let after = roots(dir.path());
        assert_ne!(before, after, "{name} does nothing");
        for (point, is_done) in POINTS {
            let mut deaths = 0;
            loop {
                let dir = tempfile::tempdir().unwrap();
                prepare(dir.path());
                let arms = if deaths == 0 { format!("{point}=return") } else { format!("{point}={deaths}*off->return") };
                if !dies(dir.path(), name, &arms) {
                    break;
                }
                deaths += 1;
                assert_eq!(roots(dir.path()), if is_done { after.clone() } else { before.clone() }, "{name}, {arms}");
            }
            // Each of them changes two roots at least, in one write.
            assert!(if point == "content/act/changed" { deaths > 1 } else { deaths == 1 }, "{name}, {point}: {deaths}");
        }
    }
}

//! A process that dies at any point leaves a store that is right, with all that it said was done.
mod common;

use common::*;
use leither_storage::content::Profile;
use leither_storage::{ContentStore, Result, Root};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Hits before the death, for each point.
const HITS: [u32; 4] = [0, 1, 5, 20];

/// What the child does, in an order that does not change; each line says what is done once it is.
fn work(store: &ContentStore, dir: &Path) {
    let file = dir.join("file");
    if store.cur(&ME).unwrap().is_none() {
        store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    }
    for round in 0..6u64 {
        // More than a window, half of it as in the round before.
        let bytes = [noise(round / 2, 6 << 20), noise(100 + round, 6 << 20)].concat();
        std::fs::write(&file, bytes).unwrap();
        let name = format!("p{}", round % 2);
        let added = store.add(&file, Profile::V1_2025, &pin(&name), NOW + round, &mut |_| ()).unwrap();
        println!("did {name} {}", added.cid);

        let mut edit = store.edit(&ME).unwrap();
        edit.write_at("a", round << 19, &noise(round, 700_000)).unwrap();
        edit.append("log", b"line\n").unwrap();
        let cur = edit.commit(NOW + round).unwrap();
        println!("did cur {}", cur.cid);

        // Two roots that say the same.
        let both = store.act(NOW + round, |act| -> Result<()> {
            act.keep(&pin("base"), cur)?;
            act.keep(&pin("copy"), cur)
        });
        both.unwrap();
        println!("did base {}", cur.cid);

        // An add that is given up.
        let mut session = store.session();
        for n in 0..9 {
            let leaf = noise(1000 + n, 1 << 20);
            session.put(&raw(&leaf), leaf).unwrap();
        }
        drop(session);
        if round % 3 == 2 {
            store.release(&pin("p0"), NOW + round).unwrap();
            println!("did p0 none");
            while store.purge(NOW + 2 * DAY, 3).unwrap().more {}
        }
    }
    println!("did all ok");
}

#[test]
#[ignore = "the child of the test below"]
fn child_works_until_it_dies() {
    let Ok(dir) = std::env::var("STORAGE_TEST_DIR") else { return };
    leither_failpoints::arm(&std::env::var(leither_failpoints::VARIABLE).unwrap_or_default()).unwrap();
    let dir = Path::new(&dir);
    work(&open(&dir.join("db")), dir);
}

/// Runs the child; what it said was done, the newest of each name.
fn run(dir: &Path, arms: &str) -> (BTreeMap<String, String>, bool) {
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_works_until_it_dies", "--ignored", "--nocapture"])
        .env("STORAGE_TEST_DIR", dir)
        .env(leither_failpoints::VARIABLE, arms)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let told = said.lines().filter_map(|line| line.split_once("did ")).filter_map(|(_, rest)| rest.split_once(' '));
    (told.map(|(name, cid)| (name.to_owned(), cid.to_owned())).collect(), out.status.success())
}

fn root_of(store: &ContentStore, name: &str) -> String {
    let root = if name == "cur" { Root::Cur(ME) } else { pin(name) };
    store.root(&root).unwrap().map_or("none".into(), |kept| kept.cid.to_string())
}

#[test]
fn storage_7_wherever_a_process_dies_the_store_is_right_and_has_what_was_done() {
    // What an undisturbed run comes to, step by step.
    let dir = tempfile::tempdir().unwrap();
    let (told, whole) = run(dir.path(), "");
    assert!(whole && told["all"] == "ok", "{told:?}");
    let finals: BTreeMap<&str, String> = {
        let store = open(&dir.path().join("db"));
        check(&store);
        ["cur", "p0", "p1"].into_iter().map(|name| (name, root_of(&store, name))).collect()
    };
    let mut deaths = 0;
    for point in leither_failpoints::POINTS.iter().filter(|point| point.starts_with("content/")) {
        let mut died = false;
        for hits in HITS {
            let dir = tempfile::tempdir().unwrap();
            let arms = if hits == 0 { format!("{point}=return") } else { format!("{point}={hits}*off->return") };
            let (told, whole) = run(dir.path(), &arms);
            if whole {
                // It has fewer hits than that.
                break;
            }
            died = true;
            deaths += 1;
            let store = open(&dir.path().join("db"));
            check(&store);
            for name in ["p0", "p1", "cur"] {
                // What was told is there, or what came after it and died before it was told.
                let is = root_of(&store, name);
                if told.get(name).is_some_and(|was| *was != is) {
                    let after = is == "none" || store.has(&is.parse().unwrap()).unwrap();
                    assert!(after, "{point} {hits}: {name} is {is}");
                }
            }
            assert_eq!(root_of(&store, "base"), root_of(&store, "copy"), "{point} {hits}: half an act");
            drop(store);
            // The same work, undisturbed, comes to the same end.
            let (told, whole) = run(dir.path(), "");
            assert!(whole && told["all"] == "ok", "{point} {hits}: {told:?}");
            let store = open(&dir.path().join("db"));
            check(&store);
            for name in ["p0", "p1"] {
                assert_eq!(root_of(&store, name), finals[name], "{point} {hits}");
            }
            let left = purge(&store, NOW + 3 * DAY);
            let stat = store.stat().unwrap();
            check(&store);
            assert!(stat.bytes < 40 << 20, "{point} {hits}: {left} blocks went, {stat:?}");
        }
        assert!(died, "nothing comes by {point}");
    }
    assert!(deaths > 18, "only {deaths} deaths");
}

//! What a database must be to be opened, and what is said where it is not.
mod common;

use common::*;
use leither_state::{Fault, Holding};
use leither_store::{OpenError, Store};
use leither_types::*;
use parity_scale_codec::Encode;
use rocksdb::{DB, Options};
use std::path::Path;
use std::process::Command;

const HEIGHT: Height = 6;

fn made() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    grow(&open(dir.path()).unwrap(), HEIGHT);
    dir
}

/// Lets a test change rows behind the store's back.
fn tamper(dir: &Path, change: impl FnOnce(&mut DB)) {
    let names = DB::list_cf(&Options::default(), dir).unwrap();
    change(&mut DB::open_cf(&Options::default(), dir, names).unwrap());
}

fn refusal(dir: &Path) -> OpenError {
    open(dir).err().expect("must not open")
}

fn damage(dir: &Path) -> String {
    match refusal(dir) {
        OpenError::Damaged { what, .. } => what,
        other => panic!("{other}"),
    }
}

#[test]
fn store_1_the_initial_state_is_asked_for_once_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let head = store.head().unwrap();
    assert_eq!((head.height, head.header.clone(), head.id, head.time), (0, None, Hash::ZERO, 1_000));
    assert_eq!(head.certificate, Certificate::genesis());
    drop(store);
    let never = || panic!("the database is there already");
    let store = Store::open(dir.path(), &genesis(), &never).unwrap();
    assert_eq!(*store.head().unwrap(), *head);
    Expected::at(0).check(&*snapshot(&store));
    assert!(store.disk_bytes().unwrap() < 1024 * 1024);
}

#[test]
fn store_1_a_genesis_that_is_no_state_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let too_much = || {
        let mut writes = writes(0);
        writes
            .holdings
            .insert((token(0), account(0)), Some(Holding { free: Amount::new(u128::MAX), ..Holding::default() }));
        Ok(writes)
    };
    assert!(matches!(Store::open(dir.path(), &genesis(), &too_much), Err(OpenError::Genesis(_))));
    let faulty = || Err(Fault::Corrupt("no".into()));
    assert!(matches!(Store::open(dir.path(), &genesis(), &faulty), Err(OpenError::Genesis(_))));
    assert_eq!(open(dir.path()).unwrap().head().unwrap().height, 0);
}

#[test]
fn store_1_another_chains_database_is_refused_by_name() {
    let dir = made();
    let other = genesis_named("another");
    let refused = Store::open(dir.path(), &other, &|| Ok(writes(0))).err().unwrap();
    let expected = OpenError::OtherChain { dir: dir.path().into(), found: genesis().chain(), expected: other.chain() };
    assert_eq!(refused, expected);
    assert!(refused.to_string().contains("choose another --home"));
    assert_eq!(open(dir.path()).unwrap().head().unwrap().height, HEIGHT);
}

#[test]
fn store_1_a_second_opening_is_refused_while_the_first_lasts() {
    let dir = made();
    let first = open(dir.path()).unwrap();
    assert!(matches!(refusal(dir.path()), OpenError::Busy(_)));
    let other_process = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child_opens", "--ignored", "--nocapture"]).env("STORE_TEST_DIR", dir.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(other_process().contains("in use by another process"));
    drop(first);
    assert!(other_process().contains("opened at 6"));
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn child_opens() {
    let Some(dir) = std::env::var_os("STORE_TEST_DIR") else { return };
    match open(Path::new(&dir)) {
        Ok(store) => println!("opened at {}", store.head().unwrap().height),
        Err(e) => println!("{e}"),
    }
}

#[test]
fn store_1_a_newer_programs_database_is_refused_and_says_so() {
    let dir = made();
    tamper(dir.path(), |db| db.put(b"format", 2u32.encode()).unwrap());
    assert!(matches!(refusal(dir.path()), OpenError::Newer { found, .. } if found == "format 2"));
    let dir = made();
    tamper(dir.path(), |db| db.create_cf("novelties", &Options::default()).unwrap());
    assert!(matches!(refusal(dir.path()), OpenError::Newer { found, .. } if found.contains("novelties")));
}

#[test]
fn store_1_a_database_with_a_part_missing_or_changed_is_refused() {
    type Change = fn(&mut DB);
    let head = HEIGHT.to_be_bytes();
    assert_eq!(head, [0, 0, 0, 0, 0, 0, 0, 6]);
    let changes: [(&str, Change); 9] = [
        ("row format is missing", |db| db.delete(b"format").unwrap()),
        ("row genesis is missing", |db| db.delete(b"genesis").unwrap()),
        ("row head is missing", |db| db.delete(b"head").unwrap()),
        ("row head", |db| db.put(b"head", [1, 2, 3]).unwrap()),
        ("no row in headers", |db| db.delete_cf(db.cf_handle("headers").unwrap(), 6u64.to_be_bytes()).unwrap()),
        ("no row in bodies", |db| db.delete_cf(db.cf_handle("bodies").unwrap(), 6u64.to_be_bytes()).unwrap()),
        ("not the one that was committed", |db| {
            // Neither transactions nor evidence.
            db.put_cf(db.cf_handle("bodies").unwrap(), 6u64.to_be_bytes(), [0, 0]).unwrap()
        }),
        ("state root", |db| {
            db.delete_cf(db.cf_handle("records").unwrap(), Expected::at(6).records.keys().next().unwrap()).unwrap()
        }),
        ("state root", |db| {
            let ((token, id), mut holding) = Expected::at(6).holdings.into_iter().next().unwrap();
            holding.free = Amount::new(holding.free.0 + 1);
            let key = [token.0, id.0].concat();
            db.put_cf(db.cf_handle("holdings").unwrap(), key, holding.encode()).unwrap();
        }),
    ];
    for (said, change) in changes {
        let dir = made();
        tamper(dir.path(), change);
        let what = damage(dir.path());
        assert!(what.contains(said), "{said}: {what}");
        assert!(refusal(dir.path()).to_string().contains("restore it from a snapshot"));
    }
}

#[test]
fn store_9_lost_files_are_noticed_and_nothing_is_begun_anew_over_them() {
    let remove = |dir: &Path, which: fn(&str) -> bool| {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if which(&entry.file_name().to_string_lossy()) {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    };
    let dir = made();
    remove(dir.path(), |name| name.ends_with(".log"));
    damage(dir.path());
    let dir = made();
    drop(open(dir.path()).unwrap());
    remove(dir.path(), |name| name.ends_with(".sst"));
    damage(dir.path());
    let dir = made();
    remove(dir.path(), |name| name == "CURRENT");
    refusal(dir.path());
    remove(dir.path(), |name| name != "COMMITTED");
    assert!(damage(dir.path()).contains("files are gone"));
}

#[test]
fn a_creation_that_was_cut_short_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.create_if_missing(true);
    drop(DB::open(&options, dir.path()).unwrap());
    assert_eq!(open(dir.path()).unwrap().head().unwrap().height, 0);
}

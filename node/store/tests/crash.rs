//! A process that is killed in the middle of whatever it does loses nothing that it had committed.
mod common;

use common::*;
use leither_store::VersionRow;
use leither_store::snapshots::{keep_newest, list_snapshots, read_chunk, remove_unfinished};
use leither_types::MimeiId;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const KILLS: u64 = 15;
/// Of which each block makes a version, with its height as the number.
const VERSIONED: MimeiId = MimeiId([1; 20]);

#[test]
fn store_9_and_store_26_kill_9_at_any_moment_loses_no_committed_height_and_no_version_without_its_block() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(std::process::id().into());
    let mut told = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_commits_until_killed", "--ignored", "--nocapture"])
            .env("STORE_TEST_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("committed") {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child ended by itself");
        }
        std::thread::sleep(Duration::from_micros(dice.roll(60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        out.read_to_string(&mut line).unwrap();
        // The last line may be torn: a line counts once its end was written.
        let whole = line.rfind('\n').map_or("", |end| &line[..end]);
        told = whole.lines().filter_map(|l| l.strip_prefix("committed ")?.parse().ok()).max().unwrap_or(told).max(told);

        let store = open(dir.path()).unwrap();
        let head = store.head().unwrap();
        assert!(head.height >= told, "{} was committed, {} is there", told, head.height);
        let expected = Expected::at(head.height);
        assert_eq!(head.state_root, expected.root());
        if kill % 5 == 0 {
            expected.check(&*snapshot(&store));
        }
        let mut parent = leither_types::Hash::ZERO;
        for height in 1..=head.height {
            let block = store.block(height).unwrap().unwrap();
            assert_eq!((block.header.height, block.header.parent), (height, parent));
            assert_eq!(block.txs.len(), store.receipts(height).unwrap().unwrap().len());
            for (index, tx) in (0..).zip(&block.txs) {
                assert_eq!(store.tx(&tx.id()).unwrap(), Some((height, index)));
            }
            // STORE-26: the block and the version that it made are there together.
            assert_eq!(store.version(&VERSIONED, height).unwrap(), Some(said(height, "made")));
            parent = block.id();
        }
        assert_eq!(store.version(&VERSIONED, head.height + 1).unwrap(), None);
        assert_eq!(store.block(head.height + 1).unwrap(), None);
    }
    assert!(told > KILLS);
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn child_commits_until_killed() {
    let Some(dir) = std::env::var_os("STORE_TEST_DIR") else { return };
    let store = open(Path::new(&dir)).unwrap();
    println!();
    loop {
        let mut made = next(&store);
        let number = made.block.header.height;
        made.versions = vec![VersionRow { mimei: VERSIONED, number, bytes: said(number, "made") }];
        assert!(store.put_undecided(made.block.header.height, 0, &made.block.id(), &[1; 5_000]).unwrap());
        store.commit(&made.commit()).unwrap();
        println!("committed {}", made.block.header.height);
    }
}

#[test]
fn store_14_and_store_23_kill_9_in_the_middle_of_a_prune_or_a_snapshot_leaves_whole_blocks_and_whole_snapshots() {
    let home = tempfile::tempdir().unwrap();
    let (data, shelf) = (home.path().join("data"), home.path().join("snapshots"));
    let mut dice = Dice(u64::from(std::process::id()) << 8);
    let (mut unfinished, mut whole) = (0, 0);
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_prunes_and_copies_until_killed", "--ignored", "--nocapture"])
            .env("STORE_TEST_DIR", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("at work") {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child ended by itself");
        }
        std::thread::sleep(Duration::from_micros(dice.roll(300_000)));
        child.kill().unwrap();
        child.wait().unwrap();

        let store = open(&data).unwrap();
        let head = store.head().unwrap().height;
        let lowest = store.lowest().unwrap();
        for height in 1..=head {
            assert_eq!(store.block(height).unwrap().is_some(), height >= lowest, "{height} of {lowest} to {head}");
        }
        unfinished += usize::from(store.finish_prune().unwrap());
        assert_eq!((store.lowest().unwrap(), store.finish_prune().unwrap()), (lowest, false));
        unfinished += remove_unfinished(&shelf).unwrap();
        for (path, manifest) in list_snapshots(&shelf) {
            assert!(manifest.chunks.iter().all(|(hash, _)| read_chunk(&path, hash).is_some()));
            whole += 1;
        }
        let half_done = std::fs::read_dir(&shelf).map_or(0, |entries| {
            entries.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part")).count()
        });
        assert_eq!(half_done, 0);
    }
    println!("{unfinished} of {KILLS} kills hit a prune or a snapshot; {whole} whole snapshots seen");
    assert!(whole > 0);
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn child_prunes_and_copies_until_killed() {
    let Some(home) = std::env::var_os("STORE_TEST_DIR") else { return };
    let store = open(&Path::new(&home).join("data")).unwrap();
    let shelf = Path::new(&home).join("snapshots");
    println!();
    let first = store.head().unwrap().height;
    loop {
        grow(&store, store.head().unwrap().height + 15);
        let head = store.head().unwrap().height;
        if head > first + 15 {
            println!("at work");
        }
        store.prune(head).unwrap();
        store.write_snapshot(&shelf, &|_, _| ()).unwrap();
        keep_newest(&shelf, 2).unwrap();
    }
}

#[test]
fn store_8_a_full_disk_stops_the_store_cleanly_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    // No file may grow beyond a few hundred KiB: what a full disk does to a write, without filling one.
    let script = "trap '' 25; ulimit -f 800; exec \"$0\" --exact child_commits_until_the_disk_is_full --ignored --nocapture";
    let out = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("STORE_TEST_DIR", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said} {}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("stopped: storage failed"), "{said}");
    let told = said.lines().filter_map(|l| l.strip_prefix("committed ")?.parse::<u64>().ok()).max().unwrap();
    let store = open(dir.path()).unwrap();
    let head = store.head().unwrap();
    assert!(head.height >= told && head.height <= told + 1);
    Expected::at(head.height).check(&*snapshot(&store));
    grow(&store, head.height + 5);
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn child_commits_until_the_disk_is_full() {
    let Some(dir) = std::env::var_os("STORE_TEST_DIR") else { return };
    let store = open(Path::new(&dir)).unwrap();
    println!();
    loop {
        let made = next(&store);
        if let Err(fault) = store.commit(&made.commit()) {
            println!("stopped: {fault}");
            assert!(store.head().is_err() && store.commit(&made.commit()).is_err());
            return;
        }
        println!("committed {}", made.block.header.height);
    }
}

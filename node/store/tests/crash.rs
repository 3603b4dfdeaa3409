//! A process that is killed in the middle of whatever it does loses nothing that it had committed.
mod common;

use common::*;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const KILLS: u64 = 15;

#[test]
fn store_9_kill_9_at_any_moment_loses_no_committed_height() {
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
            parent = block.id();
        }
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
        let made = next(&store);
        assert!(store.put_undecided(made.block.header.height, 0, &made.block.id(), &[1; 5_000]).unwrap());
        store.commit(&made.commit()).unwrap();
        println!("committed {}", made.block.header.height);
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

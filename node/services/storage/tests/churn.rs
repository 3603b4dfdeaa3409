//! The folder of a store in which much comes and goes.
mod common;

use common::*;
use leither_storage::ContentStore;
use std::path::Path;

/// So much of the folder may be dead, with half of what is needed.
const SLACK: u64 = 16 << 20;
/// What comes and goes again in a round.
const GONE: usize = 2 << 20;
/// What comes and stays, in the same file of the database.
const STAYS: usize = 32 << 10;

fn on_disk(dir: &Path) -> u64 {
    // The database takes files away meanwhile.
    std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().metadata().map_or(0, |file| file.len())).sum()
}

/// One add that brings both, of which only the small one stays; what went is purged, or waits in the trash.
fn round(store: &ContentStore, n: u64, purges: bool) {
    let (stays, gone) = (noise(2 * n, STAYS), noise(2 * n + 1, GONE));
    let (small, large) = (raw(&stays), raw(&gone));
    let (top, block) = node(&[small, large]);
    let mut session = store.session();
    session.put(&small, stays).unwrap();
    session.put(&large, gone).unwrap();
    session.put(&top, block).unwrap();
    session.finish(&pin("passing"), kept(top), NOW).unwrap();
    store.keep(&pin(&format!("stays/{n}")), kept(small), NOW).unwrap();
    store.release(&pin("passing"), NOW).unwrap();
    if purges {
        assert_eq!(purge(store, NOW + DAY), 2);
    }
}

#[test]
fn storage_10_what_comes_and_goes_many_times_over_leaves_the_folder_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (mut compacted, mut most) = (0u64, 0u64);
    let mut stepwise = false;
    for n in 0..60 {
        round(&store, n, true);
        most = most.max(on_disk(dir.path()));
        if store.room().unwrap().is_loose(SLACK, false) {
            let done = store.compact(&mut |_| true).unwrap();
            compacted += 1;
            stepwise |= done.steps > 1;
            assert!(done.after < done.before, "{done:?}");
            assert!(!store.room().unwrap().is_loose(SLACK, false), "{done:?}, {:?}", store.room());
        }
    }
    // 120 MiB came. What may be dead, what is needed, and what one round brings before anybody looks.
    assert!(most < 32 << 20, "the folder grew to {most} bytes");
    assert!((2..30).contains(&compacted), "{compacted} times: each frees what many rounds left");
    assert!(stepwise, "where there are many files it is done in steps");
    assert_eq!(blocks(&store), 60, "all that stays is here");
    check(&store);
}

#[test]
fn storage_10_a_compaction_leaves_the_trash_and_ends_where_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..12 {
        round(&store, n, n < 11);
    }
    let trash = store.trash(None, 10).unwrap();
    assert_eq!(trash.len(), 1);
    let mut steps = 0;
    let done = store.compact(&mut |_| {
        steps += 1;
        false
    });
    assert_eq!((done.unwrap().steps, steps), (1, 1), "no other step begins");
    let before = store.room().unwrap();
    store.compact(&mut |_| true).unwrap();
    assert!(store.room().unwrap().taken < before.taken, "the next one does the rest");
    assert_eq!(store.trash(None, 10).unwrap(), trash);
    store.keep(&pin("again"), kept(trash[0].cid), NOW).unwrap();
    check(&store);
    assert_eq!(blocks(&store), 14, "what was in the trash is whole");
}

#[test]
fn storage_10_writers_go_on_while_the_folder_is_compacted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..12 {
        round(&store, n, true);
    }
    // Of each step it is heard on the thread that compacts: were writers shut out, this would never end.
    let mut n = 100;
    let done = store.compact(&mut |_| {
        let other = store.clone();
        std::thread::spawn(move || round(&other, n, true)).join().unwrap();
        n += 1;
        n < 103
    });
    assert!(done.unwrap().steps > 0);
    check(&store);
}

#[test]
fn storage_3_compacting_gives_the_disk_back_what_was_purged() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (name, seed) in [("kept", 0), ("gone", 100)] {
        // One after the other, so that they share files.
        let leaves: Vec<Vec<u8>> = (0..20).map(|n| noise(n + seed, 1 << 20)).collect();
        let refs: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
        add(&store, name, &refs);
    }
    store.release(&pin("gone"), NOW).unwrap();
    assert_eq!(purge(&store, NOW + DAY), 21);
    let done = store.compact(&mut |_| true).unwrap();
    let left = on_disk(dir.path());
    assert!(left < 30 << 20, "{left} bytes");
    assert!(done.steps > 0 && done.after < done.before, "{done:?}");
    check(&store);
}

//! What is left of old blocks, what readers are told about them, and what a crash in the middle of a prune leaves.
mod common;

use common::*;
use leither_store::{KEPT_MIN, OpenError, Store};
use leither_types::*;
use rocksdb::{DB, IteratorMode, Options};
use std::path::Path;

/// The test's chain up to `height`, with what it was made of.
fn grown(store: &Store, height: Height) -> Vec<Made> {
    let mut all = Vec::new();
    while store.head().unwrap().height < height {
        all.push(next(store));
        store.commit(&all.last().unwrap().commit()).unwrap();
    }
    all
}

/// Blocks from `lowest` on are whole, and nothing is said of those below.
fn check(store: &Store, all: &[Made], lowest: Height) {
    assert_eq!(store.lowest().unwrap(), lowest);
    for made in all {
        let (height, id) = (made.block.header.height, made.block.id());
        let is_there = height >= lowest;
        assert_eq!(store.block(height).unwrap(), is_there.then(|| made.block.clone()), "{height}");
        assert_eq!(store.header(height).unwrap(), is_there.then(|| made.block.header.clone()));
        assert_eq!(store.receipts(height).unwrap(), is_there.then(|| made.receipts.clone()));
        assert_eq!(store.height_of(&id).unwrap(), is_there.then_some(height));
        // The next block states it, so the last one below is known as well.
        assert_eq!(store.certificate(height).unwrap(), (height + 1 >= lowest).then(|| made.certificate.clone()));
        for (index, tx) in (0..).zip(&made.block.txs) {
            assert_eq!(store.tx(&tx.id()).unwrap(), is_there.then_some((height, index)));
        }
    }
    for n in [0, 1, 2, 1_000, 1_001, 1_002] {
        let mut places: Vec<(Height, u32)> = Vec::new();
        for made in all.iter().filter(|made| made.block.header.height >= lowest) {
            let height = made.block.header.height;
            let mine = |i: &u32| u64::from(*i) == n || (n >= 1_000 && u64::from(*i) % 3 == n - 1_000);
            places.extend((0..made.block.txs.len() as u32).filter(mine).map(|i| (height, i)));
        }
        places.sort_by_key(|place| std::cmp::Reverse(*place));
        assert_eq!(store.account_history(&account(n), None, 10_000).unwrap(), places, "account {n}");
    }
}

/// How many rows a column family really has, whatever the store lets through.
fn rows(dir: &Path, name: &str) -> usize {
    let names = DB::list_cf(&Options::default(), dir).unwrap();
    let db = DB::open_cf(&Options::default(), dir, names).unwrap();
    db.iterator_cf(db.cf_handle(name).unwrap(), IteratorMode::Start).count()
}

#[test]
fn store_18_and_store_19_what_is_pruned_is_gone_for_every_reader_and_the_rest_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let all = grown(&store, 260);
    check(&store, &all, 1);
    for (keep_from, from, to) in [(0, 1, 1), (41, 1, 41), (30, 41, 41), (121, 41, 121), (u64::MAX, 121, 161)] {
        let pruned = store.prune(keep_from).unwrap();
        assert_eq!((pruned.from, pruned.to), (from, to));
        check(&store, &all, to);
    }
    assert_eq!(store.head().unwrap().height - store.lowest().unwrap() + 1, KEPT_MIN);
    Expected::at(260).check(&*snapshot(&store));
    drop(store);
    let store = open(dir.path()).unwrap();
    check(&store, &all, 161);
    grow(&store, 263);
    assert_eq!(store.lowest().unwrap(), 161);
}

#[test]
fn store_23_rows_found_by_an_id_really_leave_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let all = grown(&store, 300);
    // Account 1 is touched by each second transaction of a block, accounts 1000 to 1002 sign.
    let history = |from: Height| -> usize {
        let of = |made: &&Made| made.block.header.height >= from;
        all.iter().filter(of).map(|made| 2 * made.block.txs.len()).sum()
    };
    let txs = |from: Height| -> usize {
        all.iter().filter(|made| made.block.header.height >= from).map(|made| made.block.txs.len()).sum()
    };
    drop(store);
    assert_eq!((rows(dir.path(), "history"), rows(dir.path(), "txs"), rows(dir.path(), "heights")), (history(1), txs(1), 300));
    let store = open(dir.path()).unwrap();
    store.prune(151).unwrap();
    assert!(!store.finish_prune().unwrap(), "nothing is left to do");
    drop(store);
    assert_eq!((rows(dir.path(), "history"), rows(dir.path(), "txs")), (history(151), txs(151)));
    for name in ["heights", "headers", "bodies", "receipts"] {
        assert_eq!(rows(dir.path(), name), 150, "{name}");
    }
}

#[test]
fn store_23_a_prune_that_was_cut_short_is_finished_after_the_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let all = grown(&store, 260);
    drop(store);
    // The first step of a prune and nothing more, as a crash right after it leaves the database.
    let names = DB::list_cf(&Options::default(), dir.path()).unwrap();
    let db = DB::open_cf(&Options::default(), dir.path(), names).unwrap();
    let mut batch = rocksdb::WriteBatch::default();
    for name in ["headers", "bodies", "receipts"] {
        batch.delete_range_cf(db.cf_handle(name).unwrap(), 0u64.to_be_bytes(), 101u64.to_be_bytes());
    }
    batch.put(b"base", 101u64.to_be_bytes());
    batch.put(b"freeing", []);
    db.write(batch).unwrap();
    drop(db);
    assert_eq!(rows(dir.path(), "heights"), 260);
    let store = open(dir.path()).unwrap();
    check(&store, &all, 101);
    assert!(store.finish_prune().unwrap());
    assert!(!store.finish_prune().unwrap());
    check(&store, &all, 101);
    drop(store);
    assert_eq!(rows(dir.path(), "heights"), 160);
}

#[test]
fn store_18_a_base_that_cannot_be_is_damage() {
    for base in [&[0; 8][..], &[1, 2], &102u64.to_be_bytes(), &[0xff; 8]] {
        let dir = tempfile::tempdir().unwrap();
        grow(&open(dir.path()).unwrap(), 100);
        let names = DB::list_cf(&Options::default(), dir.path()).unwrap();
        DB::open_cf(&Options::default(), dir.path(), names).unwrap().put(b"base", base).unwrap();
        assert!(matches!(open(dir.path()), Err(OpenError::Damaged { .. })), "{base:?}");
    }
}

#[test]
fn store_9_and_store_18_a_note_that_lags_behind_what_was_pruned_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("COMMITTED");
    let store = open(dir.path()).unwrap();
    grow(&store, 20);
    let note = std::fs::read(&mark).unwrap();
    grow(&store, 200);
    store.prune(90).unwrap();
    drop(store);
    std::fs::write(&mark, note).unwrap();
    assert_eq!(open(dir.path()).unwrap().head().unwrap().height, 200);
}

#[test]
fn store_19_readers_and_commits_beside_a_prune_see_whole_blocks_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    grow(&store, 150);
    let reader = {
        let store = store.clone();
        std::thread::spawn(move || {
            let mut dice = Dice(5);
            while store.lowest().unwrap() < 400 {
                let height = 1 + dice.roll(store.head().unwrap().height);
                assert!(store.block(height).unwrap().is_none_or(|block| block.header.height == height));
                store.certificate(height).unwrap();
            }
        })
    };
    let pruner = {
        let store = store.clone();
        std::thread::spawn(move || {
            while store.lowest().unwrap() < 400 {
                let head = store.head().unwrap().height;
                let pruned = store.prune(head).unwrap();
                assert!(pruned.to >= pruned.from && pruned.to <= store.head().unwrap().height - 99);
            }
        })
    };
    while !pruner.is_finished() {
        store.commit(&next(&store).commit()).unwrap();
    }
    pruner.join().unwrap();
    reader.join().unwrap();
}

#[test]
fn store_24_a_prune_that_the_end_of_the_node_cuts_short_is_finished_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let all = grown(&store, 260);
    store.end_long_work();
    let pruned = store.prune(150).unwrap();
    assert_eq!((pruned.from, pruned.to, pruned.bytes), (1, 150, 0));
    check(&store, &all, 150);
    assert!(!store.finish_prune().unwrap(), "the node ends");
    drop(store);
    let store = open(dir.path()).unwrap();
    assert!(store.finish_prune().unwrap() && !store.finish_prune().unwrap());
    check(&store, &all, 150);
}

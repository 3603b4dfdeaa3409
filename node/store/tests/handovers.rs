//! Blocks after which others vote are kept, by themselves, for ever.
mod common;

use common::*;
use leither_store::{Handover, Store};

fn commit_handovers(store: &Store, n: u64) -> Vec<Handover> {
    let mut all = Vec::new();
    for i in 0..n {
        let made = handing_over(store, &set(i), &set(i + 1));
        store.commit(&made.commit()).unwrap();
        all.push(Handover { header: made.block.header.clone(), certificate: made.certificate.clone(), set: set(i + 1) });
        let idle = handing_over(store, &set(i + 1), &set(i + 1));
        store.commit(&idle.commit()).unwrap();
    }
    all
}

#[test]
fn store_13_every_handover_is_found_in_pages_after_a_restart_and_after_pruning() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let all = commit_handovers(&store, 5);
    grow(&store, 300);
    let check = |store: &Store| {
        assert_eq!(store.handovers(0, 100).unwrap(), all);
        assert_eq!(store.handovers(1, 2).unwrap(), all[1..3], "of heights greater than 1");
        assert_eq!(store.handovers(4, 100).unwrap(), all[2..]);
        assert_eq!(store.handovers(9, 100).unwrap(), []);
        assert_eq!((store.handovers(0, 0).unwrap(), store.handovers(u64::MAX, 9).unwrap()), (vec![], vec![]));
    };
    check(&store);
    store.prune(200).unwrap();
    assert_eq!(store.header(all[0].header.height).unwrap(), None);
    check(&store);
    drop(store);
    check(&open(dir.path()).unwrap());
}

#[test]
fn store_13_a_set_that_the_header_does_not_name_is_refused_and_stops_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut made = handing_over(&store, &set(0), &set(1));
    made.next_set = set(2);
    assert!(is_corrupt(store.commit(&made.commit())));
    assert!(store.handovers(0, 1).is_err());
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!((store.head().unwrap().height, store.handovers(0, 9).unwrap()), (0, vec![]));
}

#[test]
fn store_13_a_database_from_before_handovers_opens_and_gets_them() {
    let dir = tempfile::tempdir().unwrap();
    grow(&open(dir.path()).unwrap(), 3);
    let names = rocksdb::DB::list_cf(&rocksdb::Options::default(), dir.path()).unwrap();
    let mut db = rocksdb::DB::open_cf(&rocksdb::Options::default(), dir.path(), names).unwrap();
    db.drop_cf("handovers").unwrap();
    drop(db);
    let store = open(dir.path()).unwrap();
    assert_eq!(store.handovers(0, 9).unwrap(), []);
    assert_eq!(commit_handovers(&store, 1), store.handovers(0, 9).unwrap());
}

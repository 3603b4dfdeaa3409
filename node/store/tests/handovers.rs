//! Blocks after which others vote are kept, by themselves, for ever.
mod common;

use common::*;
use leither_state::{Answer, PROOF_HANDOVERS_MAX, Question};
use leither_store::{Handover, Store, Unproven};
use leither_types::{Height, Trusted};

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

/// What is proven from the block of this height, which is trusted as this database has it.
fn proven(store: &Store, from: Option<Height>) -> Result<(usize, Answer), Unproven> {
    let question = Question::Holding { token: token(0), id: account(1) };
    let proof = store.prove_from(&question, from).unwrap()?;
    let trusted = from.map(|height| Trusted { height, block: proof.handovers[0].header.id() });
    let answer = proof.verify_from(&genesis().chain(), trusted.as_ref(), &question).unwrap();
    Ok((proof.handovers.len(), answer))
}

#[test]
fn store_7_a_proof_can_begin_at_a_block_that_is_kept_and_is_shorter_then() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    // Handovers at 1, 3, 5, 7, 9; the head is 10.
    commit_handovers(&store, 5);
    let (all, answer) = proven(&store, None).unwrap();
    assert_eq!(all, 5);
    for (from, blocks) in [(1, 5), (2, 5), (3, 4), (8, 2), (9, 1)] {
        assert_eq!(proven(&store, Some(from)), Ok((blocks, answer.clone())), "from {from}");
    }
    for from in [10, 11, u64::MAX] {
        assert_eq!(proven(&store, Some(from)), Err(Unproven::NoStart(from)));
    }
    // What is pruned is no start any more, but for changes of the set.
    for _ in 0..150 {
        store.commit(&handing_over(&store, &set(5), &set(5)).commit()).unwrap();
    }
    store.prune(20).unwrap();
    for (from, blocks) in [(9, Ok(1)), (10, Err(Unproven::NoStart(10))), (20, Ok(1)), (1, Ok(5))] {
        assert_eq!(proven(&store, Some(from)).map(|(blocks, _)| blocks), blocks, "from {from}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(proven(&open(empty.path()).unwrap(), None), Err(Unproven::NoBlock));
}

#[test]
fn store_7_more_changes_than_a_proof_holds_are_proven_from_the_height_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let many = PROOF_HANDOVERS_MAX as u64;
    for n in 0..many {
        store.commit(&handing_over(&store, &set(n), &set(n + 1)).commit()).unwrap();
    }
    store.commit(&handing_over(&store, &set(many), &set(many)).commit()).unwrap();
    assert_eq!(proven(&store, None).unwrap().0, PROOF_HANDOVERS_MAX);
    for n in many..many + 3 {
        store.commit(&handing_over(&store, &set(n), &set(n + 1)).commit()).unwrap();
    }
    // The head hands over itself; two of those changes lie below it.
    let Err(Unproven::TooMany { from }) = proven(&store, None) else { panic!("too many") };
    assert_eq!(proven(&store, Some(from)).unwrap().0, PROOF_HANDOVERS_MAX);
    assert_eq!(proven(&store, Some(from - 1)), Err(Unproven::TooMany { from }));
}

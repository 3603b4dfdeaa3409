//! What is committed is what is read; what does not follow the head stops the store.
mod common;

use common::*;
use leither_state::{Answer, Fault, Holding, Question, WriteSet};
use leither_store::Commit;
use leither_types::*;
use parity_scale_codec::Encode;

#[test]
fn store_2_and_store_4_a_block_is_found_by_height_and_id_with_all_that_belongs_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut all = Vec::new();
    for _ in 0..12 {
        all.push(next(&store));
        store.commit(&all.last().unwrap().commit()).unwrap();
    }
    for again in [false, true] {
        let store = if again { open_again(&dir, store.clone()) } else { store.clone() };
        for made in &all {
            let (height, id) = (made.block.header.height, made.block.id());
            assert_eq!(store.block(height).unwrap().as_ref(), Some(&made.block));
            assert_eq!(store.block_bytes(height).unwrap(), Some(made.block.encode()));
            assert_eq!(store.header(height).unwrap().as_ref(), Some(&made.block.header));
            assert_eq!(store.height_of(&id).unwrap(), Some(height));
            assert_eq!(store.receipts(height).unwrap().as_ref(), Some(&made.receipts));
            assert_eq!(store.certificate(height).unwrap().as_ref(), Some(&made.certificate));
            for (index, tx) in (0..).zip(&made.block.txs) {
                assert_eq!(store.tx(&tx.id()).unwrap(), Some((height, index)));
            }
        }
        assert_eq!(store.certificate(0).unwrap(), Some(Certificate::genesis()));
        assert_eq!((store.block(13).unwrap(), store.certificate(13).unwrap()), (None, None));
        assert_eq!((store.header(u64::MAX).unwrap(), store.certificate(u64::MAX).unwrap()), (None, None));
        let head = store.head().unwrap();
        assert_eq!((head.height, head.id, head.time), (12, all[11].block.id(), 1_012));
        assert_eq!(head.certificate, all[11].certificate);
        if again {
            return;
        }
    }
}

fn open_again(dir: &tempfile::TempDir, store: leither_store::Store) -> leither_store::Store {
    // The caller's handles keep the lock: look at a copy of the files, which is what a crash would leave.
    let copy = dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap).filter(|e| e.file_type().unwrap().is_file()) {
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    drop(store);
    open(&copy).unwrap()
}

#[test]
fn store_11_an_accounts_history_is_newest_first_and_paged() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    grow(&store, 14);
    let mut expected: Vec<(u64, u32)> = Vec::new();
    for height in 1..=14u64 {
        // Transaction i is signed by account 1000 + i % 3 and touches account i.
        expected.extend((0..height % 5).filter(|i| i % 3 == 0).map(|i| (height, i as u32)));
    }
    expected.sort_by_key(|place| std::cmp::Reverse(*place));
    let signer = account(1_000);
    assert_eq!(store.account_history(&signer, None, 1_000).unwrap(), expected);
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = store.account_history(&signer, before, 3).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(*last);
        paged.extend(page);
    }
    assert_eq!(paged, expected);
    assert_eq!(store.account_history(&account(3), None, 9).unwrap(), [(14, 3), (9, 3), (4, 3)]);
    assert_eq!(store.account_history(&account(77), None, 9).unwrap(), []);
    assert_eq!(store.account_history(&signer, Some((1, 0)), 9).unwrap(), []);
}

#[test]
fn the_state_after_every_height_is_what_its_writes_make_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut expected = Expected::default();
    expected.take(&writes(0));
    expected.check(&*snapshot(&store));
    for height in 1..=60 {
        let made = next(&store);
        // Readers see the parent while the block is tried.
        expected.check(&*snapshot(&store));
        // holders() took the trial back, so that this commit applies it again; the next one does not.
        if height % 2 == 0 {
            snapshot(&store).root_after(&made.writes).unwrap();
        }
        store.commit(&made.commit()).unwrap();
        expected.take(&writes(height));
        assert_eq!(store.head().unwrap().state_root, expected.root());
        expected.check(&*snapshot(&store));
    }
}

#[test]
fn store_3_and_store_8_whatever_does_not_follow_the_head_is_refused_and_stops_the_store() {
    type Spoil = fn(&mut Made);
    let spoils: [(&str, Spoil); 9] = [
        ("the same height", |m| m.block.header.height -= 1),
        ("a height left out", |m| m.block.header.height += 1),
        ("another parent", |m| m.block.header.parent = Hash([1; 32])),
        ("another chain", |m| m.block.header.chain = Hash([1; 32])),
        ("another root", |m| m.block.header.state_root = Hash([1; 32])),
        ("other writes", |m| drop(m.writes.records.insert(b"rkx".to_vec(), Some(vec![1])))),
        ("a receipt too few", |m| drop(m.receipts.pop())),
        ("another block's certificate", |m| m.certificate.block = Hash::ZERO),
        ("another height's certificate", |m| m.certificate.height += 1),
    ];
    for (what, spoil) in spoils {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        grow(&store, 3);
        let before = snapshot(&store);
        let good = next(&store);
        let mut bad = good.clone();
        spoil(&mut bad);
        if !what.ends_with("certificate") {
            bad.certify();
        }
        assert!(is_corrupt(store.commit(&bad.commit())), "{what}");
        assert!(is_corrupt(store.commit(&good.commit())), "after {what} the store must refuse everything");
        assert!(store.head().is_err() && store.snapshot().is_err() && store.block(1).is_err());
        assert!(before.holding(&token(0), &account(0)).is_err() && before.record(b"rk").is_err());
        drop((store, before));
        let store = open(dir.path()).unwrap();
        assert_eq!(store.head().unwrap().height, 3);
        store.commit(&good.commit()).unwrap();
        Expected::at(4).check(&*snapshot(&store));
    }
}

#[test]
fn store_6_a_snapshot_of_another_height_answers_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    grow(&store, 1);
    let old = snapshot(&store);
    assert!(old.record(b"rk").is_ok());
    grow(&store, 2);
    assert_eq!(old.holding(&token(0), &account(0)), Err(Fault::Stale));
    assert_eq!(old.record(b"rk"), Err(Fault::Stale));
    assert_eq!(old.records(b"rk", None, 1), Err(Fault::Stale));
    assert_eq!(old.holders(&token(0), None, 1), Err(Fault::Stale));
    assert_eq!(old.supply(&token(0)), Err(Fault::Stale));
    assert_eq!(old.root_after(&WriteSet::default()), Err(Fault::Stale));
    assert!(snapshot(&store).record(b"rk").is_ok());
}

#[test]
fn store_5_tried_writes_are_seen_by_nobody_and_roots_do_not_depend_on_what_was_tried_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    grow(&store, 5);
    let expected = Expected::at(5);
    let state = snapshot(&store);
    let root = |seed: u64| {
        let mut after = Expected::at(5);
        after.take(&writes(seed));
        after.root()
    };
    for seed in [100, 101, 100, 100, 102] {
        assert_eq!(state.root_after(&writes(seed)).unwrap(), root(seed));
        for n in 0..200 {
            for t in 0..3 {
                let key = (token(t), account(n));
                assert_eq!(state.holding(&key.0, &key.1).unwrap(), expected.holdings.get(&key).copied());
            }
        }
        assert_eq!(state.supply(&token(1)).unwrap(), open_supply(&expected, 1));
    }
    assert_eq!(state.root_after(&WriteSet::default()).unwrap(), store.head().unwrap().state_root);
    expected.check(&*state);
    // After 102 was tried, the block with the writes of 6 is committed nevertheless.
    grow(&store, 6);
    Expected::at(6).check(&*snapshot(&store));
}

fn open_supply(expected: &Expected, n: u64) -> Amount {
    Amount::new(expected.holdings.iter().filter(|((t, _), _)| *t == token(n)).map(|(_, h)| h.free.0).sum())
}

#[test]
fn a_vacant_holding_removes_the_leaf_on_disk_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut vacant = WriteSet::default();
    vacant.holdings.extend(Expected::at(0).holdings.into_keys().map(|key| (key, Some(Holding::default()))));
    store.commit(&with(&store, vacant).commit()).unwrap();
    assert_eq!(snapshot(&store).holders(&token(0), None, 9).unwrap(), []);
    drop(store);
    assert_eq!(snapshot(&open(dir.path()).unwrap()).supply(&token(0)).unwrap(), Amount::ZERO);
}

#[test]
fn store_7_proofs_reach_from_leaf_to_genesis_also_while_a_block_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let first = Question::Holding { token: token(0), id: account(0) };
    assert!(store.prove(&first).unwrap().is_none(), "nobody signed the genesis state");
    grow(&store, 7);
    let chain = genesis().chain();
    let expected = Expected::at(7);
    for tried in [false, true] {
        for n in 0..40 {
            if tried {
                snapshot(&store).root_after(&writes(8)).unwrap();
            }
            let (token, id) = (token(n % 3), account(n));
            let question = Question::Holding { token, id };
            let proof = store.prove(&question).unwrap().unwrap();
            assert_eq!(proof.header.height, 7);
            let holding = expected.holdings.get(&(token, id)).copied();
            assert_eq!(proof.verify(&chain, &question).unwrap(), Answer::Holding(holding));
            let key = [b"rk".as_slice(), &n.to_be_bytes()].concat();
            let value = expected.records.get(&key).cloned();
            let question = Question::Record(Blob::new(key).unwrap());
            let proof = store.prove(&question).unwrap().unwrap();
            assert_eq!(proof.verify(&chain, &question).unwrap(), Answer::Record(value));
        }
    }
}

#[test]
fn records_are_listed_by_prefix_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut some = WriteSet::default();
    for key in ["a", "ab", "ab1", "ab2", "ab3", "ac", "b"] {
        some.records.insert(key.into(), Some(key.as_bytes().to_vec()));
    }
    some.records.insert(vec![0xff, 0xff], Some(vec![1]));
    store.commit(&with(&store, some).commit()).unwrap();
    let state = snapshot(&store);
    let keys = |prefix: &[u8], after: Option<&[u8]>, limit| -> Vec<String> {
        let page = state.records(prefix, after, limit).unwrap();
        page.into_iter().map(|(key, _)| String::from_utf8_lossy(&key).into_owned()).collect()
    };
    assert_eq!(keys(b"ab", None, 9), ["ab", "ab1", "ab2", "ab3"]);
    assert_eq!(keys(b"ab", Some(b"ab1"), 1), ["ab2"]);
    assert_eq!(keys(b"ab", Some(b"a"), 9), ["ab", "ab1", "ab2", "ab3"]);
    assert_eq!(keys(b"ab", Some(b"ab3"), 9), [""; 0]);
    assert_eq!(keys(b"ab", None, 0), [""; 0]);
    assert_eq!(state.records(&[0xff], None, 9).unwrap().len(), 1);
    assert_eq!(state.records(&[], Some(b"b"), 2).unwrap()[0].0[..2], *b"rk");
}

#[test]
fn readers_beside_a_writer_see_one_height_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let reader = {
        let store = store.clone();
        std::thread::spawn(move || {
            let mut seen = 0;
            while seen < 200 {
                let head = store.head().unwrap();
                let state = snapshot(&store);
                let (Ok(holders), Ok(records)) = (state.holders(&token(0), None, 1_000), state.records(b"rk", None, 1_000))
                else {
                    continue;
                };
                let Ok(supply) = state.supply(&token(0)) else { continue };
                if store.head().unwrap().height != head.height {
                    continue;
                }
                let expected = Expected::at(head.height);
                assert_eq!(supply.0, holders.iter().map(|(_, h)| h.free.0).sum::<u128>());
                assert_eq!(records, expected.records.into_iter().collect::<Vec<_>>());
                let question = Question::Holding { token: token(0), id: account(seen) };
                let proof = store.prove(&question).unwrap();
                assert!(proof.is_none_or(|proof| proof.verify(&genesis().chain(), &question).is_ok()));
                seen += 1;
            }
        })
    };
    while !reader.is_finished() && store.head().unwrap().height < 3_000 {
        let made = next(&store);
        let Commit { block, .. } = made.commit();
        store.commit(&made.commit()).unwrap();
        assert_eq!(store.header(block.header.height).unwrap().unwrap(), block.header);
    }
    reader.join().unwrap();
}

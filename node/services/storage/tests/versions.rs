//! Backup, restore, fork, conflict.
mod common;

use common::*;
use leither_storage::content::Profile;
use leither_storage::{StorageError, Verdict, judge};
use leither_types::MimeiId;

#[test]
fn version_1_a_version_never_changes_and_keeps_its_tree() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.write_at("a", 0, b"one").unwrap();
    let first = edit.commit(NOW).unwrap();
    store.backup(&ME, 0, &first.cid, first.profile).unwrap();
    store.backup(&ME, 0, &first.cid, first.profile).unwrap();
    edit.write_at("a", 0, b"two").unwrap();
    let second = edit.commit(NOW).unwrap();
    let error = store.backup(&ME, 0, &second.cid, second.profile).unwrap_err();
    assert!(matches!(error, StorageError::VersionTaken { number: 0, .. }), "{error}");
    store.backup(&ME, 1, &second.cid, second.profile).unwrap();
    drop(edit);
    purge(&store, NOW + 2 * DAY);
    for (number, wanted) in [(0, b"one"), (1, b"two")] {
        let version = store.version(&ME, number).unwrap().unwrap();
        let mut out = [0; 3];
        assert_eq!(store.view(&version.cid, version.profile).read("a", 0, &mut out).unwrap(), 3);
        assert_eq!(&out, wanted);
    }
    let numbers = |after| store.versions(&ME, after, 10).unwrap().iter().map(|(n, _)| *n).collect::<Vec<_>>();
    assert_eq!((numbers(None), numbers(Some(0)), numbers(Some(1))), (vec![0, 1], vec![1], vec![]));
    assert!(store.versions(&MimeiId([6; 20]), None, 10).unwrap().is_empty());
    assert_eq!(store.newest(&ME).unwrap().map(|(number, kept)| (number, kept.cid)), Some((1, second.cid)));
    for other in [MimeiId([0; 20]), MimeiId([6; 20]), MimeiId([255; 20])] {
        assert_eq!(store.newest(&other).unwrap(), None);
    }
    check(&store);
    // A tree that is not here is no version.
    assert!(matches!(store.backup(&ME, 2, &raw(b"none"), Profile::default()), Err(StorageError::NoBlock(_))));
}

#[test]
fn version_2_restore_moves_cur_and_fork_shares_every_block() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.write_at("a", 0, &noise(1, 3 << 20)).unwrap();
    let first = edit.commit(NOW).unwrap();
    store.backup(&ME, 0, &first.cid, first.profile).unwrap();
    edit.write_at("a", 5, b"other").unwrap();
    let second = edit.commit(NOW).unwrap();
    drop(edit);
    assert!(matches!(store.restore(&ME, 0, Some(first.generation), NOW), Err(StorageError::CurMoved { found: 2, .. })));
    let back = store.restore(&ME, 0, Some(second.generation), NOW).unwrap();
    assert_eq!((back.cid, back.generation), (first.cid, 3));
    // What was there before can be taken back.
    assert_eq!(store.trash(None, 10).unwrap()[0].cid, second.cid);
    assert!(matches!(store.restore(&ME, 9, Some(3), NOW), Err(StorageError::NoVersion { number: 9, .. })));

    let before = blocks(&store);
    let other = MimeiId([8; 20]);
    let fork = store.fork(&ME, 0, &other).unwrap();
    assert_eq!((fork.cid, fork.generation), (first.cid, 0));
    assert_eq!(store.fork(&ME, 0, &other).unwrap(), fork, "tried again after an interruption");
    assert_eq!(blocks(&store), before);
    assert_eq!(store.version(&other, 0).unwrap().unwrap().cid, first.cid);
    let mut edit = store.edit(&other).unwrap();
    edit.append("a", b"!").unwrap();
    edit.commit(NOW).unwrap();
    drop(edit);
    assert_eq!(store.cur(&ME).unwrap().unwrap().cid, first.cid, "the fork's changes are its own");
    assert!(matches!(store.fork(&ME, 0, &other), Err(StorageError::HasCur(_))));
    check(&store);
}

#[test]
fn version_3_both_sides_of_a_conflict_are_named_and_kept() {
    let (a, b, c) = (raw(b"a"), raw(b"b"), raw(b"c"));
    assert_eq!(judge(Some(&a), &b, &b), Verdict::Same);
    assert_eq!(judge(None, &b, &b), Verdict::Same);
    assert_eq!(judge(Some(&a), &b, &a), Verdict::Ahead);
    assert_eq!(judge(Some(&a), &a, &b), Verdict::Behind);
    assert_eq!(judge(Some(&a), &b, &c), Verdict::Conflict);
    assert_eq!(judge(None, &b, &c), Verdict::Conflict);
}

//! The engine's scratch paper.
mod common;

use common::*;
use leither_store::{UNDECIDED_AHEAD_MAX, UNDECIDED_PER_HEIGHT_MAX, Undecided};
use leither_types::{BLOCK_BYTES_MAX, Hash};

fn id(n: u8) -> Hash {
    Hash([n; 32])
}

#[test]
fn store_10_proposals_outlive_a_restart_and_end_with_their_height() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    assert!(store.put_undecided(1, 0, &id(1), b"one").unwrap());
    assert!(store.put_undecided(1, 0, &id(2), b"two").unwrap());
    assert!(store.put_undecided(1, 4, &id(1), b"one").unwrap());
    assert!(store.put_undecided(2, 0, &id(3), b"three").unwrap());
    drop(store);
    let store = open(dir.path()).unwrap();
    let one = Undecided { id: id(1), bytes: b"one".to_vec() };
    let two = Undecided { id: id(2), bytes: b"two".to_vec() };
    assert_eq!(store.undecided(1, 0).unwrap(), [one.clone(), two]);
    assert_eq!(store.undecided(1, 4).unwrap(), std::slice::from_ref(&one));
    assert_eq!(store.undecided(1, 1).unwrap(), []);
    assert_eq!(store.undecided_by_id(1, &id(1)).unwrap(), Some(one));
    assert_eq!(store.undecided_by_id(2, &id(1)).unwrap(), None);
    grow(&store, 1);
    assert_eq!(store.undecided_by_id(1, &id(1)).unwrap(), None);
    assert_eq!(store.undecided(2, 0).unwrap().len(), 1);
    store.clear_undecided(2).unwrap();
    assert_eq!(store.undecided(2, 0).unwrap(), []);
    drop(store);
    assert_eq!(open(dir.path()).unwrap().undecided_by_id(2, &id(3)).unwrap(), None);
}

#[test]
fn store_10_the_paper_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    grow(&store, 3);
    assert!(!store.put_undecided(3, 0, &id(1), b"").unwrap(), "the height is over");
    assert!(!store.put_undecided(3 + UNDECIDED_AHEAD_MAX + 1, 0, &id(1), b"").unwrap());
    assert!(store.put_undecided(3 + UNDECIDED_AHEAD_MAX, 0, &id(1), b"").unwrap());
    assert!(!store.put_undecided(4, 0, &id(1), &vec![0; BLOCK_BYTES_MAX + 65 * 1024]).unwrap());
    for n in 0..UNDECIDED_PER_HEIGHT_MAX {
        assert!(store.put_undecided(4, n as u32, &id(n as u8), b"x").unwrap());
    }
    assert!(store.put_undecided(4, 0, &id(200), b"x").unwrap());
    assert_eq!(store.undecided_by_id(4, &id(0)).unwrap(), None, "what was not seen for the most rounds makes room");
    assert!(store.put_undecided(4, 99, &id(1), b"x").unwrap(), "a proposal made again takes no more room");
    assert_eq!(store.undecided(4, 99).unwrap().len(), 1);
    assert!(store.undecided_by_id(4, &id(200)).unwrap().is_some());
    let two_mib = vec![0; BLOCK_BYTES_MAX];
    let height = |n: u8| 5 + u64::from(n / 40);
    assert!((0..70u8).all(|n| store.put_undecided(height(n), 0, &id(n), &two_mib).unwrap()));
    let kept = (0..70u8).filter(|n| store.undecided_by_id(height(*n), &id(*n)).unwrap().is_some()).count();
    assert_eq!(kept, 63, "128 MiB in all, of which a little is taken");
    assert!(!store.put_undecided(9, 0, &id(1), &two_mib).unwrap(), "one height pushes out nothing of another");
}

#[test]
fn store_10_a_block_of_the_history_has_a_place_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for n in 0..UNDECIDED_PER_HEIGHT_MAX {
        assert!(store.put_undecided(1, n as u32, &id(n as u8), b"x").unwrap());
    }
    for n in 100..200u8 {
        assert!(store.put_synced(1, &id(n), b"from the history").unwrap());
    }
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!(store.undecided_by_id(1, &id(199)).unwrap().map(|kept| kept.bytes), Some(b"from the history".to_vec()));
    assert_eq!(store.undecided_by_id(1, &id(198)).unwrap(), None, "the next one took its place");
    let others = (0..UNDECIDED_PER_HEIGHT_MAX).filter(|n| store.undecided_by_id(1, &id(*n as u8)).unwrap().is_some()).count();
    assert_eq!(others, UNDECIDED_PER_HEIGHT_MAX - 1, "only the first one made room");
    assert!(store.put_undecided(1, 70, &id(199), b"from the history").unwrap(), "the same block may be proposed, too");
    assert!(store.put_synced(1, &id(200), b"another").unwrap());
    assert!(store.undecided_by_id(1, &id(199)).unwrap().is_some(), "what is proposed stays");
}

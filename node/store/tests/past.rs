//! STORE-25: the states of the newest blocks are read as they were, while blocks come, as far as there is room for what was replaced.
mod common;

use common::*;
use leither_state::{Fault, Read};
use leither_types::*;
use std::sync::Arc;

const ROOM: usize = 64 << 20;

fn keeping(room: usize) -> (tempfile::TempDir, leither_store::Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.keep_past(room).unwrap();
    (dir, store)
}

fn at(store: &leither_store::Store, height: Height) -> Arc<dyn Read> {
    store.state_at(height).unwrap().unwrap_or_else(|oldest| panic!("{height} is below {oldest}"))
}

#[test]
fn store_25_every_former_state_is_what_it_was() {
    let (_dir, store) = keeping(ROOM);
    grow(&store, 12);
    let former: Vec<_> = (0..=12).map(|height| (height, at(&store, height))).collect();
    former.iter().for_each(|(height, state)| Expected::at(*height).check(&**state));
    // They stay so while blocks come, and while a proposal is on trial.
    grow(&store, 20);
    let _ = next(&store);
    former.iter().for_each(|(height, state)| Expected::at(*height).check(&**state));
    assert_eq!(store.state_at(21).unwrap().err(), Some(0), "that is not final yet");
    assert_eq!(at(&store, 3).root_after(&writes(4)), Err(Fault::Stale));
}

#[test]
fn store_25_lists_of_a_former_state_are_in_order_whole_and_of_no_more_than_was_asked_for() {
    let (_dir, store) = keeping(ROOM);
    grow(&store, 30);
    let mut dice = Dice(7);
    for height in [0, 4, 17, 29, 30] {
        let (state, expected) = (at(&store, height), Expected::at(height));
        let key = |n: u64| [b"rk".as_slice(), &n.to_be_bytes()].concat();
        for _ in 0..40 {
            let (from, to, limit) = (key(dice.roll(60)), key(dice.roll(70)), dice.roll(20) as usize);
            let within = expected.records.iter().filter(|(key, _)| **key >= from && **key < to);
            let all: Vec<_> = within.map(|(key, value)| (key.clone(), value.clone())).collect();
            let first: Vec<_> = all.iter().take(limit).cloned().collect();
            let last: Vec<_> = all.iter().rev().take(limit).cloned().collect();
            assert_eq!(state.range(&from, &to, limit, false).unwrap(), first);
            assert_eq!(state.range(&from, &to, limit, true).unwrap(), last);
            let after: Vec<_> = expected.records.iter().filter(|(key, _)| **key > from).take(limit).collect();
            let after: Vec<_> = after.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            assert_eq!(state.records(b"rk", Some(&from), limit).unwrap(), after);
            let who = account(dice.roll(200));
            let holders = expected.holdings.iter().filter(|((of, id), _)| *of == token(1) && *id > who).take(limit);
            let holders: Vec<_> = holders.map(|((_, id), holding)| (*id, *holding)).collect();
            assert_eq!(state.holders(&token(1), Some(&who), limit).unwrap(), holders);
        }
    }
}

#[test]
fn store_25_what_has_no_room_is_let_go_and_the_oldest_that_is_left_is_named() {
    // A block replaces some tens of KiB.
    let (_dir, store) = keeping(100 << 10);
    grow(&store, 5);
    let early = at(&store, 5);
    grow(&store, 40);
    let oldest = store.state_at(0).unwrap().err().unwrap();
    assert!((30..40).contains(&oldest), "{oldest}");
    assert_eq!(store.state_at(oldest - 1).unwrap().err(), Some(oldest));
    Expected::at(oldest).check(&*at(&store, oldest));
    assert_eq!(early.record(b"rk"), Err(Fault::Stale));
    store.keep_past(0).unwrap();
    assert_eq!(store.state_at(39).unwrap().err(), Some(40));
    grow(&store, 42);
    Expected::at(42).check(&*at(&store, 42));
    assert_eq!(store.state_at(41).unwrap().err(), Some(42), "none is kept where nobody asked for it");
}

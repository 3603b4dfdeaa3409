//! The ledger of many tokens and of records (LEDGER-7 to LEDGER-11), against maps and the naive model.

mod common;

use common::{Model, root_of};
use leither_state::{
    Holding, Key, Ledger, LedgerError, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX, WriteSet, record_commitment, record_key_hash,
};
use leither_types::{AccountId, Amount, Hash, PublicKey, SUPPLY_MAX, TokenId, tagged};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;

type Holdings = BTreeMap<(TokenId, AccountId), Holding>;
type Records = BTreeMap<Vec<u8>, Vec<u8>>;

fn padded(id: &[u8; 20]) -> Key {
    let mut key = [0; 32];
    key[..20].copy_from_slice(id);
    key
}

fn holding(free: u128, locked: u128) -> Holding {
    Holding { free: Amount(free), locked: Amount(locked), nonce: 3, key: PublicKey([free as u8; 32]) }
}

/// The state root from the spec's words.
fn model_state(holdings: &Holdings, records: &Records) -> Hash {
    let mut trees: BTreeMap<TokenId, Model> = BTreeMap::new();
    for ((token, id), holding) in holdings {
        let leaf = (holding.commitment(id), holding.free.0 + holding.locked.0);
        trees.entry(*token).or_default().insert(padded(&id.0), leaf);
    }
    let token = |(token, tree): (&TokenId, &Model)| {
        let (root, supply) = root_of(tree);
        (padded(&token.0), (tagged("leither/balances/v1", &[&root.0, &supply.to_le_bytes()]), 0))
    };
    let tokens = trees.iter().map(token).collect();
    let record = |(key, value): (&Vec<u8>, &Vec<u8>)| (record_key_hash(key).0, (record_commitment(value), 0));
    let records = records.iter().map(record).collect();
    tagged("leither/state/v1", &[&root_of(&tokens).0.0, &root_of(&records).0.0])
}

fn write_set() -> impl Strategy<Value = WriteSet> {
    let id =
        prop_oneof![(0u8..6).prop_map(|b| [b; 20]), (0u8..4).prop_map(|b| std::array::from_fn(|i| if i == 19 { b } else { 0 }))];
    let place = (0u8..3, id).prop_map(|(token, id)| (TokenId([token; 20]), AccountId(id)));
    // A vacant holding among them: it says the same as nothing.
    let held = prop_oneof![
        3 => (0u128..1 << 80, 0u128..9).prop_map(|(free, locked)| Some(holding(free, locked))),
        2 => Just(None),
        1 => Just(Some(Holding::default())),
    ];
    let record = prop_oneof![2 => vec(any::<u8>(), 0..40).prop_map(Some), 1 => Just(None)];
    (btree_map(place, held, 0..20), btree_map(vec(0u8..3, 0..3), record, 0..10))
        .prop_map(|(holdings, records)| WriteSet { holdings, records })
}

fn apply_to_maps(holdings: &mut Holdings, records: &mut Records, writes: &WriteSet) {
    for (key, holding) in &writes.holdings {
        match holding.filter(|holding| !holding.is_vacant()) {
            Some(holding) => drop(holdings.insert(*key, holding)),
            None => drop(holdings.remove(key)),
        }
    }
    for (key, value) in &writes.records {
        match value {
            Some(value) => drop(records.insert(key.clone(), value.clone())),
            None => drop(records.remove(key)),
        }
    }
}

fn assert_same(ledger: &Ledger, holdings: &Holdings, records: &Records) {
    assert_eq!(ledger.root(), model_state(holdings, records));
    for token in (0..4).map(|b| TokenId([b; 20])) {
        let held: Vec<_> = holdings.iter().filter(|((t, _), _)| *t == token).map(|((_, id), holding)| (*id, *holding)).collect();
        assert_eq!(ledger.holders(&token, None, usize::MAX), held);
        assert_eq!(ledger.supply(&token).0, held.iter().map(|(_, h)| h.free.0 + h.locked.0).sum::<u128>());
        for (i, (id, holding)) in held.iter().enumerate() {
            assert_eq!(ledger.holding(&token, id), Some(*holding));
            assert_eq!(ledger.holders(&token, Some(id), 2), held[i + 1..].iter().take(2).copied().collect::<Vec<_>>());
        }
        for id in (0..8).map(|b| AccountId([b; 20])) {
            let expected = holdings.get(&(token, id)).copied();
            assert_eq!(ledger.prove_holding(&token, &id).verify(&ledger.root(), &token, &id), Ok(expected));
        }
    }
    for key in records.keys().cloned().chain([vec![], vec![9], vec![1, 1]]) {
        let value = records.get(&key).cloned();
        assert_eq!(ledger.prove_record(&key, value.clone()).verify(&ledger.root(), &key), Ok(value));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_ledger_is_its_maps_after_every_block_and_back_again(blocks in vec(write_set(), 1..6)) {
        let (mut ledger, mut holdings, mut records) = (Ledger::new(), Holdings::new(), Records::new());
        let mut past = Vec::new();
        for writes in &blocks {
            let undo = ledger.apply(writes).expect("sums are small");
            past.push((holdings.clone(), records.clone(), undo));
            apply_to_maps(&mut holdings, &mut records, writes);
            assert_same(&ledger, &holdings, &records);
        }
        for (holdings, records, undo) in past.into_iter().rev() {
            ledger.undo(undo).expect("in reverse order");
            assert_same(&ledger, &holdings, &records);
        }
        prop_assert_eq!(ledger.root(), Ledger::new().root());
    }

    #[test]
    fn a_loaded_ledger_is_the_one_that_was_stored(blocks in vec(write_set(), 1..4)) {
        let (mut ledger, mut holdings, mut records) = (Ledger::new(), Holdings::new(), Records::new());
        for writes in &blocks {
            ledger.apply(writes).expect("sums are small");
            apply_to_maps(&mut holdings, &mut records, writes);
        }
        let leaves = holdings.iter().rev().map(|((token, id), holding)| (*token, *id, *holding));
        let loaded = Ledger::load(leaves, records.iter().map(|(key, value)| (record_key_hash(key), record_commitment(value))));
        assert_same(&loaded.expect("loads"), &holdings, &records);
    }
}

fn set(holdings: &[(u8, u8, Holding)]) -> WriteSet {
    let row = |(token, id, holding): &(u8, u8, Holding)| ((TokenId([*token; 20]), AccountId([*id; 20])), Some(*holding));
    WriteSet { holdings: holdings.iter().map(row).collect(), records: BTreeMap::new() }
}

#[test]
fn one_token_beyond_its_limit_leaves_all_tokens_and_records_as_they_were() {
    let mut ledger = Ledger::new();
    ledger.apply(&set(&[(1, 1, holding(5, 5)), (2, 1, holding(SUPPLY_MAX.0 - 1, 0))])).expect("applies");
    let before = ledger.root();
    let mut writes = set(&[(1, 2, holding(7, 0)), (2, 2, holding(1, 1))]);
    writes.records.insert(b"key".to_vec(), Some(b"value".to_vec()));
    assert_eq!(ledger.apply(&writes).err(), Some(LedgerError::Supply(TokenId([2; 20]))));
    let beyond = set(&[(3, 1, holding(u128::MAX, 1))]);
    assert_eq!(ledger.apply(&beyond).err(), Some(LedgerError::Supply(TokenId([3; 20]))));
    assert_eq!(ledger.root(), before);
    assert_eq!(ledger.holding(&TokenId([1; 20]), &AccountId([2; 20])), None);
}

#[test]
fn a_token_that_nobody_holds_leaves_no_trace() {
    let mut ledger = Ledger::new();
    let empty = ledger.root();
    ledger.apply(&set(&[(1, 1, holding(5, 5))])).expect("applies");
    ledger.apply(&set(&[(1, 1, Holding::default())])).expect("applies");
    assert_eq!(ledger.root(), empty);
    assert_eq!(ledger.supply(&TokenId([1; 20])), Amount::ZERO);
}

#[test]
fn a_record_beyond_its_bounds_is_refused() {
    let mut ledger = Ledger::new();
    for (key, value) in [(RECORD_KEY_BYTES_MAX + 1, 0), (1, RECORD_BYTES_MAX + 1)] {
        let mut writes = set(&[(1, 1, holding(5, 5))]);
        writes.records.insert(vec![0; key], Some(vec![0; value]));
        assert_eq!(ledger.apply(&writes).err(), Some(LedgerError::RecordTooLong { key, value }));
        assert_eq!(ledger.root(), Ledger::new().root());
    }
}

#[test]
fn damaged_leaves_are_not_loaded() {
    let leaf = |id: u8, holding| (TokenId::NATIVE, AccountId([id; 20]), holding);
    let load = |leaves: &[_]| Ledger::load(leaves.to_vec(), []).err();
    assert_eq!(load(&[leaf(1, holding(1, 0)), leaf(1, holding(2, 0))]), Some(LedgerError::Twice));
    assert_eq!(load(&[leaf(1, Holding::default())]), Some(LedgerError::Vacant(TokenId::NATIVE, AccountId([1; 20]))));
    assert_eq!(load(&[leaf(1, holding(u128::MAX, 1))]), Some(LedgerError::Supply(TokenId::NATIVE)));
    let twice = (record_key_hash(b"key"), record_commitment(b"value"));
    assert_eq!(Ledger::load([], [twice, twice]).err(), Some(LedgerError::Twice));
}

#[test]
fn changes_are_taken_back_in_reverse_order_only() {
    let mut ledger = Ledger::new();
    let first = ledger.apply(&set(&[(1, 1, holding(5, 5))])).expect("applies");
    let second = ledger.apply(&set(&[(1, 2, holding(5, 5))])).expect("applies");
    assert_eq!(ledger.undo(first.clone()), Err(LedgerError::NotLatest));
    ledger.undo(second).expect("the latest");
    ledger.undo(first).expect("then the latest");
    assert_eq!(ledger.root(), Ledger::new().root());
}

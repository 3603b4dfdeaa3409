//! The naive model: the root by straightforward recursion over a sorted map, from the words of `spec/ledger-tree.md`.
#![allow(dead_code, reason = "each test file uses its part")]

use leither_state::Key;
use leither_types::Hash;
use proptest::prelude::*;
use std::collections::BTreeMap;

pub type Model = BTreeMap<Key, (Hash, u128)>;

fn padded_hash(parts: &[&[u8]]) -> Hash {
    let mut preimage = parts.concat();
    assert!(preimage.len() <= 128);
    preimage.resize(128, 0);
    Hash(*blake3::hash(&preimage).as_bytes())
}

pub fn bit(key: &Key, at: usize) -> bool {
    (key[at / 8] << (at % 8)) & 0x80 != 0
}

/// Hash and sum of the tree over these leaves, sorted by key.
pub fn model_root(leaves: &[(&Key, &(Hash, u128))]) -> (Hash, u128) {
    match leaves {
        [] => (Hash::ZERO, 0),
        [(key, (commitment, sum))] => (padded_hash(&[&[0], *key, &commitment.0, &sum.to_le_bytes()]), *sum),
        [first, .., last] => {
            let at = (0..256).find(|at| bit(first.0, *at) != bit(last.0, *at)).expect("keys differ");
            let right = leaves.iter().position(|leaf| bit(leaf.0, at)).expect("the last is on the right");
            let (left, left_sum) = model_root(&leaves[..right]);
            let (right, right_sum) = model_root(&leaves[right..]);
            let at = (at as u16).to_le_bytes();
            let parts: [&[u8]; 6] = [&[1], &at, &left.0, &left_sum.to_le_bytes(), &right.0, &right_sum.to_le_bytes()];
            (padded_hash(&parts), left_sum + right_sum)
        }
    }
}

pub fn root_of(model: &Model) -> (Hash, u128) {
    model_root(&model.iter().collect::<Vec<_>>())
}

/// Keys that part early, late, and in the same bytes: few enough that batches meet, insertions branch off everywhere, removals hit.
pub fn key() -> impl Strategy<Value = Key> {
    const BITS: [usize; 10] = [0, 1, 7, 8, 9, 100, 158, 159, 200, 255];
    let spread = |code: u16| {
        let mut key = [0u8; 32];
        for (i, at) in BITS.iter().enumerate() {
            if code >> i & 1 == 1 {
                key[at / 8] |= 0x80 >> (at % 8);
            }
        }
        key
    };
    prop_oneof![4 => (0u16..1024).prop_map(spread), 1 => any::<Key>(), 1 => (0u8..4).prop_map(|b| [b << 6; 32])]
}

pub fn content() -> impl Strategy<Value = Option<(Hash, u128)>> {
    // No more than 413 leaves are made of these, so that no total leaves 96 bits.
    let sum = prop_oneof![0u128..5, Just(1u128 << 70), Just((1u128 << 87) - 1)];
    prop_oneof![3 => (any::<u8>(), sum).prop_map(|(c, sum)| Some((Hash([c; 32]), sum))), 2 => Just(None)]
}

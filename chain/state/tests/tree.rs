//! The tree against the naive model (LEDGER-1 to LEDGER-6).

mod common;

use common::{Model, content, key, root_of};
use leither_state::{Change, Leaf, Tree, TreeError};
use leither_types::{Hash, SUPPLY_MAX};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

type Batch = std::collections::BTreeMap<leither_state::Key, Option<(Hash, u128)>>;

fn batches(sizes: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Batch>> {
    vec(btree_map(key(), content(), sizes), 1..8)
}

fn changes(batch: &Batch) -> Vec<Change> {
    batch.iter().map(|(key, to)| Change { key: *key, to: *to }).collect()
}

fn apply_to_model(model: &mut Model, batch: &Batch) {
    for (key, to) in batch {
        match to {
            Some(content) => drop(model.insert(*key, *content)),
            None => drop(model.remove(key)),
        }
    }
}

/// Everything that can be read of the tree is what the model says.
fn assert_same(tree: &Tree, model: &Model) {
    let (root, sum) = root_of(model);
    assert_eq!((tree.root(), tree.sum(), tree.len()), (root, sum, model.len()));
    assert_eq!(tree.is_empty(), model.is_empty());
    let leaves: Vec<Leaf> =
        model.iter().map(|(key, (commitment, sum))| Leaf { key: *key, commitment: *commitment, sum: *sum }).collect();
    assert_eq!(tree.iter_after(None).collect::<Vec<_>>(), leaves);
    for leaf in &leaves {
        assert_eq!(tree.get(&leaf.key), Some(*leaf));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_tree_is_the_model_after_every_batch(batches in batches(0..60)) {
        let (mut tree, mut model) = (Tree::new(), Model::new());
        for batch in &batches {
            apply_to_model(&mut model, batch);
            tree.apply(&changes(batch)).expect("sums are small");
            assert_same(&tree, &model);
        }
    }

    #[test]
    fn the_order_of_changes_does_not_matter(batches in batches(1..40), seed in any::<u64>()) {
        let (mut together, mut singly) = (Tree::new(), Tree::new());
        for batch in &batches {
            let mut shuffled = changes(batch);
            let n = shuffled.len();
            for i in 0..n {
                shuffled.swap(i, (seed.rotate_left(i as u32) % n as u64) as usize);
            }
            together.apply(&shuffled).expect("applies");
            for change in shuffled.iter().rev() {
                singly.apply(&[*change]).expect("applies");
            }
            prop_assert_eq!(together.root(), singly.root());
            prop_assert_eq!(together.sum(), singly.sum());
        }
    }

    #[test]
    fn loading_gives_the_tree_that_growing_gives(batches in batches(0..60)) {
        let mut tree = Tree::new();
        for batch in &batches {
            tree.apply(&changes(batch)).expect("applies");
        }
        let mut leaves: Vec<Leaf> = tree.iter_after(None).collect();
        leaves.reverse();
        let loaded = Tree::load(leaves).expect("loads");
        prop_assert_eq!((loaded.root(), loaded.sum(), loaded.len()), (tree.root(), tree.sum(), tree.len()));
        prop_assert_eq!(loaded.iter_after(None).collect::<Vec<_>>(), tree.iter_after(None).collect::<Vec<_>>());
    }

    #[test]
    fn undo_restores_the_former_tree(batches in batches(0..60)) {
        let (mut tree, mut model) = (Tree::new(), Model::new());
        let mut past = Vec::new();
        for batch in &batches {
            past.push((model.clone(), tree.apply(&changes(batch)).expect("applies")));
            apply_to_model(&mut model, batch);
        }
        for (model, undo) in past.into_iter().rev() {
            prop_assert!(tree.undo(undo));
            assert_same(&tree, &model);
        }
        prop_assert!(tree.is_empty());
    }

    #[test]
    fn a_page_starts_after_any_key(batch in btree_map(key(), content(), 0..60), after in key()) {
        let mut tree = Tree::new();
        tree.apply(&changes(&batch)).expect("applies");
        let expected: Vec<_> = tree.iter_after(None).filter(|leaf| leaf.key > after).collect();
        prop_assert_eq!(tree.iter_after(Some(&after)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_key_can_be_proven_present_or_absent(batch in btree_map(key(), content(), 0..60), asked in vec(key(), 20)) {
        let mut tree = Tree::new();
        tree.apply(&changes(&batch)).expect("applies");
        let top = (tree.root(), tree.sum());
        for key in batch.keys().chain(&asked) {
            let proof = tree.prove(key);
            match tree.get(key) {
                Some(leaf) => {
                    prop_assert_eq!(proof.root_with(key, &leaf.commitment, leaf.sum), Ok(top));
                    prop_assert_ne!(proof.root_with(key, &leaf.commitment, leaf.sum + 1).ok(), Some(top));
                    prop_assert_ne!(proof.root_with(key, &Hash(*b"a commitment that no leaf has..."), leaf.sum).ok(), Some(top));
                    prop_assert_ne!(proof.root_without(key).ok(), Some(top));
                }
                None => {
                    prop_assert_eq!(proof.root_without(key), Ok(top));
                    prop_assert_ne!(proof.root_with(key, &Hash::ZERO, 0).ok(), Some(top));
                }
            }
        }
    }
}

fn one(byte: u8, sum: u128) -> Change {
    Change { key: [byte; 32], to: Some((Hash([byte; 32]), sum)) }
}

/// Thousands of changes at once go through several groups and full vectors; small batches never do.
#[test]
fn large_batches_are_the_model_as_well() {
    let noise = |n: u64| *blake3::hash(&n.to_le_bytes()).as_bytes();
    let (mut tree, mut model) = (Tree::new(), Model::new());
    for round in 0..6u64 {
        // Two in three keys are old ones from the second round on; every fifth change removes, the fourth round everything it names.
        let change = |n: u64| {
            let to = (!n.is_multiple_of(5) && round != 3).then(|| (Hash(noise(n + round)), u128::from(n)));
            (noise(1_000_000 + round * 1_000 + n), to)
        };
        let batch: Batch = (0..3_001).map(change).collect();
        let undo = tree.apply(&changes(&batch)).expect("applies");
        assert!(tree.undo(undo));
        assert_eq!(tree.root(), root_of(&model).0);
        tree.apply(&changes(&batch)).expect("applies");
        apply_to_model(&mut model, &batch);
        assert_same(&tree, &model);
    }
    let loaded = Tree::load(tree.iter_after(None).collect()).expect("loads");
    assert_eq!((loaded.root(), loaded.sum()), (tree.root(), tree.sum()));
}

#[test]
fn a_sum_beyond_the_supply_limit_changes_nothing() {
    let mut tree = Tree::new();
    tree.apply(&[one(1, SUPPLY_MAX.0 - 5), one(2, 5)]).expect("exactly the limit");
    let before = tree.root();
    assert_eq!(tree.apply(&[one(3, 1)]).err(), Some(TreeError::Sum));
    assert_eq!(tree.apply(&[one(2, 6), one(4, 0)]).err(), Some(TreeError::Sum));
    assert_eq!(tree.apply(&[one(3, u128::MAX), one(4, u128::MAX)]).err(), Some(TreeError::Sum));
    assert_eq!((tree.root(), tree.len()), (before, 2));
    // What one leaf loses in a batch, another may gain.
    tree.apply(&[one(1, 5), one(3, SUPPLY_MAX.0 - 10)]).expect("the same total");
    assert_eq!(tree.sum(), SUPPLY_MAX.0);
}

#[test]
fn loading_checks_sums_and_keys() {
    let leaf = |byte: u8, sum| Leaf { key: [byte; 32], commitment: Hash::ZERO, sum };
    assert_eq!(Tree::load(vec![leaf(1, SUPPLY_MAX.0), leaf(2, 1)]).err(), Some(TreeError::Sum));
    assert_eq!(Tree::load(vec![leaf(1, u128::MAX), leaf(2, u128::MAX)]).err(), Some(TreeError::Sum));
    assert_eq!(Tree::load(vec![leaf(2, 1), leaf(1, 1), leaf(2, 2)]).err(), Some(TreeError::Twice));
    assert!(Tree::load(Vec::new()).expect("empty").is_empty());
}

#[test]
fn one_key_twice_in_a_batch_changes_nothing() {
    let mut tree = Tree::new();
    let batch = [one(1, 1), one(2, 1), Change { key: [1; 32], to: None }];
    assert_eq!(tree.apply(&batch).err(), Some(TreeError::Twice));
    assert!(tree.is_empty());
}

#[test]
fn an_undo_of_another_state_is_refused() {
    let mut tree = Tree::new();
    let first = tree.apply(&[one(1, 1)]).expect("applies");
    tree.apply(&[one(2, 1)]).expect("applies");
    let root = tree.root();
    assert!(!tree.undo(first));
    assert_eq!(tree.root(), root);
}

#[test]
fn freed_room_is_used_again() {
    let mut tree = Tree::new();
    let (come, go): (Vec<_>, Vec<_>) = (0..200u8).map(|b| (one(b, 1), Change { key: [b; 32], to: None })).unzip();
    tree.apply(&come).expect("applies");
    let root = tree.root();
    for _ in 0..50 {
        tree.apply(&go).expect("applies");
        assert_eq!((tree.root(), tree.sum(), tree.len()), (Hash::ZERO, 0, 0));
        tree.apply(&come).expect("applies");
        assert_eq!(tree.root(), root);
    }
}

//! Roots over lists, once by rs_merkle and once by hand.

use leither_types::{Hash, LIST_ITEMS_MAX, list_proof, list_root};
use proptest::prelude::*;

/// The tagged hash of DESIGN, written out again: each part after its length of eight bytes.
fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut input = (tag.len() as u64).to_le_bytes().to_vec();
    input.extend(tag.bytes());
    for part in parts {
        input.extend((part.len() as u64).to_le_bytes());
        input.extend(*part);
    }
    blake3::hash(&input).into()
}

/// Pairs from the left; who is left over goes up as it is.
fn by_hand(items: &[Hash]) -> Hash {
    let mut row: Vec<[u8; 32]> = items.iter().map(|item| tagged("leither/list-leaf/v1", &[&item.0])).collect();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| if let [left, right] = pair { tagged("leither/list-node/v1", &[left, right]) } else { pair[0] })
            .collect();
    }
    let root = row.first().copied().unwrap_or([0; 32]);
    Hash(tagged("leither/list/v1", &[&(items.len() as u64).to_le_bytes(), &root]))
}

fn items(len: usize) -> Vec<Hash> {
    (0..len).map(|n| Hash(*blake3::hash(&n.to_le_bytes()).as_bytes())).collect()
}

#[test]
fn roots_are_those_made_by_hand_for_every_length_up_to_two_hundred() {
    for len in 0..200 {
        assert_eq!(list_root(&items(len)), by_hand(&items(len)), "{len} items");
    }
}

#[test]
fn every_item_is_proven_for_every_length_up_to_forty() {
    for len in 0..40 {
        let items = items(len);
        let root = by_hand(&items);
        for (at, item) in items.iter().enumerate() {
            let proof = list_proof(&items, at).expect("within");
            assert_eq!(proof.root(item), Some(root), "{at} of {len}");
        }
        assert_eq!(list_proof(&items, len), None);
    }
}

/// A list whose leaf is another list's node would share its root, were leaves and nodes not told apart.
#[test]
fn a_node_is_no_leaf() {
    let two = items(2);
    let leaves: Vec<[u8; 32]> = two.iter().map(|item| tagged("leither/list-leaf/v1", &[&item.0])).collect();
    let node = Hash(tagged("leither/list-node/v1", &[&leaves[0], &leaves[1]]));
    assert_ne!(list_root(&[node]), list_root(&two));
}

#[test]
fn the_longest_list_has_a_proof_that_fits() {
    let items = items(LIST_ITEMS_MAX);
    let proof = list_proof(&items, LIST_ITEMS_MAX - 1).expect("twenty hashes fit");
    assert_eq!(proof.path.len(), 20);
    assert_eq!(proof.root(&items[LIST_ITEMS_MAX - 1]), Some(list_root(&items)));
}

proptest! {
    #[test]
    fn changing_or_swapping_items_changes_the_root(len in 2..50usize, at: prop::sample::Index, other: prop::sample::Index) {
        let kept = items(len);
        let (at, other) = (at.index(len), other.index(len));
        let mut changed = kept.clone();
        changed[at].0[7] ^= 1;
        prop_assert_ne!(list_root(&changed), list_root(&kept));
        changed = kept.clone();
        changed.swap(at, other);
        prop_assert_eq!(list_root(&changed) == list_root(&kept), at == other);
    }
}

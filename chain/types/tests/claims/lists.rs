//! Bounded lists and texts. Roots over lists: `tests/conformance`.

use leither_types::{List, ListProof, Text, decode_within, list_proof, list_root, tagged};
use parity_scale_codec::Encode;
use proptest::prelude::*;

#[test]
fn a_list_never_exceeds_its_bound() {
    assert!(List::<u8, 3>::new(vec![0; 4]).is_none());
    let mut list = List::<u8, 3>::new(vec![0; 3]).expect("fits");
    assert_eq!(list.push(7), Err(7), "the item comes back");
    assert!(decode_within::<List<u8, 3>>(&vec![0u8; 4].encode(), 64).is_err());
    assert!(Text::<3>::new("äö").is_none(), "bytes count, not letters");
    assert!(decode_within::<Text<8>>(&vec![0xff_u8].encode(), 64).is_err(), "not UTF-8");
}

#[test]
fn a_proof_of_one_place_proves_no_other() {
    let items: Vec<_> = (0..11u8).map(|n| tagged("item", &[&[n]])).collect();
    let root = list_root(&items);
    for at in 0..items.len() {
        let proof = list_proof(&items, at).expect("an index within");
        for (other, item) in items.iter().enumerate() {
            assert_eq!(proof.root(item) == Some(root), other == at, "proof {at} of item {other}");
            let moved = ListProof { index: other as u32, ..proof.clone() };
            assert_eq!(moved.root(&items[at]) == Some(root), other == at, "item {at} at place {other}");
        }
    }
}

#[test]
fn no_list_has_the_root_of_another_length() {
    let items: Vec<_> = (0..17u8).map(|n| tagged("item", &[&[n]])).collect();
    let mut roots: Vec<_> = (0..=17).map(|len| list_root(&items[..len])).collect();
    roots.sort_unstable();
    roots.dedup();
    assert_eq!(roots.len(), 18);
}

proptest! {
    /// A proof comes from a peer: any index, length and path must be an answer, not a panic.
    #[test]
    fn a_proof_with_any_numbers_is_answered(index: u32, len: u32, path in proptest::collection::vec(any::<[u8; 32]>(), 0..=20)) {
        let path = List::new(path.into_iter().map(leither_types::Hash).collect()).expect("at most 20");
        let proof = ListProof { index, len, path };
        let _answer = proof.root(&leither_types::Hash([1; 32]));
        let near = ListProof { index: index % 64, len: len % 64, ..proof };
        let _answer = near.root(&leither_types::Hash([1; 32]));
    }

    /// Nothing may be appended to a proof: a proof has one form.
    #[test]
    fn a_proof_with_hashes_too_many_or_too_few_fails(len in 1..40usize, at: prop::sample::Index) {
        let items: Vec<_> = (0..len).map(|n| tagged("item", &[&n.to_le_bytes()])).collect();
        let at = at.index(len);
        let proof = list_proof(&items, at).expect("within");
        let path = proof.path.to_vec();
        let with = |path: Vec<_>| ListProof { path: List::new(path).expect("short"), ..proof.clone() }.root(&items[at]);
        prop_assert_eq!(with(path.clone()), Some(list_root(&items)));
        prop_assert_ne!(with([path.clone(), vec![items[0]]].concat()), Some(list_root(&items)));
        if let Some((_, shorter)) = path.split_last() {
            prop_assert_ne!(with(shorter.to_vec()), Some(list_root(&items)));
        }
    }
}

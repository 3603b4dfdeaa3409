//! Merkle roots over lists (transactions, receipts), by rs_merkle, with what it leaves out: leaf and node tags and the list's length.

use crate::{Hash, tagged};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use rs_merkle::{Hasher, MerkleProof, MerkleTree};

/// A committed list is no longer than this.
pub const LIST_ITEMS_MAX: usize = 1 << 20;

#[derive(Clone)]
struct ListHasher;

impl Hasher for ListHasher {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        tagged("leither/list-leaf/v1", &[data]).0
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        match right {
            Some(right) => tagged("leither/list-node/v1", &[left, right]).0,
            // An odd node is lifted as it is; the committed length says where that happens.
            None => *left,
        }
    }
}

/// Where an item stands in a committed list.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct ListProof {
    /// Index from 0.
    pub index: u32,
    /// Length of the list.
    pub len: u32,
    /// Sibling hashes from the leaf upwards.
    pub path: crate::List<Hash, 20>,
}

fn leaves(items: &[Hash]) -> Vec<[u8; 32]> {
    items.iter().map(|item| ListHasher::hash(&item.0)).collect()
}

fn bind(len: usize, root: [u8; 32]) -> Hash {
    tagged("leither/list/v1", &[&(len as u64).to_le_bytes(), &root])
}

/// The root over `items`: the list's length and the tree's root. The empty list has one, too.
pub fn list_root(items: &[Hash]) -> Hash {
    let root = MerkleTree::<ListHasher>::from_leaves(&leaves(items)).root().unwrap_or([0; 32]);
    bind(items.len(), root)
}

/// Proof that `items[index]` stands in the list.
pub fn list_proof(items: &[Hash], index: usize) -> Option<ListProof> {
    if index >= items.len() || items.len() > LIST_ITEMS_MAX {
        return None;
    }
    let tree = MerkleTree::<ListHasher>::from_leaves(&leaves(items));
    let path = tree.proof(&[index]).proof_hashes().iter().map(|h| Hash(*h)).collect();
    Some(ListProof { index: index as u32, len: items.len() as u32, path: crate::List::new(path)? })
}

/// How many siblings there are between a leaf and the root; a node that is lifted has none.
fn siblings(mut index: u32, mut len: u32) -> usize {
    let mut count = 0;
    while len > 1 {
        count += usize::from(index ^ 1 < len);
        (index, len) = (index / 2, len.div_ceil(2));
    }
    count
}

impl ListProof {
    /// The root that this proof gives for `item`; it proves nothing but by equalling one that is trusted.
    pub fn root(&self, item: &Hash) -> Option<Hash> {
        if self.index >= self.len || self.len as usize > LIST_ITEMS_MAX {
            return None;
        }
        // rs_merkle lets hashes beyond the root pass unread; a proof shall have one form.
        if self.path.len() != siblings(self.index, self.len) {
            return None;
        }
        let proof = MerkleProof::<ListHasher>::new(self.path.iter().map(|h| h.0).collect());
        let leaf = ListHasher::hash(&item.0);
        let root = proof.root(&[self.index as usize], &[leaf], self.len as usize).ok()?;
        Some(bind(self.len as usize, root))
    }
}

//! The proof of one key's content in one tree: the leaf that the key's bits lead to, and the way up from there.

use super::arena::{Pair, Side, bit_of};
use super::hash::{fork_side, leaf_side};
use super::{Key, Leaf, Tree};
use crate::ProofError;
use leither_types::{Hash, List};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// A fork on the way up: its bit, and what hangs on the other side.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Step {
    /// The bit by which the fork parts its keys.
    pub bit: u8,
    /// The other side's hash.
    pub hash: Hash,
    /// The other side's sum.
    pub sum: u128,
}

/// Proof that a key leads to a certain leaf, or to none. The key itself and its own leaf's content are not in it: who verifies brings
/// them, so that there is nothing in a proof that the root does not bind.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct TreeProof {
    /// For an absent key: whose leaf stands where its own would be. Nothing for a present key, and for any key of the empty tree.
    pub other: Option<Leaf>,
    /// From the leaf upwards; bits fall strictly.
    pub path: List<Step, 256>,
}

pub(super) fn prove(tree: &Tree, key: &Key) -> TreeProof {
    let Some(near) = tree.nearest(key) else { return TreeProof { other: None, path: List::default() } };
    let leaf = tree.leaf(near);
    let mut path = Vec::with_capacity(32);
    let mut up = tree.leaves[near as usize].up;
    while !up.is_top() {
        let fork = &tree.forks[up.fork()];
        let Side { hash, sum } = tree.pairs[up.fork()].0[1 - up.side()];
        path.push(Step { bit: fork.bit, hash: Hash(hash), sum });
        up = fork.up;
    }
    // Bits fall strictly from at most 255, so there are never more than 256.
    TreeProof { other: (leaf.key != *key).then_some(leaf), path: List::new(path).unwrap_or_default() }
}

impl TreeProof {
    /// LEDGER-13: the root and sum of a tree in which `key` leads to this commitment and sum.
    pub fn root_with(&self, key: &Key, commitment: &Hash, sum: u128) -> Result<(Hash, u128), ProofError> {
        match self.other {
            None => self.climb(key, &Leaf { key: *key, commitment: *commitment, sum }),
            Some(_) => Err(ProofError::Malformed("a proof of presence that shows another leaf")),
        }
    }

    /// LEDGER-14: the root and sum of a tree in which `key` leads to nothing.
    ///
    /// Why this cannot be forged: a tree has one leaf at which a key's bits lead out, for every fork says which bit it reads, and its
    /// hash binds that. If the key has a leaf, it is that one. So showing any other leaf there shows that it has none.
    pub fn root_without(&self, key: &Key) -> Result<(Hash, u128), ProofError> {
        match &self.other {
            None if self.path.is_empty() => Ok((Hash::ZERO, 0)),
            None => Err(ProofError::Malformed("a proof of absence that shows no leaf")),
            Some(leaf) if leaf.key == *key => Err(ProofError::Present),
            Some(leaf) => self.climb(key, leaf),
        }
    }

    /// LEDGER-12: the key's bits say on which side each step is; the leaf's own bits must say the same.
    fn climb(&self, key: &Key, leaf: &Leaf) -> Result<(Hash, u128), ProofError> {
        let mut below: Option<u8> = None;
        let mut node = leaf_side(leaf);
        for step in &self.path {
            if below.is_some_and(|below| step.bit >= below) {
                return Err(ProofError::Malformed("bits that do not fall from the leaf to the root"));
            }
            below = Some(step.bit);
            let own = bit_of(key, step.bit);
            if own != bit_of(&leaf.key, step.bit) {
                return Err(ProofError::Malformed("a leaf to which the key does not lead"));
            }
            let mut sides = [Side { hash: step.hash.0, sum: step.sum }; 2];
            sides[own] = node;
            node = fork_side(step.bit, &Pair(sides)).ok_or(ProofError::Malformed("sums beyond 128 bits"))?;
        }
        Ok((Hash(node.hash), node.sum))
    }
}

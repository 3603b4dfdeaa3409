//! Nodes lie in arenas and name each other by index; freed slots are used again. Nothing here hashes.

use super::{Key, Leaf, Tree};
use leither_types::Hash;

/// A node: nothing, a leaf's slot (top bit set) or a fork's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ref(u32);

const LEAF: u32 = 1 << 31;

impl Ref {
    pub const NONE: Ref = Ref(u32::MAX);

    pub fn leaf(slot: u32) -> Self {
        Self(slot | LEAF)
    }
    pub fn fork(slot: u32) -> Self {
        Self(slot)
    }
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
    pub fn is_leaf(self) -> bool {
        self.0 & LEAF != 0
    }
    pub fn index(self) -> usize {
        (self.0 & !LEAF) as usize
    }
    pub fn slot(self) -> u32 {
        self.0 & !LEAF
    }
}

/// The parent of the root, the slot of nothing.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Whether a fork's hash (which its parent keeps) is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Clean,
    Dirty,
    Free,
}

/// The shape: 16 bytes, so that a walk at a million leaves stays in the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
pub(super) struct Fork {
    pub child: [Ref; 2],
    pub parent: u32,
    pub bit: u8,
    pub state: State,
}

/// What a node hashes and sums to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Side {
    pub hash: [u8; 32],
    pub sum: u128,
}

impl Side {
    pub const EMPTY: Side = Side { hash: [0; 32], sum: 0 };
}

/// Left and right child of one fork.
pub(super) type Pair = [Side; 2];

/// A leaf; its hash and sum stand with its parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeafSlot {
    pub key: Key,
    pub commitment: Hash,
    pub parent: u32,
}

/// The key's bit `bit`, counted from the most significant of byte 0.
pub(super) fn bit_of(key: &Key, bit: u8) -> usize {
    usize::from(key[usize::from(bit >> 3)] >> (7 - (bit & 7)) & 1)
}

/// The first bit in which two keys differ.
pub(super) fn first_difference(a: &Key, b: &Key) -> Option<u8> {
    let at = a.iter().zip(b).position(|(x, y)| x != y)?;
    // at < 32 and leading_zeros < 8 for a difference, so this stays below 256.
    Some((at * 8) as u8 + (a[at] ^ b[at]).leading_zeros() as u8)
}

impl Tree {
    pub(super) fn parent(&self, node: Ref) -> u32 {
        if node.is_leaf() { self.leaves[node.index()].parent } else { self.forks[node.index()].parent }
    }

    pub(super) fn set_parent(&mut self, node: Ref, parent: u32) {
        if node.is_leaf() {
            self.leaves[node.index()].parent = parent;
        } else {
            self.forks[node.index()].parent = parent;
        }
    }

    /// On which side of `parent` the node hangs.
    pub(super) fn side_under(&self, parent: u32, node: Ref) -> usize {
        usize::from(self.forks[parent as usize].child[1] == node)
    }

    /// What the node hashes and sums to.
    pub(super) fn side(&self, node: Ref) -> &Side {
        match self.parent(node) {
            NOWHERE => &self.top,
            parent => &self.pairs[parent as usize][self.side_under(parent, node)],
        }
    }

    pub(super) fn leaf(&self, slot: u32) -> Leaf {
        let LeafSlot { key, commitment, .. } = self.leaves[slot as usize];
        Leaf { key, commitment, sum: self.side(Ref::leaf(slot)).sum }
    }

    /// The number of leaf slots, free ones included: who keeps values beside the leaves sizes them by it.
    pub(crate) fn slots(&self) -> usize {
        self.leaves.len()
    }

    pub(super) fn new_leaf(&mut self, leaf: LeafSlot) -> u32 {
        if let Some(slot) = self.free_leaves.pop() {
            self.leaves[slot as usize] = leaf;
            return slot;
        }
        self.leaves.push(leaf);
        (self.leaves.len() - 1) as u32
    }

    pub(super) fn new_fork(&mut self, fork: Fork, pair: Pair) -> u32 {
        if let Some(slot) = self.free_forks.pop() {
            self.forks[slot as usize] = fork;
            self.pairs[slot as usize] = pair;
            return slot;
        }
        self.forks.push(fork);
        self.pairs.push(pair);
        (self.forks.len() - 1) as u32
    }

    /// Puts a new leaf where it branches off at `bit` from the path to the leaf `near`; its hash is set later.
    pub(super) fn insert(&mut self, key: Key, commitment: Hash, near: u32, bit: u8) -> u32 {
        // The new fork goes onto the edge that spans `bit`.
        let mut below = Ref::leaf(near);
        let mut above = self.parent(below);
        while above != NOWHERE && self.forks[above as usize].bit > bit {
            below = Ref::fork(above);
            above = self.forks[above as usize].parent;
        }
        let moved = *self.side(below);
        let slot = self.new_leaf(LeafSlot { key, commitment, parent: NOWHERE });
        let own = bit_of(&key, bit);
        let mut child = [below; 2];
        child[own] = Ref::leaf(slot);
        let mut pair = [moved; 2];
        pair[own] = Side::EMPTY;
        let fork = self.new_fork(Fork { child, parent: above, bit, state: State::Clean }, pair);
        self.replace(above, below, Ref::fork(fork));
        self.set_parent(below, fork);
        self.leaves[slot as usize].parent = fork;
        slot
    }

    /// Takes a leaf out; its sibling moves up. Gives the fork whose hash is no longer true.
    pub(super) fn remove(&mut self, slot: u32) -> Option<u32> {
        let leaf = Ref::leaf(slot);
        let parent = self.parent(leaf);
        self.free_leaves.push(slot);
        if parent == NOWHERE {
            self.root = Ref::NONE;
            self.top = Side::EMPTY;
            return None;
        }
        let other = 1 - self.side_under(parent, leaf);
        let sibling = self.forks[parent as usize].child[other];
        let moved = self.pairs[parent as usize][other];
        let above = self.forks[parent as usize].parent;
        self.replace(above, Ref::fork(parent), sibling);
        self.set_parent(sibling, above);
        self.forks[parent as usize].state = State::Free;
        self.free_forks.push(parent);
        match above {
            NOWHERE => {
                self.top = moved;
                None
            }
            above => {
                let side = self.side_under(above, sibling);
                self.pairs[above as usize][side] = moved;
                Some(above)
            }
        }
    }

    /// Hangs `new` where `old` hung.
    fn replace(&mut self, above: u32, old: Ref, new: Ref) {
        match above {
            NOWHERE => self.root = new,
            above => {
                let side = self.side_under(above, old);
                self.forks[above as usize].child[side] = new;
            }
        }
    }

    pub(super) fn is_free(&self, fork: u32) -> bool {
        self.forks[fork as usize].state == State::Free
    }
}

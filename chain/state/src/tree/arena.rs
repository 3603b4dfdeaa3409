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

/// The slot of nothing.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Where a node hangs: under which fork and on which side. One number, so that what a node hashes to can be written to its parent without
/// reading the parent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Up(u32);

impl Up {
    /// Under nothing: the root.
    pub const TOP: Up = Up(u32::MAX);

    pub fn new(fork: u32, side: usize) -> Self {
        Self(fork << 1 | side as u32)
    }
    pub fn is_top(self) -> bool {
        self == Self::TOP
    }
    pub fn fork(self) -> usize {
        (self.0 >> 1) as usize
    }
    pub fn side(self) -> usize {
        (self.0 & 1) as usize
    }
}

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
    pub up: Up,
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

/// Left and right child of one fork: 96 bytes, in two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Pair(pub [Side; 2]);

/// A leaf; its hash and sum stand with its parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeafSlot {
    pub key: Key,
    pub commitment: Hash,
    pub up: Up,
}

/// The key's bit `bit`, counted from the most significant of byte 0.
pub(super) fn bit_of(key: &Key, bit: u8) -> usize {
    usize::from(key[usize::from(bit >> 3)] >> (7 - (bit & 7)) & 1)
}

/// The first bit in which two keys differ.
pub(super) fn first_difference(a: &Key, b: &Key) -> Option<u8> {
    let words = |key: &Key| -> [u64; 4] { std::array::from_fn(|i| u64::from_be_bytes(std::array::from_fn(|j| key[i * 8 + j]))) };
    let (a, b) = (words(a), words(b));
    let at = (0..4).find(|i| a[*i] != b[*i])?;
    // Three words and 63 bits at most: below 256.
    Some((at * 64) as u8 + (a[at] ^ b[at]).leading_zeros() as u8)
}

impl Tree {
    pub(super) fn up(&self, node: Ref) -> Up {
        if node.is_leaf() { self.leaves[node.index()].up } else { self.forks[node.index()].up }
    }

    /// Hangs the node there: both ends of the edge.
    pub(super) fn hang(&mut self, node: Ref, up: Up) {
        if node.is_leaf() {
            self.leaves[node.index()].up = up;
        } else {
            self.forks[node.index()].up = up;
        }
        if up.is_top() {
            self.root = node;
        } else {
            self.forks[up.fork()].child[up.side()] = node;
        }
    }

    /// What hangs there hashes and sums to.
    pub(super) fn side(&self, up: Up) -> &Side {
        if up.is_top() { &self.top } else { &self.pairs[up.fork()].0[up.side()] }
    }

    pub(super) fn set_side(&mut self, up: Up, side: Side) {
        if up.is_top() {
            self.top = side;
        } else {
            self.pairs[up.fork()].0[up.side()] = side;
        }
    }

    pub(super) fn leaf(&self, slot: u32) -> Leaf {
        let LeafSlot { key, commitment, up } = self.leaves[slot as usize];
        Leaf { key, commitment, sum: self.side(up).sum }
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

    fn new_fork(&mut self, fork: Fork) -> u32 {
        if let Some(slot) = self.free_forks.pop() {
            self.forks[slot as usize] = fork;
            return slot;
        }
        self.forks.push(fork);
        self.pairs.push(Pair([Side::EMPTY; 2]));
        (self.forks.len() - 1) as u32
    }

    /// Puts a new leaf where it branches off at `bit` from the path to the leaf `near`; its hash is set later.
    pub(super) fn insert(&mut self, key: Key, commitment: Hash, near: u32, bit: u8) -> u32 {
        // The new fork goes onto the edge that spans `bit`.
        let mut below = Ref::leaf(near);
        let mut above = self.up(below);
        while !above.is_top() && self.forks[above.fork()].bit > bit {
            below = Ref::fork(above.fork() as u32);
            above = self.forks[above.fork()].up;
        }
        let moved = *self.side(above);
        let own = bit_of(&key, bit);
        let slot = self.new_leaf(LeafSlot { key, commitment, up: Up::TOP });
        let fork = self.new_fork(Fork { child: [below; 2], up: above, bit, state: State::Clean });
        self.hang(Ref::fork(fork), above);
        self.hang(below, Up::new(fork, 1 - own));
        self.hang(Ref::leaf(slot), Up::new(fork, own));
        self.set_side(Up::new(fork, 1 - own), moved);
        slot
    }

    /// Takes a leaf out; its sibling moves up. Gives the fork whose hash is no longer true.
    pub(super) fn remove(&mut self, slot: u32) -> Option<u32> {
        let up = self.leaves[slot as usize].up;
        self.free_leaves.push(slot);
        if up.is_top() {
            self.root = Ref::NONE;
            self.top = Side::EMPTY;
            return None;
        }
        let other = 1 - up.side();
        let sibling = self.forks[up.fork()].child[other];
        let moved = self.pairs[up.fork()].0[other];
        let above = self.forks[up.fork()].up;
        self.hang(sibling, above);
        self.set_side(above, moved);
        self.forks[up.fork()].state = State::Free;
        self.free_forks.push(up.fork() as u32);
        (!above.is_top()).then_some(above.fork() as u32)
    }

    pub(super) fn is_free(&self, fork: u32) -> bool {
        self.forks[fork as usize].state == State::Free
    }
}

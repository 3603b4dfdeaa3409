//! Reading: one key, or all in order. No path is stored; forks know their parents.

use super::arena::{Ref, bit_of, first_difference};
use super::{Key, Tree};

impl Tree {
    /// The leaf at which `key`'s own bits lead out: its own where it has one, else the one it shares the longest prefix with.
    pub(super) fn nearest(&self, key: &Key) -> Option<u32> {
        let mut at = self.root;
        if at.is_none() {
            return None;
        }
        while !at.is_leaf() {
            let fork = &self.forks[at.index()];
            at = fork.child[bit_of(key, fork.bit)];
        }
        Some(at.slot())
    }

    /// The slot of `key`'s leaf.
    pub(crate) fn slot(&self, key: &Key) -> Option<u32> {
        self.nearest(key).filter(|slot| self.leaves[*slot as usize].key == *key)
    }

    /// The key of the leaf in this slot.
    pub(crate) fn key_of(&self, slot: u32) -> &Key {
        &self.leaves[slot as usize].key
    }

    /// Slots in key order, those after `after` where it is given.
    pub(crate) fn slots_after(&self, after: Option<&Key>) -> impl Iterator<Item = u32> + '_ {
        let first = match after {
            None => self.leftmost(self.root),
            Some(key) => self.first_after(key),
        };
        std::iter::successors(first, |slot| self.next_after(Ref::leaf(*slot)))
    }

    fn leftmost(&self, mut at: Ref) -> Option<u32> {
        if at.is_none() {
            return None;
        }
        while !at.is_leaf() {
            at = self.forks[at.index()].child[0];
        }
        Some(at.slot())
    }

    /// The first leaf right of everything below `node`.
    fn next_after(&self, mut node: Ref) -> Option<u32> {
        loop {
            let up = self.up(node);
            if up.is_top() {
                return None;
            }
            if up.side() == 0 {
                return self.leftmost(self.forks[up.fork()].child[1]);
            }
            node = Ref::fork(up.fork() as u32);
        }
    }

    fn first_after(&self, key: &Key) -> Option<u32> {
        let near = self.nearest(key)?;
        let Some(bit) = first_difference(key, &self.leaves[near as usize].key) else {
            return self.next_after(Ref::leaf(near));
        };
        // Everything below this node shares its first `bit` bits with the key and differs in the next: all greater, or all smaller.
        let mut node = Ref::leaf(near);
        loop {
            let up = self.up(node);
            if up.is_top() || self.forks[up.fork()].bit < bit {
                break;
            }
            node = Ref::fork(up.fork() as u32);
        }
        if bit_of(key, bit) == 0 { self.leftmost(node) } else { self.next_after(node) }
    }
}

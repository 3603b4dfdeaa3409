//! The whole tree from its sorted leaves: shape in one pass, then hashes, deepest bit first.

use super::arena::{Fork, LeafSlot, NOWHERE, Ref, Side, State, first_difference};
use super::hash::{LANES, Lanes, fork_preimage, leaf_preimage};
use super::{LEAVES_MAX, Leaf, Tree, TreeError};
use leither_types::SUPPLY_MAX;

pub(super) fn build(leaves: &[Leaf]) -> Result<Tree, TreeError> {
    if leaves.len() > LEAVES_MAX {
        return Err(TreeError::Full);
    }
    let mut total = 0u128;
    for leaf in leaves {
        total = total.checked_add(leaf.sum).filter(|total| *total <= SUPPLY_MAX.0).ok_or(TreeError::Sum)?;
    }
    let mut tree = Tree::new();
    tree.leaves = leaves
        .iter()
        .map(|leaf| LeafSlot { key: leaf.key, commitment: leaf.commitment, parent: NOWHERE })
        .collect();
    if !leaves.is_empty() {
        tree.shape()?;
        tree.hash_all(leaves);
    }
    Ok(tree)
}

impl Tree {
    /// One fork between each two neighbours, at the bit in which they differ. `spine` holds the forks from the root to the last leaf.
    fn shape(&mut self) -> Result<(), TreeError> {
        self.forks.reserve_exact(self.leaves.len() - 1);
        let mut spine: Vec<u32> = Vec::new();
        self.root = Ref::leaf(0);
        for next in 1..self.leaves.len() {
            let bit = first_difference(&self.leaves[next - 1].key, &self.leaves[next].key).ok_or(TreeError::Twice)?;
            // All that branches later than `bit` is complete and goes to the new fork's left.
            let mut left = Ref::leaf(next as u32 - 1);
            while let Some(fork) = spine.pop_if(|fork| self.forks[*fork as usize].bit > bit) {
                left = Ref::fork(fork);
            }
            let above = spine.last().copied().unwrap_or(NOWHERE);
            let fork = self.forks.len() as u32;
            let child = [left, Ref::leaf(next as u32)];
            self.forks.push(Fork { child, parent: above, bit, state: State::Clean });
            match above {
                NOWHERE => self.root = Ref::fork(fork),
                above => self.forks[above as usize].child[1] = Ref::fork(fork),
            }
            self.set_parent(left, fork);
            self.set_parent(child[1], fork);
            spine.push(fork);
        }
        Ok(())
    }

    fn hash_all(&mut self, leaves: &[Leaf]) {
        self.pairs = vec![[Side::EMPTY; 2]; self.forks.len()];
        let mut lanes = Box::new(Lanes::new());
        for (group, chunk) in leaves.chunks(LANES).enumerate() {
            for (leaf, preimage) in chunk.iter().zip(&mut lanes.preimages) {
                leaf_preimage(preimage, &leaf.key, &leaf.commitment.0, leaf.sum);
            }
            lanes.hash(chunk.len());
            for (lane, leaf) in chunk.iter().enumerate() {
                let side = Side { hash: lanes.get(lane), sum: leaf.sum };
                self.settle(Ref::leaf((group * LANES + lane) as u32), side);
            }
        }
        let mut by_bit: Vec<Vec<u32>> = vec![Vec::new(); 256];
        for (index, fork) in self.forks.iter().enumerate() {
            by_bit[usize::from(fork.bit)].push(index as u32);
        }
        for (bit, forks) in by_bit.iter().enumerate().rev() {
            for chunk in forks.chunks(LANES) {
                for (fork, preimage) in chunk.iter().zip(&mut lanes.preimages) {
                    fork_preimage(preimage, bit as u8, &self.pairs[*fork as usize]);
                }
                lanes.hash(chunk.len());
                for (lane, fork) in chunk.iter().enumerate() {
                    let [left, right] = &self.pairs[*fork as usize];
                    let side = Side { hash: lanes.get(lane), sum: left.sum + right.sum };
                    self.settle(Ref::fork(*fork), side);
                }
            }
        }
    }

    fn settle(&mut self, node: Ref, side: Side) {
        match self.parent(node) {
            NOWHERE => self.top = side,
            parent => {
                let at = self.side_under(parent, node);
                self.pairs[parent as usize][at] = side;
            }
        }
    }
}

//! The whole tree from its sorted leaves: shape in one pass, then hashes, deepest bit first.

use super::arena::{Fork, LeafSlot, Pair, Ref, Side, State, Up, first_difference};
use super::hash::{LANES, Lanes, fork_preimage, leaf_preimage};
use super::{LEAVES_MAX, Leaf, Tree, TreeError};
use leither_types::SUPPLY_MAX;

pub(super) fn build(leaves: &[Leaf]) -> Result<Tree, TreeError> {
    if leaves.len() > LEAVES_MAX {
        return Err(TreeError::Full);
    }
    // LEDGER-4
    let mut total = 0u128;
    for leaf in leaves {
        total = total.checked_add(leaf.sum).filter(|total| *total <= SUPPLY_MAX.0).ok_or(TreeError::Sum)?;
    }
    let mut tree = Tree::new();
    tree.leaves = leaves.iter().map(|leaf| LeafSlot { key: leaf.key, commitment: leaf.commitment, up: Up::TOP }).collect();
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
            let above = spine.last().map_or(Up::TOP, |above| Up::new(*above, 1));
            let fork = self.forks.len() as u32;
            self.forks.push(Fork { child: [left; 2], up: above, bit, state: State::Clean });
            self.hang(Ref::fork(fork), above);
            self.hang(left, Up::new(fork, 0));
            self.hang(Ref::leaf(next as u32), Up::new(fork, 1));
            spine.push(fork);
        }
        Ok(())
    }

    fn hash_all(&mut self, leaves: &[Leaf]) {
        self.pairs = vec![Pair([Side::EMPTY; 2]); self.forks.len()];
        let mut lanes = Box::new(Lanes::new());
        for (group, chunk) in leaves.chunks(LANES).enumerate() {
            for (leaf, preimage) in chunk.iter().zip(&mut lanes.preimages) {
                leaf_preimage(preimage, &leaf.key, &leaf.commitment.0, leaf.sum);
            }
            lanes.hash(chunk.len());
            for (lane, leaf) in chunk.iter().enumerate() {
                let side = Side { hash: lanes.get(lane), sum: leaf.sum };
                self.set_side(self.leaves[group * LANES + lane].up, side);
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
                    let [left, right] = &self.pairs[*fork as usize].0;
                    let side = Side { hash: lanes.get(lane), sum: left.sum + right.sum };
                    self.set_side(self.forks[*fork as usize].up, side);
                }
            }
        }
    }
}

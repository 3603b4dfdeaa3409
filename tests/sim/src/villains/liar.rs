use super::Villain;
use leither_types::{Block, hash_of};

/// States a root that its block does not lead to. Everything else about the block is right, so only execution shows it.
pub struct Liar;

impl Villain for Liar {
    fn bend(&mut self, mut block: Block) -> Block {
        block.header.state_root = hash_of("leither/sim-lie/v1", &block.header.state_root);
        block
    }
}

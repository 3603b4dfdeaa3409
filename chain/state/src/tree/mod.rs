//! The path-compressed binary Merkle-sum tree (`spec/ledger-tree.md`): keys of 32 bytes, read from the most significant bit of byte 0.
//!
//! ```text
//!                 fork, bit 0                  a fork's bit: the first one in which the keys below it differ
//!            0 /              \ 1              hash  = blake3(pad128(0x01, bit, left, left sum, right, right sum))
//!      leaf 0110..        fork, bit 3          sum   = left sum + right sum
//!                      0 /           \ 1
//!               leaf 1010..       leaf 1011..  hash  = blake3(pad128(0x00, key, commitment, sum))
//! ```
//! The shape follows from the set of keys alone, so the root does, whatever the order of the changes. A batch goes [`batch`]: find all
//! leaves level by level, check the sums, change the shape, then hash what is dirty, deepest bit first, many nodes at a time.

mod arena;
mod batch;
mod build;
mod hash;
mod path;
mod walk;

pub(crate) use batch::Scratch;
pub use path::{Step, TreeProof};

use arena::{Fork, LeafSlot, Pair, Ref, Side};
use leither_types::Hash;

/// A key: 32 bytes, or 20 followed by 12 zeros. All keys of one tree are of one kind.
pub type Key = [u8; 32];

/// A tree has no more leaves than this.
pub const LEAVES_MAX: usize = (1 << 31) - 1;

/// What a key leads to.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    parity_scale_codec::Encode,
    parity_scale_codec::Decode,
    parity_scale_codec::DecodeWithMemTracking,
)]
pub struct Leaf {
    /// Where it stands.
    pub key: Key,
    /// What it commits to.
    pub commitment: Hash,
    /// What it adds to the sums above it.
    pub sum: u128,
}

/// One key's new content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which key.
    pub key: Key,
    /// Commitment and sum; nothing removes the leaf.
    pub to: Option<(Hash, u128)>,
}

/// Why a batch was refused. The tree is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The sum over all leaves would exceed [`leither_types::SUPPLY_MAX`].
    #[error("the sum would exceed 2^96-1; issue less")]
    Sum,
    /// One key stands twice in a batch.
    #[error("a key stands twice in one batch; merge its changes first")]
    Twice,
    /// More leaves than [`LEAVES_MAX`].
    #[error("the tree is full: it holds at most 2^31-1 leaves")]
    Full,
}

/// The former content of the keys that a batch changed: [`Tree::undo`] puts it back.
#[derive(Clone, Debug)]
pub struct TreeUndo {
    after: Hash,
    was: Vec<Change>,
}

/// The tree, in memory whole. See the module's picture.
#[derive(Clone)]
pub struct Tree {
    leaves: Vec<LeafSlot>,
    forks: Vec<Fork>,
    /// What the children of the fork of the same index hash and sum to: all that its own hash needs, in one place.
    pairs: Vec<Pair>,
    free_leaves: Vec<u32>,
    free_forks: Vec<u32>,
    root: Ref,
    top: Side,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The empty tree.
    pub const fn new() -> Self {
        Self {
            leaves: Vec::new(),
            forks: Vec::new(),
            pairs: Vec::new(),
            free_leaves: Vec::new(),
            free_forks: Vec::new(),
            root: Ref::NONE,
            top: Side::EMPTY,
        }
    }

    /// From all its leaves at once, in any order.
    pub fn load(mut leaves: Vec<Leaf>) -> Result<Self, TreeError> {
        if !leaves.is_sorted_by_key(|leaf| leaf.key) {
            leaves.sort_unstable_by_key(|leaf| leaf.key);
        }
        build::build(&leaves)
    }

    /// How many leaves there are.
    pub fn len(&self) -> usize {
        self.leaves.len() - self.free_leaves.len()
    }

    /// Whether there is no leaf.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// LEDGER-3: the root's hash; zeros for the empty tree.
    pub fn root(&self) -> Hash {
        Hash(self.top.hash)
    }

    /// The sum over all leaves.
    pub fn sum(&self) -> u128 {
        self.top.sum
    }

    /// The leaf of `key`.
    pub fn get(&self, key: &Key) -> Option<Leaf> {
        self.slot(key).map(|slot| self.leaf(slot))
    }

    /// The leaves in key order, those after `after` where it is given.
    pub fn iter_after(&self, after: Option<&Key>) -> impl Iterator<Item = Leaf> + '_ {
        self.slots_after(after).map(|slot| self.leaf(slot))
    }

    /// Applies a batch, all of it or none. The order of its changes does not matter.
    pub fn apply(&mut self, batch: &[Change]) -> Result<TreeUndo, TreeError> {
        if batch.is_sorted_by_key(|change| change.key) {
            return self.apply_sorted(batch);
        }
        // By the first eight bytes, which nearly always decide, then by all: half the time of moving whole changes about.
        let first = |key: &Key| u64::from_be_bytes(std::array::from_fn(|i| key[i]));
        let mut order: Vec<(u64, u32)> = batch.iter().zip(0..).map(|(change, i)| (first(&change.key), i)).collect();
        order.sort_unstable();
        let mut sorted: Vec<Change> = order.iter().map(|(_, i)| batch[*i as usize]).collect();
        if !sorted.is_sorted_by_key(|change| change.key) {
            sorted.sort_unstable_by_key(|change| change.key);
        }
        self.apply_sorted(&sorted)
    }

    fn apply_sorted(&mut self, batch: &[Change]) -> Result<TreeUndo, TreeError> {
        let plan = self.plan(batch)?;
        let was = batch.iter().enumerate().map(|(i, change)| Change { key: change.key, to: self.found(&plan, i) }).collect();
        self.commit(batch, &plan, &mut Scratch::default());
        Ok(TreeUndo { after: self.root(), was })
    }

    /// LEDGER-6: takes the latest batch back. `false`, with nothing done, where the tree is not as that batch left it.
    pub fn undo(&mut self, undo: TreeUndo) -> bool {
        undo.after == self.root() && self.apply_sorted(&undo.was).is_ok()
    }

    /// Proof of what `key` leads to, or that it leads to nothing.
    pub fn prove(&self, key: &Key) -> TreeProof {
        path::prove(self, key)
    }
}

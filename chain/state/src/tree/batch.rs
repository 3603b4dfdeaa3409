//! A batch in three strides: [`Tree::plan`] finds every key's place and checks the sums, changing nothing; [`Tree::commit`] changes the
//! shape key by key; then what became dirty is hashed, deepest bit first.
//!
//! All three go over many nodes that do not depend on each other, so that the processor waits for many cache lines at once, and the
//! hashes are computed [`LANES`] at a time.

use super::arena::{LeafSlot, NOWHERE, Ref, Side, State, Up, bit_of, first_difference};
use super::hash::{LANES, Lanes, fork_preimage, leaf_preimage};
use super::{Change, LEAVES_MAX, Tree, TreeError};
use leither_types::{Hash, SUPPLY_MAX};

/// So many neighbours are hashed up to the root before the next: what they touch stays in the second-level cache, at the price of hashing
/// the few topmost forks once a group.
const GROUP: usize = 512;

/// Where one change meets the tree: the leaf its key leads to, and the first bit in which that leaf's key differs (nothing: none).
#[derive(Clone, Copy)]
struct Place {
    near: u32,
    differs: Option<u8>,
}

/// Every change's place, for the tree as it was when planned.
pub(crate) struct Plan(Vec<Place>);

/// Room to work in, kept from batch to batch.
pub(crate) struct Scratch {
    /// Dirty forks by their bit.
    dirty: Vec<Vec<u32>>,
    /// No dirty fork has a greater bit.
    deepest: u8,
    /// For each lane: where its node hangs, and the node's sum.
    raised: Vec<(Up, u128)>,
    lanes: Box<Lanes>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { dirty: vec![Vec::new(); 256], deepest: 0, raised: Vec::with_capacity(LANES), lanes: Box::new(Lanes::new()) }
    }
}

impl Scratch {
    fn mark(&mut self, tree: &mut Tree, fork: u32) {
        let node = &mut tree.forks[fork as usize];
        if node.state == State::Clean {
            node.state = State::Dirty;
            self.deepest = self.deepest.max(node.bit);
            self.dirty[usize::from(node.bit)].push(fork);
        }
    }
}

impl Tree {
    /// Finds the places of `changes`, sorted by key, and checks what can go wrong.
    pub(crate) fn plan(&self, changes: &[Change]) -> Result<Plan, TreeError> {
        // LEDGER-5: each key once.
        if changes.windows(2).any(|pair| pair[0].key >= pair[1].key) {
            return Err(TreeError::Twice);
        }
        let places = self.places(changes);
        let (mut taken, mut given, mut new) = (0u128, 0u128, 0usize);
        for (change, place) in changes.iter().zip(&places) {
            if place.differs.is_none() {
                // Old sums are parts of one checked total.
                taken += self.side(self.leaves[place.near as usize].up).sum;
            }
            if let Some((_, sum)) = change.to {
                given = given.checked_add(sum).filter(|given| *given <= u128::MAX >> 1).ok_or(TreeError::Sum)?;
                new += usize::from(place.differs.is_some());
            }
        }
        // LEDGER-4. No branch exceeds the total, so no sum further down needs a check of its own.
        if self.top.sum - taken + given > SUPPLY_MAX.0 {
            return Err(TreeError::Sum);
        }
        if self.len() + new > LEAVES_MAX {
            return Err(TreeError::Full);
        }
        Ok(Plan(places))
    }

    /// All keys take one step down, then all the next: the loads of one round do not wait for each other.
    fn places(&self, changes: &[Change]) -> Vec<Place> {
        if self.root.is_none() {
            return vec![Place { near: NOWHERE, differs: Some(0) }; changes.len()];
        }
        let mut at = vec![self.root; changes.len()];
        let mut walking: Vec<u32> = if self.root.is_leaf() { Vec::new() } else { (0..changes.len() as u32).collect() };
        while !walking.is_empty() {
            let mut still = 0;
            for i in 0..walking.len() {
                let change = walking[i];
                let cursor = &mut at[change as usize];
                let fork = &self.forks[cursor.index()];
                *cursor = fork.child[bit_of(&changes[change as usize].key, fork.bit)];
                walking[still] = change;
                still += usize::from(!cursor.is_leaf());
            }
            walking.truncate(still);
        }
        let place = |(at, change): (&Ref, &Change)| {
            let differs = first_difference(&change.key, &self.leaves[at.index()].key);
            Place { near: at.slot(), differs }
        };
        at.iter().zip(changes).map(place).collect()
    }

    /// What the plan found for the change of this index.
    pub(crate) fn found(&self, plan: &Plan, index: usize) -> Option<(Hash, u128)> {
        let place = plan.0[index];
        if place.differs.is_some() {
            return None;
        }
        let leaf = self.leaf(place.near);
        Some((leaf.commitment, leaf.sum))
    }

    /// Carries out what was planned. Gives each change's leaf slot: the old, the new or the freed one, none for what was not there.
    pub(crate) fn commit(&mut self, changes: &[Change], plan: &Plan, scratch: &mut Scratch) -> Vec<Option<u32>> {
        let mut slots = Vec::with_capacity(changes.len());
        let mut gone = Vec::new();
        let mut last_new = None;
        for (change, place) in changes.iter().zip(&plan.0) {
            slots.push(match (change.to, place.differs) {
                (Some((commitment, _)), None) => {
                    self.leaves[place.near as usize].commitment = commitment;
                    Some(place.near)
                }
                (Some((commitment, _)), Some(bit)) => {
                    last_new = Some(self.add(change, commitment, place.near, bit, last_new));
                    last_new
                }
                (None, None) => {
                    gone.push(place.near);
                    Some(place.near)
                }
                (None, Some(_)) => None,
            });
        }
        // After the insertions, whose places name leaves that are now about to go; no slot is used again within the batch.
        let widowed: Vec<u32> = gone.into_iter().filter_map(|slot| self.remove(slot)).collect();
        for forks in widowed.chunks(GROUP) {
            for fork in forks {
                if !self.is_free(*fork) {
                    scratch.mark(self, *fork);
                }
            }
            self.hash_forks(scratch);
        }
        for (changes, slots) in changes.chunks(GROUP).zip(slots.chunks(GROUP)) {
            self.hash_leaves(changes, slots, scratch);
            self.hash_forks(scratch);
        }
        slots
    }

    /// A new leaf. Its nearest leaf is the planned one or, since the changes are sorted, the one that was added last.
    fn add(&mut self, change: &Change, commitment: Hash, near: u32, bit: u8, last_new: Option<u32>) -> u32 {
        let from_last = last_new.and_then(|last| Some((last, first_difference(&change.key, self.key_of(last))?)));
        match from_last {
            Some((last, later)) if near == NOWHERE || later > bit => self.insert(change.key, commitment, last, later),
            None if near == NOWHERE => {
                let slot = self.new_leaf(LeafSlot { key: change.key, commitment, up: Up::TOP });
                self.hang(Ref::leaf(slot), Up::TOP);
                slot
            }
            _ => self.insert(change.key, commitment, near, bit),
        }
    }

    fn hash_leaves(&mut self, changes: &[Change], slots: &[Option<u32>], scratch: &mut Scratch) {
        for (changes, slots) in changes.chunks(LANES).zip(slots.chunks(LANES)) {
            for (change, slot) in changes.iter().zip(slots) {
                if let (Some((commitment, sum)), Some(slot)) = (change.to, slot) {
                    let preimage = &mut scratch.lanes.preimages[scratch.raised.len()];
                    leaf_preimage(preimage, &change.key, &commitment.0, sum);
                    scratch.raised.push((self.leaves[*slot as usize].up, sum));
                }
            }
            self.hash_and_raise(scratch);
        }
    }

    fn hash_forks(&mut self, scratch: &mut Scratch) {
        for bit in (0..=std::mem::take(&mut scratch.deepest)).rev() {
            // Parents go into buckets of smaller bits, so this one is complete.
            let mut forks = std::mem::take(&mut scratch.dirty[usize::from(bit)]);
            for chunk in forks.chunks(LANES) {
                for (fork, preimage) in chunk.iter().zip(&mut scratch.lanes.preimages) {
                    let pair = &self.pairs[*fork as usize];
                    fork_preimage(preimage, bit, pair);
                    let node = &mut self.forks[*fork as usize];
                    node.state = State::Clean;
                    scratch.raised.push((node.up, pair.0[0].sum + pair.0[1].sum));
                }
                self.hash_and_raise(scratch);
            }
            forks.clear();
            scratch.dirty[usize::from(bit)] = forks;
        }
        // The marks on the way up raised it again, never above where it stood.
        scratch.deepest = 0;
    }

    /// Hashes the preimages in the lanes, and tells each node's parent what the node now hashes and sums to.
    fn hash_and_raise(&mut self, scratch: &mut Scratch) {
        let mut raised = std::mem::take(&mut scratch.raised);
        // Asks for all the parents' lines before the first is needed: marking them branches on what is read.
        let touched = raised.iter().filter(|(up, _)| !up.is_top()).fold(0, |touched, (up, _)| {
            let [left, right] = &self.pairs[up.fork()].0;
            touched ^ self.forks[up.fork()].bit ^ left.hash[0] ^ right.hash[31]
        });
        std::hint::black_box(touched);
        scratch.lanes.hash(raised.len());
        for (lane, (up, sum)) in raised.iter().enumerate() {
            self.set_side(*up, Side { hash: scratch.lanes.get(lane), sum: *sum });
            if !up.is_top() {
                scratch.mark(self, up.fork() as u32);
            }
        }
        raised.clear();
        scratch.raised = raised;
    }
}

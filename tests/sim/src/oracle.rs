//! Judges a run. Shares no code with what it judges: money is recounted in plain numbers, votes are counted in plain sets; only data
//! types and `Certificate::is_valid`, which a light client would use, are the chain's.

use crate::book::{Book, Page};
use crate::client::Transfer;
use crate::disk::Decided;
use crate::node::Signed;
use leither_harness::Memory;
use leither_types::{Genesis, Hash, Height, Receipt, ValidatorSet, VoteKind};
use std::collections::{BTreeMap, BTreeSet};

/// Votes are remembered for so many heights below the highest decided one.
const REMEMBERED: u64 = 50;

/// What a node has stored of a height, read back from its disk.
pub struct Stored<'a> {
    /// The block, its certificate and its receipts.
    pub decided: &'a Decided,
    /// The state after it.
    pub state: &'a Memory,
    /// What the state says was issued and burned of `mei`.
    pub issued_burned: (u128, u128),
}

/// What was first seen of a height; every other node must have the same.
struct First {
    node: usize,
    id: Hash,
    root: Hash,
    receipts: Vec<Receipt>,
    time: u64,
    page: Page,
}

/// Collects what must never happen.
pub struct Oracle {
    chain: Hash,
    set: ValidatorSet,
    book: Book,
    heights: BTreeMap<Height, First>,
    /// (height, round, step, node): what was signed there.
    signed: BTreeMap<(Height, u32, u8, usize), Option<Hash>>,
    /// (height, node): the newest round that it precommitted a block in, and the block.
    locks: BTreeMap<(Height, usize), (u32, Hash)>,
    violations: Vec<String>,
}

impl Oracle {
    /// Of the chain of this genesis.
    pub fn new(genesis: &Genesis) -> Self {
        Self {
            chain: genesis.chain(),
            set: genesis.head.validators.clone(),
            book: Book::new(genesis),
            heights: BTreeMap::new(),
            signed: BTreeMap::new(),
            locks: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    /// What has been found.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Something is wrong that the world saw itself.
    pub fn blame(&mut self, what: String) {
        self.violations.push(what);
    }

    /// At which height a transaction was committed first.
    pub fn committed(&self, transfer: &Transfer) -> Option<Height> {
        self.book.committed(&transfer.id)
    }

    /// The block id and state root of each height.
    pub fn heads(&self) -> Vec<(Hash, Hash)> {
        self.heights.values().map(|first| (first.id, first.root)).collect()
    }

    /// A client has signed this.
    pub fn submitted(&mut self, transfer: &Transfer) {
        self.book.submitted(transfer);
    }

    /// SIM-2: a node has signed something. Villains' signatures count as votes, but nobody is surprised by them.
    pub fn signed(&mut self, node: usize, honest: bool, what: Signed) {
        let (height, round, step, block) = match what {
            Signed::Proposal { height, round, block } => (height, round, 0, Some(block)),
            Signed::Vote { kind: VoteKind::Prevote, height, round, block } => (height, round, 1, block),
            Signed::Vote { kind: VoteKind::Precommit, height, round, block } => (height, round, 2, block),
        };
        let before = self.signed.insert((height, round, step, node), block);
        if !honest {
            return;
        }
        if before.is_some_and(|before| before != block) {
            let step = ["proposals", "prevotes", "precommits"][usize::from(step)];
            self.blame(format!("n{node} signed two {step} in height {height}, round {round}: {before:?}, then {block:?}"));
        }
        match (step, block) {
            (1, Some(block)) => self.check_lock(node, height, round, block),
            (2, Some(block)) => drop(self.locks.insert((height, node), (round, block))),
            _ => {}
        }
    }

    /// SIM-3: who precommitted a block prevotes another one only after two thirds prevoted that in a round in between.
    fn check_lock(&mut self, node: usize, height: Height, round: u32, block: Hash) {
        let Some((locked, own)) = self.locks.get(&(height, node)).copied() else { return };
        let freed = (locked..round).any(|between| self.prevotes(height, between, block) * 3 > self.set.total_power() * 2);
        if own != block && !freed {
            self.blame(format!(
                "n{node} lost its lock on {own} of round {locked}: in height {height}, round {round} it prevoted {block}"
            ));
        }
    }

    /// The power behind a block's prevotes of a round, delivered or not. All seats have equal power in a simulated chain.
    fn prevotes(&self, height: Height, round: u32, block: Hash) -> u128 {
        let votes = self.signed.range((height, round, 1, 0)..(height, round, 2, 0));
        let each = self.set.total_power() / self.set.len() as u128;
        each * votes.filter(|(_, voted)| **voted == Some(block)).count() as u128
    }

    /// SIM-1, SIM-4: a node has committed a height.
    pub fn stored(&mut self, node: usize, height: Height, stored: &Stored<'_>) {
        let Decided { block, certificate, receipts } = stored.decided;
        let (id, root) = (block.id(), stored.state.root());
        let mut wrong = Vec::new();
        if certificate.height != height || certificate.block != id || !certificate.is_valid(&self.chain, &self.set) {
            wrong.push("the certificate does not prove it".to_string());
        }
        let signers: BTreeSet<_> = certificate.signatures.iter().map(|commit| commit.validator).collect();
        if signers.len() * 3 <= self.set.len() * 2 {
            wrong.push(format!("{} of {} validators signed", signers.len(), self.set.len()));
        }
        if root != block.header.state_root {
            wrong.push(format!("its state has the root {}, its header {}", root, block.header.state_root));
        }
        if block.txs.iter().zip(receipts).any(|(tx, receipt)| tx.id() != receipt.tx) {
            wrong.push("a receipt is another transaction's".into());
        }
        match self.heights.get(&height) {
            Some(first) => {
                let other = first.node;
                if first.id != id {
                    wrong.push(format!("n{other} committed {}", first.id));
                }
                if first.root != root {
                    wrong.push(format!("n{other} has the state root {}", first.root));
                }
                if first.receipts != *receipts {
                    wrong.push(format!("n{other} has other receipts"));
                }
            }
            None => wrong.extend(self.first(node, height, stored.decided, root)),
        }
        if let Some(first) = self.heights.get(&height) {
            wrong.extend(first.page.differs(stored.state, stored.issued_burned));
        }
        self.violations
            .extend(wrong.into_iter().map(|what| format!("n{node} committed {id} at height {height}, but {what}")));
    }

    /// Reckons what the height should have led to.
    fn first(&mut self, node: usize, height: Height, decided: &Decided, root: Hash) -> Vec<String> {
        let Decided { block, receipts, .. } = decided;
        let mut wrong = Vec::new();
        let (parent, time) = match self.heights.last_key_value() {
            Some((last, first)) if last + 1 == height => (first.id, first.time),
            None if height == 1 => (Hash::ZERO, 0),
            _ => return vec!["its parent was never committed".into()],
        };
        if block.header.parent != parent || block.header.time <= time {
            wrong.push("it does not follow its parent".into());
        }
        let (page, errors) = self.book.turn(decided, height);
        wrong.extend(errors);
        let first = First { node, id: block.id(), root, receipts: receipts.clone(), time: block.header.time, page };
        self.heights.insert(height, first);
        let oldest = height.saturating_sub(REMEMBERED);
        self.signed = self.signed.split_off(&(oldest, 0, 0, 0));
        self.locks = self.locks.split_off(&(oldest, 0));
        wrong
    }
}

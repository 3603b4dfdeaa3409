//! Judges a run. Shares no code with what it judges: money is recounted in plain numbers, votes are counted in plain sets; only data
//! types and `Certificate::is_valid`, which a light client would use, are the chain's.

use crate::book::{Book, Page};
use crate::checks::Checks;
use crate::client::Transfer;
use crate::disk::{Decided, Disk};
use crate::node::{Accused, Signed};
use leither_harness::Memory;
use leither_state::HoldingProof;
use leither_types::{AccountId, Certificate, Genesis, Hash, Height, Receipt, TokenId, ValidatorId, ValidatorSet, Vote, VoteKind};
use std::collections::{BTreeMap, BTreeSet};

/// Votes are remembered for so many heights below the highest decided one.
const REMEMBERED: u64 = 50;
/// Every so many heights certificates are shown to the light client's code, too.
const LIGHT_CLIENT_EVERY: u64 = 16;
/// Of one step so many different signatures of one validator are remembered; honest ones make one.
const SIGNED_MAX: usize = 64;

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
    checks: Checks,
    /// Of the validators, by number: which may be found to have signed twice.
    villains: BTreeMap<ValidatorId, bool>,
    /// (height, round, step, validator): all that was signed there.
    signed: BTreeMap<(Height, u32, u8, usize), Vec<Option<Hash>>>,
    /// (node, height, round, step, validator): what a node heard of a villain while that could be evidence.
    heard: BTreeMap<(usize, Height, u32, u8, ValidatorId), BTreeSet<Option<Hash>>>,
    /// What a node has last said that it committed.
    tips: BTreeMap<usize, Height>,
    /// Just accusations, and those that had to be made.
    evidence: u64,
    /// (height, node): the newest round that it precommitted a block in, and the block.
    locks: BTreeMap<(Height, usize), (u32, Hash)>,
    violations: Vec<String>,
}

impl Oracle {
    /// Of the chain of this genesis.
    pub fn new(genesis: &Genesis, checks: Checks) -> Self {
        Self {
            chain: genesis.chain(),
            checks,
            villains: BTreeMap::new(),
            heard: BTreeMap::new(),
            tips: BTreeMap::new(),
            evidence: 0,
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
        let all = self.signed.entry((height, round, step, node)).or_default();
        let before = all.first().copied();
        // What is said once more, after a restart too, is nothing new.
        if all.contains(&block) {
            return;
        }
        if all.len() < SIGNED_MAX {
            all.push(block);
        }
        if !honest {
            return;
        }
        if before.is_some() {
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
        each * votes.filter(|(_, voted)| voted.contains(&Some(block))).count() as u128
    }

    /// Who is a villain, and whether of those who may sign twice.
    pub fn suspect(&mut self, who: ValidatorId, may_sign_twice: bool) {
        self.villains.insert(who, may_sign_twice);
    }

    /// An honest node has heard a villain's vote while it worked on that height.
    pub fn heard(&mut self, node: usize, vote: &Vote) {
        let step = if vote.kind == VoteKind::Prevote { 1 } else { 2 };
        if self.villains.contains_key(&vote.validator) {
            let heard = self.heard.entry((node, vote.height, vote.round, step, vote.validator)).or_default();
            if heard.len() < SIGNED_MAX {
                heard.insert(vote.block);
            }
        }
    }

    /// An honest node has forgotten what it heard: it restarted, or went on to a later height.
    pub fn forgot(&mut self, node: usize) {
        self.heard.retain(|(who, ..), _| *who != node);
    }

    /// SIM-9: an honest node is done with a height and says who signed twice. All of it must be true, and who was heard to contradict itself
    /// must be named.
    pub fn accused(&mut self, node: usize, height: Height, accused: &[Accused]) {
        for Accused { who, height: of, round, step, proven } in accused {
            self.evidence += 1;
            if !proven || *of != height {
                self.blame(format!(
                    "n{node} has evidence against {who} of height {of}, round {round}, step {step} that proves nothing"
                ));
            } else if !self.villains.get(who).is_some_and(|may| *may) {
                self.blame(format!("n{node} has proof that {who} signed twice in height {of}, round {round}, step {step}"));
            }
        }
        let named = |who: &ValidatorId| accused.iter().any(|accused| accused.who == *who);
        let missed = self
            .heard
            .iter()
            .find(|((by, of, _, _, who), heard)| (*by, *of) == (node, height) && heard.len() > 1 && !named(who));
        if let Some((of, _)) = missed {
            self.blame(format!("n{node} has no evidence of what it heard: {of:?}"));
        }
        self.forgot(node);
    }

    /// How often somebody was rightly accused.
    pub fn evidence(&self) -> u64 {
        self.evidence
    }

    /// SIM-10: an honest node starts again: it has all that it had committed, and its leaves alone lead to the root.
    pub fn restarted(&mut self, node: usize, disk: &Disk) {
        self.forgot(node);
        let (height, tip) = (disk.height(), self.tips.get(&node).copied().unwrap_or_default());
        let first = self.heights.get(&height).map(|first| (first.id, first.root));
        let kept = disk.decided(height).map(|decided| decided.block.id());
        let rebuilt = Memory::clone(&disk.state()).root();
        if height != tip {
            self.blame(format!("n{node} had committed height {tip}, after a restart it is at {height}"));
        } else if height > 0 && kept.zip(Some(rebuilt)) != first {
            self.blame(format!("n{node} starts at height {height} with {kept:?} and the root {rebuilt}, not with {first:?}"));
        }
    }

    /// SIM-11: the blocks of an honest node, executed by a stranger from genesis on, lead to this root at this height.
    pub fn replayed(&mut self, height: Height, root: Hash) {
        let first = self.heights.get(&height).map(|first| first.root);
        if first != Some(root) {
            self.blame(format!("executed again from genesis, height {height} has the root {root}, not {first:?}"));
        }
    }

    /// SIM-13: a light client that trusts this height's certificate asks an honest node what an account holds.
    pub fn asked(&mut self, node: usize, height: Height, account: &AccountId, proof: &HoldingProof) {
        let Some(first) = self.heights.get(&height) else { return };
        let said = proof.verify(&first.root, &TokenId::NATIVE, account);
        let line = said.map(|holding| holding.map_or((0, 0), |holding| (holding.free.0 + holding.locked.0, holding.nonce)));
        let own = first.page.line(account);
        if line != Ok(own) {
            self.blame(format!("n{node} proves of {account} at height {height}: {line:?}, it should be {own:?}"));
        }
    }

    /// SIM-1, SIM-4: a node has committed a height.
    pub fn stored(&mut self, node: usize, height: Height, stored: &Stored<'_>) {
        let before = self.tips.insert(node, height).unwrap_or_default();
        if height != before + 1 {
            self.blame(format!("n{node} committed height {height} after {before}"));
        }
        let Decided { block, certificate, receipts } = stored.decided;
        let (id, root) = (block.id(), stored.state.root());
        let mut wrong = Vec::new();
        if certificate.height != height || certificate.block != id || !self.proves(certificate) {
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

    /// What a light client would say: for one height in sixteen by its own code, else by counting seats and looking signatures up.
    fn proves(&self, certificate: &Certificate) -> bool {
        if certificate.height.is_multiple_of(LIGHT_CLIENT_EVERY) || certificate.height == 1 {
            return certificate.is_valid(&self.chain, &self.set);
        }
        let signers: BTreeSet<_> = certificate.signatures.iter().map(|commit| commit.validator).collect();
        signers.len() == certificate.signatures.len() && self.checks.certificate(certificate, &self.set)
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

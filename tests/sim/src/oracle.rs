//! Judges a run. Shares no code with what it judges: money is recounted in plain numbers, votes are counted in plain sets, and who votes at
//! which height is reckoned in a register of its own; only data types, their readers and `Certificate::is_valid`, which a light client would
//! use, are the chain's.

use crate::book::{Book, Line, Page};
use crate::checks::Checks;
use crate::client::Order;
use crate::disk::{Decided, Disk};
use crate::node::{Accused, Signed};
use crate::register::{Register, Voter, Voters, total};
use crate::witness::Witness;
use leither_harness::Memory;
use leither_state::HoldingProof;
use leither_types::{
    AccountId, Certificate, Genesis, Hash, Height, PublicKey, Receipt, TokenId, Validator, ValidatorId, ValidatorSet, Vote,
    VoteKind,
};
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
    book: Book,
    heights: BTreeMap<Height, First>,
    checks: Checks,
    /// Which machine signs by a name, and the key.
    machines: BTreeMap<ValidatorId, (usize, PublicKey)>,
    witness: Witness,
    /// Honest nodes put what they can prove into their blocks.
    accuses: bool,
    /// (height, round, step, validator): all that was signed there.
    signed: BTreeMap<(Height, u32, u8, usize), Vec<Option<Hash>>>,
    /// What a node has last said that it committed.
    tips: BTreeMap<usize, Height>,
    /// (height, node): the newest round that it precommitted a block in, and the block.
    locks: BTreeMap<(Height, usize), (u32, Hash)>,
    violations: Vec<String>,
}

impl Oracle {
    /// Of the chain of this genesis.
    pub fn new(genesis: &Genesis, checks: Checks, accuses: bool) -> Self {
        Self {
            chain: genesis.chain(),
            checks,
            machines: BTreeMap::new(),
            witness: Witness::default(),
            accuses,
            tips: BTreeMap::new(),
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
    pub fn committed(&self, order: &Order) -> Option<Height> {
        self.book.committed(&order.id)
    }

    /// Who votes, by the newest committed block.
    pub fn register(&self) -> &Register {
        self.book.register()
    }

    /// A machine signs by this key, now or later.
    pub fn named(&mut self, machine: usize, key: PublicKey) {
        self.machines.entry(ValidatorId::of_key(&key)).or_insert((machine, key));
    }

    /// Which machine signs by a name.
    pub fn machine(&self, who: &ValidatorId) -> Option<usize> {
        self.machines.get(who).map(|(machine, _)| *machine)
    }

    /// The newest height that anybody has committed, and the time of its block.
    pub fn tip(&self) -> Option<(Height, u64)> {
        self.heights.last_key_value().map(|(height, first)| (*height, first.time))
    }

    /// Of the power at a height, what the villains have, and all.
    pub fn villains_of(&self, height: Height) -> Option<(u128, u128)> {
        let voters = self.register().voters(height)?;
        let bad = voters.iter().filter(|(who, _)| self.witness.is_villain(who)).map(|(_, voter)| u128::from(voter.power));
        Some((bad.sum(), total(voters)))
    }

    /// The block id and state root of each height.
    pub fn heads(&self) -> Vec<(Hash, Hash)> {
        self.heights.values().map(|first| (first.id, first.root)).collect()
    }

    /// A client has signed this.
    pub fn submitted(&mut self, order: &Order) {
        self.book.submitted(order);
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
        let freed = || {
            let Some(voters) = self.register().voters(height) else { return false };
            (locked..round).any(|between| self.prevotes(voters, height, between, block) * 3 > total(voters) * 2)
        };
        if own != block && !freed() {
            self.blame(format!(
                "n{node} lost its lock on {own} of round {locked}: in height {height}, round {round} it prevoted {block}"
            ));
        }
    }

    /// The power behind a block's prevotes of a round, delivered or not.
    fn prevotes(&self, voters: &Voters, height: Height, round: u32, block: Hash) -> u128 {
        let power = |machine: usize| {
            let seat = voters.iter().find(|(who, _)| self.machine(who) == Some(machine));
            seat.map_or(0, |(_, voter)| u128::from(voter.power))
        };
        let votes = self.signed.range((height, round, 1, 0)..(height, round, 2, 0));
        votes.filter(|(_, voted)| voted.contains(&Some(block))).map(|((.., machine), _)| power(*machine)).sum()
    }

    /// Who is a villain, and whether of those who may sign twice.
    pub fn suspect(&mut self, who: ValidatorId, may_sign_twice: bool) {
        self.witness.suspect(who, may_sign_twice);
    }

    /// An honest node has heard a villain's vote while it worked on that height.
    pub fn heard(&mut self, node: usize, vote: &Vote) {
        self.witness.heard(node, vote, self.book.register());
    }

    /// SIM-9: an honest node is done with a height and says who signed twice.
    pub fn accused(&mut self, node: usize, height: Height, accused: &[Accused]) {
        let wrong = self.witness.accused(node, height, accused, self.book.register());
        self.violations.extend(wrong);
    }

    /// How often somebody was rightly accused.
    pub fn evidence(&self) -> u64 {
        self.witness.evidence
    }

    /// SIM-10: an honest node starts again: it has all that it had committed, and its leaves alone lead to the root.
    pub fn restarted(&mut self, node: usize, disk: &Disk) {
        self.witness.forgot(node);
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
        let line = said.map(|holding| {
            let holding = holding.unwrap_or_default();
            Line { units: holding.free.0 + holding.locked.0, locked: holding.locked.0, nonce: holding.nonce }
        });
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
            None => wrong.extend(self.first(node, height, stored, root)),
        }
        if let Some(first) = self.heights.get(&height) {
            wrong.extend(first.page.differs(stored.state, stored.issued_burned));
        }
        self.violations
            .extend(wrong.into_iter().map(|what| format!("n{node} committed {id} at height {height}, but {what}")));
    }

    /// SIM-4: who votes at that height has signed with more than two thirds of the power, each once. For one height in sixteen a light client's
    /// code is asked, too; else signatures are looked up.
    fn proves(&self, certificate: &Certificate) -> bool {
        let Some(voters) = self.register().voters(certificate.height) else { return false };
        let signers: BTreeSet<_> = certificate.signatures.iter().map(|commit| commit.validator).collect();
        let power: u128 = signers.iter().filter_map(|who| voters.get(who)).map(|voter| u128::from(voter.power)).sum();
        let enough = power * 3 > total(voters) * 2 && signers.len() == certificate.signatures.len();
        let Some(set) = self.set(voters) else { return false };
        let light = certificate.height.is_multiple_of(LIGHT_CLIENT_EVERY) || certificate.height == 1;
        enough && if light { certificate.is_valid(&self.chain, &set) } else { self.checks.certificate(certificate, &set) }
    }

    /// With the keys that the machines have.
    fn set(&self, voters: &Voters) -> Option<ValidatorSet> {
        let seat = |(who, voter): (&ValidatorId, &Voter)| {
            let key = self.machines.get(who)?.1;
            Some(Validator { key, power: voter.power, operator: voter.operator })
        };
        ValidatorSet::new(voters.iter().map(seat).collect::<Option<_>>()?).ok()
    }

    /// Reckons what the height should have led to.
    fn first(&mut self, node: usize, height: Height, stored: &Stored<'_>, root: Hash) -> Vec<String> {
        let Decided { block, receipts, .. } = stored.decided;
        let mut wrong = Vec::new();
        let (parent, time) = match self.heights.last_key_value() {
            Some((last, first)) if last + 1 == height => (first.id, first.time),
            None if height == 1 => (Hash::ZERO, 0),
            _ => return vec!["its parent was never committed".into()],
        };
        if block.header.parent != parent || block.header.time <= time {
            wrong.push("it does not follow its parent".into());
        }
        let author = self.machine(&block.header.proposer);
        let author = author.filter(|_| self.accuses && !self.witness.is_villain(&block.header.proposer));
        wrong.extend(self.witness.committed(block, author, self.book.register()));
        let (page, errors) = self.book.turn(stored.decided, height);
        wrong.extend(errors);
        match self.register().differs(height, stored.state) {
            Ok(other) => wrong.extend(other),
            Err(fault) => wrong.push(format!("who votes cannot be read of its state: {fault}")),
        }
        let first = First { node, id: block.id(), root, receipts: receipts.clone(), time: block.header.time, page };
        self.heights.insert(height, first);
        let oldest = height.saturating_sub(REMEMBERED);
        self.signed = self.signed.split_off(&(oldest, 0, 0, 0));
        self.locks = self.locks.split_off(&(oldest, 0));
        wrong
    }
}

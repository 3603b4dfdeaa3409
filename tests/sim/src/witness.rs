//! SIM-9: who signed twice, who was heard to, who says so, and what became of it.

use crate::node::Accused;
use crate::register::{Register, Standing};
use leither_types::{AccountId, Block, EVIDENCE_MAX, Hash, Height, ValidatorId, Vote, VoteKind};
use std::collections::{BTreeMap, BTreeSet};

/// Of one step so many different votes of one validator are remembered; honest ones make one.
const HEARD_MAX: usize = 64;

/// What a node heard: (node, height, round, step, validator).
type Heard = (usize, Height, u32, u8, ValidatorId);

/// Remembers who could know of whom.
#[derive(Default)]
pub struct Witness {
    /// Which may be found to have signed twice.
    villains: BTreeMap<ValidatorId, bool>,
    /// What a node heard of a villain while that could be evidence.
    heard: BTreeMap<Heard, BTreeSet<Option<Hash>>>,
    /// Against whom an honest node has a proof, and since the end of which height.
    proofs: BTreeMap<(usize, AccountId), Height>,
    /// Just accusations.
    pub evidence: u64,
}

impl Witness {
    /// Who is a villain, and whether of those who may sign twice.
    pub fn suspect(&mut self, who: ValidatorId, may_sign_twice: bool) {
        self.villains.insert(who, may_sign_twice);
    }

    /// Whether it is a villain's name.
    pub fn is_villain(&self, who: &ValidatorId) -> bool {
        self.villains.contains_key(who)
    }

    /// An honest node has heard a villain's vote while it worked on that height, in which the villain votes.
    pub fn heard(&mut self, node: usize, vote: &Vote, register: &Register) {
        let step = if vote.kind == VoteKind::Prevote { 1 } else { 2 };
        let votes = register.voters(vote.height).is_some_and(|voters| voters.contains_key(&vote.validator));
        if votes && self.is_villain(&vote.validator) {
            let heard = self.heard.entry((node, vote.height, vote.round, step, vote.validator)).or_default();
            if heard.len() < HEARD_MAX {
                heard.insert(vote.block);
            }
        }
    }

    /// An honest node has forgotten what it heard: it restarted, or went on to a later height.
    pub fn forgot(&mut self, node: usize) {
        self.heard.retain(|(who, ..), _| *who != node);
    }

    /// An honest node is done with a height and says who signed twice. All of it must be true, and who was heard to contradict itself must be
    /// named.
    pub fn accused(&mut self, node: usize, height: Height, accused: &[Accused], register: &Register) -> Vec<String> {
        let mut wrong = Vec::new();
        for Accused { who, height: of, round, step, proven } in accused {
            self.evidence += 1;
            if !proven || *of != height {
                wrong.push(format!(
                    "n{node} has evidence against {who} of height {of}, round {round}, step {step} that proves nothing"
                ));
            } else if !self.villains.get(who).is_some_and(|may| *may) {
                wrong.push(format!("n{node} has proof that {who} signed twice in height {of}, round {round}, step {step}"));
            } else if let Some(operator) = register.owner(who) {
                self.proofs.entry((node, *operator)).or_insert(height);
            }
        }
        let named = |who: &ValidatorId| accused.iter().any(|accused| accused.who == *who);
        let missed = self
            .heard
            .iter()
            .find(|((by, of, _, _, who), heard)| (*by, *of) == (node, height) && heard.len() > 1 && !named(who));
        wrong.extend(missed.map(|(of, _)| format!("n{node} has no evidence of what it heard: {of:?}")));
        self.forgot(node);
        wrong
    }

    /// A block was committed, by a proposer who is the honest node `author` if that is said, on the register of its parent. It convicts nobody
    /// who did not sign twice, and whom its author could prove to have done so.
    pub fn committed(&mut self, block: &Block, author: Option<usize>, register: &Register) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut convicted = BTreeSet::new();
        for proof in &block.evidence {
            let offender = proof.offender();
            if !self.villains.get(&offender).is_some_and(|may| *may) {
                wrong.push(format!("it convicts {offender}, who never signed twice"));
            }
            convicted.extend(register.owner(&offender).copied());
        }
        let in_reach =
            |operator: &AccountId| register.stake(operator).is_some_and(|stake| !matches!(stake.standing, Standing::Ejected(_)));
        // Whose pledge has gone back, or who is ejected, is out of reach: their accusers forget them.
        self.proofs.retain(|(_, operator), _| in_reach(operator));
        if block.evidence.len() < EVIDENCE_MAX {
            let due = |((by, who), since): &(&(usize, AccountId), &Height)| {
                Some(*by) == author && **since < block.header.height && !convicted.contains(who)
            };
            wrong.extend(self.proofs.iter().find(due).map(|((_, who), since)| {
                format!("it does not convict {who}, of whom its proposer has had proof since height {since}")
            }));
        }
        wrong
    }
}

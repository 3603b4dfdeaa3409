use crate::{Hash, Height, List, Signature, ValidatorId, ValidatorSet, sign, tagged};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// A certificate carries at most one signature a validator.
pub const SIGNATURES_MAX: usize = crate::VALIDATORS_MAX;

/// The two kinds of a Tendermint vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking)]
pub enum VoteKind {
    /// "This proposal is acceptable."
    Prevote,
    /// "Two thirds found it acceptable": what certificates are made of.
    Precommit,
}

/// What a validator signs when it votes. No time stands in it, so that a vote can be made again after a crash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking)]
pub struct Vote {
    /// Which of the two.
    pub kind: VoteKind,
    /// For which height.
    pub height: Height,
    /// In which round of it, from 0.
    pub round: u32,
    /// For which block; nothing is a vote against the round.
    pub block: Option<Hash>,
    /// By whom.
    pub validator: ValidatorId,
}

impl Vote {
    /// The bytes under the signature: a domain tag, the chain, the vote (CONS-2).
    pub fn sign_bytes(&self, chain: &Hash) -> Vec<u8> {
        let mut bytes = b"leither/vote/v1:".to_vec();
        (chain, self).encode_to(&mut bytes);
        bytes
    }
}

/// One validator's precommit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking)]
pub struct CommitSig {
    /// Who signed.
    pub validator: ValidatorId,
    /// Over the precommit's [`Vote::sign_bytes`].
    pub signature: Signature,
}

/// Proof that a block is final: precommits of more than two thirds of the power (CONS-3).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Certificate {
    /// Of which height.
    pub height: Height,
    /// In which round it was decided.
    pub round: u32,
    /// The block's id.
    pub block: Hash,
    /// Sorted by validator, no two of one.
    pub signatures: List<CommitSig, SIGNATURES_MAX>,
}

impl Certificate {
    /// Stands for the parent of the first block, which nobody had to agree on.
    pub fn genesis() -> Self {
        Self { height: 0, round: 0, block: Hash::ZERO, signatures: List::default() }
    }

    /// Its hash, as the next header states it.
    pub fn hash(&self) -> Hash {
        tagged("leither/certificate/v1", &[&self.encode()])
    }

    /// Whether more than two thirds of `set`'s power signed this block on `chain`.
    ///
    /// Every signature must be valid, of a member, and the list sorted without repetition: a certificate has no room for junk.
    pub fn is_valid(&self, chain: &Hash, set: &ValidatorSet) -> bool {
        let mut power: u128 = 0;
        let mut last: Option<ValidatorId> = None;
        for commit in &self.signatures {
            if last.is_some_and(|l| l >= commit.validator) {
                return false;
            }
            last = Some(commit.validator);
            let Some(validator) = set.get(&commit.validator) else { return false };
            let vote = Vote {
                kind: VoteKind::Precommit,
                height: self.height,
                round: self.round,
                block: Some(self.block),
                validator: commit.validator,
            };
            if !validator.key.verify(&vote.sign_bytes(chain), &commit.signature) {
                return false;
            }
            power += u128::from(validator.power);
        }
        power * 3 > set.total_power() * 2
    }

    /// The claims behind the certificate, for a batch. The caller checks membership, order and power.
    pub fn claim_message(&self, chain: &Hash, validator: ValidatorId) -> Vec<u8> {
        Vote { kind: VoteKind::Precommit, height: self.height, round: self.round, block: Some(self.block), validator }
            .sign_bytes(chain)
    }
}

impl From<CommitSig> for (ValidatorId, sign::Signature) {
    fn from(commit: CommitSig) -> Self {
        (commit.validator, commit.signature)
    }
}

use crate::{AccountId, Hash, Height, PublicKey, Signature, ValidatorId, Vote, hash_of};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// A block carries no more proofs of misbehaviour than this.
pub const EVIDENCE_MAX: usize = 8;

const PROPOSAL_TAG: &[u8] = b"leither/proposal/v1:";
const POSSESSION_TAG: &[u8] = b"leither/possession/v1:";
const SWARM_TAG: &[u8] = b"leither/swarm/v1:";

/// What a proposer signs: "in this round I propose the block of this id".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking)]
pub struct Proposal {
    /// For which height.
    pub height: Height,
    /// In which round of it, from 0.
    pub round: u32,
    /// The earlier round in which two thirds prevoted for it, if it is proposed again.
    pub pol_round: Option<u32>,
    /// The block's id.
    pub block: Hash,
    /// By whom.
    pub proposer: ValidatorId,
}

impl Proposal {
    /// CONS-2: the bytes under the signature are a domain tag, the chain, and every field.
    pub fn sign_bytes(&self, chain: &Hash) -> Vec<u8> {
        let mut bytes = PROPOSAL_TAG.to_vec();
        (chain, self).encode_to(&mut bytes);
        bytes
    }
}

/// Proof that a validator signed two things of which an honest one signs one. Made by [`Evidence::votes`] and [`Evidence::proposals`], so
/// that one deed has one form: the lesser of the two signed things stands first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Evidence {
    /// Two votes of one kind in one round.
    #[codec(index = 0)]
    Votes {
        /// The lesser.
        first: Vote,
        /// Over it.
        first_signature: Signature,
        /// The greater.
        second: Vote,
        /// Over it.
        second_signature: Signature,
    },
    /// Two proposals in one round.
    #[codec(index = 1)]
    Proposals {
        /// The lesser.
        first: Proposal,
        /// Over it.
        first_signature: Signature,
        /// The greater.
        second: Proposal,
        /// Over it.
        second_signature: Signature,
    },
}

impl Evidence {
    /// Of two votes, in either order.
    pub fn votes(one: (Vote, Signature), other: (Vote, Signature)) -> Self {
        let (first, second) = if one.0 <= other.0 { (one, other) } else { (other, one) };
        Self::Votes { first: first.0, first_signature: first.1, second: second.0, second_signature: second.1 }
    }

    /// Of two proposals, in either order.
    pub fn proposals(one: (Proposal, Signature), other: (Proposal, Signature)) -> Self {
        let (first, second) = if one.0 <= other.0 { (one, other) } else { (other, one) };
        Self::Proposals { first: first.0, first_signature: first.1, second: second.0, second_signature: second.1 }
    }

    /// Who did it, if it holds.
    pub fn offender(&self) -> ValidatorId {
        match self {
            Self::Votes { first, .. } => first.validator,
            Self::Proposals { first, .. } => first.proposer,
        }
    }

    /// In which height.
    pub fn height(&self) -> Height {
        match self {
            Self::Votes { first, .. } => first.height,
            Self::Proposals { first, .. } => first.height,
        }
    }

    /// Its hash, for the list root in a header.
    pub fn hash(&self) -> Hash {
        hash_of("leither/evidence/v1", self)
    }

    /// EVIDENCE-1: whether the owner of `key` signed both, of one validator, height, round and kind, and they differ.
    pub fn is_valid(&self, chain: &Hash, key: &PublicKey) -> bool {
        if ValidatorId::of_key(key) != self.offender() {
            return false;
        }
        match self {
            Self::Votes { first, first_signature, second, second_signature } => {
                let same = (first.kind, first.height, first.round, first.validator)
                    == (second.kind, second.height, second.round, second.validator);
                same && first < second
                    && key.verify(&first.sign_bytes(chain), first_signature)
                    && key.verify(&second.sign_bytes(chain), second_signature)
            }
            Self::Proposals { first, first_signature, second, second_signature } => {
                let same = (first.height, first.round, first.proposer) == (second.height, second.round, second.proposer);
                same && first < second
                    && key.verify(&first.sign_bytes(chain), first_signature)
                    && key.verify(&second.sign_bytes(chain), second_signature)
            }
        }
    }
}

/// What a consensus key signs to show that whoever names it has it: for this operator, on this chain.
pub fn possession_bytes(chain: &Hash, operator: &AccountId, key: &PublicKey) -> Vec<u8> {
    let mut bytes = POSSESSION_TAG.to_vec();
    (chain, operator, key).encode_to(&mut bytes);
    bytes
}

/// What a swarm key signs to show that it is the operator's: else one could give another's name an address of its own.
pub fn swarm_bytes(chain: &Hash, operator: &AccountId, swarm: &PublicKey) -> Vec<u8> {
    let mut bytes = SWARM_TAG.to_vec();
    (chain, operator, swarm).encode_to(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecretKey, VoteKind};

    const CHAIN: Hash = Hash([7; 32]);

    fn vote(key: &SecretKey, kind: VoteKind, round: u32, block: Option<Hash>) -> (Vote, Signature) {
        let vote = Vote { kind, height: 5, round, block, validator: ValidatorId::of_key(&key.public()) };
        let signature = key.sign(&vote.sign_bytes(&CHAIN));
        (vote, signature)
    }

    fn proposal(key: &SecretKey, round: u32, pol_round: Option<u32>, block: u8) -> (Proposal, Signature) {
        let proposer = ValidatorId::of_key(&key.public());
        let proposal = Proposal { height: 5, round, pol_round, block: Hash([block; 32]), proposer };
        let signature = key.sign(&proposal.sign_bytes(&CHAIN));
        (proposal, signature)
    }

    #[test]
    fn evidence_1_two_different_votes_of_one_round_convict_in_either_order() {
        let key = SecretKey::from_seed(&[1; 32]);
        let one = vote(&key, VoteKind::Precommit, 0, Some(Hash([1; 32])));
        for other in [vote(&key, VoteKind::Precommit, 0, Some(Hash([2; 32]))), vote(&key, VoteKind::Precommit, 0, None)] {
            let evidence = Evidence::votes(one.clone(), other.clone());
            assert_eq!(evidence, Evidence::votes(other, one.clone()));
            assert!(evidence.is_valid(&CHAIN, &key.public()));
            assert!(!evidence.is_valid(&Hash([8; 32]), &key.public()), "another chain's votes convict nobody here");
        }
    }

    #[test]
    fn evidence_1_what_an_honest_validator_signs_convicts_nobody() {
        let key = SecretKey::from_seed(&[1; 32]);
        let other_key = SecretKey::from_seed(&[2; 32]);
        let one = vote(&key, VoteKind::Precommit, 0, Some(Hash([1; 32])));
        let same = Evidence::votes(one.clone(), one.clone());
        assert!(!same.is_valid(&CHAIN, &key.public()), "one vote twice");
        for honest in [
            vote(&key, VoteKind::Prevote, 0, Some(Hash([2; 32]))),
            vote(&key, VoteKind::Precommit, 1, Some(Hash([2; 32]))),
            vote(&other_key, VoteKind::Precommit, 0, Some(Hash([2; 32]))),
        ] {
            assert!(!Evidence::votes(one.clone(), honest).is_valid(&CHAIN, &key.public()));
        }
        let (mut forged, _) = vote(&key, VoteKind::Precommit, 0, Some(Hash([2; 32])));
        forged.validator = one.0.validator;
        assert!(
            !Evidence::votes(one.clone(), (forged, one.1)).is_valid(&CHAIN, &key.public()),
            "a signature over something else"
        );
    }

    #[test]
    fn evidence_1_two_proposals_of_one_round_convict() {
        let key = SecretKey::from_seed(&[1; 32]);
        let one = proposal(&key, 3, None, 1);
        assert!(Evidence::proposals(one.clone(), proposal(&key, 3, None, 2)).is_valid(&CHAIN, &key.public()));
        assert!(Evidence::proposals(one.clone(), proposal(&key, 3, Some(1), 1)).is_valid(&CHAIN, &key.public()));
        assert!(!Evidence::proposals(one.clone(), proposal(&key, 4, None, 2)).is_valid(&CHAIN, &key.public()));
        assert!(!Evidence::proposals(one.clone(), one).is_valid(&CHAIN, &key.public()));
    }

    #[test]
    fn evidence_1_the_order_is_part_of_the_form() {
        let key = SecretKey::from_seed(&[1; 32]);
        let (one, other) = (vote(&key, VoteKind::Prevote, 0, None), vote(&key, VoteKind::Prevote, 0, Some(Hash([2; 32]))));
        let Evidence::Votes { first, first_signature, second, second_signature } = Evidence::votes(one, other) else { panic!() };
        let swapped = Evidence::Votes {
            first: second,
            first_signature: second_signature,
            second: first,
            second_signature: first_signature,
        };
        assert!(!swapped.is_valid(&CHAIN, &key.public()), "else one deed had two forms");
    }
}

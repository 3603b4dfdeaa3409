use crate::{Address, BlockHeight, Leither, Value};
use arc_malachitebft_core_types as bft;
use bft::{NilOrVal, Round, SignedExtension, VoteType};
use leither_types::{Hash, VoteKind};

/// A vote, as the engine wants it. It carries no extension (CONS-5), so that its bytes are those of [`leither_types::Vote`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// For which height.
    pub height: BlockHeight,
    /// In which round.
    pub round: u32,
    /// For which block, or against the round.
    pub value: NilOrVal<Hash>,
    /// By whom.
    pub validator: Address,
}

/// "In this round I propose the block of this id."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// For which height.
    pub height: BlockHeight,
    /// In which round.
    pub round: u32,
    /// The block's id.
    pub value: Value,
    /// The earlier round in which two thirds prevoted for it, if it is proposed again.
    pub pol_round: Option<u32>,
    /// By whom.
    pub proposer: Address,
}

/// A round as a number. The engine neither votes nor proposes outside a round; should it do so, no such round will ever come.
pub fn round_of(round: Round) -> u32 {
    round.as_u32().unwrap_or(u32::MAX)
}

impl Vote {
    /// The chain's form, by which votes are signed and certificates checked.
    pub fn to_chain(&self) -> leither_types::Vote {
        leither_types::Vote {
            kind: self.kind,
            height: self.height.0,
            round: self.round,
            block: match self.value {
                NilOrVal::Nil => None,
                NilOrVal::Val(id) => Some(id),
            },
            validator: self.validator.0,
        }
    }

    /// The engine's form.
    pub fn from_chain(vote: &leither_types::Vote) -> Self {
        Self {
            kind: vote.kind,
            height: BlockHeight(vote.height),
            round: vote.round,
            value: vote.block.map_or(NilOrVal::Nil, NilOrVal::Val),
            validator: Address(vote.validator),
        }
    }

    /// The bytes under the signature.
    pub fn sign_bytes(&self, chain: &Hash) -> Vec<u8> {
        self.to_chain().sign_bytes(chain)
    }
}

impl Proposal {
    /// The chain's form, by which proposals are signed and evidence is checked.
    pub fn to_chain(&self) -> leither_types::Proposal {
        leither_types::Proposal {
            height: self.height.0,
            round: self.round,
            pol_round: self.pol_round,
            block: self.value.0,
            proposer: self.proposer.0,
        }
    }

    /// CONS-2: the bytes under the signature.
    pub fn sign_bytes(&self, chain: &Hash) -> Vec<u8> {
        self.to_chain().sign_bytes(chain)
    }
}

impl bft::Vote<Leither> for Vote {
    fn height(&self) -> BlockHeight {
        self.height
    }

    fn round(&self) -> Round {
        Round::new(self.round)
    }

    fn value(&self) -> &NilOrVal<Hash> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<Hash> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        match self.kind {
            VoteKind::Prevote => VoteType::Prevote,
            VoteKind::Precommit => VoteType::Precommit,
        }
    }

    fn validator_address(&self) -> &Address {
        &self.validator
    }

    fn extension(&self) -> Option<&SignedExtension<Leither>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<Leither>> {
        None
    }

    // Extensions are switched off for every height, so the engine never calls this.
    fn extend(self, _: SignedExtension<Leither>) -> Self {
        self
    }
}

impl bft::Proposal<Leither> for Proposal {
    fn height(&self) -> BlockHeight {
        self.height
    }

    fn round(&self) -> Round {
        Round::new(self.round)
    }

    fn value(&self) -> &Value {
        &self.value
    }

    fn take_value(self) -> Value {
        self.value
    }

    fn pol_round(&self) -> Round {
        Round::from(self.pol_round)
    }

    fn validator_address(&self) -> &Address {
        &self.proposer
    }
}

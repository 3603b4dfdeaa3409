use super::proof::{WirePolka, WireRoundProof};
use super::{Wire, WireError, twin};
use crate::{Address, BlockHeight, CHUNK_BYTES_MAX, Leither, Part, Proposal, Value, Vote};
use arc_malachitebft_core_consensus::{LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_core_types as bft;
use bft::SignedMessage;
use leither_types::{Hash, Height, Signature, ValidatorId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

#[derive(Encode, Decode, DecodeWithMemTracking)]
pub(super) struct WireProposal {
    height: Height,
    round: u32,
    pol_round: Option<u32>,
    block: Hash,
    proposer: ValidatorId,
}

#[derive(Encode, Decode, DecodeWithMemTracking)]
enum WireMessage {
    Vote(leither_types::Vote, Signature),
    Proposal(WireProposal, Signature),
}

#[derive(Encode, Decode, DecodeWithMemTracking)]
enum WireLiveness {
    Vote(leither_types::Vote, Signature),
    Polka(WirePolka),
    SkipRound(WireRoundProof),
}

impl From<&Proposal> for WireProposal {
    fn from(p: &Proposal) -> Self {
        Self { height: p.height.0, round: p.round, pol_round: p.pol_round, block: p.value.0, proposer: p.proposer.0 }
    }
}

impl From<WireProposal> for Proposal {
    fn from(w: WireProposal) -> Self {
        Self {
            height: BlockHeight(w.height),
            round: w.round,
            value: Value(w.block),
            pol_round: w.pol_round,
            proposer: Address(w.proposer),
        }
    }
}

fn signed_vote(vote: &leither_types::Vote, signature: Signature) -> bft::SignedVote<Leither> {
    SignedMessage::new(Vote::from_chain(vote), signature)
}

impl Wire for SignedConsensusMsg<Leither> {
    const WHAT: &'static str = "consensus message";
    const BYTES_MAX: usize = 256;

    fn to_wire(&self) -> Result<Vec<u8>, WireError> {
        let twin = match self {
            SignedConsensusMsg::Vote(vote) => WireMessage::Vote(vote.message.to_chain(), vote.signature),
            SignedConsensusMsg::Proposal(p) => WireMessage::Proposal((&p.message).into(), p.signature),
        };
        Ok(twin.encode())
    }

    fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        Ok(match twin::<Self, WireMessage>(bytes)? {
            WireMessage::Vote(vote, signature) => SignedConsensusMsg::Vote(signed_vote(&vote, signature)),
            WireMessage::Proposal(p, signature) => SignedConsensusMsg::Proposal(SignedMessage::new(p.into(), signature)),
        })
    }
}

impl Wire for LivenessMsg<Leither> {
    const WHAT: &'static str = "liveness message";
    const BYTES_MAX: usize = super::PROOF_BYTES_MAX;

    fn to_wire(&self) -> Result<Vec<u8>, WireError> {
        let twin = match self {
            LivenessMsg::Vote(vote) => WireLiveness::Vote(vote.message.to_chain(), vote.signature),
            LivenessMsg::PolkaCertificate(polka) => WireLiveness::Polka(polka.try_into()?),
            LivenessMsg::SkipRoundCertificate(proof) => WireLiveness::SkipRound(proof.try_into()?),
        };
        Ok(twin.encode())
    }

    fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        Ok(match twin::<Self, WireLiveness>(bytes)? {
            WireLiveness::Vote(vote, signature) => LivenessMsg::Vote(signed_vote(&vote, signature)),
            WireLiveness::Polka(polka) => LivenessMsg::PolkaCertificate(polka.into()),
            WireLiveness::SkipRound(proof) => LivenessMsg::SkipRoundCertificate(proof.into()),
        })
    }
}

impl Wire for Part {
    const WHAT: &'static str = "part of a block";
    const BYTES_MAX: usize = CHUNK_BYTES_MAX + 256;

    fn to_wire(&self) -> Result<Vec<u8>, WireError> {
        Ok(self.encode())
    }

    fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        twin::<Self, Self>(bytes)
    }
}

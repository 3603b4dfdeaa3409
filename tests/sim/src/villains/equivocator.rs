use super::{Means, Villain};
use crate::wire::Message;
use arc_malachitebft_core_consensus::{LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_core_types::{NilOrVal, SignedMessage};
use leither_consensus::{Leither, Part, Proposal, Value, Vote};
use leither_types::{Hash, Height};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Wants two blocks to be decided. The nodes of one half hear one block and votes for it, the other half the other block and votes for
/// that; now and then somebody hears both, so that it can be caught without gossip, too.
pub struct Equivocator {
    pub rng: ChaCha8Rng,
}

/// The halves change with the height, so that everyone comes to stand with everyone.
fn in_second_half(height: Height, to: usize) -> bool {
    (to as u64 + height) % 2 == 1
}

fn height_of(message: &Message) -> Option<Height> {
    match message {
        Message::Consensus(SignedConsensusMsg::Vote(vote)) | Message::Liveness(LivenessMsg::Vote(vote)) => {
            Some(vote.message.height.0)
        }
        Message::Consensus(SignedConsensusMsg::Proposal(proposal)) => Some(proposal.message.height.0),
        Message::Parts(parts) => match parts.first() {
            Some(Part::Head { head, .. }) => Some(head.height),
            _ => None,
        },
        _ => None,
    }
}

impl Equivocator {
    /// The same step, for another block.
    fn turned(&mut self, means: &Means<'_>, vote: &Vote) -> SignedMessage<Leither, Vote> {
        let own = match vote.value {
            NilOrVal::Val(id) => Some(id),
            NilOrVal::Nil => None,
        };
        let blocks = means.app.blocks_of(vote.height.0, vote.round);
        let other = blocks.into_iter().find(|id| Some(*id) != own);
        let value = match (own, other) {
            (_, Some(other)) => NilOrVal::Val(other),
            (Some(_), None) => NilOrVal::Nil,
            (None, None) => NilOrVal::Val(Hash(self.rng.r#gen())),
        };
        let vote = Vote { value, ..vote.clone() };
        let signature = means.signer.vote(&vote);
        SignedMessage::new(vote, signature)
    }

    fn other(&mut self, means: &Means<'_>, message: &Message) -> Option<Message> {
        Some(match message {
            Message::Consensus(SignedConsensusMsg::Vote(vote)) if vote.message.validator.0 == means.me => {
                Message::Consensus(SignedConsensusMsg::Vote(self.turned(means, &vote.message)))
            }
            Message::Liveness(LivenessMsg::Vote(vote)) if vote.message.validator.0 == means.me => {
                Message::Liveness(LivenessMsg::Vote(self.turned(means, &vote.message)))
            }
            Message::Consensus(SignedConsensusMsg::Proposal(proposal)) if proposal.message.proposer.0 == means.me => {
                let (id, _) = means.app.second(proposal.message.height.0, proposal.message.round)?;
                let proposal = Proposal { value: Value(*id), pol_round: None, ..proposal.message.clone() };
                let signature = means.signer.proposal(&proposal);
                Message::Consensus(SignedConsensusMsg::Proposal(SignedMessage::new(proposal, signature)))
            }
            Message::Parts(parts) => match parts.first()? {
                Part::Head { head, .. } if head.publisher == means.me => {
                    Message::Parts(means.app.second(head.height, head.round)?.1.clone())
                }
                _ => return None,
            },
            _ => return None,
        })
    }
}

impl Villain for Equivocator {
    fn builds_two(&self) -> bool {
        true
    }

    fn send(&mut self, means: &Means<'_>, to: usize, message: &Message) -> Vec<Message> {
        let Some(height) = height_of(message) else { return vec![message.clone()] };
        let Some(other) = self.other(means, message) else { return vec![message.clone()] };
        if self.rng.gen_ratio(1, 8) {
            vec![message.clone(), other]
        } else if in_second_half(height, to) {
            vec![other]
        } else {
            vec![message.clone()]
        }
    }
}

use super::{Means, Villain};
use crate::wire::Message;
use arc_malachitebft_core_consensus::SignedConsensusMsg;
use leither_types::VoteKind;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Says too little: for one height each it keeps back blocks, proposals, precommits, half of its votes, or everything. Whom it spares
/// changes from message to message.
pub struct Withholder {
    pub rng: ChaCha8Rng,
}

impl Villain for Withholder {
    fn send(&mut self, means: &Means<'_>, to: usize, message: &Message) -> Vec<Message> {
        // "A few" are one of the others, another one each height.
        let is_favourite = means.others.get(means.height as usize % means.others.len().max(1)) == Some(&to);
        let said = match (means.height % 6, message) {
            (0, Message::Parts(_)) => is_favourite,
            (1, Message::Consensus(SignedConsensusMsg::Proposal(_))) => is_favourite,
            (2, Message::Consensus(SignedConsensusMsg::Vote(vote))) => vote.message.kind == VoteKind::Prevote || is_favourite,
            (3, Message::Consensus(_) | Message::Liveness(_)) => self.rng.r#gen(),
            (4, Message::Consensus(_) | Message::Liveness(_) | Message::Parts(_)) => is_favourite,
            (5, Message::Consensus(_) | Message::Liveness(_) | Message::Parts(_)) => false,
            // Whoever asks it for a decided block often waits in vain.
            (_, Message::Answer(..)) => self.rng.gen_ratio(1, 4),
            _ => true,
        };
        if said { vec![message.clone()] } else { Vec::new() }
    }
}

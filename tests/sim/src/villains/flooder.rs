use super::{Means, Villain};
use crate::wire::Message;
use arc_malachitebft_core_consensus::SignedConsensusMsg;
use arc_malachitebft_core_types::{NilOrVal, SignedMessage};
use leither_consensus::{Address, BlockHeight, Head, Proposal, Value, Vote, cut};
use leither_types::{Hash, Height, VoteKind};
use parity_scale_codec::Encode;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Votes and proposals to each node a second: what a home connection can take in beside its work, and far more than anyone says.
const A_SECOND: usize = 40;
/// Heights and rounds that it makes things up for.
const HEIGHTS_AHEAD: u64 = 20;
const ROUNDS_AHEAD: u32 = 60;

/// Fills whatever can be filled: everything that it signs is signed well, so only bounds keep it out.
pub struct Flooder {
    pub rng: ChaCha8Rng,
}

impl Flooder {
    fn place(&mut self, means: &Means<'_>) -> (Height, u32) {
        // Every other one is of the height under way, where nothing holds it up but the bounds on rounds.
        let ahead = if self.rng.r#gen() { 0 } else { self.rng.gen_range(0..HEIGHTS_AHEAD) };
        (means.height + ahead, self.rng.gen_range(0..ROUNDS_AHEAD))
    }

    fn vote(&mut self, means: &Means<'_>) -> Message {
        let (height, round) = self.place(means);
        let kind = if self.rng.r#gen() { VoteKind::Prevote } else { VoteKind::Precommit };
        let value = if self.rng.r#gen() { NilOrVal::Nil } else { NilOrVal::Val(Hash(self.rng.r#gen())) };
        let vote = Vote { kind, height: BlockHeight(height), round, value, validator: Address(means.me) };
        let signature = means.signer.vote(&vote);
        Message::Consensus(SignedConsensusMsg::Vote(SignedMessage::new(vote, signature)))
    }

    /// A round that it may propose in, if there is one near.
    fn turn(&mut self, means: &Means<'_>) -> Option<(Height, u32)> {
        let (height, round) = self.place(means);
        (round..round + ROUNDS_AHEAD)
            .find(|round| means.app.validators.proposer(height, *round).id() == means.me)
            .map(|round| (height, round))
    }

    fn proposal(&mut self, means: &Means<'_>) -> Option<Message> {
        let (height, round) = self.turn(means)?;
        let pol_round = self.rng.r#gen::<bool>().then_some(0).filter(|pol| *pol < round);
        let value = Value(Hash(self.rng.r#gen()));
        let proposal = Proposal { height: BlockHeight(height), round, value, pol_round, proposer: Address(means.me) };
        let signature = means.signer.proposal(&proposal);
        Some(Message::Consensus(SignedConsensusMsg::Proposal(SignedMessage::new(proposal, signature))))
    }

    /// A block that nobody needs, of a round in which it may propose.
    fn block(&mut self, means: &Means<'_>) -> Option<Message> {
        let (height, round) = self.turn(means)?;
        let mut block = means.app.disk.decided(means.height.checked_sub(1)?)?.block.clone();
        block.header.height = height;
        block.header.state_root = Hash(self.rng.r#gen());
        let bytes = block.encode();
        let len = u32::try_from(bytes.len()).ok()?;
        let head = Head { height, round, pol_round: None, publisher: means.me, block: block.id(), len };
        Some(Message::Parts(cut(head, means.signer.head(&head), &bytes).ok()?))
    }
}

impl Villain for Flooder {
    fn tick(&mut self, means: &Means<'_>) -> Vec<(usize, Message)> {
        let mut flood = Vec::new();
        for to in means.others {
            for _ in 0..A_SECOND {
                flood.push((*to, self.vote(means)));
            }
            for _ in 0..A_SECOND / 4 {
                flood.extend(self.proposal(means).map(|message| (*to, message)));
                flood.extend(self.block(means).map(|message| (*to, message)));
            }
            let len = self.rng.gen_range(0..2_000);
            flood.push((*to, Message::Junk((0..len).map(|_| self.rng.r#gen()).collect())));
            flood.push((*to, Message::Tx((0..len).map(|_| self.rng.r#gen()).collect())));
            flood.push((*to, Message::Status(means.height + self.rng.gen_range(0..1_000_000))));
            flood.push((*to, Message::Ask(self.rng.gen_range(0..means.height + 2))));
        }
        flood
    }
}

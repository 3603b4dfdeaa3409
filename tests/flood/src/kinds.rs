//! What is sent, kind by kind.

use crate::{Plan, forms};
use clap::ValueEnum;
use leither_net::{BATCH_BYTES_MAX, PROTOCOL, Request, topic};
use leither_types::{GENESIS_VERSION, Hash};
use libp2p::StreamProtocol;
use libp2p::gossipsub::IdentTopic;
use parity_scale_codec::Encode;
use rand::Rng;
use std::fmt;

/// How a node is flooded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Data swarm: gossip of random bytes.
    GossipJunk,
    /// Data swarm: gossip longer than may be.
    GossipOversized,
    /// Data swarm: gossip of well-formed transactions that nobody can pay.
    GossipValidForm,
    /// Data swarm: the same with bad signatures.
    GossipBadSignature,
    /// Data swarm: many small messages.
    GossipSmall,
    /// Data swarm: requests of random bytes.
    ExchangeJunk,
    /// Data swarm: requests longer than may be.
    ExchangeOversized,
    /// Data swarm: sensible questions, as many as go, for as much as may be.
    ExchangeMany,
    /// Either swarm: streams that are opened and left.
    Streams,
    /// Either swarm: connections that come and go.
    Handshakes,
    /// Data swarm: a peer of another chain.
    OtherChain,
    /// Data swarm: a peer of an older protocol.
    OldVersion,
    /// Consensus swarm: votes of heights and rounds to come.
    VotesFuture,
    /// Consensus swarm: pieces of blocks that nobody proposed.
    ProposalParts,
    /// Consensus swarm: random bytes where proofs of rounds are sent.
    Liveness,
    /// Consensus swarm: questions for blocks.
    Sync,
    /// Consensus swarm: random bytes, of any length, by broadcast; and subscriptions to thousands of topics.
    Broadcast,
    /// Consensus swarm: messages longer than may be.
    ConsensusOversized,
    /// Consensus swarm: false claims to be a validator.
    Proofs,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// What is sent next.
pub enum Shot {
    /// By gossip.
    Gossip(IdentTopic, Vec<u8>),
    /// On a stream of its own.
    Ask(Vec<u8>),
    /// A stream that is opened and left.
    Hold,
    /// Nothing but being there.
    Rest,
    /// The connection is left.
    Leave,
}

impl Kind {
    /// Whether it is for the swarm of the validators, where gossip is signed.
    pub fn is_consensus(self) -> bool {
        matches!(
            self,
            Kind::VotesFuture
                | Kind::ProposalParts
                | Kind::Liveness
                | Kind::Sync
                | Kind::Broadcast
                | Kind::ConsensusOversized
                | Kind::Proofs
        )
    }

    /// The protocol of the streams it opens.
    pub fn protocol(self) -> StreamProtocol {
        match self {
            Kind::OldVersion => StreamProtocol::new("/leither/exchange/0"),
            Kind::Sync => StreamProtocol::new("/leither/consensus/sync/1"),
            Kind::Proofs => StreamProtocol::new("/leither/consensus/proof/1"),
            Kind::Broadcast => StreamProtocol::new("/ax/broadcast/1.0.0"),
            _ => PROTOCOL,
        }
    }

    /// Topics that it says it wants to hear of.
    pub fn topics(self, chain: &Hash) -> Vec<IdentTopic> {
        match self.is_consensus() {
            true => ["/consensus", "/proposal_parts", "/liveness"].map(IdentTopic::new).into(),
            false => vec![topic(chain)],
        }
    }

    /// The chain that it gives out as its own.
    pub fn chain(self, chain: Hash) -> Hash {
        if self == Kind::OtherChain { Hash([9; 32]) } else { chain }
    }

    pub fn shot(self, plan: &Plan, me: &[u8]) -> Shot {
        let mut rng = rand::thread_rng();
        let gossip = |bytes| Shot::Gossip(topic(&plan.chain), bytes);
        let consensus = |topic: &str, bytes| Shot::Gossip(IdentTopic::new(topic), bytes);
        match self {
            Kind::GossipJunk => gossip(forms::junk(64 * 1024)),
            Kind::GossipOversized => gossip(forms::junk(4 * BATCH_BYTES_MAX)),
            Kind::GossipValidForm => gossip(forms::transfers(plan.chain, 250, true)),
            Kind::GossipBadSignature => gossip(forms::transfers(plan.chain, 250, false)),
            Kind::GossipSmall => gossip(forms::transfers(plan.chain, 1, false)),
            Kind::ExchangeJunk => Shot::Ask(forms::frame(&forms::junk(2_000))),
            Kind::ExchangeOversized => Shot::Ask([&u32::MAX.to_le_bytes()[..], &forms::junk(512 * 1024)].concat()),
            Kind::ExchangeMany => {
                let question = match rng.gen_range(0..9) {
                    0 => Request::Manifests,
                    1 => Request::Handovers { from: 1 },
                    2 => Request::Genesis,
                    8 => Request::Content,
                    3 => Request::Chunk { hash: Hash(rng.r#gen()) },
                    _ => Request::Blocks { from: 1, count: 64 },
                };
                Shot::Ask(forms::frame(&question.encode()))
            }
            Kind::OtherChain | Kind::OldVersion => {
                let hello = Request::Hello { chain: self.chain(plan.chain), genesis_version: GENESIS_VERSION };
                if rng.gen_ratio(1, 20) { Shot::Ask(forms::frame(&hello.encode())) } else { Shot::Rest }
            }
            Kind::Streams => Shot::Hold,
            Kind::Handshakes => Shot::Leave,
            Kind::VotesFuture => consensus("/consensus", forms::vote(plan.claim, plan.height)),
            Kind::ProposalParts => consensus("/proposal_parts", forms::part()),
            Kind::Liveness => consensus("/liveness", forms::junk(rng.gen_range(1..60_000))),
            Kind::Sync => Shot::Ask(forms::prefixed(&(1u64, plan.height + 1_000_000).encode())),
            Kind::Broadcast => Shot::Ask(match rng.r#gen() {
                true => forms::broadcast(&forms::junk(60), None),
                false => forms::broadcast(b"/sync", Some(&forms::junk(rng.gen_range(1..1_000_000)))),
            }),
            Kind::ConsensusOversized => consensus("/proposal_parts", forms::junk(4 * 1024 * 1024)),
            Kind::Proofs => Shot::Ask(forms::prefixed(&forms::proof(plan.claim, me))),
        }
    }
}

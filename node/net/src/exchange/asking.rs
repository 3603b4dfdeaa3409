use libp2p::PeerId;
use std::time::Duration;

/// NET-13: an answer that takes longer is none.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// Questions that are open at once.
pub(crate) const ASKS_MAX: usize = 16;
/// Of which so many to one peer.
pub(crate) const ASKS_A_PEER_MAX: usize = 4;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nobody to ask.
    #[error("the peer {0} is not connected, or has not said yet which chain it is of; ask another")]
    NotConnected(PeerId),
    /// Too many questions at once, or too many in too short a time.
    #[error("too much is being asked of the peer {0}; wait for answers, or ask another")]
    TooMany(PeerId),
    /// A question that no node may ask; nothing was sent.
    #[error("not asked: {0}")]
    Senseless(&'static str),
    /// It took longer than [`ASK_TIMEOUT`].
    #[error("the peer {0} did not answer within 10 s; ask for less, or another")]
    Timeout(PeerId),
    /// What came is no answer to the question. The peer is banned.
    #[error("the peer {peer} answered with junk: {why}; it is banned, ask another")]
    Junk {
        /// Who.
        peer: PeerId,
        /// What is wrong with it.
        why: String,
    },
    /// The stream or the connection ended first.
    #[error("the connection to the peer {peer} failed: {why}; ask another")]
    Lost {
        /// Who.
        peer: PeerId,
        /// How.
        why: String,
    },
    /// The swarm has ended.
    #[error("the data swarm has stopped")]
    Stopped,
}

/// What a peer did that no honest node does, found by who looked into what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Offence {
    /// A block, header or manifest of another chain.
    #[error("what it sent is of another chain")]
    WrongChain,
    /// Too little power behind it, a bad signature, or of another block.
    #[error("it sent a certificate that is not valid")]
    BadCertificate,
    /// It does not decode, or does not lead to what its header says.
    #[error("it sent a block that is not valid")]
    BadBlock,
    /// Its bytes have another hash.
    #[error("it sent a chunk that is not the one it was asked for")]
    BadChunk,
    /// The sets do not follow from one another.
    #[error("it sent a handover that is not valid")]
    BadHandover,
    /// It does not decode, or is not what a certified root says.
    #[error("it sent a snapshot's manifest that is not valid")]
    BadManifest,
    /// Blocks are missing between those that it sent, or they are not those it was asked for.
    #[error("it sent blocks with a gap")]
    Gap,
}

//! What travels between simulated nodes, as bytes by the real codecs.

use arc_malachitebft_core_consensus::{LivenessMsg, SignedConsensusMsg};
use arc_malachitebft_core_types as bft;
use bft::{ExtendedCommitCertificate, Round};
use leither_consensus::wire::{PROOF_BYTES_MAX, Wire, WireCommit, WireError};
use leither_consensus::{Leither, Part};
use leither_types::{BLOCK_BYTES_MAX, Blob, DecodeError, Height, List, TX_BYTES_MAX, codec};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

const FRAME_BYTES_MAX: usize = BLOCK_BYTES_MAX + 64 * 1024;

/// A message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A vote or a proposal.
    Consensus(SignedConsensusMsg<Leither>),
    /// Something said again, or a certificate that helps who is behind.
    Liveness(LivenessMsg<Leither>),
    /// A whole block: all of its parts at once.
    Parts(Vec<Part>),
    /// An encoded transaction.
    Tx(Vec<u8>),
    /// "I have decided up to this height."
    Status(Height),
    /// "Send me what was decided at this height."
    Ask(Height),
    /// The encoded block, and why it is final.
    Answer(Vec<u8>, ExtendedCommitCertificate<Leither>),
    /// Whatever bytes a villain likes.
    Junk(Vec<u8>),
}

/// The outer form. Within stand the bytes of the codecs that the real node uses.
#[derive(Encode, Decode, DecodeWithMemTracking)]
enum Frame {
    Consensus(Blob<{ <SignedConsensusMsg<Leither> as Wire>::BYTES_MAX }>),
    Liveness(Blob<{ <LivenessMsg<Leither> as Wire>::BYTES_MAX }>),
    Parts(List<Blob<{ <Part as Wire>::BYTES_MAX }>, 64>),
    Tx(Blob<TX_BYTES_MAX>),
    Status(Height),
    Ask(Height),
    Answer(Blob<BLOCK_BYTES_MAX>, Blob<PROOF_BYTES_MAX>),
}

fn bounded<T, const MAX: usize>(what: &'static str, items: Vec<T>) -> Result<List<T, MAX>, WireError> {
    let len = items.len();
    List::new(items).ok_or(WireError::TooMany { what, len, max: MAX })
}

fn decoded<T>(what: &'static str, answer: Result<T, DecodeError>) -> Result<T, WireError> {
    answer.map_err(|source| WireError::Decode { what, source })
}

impl Message {
    /// The bytes.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let frame = match self {
            Self::Junk(bytes) => return Ok(bytes.clone()),
            Self::Consensus(msg) => Frame::Consensus(bounded("consensus message", msg.to_wire()?)?),
            Self::Liveness(msg) => Frame::Liveness(bounded("liveness message", msg.to_wire()?)?),
            Self::Parts(parts) => {
                let parts = parts.iter().map(|part| bounded("part", part.to_wire()?)).collect::<Result<_, _>>()?;
                Frame::Parts(bounded("parts", parts)?)
            }
            Self::Tx(bytes) => Frame::Tx(bounded("transaction", bytes.clone())?),
            Self::Status(height) => Frame::Status(*height),
            Self::Ask(height) => Frame::Ask(*height),
            Self::Answer(block, commit) => {
                Frame::Answer(bounded("block", block.clone())?, bounded("commit", WireCommit::new(commit)?.encode())?)
            }
        };
        Ok(frame.encode())
    }

    /// From bytes that any node may have sent.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        Ok(match decoded("frame", codec::decode_within::<Frame>(bytes, FRAME_BYTES_MAX))? {
            Frame::Consensus(bytes) => Self::Consensus(Wire::from_wire(&bytes)?),
            Frame::Liveness(bytes) => Self::Liveness(Wire::from_wire(&bytes)?),
            Frame::Parts(parts) => Self::Parts(parts.iter().map(|part| Part::from_wire(part)).collect::<Result<_, _>>()?),
            Frame::Tx(bytes) => Self::Tx(bytes.into_vec()),
            Frame::Status(height) => Self::Status(height),
            Frame::Ask(height) => Self::Ask(height),
            Frame::Answer(block, commit) => {
                let commit: WireCommit = decoded("commit", codec::decode_within(&commit, PROOF_BYTES_MAX))?;
                Self::Answer(block.into_vec(), commit.into_engine())
            }
        })
    }

    /// The height and round that it is about, if it is about one.
    pub fn place(&self) -> Option<(Height, u32)> {
        match self {
            Self::Consensus(SignedConsensusMsg::Vote(vote)) | Self::Liveness(LivenessMsg::Vote(vote)) => {
                Some((vote.message.height.0, vote.message.round))
            }
            Self::Consensus(SignedConsensusMsg::Proposal(p)) => Some((p.message.height.0, p.message.round)),
            Self::Parts(parts) => match parts.first() {
                Some(Part::Head { head, .. }) => Some((head.height, head.round)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The vote in it, if it is one.
    pub fn vote(&self) -> Option<&leither_consensus::Vote> {
        match self {
            Self::Consensus(SignedConsensusMsg::Vote(vote)) | Self::Liveness(LivenessMsg::Vote(vote)) => Some(&vote.message),
            _ => None,
        }
    }

    /// For the event log.
    pub fn describe(&self) -> String {
        use bft::{Proposal as _, Vote as _};
        match self {
            Self::Consensus(SignedConsensusMsg::Vote(vote)) => {
                format!("{:?} h{} r{} {:?}", vote.message.kind, vote.height(), vote.message.round, vote.message.value)
            }
            Self::Consensus(SignedConsensusMsg::Proposal(p)) => {
                format!("Proposal h{} r{} pol {:?} {:?}", p.height(), p.message.round, p.message.pol_round, p.message.value)
            }
            Self::Liveness(LivenessMsg::Vote(vote)) => {
                format!("again: {:?} h{} r{} {:?}", vote.message.kind, vote.height(), vote.message.round, vote.message.value)
            }
            Self::Liveness(LivenessMsg::PolkaCertificate(c)) => {
                format!("polka h{} r{} {:?}", c.height, round(c.round), c.value_id)
            }
            Self::Liveness(LivenessMsg::SkipRoundCertificate(c)) => format!("skip h{} r{}", c.height, round(c.round)),
            Self::Parts(parts) => format!("parts {:?}", parts.first()),
            Self::Tx(bytes) => format!("tx of {} bytes", bytes.len()),
            Self::Status(height) => format!("status {height}"),
            Self::Ask(height) => format!("ask {height}"),
            Self::Junk(bytes) => format!("{} bytes of junk", bytes.len()),
            Self::Answer(block, commit) => format!("answer h{} {} bytes", commit.height, block.len()),
        }
    }
}

fn round(round: Round) -> i64 {
    round.as_i64()
}

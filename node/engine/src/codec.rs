//! The engine's codec trait over the chain's byte forms; block streams and value sync have theirs here, as only the engine knows them.

use app::consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg};
use app::engine::util::streaming::StreamContent;
use app::types::PeerId;
use app::types::codec::{Codec, HasEncodedLen};
use app::types::core::{PolkaCertificate, ValidatorProof};
use app::types::streaming::{StreamId, StreamMessage};
use app::types::sync::{RawDecidedValue, Request, Response, Status};
use arc_malachitebft_app_channel::app;
use arc_malachitebft_sync::{ValueRequest, ValueResponse};
use bytes::Bytes;
use leither_consensus::wire::{Wire, WireCommit, WireError, decode};
use leither_consensus::{BlockHeight, Leither, Part};
use leither_types::{BLOCK_BYTES_MAX, Blob, Height, List};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// Blocks in one answer of value sync.
pub const SYNC_BATCH: usize = 8;
/// Bytes in one answer of value sync.
pub const SYNC_BYTES_MAX: usize = 10 * 1024 * 1024;
/// A stream's name is no longer than this.
pub const STREAM_ID_BYTES_MAX: usize = 32;

/// Encodes and decodes everything for the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineCodec;

/// What the engine's codec can handle. A trait of this crate, so that one implementation of theirs covers all types.
pub trait Carried: Sized {
    /// The bytes.
    fn pack(&self) -> Result<Vec<u8>, WireError>;
    /// From bytes that anyone may have sent.
    fn unpack(bytes: &[u8]) -> Result<Self, WireError>;
}

impl<T: Carried> Codec<T> for EngineCodec {
    type Error = WireError;

    fn decode(&self, bytes: Bytes) -> Result<T, WireError> {
        T::unpack(&bytes)
    }

    fn encode(&self, msg: &T) -> Result<Bytes, WireError> {
        msg.pack().map(Bytes::from)
    }
}

impl HasEncodedLen<Response<Leither>> for EngineCodec {
    fn encoded_len(&self, msg: &Response<Leither>) -> Result<usize, WireError> {
        Ok(WireResponse::new(msg)?.encoded_size())
    }
}

macro_rules! carried_by_chain {
    ($($name:ty),*) => {$(
        impl Carried for $name {
            fn pack(&self) -> Result<Vec<u8>, WireError> {
                self.to_wire()
            }
            fn unpack(bytes: &[u8]) -> Result<Self, WireError> {
                Self::from_wire(bytes)
            }
        }
    )*};
}
carried_by_chain!(
    Part,
    SignedConsensusMsg<Leither>,
    LivenessMsg<Leither>,
    ProposedValue<Leither>,
    PolkaCertificate<Leither>,
    ValidatorProof<Leither>
);

#[derive(Encode, Decode, DecodeWithMemTracking)]
struct WireStream {
    stream: Blob<STREAM_ID_BYTES_MAX>,
    sequence: u64,
    /// Nothing ends the stream.
    part: Option<Part>,
}

#[derive(Encode, Decode, DecodeWithMemTracking)]
struct WireStatus {
    peer: Blob<96>,
    tip: Height,
    min: Height,
}

#[derive(Encode, Decode, DecodeWithMemTracking)]
struct WireRequest {
    from: Height,
    to: Height,
}

#[derive(Encode, Decode, DecodeWithMemTracking)]
struct WireResponse {
    start: Height,
    values: List<(Blob<BLOCK_BYTES_MAX>, WireCommit), SYNC_BATCH>,
}

fn blob<const MAX: usize>(what: &'static str, bytes: &[u8]) -> Result<Blob<MAX>, WireError> {
    Blob::new(bytes.to_vec()).ok_or(WireError::TooMany { what, len: bytes.len(), max: MAX })
}

const STREAM: (&str, usize) = ("stream of parts", Part::BYTES_MAX + 64);
const STATUS: (&str, usize) = ("sync status", 128);
const REQUEST: (&str, usize) = ("sync request", 16);
const RESPONSE: (&str, usize) = ("sync response", SYNC_BYTES_MAX);

impl Carried for StreamMessage<Part> {
    fn pack(&self) -> Result<Vec<u8>, WireError> {
        let stream = blob("stream id", &self.stream_id.to_bytes())?;
        let part = match &self.content {
            StreamContent::Data(part) => Some(part.clone()),
            StreamContent::Fin => None,
        };
        Ok(WireStream { stream, sequence: self.sequence, part }.encode())
    }

    fn unpack(bytes: &[u8]) -> Result<Self, WireError> {
        let wire: WireStream = decode(STREAM.0, STREAM.1, bytes)?;
        let content = wire.part.map_or(StreamContent::Fin, StreamContent::Data);
        Ok(Self::new(StreamId::new(wire.stream.into_vec().into()), wire.sequence, content))
    }
}

impl Carried for Status<Leither> {
    fn pack(&self) -> Result<Vec<u8>, WireError> {
        let peer = blob("peer id", &self.peer_id.to_bytes())?;
        Ok(WireStatus { peer, tip: self.tip_height.0, min: self.history_min_height.0 }.encode())
    }

    fn unpack(bytes: &[u8]) -> Result<Self, WireError> {
        let wire: WireStatus = decode(STATUS.0, STATUS.1, bytes)?;
        let source = leither_types::DecodeError::Malformed("not a peer id".into());
        let peer_id = PeerId::from_bytes(&wire.peer).map_err(|_| WireError::Decode { what: STATUS.0, source })?;
        Ok(Self { peer_id, tip_height: BlockHeight(wire.tip), history_min_height: BlockHeight(wire.min) })
    }
}

impl Carried for Request<Leither> {
    fn pack(&self) -> Result<Vec<u8>, WireError> {
        let Request::ValueRequest(ask) = self;
        Ok(WireRequest { from: ask.range.start().0, to: ask.range.end().0 }.encode())
    }

    fn unpack(bytes: &[u8]) -> Result<Self, WireError> {
        let wire: WireRequest = decode(REQUEST.0, REQUEST.1, bytes)?;
        let range = BlockHeight(wire.from)..=BlockHeight(wire.to);
        Ok(Self::ValueRequest(ValueRequest::new(range)))
    }
}

impl WireResponse {
    fn new(response: &Response<Leither>) -> Result<Self, WireError> {
        let Response::ValueResponse(answer) = response;
        let one =
            |value: &RawDecidedValue<Leither>| Ok((blob("block", &value.value_bytes)?, WireCommit::new(&value.certificate)?));
        let values = answer.values.iter().map(one).collect::<Result<Vec<_>, WireError>>()?;
        let len = values.len();
        let values = List::new(values).ok_or(WireError::TooMany { what: RESPONSE.0, len, max: SYNC_BATCH })?;
        Ok(Self { start: answer.start_height.0, values })
    }
}

impl Carried for Response<Leither> {
    fn pack(&self) -> Result<Vec<u8>, WireError> {
        Ok(WireResponse::new(self)?.encode())
    }

    fn unpack(bytes: &[u8]) -> Result<Self, WireError> {
        let wire: WireResponse = decode(RESPONSE.0, RESPONSE.1, bytes)?;
        let one = |(block, commit): (Blob<BLOCK_BYTES_MAX>, WireCommit)| {
            RawDecidedValue::new(block.into_vec().into(), commit.into_engine())
        };
        let values = wire.values.into_vec().into_iter().map(one).collect();
        Ok(Self::ValueResponse(ValueResponse::new(BlockHeight(wire.start), values)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_consensus::{Head, cut};
    use leither_types::{Certificate, CommitSig, Hash, Signature, ValidatorId};

    fn round_trip<T: Carried + PartialEq + std::fmt::Debug>(value: T, max: usize) {
        let bytes = EngineCodec.encode(&value).unwrap();
        assert!(bytes.len() <= max, "{} bytes", bytes.len());
        let back: T = EngineCodec.decode(bytes.clone()).unwrap();
        assert_eq!(back, value);
        for cut in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
            assert!(T::unpack(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(T::unpack(&[&bytes[..], &[0]].concat()).is_err());
        assert!(T::unpack(&vec![0xff; max + 1]).is_err());
        for at in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0xff;
            let _ = T::unpack(&damaged);
        }
    }

    fn certificate() -> Certificate {
        let commit = |n: u8| CommitSig { validator: ValidatorId([n; 20]), signature: Signature([n; 64]) };
        Certificate { height: 7, round: 1, block: Hash([7; 32]), signatures: List::new((0..64).map(commit).collect()).unwrap() }
    }

    fn response(blocks: usize, len: usize) -> Response<Leither> {
        let value = || RawDecidedValue::new(vec![5; len].into(), WireCommit(certificate()).into_engine());
        Response::ValueResponse(ValueResponse::new(BlockHeight(7), (0..blocks).map(|_| value()).collect()))
    }

    #[test]
    fn streams_and_sync_come_back_from_their_bytes_and_only_from_those() {
        let head = Head { height: 1, round: 0, pol_round: None, publisher: ValidatorId::default(), block: Hash::ZERO, len: 9 };
        let part = cut(head, Signature::default(), &[7; 9]).unwrap().remove(0);
        let name = StreamId::new(vec![3; STREAM_ID_BYTES_MAX].into());
        round_trip(StreamMessage::new(name.clone(), 5, StreamContent::Data(part)), STREAM.1);
        round_trip(StreamMessage::<Part>::new(name, 6, StreamContent::Fin), STREAM.1);
        let peer_id = PeerId::from_bytes(&[&[0x00, 0x20][..], &[9; 32]].concat()).unwrap();
        let status = Status { peer_id, tip_height: BlockHeight(9), history_min_height: BlockHeight(1) };
        round_trip::<Status<Leither>>(status, STATUS.1);
        let (from, to) = (BlockHeight(u64::MAX), BlockHeight(0));
        round_trip::<Request<Leither>>(Request::ValueRequest(ValueRequest::new(from..=to)), REQUEST.1);
        round_trip(response(SYNC_BATCH, 1000), RESPONSE.1);
        round_trip(response(0, 0), RESPONSE.1);
    }

    #[test]
    fn what_exceeds_its_bound_is_not_sent() {
        assert!(response(SYNC_BATCH + 1, 1).pack().is_err());
        assert!(response(1, BLOCK_BYTES_MAX + 1).pack().is_err());
        let long = StreamMessage::<Part>::new(StreamId::new(vec![0; 33].into()), 0, StreamContent::Fin);
        assert!(long.pack().is_err());
    }

    #[test]
    fn the_length_of_an_answer_is_known_before_it_is_sent() {
        let answer = response(3, 500);
        assert_eq!(EngineCodec.encoded_len(&answer).unwrap(), answer.pack().unwrap().len());
    }
}

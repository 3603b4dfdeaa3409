//! Blocks and snapshots from node to node: one question, one answer, each on a stream of its own.
//!
//! ```text
//! ask(peer, Request) -> task -> Codec (frame, bound) -> peer -> Response | AskError
//! peer -> Codec -> Desk (quota, turns, bytes held) -> Library (on a thread that may block) -> Response | Busy
//! Hello, both ways, at once and every 5 s: which chain, which program, how high -> peers_known
//! ```
//! What is asked is checked here for form, bound and fit to the question; what it means is the caller's to verify.

mod asking;
mod codec;
mod greeting;
mod serving;
mod types;

pub use asking::{ASK_TIMEOUT, AskError, Offence};
pub(crate) use asking::{ASKS_A_PEER_MAX, ASKS_MAX};
pub use codec::{Codec, Junk, PROTOCOL};
pub use greeting::PeerInfo;
pub(crate) use greeting::{Due, Peers, Standing};
pub use serving::Library;
pub(crate) use serving::{Admission, Desk, answer};
pub use types::{
    BLOCKS_BYTES_MAX, BLOCKS_MAX, Blocks, CHUNK_BYTES_MAX, CONTENT_ADDRESS_BYTES_MAX, CONTENT_ADDRESSES_MAX, HANDOVERS_MAX,
    Handover, MANIFEST_BYTES_MAX, MANIFESTS_MAX, ONE_BLOCK_BYTES_MAX, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Request, Response,
};

use libp2p::request_response;

/// NET-12: streams of the exchange on one connection, both ways together.
const STREAMS_MAX: usize = 16;

/// The protocol, as a part of the swarm.
pub(crate) type Behaviour = request_response::Behaviour<Codec>;

pub(crate) fn behaviour() -> Behaviour {
    let config = request_response::Config::default().with_request_timeout(ASK_TIMEOUT).with_max_concurrent_streams(STREAMS_MAX);
    request_response::Behaviour::new([(PROTOCOL, request_response::ProtocolSupport::Full)], config)
}

//! `/leither/content/1`: what a node says of what it holds, and how one node tells another what it provides. Question and answer.

mod codec;
mod frame;
mod types;

pub(crate) use codec::Codec;
pub(crate) use frame::Junk;
pub use types::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, ANNOUNCED_MAX, HELD_MAX, KEY_BYTES_MAX};
pub(crate) use types::{Request, Response};

use crate::Held;
use cid::Cid;
use libp2p::StreamProtocol;
use libp2p::request_response::{self, ProtocolSupport};
use std::time::Duration;

/// The name by which both sides know that they speak of the same thing.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/leither/content/1");
/// A question that is not answered by then is none.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Questions and answers under way on one connection.
const STREAMS_MAX: usize = 16;

pub(crate) type Behaviour = request_response::Behaviour<Codec>;

pub(crate) fn behaviour() -> Behaviour {
    let config = request_response::Config::default().with_request_timeout(TIMEOUT).with_max_concurrent_streams(STREAMS_MAX);
    Behaviour::new([(PROTOCOL, ProtocolSupport::Full)], config)
}

impl Response {
    /// The answer to [`Request::Held`]. A content id that is too long to be told is not told.
    pub fn of_held(held: Vec<Option<Held>>) -> Self {
        let told = |held: Held| Some((held.version, held.cid.to_bytes())).filter(|(_, cid)| cid.len() <= types::CID_BYTES_MAX);
        Self::Held(held.into_iter().map(|held| held.and_then(told)).collect())
    }

    /// What it says is held, where it answers that and so many were asked for.
    pub fn into_held(self, asked: usize) -> Option<Vec<Option<Held>>> {
        let Self::Held(all) = self else { return None };
        let read = |(version, cid): (u64, Vec<u8>)| Cid::try_from(&cid[..]).ok().map(|cid| Held { version, cid });
        (all.len() == asked).then(|| all.into_iter().map(|held| held.and_then(read)).collect())
    }
}

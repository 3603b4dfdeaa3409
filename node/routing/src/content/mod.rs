//! `/leither/content/1`: what a node says of what it holds, and how one node tells another what it provides. Question and answer.

mod codec;
mod types;

pub(crate) use codec::{Codec, Junk};
pub use types::{ANNOUNCED_MAX, HELD_MAX};
pub(crate) use types::{Request, Response};

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

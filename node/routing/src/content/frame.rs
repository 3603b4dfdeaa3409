//! Messages as bytes, before and behind the stream (ROUTE-4).

use super::types::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Request, Response};
use leither_types::{DecodeError, decode_within};
use parity_scale_codec::Encode;
use std::io;

/// What is no message of this protocol. It is handed up, not turned into an error of the stream: the sender must be named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Junk {
    /// A frame that says it is longer than it may be; nothing of it was read.
    #[error("a frame of {len} bytes where at most {max} are allowed")]
    TooLong { len: usize, max: usize },
    /// The stream ended before its frame did. A connection that broke looks alike.
    #[error("a frame that ends early")]
    Short,
    /// No message, or not in its one form.
    #[error(transparent)]
    Form(#[from] DecodeError),
    /// A message that no honest node sends.
    #[error("{0}")]
    Beyond(&'static str),
}

/// A message behind its length.
pub(crate) fn frame(message: &impl Encode) -> io::Result<Vec<u8>> {
    let message = message.encode();
    let len = u32::try_from(message.len()).map_err(io::Error::other)?;
    Ok([&len.to_le_bytes()[..], &message].concat())
}

/// A question, from what a frame holds.
pub(crate) fn request(frame: &[u8]) -> Result<Request, Junk> {
    let request = decode_within::<Request>(frame, REQUEST_BYTES_MAX)?;
    request.check().map_err(Junk::Beyond)?;
    Ok(request)
}

/// An answer, from what a frame holds.
pub(crate) fn response(frame: &[u8]) -> Result<Response, Junk> {
    let response = decode_within::<Response>(frame, RESPONSE_BYTES_MAX)?;
    response.check().map_err(Junk::Beyond)?;
    Ok(response)
}

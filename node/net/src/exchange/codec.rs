use super::types::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Request, Response};
use async_trait::async_trait;
use leither_types::{DecodeError, decode_within};
use libp2p::StreamProtocol;
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::request_response;
use parity_scale_codec::Encode;
use std::io;

/// The name by which both sides know that they speak of the same thing.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/leither/exchange/1");

/// What is no message of this protocol. It is handed up, not turned into an error of the stream: the sender must be named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Junk {
    /// A frame that says it is longer than it may be; nothing of it was read.
    #[error("a frame of {len} bytes where at most {max} are allowed")]
    TooLong {
        /// What its length says.
        len: usize,
        /// What is allowed.
        max: usize,
    },
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

/// NET-9: a frame is the length of a message, four bytes with the lowest first, and its SCALE form.
#[derive(Clone, Debug)]
pub struct Codec {
    /// How long the answer may be; known when the question is written. Each stream has a codec of its own.
    response_bytes_max: usize,
}

impl Default for Codec {
    fn default() -> Self {
        Self { response_bytes_max: RESPONSE_BYTES_MAX }
    }
}

/// Reads a frame. The space grows with what has come, never with what the length promises.
async fn read<T: AsyncRead + Unpin + Send>(io: &mut T, max: usize) -> io::Result<Result<Vec<u8>, Junk>> {
    let mut len = [0; 4];
    if let Err(error) = io.read_exact(&mut len).await {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(Err(Junk::Short)) } else { Err(error) };
    }
    let len = u32::from_le_bytes(len) as usize;
    if len > max {
        return Ok(Err(Junk::TooLong { len, max }));
    }
    let mut frame = Vec::new();
    io.take(len as u64).read_to_end(&mut frame).await?;
    Ok(if frame.len() == len { Ok(frame) } else { Err(Junk::Short) })
}

/// The frame of a message, which is gone then: a peer that reads slowly holds its answer once, not twice.
fn frame(message: impl Encode) -> io::Result<Vec<u8>> {
    let mut frame = Vec::with_capacity(message.size_hint().saturating_add(4));
    frame.extend([0; 4]);
    message.encode_to(&mut frame);
    let len = u32::try_from(frame.len().saturating_sub(4)).map_err(io::Error::other)?;
    if let Some(head) = frame.first_chunk_mut() {
        *head = len.to_le_bytes();
    }
    Ok(frame)
}

fn request(frame: &[u8]) -> Result<Request, Junk> {
    let request = decode_within::<Request>(frame, REQUEST_BYTES_MAX)?;
    request.check().map_err(Junk::Beyond)?;
    Ok(request)
}

#[async_trait]
impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Result<Request, Junk>;
    type Response = Result<Response, Junk>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Self::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(read(io, REQUEST_BYTES_MAX).await?.and_then(|frame| request(&frame)))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Self::Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let max = self.response_bytes_max;
        Ok(read(io, max).await?.and_then(|frame| Ok(decode_within(&frame, max)?)))
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Self::Request) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let request = request.map_err(io::Error::other)?;
        self.response_bytes_max = request.response_bytes_max();
        io.write_all(&frame(request)?).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: Self::Response) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let frame = frame(response.map_err(io::Error::other)?)?;
        io.write_all(&frame).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_types::{Blob, Hash};
    use libp2p::futures::executor::block_on;
    use libp2p::futures::io::Cursor;
    use libp2p::request_response::Codec as _;

    fn asked(bytes: &[u8]) -> Result<Request, Junk> {
        block_on(Codec::default().read_request(&PROTOCOL, &mut Cursor::new(bytes))).unwrap()
    }

    fn framed(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
    }

    #[test]
    fn net_9_what_is_written_is_read_and_its_form_is_fixed() {
        let request = Request::Blocks { from: 7, count: 64 };
        let mut wire = Cursor::new(Vec::new());
        block_on(Codec::default().write_request(&PROTOCOL, &mut wire, Ok(request.clone()))).unwrap();
        let wire = wire.into_inner();
        assert_eq!(wire, [13, 0, 0, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0]);
        assert_eq!(asked(&wire), Ok(request));
        let response = Response::Chunk(Blob::new(vec![3; 100_000]).unwrap());
        let mut wire = Cursor::new(Vec::new());
        block_on(Codec::default().write_response(&PROTOCOL, &mut wire, Ok(response.clone()))).unwrap();
        let read = block_on(Codec::default().read_response(&PROTOCOL, &mut Cursor::new(wire.into_inner())));
        assert_eq!(read.unwrap(), Ok(response));
    }

    #[test]
    fn net_10_junk_is_told_from_requests() {
        let mut trailing = Request::Manifests.encode();
        trailing.push(0);
        for bytes in [framed(&[99]), framed(&[]), framed(&trailing), framed(&Request::Blocks { from: 1, count: 65 }.encode())] {
            assert!(matches!(asked(&bytes), Err(Junk::Form(_) | Junk::Beyond(_))), "{bytes:?}");
        }
        assert_eq!(asked(&u32::MAX.to_le_bytes()), Err(Junk::TooLong { len: u32::MAX as usize, max: REQUEST_BYTES_MAX }));
        assert_eq!(asked(&[5, 0, 0, 0, 1]), Err(Junk::Short));
        assert_eq!(asked(&[5]), Err(Junk::Short));
    }

    #[test]
    fn net_10_an_answer_longer_than_its_question_allows_is_not_read() {
        let mut codec = Codec::default();
        let hello = Request::Hello { chain: Hash::ZERO, genesis_version: 1 };
        block_on(codec.write_request(&PROTOCOL, &mut Cursor::new(Vec::new()), Ok(hello))).unwrap();
        let long = framed(&Response::Chunk(Blob::new(vec![0; 4096]).unwrap()).encode());
        let mut from = Cursor::new(long);
        let read = block_on(codec.read_response(&PROTOCOL, &mut from)).unwrap();
        assert!(matches!(read, Err(Junk::TooLong { .. })), "{read:?}");
        assert_eq!(from.position(), 4, "nothing but the length was read");
    }
}

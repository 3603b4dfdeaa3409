use super::frame::{Junk, frame, request, response};
use super::types::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Request, Response};
use async_trait::async_trait;
use libp2p::StreamProtocol;
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::request_response;
use std::io;

/// ROUTE-4: a frame is the length of a message, four bytes with the lowest first, and its SCALE form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Codec;

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
        Ok(read(io, RESPONSE_BYTES_MAX).await?.and_then(|frame| response(&frame)))
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Self::Request) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let frame = frame(&request.map_err(io::Error::other)?)?;
        io.write_all(&frame).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: Self::Response) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let frame = frame(&response.map_err(io::Error::other)?)?;
        io.write_all(&frame).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ADDRESSES_MAX, ANNOUNCED_MAX, HELD_MAX, KEY_BYTES_MAX};
    use cid::Cid;
    use libp2p::futures::executor::block_on;
    use libp2p::futures::io::Cursor;
    use libp2p::request_response::Codec as _;
    use parity_scale_codec::Encode as _;
    use proptest::prelude::*;

    const NAME: StreamProtocol = super::super::PROTOCOL;

    fn asked(bytes: &[u8]) -> Result<Request, Junk> {
        block_on(Codec.read_request(&NAME, &mut Cursor::new(bytes))).unwrap()
    }

    fn answered(bytes: &[u8]) -> Result<Response, Junk> {
        block_on(Codec.read_response(&NAME, &mut Cursor::new(bytes))).unwrap()
    }

    fn cid_bytes() -> Vec<u8> {
        Cid::new_v1(0x55, leither_bitswap::wire::digest(0x12, b"a block").unwrap()).to_bytes()
    }

    fn biggest() -> Request {
        Request::Announce { keys: vec![vec![7; KEY_BYTES_MAX]; ANNOUNCED_MAX], addresses: vec![vec![1; 256]; ADDRESSES_MAX] }
    }

    #[test]
    fn route_4_what_is_written_is_read_and_its_form_is_fixed() {
        let request = Request::Provided { key: vec![0x12, 2, 9, 9] };
        let mut wire = Cursor::new(Vec::new());
        block_on(Codec.write_request(&NAME, &mut wire, Ok(request.clone()))).unwrap();
        assert_eq!(wire.get_ref()[..], [6, 0, 0, 0, 1, 16, 0x12, 2, 9, 9]);
        assert_eq!(asked(wire.get_ref()), Ok(request));
        for request in [biggest(), Request::Held { mimeis: vec![[3; 20]; HELD_MAX] }] {
            let wire = frame(&request).unwrap();
            assert_eq!(asked(&wire), Ok(request));
        }
        for response in [
            Response::Held(vec![Some((u64::MAX, cid_bytes())); HELD_MAX]),
            Response::Provided(true),
            Response::Announce(vec![true; ANNOUNCED_MAX]),
        ] {
            let mut wire = Cursor::new(Vec::new());
            block_on(Codec.write_response(&NAME, &mut wire, Ok(response.clone()))).unwrap();
            assert_eq!(answered(wire.get_ref()), Ok(response));
        }
    }

    #[test]
    fn route_4_what_is_beyond_a_bound_is_junk() {
        let far = [
            Request::Held { mimeis: vec![[3; 20]; HELD_MAX + 1] },
            Request::Held { mimeis: vec![] },
            Request::Provided { key: vec![1; KEY_BYTES_MAX + 1] },
            Request::Provided { key: vec![] },
            Request::Announce { keys: vec![vec![1]; ANNOUNCED_MAX + 1], addresses: vec![] },
            Request::Announce { keys: vec![vec![1; KEY_BYTES_MAX + 1]], addresses: vec![] },
            Request::Announce { keys: vec![vec![1]], addresses: vec![vec![1]; ADDRESSES_MAX + 1] },
            Request::Announce { keys: vec![vec![1]], addresses: vec![vec![1; 257]] },
        ];
        for request in far {
            assert!(matches!(asked(&frame(&request).unwrap()), Err(Junk::Beyond(_))), "{request:?}");
        }
        for response in [Response::Held(vec![None; HELD_MAX + 1]), Response::Held(vec![Some((1, vec![9; 8]))])] {
            assert!(matches!(answered(&frame(&response).unwrap()), Err(Junk::Beyond(_))), "{response:?}");
        }
        assert!(matches!(asked(&u32::MAX.to_le_bytes()), Err(Junk::TooLong { .. })));
        assert_eq!(asked(&[5, 0, 0, 0, 1]), Err(Junk::Short));
        let mut trailing = Request::Provided { key: vec![1] }.encode();
        trailing.push(0);
        let framed = [&(trailing.len() as u32).to_le_bytes()[..], &trailing].concat();
        assert!(matches!(asked(&framed), Err(Junk::Form(_))));
    }

    proptest! {
        #[test]
        fn route_4_what_is_read_of_a_damaged_message_has_its_one_form(at in any::<prop::sample::Index>(), to in any::<u8>(), kind in 0usize..5) {
            let mut wire = match kind {
                0 => frame(&Request::Held { mimeis: vec![[3; 20]; 3] }),
                1 => frame(&Request::Provided { key: vec![7; 34] }),
                2 => frame(&Request::Announce { keys: vec![vec![7; 34]; 2], addresses: vec![vec![1; 8]; 2] }),
                3 => frame(&Response::Held(vec![None, Some((7, cid_bytes()))])),
                _ => frame(&Response::Announce(vec![true, false])),
            }
            .unwrap();
            let place = at.index(wire.len());
            wire[place] = to;
            if let Ok(request) = asked(&wire) {
                prop_assert!(request.check().is_ok());
                prop_assert!(wire.starts_with(&frame(&request).unwrap()));
            }
            if let Ok(response) = answered(&wire) {
                prop_assert!(response.check().is_ok());
                prop_assert!(wire.starts_with(&frame(&response).unwrap()));
            }
        }

        #[test]
        fn route_4_no_bytes_make_it_panic_and_what_is_taken_keeps_its_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let framed = [&(bytes.len() as u32).to_le_bytes()[..], &bytes].concat();
            if let Ok(request) = asked(&framed) {
                prop_assert!(request.check().is_ok());
                prop_assert_eq!(frame(&request).unwrap(), framed.clone());
            }
            if let Ok(response) = answered(&framed) {
                prop_assert!(response.check().is_ok());
                prop_assert_eq!(frame(&response).unwrap(), framed);
            }
            let _ = (asked(&bytes), answered(&bytes));
        }
    }
}

//! CAR, version 1: a header with roots, then blocks. Written in pieces, read as a stream.

use crate::block::{self, BLOCK_BYTES_MAX, BlockError};
use crate::node::{NodeError, car_header};
use bytes::{BufMut, Bytes, BytesMut};
use cid::Cid;
use std::io::{self, Read};

/// KIT-12: roots that a header may have.
pub const ROOTS_MAX: usize = 1024;
/// KIT-12: the longest header that is read.
pub const HEADER_BYTES_MAX: usize = 128 * 1024;
/// An id's binary form: four numbers and 64 bytes of hash.
const ID_BYTES_MAX: usize = 104;
/// Version 2 wraps version 1: how far in it may begin.
const OFFSET_MAX: u64 = 1024 * 1024;

/// Why a CAR is not read on.
#[derive(Debug, thiserror::Error)]
pub enum CarError {
    /// The file or stream failed.
    #[error("the CAR could not be read: {0}")]
    Io(#[from] io::Error),
    /// It ends within a block.
    #[error("the CAR ends in the middle of a block; copy or download it again")]
    Cut,
    /// No CAR at all.
    #[error("this is no CAR of version 1 or 2: {0}")]
    Header(&'static str),
    /// A block that is too long, or an id that is none.
    #[error("the CAR has a broken section: {0}")]
    Section(&'static str),
    /// A block that is not what its id says.
    #[error("the CAR has a block that is refused: {0}")]
    Block(#[from] BlockError),
}

fn varint(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

/// The head of a CBOR value in its shortest form, which strict readers insist on. Nothing here is longer than two bytes can say.
fn cbor_head(out: &mut BytesMut, major: u8, len: usize) {
    match len {
        0..24 => out.put_u8(major << 5 | len as u8),
        24..256 => out.put_slice(&[major << 5 | 24, len as u8]),
        _ => {
            out.put_u8(major << 5 | 25);
            out.put_u16(len as u16);
        }
    }
}

/// The header, its length before it. At most [`ROOTS_MAX`] roots are named.
pub fn header(roots: &[Cid]) -> Bytes {
    let roots = roots.get(..ROOTS_MAX).unwrap_or(roots);
    // dag-cbor: {"roots": [links], "version": 1}
    let mut body = BytesMut::from(&b"\xa2\x65roots"[..]);
    cbor_head(&mut body, 4, roots.len());
    for cid in roots {
        let id = cid.to_bytes();
        body.put_slice(&[0xd8, 42]);
        cbor_head(&mut body, 2, id.len().saturating_add(1));
        body.put_u8(0);
        body.put_slice(&id);
    }
    body.put_slice(b"\x67version\x01");
    let mut out = BytesMut::new();
    varint(&mut out, body.len() as u64);
    out.put_slice(&body);
    out.freeze()
}

/// One block, its length and id before it.
pub fn section(cid: &Cid, block: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    put_section(&mut out, cid, block);
    out.freeze()
}

/// The same, behind what is there.
pub fn put_section(out: &mut BytesMut, cid: &Cid, block: &[u8]) {
    let id = cid.to_bytes();
    let len = id.len().saturating_add(block.len());
    out.reserve(len.saturating_add(10));
    varint(out, len as u64);
    out.put_slice(&id);
    out.put_slice(block);
}

/// KIT-12: reads a CAR block by block; each has been verified. Memory is one block.
pub struct Reader<R> {
    input: io::Take<R>,
    roots: Vec<Cid>,
    failed: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header. A CAR of version 2 is read without its index.
    pub fn new(input: R) -> Result<Self, CarError> {
        let mut input = input.take(u64::MAX);
        let (version, roots) = read_header(&mut input)?;
        let roots = match version {
            1 => roots,
            2 => {
                let mut fixed = [0; 40];
                exact(&mut input, &mut fixed)?;
                let number = |at: usize| {
                    let bytes = fixed.get(at..).and_then(|rest| rest.first_chunk::<8>());
                    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
                };
                let (offset, size) = (number(16), number(24));
                // Its own first bytes are eleven and forty.
                let skip = offset.checked_sub(51).filter(|skip| *skip <= OFFSET_MAX);
                let skip = skip.ok_or(CarError::Header("the blocks of version 2 begin at an odd place"))?;
                io::copy(&mut (&mut input).take(skip), &mut io::sink())?;
                input.set_limit(size);
                match read_header(&mut input)? {
                    (1, roots) => roots,
                    _ => return Err(CarError::Header("version 2 holds something else than version 1")),
                }
            }
            _ => return Err(CarError::Header("the version is neither 1 nor 2")),
        };
        Ok(Self { input, roots, failed: false })
    }

    /// The roots that the header names.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    fn section(&mut self) -> Result<Option<(Cid, Bytes)>, CarError> {
        let Some(len) = length(&mut self.input)? else { return Ok(None) };
        let len = usize::try_from(len).ok().filter(|len| (1..=BLOCK_BYTES_MAX + ID_BYTES_MAX).contains(len));
        let len = len.ok_or(CarError::Section("a block is empty or longer than 2 MiB"))?;
        let bytes = Bytes::from(bounded(&mut self.input, len)?);
        let mut rest = &bytes[..];
        let cid = Cid::read_bytes(&mut rest).map_err(|_| CarError::Section("an id cannot be read"))?;
        let block = bytes.slice(len.saturating_sub(rest.len())..);
        block::verify(&cid, &block)?;
        Ok(Some((cid, block)))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<(Cid, Bytes), CarError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.section().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

fn read_header(input: &mut impl Read) -> Result<(u64, Vec<Cid>), CarError> {
    let len = length(input)?.ok_or(CarError::Header("it is empty"))?;
    let len = usize::try_from(len).ok().filter(|len| (1..=HEADER_BYTES_MAX).contains(len));
    let bytes = bounded(input, len.ok_or(CarError::Header("its header is empty or longer than 128 KiB"))?)?;
    let (version, roots) = car_header(&bytes).map_err(|error| match error {
        NodeError::LinkId => CarError::Header("a root is no id"),
        _ => CarError::Header("its header cannot be read"),
    })?;
    if roots.len() > ROOTS_MAX {
        return Err(CarError::Header("it has more than 1024 roots"));
    }
    Ok((version, roots))
}

/// So many bytes: memory grows with what came, not with what the length promises.
fn bounded(input: &mut impl Read, len: usize) -> Result<Vec<u8>, CarError> {
    let mut bytes = Vec::new();
    input.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() == len { Ok(bytes) } else { Err(CarError::Cut) }
}

fn exact(input: &mut impl Read, into: &mut [u8]) -> Result<(), CarError> {
    input.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => CarError::Cut,
        _ => CarError::Io(error),
    })
}

/// A length in its variable form; nothing at the end of the input.
fn length(input: &mut impl Read) -> Result<Option<u64>, CarError> {
    let mut number = 0u64;
    for shift in (0..63).step_by(7) {
        let mut byte = [0];
        match exact(input, &mut byte) {
            Err(CarError::Cut) if shift == 0 => return Ok(None),
            other => other?,
        }
        number |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(Some(number));
        }
    }
    Err(CarError::Section("a length is beyond 63 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cid::multihash::Multihash;

    #[test]
    fn kit_12_a_header_is_in_its_shortest_form_and_read_again() {
        let short = Cid::new_v1(0x55, Multihash::wrap(0, b"hi").unwrap());
        let one = header(&[short]);
        assert_eq!(one[..], *b"\x1b\xa2\x65roots\x81\xd8\x2a\x47\x00\x01\x55\x00\x02hi\x67version\x01");
        let long = Cid::new_v1(0x55, Multihash::wrap(0x12, &[7; 32]).unwrap());
        for (count, head) in [(23, &[0x97u8][..]), (24, &[0x98, 24]), (255, &[0x98, 255]), (256, &[0x99, 1, 0])] {
            let header = header(&vec![long; count]);
            let list = header.windows(5).position(|five| five == b"roots").unwrap() + 5;
            assert_eq!(&header[list..list + head.len()], head);
            assert_eq!(Reader::new(&header[..]).unwrap().roots().len(), count);
        }
    }
}

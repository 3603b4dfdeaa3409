//! Files. What is sealed is the length in eight bytes, the content, and zeros up to a size that tells little.

use super::key::{For, TreeKey};
use super::{Id, Name, SealError};
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use std::io::{self, Read};
use std::ops::Range;
use zeroize::Zeroizing;

/// PRIVATE-2: what is sealed at a time, without the tag.
pub const SEGMENT_BYTES: usize = 64 << 10;
const SEGMENT: u64 = SEGMENT_BYTES as u64;
const TAG_BYTES: usize = 16;
/// A segment with its tag.
const WHOLE: u64 = SEGMENT + TAG_BYTES as u64;
const ID_BYTES: u64 = 32;
const LENGTH_BYTES: u64 = 8;
/// The smallest size that is sealed.
const PADDED_MIN: u64 = 256;
/// Longer files are refused: nobody reads them, either.
const LENGTH_MAX: u64 = 1 << 50;
/// PRIVATE-1: how many pieces of a file are known at most.
const PIECES_MAX: u64 = 1 << 20;

/// PRIVATE-7: how much is sealed of a file that long: 256 bytes at least, then Padmé, which keeps the length's first few bits and adds a sixteenth at most.
pub fn padded(len: u64) -> u64 {
    let len = len.saturating_add(LENGTH_BYTES).max(PADDED_MIN);
    let exponent = len.ilog2();
    // As many low bits are rounded away as the exponent has more than its own length in bits.
    let bits = exponent.saturating_sub(exponent.ilog2().saturating_add(1));
    let mask = (1u64 << bits).saturating_sub(1);
    len.saturating_add(mask) & !mask
}

/// PRIVATE-1: what a first reading of a file gives: its id, and of each piece a keyed hash, by which the second reading is held to the first.
///
/// A piece has 64 KiB, of files beyond 64 GiB as much more as it takes for there to be no more than 1,048,576 (16 MiB of hashes).
pub struct Known {
    id: Id,
    len: u64,
    pieces: Vec<Piece>,
}

/// Of a piece's keyed hash so much is kept: it stands in memory alone, and who has not got the key makes no other piece with the same.
type Piece = [u8; 16];

/// How long the pieces of a file are: 64 KiB, doubled as often as need be.
pub(super) fn piece_bytes(len: u64) -> u64 {
    let mut bytes = SEGMENT;
    while len.div_ceil(bytes) > PIECES_MAX {
        bytes = bytes.saturating_mul(2);
    }
    bytes
}

/// The hasher is that of ids of files: a piece is known as a file of its own would be.
fn hash_piece(hasher: &mut blake3::Hasher, bytes: &[u8]) -> Piece {
    let mut piece = Piece::default();
    hasher.reset().update(bytes).finalize_xof().fill(&mut piece);
    piece
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it changed while it was sealed")
}

impl Known {
    /// Reads all of a file that is said to be so long. Fails with `InvalidData` where it is not.
    pub fn read(key: &TreeKey, input: impl Read, len: u64) -> io::Result<Self> {
        // One byte more than there should be: a file that says less than it gives is noticed.
        let mut input = input.take(len.saturating_add(1));
        let (mut whole, mut hasher) = (key.hasher(For::FileId), key.hasher(For::FileId));
        let (mut pieces, mut buffer) = (Vec::new(), Vec::new());
        loop {
            buffer.clear();
            if input.by_ref().take(piece_bytes(len)).read_to_end(&mut buffer)? == 0 {
                break;
            }
            whole.update(&buffer);
            pieces.push(hash_piece(&mut hasher, &buffer));
        }
        if whole.count() != len {
            return Err(changed());
        }
        Ok(Self { id: whole.finalize().into(), len, pieces })
    }

    /// PRIVATE-1: the id of the file: a keyed hash of all its bytes.
    pub fn id(&self) -> Id {
        self.id
    }
}

/// The second reading: nothing of a piece is given before all of it was seen to be what it was.
struct Again<R> {
    input: R,
    hasher: blake3::Hasher,
    /// How long each is, the last one aside.
    piece_bytes: u64,
    pieces: std::vec::IntoIter<Piece>,
    buffer: Vec<u8>,
    at: usize,
}

impl<R: Read> Again<R> {
    fn fill(&mut self, known: &Piece) -> io::Result<()> {
        self.at = 0;
        self.buffer.clear();
        self.input.by_ref().take(self.piece_bytes).read_to_end(&mut self.buffer)?;
        if hash_piece(&mut self.hasher, &self.buffer) == *known { Ok(()) } else { Err(changed()) }
    }
}

impl<R: Read> Read for Again<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.buffer.len()
            && let Some(known) = self.pieces.next()
            && let Err(error) = self.fill(&known)
        {
            // Nor is what comes after it: it would stand in another place.
            self.buffer.clear();
            self.pieces = Vec::new().into_iter();
            return Err(error);
        }
        given(&self.buffer, &mut self.at, out)
    }
}

/// Gives what comes next of a buffer.
fn given(buffer: &[u8], at: &mut usize, out: &mut [u8]) -> io::Result<usize> {
    let given = buffer.get(*at..).unwrap_or_default().read(out)?;
    *at = at.saturating_add(given);
    Ok(given)
}

/// How a sealed file is cut.
struct Sealed {
    cipher: XChaCha20Poly1305,
    id: Id,
    padded: u64,
}

impl Sealed {
    fn with(key: &TreeKey, id: Id, padded: u64) -> Self {
        let file_key = Zeroizing::new(key.hash(For::FileKey, &[&id]));
        Self { cipher: XChaCha20Poly1305::new((&*file_key).into()), id, padded }
    }

    /// From its first 32 bytes and its size.
    fn of(key: &TreeKey, id: Id, size: u64) -> Result<Self, SealError> {
        let form = || SealError::Form("a file");
        let body = size.checked_sub(ID_BYTES).filter(|body| *body <= LENGTH_MAX.saturating_mul(2)).ok_or_else(form)?;
        let segments = body.div_ceil(WHOLE);
        let padded = body.checked_sub(segments.saturating_mul(TAG_BYTES as u64)).ok_or_else(form)?;
        if padded < PADDED_MIN || padded.div_ceil(SEGMENT) != segments {
            return Err(form());
        }
        Ok(Self::with(key, id, padded))
    }

    /// How many segments it has: one at least.
    fn segments(&self) -> u64 {
        self.padded.div_ceil(SEGMENT)
    }

    /// Its size.
    fn size(&self) -> u64 {
        let tags = self.segments().saturating_mul(TAG_BYTES as u64);
        ID_BYTES.saturating_add(self.padded).saturating_add(tags)
    }

    /// Where a segment lies in it.
    fn place(&self, segment: u64) -> Range<u64> {
        let start = ID_BYTES.saturating_add(segment.saturating_mul(WHOLE));
        start..start.saturating_add(WHOLE).min(self.size())
    }

    /// PRIVATE-2: number and end of the file are part of what a tag is over, so that no segment stands for another, and none is the last but the last.
    fn nonce(&self, segment: u64) -> XNonce {
        let mut nonce = XNonce::default();
        let is_last = segment.saturating_add(1) == self.segments();
        let bytes = segment.to_le_bytes().into_iter().chain([u8::from(is_last)]);
        nonce.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
        nonce
    }

    fn close(&self, segment: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
        let tag = self.cipher.encrypt_in_place_detached(&self.nonce(segment), &[], buffer);
        buffer.extend_from_slice(&tag.map_err(|_| io::Error::other("a segment is too long to be sealed"))?);
        Ok(())
    }

    /// Opens a segment in place.
    fn open(&self, segment: u64, buffer: &mut Vec<u8>) -> Result<(), SealError> {
        let altered = || SealError::Altered("a file");
        let len = buffer.len().checked_sub(TAG_BYTES).ok_or_else(altered)?;
        let tag = Tag::clone_from_slice(buffer.get(len..).unwrap_or_default());
        buffer.truncate(len);
        self.cipher.decrypt_in_place_detached(&self.nonce(segment), &[], buffer, &tag).map_err(|_| altered())
    }

    /// How long the content is, by its opened first segment.
    fn length(&self, first: &[u8]) -> Result<u64, SealError> {
        let bytes = first.first_chunk::<8>().ok_or(SealError::Form("a file"))?;
        let len = u64::from_le_bytes(*bytes);
        if len <= LENGTH_MAX && padded(len) == self.padded { Ok(len) } else { Err(SealError::Altered("a file")) }
    }
}

/// PRIVATE-1, PRIVATE-2: a file as it is read sealed, segment by segment. Fails with `InvalidData` where what comes is not what it was, before any of
/// the piece that changed is sealed: under one key and nonce there is never but one segment. Holds one segment, one piece and what is known of them.
pub struct Sealing<R> {
    input: Again<R>,
    sealed: Sealed,
    left: u64,
    next: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl<R: Read> Sealing<R> {
    /// Of what was read once, from its start.
    pub fn new(key: &TreeKey, input: R, known: Known) -> Self {
        let Known { id, len, pieces } = known;
        let input = Again {
            input,
            hasher: key.hasher(For::FileId),
            piece_bytes: piece_bytes(len),
            pieces: pieces.into_iter(),
            buffer: Vec::new(),
            at: 0,
        };
        Self { input, sealed: Sealed::with(key, id, padded(len)), left: len, next: 0, buffer: id.to_vec(), at: 0 }
    }

    /// How many bytes it will give.
    pub fn size(&self) -> u64 {
        self.sealed.size()
    }

    fn fill(&mut self) -> io::Result<()> {
        let start = self.next.saturating_mul(SEGMENT);
        let whole = self.sealed.padded.saturating_sub(start).min(SEGMENT);
        self.at = 0;
        self.buffer.clear();
        if self.next == 0 {
            // Nothing is read yet.
            self.buffer.extend_from_slice(&self.left.to_le_bytes());
        }
        let room = whole.saturating_sub(self.buffer.len() as u64).min(self.left);
        let read = self.input.by_ref().take(room).read_to_end(&mut self.buffer)?;
        if read as u64 != room {
            return Err(changed());
        }
        self.left = self.left.saturating_sub(room);
        self.buffer.resize(usize::try_from(whole).unwrap_or(SEGMENT_BYTES), 0);
        self.sealed.close(self.next, &mut self.buffer)?;
        self.next = self.next.saturating_add(1);
        Ok(())
    }
}

impl<R: Read> Read for Sealing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.buffer.len()
            && self.next < self.sealed.segments()
            && let Err(error) = self.fill()
        {
            // What is in it was not sealed.
            self.buffer.clear();
            return Err(error);
        }
        given(&self.buffer, &mut self.at, out)
    }
}

/// A sealed file that is opened as it comes, in pieces of any size. Holds one segment.
pub struct Opening {
    key: TreeKey,
    size: u64,
    name: Option<Name>,
    sealed: Option<Sealed>,
    buffer: Vec<u8>,
    next: u64,
    left: u64,
    check: blake3::Hasher,
}

impl Opening {
    /// Of a sealed file of this size; nothing of it is given where it is not the one that was called so.
    pub fn new(key: &TreeKey, size: u64, name: Option<Name>) -> Self {
        let check = key.hasher(For::FileId);
        Self { key: key.clone(), size, name, sealed: None, buffer: Vec::new(), next: 0, left: 0, check }
    }

    /// Takes what comes next of it, and gives what can be read of it by now.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), SealError> {
        while !bytes.is_empty() {
            let wanted = match &self.sealed {
                None => ID_BYTES,
                Some(sealed) => {
                    let place = sealed.place(self.next);
                    place.end.saturating_sub(place.start)
                }
            };
            let wanted = usize::try_from(wanted).unwrap_or(0).saturating_sub(self.buffer.len());
            if wanted == 0 {
                return Err(SealError::Altered("a file"));
            }
            let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
            self.buffer.extend_from_slice(taken);
            bytes = rest;
            if taken.len() == wanted {
                self.whole(out)?;
            }
        }
        Ok(())
    }

    /// The id, or a segment, has come.
    fn whole(&mut self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), SealError> {
        let Some(sealed) = &self.sealed else {
            let id = self.buffer.as_slice().try_into().map_err(|_| SealError::Form("a file"))?;
            if let Some(name) = &self.name {
                name.check(&self.key, &id)?;
            }
            self.sealed = Some(Sealed::of(&self.key, id, self.size)?);
            self.buffer.clear();
            return Ok(());
        };
        sealed.open(self.next, &mut self.buffer)?;
        let mut content = self.buffer.as_slice();
        if self.next == 0 {
            self.left = sealed.length(content)?;
            content = content.get(8..).unwrap_or_default();
        }
        let given = usize::try_from(self.left).unwrap_or(usize::MAX).min(content.len());
        let content = content.get(..given).unwrap_or_default();
        self.check.update(content);
        out(content).map_err(SealError::Out)?;
        self.left = self.left.saturating_sub(given as u64);
        self.next = self.next.saturating_add(1);
        self.buffer.clear();
        Ok(())
    }

    /// The end: all of it came, and it is what its id is of.
    pub fn finish(self) -> Result<Id, SealError> {
        let sealed = self.sealed.ok_or(SealError::Altered("a file"))?;
        let is_whole = self.next == sealed.segments() && self.buffer.is_empty() && self.left == 0;
        if is_whole && self.check.finalize() == blake3::Hash::from(sealed.id) {
            Ok(sealed.id)
        } else {
            Err(SealError::Altered("a file"))
        }
    }
}

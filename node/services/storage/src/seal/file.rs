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

/// PRIVATE-7: how much is sealed of a file that long: 256 bytes at least, then Padmé, which keeps the length's first few bits and adds a sixteenth at most.
pub fn padded(len: u64) -> u64 {
    let len = len.saturating_add(LENGTH_BYTES).max(PADDED_MIN);
    let exponent = len.ilog2();
    // As many low bits are rounded away as the exponent has more than its own length in bits.
    let bits = exponent.saturating_sub(exponent.ilog2().saturating_add(1));
    let mask = (1u64 << bits).saturating_sub(1);
    len.saturating_add(mask) & !mask
}

/// PRIVATE-1: the id of a file: a keyed hash of all its bytes. Says how many they were, too.
pub fn file_id(key: &TreeKey, input: impl Read) -> io::Result<(Id, u64)> {
    let mut hasher = key.hasher(For::FileId);
    hasher.update_reader(input)?;
    Ok((hasher.finalize().into(), hasher.count()))
}

/// How a sealed file is cut.
pub struct Sealed {
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
    pub fn of(key: &TreeKey, id: Id, size: u64) -> Result<Self, SealError> {
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
    pub fn segments(&self) -> u64 {
        self.padded.div_ceil(SEGMENT)
    }

    /// Its size.
    pub fn size(&self) -> u64 {
        let tags = self.segments().saturating_mul(TAG_BYTES as u64);
        ID_BYTES.saturating_add(self.padded).saturating_add(tags)
    }

    /// Where a segment lies in it.
    pub fn place(&self, segment: u64) -> Range<u64> {
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
    pub fn open(&self, segment: u64, buffer: &mut Vec<u8>) -> Result<(), SealError> {
        let altered = || SealError::Altered("a file");
        let len = buffer.len().checked_sub(TAG_BYTES).ok_or_else(altered)?;
        let tag = Tag::clone_from_slice(buffer.get(len..).unwrap_or_default());
        buffer.truncate(len);
        self.cipher.decrypt_in_place_detached(&self.nonce(segment), &[], buffer, &tag).map_err(|_| altered())
    }

    /// How long the content is, by its opened first segment.
    pub fn length(&self, first: &[u8]) -> Result<u64, SealError> {
        let bytes = first.first_chunk::<8>().ok_or(SealError::Form("a file"))?;
        let len = u64::from_le_bytes(*bytes);
        if len <= LENGTH_MAX && padded(len) == self.padded { Ok(len) } else { Err(SealError::Altered("a file")) }
    }
}

/// PRIVATE-1, PRIVATE-2: a file as it is read sealed, segment by segment. Fails with `InvalidData` where what comes is not what the id is of.
pub struct Sealing<R> {
    input: R,
    sealed: Sealed,
    len: u64,
    left: u64,
    next: u64,
    buffer: Vec<u8>,
    at: usize,
    check: blake3::Hasher,
}

impl<R: Read> Sealing<R> {
    /// Of content with this id and length.
    pub fn new(key: &TreeKey, input: R, id: Id, len: u64) -> Self {
        let sealed = Sealed::with(key, id, padded(len));
        Self { input, sealed, len, left: len, next: 0, buffer: id.to_vec(), at: 0, check: key.hasher(For::FileId) }
    }

    /// How many bytes it will give.
    pub fn size(&self) -> u64 {
        self.sealed.size()
    }

    fn fill(&mut self) -> io::Result<()> {
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "it changed while it was sealed");
        let start = self.next.saturating_mul(SEGMENT);
        let whole = self.sealed.padded.saturating_sub(start).min(SEGMENT);
        self.buffer.clear();
        if self.next == 0 {
            self.buffer.extend_from_slice(&self.len.to_le_bytes());
        }
        let room = whole.saturating_sub(self.buffer.len() as u64).min(self.left);
        let before = self.buffer.len();
        let read = (&mut self.input).take(room).read_to_end(&mut self.buffer)?;
        if read as u64 != room {
            return Err(changed());
        }
        self.check.update(self.buffer.get(before..).unwrap_or_default());
        self.left = self.left.saturating_sub(room);
        self.buffer.resize(usize::try_from(whole).unwrap_or(SEGMENT_BYTES), 0);
        let is_last = self.next.saturating_add(1) == self.sealed.segments();
        if is_last && self.check.finalize() != blake3::Hash::from(self.sealed.id) {
            return Err(changed());
        }
        self.sealed.close(self.next, &mut self.buffer)?;
        self.next = self.next.saturating_add(1);
        self.at = 0;
        Ok(())
    }
}

impl<R: Read> Read for Sealing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.buffer.len() {
            if self.next >= self.sealed.segments() {
                return Ok(0);
            }
            self.fill()?;
        }
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let given = rest.len().min(out.len());
        out.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
        self.at = self.at.saturating_add(given);
        Ok(given)
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

/// PRIVATE-2: the bytes of a range of a file, of which as many segments are fetched as it lies in, and the first. `fetch` gives the bytes of a range
/// of the sealed file. The range is cut to the file; whether all of the file is what it was is not looked at.
pub fn read_range(
    key: &TreeKey,
    size: u64,
    range: Range<u64>,
    fetch: &mut dyn FnMut(Range<u64>) -> io::Result<Vec<u8>>,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), SealError> {
    let id = fetch(0..ID_BYTES).map_err(SealError::Out)?;
    let sealed = Sealed::of(key, id.try_into().map_err(|_| SealError::Form("a file"))?, size)?;
    let mut opened = |segment: u64| {
        let mut buffer = fetch(sealed.place(segment)).map_err(SealError::Out)?;
        sealed.open(segment, &mut buffer)?;
        Ok::<_, SealError>(buffer)
    };
    let first = opened(0)?;
    let len = sealed.length(&first)?;
    let range = range.start.min(len).saturating_add(LENGTH_BYTES)..range.end.min(len).saturating_add(LENGTH_BYTES);
    if range.is_empty() {
        return Ok(());
    }
    let last = range.end.saturating_sub(1) / SEGMENT;
    for segment in range.start / SEGMENT..=last {
        let buffer = if segment == 0 { first.clone() } else { opened(segment)? };
        let start = segment.saturating_mul(SEGMENT);
        let place = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX).min(buffer.len());
        out(buffer.get(place(range.start)..place(range.end)).unwrap_or_default()).map_err(SealError::Out)?;
    }
    Ok(())
}

use crate::json;
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use std::fmt;

/// A blake3 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The empty tree, the parent of the first block, the absent thing.
    pub const ZERO: Hash = Hash([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Hash {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        json::bytes_of_hex(text)
            .and_then(|b| b.try_into().ok())
            .map(Self)
            .ok_or_else(|| "expected 0x and 64 hex digits".into())
    }
}

json::by_text!(Hash);

/// blake3 over a domain tag and parts, each preceded by its length so that no two lists of parts give the same input.
pub fn tagged(tag: &str, parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(tag.len() as u64).to_le_bytes()).update(tag.as_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// The hash of a value's SCALE bytes under a domain tag.
pub fn hash_of<T: Encode>(tag: &str, value: &T) -> Hash {
    value.using_encoded(|bytes| tagged(tag, &[bytes]))
}

//! Whether bytes are the block that an id names.

use bytes::Bytes;
use cid::Cid;
use sha2::{Digest, Sha256, Sha512};

/// KIT-1: the longest block that is sent, stored or read: what the exchange of blocks allows.
pub const BLOCK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// KIT-1: the longest content that an id may hold itself. (Our ids end at 64 bytes of hash, so that no longer one is read at all.)
pub const IDENTITY_BYTES_MAX: usize = 128;

/// Multihash codes, from the table of multicodecs.
pub mod hash {
    /// The content itself stands in the id.
    pub const IDENTITY: u64 = 0x00;
    /// What everybody uses.
    pub const SHA2_256: u64 = 0x12;
    /// What some use for long-lived content.
    pub const SHA2_512: u64 = 0x13;
    /// What this node's own structures use.
    pub const BLAKE3: u64 = 0x1e;
}

/// Bytes of a whole hash of this kind; nothing where it is not known.
fn hash_bytes(code: u64) -> Option<usize> {
    match code {
        hash::SHA2_256 | hash::BLAKE3 => Some(32),
        hash::SHA2_512 => Some(64),
        _ => None,
    }
}

/// Why bytes are not the block of an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Longer than any block may be.
    #[error("a block of {0} bytes is longer than {BLOCK_BYTES_MAX}; split the content into smaller blocks")]
    TooLong(usize),
    /// A hash that this node cannot check.
    #[error(
        "the id uses the hash 0x{0:x}, which is not known here; use sha2-256 (0x12), sha2-512 (0x13), blake3 (0x1e) or identity (0x00)"
    )]
    UnknownHash(u64),
    /// A hash cut short proves less than it seems to.
    #[error("the id's hash has {0} bytes, which are not all of it; use the whole hash")]
    HashLength(usize),
    /// Too much for an id.
    #[error(
        "an id that holds {0} bytes of content is refused; at most {IDENTITY_BYTES_MAX} stand in an id, the rest goes into blocks"
    )]
    IdentityTooLong(usize),
    /// Other bytes.
    #[error("the bytes do not hash to {0}; whoever sent them erred or lied, ask another")]
    Mismatch(Cid),
}

/// KIT-2: whether these bytes are what `cid` names.
pub fn verify(cid: &Cid, bytes: &[u8]) -> Result<(), BlockError> {
    check_id(cid)?;
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(BlockError::TooLong(bytes.len()));
    }
    let digest = cid.hash().digest();
    let same = match cid.hash().code() {
        hash::SHA2_256 => Sha256::digest(bytes).as_slice() == digest,
        hash::SHA2_512 => Sha512::digest(bytes).as_slice() == digest,
        hash::BLAKE3 => blake3::hash(bytes).as_bytes() == digest,
        _ => bytes == digest,
    };
    if same { Ok(()) } else { Err(BlockError::Mismatch(*cid)) }
}

/// KIT-2: whether the bytes behind an id could be checked at all: worth asking before anything is fetched.
pub fn check_id(cid: &Cid) -> Result<(), BlockError> {
    let len = cid.hash().digest().len();
    match cid.hash().code() {
        hash::IDENTITY if len <= IDENTITY_BYTES_MAX => Ok(()),
        hash::IDENTITY => Err(BlockError::IdentityTooLong(len)),
        code => match hash_bytes(code) {
            Some(whole) if whole == len => Ok(()),
            Some(_) => Err(BlockError::HashLength(len)),
            None => Err(BlockError::UnknownHash(code)),
        },
    }
}

/// The content that stands in the id itself. Nothing where it is a real hash: then the block must be fetched.
pub fn inline(cid: &Cid) -> Option<Bytes> {
    let held = cid.hash().code() == hash::IDENTITY && check_id(cid).is_ok();
    held.then(|| Bytes::copy_from_slice(cid.hash().digest()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cid::multihash::Multihash;

    fn id(code: u64, digest: &[u8]) -> Cid {
        Cid::new_v1(0x55, Multihash::wrap(code, digest).unwrap())
    }

    #[test]
    fn kit_2_only_the_bytes_that_were_hashed_pass() {
        let bytes = b"hello";
        let blake3 = id(hash::BLAKE3, blake3::hash(bytes).as_bytes());
        let sha2 = [id(hash::SHA2_256, &Sha256::digest(bytes)), id(hash::SHA2_512, &Sha512::digest(bytes))];
        for cid in sha2.into_iter().chain([blake3, id(hash::IDENTITY, bytes)]) {
            assert_eq!(verify(&cid, bytes), Ok(()));
            assert_eq!(verify(&cid, b"hullo"), Err(BlockError::Mismatch(cid)));
        }
    }

    #[test]
    fn kit_2_other_hashes_and_hashes_cut_short_are_refused_by_name() {
        assert_eq!(verify(&id(0x11, &[0; 20]), b""), Err(BlockError::UnknownHash(0x11)));
        let short = id(hash::SHA2_256, &Sha256::digest(b"hello")[..20]);
        assert_eq!(verify(&short, b"hello"), Err(BlockError::HashLength(20)));
        assert!(verify(&short, b"").unwrap_err().to_string().contains("use the whole hash"));
    }

    #[test]
    fn kit_1_a_block_that_is_too_long_is_refused_whatever_its_hash() {
        let bytes = vec![0; BLOCK_BYTES_MAX + 1];
        let cid = id(hash::BLAKE3, blake3::hash(&bytes).as_bytes());
        assert_eq!(verify(&cid, &bytes), Err(BlockError::TooLong(bytes.len())));
        let cid = id(hash::BLAKE3, blake3::hash(&bytes[1..]).as_bytes());
        assert_eq!(verify(&cid, &bytes[1..]), Ok(()));
    }

    #[test]
    fn what_stands_in_an_id_needs_no_block() {
        assert_eq!(inline(&id(hash::IDENTITY, b"hello")), Some(Bytes::from_static(b"hello")));
        assert_eq!(inline(&id(hash::SHA2_256, &[0; 32])), None);
    }
}

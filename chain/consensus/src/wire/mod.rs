//! The bytes of everything that consensus sends, receives or writes down: SCALE, bounded, canonical (CONS-6).
//!
//! The engine's types are not ours to derive for, so each has a plain twin here, converted both ways. Whatever a peer sends either
//! decodes within its bound and encodes back to the same bytes, or is refused; nothing panics.

mod entry;
mod message;
mod proof;

use leither_types::{DecodeError, List, SIGNATURES_MAX};
use parity_scale_codec::{DecodeWithMemTracking, Encode};

pub use proof::{PROOF_BYTES_MAX, WireCommit};

/// Why something has no bytes, or bytes are nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not what was expected.
    #[error("{what}: {source}")]
    Decode {
        /// What was expected.
        what: &'static str,
        /// What stands against it.
        source: DecodeError,
    },
    /// More of something than the wire carries.
    #[error("{what}: {len} where the wire carries {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        len: usize,
        /// How many there may be.
        max: usize,
    },
    /// Outside any round, where a round is needed.
    #[error("{0} without a round")]
    NoRound(&'static str),
}

/// Has a byte form on the wire or in the write-ahead log.
pub trait Wire: Sized {
    /// What it is called in errors.
    const WHAT: &'static str;
    /// Its bytes are no more than these.
    const BYTES_MAX: usize;

    /// The bytes.
    fn to_wire(&self) -> Result<Vec<u8>, WireError>;
    /// From bytes that anyone may have sent.
    fn from_wire(bytes: &[u8]) -> Result<Self, WireError>;
}

/// Decodes at most `max` bytes of `what`.
pub fn decode<D: DecodeWithMemTracking + Encode>(what: &'static str, max: usize, bytes: &[u8]) -> Result<D, WireError> {
    leither_types::decode_within(bytes, max).map_err(|source| WireError::Decode { what, source })
}

/// Decodes a twin within the bound of what it is the twin of.
pub(crate) fn twin<T: Wire, D: DecodeWithMemTracking + Encode>(bytes: &[u8]) -> Result<D, WireError> {
    decode(T::WHAT, T::BYTES_MAX, bytes)
}

/// A list of at most one entry a validator.
pub(crate) fn signatures<T>(what: &'static str, items: Vec<T>) -> Result<List<T, SIGNATURES_MAX>, WireError> {
    let len = items.len();
    List::new(items).ok_or(WireError::TooMany { what, len, max: SIGNATURES_MAX })
}

//! The one way in for untrusted bytes: capped in size, in depth and in memory, and canonical (what decodes must encode back to the
//! same bytes, so that a thing has one hash).

use parity_scale_codec::{DecodeLimit, DecodeWithMemTracking, Encode, MemTrackingInput};

/// Structures nest no deeper.
pub const DEPTH_MAX: u32 = 16;
/// Decoding `n` bytes may allocate at most `n` times this and a constant.
const MEMORY_FACTOR: usize = 16;

/// Why bytes were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than its kind may be.
    #[error("{len} bytes where at most {max} are allowed")]
    TooLong {
        /// What came.
        len: usize,
        /// What is allowed.
        max: usize,
    },
    /// No such structure, a length beyond its bound, or nested too deeply.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Decodes, but is not the form that encoding gives: trailing bytes or a padded length.
    #[error("not the canonical form")]
    NotCanonical,
}

/// Decodes `bytes`, of which there may be at most `max`.
pub fn decode_within<T: DecodeWithMemTracking + Encode>(bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::TooLong { len: bytes.len(), max });
    }
    // All bounds in one pass: a first pass that bounds memory alone would follow a nest of any depth until the stack is gone.
    let budget = bytes.len().saturating_mul(MEMORY_FACTOR).saturating_add(4096);
    let mut rest = bytes;
    let value = T::decode_with_depth_limit(DEPTH_MAX, &mut MemTrackingInput::new(&mut rest, budget));
    canonical(value.map_err(|e| DecodeError::Malformed(e.to_string()))?, rest, bytes)
}

/// Decodes bytes whose size was already bounded by whoever read them.
pub fn decode<T: parity_scale_codec::Decode + Encode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut rest = bytes;
    let value = T::decode_with_depth_limit(DEPTH_MAX, &mut rest).map_err(|e| DecodeError::Malformed(e.to_string()))?;
    canonical(value, rest, bytes)
}

fn canonical<T: Encode>(value: T, rest: &[u8], bytes: &[u8]) -> Result<T, DecodeError> {
    let same = rest.is_empty() && value.using_encoded(|again| again == bytes);
    if same { Ok(value) } else { Err(DecodeError::NotCanonical) }
}

/// Decodes what this program wrote itself: all bytes, nothing more is asked.
pub fn decode_trusted<T: parity_scale_codec::Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    use parity_scale_codec::DecodeAll;
    T::decode_all(&mut &bytes[..]).map_err(|e| DecodeError::Malformed(e.to_string()))
}

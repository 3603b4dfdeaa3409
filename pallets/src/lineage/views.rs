//! Where the chain comes from.

use super::{Past, keys};
use leither_state::{Fault, Read};

/// The chains that this one goes on from, the oldest first.
pub fn pasts(state: &dyn Read) -> Result<Vec<Past>, Fault> {
    Ok(keys::PASTS.read(state)?.unwrap_or_default().into_vec())
}

/// The key of the record that says so, for proofs.
pub fn key() -> Vec<u8> {
    keys::PASTS.key()
}

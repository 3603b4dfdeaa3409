//! Which chains this one goes on from. A chain that never was recovered has nothing here.
//!
//! - RECOVER-3: each recovery adds the chain that it ended, the last line that of the newest; nothing is ever taken out.

mod keys;
mod types;
pub mod views;

pub use types::Past;

use leither_state::{Fault, Overlay};
use leither_types::List;

/// A chain may have been recovered so often.
pub const PASTS_MAX: usize = 64;

/// RECOVER-3. `false`: the list is full.
pub(crate) fn add(state: &mut Overlay, past: Past) -> Result<bool, Fault> {
    let mut pasts: List<Past, PASTS_MAX> = keys::PASTS.get(state)?.unwrap_or_default();
    if pasts.push(past).is_err() {
        return Ok(false);
    }
    keys::PASTS.put(state, &pasts);
    Ok(true)
}

//! Streams: money that is paid over time, or becomes free over time. It is locked with who opened it until it is due, so that it is surely
//! there, and nobody has to be trusted with it.
//!
//! ```text
//! open: locked --draw (anybody)--> what is due goes to the payee --last draw--> the record goes, the deposit comes back
//!              \--cancel--------> what is due goes to the payee, the rest is free again
//! ```
//! - STREAM-1: opening locks all of it; times, step and length are bounded; a record has a deposit.
//! - STREAM-2: nothing is due before the cliff, all from the end on, between them the steps that have passed, rounded down.
//! - STREAM-3: anybody causes a draw; it pays what is due and not yet drawn, so that all draws together are the amount.
//! - STREAM-4: who opened it ends it unless it is fixed, the payee at any time; what is due is paid, the rest is the opener's again.
//! - STREAM-5: a stream to oneself frees one's own units over time; it is fixed, and nobody ends it.
//! - STREAM-6: what is locked earns dividends for who opened it, and is not cast in votes.
//! - STREAM-7: a contract opens streams of its own, and within its mandate of the treasury, booked in full; for the treasury it ends only
//!   what it has opened itself.
//! - STREAM-8: a contract issues units that become free over time; the deposit is the organization's.

mod calls;
mod errors;
mod events;
mod keys;
mod types;
pub mod views;

pub(crate) use calls::open;
pub use calls::{Call, apply};
pub use errors::Error;
pub use events::Event;
pub use types::{AWAY_MS_MAX, LENGTH_MS_MAX, OPEN_MAX, STEP_MS_MIN, Side, Stream, Terms};

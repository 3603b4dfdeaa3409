//! MiMei heads: which version of a versioned object is its newest. The bytes live off chain; here stand number and content id.
//!
//! - MIMEI-1: the id follows from author, app, type and mark; the same four give the same MiMei, `{{auto}}` a new one each time (R1, R2).
//! - MIMEI-2: a head moves by compare-and-set: whoever saw an older head is refused and loses nothing (R4, R9).
//! - MIMEI-3: only the owner, or who was granted the right by this very owner, writes (R16).
//! - MIMEI-4: `release` points at an existing version and moves only on command (R5).
//! - MIMEI-5: a fork keeps a pointer to the version it came from; its edits do not touch the parent (R7).
//! - MIMEI-6: history is a hash chain over (number, content, time): constant state, every past version provable from the blocks.
//! - MIMEI-7: references are counted at both ends (R6).

mod calls;
mod errors;
mod events;
mod keys;
mod types;
pub mod views;

pub use calls::{Call, apply};
pub use errors::Error;
pub use events::Event;
pub use types::{Head, MARK_AUTO, Right, Rights, Version};

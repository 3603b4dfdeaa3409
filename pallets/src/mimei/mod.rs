//! MiMei heads: which version of a versioned object is its newest. The bytes live off chain; here stand number and content id.
//!
//! - MIMEI-1: the id follows from author, app, type and mark; the same four give the same MiMei, `{{auto}}` a new one each time (R1, R2).
//! - MIMEI-2: a head moves by compare-and-set: whoever saw an older head is refused and loses nothing (R4, R9).
//! - MIMEI-3: only the owner, or who was granted the right by this very owner, writes (R16).
//! - MIMEI-4: `release` points at an existing version and moves only on command (R5).
//! - MIMEI-5: a fork keeps a pointer to the version it came from; its edits do not touch the parent (R7).
//! - MIMEI-6: history is a hash chain over (number, content, time): constant state, every past version provable from the blocks.
//! - MIMEI-7: references are counted at both ends (R6).
//! - MIMEI-8: a mask says what whole groups may: guests, members of the owning organization, its supervisors (R16).
//! - MIMEI-9: a grant decides alone for its account, also to deny; taking it away leaves what the groups may.
//! - MIMEI-10: a member's or supervisor's rights last as long as that is what one is.

mod calls;
mod errors;
mod events;
mod keys;
mod types;
pub mod views;

pub use calls::{Call, apply};
pub use errors::Error;
pub use events::Event;
pub use types::{Group, Head, MARK_AUTO, Mask, Right, Rights, Version};
pub use views::View;

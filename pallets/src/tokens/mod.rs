//! Tokens: the native `mei` and one for each organization. Each unit was issued for a stated reason with evidence; holders earn a
//! dividend of what the organization takes in.
//!
//! - TOKENS-1: supply = issued - burned, at every root, and never above 2^96 - 1 (R50, R65).
//! - TOKENS-2: a transfer is of more than nothing, and takes from what is free (R65).
//! - TOKENS-3: an income is shared by an index of 256 bits a unit with the remainder carried; nothing is rounded away (R55).
//! - TOKENS-4: a holder's dividend is settled before its balance changes, so that later units earn nothing from earlier income.
//! - TOKENS-5: the treasury's own units and those that wait in a pot earn nothing; without other units the income is the treasury's.
//! - TOKENS-6: what has accrued never expires; it is claimed, or pushed in bounded pages.
//! - TOKENS-7: a symbol names one token, for ever.
//! - TOKENS-8: what is split is given out to the last unit: each the whole units of its share, the first besides what is left over.

mod calls;
mod dividends;
mod errors;
mod events;
mod keys;
mod pushes;
mod split;
mod types;
pub mod views;

pub use calls::{Call, apply, pay};
pub(crate) use calls::{begin, burn, burn_fee, change_locked, create, issue};
pub use dividends::Accrual;
pub(crate) use dividends::{claim, outstanding, share_out};
pub use errors::Error;
pub use events::Event;
pub(crate) use pushes::{push_page, restart_pushes, start as start_push};
pub(crate) use split::{check_shares, split};
pub use types::{SHARES_MAX, Share, Symbol, TokenInfo, WHOLE_BP};

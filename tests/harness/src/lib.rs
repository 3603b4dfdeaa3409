//! A whole chain in memory, without consensus, net or disk: what tests of meaning stand on.
//!
//! ```text
//! Chain::call(who, call) --sign--> build --> execute (must agree) --> commit to Memory --> audit --> Receipt
//! ```
//! [`Chain`] has ten funded accounts, alice to judy, validators that sign every certificate, and a clock that the test turns.
//! [`Memory`] is the state, a cheap snapshot by `Arc`; [`Failing`] is a state whose n-th read fails. After each block every token's books
//! are summed up ([`audit`]); a chain that breaks them panics at once.
//!
//! For tests alone: what goes wrong here panics.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod audit;
mod chain;
mod failing;
mod memory;
mod names;
mod orgs;
mod plan;
mod recover;

pub use audit::{audit, tokens_in};
pub use chain::{Chain, Setup};
pub use failing::Failing;
pub use leither_executor as executor;
pub use leither_pallets as pallets;
pub use memory::Memory;
pub use names::{NAMES, account, key, text};
pub use orgs::{charter, issue, proposal, transfer};
pub use plan::Plan;

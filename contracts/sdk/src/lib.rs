//! What Leither adds to the CosmWasm ABI, for authors of contracts and for the chain that reads them: one source for both sides.
//!
//! A contract is an account like any other: what it does with its own money and MiMei it does by bank messages and by the messages here that
//! name nobody's power. An organization that names it its *consensus contract* lends it a mandate, within which it acts as the organization:
//! it admits, gives roles, issues units for stated work, spends from the treasury. The contract decides; the chain moves the money and keeps the
//! invariants, whatever the contract says (`spec/contracts.md`, WASM-10 to WASM-13).
//!
//! ```text
//! Response::<LeitherMsg>::new().add_message(LeitherMsg::Split { .. })
//! Leither::new(&deps.querier).member(&org, &who)?
//! ```
//! Numbers are text where they may exceed 2^53 (those that are none stay below it), addresses are `lth1…`, organizations `lthorg1…`, MiMei `lthmm1…`, money is named `nmei` or
//! `lthtok1…`, hashes are `0x` and 64 hex digits.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod ask;
mod checks;
mod msg;
mod query;
mod shares;
mod signed;
mod store;
/// A chain of one organization, for contracts' tests.
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod testing;

pub use ask::{DAY_MS, HOUR_MS, Leither, now_ms};
pub use checks::{Refusal, UNITS_MAX, evidence, take_no_money};
pub use msg::{LeitherMsg, Role, SHARES_MAX, Share, Source, WHOLE_BP};
pub use query::{
    DividendAnswer, LeitherQuery, MandateAnswer, MemberAnswer, MemberRow, MembersAnswer, MimeiAnswer, OrgAnswer, OrgOfAnswer,
    ProposalAnswer, ProposalStage, RightAnswer, ScheduleAnswer, SpendLeft, StreamAnswer, StreamsAnswer, TableAnswer, TokenAnswer,
};
pub use shares::{Payee, add_share, are_names, are_payees, divide_bp, is_whole};
pub use signed::{View, Voucher, account_of, is_nobodys, signer_of};
pub use store::{Item, Key, Map, page};

//! Contracts of the CosmWasm ABI: code, instances, and what their messages do. wasmd is the reference for order and atomicity; the gas table is ours.
//!
//! ```text
//! upload (pieces) -> store (checked, compiled) -> instantiate -> execute | migrate
//! execute: funds move, the contract runs, its answer's messages are done one after the other, each with all that follows from it:
//!          message -> done, reply to the sender -> next | refused: taken back; told to the sender if it asked, else all is refused
//! ```
//! - WASM-1: what a contract does is done whole or not at all; a message that fails takes back its own doing and that of what it led to, no more.
//! - WASM-2: messages are done depth first, in the order in which they were answered; a reply comes at once, before the next one.
//! - WASM-3: gas is bounded by the call, by a message's own limit within that; a call pays for all that it allows.
//! - WASM-4: code is named by its sha256, checked once, kept in the state; the same bytes stored again are the same code.
//! - WASM-5: an address follows from the number of instances before, or from code, creator and salt; nobody has its key.
//! - WASM-6: a contract gets new code by its admin alone, and keeps its data; without an admin it never does.
//! - WASM-7: what a contract is told of a failure is its callee's own words, or a number: never a text of the machine.
//! - WASM-8: contracts call one another at most 100 deep, and ask one another at most 10 deep.
//! - WASM-9: a failure of this machine is a fault, and never a receipt.
//! - WASM-10: what a contract has done of the chain's own it may do as anybody may, at the price that anybody pays.
//! - WASM-11: as an organization it acts only while that names it, and within the mandate; nobody but the organization, by vote, changes it.
//! - WASM-12: a split gives out all of it: shares are one whole, or nothing moves (TOKENS-8).
//! - WASM-13: what it asks of organizations, members, tokens and MiMei is what stands in the state, its own call's doing included.
//! - WASM-14: what it has told to itself by time is told in blocks' ends, out of a budget of its own, and hinders nobody.
//! - WASM-15: who enters code that no node need have at hand pays for its being read; what is at hand is said by the chain.

mod calls;
mod code;
mod custom;
mod custom_queries;
mod custom_streams;
mod errors;
mod events;
mod gas;
mod host;
mod keys;
mod money;
mod pulses;
mod queries;
mod respond;
mod run;
mod trace;
mod types;
pub mod views;
mod warm;

pub use calls::{COINS_MAX, Call, MESSAGE_BYTES_MAX, PIECE_BYTES_MAX, apply};
pub use errors::Error;
pub use events::{Event, Pair};
pub use gas::{GAS_MAX, GAS_PER_WEIGHT, weight_of_gas};
pub(crate) use pulses::{PULSES_PART, run_due};
pub use trace::{Entered, Watch};
pub use types::{Chosen, Code, Coin, Contract, Contracts, Schedule};

//! What happens inside contracts, for whoever watches them on one node: a replay, never a block.

use leither_types::AccountId;
use leither_vm::{Call, Failure};

/// An entry into a contract.
#[derive(Clone, Copy, Debug)]
pub struct Entered<'a> {
    /// How many contracts led here: by messages, then by questions.
    pub depth: u32,
    /// Which.
    pub contract: &'a AccountId,
    /// By which code, where, with what.
    pub call: &'a Call<'a>,
}

/// TRACE-1: hears of all that contracts do. It is told, and cannot answer: neither state nor gas nor receipts depend on it. Whoever implements it
/// bounds what is kept.
pub trait Watch: Send + Sync {
    /// A contract was entered. What follows is its own until it is left, but for those that it asks.
    fn entered(&self, entered: &Entered<'_>);
    /// It writes a line for its author.
    fn debug(&self, line: &str);
    /// VM-1: how the engine words the failure that the contract is left with.
    fn failed(&self, words: &str);
    /// It was left: what it used, and what it answered, its messages still to be done.
    fn left(&self, gas: u64, answer: Result<&[u8], Failure>);
    /// A message of a contract, with the number that its sender gave it, was taken back with all that it led to. `depth` is its own.
    fn refused(&self, depth: u32, sender: &AccountId, id: u64, why: &str);
}

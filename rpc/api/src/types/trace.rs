use super::{Account, Balance, Receipt, TokenKey};
use crate::{Bytes, Hash32, U64};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rows of a [`StateChanges`] at most, kinds of other records aside.
pub const CHANGES_MAX: usize = 256;
/// Of a value in a [`StateChanges`] so many bytes are shown.
pub const CHANGE_BYTES_MAX: usize = 512;
/// Steps of a [`Trace`] that are shown from its beginning, and from its end.
pub const STEPS_FIRST: usize = 64;
/// From its end.
pub const STEPS_LAST: usize = 192;
/// Of a message, an answer or the engine's words in a [`Trace`] so many bytes are shown.
pub const TRACE_BYTES_MAX: usize = 4_096;
/// Lines that a contract writes in one entry: the first ones.
pub const DEBUG_LINES_MAX: usize = 32;
/// Characters of one of them.
pub const DEBUG_CHARS_MAX: usize = 512;

/// Bytes as people read them: `text` where all of them can be printed, else `hex`. Cut where they are long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Excerpt {
    /// How many there are; more than are shown where they were cut.
    pub bytes: u32,
    /// As text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// As they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<Bytes>,
}

/// What changes between two states. At most 256 rows of balances and data together, balances first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StateChanges {
    /// What accounts have, fees included.
    pub balances: Vec<BalanceChange>,
    /// What contracts keep.
    pub data: Vec<DataChange>,
    /// All other records, counted by their kind.
    pub records: Vec<RecordChanges>,
    /// Rows of balances and data that were left off.
    pub more: u32,
}

/// What an account has of a token, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BalanceChange {
    /// Whose.
    pub account: Account,
    /// The token.
    pub token: TokenKey,
    /// Its short name.
    pub symbol: String,
    /// Before.
    pub before: Balance,
    /// After. Where it is the same, something else about the account has changed: its nonce, or its key was bound.
    pub after: Balance,
}

/// What a contract keeps under a key, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DataChange {
    /// Whose.
    pub contract: Account,
    /// The contract's own key.
    pub key: Bytes,
    /// The key as text, if it can be printed; where it is made of parts as common libraries make it, these with `/` between.
    pub key_text: Option<String>,
    /// Nothing: it was not there. At most 512 bytes are shown.
    pub before: Option<Excerpt>,
    /// Nothing: it was removed. At most 512 bytes are shown.
    pub after: Option<Excerpt>,
}

/// How many records of one kind change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordChanges {
    /// Which part of the rules they belong to: `orgs`, `mimei`, `tokens`, `staking`, `params`, `lineage`, `wasm` (codes and instances).
    pub kind: String,
    /// Written, new or anew.
    pub written: u32,
    /// Removed.
    pub removed: u32,
}

/// What happened inside a transaction that is final.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// Its id.
    pub tx: Hash32,
    /// The block's number.
    pub height: U64,
    /// Its place in the block.
    pub index: u32,
    /// What it did, as the block's receipts say.
    pub receipt: Receipt,
    /// What the replay came to, if that is something else: then this node's machine is at fault.
    pub differs: Option<Receipt>,
    /// What happened, in order: the first 64 steps and the last 192.
    pub steps: Vec<TraceStep>,
    /// Steps that were left off between those.
    pub more: u32,
    /// What it changed.
    pub changes: StateChanges,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "most steps are entries")]
pub enum TraceStep {
    /// A contract was entered.
    Entered(TraceEntry),
    /// A message of a contract was taken back, with all that it led to.
    Refused(TraceRefusal),
}

/// An entry into a contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceEntry {
    /// How many contracts led here.
    pub depth: u32,
    /// Which contract.
    pub contract: Account,
    /// Where: `instantiate`, `execute`, `query`, `migrate`, `sudo`, `reply`.
    pub entry: String,
    /// sha256 of its code.
    pub checksum: Hash32,
    /// Who sent the message; nobody at `query` and `reply`.
    pub sender: Option<Account>,
    /// What came with it.
    pub funds: Vec<TraceCoin>,
    /// The message. At most 4,096 bytes are shown.
    pub msg: Excerpt,
    /// Gas that it was given.
    pub gas_given: U64,
    /// Gas that its code used, questions that it asked included, messages that follow not.
    pub gas: U64,
    /// What the contract wrote for its author (`deps.api.debug`): the first 32 lines, of each the first 512 characters.
    pub debug: Vec<String>,
    /// Lines that were left off.
    pub debug_more: u32,
    /// What it answered, its own error included. At most 4,096 bytes are shown.
    pub answer: Option<Excerpt>,
    /// Why there is no answer.
    pub failure: Option<String>,
    /// The engine's own words for that; they differ between machines, and no receipt has them.
    pub engine: Option<String>,
}

/// Money that comes with a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceCoin {
    /// As contracts name it: `nmei`, or a token's id.
    pub denom: String,
    /// In smallest units.
    pub amount: String,
}

/// A message that was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceRefusal {
    /// How many contracts led to it.
    pub depth: u32,
    /// Which contract had sent it.
    pub sender: Account,
    /// The number that the sender gave it.
    pub id: U64,
    /// Why.
    pub why: String,
}

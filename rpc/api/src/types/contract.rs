use super::{Account, Balance};
use crate::{Cursor, Hash32, Limit, U64, U128};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which contract.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetContract {
    /// Its address.
    pub contract: Account,
}

/// A contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContractView {
    /// Its address.
    pub contract: Account,
    /// The number of its code.
    pub code: U64,
    /// sha256 of its code.
    pub checksum: Hash32,
    /// Who made it.
    pub creator: Account,
    /// Who may give it new code; nothing: nobody ever may.
    pub admin: Option<Account>,
    /// What it is called.
    pub label: String,
    /// The organization whose consensus contract it is.
    pub org: Option<super::OrgKey>,
    /// What it has of the native token.
    pub mei: Balance,
    /// What it has told to itself by time.
    pub schedules: Vec<ScheduleView>,
    /// The block that made it.
    pub created: U64,
    /// The transaction that made it.
    pub tx: Hash32,
    /// The final height at which this was read.
    pub height: U64,
}

/// What a contract is told by time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleView {
    /// Its number, 0 to 15.
    pub id: u32,
    /// What it is told; text where it is no JSON.
    pub msg: Value,
    /// The next block time, in ms.
    pub due: U64,
    /// From one time to the next, in ms.
    pub every_ms: U64,
    /// How often still.
    pub left: u32,
    /// The most gas of one time.
    pub gas: U64,
    /// What is left to pay for it, in smallest units of `mei`.
    pub budget: U128,
    /// How often it failed on end; at 3 it ends.
    pub failures: u8,
}

/// What to ask a contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueryContract {
    /// Its address.
    pub contract: Account,
    /// The question, as the contract understands it.
    pub msg: Value,
    /// The most gas: 100,000,000,000, which is what holds where nothing is said, or less.
    pub gas: Option<U64>,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContractAnswer {
    /// In its own form.
    pub answer: Value,
    /// Gas that it used.
    pub gas: U64,
    /// The final height at which this was asked.
    pub height: U64,
}

/// Which code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetCode {
    /// Its number, or sha256 as 0x-hex.
    pub code: String,
}

/// Code that contracts run by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CodeView {
    /// Its number.
    pub code: U64,
    /// sha256 of its bytes.
    pub checksum: Hash32,
    /// Who stored it.
    pub owner: Account,
    /// How long it is.
    pub bytes: u32,
    /// Where it can be entered: `instantiate`, `execute`, `query`, `migrate`, `sudo`, `reply`.
    pub entries: Vec<String>,
    /// The deposit for it, in smallest units of `mei`.
    pub deposit: U128,
    /// The final height at which this was read.
    pub height: U64,
}

/// The contracts of which code, and which part of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListContracts {
    /// The number of the code.
    pub code: U64,
    /// The last page's `next`.
    pub after: Option<Cursor>,
    /// How many to answer at most.
    pub limit: Option<Limit>,
}

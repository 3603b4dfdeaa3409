use super::{Account, OrgKey, TokenKey};
use crate::{Cursor, Hash32, Limit, U64, U128};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which account.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetAccount {
    /// Its id.
    pub account: Account,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccountView {
    /// Its id.
    pub account: Account,
    /// What it has of the native token.
    pub mei: Balance,
    /// Transactions so far: the next one's nonce, as of `height`.
    pub nonce: U64,
    /// The nonce to use now, transactions in the pool counted.
    pub next_nonce: U64,
    /// The full key, bound at the first transaction.
    pub key: Option<Hash32>,
    /// The organization whose treasury this is.
    pub org: Option<OrgKey>,
    /// What it has of other tokens: the first 100 in token order, more by `token_getBalance`.
    pub tokens: Vec<TokenBalance>,
    /// The final height at which this was read.
    pub height: U64,
}

/// What somebody has of one token, in smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Balance {
    /// Free to be spent.
    pub free: U128,
    /// Held back: deposits, pledges, units cast in an open vote.
    pub locked: U128,
}

/// What somebody has of which token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenBalance {
    /// The token.
    pub token: TokenKey,
    /// Its short name.
    pub symbol: String,
    /// Decimal places of a whole unit.
    pub decimals: u8,
    /// How much.
    #[serde(flatten)]
    pub balance: Balance,
}

/// Whose history, and which part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetHistory {
    /// Its id.
    pub account: Account,
    /// The last page's `next`.
    pub after: Option<Cursor>,
    /// How many to answer at most.
    pub limit: Option<Limit>,
}

/// A transaction that concerned an account; the newest comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntry {
    /// The transaction.
    pub tx: Hash32,
    /// Its block.
    pub height: U64,
    /// Its place in the block.
    pub index: u32,
    /// Its block's time, in ms since 1970.
    pub time: U64,
    /// Whether the account signed it; if not, an event named it.
    pub signed: bool,
    /// Whether its calls were done.
    pub done: bool,
    /// What it did, as `pallet.call`.
    pub calls: Vec<String>,
}

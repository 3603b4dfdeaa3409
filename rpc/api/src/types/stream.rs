use super::{Account, TokenKey};
use crate::{Cursor, Hash32, Limit, U64, U128};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetStream {
    /// Its number.
    pub stream: U64,
}

/// Whose streams, and which part of the list: either `payee` or `opener` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListStreams {
    /// Those that pay this account.
    pub payee: Option<Account>,
    /// Those that this account has opened.
    pub opener: Option<Account>,
    /// The last page's `next`.
    pub after: Option<Cursor>,
    /// How many to answer at most.
    pub limit: Option<Limit>,
}

/// An open stream: money that is paid over time, or becomes free over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamView {
    /// Its number.
    pub stream: U64,
    /// With whom it is locked.
    pub opener: Account,
    /// Who is paid.
    pub to: Account,
    /// In which token.
    pub token: TokenKey,
    /// The token's short name.
    pub symbol: String,
    /// The token's decimals.
    pub decimals: u8,
    /// How much in all.
    pub amount: U128,
    /// What was paid of it.
    pub drawn: U128,
    /// What a draw would pay now, by the newest block's time.
    pub due: U128,
    /// From when on it is earned, in ms since 1970.
    pub start: U64,
    /// Nothing is due before.
    pub cliff: U64,
    /// When all of it is due.
    pub end: U64,
    /// It is earned by whole steps of so many ms.
    pub step_ms: U64,
    /// When the next step is over; nothing where all is due already.
    pub next: Option<U64>,
    /// Who opened it cannot end it.
    pub is_fixed: bool,
    /// Whose deposit it is.
    pub depositor: Account,
    /// Locked with the depositor, in smallest units of the native token.
    pub deposit: U128,
    /// The contract that opened it for its organization.
    pub contract: Option<Account>,
    /// Block of its opening.
    pub created: U64,
    /// The transaction that opened it.
    pub tx: Hash32,
    /// The final height at which this was read.
    pub height: U64,
}

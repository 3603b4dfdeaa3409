use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// Why a token call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// There is no such token.
    #[codec(index = 0)]
    #[error("there is no such token")]
    Unknown,
    /// Nothing to move.
    #[codec(index = 1)]
    #[error("an amount must be more than nothing")]
    Nothing,
    /// To oneself.
    #[codec(index = 2)]
    #[error("sender and receiver are the same account")]
    ToSelf,
    /// Issued beyond 2^96 - 1.
    #[codec(index = 3)]
    #[error("the supply would exceed 2^96 - 1 smallest units")]
    SupplyFull,
    /// The symbol is another token's.
    #[codec(index = 4)]
    #[error("the symbol is taken")]
    SymbolTaken,
    /// Not `[a-z0-9]{3,12}`.
    #[codec(index = 5)]
    #[error("a symbol is 3 to 12 of a-z and 0-9")]
    SymbolForm,
    /// Nothing has accrued.
    #[codec(index = 6)]
    #[error("there is nothing to claim")]
    NothingAccrued,
    /// A ninth income token.
    #[codec(index = 7)]
    #[error("this token has earned in 8 different income tokens already; no further one can be shared out")]
    TooManyIncomes,
    /// TOKENS-8.
    #[codec(index = 8)]
    #[error("shares are 10000 together, in 1/10,000; these are {sum}")]
    Shares {
        /// What they are together.
        sum: u32,
    },
}

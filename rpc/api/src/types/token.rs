use super::{Account, Balance, OrgKey, TokenKey};
use crate::{Cursor, Limit, TokenRef, U64, U128};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetToken {
    /// By symbol or id.
    pub token: TokenRef,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenView {
    /// Its id.
    pub token: TokenKey,
    /// Its short name.
    pub symbol: String,
    /// Decimal places of a whole unit: amounts are in units of 10^-decimals.
    pub decimals: u8,
    /// Whose token; nobody's is the native one.
    pub org: Option<OrgKey>,
    /// All that there is, by the balance tree's own sum: issued less burned.
    pub supply: U128,
    /// All that was ever issued.
    pub issued: U128,
    /// All that was ever burned.
    pub burned: U128,
    /// All that may ever be issued, of a further token of an organization.
    pub cap: Option<U128>,
    /// Which contract issues a further token.
    pub minter: Option<Account>,
    /// What its units have earned, by income token.
    pub dividends: Vec<DividendIndex>,
    /// The final height at which this was read.
    pub height: U64,
}

/// What each unit of a token has earned so far in one income token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DividendIndex {
    /// In which token it is paid.
    pub income: TokenKey,
    /// That token's short name.
    pub symbol: String,
    /// The index: income per unit since the beginning, a 256-bit number with 128 fractional bits, as a decimal string.
    pub index: String,
}

/// Whose balance of which token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetBalance {
    /// By symbol or id.
    pub token: TokenRef,
    /// Whose.
    pub account: Account,
}

/// What an account has of a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BalanceView {
    /// The token.
    pub token: TokenKey,
    /// Its short name.
    pub symbol: String,
    /// Decimal places of a whole unit.
    pub decimals: u8,
    /// Whose.
    pub account: Account,
    /// How much.
    #[serde(flatten)]
    pub balance: Balance,
    /// Dividends that the units have earned and that were not paid out yet.
    pub claimable: Vec<Claimable>,
    /// The final height at which this was read.
    pub height: U64,
}

/// A dividend that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claimable {
    /// In which token it is paid.
    pub income: TokenKey,
    /// That token's short name.
    pub symbol: String,
    /// How much, in smallest units.
    pub amount: U128,
}

/// Whose holders, and which part of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetHolders {
    /// By symbol or id.
    pub token: TokenRef,
    /// The last page's `next`.
    pub after: Option<Cursor>,
    /// How many to answer at most.
    pub limit: Option<Limit>,
}

/// A holder, in account order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// Who.
    pub account: Account,
    /// How much.
    #[serde(flatten)]
    pub balance: Balance,
    /// The organization whose treasury this is.
    pub org: Option<OrgKey>,
}

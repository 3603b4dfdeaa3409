use leither_types::{AccountId, Amount, OrgId, Text};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// `[a-z0-9]{3,12}`, unique.
pub type Symbol = Text<12>;

/// What is known of a token as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct TokenInfo {
    /// Whose token; nobody's is the native one.
    pub org: Option<OrgId>,
    /// Its short name.
    pub symbol: Symbol,
    /// Decimal places of a whole unit: amounts are in units of 10^-decimals.
    pub decimals: u8,
    /// All that was ever issued.
    pub issued: Amount,
    /// All that was ever burned.
    pub burned: Amount,
    /// TOKENS-5: units that lie in pots. Until they are claimed they earn nothing and nobody can cast them.
    pub waiting: Amount,
}

impl TokenInfo {
    /// TOKENS-1. Nothing where the books are broken.
    pub fn supply(&self) -> Option<Amount> {
        self.issued.minus(self.burned)
    }
}

/// Whether a text is a symbol.
pub(crate) fn is_symbol(text: &str) -> bool {
    (3..=12).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// 100 %, in 1/10,000.
pub const WHOLE_BP: u16 = 10_000;
/// Shares of one split.
pub const SHARES_MAX: usize = 64;

/// A part of what is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
pub struct Share {
    /// Whose.
    pub to: AccountId,
    /// In 1/10,000.
    pub bp: u16,
}

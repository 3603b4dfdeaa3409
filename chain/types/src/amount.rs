use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use std::fmt;

/// No token's supply may exceed this: sums of a whole tree then always fit (D3 of the design).
pub const SUPPLY_MAX: Amount = Amount((1 << 96) - 1);

/// A number of smallest units of some token. Every operation is checked: money neither wraps nor saturates.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
pub struct Amount(pub u128);

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(0);

    /// An amount of smallest units.
    pub const fn new(units: u128) -> Self {
        Self(units)
    }

    /// The sum, unless it leaves 128 bits.
    pub const fn plus(self, other: Amount) -> Option<Amount> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Amount(sum)),
            None => None,
        }
    }

    /// The difference, unless it would be negative.
    pub const fn minus(self, other: Amount) -> Option<Amount> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Amount(rest)),
            None => None,
        }
    }

    /// `self * numerator / denominator` rounded down; nothing where the product leaves 128 bits or the denominator is 0.
    pub const fn share(self, numerator: u128, denominator: u128) -> Option<Amount> {
        match self.0.checked_mul(numerator) {
            Some(product) => match product.checked_div(denominator) {
                Some(part) => Some(Amount(part)),
                None => None,
            },
            None => None,
        }
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for Amount {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

crate::json::by_text!(Amount);

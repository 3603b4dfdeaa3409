use leither_types::Amount;
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// Why a balance did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// Not enough that is free.
    #[codec(index = 0)]
    #[error("not enough: {have} smallest units are free, {need} are needed")]
    Short {
        /// What is free.
        have: Amount,
        /// What was asked.
        need: Amount,
    },
    /// Beyond what any token may amount to.
    #[codec(index = 1)]
    #[error("the amount is beyond what a token can amount to (2^96 - 1 smallest units)")]
    Overflow,
}

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// Why a stream's call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// None is open under this number.
    #[codec(index = 0)]
    #[error("no stream of this number is open: all of it was drawn, it was ended, or there never was one")]
    Unknown,
    /// Nothing to pay.
    #[codec(index = 1)]
    #[error("the amount must be more than nothing")]
    Nothing,
    /// STREAM-1.
    #[codec(index = 2)]
    #[error("the end is after the start by at most 3,653 days, and the cliff between the two")]
    Times,
    /// STREAM-1.
    #[codec(index = 3)]
    #[error("a step is at least 1,000 ms, and at most the whole time from start to end")]
    Step,
    /// STREAM-1.
    #[codec(index = 4)]
    #[error("the start is at most 366 days before or after this block's time, and the end is yet to come")]
    Away,
    /// STREAM-3.
    #[codec(index = 5)]
    #[error("nothing is due now: `leither stream show` says when the next step is over")]
    NothingDue,
    /// STREAM-4.
    #[codec(index = 6)]
    #[error("only who opened it or who is paid by it ends a stream; a contract for its organization only what it opened itself")]
    NotAllowed,
    /// STREAM-4, STREAM-5.
    #[codec(index = 7)]
    #[error("this stream is fixed: who opened it cannot end it")]
    Fixed,
    /// STREAM-5.
    #[codec(index = 8)]
    #[error("a stream to oneself must be fixed: else it would bind nobody")]
    OwnNotFixed,
    /// STREAM-1.
    #[codec(index = 9)]
    #[error("an account has deposits for at most {max} open streams: draw or end some first")]
    TooMany {
        /// How many.
        max: u32,
    },
}

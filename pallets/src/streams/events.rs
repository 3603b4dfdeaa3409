use leither_types::{AccountId, Amount, TokenId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// What happened to a stream. What was paid stands in [`crate::tokens::Event::Transferred`], too, but for streams to oneself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It was locked.
    #[codec(index = 0)]
    Opened {
        /// Its number.
        #[serde(with = "leither_types::json::decimal")]
        stream: u64,
        /// With whom.
        opener: AccountId,
        /// Who is paid.
        to: AccountId,
        /// In which token.
        token: TokenId,
        /// How much in all.
        amount: Amount,
    },
    /// What was due was paid; nothing is left after the last draw, and then it is closed.
    #[codec(index = 1)]
    Drawn {
        /// Its number.
        #[serde(with = "leither_types::json::decimal")]
        stream: u64,
        /// With whom it was locked.
        opener: AccountId,
        /// Who was paid.
        to: AccountId,
        /// How much.
        amount: Amount,
        /// What is still locked.
        left: Amount,
    },
    /// It was ended before its time.
    #[codec(index = 2)]
    Cancelled {
        /// Its number.
        #[serde(with = "leither_types::json::decimal")]
        stream: u64,
        /// Whose units are free again.
        opener: AccountId,
        /// Who gets no more.
        to: AccountId,
        /// Who ended it.
        by: AccountId,
        /// How many units are free again.
        back: Amount,
    },
}

impl From<Event> for crate::Event {
    fn from(event: Event) -> Self {
        Self::Streams(event)
    }
}

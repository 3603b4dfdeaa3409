use leither_types::{AccountId, Amount, Height, Millis, ValidatorId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// What happens to validators.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A block's fees were divided.
    #[codec(index = 0)]
    Paid {
        /// To whom.
        operator: AccountId,
        /// How much.
        amount: Amount,
    },
    /// What of the fees ceased to be.
    #[codec(index = 1)]
    Burnt {
        /// How much.
        amount: Amount,
    },
    /// A pledge was made: a candidate at the next election.
    #[codec(index = 2)]
    Joined {
        /// By whom.
        operator: AccountId,
        /// Its validator.
        validator: ValidatorId,
        /// How much.
        pledge: Amount,
    },
    /// A pledge was raised.
    #[codec(index = 3)]
    Raised {
        /// Whose.
        operator: AccountId,
        /// To how much.
        pledge: Amount,
    },
    /// It leaves the set at the next election.
    #[codec(index = 4)]
    Leaving {
        /// Whose.
        operator: AccountId,
    },
    /// The pledge is free again.
    #[codec(index = 5)]
    Released {
        /// Whose.
        operator: AccountId,
        /// How much.
        amount: Amount,
    },
    /// It missed too much.
    #[codec(index = 6)]
    Jailed {
        /// Whose.
        operator: AccountId,
        /// Until when, in ms of block time.
        until: Millis,
    },
    /// It is a candidate again.
    #[codec(index = 7)]
    Unjailed {
        /// Whose.
        operator: AccountId,
    },
    /// It signed twice.
    #[codec(index = 8)]
    Slashed {
        /// Whose.
        operator: AccountId,
        /// By which key.
        validator: ValidatorId,
        /// In which height.
        height: Height,
        /// What it lost.
        amount: Amount,
    },
    /// An election was held. Who votes, from the block after the next on, `validator_list` says.
    #[codec(index = 9)]
    Elected {
        /// Its number.
        epoch: u64,
        /// How many.
        validators: u32,
    },
    /// Another key takes over at the next election.
    #[codec(index = 10)]
    Rotating {
        /// Whose.
        operator: AccountId,
        /// The new validator id.
        validator: ValidatorId,
    },
    /// It is found elsewhere.
    #[codec(index = 11)]
    Moved {
        /// Whose.
        operator: AccountId,
    },
    /// Its operator is ready for newer rules.
    #[codec(index = 12)]
    Ready {
        /// Whose.
        operator: AccountId,
        /// Which.
        rules: u32,
    },
    /// Newer rules are in force from the next block on.
    #[codec(index = 13)]
    Rules {
        /// Which.
        version: u32,
    },
}

impl From<Event> for crate::Event {
    fn from(event: Event) -> Self {
        Self::Staking(event)
    }
}

use leither_types::{AccountId, Amount, Blob, Hash, List, Text};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// What a contract's call hands back may be as long as.
pub const DATA_BYTES_MAX: usize = 2_048;

/// A word of a contract, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Pair {
    /// The word.
    pub key: Text<256>,
    /// What it is.
    pub value: Text<3072>,
}

/// What happened to contracts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are named as in the call that caused them
pub enum Event {
    /// Code has a number; whether it had it before.
    #[codec(index = 0)]
    Stored {
        #[serde(with = "leither_types::json::decimal")]
        code: u64,
        checksum: Hash,
        existed: bool,
    },
    /// An instance was made.
    #[codec(index = 1)]
    Instantiated {
        contract: AccountId,
        #[serde(with = "leither_types::json::decimal")]
        code: u64,
        creator: AccountId,
    },
    /// One was entered by a message.
    #[codec(index = 2)]
    Executed { contract: AccountId, sender: AccountId },
    /// One has new code.
    #[codec(index = 3)]
    Migrated {
        contract: AccountId,
        #[serde(with = "leither_types::json::decimal")]
        code: u64,
    },
    /// Who may give it new code.
    #[codec(index = 4)]
    AdminSet { contract: AccountId, admin: Option<AccountId> },
    /// What one told, in its own words; `kind` is `wasm`, or begins with `wasm-`.
    #[codec(index = 5)]
    Told { contract: AccountId, kind: Text<128>, attributes: List<Pair, 64> },
    /// A call of contracts came to its end, with all that followed.
    #[codec(index = 6)]
    Ended {
        contract: AccountId,
        #[serde(with = "leither_types::json::decimal")]
        gas: u64,
        #[serde(serialize_with = "leither_types::json::written::maybe::serialize")]
        data: Option<Blob<DATA_BYTES_MAX>>,
    },
    /// WASM-14: one was told by time what it had asked for; why that failed.
    #[codec(index = 7)]
    Pulsed { contract: AccountId, id: u32, error: Option<crate::Error> },
    /// WASM-14: no more; budget and deposit are free again. `why`: 0 as often as it was to be, 1 the budget does not pay, 2 failed three times on
    /// end, 3 taken back.
    #[codec(index = 8)]
    ScheduleOver { contract: AccountId, id: u32, why: u8, budget: Amount, deposit: Amount },
    /// WASM-14: it will be told by time; budget and deposit are locked.
    #[codec(index = 9)]
    Scheduled {
        contract: AccountId,
        id: u32,
        #[serde(with = "leither_types::json::decimal")]
        due: u64,
        budget: Amount,
        deposit: Amount,
    },
}

impl From<Event> for crate::Event {
    fn from(event: Event) -> Self {
        Self::Wasm(event)
    }
}

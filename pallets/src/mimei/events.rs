use super::types::{Mask, Rights};
use leither_types::{AccountId, ContentId, Height, MimeiId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// What happened to a MiMei.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are named as in the call that caused them
pub enum Event {
    /// It is there; whether it was before.
    #[codec(index = 0)]
    Created { mimei: MimeiId, author: AccountId, existed: bool },
    /// The head moved. Where the version before it became the newest: from there one walks back.
    #[codec(index = 1)]
    BackedUp {
        mimei: MimeiId,
        #[serde(with = "leither_types::json::decimal")]
        number: u64,
        content: ContentId,
        previous: Option<Height>,
    },
    /// Readers shall open this version.
    #[codec(index = 2)]
    Released {
        mimei: MimeiId,
        #[serde(with = "leither_types::json::decimal")]
        number: u64,
    },
    /// A variation was made.
    #[codec(index = 3)]
    Forked {
        parent: MimeiId,
        #[serde(with = "leither_types::json::decimal")]
        number: u64,
        fork: MimeiId,
    },
    /// Rights were granted, denied (0), or left to what the groups may (none).
    #[codec(index = 4)]
    Granted { mimei: MimeiId, who: AccountId, rights: Option<Rights> },
    /// References changed; how many there are now.
    #[codec(index = 5)]
    Referred { from: MimeiId, to: MimeiId, count: u32 },
    /// Another owner.
    #[codec(index = 6)]
    Given { mimei: MimeiId, to: AccountId },
    /// Groups may other things.
    #[codec(index = 7)]
    MaskSet { mimei: MimeiId, mask: Mask },
}

impl From<Event> for crate::Event {
    fn from(event: Event) -> Self {
        Self::Mimei(event)
    }
}

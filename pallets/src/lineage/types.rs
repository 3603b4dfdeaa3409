use leither_types::{Hash, Height, Millis, json};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// A chain that ended, and whose state another one went on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Past {
    /// Its id.
    pub chain: Hash,
    /// Its last height that counts.
    #[serde(with = "json::decimal")]
    pub height: Height,
    /// The id of the block of that height.
    pub block: Hash,
    /// The state after that block.
    pub state_root: Hash,
    /// That block's time, in ms.
    #[serde(with = "json::decimal")]
    pub ended: Millis,
    /// The time of height 0 of the chain that went on, in ms.
    #[serde(with = "json::decimal")]
    pub resumed: Millis,
}

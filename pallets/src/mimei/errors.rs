use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// Why a MiMei's call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// No such MiMei.
    #[codec(index = 0)]
    #[error("there is no such MiMei")]
    Unknown,
    /// MIMEI-3.
    #[codec(index = 1)]
    #[error("only the owner, or who was granted it alone or with a group, may do this")]
    NotAllowed,
    /// MIMEI-2.
    #[codec(index = 2)]
    #[error("the head has moved: the newest version is {}; take it in and try again", last_text(*.last))]
    HeadMoved {
        /// The newest version's number; none: there is no version yet.
        last: Option<u64>,
    },
    /// MIMEI-4, MIMEI-5.
    #[codec(index = 3)]
    #[error("there is no such version; only `last` is known by number and content, older ones up to it by number")]
    NoVersion,
    /// Empty, or with characters that no path has.
    #[codec(index = 4)]
    #[error("app, type and mark are 1 to 64, 16 and 128 bytes, without control characters")]
    Form,
    /// An empty content id.
    #[codec(index = 5)]
    #[error("a version needs a content id")]
    NoContent,
    /// MIMEI-7.
    #[codec(index = 6)]
    #[error("there is no such reference, or too many")]
    Reference,
    /// MIMEI-3.
    #[codec(index = 7)]
    #[error("it has changed hands too often")]
    Generation,
    /// MIMEI-8.
    #[codec(index = 8)]
    #[error("a mask has 16 bits each for guests, members and supervisors; bits 48 to 63 are 0")]
    Mask,
}

fn last_text(last: Option<u64>) -> String {
    last.map_or_else(|| "none yet".into(), |n| n.to_string())
}

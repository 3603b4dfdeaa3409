use crate::{Blob, json};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use std::{fmt, str::FromStr};

/// The content id of what a version holds: a binary CID of at most 64 bytes. The chain compares it and never looks inside.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode, DecodeWithMemTracking)]
pub struct ContentId(pub Blob<64>);

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&json::hex_of(&self.0))
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = json::bytes_of_hex(text).and_then(Blob::new);
        bytes.map(Self).ok_or_else(|| "expected a binary content id: 0x and at most 128 hex digits".into())
    }
}

json::by_text!(ContentId);

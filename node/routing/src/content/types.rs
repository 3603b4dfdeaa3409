//! The messages, and what no honest node sends (ROUTE-4).

use cid::Cid;
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// Bytes of a key that are kept.
pub const KEY_BYTES_MAX: usize = 64;
/// Addresses of one peer that are kept.
pub const ADDRESSES_MAX: usize = 8;
/// Bytes of one.
pub const ADDRESS_BYTES_MAX: usize = 256;
/// MiMeis in one question.
pub const HELD_MAX: usize = 64;
/// Keys in one announcement.
pub const ANNOUNCED_MAX: usize = 1_024;
/// Bytes of a content id in an answer.
pub(super) const CID_BYTES_MAX: usize = 64;

/// A question: 1,024 keys of 64 bytes and eight addresses, each with its length.
pub(super) const REQUEST_BYTES_MAX: usize = 72 * 1024;
/// An answer: 64 content ids with their versions.
pub(super) const RESPONSE_BYTES_MAX: usize = 8 * 1024;

/// What one node asks another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub(crate) enum Request {
    /// Which version of each do you hold?
    Held { mimeis: Vec<[u8; 20]> },
    /// Does your record store hold that I provide this key?
    Provided { key: Vec<u8> },
    /// I provide these, and am reached there.
    Announce { keys: Vec<Vec<u8>>, addresses: Vec<Vec<u8>> },
}

/// What the other answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub(crate) enum Response {
    /// In the order of the question: version and content id of what is here whole.
    Held(Vec<Option<(u64, Vec<u8>)>>),
    /// Whether it does.
    Provided(bool),
    /// In the order of the question: which of them it keeps.
    Announce(Vec<bool>),
}

impl Request {
    /// ROUTE-4: what no honest node asks.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_key = |key: &Vec<u8>| (1..=KEY_BYTES_MAX).contains(&key.len());
        match self {
            Self::Held { mimeis } if mimeis.is_empty() || mimeis.len() > HELD_MAX => Err("it asks for no MiMei or more than 64"),
            Self::Provided { key } if !is_key(key) => Err("a key that has no bytes or more than 64"),
            Self::Announce { keys, .. } if keys.is_empty() || keys.len() > ANNOUNCED_MAX => {
                Err("it announces no key or more than 1,024")
            }
            Self::Announce { keys, .. } if !keys.iter().all(is_key) => Err("a key that has no bytes or more than 64"),
            Self::Announce { addresses, .. }
                if addresses.len() > ADDRESSES_MAX || addresses.iter().any(|address| address.len() > ADDRESS_BYTES_MAX) =>
            {
                Err("more than eight addresses, or one of more than 256 bytes")
            }
            _ => Ok(()),
        }
    }
}

impl Response {
    /// ROUTE-4: what no honest node answers.
    pub fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Held(all) if all.len() > HELD_MAX => Err("more answers than can have been asked for"),
            Self::Held(all)
                if !all.iter().flatten().all(|(_, cid)| cid.len() <= CID_BYTES_MAX && Cid::try_from(&cid[..]).is_ok()) =>
            {
                Err("a content id that is none")
            }
            Self::Announce(kept) if kept.len() > ANNOUNCED_MAX => Err("more answers than can have been asked for"),
            _ => Ok(()),
        }
    }
}

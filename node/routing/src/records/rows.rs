//! What the rows look like.

use crate::Key;
use crate::error::RecordsError;
use libp2p::PeerId;
use parity_scale_codec::{Decode, DecodeAll, Encode};
use sha2::{Digest, Sha256};

/// Where a key or a peer stands in the space of the DHT.
pub type Place = [u8; 32];

/// The place of a key, or of a peer by the bytes of its id.
pub fn place(bytes: &[u8]) -> Place {
    Sha256::digest(bytes).into()
}

/// What a peer said of a key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Row {
    /// Until when it holds.
    pub expires: u64,
    /// Where the peer is reached.
    pub addresses: Vec<Vec<u8>>,
}

/// A key that this node provides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Own {
    /// When it ends; nothing: when it is withdrawn.
    pub until: Option<u64>,
    /// When it was last announced to somebody.
    pub last_success: Option<u64>,
    /// When it is to be announced next.
    pub due: u64,
    /// Tries that came to nothing, since.
    pub failures: u32,
    /// Who kept it, the last time.
    pub confirmed: Vec<Vec<u8>>,
    /// What was wrong, the last time.
    pub failure: Option<String>,
}

impl Own {
    pub fn is_over(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Reads what this program wrote itself.
pub fn read<T: Decode>(bytes: &[u8], what: &str) -> Result<T, RecordsError> {
    T::decode_all(&mut &bytes[..]).map_err(|_| RecordsError::Damaged(format!("a row of {what} cannot be read")))
}

/// The part of a row's name that all providers of a key share.
pub fn of_key(key: &Key) -> Vec<u8> {
    let len = u8::try_from(key.bytes().len()).unwrap_or(u8::MAX);
    [&[len][..], key.bytes()].concat()
}

pub fn of_provider(key: &Key, provider: &[u8]) -> Vec<u8> {
    [&of_key(key)[..], provider].concat()
}

/// Who the provider of a row is.
pub fn provider_in(row: &[u8]) -> Option<&[u8]> {
    let (len, rest) = row.split_first()?;
    rest.get(usize::from(*len)..)
}

/// A name that sorts by time.
pub fn at_time(time: u64, rest: &[u8]) -> Vec<u8> {
    [&time.to_be_bytes()[..], rest].concat()
}

/// The time in such a name, and what follows.
pub fn time_of(name: &[u8]) -> Option<(u64, &[u8])> {
    let (time, rest) = name.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*time), rest))
}

/// The name of a key of our own.
pub fn of_own(key: &Key) -> Vec<u8> {
    [&place(key.bytes())[..], key.bytes()].concat()
}

/// The key in such a name.
pub fn key_in(name: &[u8]) -> Option<Key> {
    let (_, key) = name.split_first_chunk::<32>()?;
    Key::read(key.to_vec())
}

pub fn peers_in(all: &[Vec<u8>]) -> Vec<PeerId> {
    all.iter().filter_map(|bytes| PeerId::from_bytes(bytes).ok()).collect()
}

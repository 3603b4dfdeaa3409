//! Typed keys: a pallet names each stored thing once, with its key's parts and its value's type, and reads and writes it by that name.
//!
//! A record's key is a two-byte prefix and the parts, each of fixed width or last, so that one prefix never begins another's keys and
//! listing is in the parts' order.

use crate::{Fault, Overlay, Read};
use leither_types::{AccountId, Hash, MimeiId, OrgId, Text, TokenId, ValidatorId, codec};
use parity_scale_codec::{Decode, Encode};
use std::marker::PhantomData;

/// A record's key is no longer than this.
pub const RECORD_KEY_BYTES_MAX: usize = 256;
/// A record's value is no longer than this.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// A part of a key: its bytes sort as its values do.
pub trait KeyPart: Sized {
    /// Appends the part.
    fn write(&self, key: &mut Vec<u8>);
    /// Takes the part off the front.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(n)?;
    *bytes = rest;
    Some(head)
}

macro_rules! fixed {
    ($($name:ident: $width:literal),*) => {$(
        impl KeyPart for $name {
            fn write(&self, key: &mut Vec<u8>) {
                key.extend_from_slice(&self.0);
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(Self(take(bytes, $width)?.try_into().ok()?))
            }
        }
    )*};
}
fixed!(AccountId: 20, OrgId: 20, TokenId: 20, MimeiId: 20, ValidatorId: 20, Hash: 32);

macro_rules! big_endian {
    ($($name:ty),*) => {$(
        impl KeyPart for $name {
            fn write(&self, key: &mut Vec<u8>) {
                key.extend_from_slice(&self.to_be_bytes());
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(Self::from_be_bytes(take(bytes, size_of::<Self>())?.try_into().ok()?))
            }
        }
    )*};
}
big_endian!(u8, u16, u32, u64);

impl KeyPart for () {
    fn write(&self, _: &mut Vec<u8>) {}
    fn read(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

/// A text may only be the last part.
impl<const MAX: usize> KeyPart for Text<MAX> {
    fn write(&self, key: &mut Vec<u8>) {
        key.extend_from_slice(self.as_bytes());
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let all = take(bytes, bytes.len())?;
        Text::new(std::str::from_utf8(all).ok()?)
    }
}

impl<A: KeyPart, B: KeyPart> KeyPart for (A, B) {
    fn write(&self, key: &mut Vec<u8>) {
        self.0.write(key);
        self.1.write(key);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
}

impl<A: KeyPart, B: KeyPart, C: KeyPart> KeyPart for (A, B, C) {
    fn write(&self, key: &mut Vec<u8>) {
        self.0.write(key);
        self.1.write(key);
        self.2.write(key);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?, C::read(bytes)?))
    }
}

/// Many values of one kind, by key.
pub struct Map<K, V> {
    prefix: [u8; 2],
    kind: PhantomData<fn(K) -> V>,
}

/// One value.
pub struct Item<V>(Map<(), V>);

impl<K: KeyPart, V: Encode + Decode> Map<K, V> {
    /// A map under a prefix of its own; `tests/tidy` holds that no two share one.
    pub const fn new(prefix: &[u8; 2]) -> Self {
        Self { prefix: *prefix, kind: PhantomData }
    }

    /// The record's key, as stored and as proven.
    pub fn key(&self, key: &K) -> Vec<u8> {
        let mut bytes = self.prefix.to_vec();
        key.write(&mut bytes);
        bytes
    }

    fn value(&self, bytes: &[u8]) -> Result<V, Fault> {
        codec::decode_trusted(bytes).map_err(|e| Fault::Corrupt(format!("record under {:?}: {e}", self.prefix)))
    }

    /// The value under construction.
    pub fn get(&self, state: &Overlay, key: &K) -> Result<Option<V>, Fault> {
        state.record(&self.key(key))?.map(|bytes| self.value(&bytes)).transpose()
    }

    /// Whether there is one.
    pub fn has(&self, state: &Overlay, key: &K) -> Result<bool, Fault> {
        Ok(state.record(&self.key(key))?.is_some())
    }

    /// Writes.
    pub fn put(&self, state: &mut Overlay, key: &K, value: &V) {
        state.put_record(self.key(key), Some(value.encode()));
    }

    /// Removes.
    pub fn remove(&self, state: &mut Overlay, key: &K) {
        state.put_record(self.key(key), None);
    }

    /// The committed value, or that of whatever `state` is.
    pub fn read(&self, state: &dyn Read, key: &K) -> Result<Option<V>, Fault> {
        state.record(&self.key(key))?.map(|bytes| self.value(&bytes)).transpose()
    }

    /// At most `limit` entries whose key starts with `part` and follows `after`, in key order, from a readable state.
    pub fn list<P: KeyPart>(&self, state: &dyn Read, part: &P, after: Option<&K>, limit: usize) -> Result<Vec<(K, V)>, Fault> {
        let after = after.map(|key| self.key(key));
        self.rows(state.records(&self.begin(part), after.as_deref(), limit)?)
    }

    /// The same, writes under construction included.
    pub fn scan<P: KeyPart>(&self, state: &Overlay, part: &P, after: Option<&K>, limit: usize) -> Result<Vec<(K, V)>, Fault> {
        let after = after.map(|key| self.key(key));
        self.rows(state.records(&self.begin(part), after.as_deref(), limit)?)
    }

    fn begin<P: KeyPart>(&self, part: &P) -> Vec<u8> {
        let mut bytes = self.prefix.to_vec();
        part.write(&mut bytes);
        bytes
    }

    fn rows(&self, page: crate::Page) -> Result<Vec<(K, V)>, Fault> {
        let row = |(key, value): (Vec<u8>, Vec<u8>)| {
            let mut rest = key.get(2..).unwrap_or_default();
            let key = K::read(&mut rest).filter(|_| rest.is_empty());
            let key = key.ok_or_else(|| Fault::Corrupt(format!("key under {:?}", self.prefix)))?;
            Ok((key, self.value(&value)?))
        };
        page.into_iter().map(row).collect()
    }
}

impl<V: Encode + Decode> Item<V> {
    /// An item under a prefix of its own.
    pub const fn new(prefix: &[u8; 2]) -> Self {
        Self(Map::new(prefix))
    }
    /// The record's key.
    pub fn key(&self) -> Vec<u8> {
        self.0.key(&())
    }
    /// The value under construction.
    pub fn get(&self, state: &Overlay) -> Result<Option<V>, Fault> {
        self.0.get(state, &())
    }
    /// Writes.
    pub fn put(&self, state: &mut Overlay, value: &V) {
        self.0.put(state, &(), value);
    }
    /// The committed value.
    pub fn read(&self, state: &dyn Read) -> Result<Option<V>, Fault> {
        self.0.read(state, &())
    }
}

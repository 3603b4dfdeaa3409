//! Typed storage in the layout of `cw-storage-plus` (the namespace and all parts of a key but the last with their length before them), whose
//! releases do not go with the engine's cosmwasm-std yet: whoever reads contracts' raw data reads these.

use cosmwasm_std::{Addr, StdError, StdResult, Storage, from_json, to_json_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::ops::Range;

/// Numbers that one page looks at, at most.
const PAGE: u32 = 30;

/// What stands under one name.
pub struct Item<T> {
    name: &'static str,
    value: PhantomData<T>,
}

/// What stands under a name and keys.
pub struct Map<K, T> {
    name: &'static str,
    entry: PhantomData<(K, T)>,
}

/// A key of one or more parts.
pub trait Key {
    /// Its parts.
    fn parts(&self) -> Vec<Vec<u8>>;
}

impl Key for &str {
    fn parts(&self) -> Vec<Vec<u8>> {
        vec![self.as_bytes().to_vec()]
    }
}

impl Key for &Addr {
    fn parts(&self) -> Vec<Vec<u8>> {
        vec![self.as_bytes().to_vec()]
    }
}

impl Key for u64 {
    fn parts(&self) -> Vec<Vec<u8>> {
        vec![self.to_be_bytes().to_vec()]
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn parts(&self) -> Vec<Vec<u8>> {
        let mut parts = self.0.parts();
        parts.extend(self.1.parts());
        parts
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    fn parts(&self) -> Vec<Vec<u8>> {
        let mut parts = self.0.parts();
        parts.extend(self.1.parts());
        parts.extend(self.2.parts());
        parts
    }
}

fn prefixed(part: &[u8], to: &mut Vec<u8>) -> StdResult<()> {
    let length = u16::try_from(part.len()).map_err(|_| StdError::msg("a part of a key is longer than 65,535 bytes"))?;
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(part);
    Ok(())
}

fn read<T: DeserializeOwned>(storage: &dyn Storage, key: &[u8]) -> StdResult<Option<T>> {
    storage.get(key).map(from_json).transpose()
}

impl<T: Serialize + DeserializeOwned> Item<T> {
    /// Under this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// What stands there, which must be something.
    pub fn load(&self, storage: &dyn Storage) -> StdResult<T> {
        self.may_load(storage)?.ok_or_else(|| StdError::msg(format!("there is no {}", self.name)))
    }

    /// What stands there.
    pub fn may_load(&self, storage: &dyn Storage) -> StdResult<Option<T>> {
        read(storage, self.name.as_bytes())
    }

    /// Writes it.
    pub fn save(&self, storage: &mut dyn Storage, value: &T) -> StdResult<()> {
        storage.set(self.name.as_bytes(), &to_json_vec(value)?);
        Ok(())
    }
}

impl<K: Key, T: Serialize + DeserializeOwned> Map<K, T> {
    /// Under this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name, entry: PhantomData }
    }

    fn key(&self, key: &K) -> StdResult<Vec<u8>> {
        let mut whole = Vec::new();
        prefixed(self.name.as_bytes(), &mut whole)?;
        let parts = key.parts();
        if let Some((last, before)) = parts.split_last() {
            before.iter().try_for_each(|part| prefixed(part, &mut whole))?;
            whole.extend_from_slice(last);
        }
        Ok(whole)
    }

    /// What stands there, which must be something.
    pub fn load(&self, storage: &dyn Storage, key: K) -> StdResult<T> {
        self.may_load(storage, key)?.ok_or_else(|| StdError::msg(format!("there is no such {}", self.name)))
    }

    /// What stands there.
    pub fn may_load(&self, storage: &dyn Storage, key: K) -> StdResult<Option<T>> {
        read(storage, &self.key(&key)?)
    }

    /// Writes it.
    pub fn save(&self, storage: &mut dyn Storage, key: K, value: &T) -> StdResult<()> {
        storage.set(&self.key(&key)?, &to_json_vec(value)?);
        Ok(())
    }

    /// Takes it away.
    pub fn remove(&self, storage: &mut dyn Storage, key: K) -> StdResult<()> {
        storage.remove(&self.key(&key)?);
        Ok(())
    }
}

/// The numbers of a page: those after `start_after`, at most 30, of all that have ever been given (`within`, whose end is the next one's).
pub fn page(within: Range<u64>, start_after: Option<u64>, limit: Option<u32>) -> Range<u64> {
    let limit = u64::from(limit.unwrap_or(PAGE).clamp(1, PAGE));
    let first = start_after.map_or(within.start, |after| after.saturating_add(1).max(within.start)).min(within.end);
    first..within.end.min(first.saturating_add(limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cosmwasm_std::testing::MockStorage;

    #[test]
    fn keys_are_laid_out_as_cw_storage_plus_does() {
        let map: Map<(u64, (&str, &str)), String> = Map::new("ns");
        let mut storage = MockStorage::new();
        map.save(&mut storage, (1, ("ab", "c")), &"x".into()).unwrap();
        let key = [&[0, 2][..], b"ns", &[0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2], b"abc"].concat();
        assert_eq!(storage.get(&key).unwrap(), b"\"x\"");
        assert_eq!(map.load(&storage, (1, ("ab", "c"))).unwrap(), "x");
        assert!(map.load(&storage, (1, ("a", "bc"))).is_err());
        map.remove(&mut storage, (1, ("ab", "c"))).unwrap();
        assert_eq!(map.may_load(&storage, (1, ("ab", "c"))).unwrap(), None);
        let item: Item<u8> = Item::new("one");
        assert!(item.load(&storage).is_err());
        item.save(&mut storage, &7).unwrap();
        assert_eq!(storage.get(b"one").unwrap(), b"7");
    }

    #[test]
    fn a_page_is_bounded_and_begins_where_the_last_one_ended() {
        assert_eq!(page(0..100, None, None), 0..30);
        assert_eq!(page(0..100, Some(29), Some(1_000)), 30..60);
        assert_eq!(page(5..9, None, Some(0)), 5..6);
        assert_eq!(page(5..9, Some(0), Some(2)), 5..7);
        for over in [8, 9, u64::MAX] {
            assert!(page(5..9, Some(over), None).is_empty());
        }
    }
}

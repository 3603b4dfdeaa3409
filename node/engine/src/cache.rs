//! What has good signatures, remembered by the hash of payload, keys and signatures together (D4, ENGINE-4).
//! Bounded: the oldest half goes first.

use leither_executor::Verified;
use leither_types::Hash;
use std::collections::HashSet;
use std::mem;
use std::sync::{PoisonError, RwLock};

/// Two generations of so many entries each; 32 bytes an entry.
const GENERATION: usize = 128 * 1024;

/// The memory of one node.
#[derive(Debug, Default)]
pub struct VerifiedCache(RwLock<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashSet<Hash>,
    old: HashSet<Hash>,
}

impl VerifiedCache {
    /// Remembers signed transactions whose signatures were all found good.
    pub fn remember(&self, hashes: impl IntoIterator<Item = Hash>) {
        let mut both = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for hash in hashes {
            if both.young.len() >= GENERATION {
                both.old = mem::take(&mut both.young);
            }
            both.young.insert(hash);
        }
    }

    /// Which of these are not remembered, by their place.
    pub fn unknown(&self, hashes: &[Hash]) -> Vec<usize> {
        let both = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let unknown = |(_, hash): &(usize, &Hash)| !both.young.contains(hash) && !both.old.contains(hash);
        hashes.iter().enumerate().filter(unknown).map(|(place, _)| place).collect()
    }
}

impl Verified for VerifiedCache {
    fn is_verified(&self, full_hash: &Hash) -> bool {
        let both = self.0.read().unwrap_or_else(PoisonError::into_inner);
        both.young.contains(full_hash) || both.old.contains(full_hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: usize) -> Hash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Hash(bytes)
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest_first() {
        let cache = VerifiedCache::default();
        cache.remember((0..GENERATION * 2 + 1).map(hash));
        assert!(!cache.is_verified(&hash(0)), "two generations later it is gone");
        assert!(cache.is_verified(&hash(GENERATION * 2)));
        assert!(cache.is_verified(&hash(GENERATION)));
        assert_eq!(cache.unknown(&[hash(0), hash(GENERATION), hash(1)]), vec![0, 2]);
    }
}

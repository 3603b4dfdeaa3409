//! Blocks that came from the network to be looked at: so many bytes of them stay in memory, those that were asked for last.

use hyper::body::Bytes;
use leither_kit::Cid;
use std::collections::{BTreeMap, HashMap};

/// What a block takes beside its bytes.
const ENTRY_BYTES: usize = 256;

/// FAR-2: blocks by their hash, in at most so many bytes.
pub(super) struct Cache {
    blocks: HashMap<Vec<u8>, (u64, Bytes)>,
    /// By when they were last asked for.
    order: BTreeMap<u64, Vec<u8>>,
    clock: u64,
    bytes: usize,
    bytes_max: usize,
}

fn cost(bytes: &Bytes) -> usize {
    bytes.len().saturating_add(ENTRY_BYTES)
}

/// Ids that differ in version or codec name the same bytes.
pub(super) fn hash_of(cid: &Cid) -> Vec<u8> {
    cid.hash().to_bytes()
}

impl Cache {
    /// Empty, for so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { blocks: HashMap::new(), order: BTreeMap::new(), clock: 0, bytes: 0, bytes_max }
    }

    fn tick(&mut self) -> u64 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }

    /// A block that is here; it is the last to go from now on.
    pub fn get(&mut self, cid: &Cid) -> Option<Bytes> {
        let now = self.tick();
        let key = hash_of(cid);
        let (at, bytes) = self.blocks.get_mut(&key)?;
        let bytes = bytes.clone();
        self.order.remove(&std::mem::replace(at, now));
        self.order.insert(now, key);
        Some(bytes)
    }

    /// Whether it is here. Asking changes nothing.
    pub fn has(&self, cid: &Cid) -> bool {
        self.blocks.contains_key(&hash_of(cid))
    }

    /// Takes a block in; those that were asked for longest ago make room. One that is longer than all of it is not kept.
    pub fn put(&mut self, cid: &Cid, bytes: &Bytes) {
        if cost(bytes) > self.bytes_max || self.has(cid) {
            return;
        }
        while self.bytes.saturating_add(cost(bytes)) > self.bytes_max {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some((_, gone)) = self.blocks.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(cost(&gone));
            }
        }
        let (now, key) = (self.tick(), hash_of(cid));
        self.bytes = self.bytes.saturating_add(cost(bytes));
        // A copy: what came may be a piece of a message that would stay as a whole.
        self.blocks.insert(key.clone(), (now, Bytes::copy_from_slice(bytes)));
        self.order.insert(now, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_kit::multihash::Multihash;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    fn id(n: u8) -> Cid {
        Cid::new_v1(0x55, Multihash::wrap(0x12, &Sha256::digest([n])).unwrap())
    }

    #[test]
    fn far_2_what_was_asked_for_longest_ago_goes_first() {
        let mut cache = Cache::new(3 * (100 + ENTRY_BYTES));
        let block = Bytes::from(vec![0; 100]);
        (0..3).for_each(|n| cache.put(&id(n), &block));
        assert!(cache.get(&id(0)).is_some(), "asked for again");
        cache.put(&id(3), &block);
        assert!(cache.has(&id(0)) && !cache.has(&id(1)) && cache.has(&id(2)) && cache.has(&id(3)));
        assert_eq!(cache.get(&Cid::new_v1(0x70, *id(3).hash())), Some(block), "under another codec, too");
        cache.put(&id(9), &Bytes::from(vec![0; 10_000]));
        assert!(!cache.has(&id(9)) && cache.has(&id(0)), "what is longer than all of it takes nobody's place");
    }

    proptest! {
        #[test]
        fn far_2_it_never_holds_more_than_it_may(steps in prop::collection::vec((any::<u8>(), 0usize..3000, any::<bool>()), 1..200)) {
            let mut cache = Cache::new(8_000);
            for (n, len, put) in steps {
                match put {
                    true => cache.put(&id(n), &Bytes::from(vec![n; len])),
                    false => drop(cache.get(&id(n))),
                }
                let held: usize = cache.blocks.values().map(|(_, bytes)| cost(bytes)).sum();
                prop_assert_eq!(held, cache.bytes);
                prop_assert!(held <= 8_000);
                prop_assert_eq!(cache.order.len(), cache.blocks.len());
            }
        }
    }
}

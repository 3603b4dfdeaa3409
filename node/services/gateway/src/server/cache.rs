//! GW-13: blocks that were asked for lately, in at most so many bytes. What they are made of cannot change; whether they are still here can.

use bytes::Bytes;
use leither_kit::Cid;
use leither_kit::multihash::Multihash;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// What a block takes beside its bytes.
const ENTRY_BYTES: usize = 256;
/// After this the source is asked whether it still has the block: what was removed there is removed here.
const FRESH: Duration = Duration::from_secs(10);

/// Blocks by their hash: ids that differ in version or codec name the same bytes.
pub(super) struct Cache {
    blocks: HashMap<Multihash<64>, Entry>,
    /// By when they were last asked for.
    order: BTreeMap<u64, Multihash<64>>,
    clock: u64,
    bytes: usize,
    bytes_max: usize,
}

struct Entry {
    bytes: Bytes,
    used: u64,
    /// When the source had it.
    known: Instant,
}

/// What is known of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is here.
    Here(Bytes),
    /// It was here a while ago.
    Once,
    /// Nothing.
    Nothing,
}

fn cost(bytes: &Bytes) -> usize {
    bytes.len().saturating_add(ENTRY_BYTES)
}

impl Cache {
    /// Empty, for so many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { blocks: HashMap::new(), order: BTreeMap::new(), clock: 0, bytes: 0, bytes_max }
    }

    fn tick(&mut self) -> u64 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }

    /// A block; it is the last to go from now on.
    pub(super) fn get(&mut self, cid: &Cid, now: Instant) -> Known {
        let used = self.tick();
        let Some(entry) = self.blocks.get_mut(cid.hash()) else { return Known::Nothing };
        if now.saturating_duration_since(entry.known) >= FRESH {
            return Known::Once;
        }
        self.order.remove(&std::mem::replace(&mut entry.used, used));
        self.order.insert(used, *cid.hash());
        Known::Here(entry.bytes.clone())
    }

    /// The source has been asked: it has the block, or it has not.
    pub(super) fn renew(&mut self, cid: &Cid, is_here: bool, now: Instant) {
        if !is_here {
            self.remove(cid.hash());
        } else if let Some(entry) = self.blocks.get_mut(cid.hash()) {
            entry.known = now;
        }
    }

    fn remove(&mut self, hash: &Multihash<64>) {
        if let Some(gone) = self.blocks.remove(hash) {
            self.order.remove(&gone.used);
            self.bytes = self.bytes.saturating_sub(cost(&gone.bytes));
        }
    }

    /// Takes in a block that the source has just handed out; those that were asked for longest ago make room.
    pub(super) fn put(&mut self, cid: &Cid, bytes: &Bytes, now: Instant) {
        self.remove(cid.hash());
        // One that would take the place of most others is not kept.
        if cost(bytes) > self.bytes_max / 4 {
            return;
        }
        while self.bytes.saturating_add(cost(bytes)) > self.bytes_max {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = *oldest;
            self.remove(&oldest);
        }
        let used = self.tick();
        self.bytes = self.bytes.saturating_add(cost(bytes));
        self.blocks.insert(*cid.hash(), Entry { bytes: bytes.clone(), used, known: now });
        self.order.insert(used, *cid.hash());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    fn id(n: u8) -> Cid {
        Cid::new_v1(0x55, Multihash::wrap(0x12, &Sha256::digest([n])).unwrap())
    }

    #[test]
    fn gw_13_what_was_asked_for_longest_ago_makes_room() {
        let (now, block) = (Instant::now(), Bytes::from(vec![0; 100]));
        let mut cache = Cache::new(4 * (100 + ENTRY_BYTES));
        (0..4).for_each(|n| cache.put(&id(n), &block, now));
        assert_eq!(cache.get(&Cid::new_v1(0x70, *id(0).hash()), now), Known::Here(block.clone()), "whatever the codec");
        cache.put(&id(4), &block, now);
        let here: Vec<u8> = (0..5).filter(|n| cache.get(&id(*n), now) != Known::Nothing).collect();
        assert_eq!(here, [0, 2, 3, 4]);
        cache.put(&id(9), &Bytes::from(vec![0; 1000]), now);
        assert_eq!(
            (cache.get(&id(9), now), cache.blocks.len()),
            (Known::Nothing, 4),
            "one that is too long takes nobody's place"
        );
    }

    #[test]
    fn gw_13_what_the_source_has_no_more_is_not_served() {
        let (now, block) = (Instant::now(), Bytes::from_static(b"block"));
        let mut cache = Cache::new(10_000);
        cache.put(&id(1), &block, now);
        assert_eq!(cache.get(&id(1), now + FRESH), Known::Once);
        cache.renew(&id(1), true, now + FRESH);
        assert_eq!(cache.get(&id(1), now + FRESH), Known::Here(block));
        cache.renew(&id(1), false, now + FRESH);
        assert_eq!((cache.get(&id(1), now + FRESH), cache.bytes), (Known::Nothing, 0));
    }

    proptest! {
        #[test]
        fn gw_13_the_cache_never_holds_more_than_it_may(steps in prop::collection::vec((any::<u8>(), 0usize..3000, 0u8..4), 1..200)) {
            let (now, mut cache) = (Instant::now(), Cache::new(8_000));
            for (n, len, step) in steps {
                match step {
                    0 | 1 => cache.put(&id(n), &Bytes::from(vec![n; len]), now),
                    2 => drop(cache.get(&id(n), now)),
                    _ => cache.renew(&id(n), false, now),
                }
                let held: usize = cache.blocks.values().map(|entry| cost(&entry.bytes)).sum();
                prop_assert_eq!(held, cache.bytes);
                prop_assert!(held <= 8_000);
                prop_assert_eq!(cache.order.len(), cache.blocks.len());
            }
        }
    }
}

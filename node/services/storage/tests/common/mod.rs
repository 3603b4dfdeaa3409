#![allow(dead_code)]
//! What the tests of the store share.

use cid::Cid;
use cid::multihash::Multihash;
use leither_storage::content::{self, Profile};
use leither_storage::{Config, ContentStore, Kept, Root};
use leither_types::MimeiId;
use sha2::{Digest, Sha256};
use std::path::Path;

pub const NOW: u64 = 1_800_000_000_000;
pub const DAY: u64 = 24 * 60 * 60 * 1000;
pub const ME: MimeiId = MimeiId([7; 20]);

pub fn open(dir: &Path) -> ContentStore {
    ContentStore::open(&Config::new(dir)).unwrap()
}

pub fn raw(bytes: &[u8]) -> Cid {
    Cid::new_v1(0x55, hash(bytes))
}

pub fn hash(bytes: &[u8]) -> Multihash<64> {
    Multihash::wrap(0x12, &Sha256::digest(bytes)).unwrap()
}

/// A node of dag-pb that names these, made without the code under test.
pub fn node(links: &[Cid]) -> (Cid, Vec<u8>) {
    let mut block = Vec::new();
    for link in links {
        let id = link.to_bytes();
        block.extend([0x12, id.len() as u8 + 2, 0x0a, id.len() as u8]);
        block.extend(id);
    }
    (Cid::new_v1(0x70, hash(&block)), block)
}

pub fn kept(cid: Cid) -> Kept {
    Kept { cid, profile: Profile::V1_2025, generation: 0 }
}

pub fn pin(name: &str) -> Root {
    Root::Pin(name.into())
}

/// Puts leaves and a node over them, and pins the node.
pub fn add(store: &ContentStore, name: &str, leaves: &[&[u8]]) -> Cid {
    let mut session = store.session();
    for leaf in leaves {
        session.put(&raw(leaf), leaf.to_vec()).unwrap();
    }
    let (cid, block) = node(&leaves.iter().map(|leaf| raw(leaf)).collect::<Vec<_>>());
    session.put(&cid, block).unwrap();
    session.finish(&pin(name), kept(cid), NOW).unwrap();
    cid
}

/// Nothing is wrong in the books, the bytes are those of their ids, and no session holds anything.
pub fn check(store: &ContentStore) {
    let found = store.verify(true).unwrap();
    assert_eq!(found.wrong, [], "{found:?}");
    assert_eq!(found.holds, 0, "{found:?}");
    let stat = store.stat().unwrap();
    assert_eq!((found.blocks, found.bytes), (stat.blocks, stat.bytes));
}

pub fn blocks(store: &ContentStore) -> u64 {
    store.stat().unwrap().blocks
}

/// Takes out all whose time has come.
pub fn purge(store: &ContentStore, now: u64) -> u64 {
    let mut gone = 0;
    loop {
        let purged = store.purge(now, 100).unwrap();
        gone += purged.blocks;
        if !purged.more {
            return gone;
        }
    }
}

/// Bytes that differ from seed to seed and do not repeat.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend(state.to_le_bytes());
    }
    out.truncate(len);
    out
}

/// The id that adding a path gives, without storing it.
pub fn id_of(path: &Path, profile: Profile) -> Cid {
    content::add(path, profile, &mut |_, _| Ok(()), &mut |_| ()).unwrap().cid
}

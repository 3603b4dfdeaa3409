mod dirs;
mod files;
mod paths;

use super::*;
use crate::content;
use crate::{Config, Kind};
use leither_types::MimeiId;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
const NOW: u64 = 1_800_000_000_000;
const ME: MimeiId = MimeiId([7; 20]);

fn open(dir: &Path) -> ContentStore {
    ContentStore::open(&Config::new(dir.join("db"))).unwrap()
}

/// The oracle: another writer's code, over the whole file or directory.
fn from_scratch(path: &Path, profile: Profile) -> Cid {
    content::add(path, profile, &mut |_, _| Ok(()), &mut |_| ()).unwrap().cid
}

fn cid_of_bytes(dir: &Path, bytes: &[u8], profile: Profile) -> Cid {
    let path = dir.join("oracle");
    fs::write(&path, bytes).unwrap();
    from_scratch(&path, profile)
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(step).collect()
}

fn check(store: &ContentStore) {
    let found = store.verify(true).unwrap();
    // Edits that are still open hold what they began with.
    assert!(found.wrong.is_empty(), "{found:?}");
}

fn profile() -> impl Strategy<Value = Profile> {
    prop_oneof![Just(Profile::V1_2025), Just(Profile::V0_2015)]
}

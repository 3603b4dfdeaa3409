//! The properties that tests/fuzz looks for, over blocks, walks and CARs that are almost right.

#[path = "../../../../tests/fuzz/src/nodes.rs"]
mod nodes;

use leither_kit::multihash::Multihash;
use leither_kit::{Cid, car};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use sha2::{Digest, Sha256};

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    // No field here is longer than 2^14 bytes.
    let len = [(bytes.len() & 0x7f | 0x80) as u8, (bytes.len() >> 7) as u8];
    [&[number << 3 | 2][..], &len, bytes].concat()
}

/// A block of UnixFS of any kind: parts of a few bytes, names with a place before them.
fn unixfs() -> impl Strategy<Value = Vec<u8>> {
    let link = (any::<u8>(), any::<bool>(), "[0-9A-F]{2}[a-c]{0,2}", 0u8..4);
    (vec(link, 0..6), 0u8..6, vec(any::<u8>(), 0..4)).prop_map(|(links, kind, inline)| {
        let mut data = [&[0x08, kind][..], &field(2, &inline)].concat();
        let mut block = Vec::new();
        for (place, raw, name, size) in links {
            let id = [&[1, if raw { 0x55 } else { 0x70 }, 0x12, 32][..], &[place; 32]].concat();
            block.extend(field(2, &[field(1, &id), field(2, name.as_bytes())].concat()));
            data.extend([0x20, size]);
        }
        // murmur3-x64-64, 256 places.
        data.extend([0x28, 0x22, 0x30, 0x80, 0x02]);
        block.extend(field(1, &data));
        block
    })
}

proptest! {
    #[test]
    fn kit_4_a_damaged_block_says_nothing_that_contradicts_itself(
        block in unixfs(), at in any::<Index>(), to in any::<u8>(), kind in any::<u8>(), junk in vec(any::<u8>(), 0..300)
    ) {
        let mut input = [&[0][..], &block].concat();
        nodes::nodes(&input);
        input[1 + at.index(block.len())] = to;
        nodes::nodes(&input);
        nodes::nodes(&[&[kind][..], &junk].concat());
    }

    #[test]
    fn kit_9_and_kit_10_walks_over_odd_blocks_end_and_give_what_they_promise(
        blocks in vec(prop_oneof![unixfs(), vec(any::<u8>(), 0..4)], 1..6)
    ) {
        let mut input = vec![0];
        for block in &blocks {
            input.extend((block.len() as u16).to_le_bytes());
            input.extend(block);
        }
        nodes::walks(&input);
    }

    #[test]
    fn kit_12_what_a_damaged_car_gives_is_verified_and_written_again_the_same(
        blocks in vec(vec(any::<u8>(), 0..40), 0..5), at in any::<Index>(), to in any::<u8>(), cut in any::<Index>()
    ) {
        let id = |block: &Vec<u8>| Cid::new_v1(0x55, Multihash::wrap(0x12, &Sha256::digest(block)).unwrap());
        let roots: Vec<Cid> = blocks.iter().map(id).collect();
        let mut whole = car::header(&roots).to_vec();
        for (cid, block) in roots.iter().zip(&blocks) {
            whole.extend_from_slice(&car::section(cid, block));
        }
        nodes::cars(&whole);
        let place = at.index(whole.len());
        whole[place] = to;
        nodes::cars(&whole);
        whole.truncate(cut.index(whole.len()));
        nodes::cars(&whole);
    }
}

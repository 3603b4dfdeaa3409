//! Messages of bitswap. `super::wire` is the module of that name in node/bitswap, whose own tests compile this file, too.

use super::wire::{Ask, BLOCKS_MAX, Block, Message, PRESENCES_MAX, Version, WANTS_MAX, Want, decode, digest, encode};
use cid::Cid;

/// BITSWAP-1, BITSWAP-2: what is read is no more than what came; it is written and read again as it was, less what an older version has no
/// words for.
pub fn messages(bytes: &[u8]) {
    let Ok(message) = decode(bytes) else { return };
    let (wants, blocks, presences) = (message.wants.len(), message.blocks.len(), message.presences.len());
    assert!(wants <= WANTS_MAX && blocks <= BLOCKS_MAX && presences <= PRESENCES_MAX);
    // Each has a tag and a length at least.
    let entries = wants + blocks + presences;
    assert!(2 * entries + message.block_bytes() <= bytes.len());
    for version in [Version::V100, Version::V110, Version::V120] {
        let wire = encode(&message, version).concat();
        assert!(wire.len() <= bytes.len() + 32 * entries + 32, "an answer that grows");
        assert_eq!(decode(behind_length(&wire)), Ok(told(&message, version)));
    }
}

/// The message behind its length, which is checked.
fn behind_length(wire: &[u8]) -> &[u8] {
    let head = wire.iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last + 1);
    let (head, message) = wire.split_at(head);
    let len = head.iter().rev().fold(0, |len, byte| len << 7 | usize::from(byte & 0x7f));
    assert_eq!(len, message.len());
    message
}

fn told(message: &Message, version: Version) -> Message {
    let newest = version == Version::V120;
    let said = |want: &&Want| newest || want.ask != Ask::Have;
    let want = |want: &Want| Want { send_dont_have: newest && want.send_dont_have, ..want.clone() };
    let block = |block: &Block| match version {
        Version::V100 => {
            let hash = digest(0x12, &block.data).expect("sha2-256 is known");
            Block { cid: Cid::new_v0(hash).expect("an id of version 0"), data: block.data.clone() }
        }
        _ => block.clone(),
    };
    Message {
        full: message.full,
        wants: message.wants.iter().filter(said).map(want).collect(),
        blocks: message.blocks.iter().map(block).collect(),
        presences: if newest { message.presences.clone() } else { Vec::new() },
        pending: if newest { message.pending.max(0) } else { 0 },
    }
}

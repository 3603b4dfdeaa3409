//! Messages as they go over the wire: protobuf behind a length, read by hand so that every count and length has a bound.

mod decode;
mod encode;
mod read;
#[cfg(test)]
mod tests;

pub use decode::{decode, digest};
pub use encode::encode;
pub(crate) use read::{PREFIX_BYTES_MAX, length};

use bytes::Bytes;
use cid::Cid;

/// A message, its length not counted (BITSWAP-2).
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// A block.
pub const BLOCK_BYTES_MAX: usize = 2 << 20;
/// Entries in the wantlist of one message.
pub const WANTS_MAX: usize = 16_384;
/// Blocks in one message.
pub const BLOCKS_MAX: usize = 4_096;
/// Presences in one message.
pub const PRESENCES_MAX: usize = 16_384;
/// The binary form of a content id. The longest that is used has 133 bytes: one that holds 128 bytes itself.
pub const CID_BYTES_MAX: usize = 144;

/// What a stream was agreed on for (BITSWAP-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Blocks without prefix: their ids are of version 0.
    V100,
    /// Blocks with prefix.
    V110,
    /// HAVE and DONT_HAVE.
    V120,
}

/// What a wantlist says of one content id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The block.
    Block,
    /// Whether the block is there; a small one may be sent at once.
    Have,
    /// Nothing any more.
    Cancel,
}

/// One entry of a wantlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Of which block.
    pub cid: Cid,
    /// Higher comes first.
    pub priority: i32,
    /// What is asked.
    pub ask: Ask,
    /// Whether a no is to be said.
    pub send_dont_have: bool,
}

/// A block; its id was computed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The id.
    pub cid: Cid,
    /// The bytes.
    pub data: Bytes,
}

/// Whether the sender has a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Of which block.
    pub cid: Cid,
    /// HAVE or DONT_HAVE.
    pub have: bool,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Whether the wants replace all that were sent before.
    pub full: bool,
    /// The wantlist's entries.
    pub wants: Vec<Want>,
    /// Blocks.
    pub blocks: Vec<Block>,
    /// HAVE and DONT_HAVE.
    pub presences: Vec<Presence>,
    /// How many bytes of blocks the sender has still waiting, as it says.
    pub pending: i32,
}

impl Message {
    /// Bytes of blocks in it.
    pub fn block_bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.data.len()).fold(0, usize::saturating_add)
    }
}

/// Why a message is none (BITSWAP-2), or what else a peer did that no honest one does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Junk {
    /// A length beyond the bound; nothing of the message was read.
    #[error("a message of {len} bytes where at most {MESSAGE_BYTES_MAX} are allowed")]
    TooLong {
        /// What the length says.
        len: u64,
    },
    /// The stream ended within a message.
    #[error("a message that ends early")]
    Short,
    /// Bytes that are no protobuf of this message.
    #[error("no bitswap message: {0}")]
    Form(&'static str),
    /// More of something than one message may hold.
    #[error("more than {max} {what} in one message")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        max: usize,
    },
    /// A block beyond the bound.
    #[error("a block of {len} bytes where at most {BLOCK_BYTES_MAX} are allowed")]
    BlockTooBig {
        /// Its length.
        len: usize,
    },
    /// Not a content id.
    #[error("a content id that is none")]
    Cid,
    /// A block under a hash that is not computed here, so that nobody can have asked for it.
    #[error("a block under the hash 0x{code:x}, which is not used here")]
    Hash {
        /// The multihash code.
        code: u64,
    },
    /// A block that was not asked for: what a peer sends that answers with wrong bytes (BITSWAP-11).
    #[error("a block that was not asked for: its bytes are those of {cid}")]
    Unasked {
        /// What its bytes hash to.
        cid: Box<Cid>,
    },
}

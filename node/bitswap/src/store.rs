//! What blocks are read from.

use bytes::Bytes;
use cid::Cid;

/// Where blocks are. It is asked on threads of its own (BITSWAP-8), never on the swarm's.
pub trait BlockStore: Send + Sync + 'static {
    /// The block, if it is there.
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreError>;
    /// How long it is, if it is there.
    fn size(&self, cid: &Cid) -> Result<Option<usize>, StoreError>;
}

/// A fault of this machine. The peer that asked hears DONT_HAVE.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the block store cannot read {cid}: {why}; check the disk and its log")]
pub struct StoreError {
    /// Which block.
    pub cid: Box<Cid>,
    /// What the store said.
    pub why: String,
}

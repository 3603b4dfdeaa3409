//! Whoever hands out blocks.

use crate::block;
use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use cid::multihash::Multihash;
use std::collections::HashMap;

/// Why a block does not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Nobody who was asked has it.
    #[error("the block {0} is not here and nobody was found who has it; connect to a provider, or ask its author to provide it")]
    NotFound(Cid),
    /// It did not come in time.
    #[error("the block {0} did not come in time; try again, or connect to another provider")]
    Timeout(Cid),
    /// So much is asked for at once that it has no place.
    #[error("too much is fetched at once, and the block {0} has no place among it; try again in some seconds")]
    Busy(Cid),
    /// It is not here, and who asks has asked for too much that is not.
    #[error(
        "the block {0} is not here, and too much that is not, and did not come, was asked for from this address; try again later"
    )]
    TooMany(Cid),
    /// The machine or the id is at fault.
    #[error("{0}")]
    Other(String),
}

/// KIT-3: where blocks come from: this node's store, the swarm behind it, or a test's table. Whoever implements it hands out blocks that
/// passed [`block::verify`] and no others, and looks them up by hash alone: ids that differ in version or codec name the same bytes.
#[async_trait]
pub trait Source: Send + Sync {
    /// The bytes of a block. A caller that gives up drops the future.
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError>;

    /// Whether it is here by now, without asking the network. Who asks the network in `block` answers for itself here.
    async fn has(&self, cid: &Cid) -> bool {
        self.block(cid).await.is_ok()
    }

    /// KIT-13: those of these blocks that are here by now, without asking the network, in order up to the first that is not: the first of
    /// them, whatever its length, and others with it of at most `bytes_max` bytes in all. Who reads from disk reads them in one go.
    async fn here(&self, cids: &[Cid], bytes_max: usize) -> Vec<Bytes> {
        let (mut found, mut left) = (Vec::new(), bytes_max);
        for cid in cids {
            if !self.has(cid).await {
                break;
            }
            let Ok(bytes) = self.block(cid).await else { break };
            if !found.is_empty() {
                let Some(rest) = left.checked_sub(bytes.len()) else { break };
                left = rest;
            }
            found.push(bytes);
        }
        found
    }
}

/// Blocks in memory: for tests and small, fixed sets.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    blocks: HashMap<Multihash<64>, Bytes>,
}

impl Fixed {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a block in, if it is what its id says.
    pub fn put(&mut self, cid: &Cid, bytes: Bytes) -> Result<(), block::BlockError> {
        block::verify(cid, &bytes)?;
        self.blocks.insert(*cid.hash(), bytes);
        Ok(())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

#[async_trait]
impl Source for Fixed {
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        let held = block::inline(cid).or_else(|| self.blocks.get(cid.hash()).cloned());
        held.ok_or(SourceError::NotFound(*cid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[tokio::test]
    async fn kit_3_a_block_is_found_by_its_hash_whatever_the_form_of_its_id() {
        let hash = Multihash::wrap(block::hash::SHA2_256, &Sha256::digest(b"hello")).unwrap();
        let mut fixed = Fixed::new();
        fixed.put(&Cid::new_v0(hash).unwrap(), Bytes::from_static(b"hello")).unwrap();
        for cid in [Cid::new_v0(hash).unwrap(), Cid::new_v1(0x70, hash), Cid::new_v1(0x55, hash)] {
            assert_eq!(fixed.block(&cid).await.unwrap(), "hello");
            assert!(fixed.has(&cid).await);
        }
        let other = Cid::new_v1(0x55, Multihash::wrap(block::hash::SHA2_256, &[0; 32]).unwrap());
        assert_eq!(fixed.block(&other).await, Err(SourceError::NotFound(other)));
        assert!(!fixed.has(&other).await);
        assert!(fixed.put(&other, Bytes::new()).is_err());
    }

    #[tokio::test]
    async fn what_stands_in_an_id_is_always_there() {
        let cid = Cid::new_v1(0x55, Multihash::wrap(block::hash::IDENTITY, b"hi").unwrap());
        assert_eq!(Fixed::new().block(&cid).await.unwrap(), "hi");
    }
}

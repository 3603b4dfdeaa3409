use crate::Leither;
use arc_malachitebft_core_types as bft;
use leither_types::{BLOCK_BYTES_MAX, Blob, Hash, Height, PublicKey, Signature, ValidatorId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use std::{collections::BTreeMap, fmt};

/// CONS-7: a piece of a block is no longer than this, and all but the last have just this length.
pub const CHUNK_BYTES_MAX: usize = 64 * 1024;
const CHUNKS_MAX: usize = BLOCK_BYTES_MAX.div_ceil(CHUNK_BYTES_MAX);
const HEAD_TAG: &[u8] = b"leither/parts/v1:";

/// What the publisher of a block's parts says about them, and signs: who streams junk can be named, and strangers cannot stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Head {
    /// The block's height.
    pub height: Height,
    /// The round in which it is proposed.
    pub round: u32,
    /// The earlier round in which two thirds prevoted for it, if it is proposed again.
    pub pol_round: Option<u32>,
    /// Who publishes the parts: the proposer of that round.
    pub publisher: ValidatorId,
    /// The block's id.
    pub block: Hash,
    /// The length of the encoded block.
    pub len: u32,
}

/// A piece of a block under way.
#[derive(Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Part {
    /// The head with the first piece, so that a small block is one message.
    Head {
        /// What it is a part of.
        head: Head,
        /// The publisher's, over [`Head::sign_bytes`].
        signature: Signature,
        /// The first bytes.
        bytes: Blob<CHUNK_BYTES_MAX>,
    },
    /// A later piece.
    Data {
        /// Its place, from 1.
        index: u16,
        /// The bytes.
        bytes: Blob<CHUNK_BYTES_MAX>,
    },
}

/// Why parts make no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// A block of no length, or of more than a block may have.
    #[error("parts of a block of {0} bytes")]
    Length(usize),
    /// A piece at a place that the block does not have, or of a length that it cannot have there.
    #[error("piece {index} has {len} bytes, which does not fit its block")]
    Piece {
        /// Its place.
        index: usize,
        /// Its length.
        len: usize,
    },
    /// Two different pieces for one place.
    #[error("two different pieces {0}")]
    Conflict(usize),
}

/// The pieces of one stream so far, in whatever order they come. Holds no more than one block's bytes.
#[derive(Debug, Default)]
pub struct Assembly {
    head: Option<(Head, Signature)>,
    pieces: BTreeMap<usize, Blob<CHUNK_BYTES_MAX>>,
}

impl Head {
    /// The bytes under the signature.
    pub fn sign_bytes(&self, chain: &Hash) -> Vec<u8> {
        let mut bytes = HEAD_TAG.to_vec();
        (chain, self).encode_to(&mut bytes);
        bytes
    }

    /// Whether `key` signed this head on this chain.
    pub fn is_signed_by(&self, chain: &Hash, key: &PublicKey, signature: &Signature) -> bool {
        key.verify(&self.sign_bytes(chain), signature)
    }

    fn pieces(&self) -> Result<usize, PartError> {
        let len = self.len as usize;
        if len == 0 || len > BLOCK_BYTES_MAX { Err(PartError::Length(len)) } else { Ok(len.div_ceil(CHUNK_BYTES_MAX)) }
    }

    fn check_piece(&self, index: usize, len: usize) -> Result<(), PartError> {
        let start = index.saturating_mul(CHUNK_BYTES_MAX);
        let wanted = (self.len as usize).saturating_sub(start).min(CHUNK_BYTES_MAX);
        if len == wanted && len > 0 { Ok(()) } else { Err(PartError::Piece { index, len }) }
    }
}

/// Cuts an encoded block into its parts, head first.
pub fn cut(head: Head, signature: Signature, block: &[u8]) -> Result<Vec<Part>, PartError> {
    let count = head.pieces()?;
    if block.len() != head.len as usize {
        return Err(PartError::Length(block.len()));
    }
    let mut parts = Vec::with_capacity(count);
    for (index, piece) in block.chunks(CHUNK_BYTES_MAX).enumerate() {
        let fault = PartError::Piece { index, len: piece.len() };
        let bytes = Blob::new(piece.to_vec()).ok_or(fault)?;
        parts.push(match index {
            0 => Part::Head { head, signature, bytes },
            _ => Part::Data { index: u16::try_from(index).map_err(|_| fault)?, bytes },
        });
    }
    Ok(parts)
}

impl Assembly {
    /// What the head says, once it is there. Its signature is the caller's to check.
    pub fn head(&self) -> Option<&(Head, Signature)> {
        self.head.as_ref()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.pieces.values().map(|piece| piece.len()).sum()
    }

    /// Takes in a part; gives the encoded block when it is complete.
    pub fn add(&mut self, part: Part) -> Result<Option<Vec<u8>>, PartError> {
        match part {
            Part::Head { head, signature, bytes } => {
                let count = head.pieces()?;
                for (index, piece) in &self.pieces {
                    head.check_piece(*index, piece.len())?;
                }
                head.check_piece(0, bytes.len())?;
                debug_assert!(count <= CHUNKS_MAX);
                if self.head.is_some_and(|known| known != (head, signature)) {
                    return Err(PartError::Conflict(0));
                }
                self.head = Some((head, signature));
                self.put(0, bytes)?;
            }
            Part::Data { index, bytes } => {
                let index = usize::from(index);
                match &self.head {
                    Some((head, _)) if index > 0 => head.check_piece(index, bytes.len())?,
                    // Before the head is known only what no block can have is refused.
                    None if index > 0 && index < CHUNKS_MAX && !bytes.is_empty() => {}
                    _ => return Err(PartError::Piece { index, len: bytes.len() }),
                }
                self.put(index, bytes)?;
            }
        }
        let Some((head, _)) = &self.head else { return Ok(None) };
        if self.pieces.len() < head.pieces()? {
            return Ok(None);
        }
        let mut block = Vec::with_capacity(head.len as usize);
        self.pieces.values().for_each(|piece| block.extend_from_slice(piece));
        Ok(Some(block))
    }

    fn put(&mut self, index: usize, bytes: Blob<CHUNK_BYTES_MAX>) -> Result<(), PartError> {
        match self.pieces.get(&index) {
            Some(known) if *known != bytes => Err(PartError::Conflict(index)),
            Some(_) => Ok(()),
            None => {
                self.pieces.insert(index, bytes);
                Ok(())
            }
        }
    }
}

impl bft::ProposalPart<Leither> for Part {
    fn is_first(&self) -> bool {
        matches!(self, Part::Head { .. })
    }

    fn is_last(&self) -> bool {
        match self {
            Part::Head { head, bytes, .. } => bytes.len() == head.len as usize,
            Part::Data { bytes, .. } => bytes.len() < CHUNK_BYTES_MAX,
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Head { head, bytes, .. } => write!(f, "Part({head:?}, {} bytes)", bytes.len()),
            Part::Data { index, bytes } => write!(f, "Part({index}, {} bytes)", bytes.len()),
        }
    }
}

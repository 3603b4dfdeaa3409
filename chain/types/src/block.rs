use crate::{
    Certificate, EVIDENCE_MAX, Evidence, Hash, Height, List, Millis, SignedTx, ValidatorId, ValidatorSet, hash_of, list_root,
};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// The only version of [`Header`] so far.
pub const BLOCK_VERSION: u8 = 1;
/// A block is no longer than this.
pub const BLOCK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// A block holds no more transactions than this (the shortest transfer is over 200 bytes).
pub const BLOCK_TXS_MAX: usize = 16_384;

/// What validators vote on, by its hash; everything else in a block is bound by it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Header {
    /// [`BLOCK_VERSION`].
    pub version: u8,
    /// The genesis hash.
    pub chain: Hash,
    /// One more than the parent's.
    pub height: Height,
    /// The proposer's clock in ms: later than the parent's, and at most 500 ms ahead of who checks it.
    pub time: Millis,
    /// The parent's id; for height 1 the zero hash.
    pub parent: Hash,
    /// Who proposed it.
    pub proposer: ValidatorId,
    /// The state after this block.
    pub state_root: Hash,
    /// Over the signed transactions, witnesses included.
    pub txs_root: Hash,
    /// Over the receipts.
    pub receipts_root: Hash,
    /// Over evidence of misbehaviour.
    pub evidence_root: Hash,
    /// The certificate of the parent that this block pays.
    pub last_certificate: Hash,
    /// Who votes on this block.
    pub validators: Hash,
    /// Who votes on the next.
    pub next_validators: Hash,
}

/// A pulse.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Block {
    /// What was voted on.
    pub header: Header,
    /// The parent's certificate; [`Certificate::genesis`] at height 1.
    pub last_certificate: Certificate,
    /// In the order in which they are executed.
    pub txs: List<SignedTx, BLOCK_TXS_MAX>,
    /// Who signed what nobody may.
    pub evidence: List<Evidence, EVIDENCE_MAX>,
}

impl Header {
    /// The block's id, which is all that is voted on (CONS-1).
    pub fn id(&self) -> Hash {
        hash_of("leither/header/v1", self)
    }
}

impl Block {
    /// The block's id.
    pub fn id(&self) -> Hash {
        self.header.id()
    }

    /// The root over transactions as they stand, for [`Header::txs_root`].
    pub fn txs_root(txs: &[SignedTx]) -> Hash {
        list_root(&txs.iter().map(SignedTx::full_hash).collect::<Vec<_>>())
    }

    /// The root over evidence, for [`Header::evidence_root`].
    pub fn evidence_root(evidence: &[Evidence]) -> Hash {
        list_root(&evidence.iter().map(Evidence::hash).collect::<Vec<_>>())
    }
}

/// A block after which other validators vote, with who they are: from one to the next a stranger walks from genesis to today, by
/// signatures alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Handover {
    /// The block's header: its `next_validators` differ from its `validators`.
    pub header: Header,
    /// Why it is final.
    pub certificate: Certificate,
    /// Who votes on the next block. [`crate::Walk`] goes from one to the next.
    pub set: ValidatorSet,
}

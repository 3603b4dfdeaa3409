use crate::{Amount, Blob, List, TxId, Weight, hash_of};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// Events that one transaction may leave.
pub const EVENTS_MAX: usize = 256;

/// An event as its pallet wrote it.
pub type EventBytes = Blob<4096>;

/// What became of a transaction's calls.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Status {
    /// All were done.
    Done,
    /// One was refused and all were taken back; fee and nonce are kept.
    Failed(Failure),
}

/// Which call was refused, and why: a stable code and the values behind it, never text.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Failure {
    /// Index of the call in the transaction.
    pub call: u8,
    /// The pallet's error, as the pallet wrote it.
    pub error: Blob<256>,
}

/// The record of one transaction in a block, the same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Receipt {
    /// Whose receipt it is.
    pub tx: TxId,
    /// What became of it.
    pub status: Status,
    /// Weight that was charged.
    pub weight: Weight,
    /// Fee that was taken, in smallest units of `mei`.
    pub fee: Amount,
    /// What happened, in order. Of a failed transaction only what the fee did.
    pub events: List<EventBytes, EVENTS_MAX>,
}

impl Receipt {
    /// Its place in the block's list of receipts.
    pub fn hash(&self) -> crate::Hash {
        hash_of("leither/receipt/v1", self)
    }
}

//! What a block is made of: ids, amounts, transactions, blocks, certificates, receipts, and the one rule for signatures.
//!
//! Everything here is plain data with one byte form (bounded SCALE, [`codec`]), so that two nodes that are handed the same
//! bytes read the same thing or refuse both. A light client needs this crate and `leither-state`, nothing else.
//!
//! The picture:
//! ```text
//! SignedTx = Tx (signed payload, its hash is the TxId) + one Witness a signer
//! Block    = Header (its hash is what validators vote on) + transactions + the parent's Certificate
//! Receipt  = what a transaction did: kept fee, events, or the reason why its calls were taken back
//! ```
//! Absent on purpose: what a call means (pallets), state (chain/state), time, disk, network.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod amount;
mod block;
mod bounded;
mod certificate;
pub mod codec;
mod content;
mod evidence;
mod genesis;
mod hash;
mod ids;
pub mod json;
mod list;
mod origin;
mod receipt;
pub mod sign;
mod tx;
mod validators;
mod walk;

pub use amount::{Amount, SUPPLY_MAX};
pub use block::{BLOCK_BYTES_MAX, BLOCK_TXS_MAX, BLOCK_VERSION, Block, Handover, Header};
pub use bounded::{Blob, List, Text};
pub use certificate::{Certificate, CommitSig, SIGNATURES_MAX, Vote, VoteKind};
pub use codec::{DecodeError, decode, decode_within};
pub use content::ContentId;
pub use evidence::{EVIDENCE_MAX, Evidence, Proposal, possession_bytes, swarm_bytes};
pub use genesis::{Allocation, GENESIS_RECOVERED, GENESIS_VERSION, Genesis, GenesisHead, Params, RULES_VERSION};
pub use hash::{Hash, hash_of, tagged};
pub use ids::{AccountId, IdError, MimeiId, OrgId, TokenId, ValidatorId};
pub use list::{LIST_ITEMS_MAX, ListProof, list_proof, list_root};
pub use origin::{Origin, recovery_bytes};
pub use receipt::{EVENTS_MAX, EventBytes, Failure, Receipt, Status};
pub use sign::{PublicKey, SecretKey, Signature};
pub use tx::{
    CALL_BYTES_MAX, CALLS_MAX, CallBytes, SIGNERS_MAX, SignedTx, TX_BYTES_MAX, TX_VERSION, Tx, TxId, VALID_FOR_MS_MAX, Witness,
};
pub use validators::{VALIDATORS_MAX, Validator, ValidatorSet, ValidatorSetError};
pub use walk::{TrustError, Trusted, Walk};

/// A block's number: the pulse. Genesis is 0, the first block 1.
pub type Height = u64;
/// Milliseconds since 1970-01-01 UTC, as blocks state it. Nobody below the purity line reads a clock.
pub type Millis = u64;
/// Cost units of a call; the base fee is the price of one.
pub type Weight = u64;

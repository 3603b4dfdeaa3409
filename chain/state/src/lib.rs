//! The state as pure data: what is read ([`Read`]), what a block changes ([`WriteSet`], collected by an [`Overlay`]), how it is keyed
//! ([`keys`]), and what commits to it ([`Ledger`], a tree of balance trees plus a tree of records, with proofs).
//!
//! ```text
//! token id -> balance tree (160-bit holder id -> Holding, sum = supply)   \
//! tree over the tokens     (token id -> root and supply)                   > state root in the header
//! tree of records          (blake3(key) -> blake3(value), no sums)        /
//! ```
//! Absent on purpose: the disk (node/store keeps leaves and records), what records mean (pallets).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod holding;
pub mod keys;
mod ledger;
mod overlay;
mod proof;
mod read;
mod tree;

pub use holding::Holding;
pub use keys::{Item, KeyPart, Map, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX};
pub use ledger::{Ledger, LedgerError, Undo, record_commitment, record_key_hash};
pub use overlay::{Mark, Overlay, Row};
pub use proof::{
    Answer, HolderPart, HoldingProof, LeafProof, PROOF_HANDOVERS_MAX, ProofError, Question, RecordProof, STATE_PROOF_BYTES_MAX,
    StateProof,
};
pub use read::{Fault, Page, Read, WriteSet};
pub use tree::{Change, Key, LEAVES_MAX, Leaf, Step, Tree, TreeError, TreeProof, TreeUndo};

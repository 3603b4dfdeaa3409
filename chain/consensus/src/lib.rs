//! The chain's side of the BFT engine: the types that the engine's state machine runs on, what is signed, and the bytes of it all.
//!
//! The picture:
//! ```text
//! engine (any driver of `arc-malachitebft-core-consensus`: node/engine, or a simulator)
//!    | asks                                         | hands over
//!    v                                              v
//! Leither (Context) -- Validators, proposer    wire -- bounded SCALE for messages, certificates, parts, WAL entries
//! Signer, Verifier  -- ZIP-215 over preimages  parts -- a block cut into pieces, and put together again
//! certificate       -- the engine's certificate as the chain's, and back
//! ```
//! The flow: a block's id (the hash of its header) is the [`Value`] that validators vote on; the block itself travels as signed
//! [`Part`]s. A vote's preimage is [`leither_types::Vote::sign_bytes`], so that a light client checks a certificate with
//! `leither-types` alone.
//!
//! Absent on purpose: sockets, files, clocks, chance; what makes a block valid (executor); when to propose (node/engine); the guard
//! against signing twice, which needs a disk (node/engine).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod certificate;
mod context;
mod message;
mod part;
mod sign;
#[cfg(test)]
mod tests;
pub mod wire;

pub use certificate::{CertificateFormError, certificate, commit_certificate};
pub use context::{Address, BlockHeight, Leither, Seat, Validators, ValidatorsError, Value, timeouts};
pub use message::{Proposal, Vote, round_of};
pub use part::{Assembly, CHUNK_BYTES_MAX, Head, Part, PartError, cut};
pub use sign::{Signer, Verifier, Zip215};

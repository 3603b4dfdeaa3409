//! Folds a block over the state: the one function whose answer every node must share.
//!
//! ```text
//! bytes --check_form--> SignedTx --admissible--> pool --build--> Block --execute--> Outcome --store.commit-->
//! ```
//! - EXEC-1: equal arguments give equal results, on every machine, for ever. No clock, chance, thread or disk is asked.
//! - EXEC-2: a transaction with a bad signature, the wrong chain or nonce, expired, or whose payer cannot pay makes the BLOCK invalid: else a
//!   proposer fills blocks for free. Only a call's refusal is a receipt: fee kept, nonce used, writes taken back.
//! - EXEC-3: a `Fault` never reaches a receipt and never makes a block invalid: it stops this node.
//! - EXEC-4: [`build`] and [`execute`] and [`simulate`] run the same code for a transaction.
//! - EXEC-5: a signature is skipped only if the caller has verified these very bytes (payload, key and signature).
//!
//! Absent on purpose: what calls mean (pallets), where the state lies (node/store), who proposes when (chain/consensus).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod block;
mod form;
mod replay;
mod run;
mod validity;

#[cfg(test)]
mod tests;

pub use block::{Draft, Invalid, Outcome, Parent, Refused, build, contracts_max, execute};
pub use form::{FormError, Weights, check_form, check_tx, weight};
pub use leither_pallets::{GenesisError, RecoveryError, genesis_state, recovered_state};
pub use replay::{Replayed, replay};
pub use run::{Simulated, simulate};
pub use validity::{NobodyVerified, Unfit, Verified, admissible};

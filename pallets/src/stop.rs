use crate::{accounts, mimei, orgs, staking, streams, tokens, wasm};
use leither_state::Fault;
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// A user's mistake: the same on every node, written into the receipt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// Balances.
    #[codec(index = 1)]
    #[error(transparent)]
    Accounts(#[from] accounts::Error),
    /// Tokens.
    #[codec(index = 2)]
    #[error(transparent)]
    Tokens(#[from] tokens::Error),
    /// Organizations.
    #[codec(index = 3)]
    #[error(transparent)]
    Orgs(#[from] orgs::Error),
    /// Version heads.
    #[codec(index = 4)]
    #[error(transparent)]
    Mimei(#[from] mimei::Error),
    /// Validators.
    #[codec(index = 5)]
    #[error(transparent)]
    Staking(#[from] staking::Error),
    /// Contracts.
    #[codec(index = 6)]
    #[error(transparent)]
    Wasm(#[from] wasm::Error),
    /// Money over time.
    #[codec(index = 7)]
    #[error(transparent)]
    Streams(#[from] streams::Error),
}

/// Why a call did not happen. The two are never mixed: a `Reject` becomes a receipt, a `Fault` stops this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The user's mistake.
    Reject(Error),
    /// The machine's.
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fault(fault)
    }
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Reject(error.into())
    }
}

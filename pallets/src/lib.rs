//! What calls mean: one module a pallet, and this roster, by hand. Forgetting a pallet here is a compile error.
//!
//! ```text
//! Call --check()--> form is right, whatever the state          (anyone, in parallel)
//!      --apply(ctx)--> Ok | Stop::Reject(Error) | Stop::Fault   (exclusive, in block order)
//! begin and end of a block: hooks::end, in written order
//! ```
//! A pallet: `mod types keys calls views events errors hooks tests`, those it needs. Another pallet is entered through its `views` and
//! its few public verbs, never its `keys`; the edges allowed are `orgs -> tokens -> accounts -> params`, `mimei -> orgs, accounts`,
//! `streams -> tokens, accounts`, `staking -> tokens, accounts, params`, `wasm -> orgs, mimei, streams, tokens, accounts, params`.
//!
//! Absent on purpose: fees and nonces are charged by chain/executor; time, chance, disk and network have no door here.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod accounts;
mod ctx;
mod describe;
mod genesis;
mod hooks;
pub mod lineage;
pub mod mimei;
pub mod orgs;
pub mod params;
mod recovery;
pub mod staking;
mod stop;
pub mod streams;
pub mod tokens;
pub mod wasm;

#[cfg(test)]
mod tests;

pub use ctx::{BlockInfo, Ctx, Origin, TxInfo};
pub use describe::{describe_call, describe_error, describe_event, record_kind};
pub use genesis::{GenesisError, genesis_state};
pub use hooks::{Ending, end_block, work_due};
pub use recovery::{RecoveryError, recovered_state};
pub use stop::{Error, Stop};

use leither_types::{CallBytes, DecodeError, Weight, codec};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// What each call of a transaction after the first weighs beside its own, and each call of a proposal: the bytes of a block bound how many new
/// accounts its transactions can make with one call each, not with sixteen.
pub const FURTHER_CALL_WEIGHT: Weight = 30_000;

/// Every call there is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Paying and burning.
    #[codec(index = 1)]
    Tokens(tokens::Call),
    /// Organizations.
    #[codec(index = 2)]
    Orgs(orgs::Call),
    /// Version heads.
    #[codec(index = 3)]
    Mimei(mimei::Call),
    /// Validators.
    #[codec(index = 4)]
    Staking(staking::Call),
    /// Contracts.
    #[codec(index = 5)]
    Wasm(wasm::Call),
    /// Money over time.
    #[codec(index = 6)]
    Streams(streams::Call),
}

/// Every event there is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Balances.
    #[codec(index = 1)]
    Tokens(tokens::Event),
    /// Organizations.
    #[codec(index = 2)]
    Orgs(orgs::Event),
    /// Version heads.
    #[codec(index = 3)]
    Mimei(mimei::Event),
    /// Validators.
    #[codec(index = 4)]
    Staking(staking::Event),
    /// Contracts.
    #[codec(index = 5)]
    Wasm(wasm::Event),
    /// Money over time.
    #[codec(index = 6)]
    Streams(streams::Event),
}

impl Call {
    /// Reads a call from a transaction: bounded, canonical.
    pub fn read(bytes: &CallBytes) -> Result<Self, DecodeError> {
        codec::decode_within(bytes, leither_types::CALL_BYTES_MAX)
    }

    /// The form that a transaction carries; nothing where the call is too long for one.
    pub fn write(&self) -> Option<CallBytes> {
        CallBytes::new(self.encode())
    }

    /// What can be said without any state.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Call::Tokens(call) => Ok(call.check()?),
            Call::Orgs(call) => Ok(call.check()?),
            Call::Mimei(call) => Ok(call.check()?),
            Call::Staking(call) => Ok(call.check()?),
            Call::Wasm(call) => Ok(call.check()?),
            Call::Streams(call) => Ok(call.check()?),
        }
    }

    /// What it costs, in weight: nanoseconds on the reference machine, rounded up generously.
    pub fn weight(&self) -> Weight {
        match self {
            Call::Tokens(call) => call.weight(),
            Call::Orgs(call) => call.weight(),
            Call::Mimei(call) => call.weight(),
            Call::Staking(call) => call.weight(),
            Call::Wasm(call) => call.weight(),
            Call::Streams(call) => call.weight(),
        }
    }

    /// BLOCK-7: what of that is contracts'.
    pub fn contract_weight(&self) -> Weight {
        match self {
            Call::Wasm(call) => call.engine_weight(),
            Call::Tokens(_) | Call::Orgs(_) | Call::Mimei(_) | Call::Staking(_) | Call::Streams(_) => 0,
        }
    }

    /// Does it. On `Reject` the caller takes back what was written.
    pub fn apply(&self, ctx: &mut Ctx<'_>) -> Result<(), Stop> {
        match self {
            Call::Tokens(call) => tokens::apply(ctx, call),
            Call::Orgs(call) => orgs::apply(ctx, call),
            Call::Mimei(call) => mimei::apply(ctx, call),
            Call::Staking(call) => staking::apply(ctx, call),
            Call::Wasm(call) => wasm::apply(ctx, call),
            Call::Streams(call) => streams::apply(ctx, call),
        }
    }
}

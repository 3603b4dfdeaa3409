//! Runs contracts of the CosmWasm ABI behind a trait: bytes in, bytes and gas out. What a contract holds on to is given by a [`Host`]; who may
//! call what, and what its messages do, is the business of the pallet `wasm`.
//!
//! ```text
//! Engine::store(wasm) -> Module | Refusal                 once, when code is stored
//! Engine::call(Call, Host) -> Called { gas, answer }      answer: JSON | Failure (the same on every node) ; Broken: this machine's
//! ```
//! - VM-1: the text of the machine inside reaches neither the state nor a receipt nor a contract: only classes do.
//! - VM-2: a failure of this machine (disk, cache, database) is [`Broken`], never a [`Failure`].
//! - VM-3: equal code, call and host give equal answers and equal gas, whatever the caches hold.
//! - VM-4: an address is valid only as it is written again (CWA-2022-002).
//!
//! The one folder here is a cache of compiled modules that the caller hands in. It is trusted: nobody else may write it. It changes no answer.
#![forbid(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

pub mod abi;
mod address;
mod backend;
mod engine;
mod instructions;
mod meter;
mod module;
mod modules;
mod prices;
mod wasm;

pub use address::{address_by_number, address_by_salt, address_of, sha256};
pub use engine::{
    Broken, Call, Called, Checksum, Engine, Entry, Failure, Host, HostError, Module, NoEngine, Order, Passed, Refusal, StoreError,
};
pub use prices::{GAS_PER_SDK_GAS, INSTANCE_GAS, PRICES_VERSION};
pub use wasm::WasmEngine;

/// What code may be as long as, in bytes.
pub const CODE_BYTES_MAX: usize = 800 * 1024;
/// What a contract's answer may be as long as, in bytes.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Compiled modules that an engine has at hand, in bytes as [`Module::compiled`] reckons them: those that were asked for last, at least.
pub const WARM_BYTES_MAX: u64 = 160 << 20;

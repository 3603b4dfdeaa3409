//! The node's JSON-RPC interface, said once: the server registers these methods, the client calls them, and the OpenRPC document
//! (`rpc.discover`, `spec/openrpc.json`) is generated from them. `spec/rpc.md` tells the same story to people.
//!
//! ```text
//! Method<P, R>   name, summary, reasons for refusal      P: parameters, by position or by name      R: the answer
//!      |-- methods::ALL -> server: one handler each; OpenRPC: one entry each
//!      `-- client.call(&methods::TX_SUBMIT, params) -> R
//! ```
//! How things are written: numbers of 64 bits and more as decimal strings ([`U64`], [`U128`]), bytes and hashes as 0x-hex ([`Bytes`],
//! [`Hash32`]), ids as bech32m ([`Id`]). Refusals carry a stable machine word ([`Reason`]) beside the sentence for people.
//!
//! Absent on purpose: what the answers are made from (the node), and sockets, but for those of [`client`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod client;
mod encoding;
mod error;
mod method;
pub mod methods;
mod openrpc;
mod page;
mod params;
mod reference;
mod types;

pub use client::{Client, ClientError};
pub use encoding::{Bytes, Hash32, Id, IdKind, U64, U128};
pub use error::{ApiError, Reason};
pub use method::{Kind, Method, MethodInfo};
pub use openrpc::{OPENRPC_VERSION, document};
pub use page::{Cursor, Limit, PAGE_DEFAULT, PAGE_MAX, Page};
pub use params::{DEPTH_MAX, parse_params};
pub use reference::{BlockRef, OrgRef, TokenRef};
pub use types::*;

#[cfg(test)]
mod tests;

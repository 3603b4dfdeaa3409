//! The JSON-RPC server: HTTP and WebSocket on one port, in front of a node that it sees only as a [`Backend`].
//!
//! ```text
//! socket -> accept   connections in all and from one address are counted           (serve)
//!        -> stream   a reader that stalls is not read from, then cut off           (stream)
//!        -> guard    Host and Origin are on the list: no page of a stranger gets in (guard)
//!        -> gate     calls outstanding, and calls a second, are bounded            (gate, flow, limits)
//!        -> method   parameters -> Backend -> answer, within a time                (methods)
//!        -> follow   chain_subscribe: every final pulse in order, or `lagged`       (follow)
//! ```
//! The protocol itself (envelopes, batches, WebSocket frames) is jsonrpsee's. What the methods are is said in `leither-rpc-api`.
//!
//! Absent on purpose: anything that signs or administers; those have no place on this port.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod backend;
mod config;
mod flow;
mod follow;
mod gate;
mod guard;
mod limits;
mod methods;
mod serve;
mod stream;

pub use backend::{Answer, Backend};
pub use config::{Config, ConfigError, Rate};
pub use serve::{RpcServer, StartError};

//! The gateway: content over HTTP, for browsers and for whoever checks for himself.
//!
//! ```text
//! Host, path -> whose origin -> root (a CID, or a MiMei's head, or a name) -> steps -> file | page | block | CAR
//! example.org/ipfs/<cid>/a  --301-->  <cid>.ipfs.example.org/a     each root has an origin of its own
//! 127.0.0.1/ipfs/<cid>/a    ------->  the same bytes, sandboxed: all roots share this origin
//! ```
//! | module | holds |
//! |---|---|
//! | [`core`] | what a request means: plain functions |
//! | `respond` | answers: the one place that fetches |
//! | `server` | connections, readers that are too slow, blocks in memory, what an address may ask of the network |
//! | [`api`] | what it asks of the node: heads, names, records |
//! | [`config`] | what the owner may set |
//!
//! ```no_run
//! # async fn example(source: std::sync::Arc<dyn leither_kit::source::Source>) -> anyhow::Result<()> {
//! let gateway = leither_gateway::Gateway::new(source, leither_gateway::Config::default())?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:4800").await?;
//! leither_gateway::serve(listener, gateway, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//! Rules `GW-1` to `GW-16` are in `spec/gateway.md`. Absent on purpose: writing, TAR, conversion between codecs, TLS (a proxy's matter).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod api;
pub mod config;
pub mod core;
mod respond;
mod server;

pub use api::{Head, HeadError, Heads, NameError, Names, Nobody, Records, Version};
pub use config::{Config, ConfigError};
pub use respond::Gateway;
pub use server::serve;

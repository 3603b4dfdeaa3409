//! Bitswap 1.2.0 for libp2p: blocks are asked of peers by what they hash to, and given to peers that ask. Server and client in one
//! [`Behaviour`]; what it promises is `spec/bitswap.md`, rules BITSWAP-1 and on.
//!
//! ```text
//! want(session, ids) -> client -> handler -> the peer's handler -> its server -> workers -> its store
//!         Event::Block <- client <- handler (hashes) <------------ its handler <- its server
//! ```
//! `client` and `server` are pure: they are told what came and what time it is. `handler` reads and writes streams, one handler a
//! connection, and computes what blocks hash to. `workers` read the store on threads of their own.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod behaviour;
mod client;
mod handler;
mod server;
mod store;
mod traffic;
pub mod wire;
mod workers;

pub use behaviour::Behaviour;
pub use client::{ACTIVE_MAX, PEERS_A_SESSION_MAX, SESSIONS_MAX, SessionId, WANTS_A_SESSION_MAX, WantError};
pub use server::{LEAVING_A_PEER_MAX, LEAVING_MAX, WANTS_A_PEER_MAX};
pub use store::{BlockStore, StoreError};
pub use traffic::Traffic;
pub use wire::{BLOCK_BYTES_MAX, Junk, MESSAGE_BYTES_MAX};

use bytes::Bytes;
use cid::Cid;
use libp2p::PeerId;
use std::time::Duration;

/// What may differ from node to node. The default is what the spec says.
#[derive(Clone, Debug)]
pub struct Config {
    /// Threads that read the store.
    pub store_threads: usize,
    /// A peer that was asked whether it has a block and says nothing for so long is passed over.
    pub have_timeout: Duration,
    /// A peer that was asked for a block and sends none for so long is passed over.
    pub block_timeout: Duration,
    /// A peer that has read less than 64 KiB of what it asked for, and not all of it, is cut off after this.
    pub stall_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store_threads: 2,
            have_timeout: Duration::from_secs(5),
            block_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

/// Why wants of a peer were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// It has more than are remembered; the oldest went.
    #[error("it wants more than {WANTS_A_PEER_MAX} blocks at a time; the oldest wants were dropped")]
    TooManyWants,
    /// It asks and does not read; it was cut off.
    #[error("it reads nothing or next to nothing of what it asked for, and was cut off")]
    ReadsNothing,
}

/// What the behaviour tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A wanted block; its bytes hash to its id.
    Block {
        /// Who wanted it.
        session: SessionId,
        /// As it was wanted.
        cid: Cid,
        /// Its bytes.
        data: Bytes,
        /// Who sent it; nobody where the id holds its own bytes.
        peer: Option<PeerId>,
    },
    /// Nobody in the session has it, or nobody answers. It stays wanted: add peers, or cancel it. Told again each time that this turns out.
    Missing {
        /// Who wants it.
        session: SessionId,
        /// As it is wanted.
        cid: Cid,
    },
    /// A peer sent what no honest one does.
    Junk {
        /// Who.
        peer: PeerId,
        /// What.
        why: Junk,
    },
    /// Wants of a peer were dropped.
    Dropped {
        /// Whose.
        peer: PeerId,
        /// How many.
        wants: usize,
        /// Why.
        why: DropReason,
    },
    /// The store failed; the peer that asked heard that the block is not here.
    StoreFailed(StoreError),
}

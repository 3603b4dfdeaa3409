//! The content swarm: who has which content, where it is, and how it comes. Open to the whole IPFS world, apart from the data swarm, which
//! it can never delay.
//!
//! ```text
//! provide(key) -> database -> plan, by regions of the key space -> /leither/content/1 Announce -> the records of the closest nodes
//! find_providers(key) -> /leither/kad/1.0.0 (and /ipfs/kad/1.0.0, if that is on) -> who, and where
//! session(peers, hunt) -> bitswap; Missing -> providers of hunt and block -> dialled -> candidates of the session
//! ```
//! One task owns the swarm; [`Routing`] is a handle to it. What is in the DHT stands in a database of its own, by wall clock.
//!
//! Absent on purpose: what content means, where blocks are kept, which MiMeis are provided (the caller knows), values in the DHT (a name's
//! head is on chain), payment. Rules `ROUTE-1` and on are in `spec/routing.md`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod behaviour;
mod candidates;
mod content;
mod error;
mod floor;
mod kademlia;
mod muxer;
mod provide;
mod quota;
mod records;
mod routing;
mod session;
mod targets;
mod task;
mod transport;
mod types;

pub use behaviour::{DHT, IPFS_DHT};
pub use content::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, ANNOUNCED_MAX, HELD_MAX, KEY_BYTES_MAX, PROTOCOL};
pub use error::{RouteError, StartError};
pub use libp2p::{Multiaddr, PeerId};
pub use records::{PROVIDER_TTL_MS, PROVIDERS_A_KEY_MAX, ROWS_A_PROVIDER_MAX, ROWS_MAX};
pub use routing::Routing;
pub use session::{Session, WANTS_MAX};
pub use types::{
    Addresses, Came, Config, Desk, DhtMode, Direction, Held, Key, PeerView, ProvideStat, ProvideStatus, Provided, Provider, Reach,
};

/// The peer id that a seed makes. Nothing where it is no key.
pub fn peer_id(key_seed: [u8; 32]) -> Option<PeerId> {
    behaviour::key(key_seed).ok().map(|key| key.public().to_peer_id())
}

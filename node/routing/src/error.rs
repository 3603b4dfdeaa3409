use crate::KEY_BYTES_MAX;
use leither_bitswap::WantError;
use libp2p::{Multiaddr, PeerId};

/// Why the swarm did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The seed is no key, or a transport could not be built.
    #[error("cannot build the content swarm: {0}")]
    Build(String),
    /// An address to listen on is taken, not ours, or of a kind that is not spoken here.
    #[error("the content swarm cannot listen on {address}: {why}; choose another address to listen on")]
    Listen {
        /// Which.
        address: Multiaddr,
        /// Why.
        why: String,
    },
    /// An address of a peer or a relay that can never be dialled.
    #[error("cannot dial {address}: {why}; correct it in the configuration")]
    Peer {
        /// Which.
        address: Multiaddr,
        /// Why.
        why: &'static str,
    },
    /// The database of records.
    #[error("{0}")]
    Store(String),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The swarm has ended.
    #[error("the content swarm has stopped; start the node again")]
    Stopped,
    /// Nobody answered in time.
    #[error("nobody answered in time; try again")]
    Timeout,
    /// The DHT does not know it.
    #[error("nobody in the DHT knows it; it may be offline, or this node is connected to nobody who would know")]
    NotFound,
    /// The peer is not reached.
    #[error("{peer} is not reached: {why}")]
    NotConnected {
        /// Whom.
        peer: PeerId,
        /// Why not.
        why: String,
    },
    /// More at once than is kept.
    #[error("too much is under way at once; wait until some of it is done")]
    TooMany,
    /// An address that can never be dialled.
    #[error("cannot dial {address}: {why}")]
    Address {
        /// Which.
        address: Multiaddr,
        /// Why.
        why: String,
    },
    /// A key that nobody would keep.
    #[error("a key of the DHT has 1 to {KEY_BYTES_MAX} bytes; provide content whose ids are under sha2-256 or blake3")]
    Key,
    /// What bitswap refuses.
    #[error(transparent)]
    Bitswap(#[from] WantError),
    /// The database of records.
    #[error("{0}")]
    Store(String),
}

/// What the database of records cannot do. Each says what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordsError {
    #[error("the database of DHT records ({0}) is in use by another process; stop that one, or choose another --home")]
    Busy(String),
    #[error("the database of DHT records was written by a newer leither ({0}); install the newer one")]
    Newer(String),
    #[error(
        "the database of DHT records is damaged: {0}; move it away: what is provided is announced again by whoever provides it"
    )]
    Damaged(String),
    #[error("cannot use the database of DHT records: {0}; check the disk's space and the directory's rights")]
    Disk(String),
    #[error("more than {0} keys are provided already; withdraw some")]
    Full(u64),
}

impl From<rocksdb::Error> for RecordsError {
    fn from(error: rocksdb::Error) -> Self {
        match error.kind() {
            rocksdb::ErrorKind::Corruption => Self::Damaged(error.into_string()),
            _ => Self::Disk(error.into_string()),
        }
    }
}

impl From<RecordsError> for RouteError {
    fn from(error: RecordsError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<RecordsError> for StartError {
    fn from(error: RecordsError) -> Self {
        Self::Store(error.to_string())
    }
}

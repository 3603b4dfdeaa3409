//! What callers hand in and get back.

use crate::content::KEY_BYTES_MAX;
use bytes::Bytes;
use cid::Cid;
use leither_bitswap::Traffic;
use libp2p::{Multiaddr, PeerId};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// What the swarm needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of the swarm's own ed25519 key, which makes the peer id.
    pub key_seed: [u8; 32],
    /// Where to listen; nothing: nowhere.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach it, as its owner says.
    pub external: Vec<Multiaddr>,
    /// Whom to stay connected to; dialled at the start and again with growing pauses. Each ends in `/p2p/<peer id>`.
    pub peers: Vec<Multiaddr>,
    /// Whether it answers the DHT's questions.
    pub dht: DhtMode,
    /// Whether it also asks the public DHT of IPFS; it never answers there.
    pub ipfs: bool,
    /// A place is kept with these unless others are known to reach this node. Each ends in `/p2p/<peer id>`.
    pub relays: Vec<Multiaddr>,
    /// Whether it relays for others, within bounds.
    pub serve_relay: bool,
    /// Connections at most, both ways together.
    pub connections_max: u32,
    /// The database of records and of what is provided.
    pub dir: PathBuf,
    /// Milliseconds since 1970: what expires does so over a restart, too.
    pub clock: fn() -> u64,
}

/// Whether a node answers the DHT's questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DhtMode {
    /// It does, unless it listens nowhere or others say that they do not reach it.
    #[default]
    Auto,
    /// It does.
    Server,
    /// It only asks.
    Client,
}

/// Bytes of a key that is a hash of 32 bytes, with its code and its length: nearly all are.
const USUAL_BYTES: usize = 34;

/// A key of the DHT: a multihash's bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Form);

/// How a key lies in memory: where there are a million of them, each on a heap of its own would take twice as much.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    Usual([u8; USUAL_BYTES]),
    /// Of any other length.
    Other(Box<[u8]>),
}

impl Key {
    /// The key of content. Ids of one hash share it, whatever their version and codec.
    pub fn of_cid(cid: &Cid) -> Self {
        Self::of(cid.hash().to_bytes())
    }

    /// ROUTE-1: the key of a MiMei's holders.
    pub fn of_mimei(id: &[u8; 20]) -> Self {
        let digest = Sha256::new().chain_update("leither/mimei-provider/v1").chain_update(id).finalize();
        // The multihash of sha2-256: its code, its length.
        Self::of([&[0x12, 0x20][..], &digest].concat())
    }

    fn of(bytes: Vec<u8>) -> Self {
        Self(<[u8; USUAL_BYTES]>::try_from(bytes).map_or_else(|bytes| Form::Other(bytes.into_boxed_slice()), Form::Usual))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Usual(bytes) => bytes,
            Form::Other(bytes) => bytes,
        }
    }

    /// A key that others sent, where it has a length that a key may have.
    pub(crate) fn read(bytes: Vec<u8>) -> Option<Self> {
        (1..=KEY_BYTES_MAX).contains(&bytes.len()).then(|| Self::of(bytes))
    }

    /// Whether others would keep it.
    pub(crate) fn is_fit(&self) -> bool {
        (1..=KEY_BYTES_MAX).contains(&self.bytes().len())
    }
}

/// What a node says of what it holds. It is asked on a thread that may wait.
pub trait Desk: Send + Sync + 'static {
    /// The newest version that is here, whole.
    fn held(&self, mimei: &[u8; 20]) -> Option<Held>;
}

/// A version that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its number.
    pub version: u64,
    /// Its content.
    pub cid: Cid,
}

/// Where this node is reached. Each address ends in `/p2p/<its id>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Where it listens.
    pub listen: Vec<Multiaddr>,
    /// Where others reach it, as its owner or AutoNAT says.
    pub external: Vec<Multiaddr>,
    /// Its places at relays.
    pub relayed: Vec<Multiaddr>,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer.
    Incoming,
    /// This node.
    Outgoing,
}

/// A peer that is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Who.
    pub peer: PeerId,
    /// Where; a direct connection is named before one by a relay.
    pub address: Multiaddr,
    /// The program that it says it runs.
    pub agent: Option<String>,
    /// Who opened the connection.
    pub direction: Direction,
    /// All its connections lead through a relay.
    pub relayed: bool,
    /// What it says it speaks.
    pub protocols: Vec<String>,
    /// Blocks that went and came.
    pub traffic: Traffic,
}

/// Whether others reach this node: AutoNAT's verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody has tried yet.
    Unknown,
    /// They do, there.
    Public(Multiaddr),
    /// They tried and could not.
    Private {
        /// What they said.
        why: String,
    },
}

/// Who provides a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Who.
    pub peer: PeerId,
    /// Where it may be reached; nobody has tried.
    pub addresses: Vec<Multiaddr>,
}

/// What came of an announcement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provided {
    /// Nodes that were told.
    pub asked: usize,
    /// Those that say they keep it.
    pub confirmed: Vec<PeerId>,
}

/// How the announcing of one key goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvideStatus {
    /// When it last succeeded.
    pub last_success_ms: Option<u64>,
    /// When it is done next.
    pub next_due_ms: u64,
    /// When it ends; nothing: when it is withdrawn.
    pub until_ms: Option<u64>,
    /// Who said, the last time, that it keeps it.
    pub confirmed: Vec<PeerId>,
    /// Why the last try came to nothing, if it did.
    pub failure: Option<String>,
}

/// How announcing goes as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProvideStat {
    /// Keys that are provided.
    pub keys: u64,
    /// Those of them that were announced at least once.
    pub announced: u64,
    /// Those that are due now, counted up to 65,536.
    pub waiting: u64,
    /// Since when the one is due that has waited for longest.
    pub oldest_due_ms: Option<u64>,
    /// When the last round ended.
    pub last_round_ms: Option<u64>,
    /// How long the slowest round since the start took.
    pub slowest_ms: u64,
}

/// What comes of wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A wanted block; its bytes hash to its id.
    Block {
        /// As it was wanted.
        cid: Cid,
        /// Its bytes.
        data: Bytes,
        /// Who sent it; nobody where the id holds its own bytes.
        peer: Option<PeerId>,
    },
    /// Nobody who is asked has it, or for two seconds nothing came. It stays wanted; told again each time that this turns out.
    Missing {
        /// As it is wanted.
        cid: Cid,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_1_a_key_is_a_multihash_and_that_of_a_mimei_is_its_own() {
        let cid = Cid::new_v1(0x70, leither_bitswap::wire::digest(0x12, b"x").unwrap());
        let raw = Cid::new_v1(0x55, *cid.hash());
        assert_eq!(Key::of_cid(&cid), Key::of_cid(&raw));
        assert_eq!(Key::of_cid(&cid).bytes()[..2], [0x12, 0x20]);
        let key = Key::of_mimei(&[7; 20]);
        let expected = Sha256::digest([&b"leither/mimei-provider/v1"[..], &[7; 20]].concat());
        assert_eq!((&key.bytes()[..2], &key.bytes()[2..]), (&[0x12, 0x20][..], &expected[..]));
        assert!(key.is_fit() && key != Key::of_mimei(&[8; 20]));
        assert_eq!(Key::read(key.bytes().to_vec()), Some(key));
        assert_eq!((Key::read(vec![]), Key::read(vec![1; KEY_BYTES_MAX + 1])), (None, None));
    }

    #[test]
    fn route_1_keys_of_all_lengths_are_their_bytes_and_take_forty() {
        for len in 1..=KEY_BYTES_MAX {
            let bytes: Vec<u8> = (0..).take(len).collect();
            let key = Key::read(bytes.clone()).unwrap();
            assert_eq!(key.bytes(), bytes);
            assert!(key == Key::read(bytes).unwrap() && key.is_fit());
        }
        assert!(size_of::<Key>() <= 40);
    }
}

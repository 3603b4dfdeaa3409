//! The data swarm: transactions that wait for a block, from node to node by gossip; blocks and snapshots, by question and answer.
//!
//! ```text
//! publish(tx) -> batch (30 ms, 256 KiB) -> topic /leither/<chain>/txs/1 -> peers
//! peers -> size, form, quota -> Incoming { peer, txs } -> the caller's Verdict -> accept: on to other peers
//!                                                                              -> reject: the sender is banned
//! ask(peer, Request) -> /leither/exchange/1 -> Response; peers -> quota, turn -> Library -> Response
//! ```
//! Only peers that the user named are dialled, again and again with growing pauses; others may connect, up to a limit. With nobody
//! subscribed, nothing is gossiped. The consensus engine has a swarm of its own.
//!
//! Absent on purpose: what makes a transaction, a block or a snapshot valid (the caller says, and reports who lied), whom to ask what,
//! finding peers. Rules `NET-1` to `NET-19` are in `spec/net.md`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod anchors;
mod batch;
mod behaviour;
mod door;
mod exchange;
mod meter;
mod muxer;
mod peers;
mod quota;
mod task;
mod transport;

pub use anchors::ANCHORS_MAX;
pub use batch::{BATCH_BYTES_MAX, BATCH_TXS_MAX, Batch};
pub use behaviour::topic;
pub use exchange::{
    ASK_TIMEOUT, AskError, BLOCKS_BYTES_MAX, BLOCKS_MAX, Blocks, CHUNK_BYTES_MAX, CONTENT_ADDRESS_BYTES_MAX,
    CONTENT_ADDRESSES_MAX, Codec, HANDOVERS_MAX, Handover, Junk, Library, MANIFEST_BYTES_MAX, MANIFESTS_MAX, ONE_BLOCK_BYTES_MAX,
    Offence, PROTOCOL, PeerInfo, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Request, Response,
};
pub use libp2p::{Multiaddr, PeerId};
pub use peers::{BAN, CONNECTIONS_MAX, INCOMING_CONNECTIONS_MAX};

use anchors::Anchors;
use leither_types::{Hash, SignedTx};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use task::{Command, Setup, Task};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Transactions that wait to be batched.
const OUTGOING_MAX: usize = 16_384;
/// Batches that wait for the caller.
const INCOMING_MAX: usize = 256;

/// The peer id of an ed25519 public key, as bytes. Nothing where it is no point of the curve.
pub fn peer_id_bytes(key: &[u8; 32]) -> Option<Vec<u8>> {
    let key = libp2p::identity::ed25519::PublicKey::try_from_bytes(key).ok()?;
    Some(PeerId::from_public_key(&libp2p::identity::PublicKey::from(key)).to_bytes())
}

/// What the swarm needs to know.
#[derive(Clone)]
pub struct NetConfig {
    /// Seed of the swarm's own ed25519 key, which makes the peer id.
    pub key_seed: [u8; 32],
    /// Where to listen; nothing: nowhere.
    pub listen: Vec<Multiaddr>,
    /// Whom to stay connected to. An address that ends in `/p2p/<peer id>` is of that peer and of nobody else.
    pub peers: Vec<Multiaddr>,
    /// The chain that all this is about: the genesis hash. Peers of another are not talked to.
    pub chain: Hash,
    /// What peers may ask for; nothing: it has no blocks to give.
    pub library: Option<Arc<dyn Library>>,
    /// Where addresses that worked are kept over a restart; nothing: nowhere.
    pub anchors: Option<PathBuf>,
}

/// Why the swarm did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The seed is no key, or a transport could not be built.
    #[error("cannot build the p2p swarm: {0}")]
    Build(String),
    /// An address to listen on is taken, not ours, or of a kind that is not spoken here.
    #[error("cannot listen on {address}: {why}; choose another address in `p2p.listen`")]
    Listen {
        /// Which.
        address: Multiaddr,
        /// Why.
        why: String,
    },
    /// An address of a peer that can never be dialled.
    #[error("cannot dial the peer {address}: {why}; correct `p2p.peers`")]
    Peer {
        /// Which.
        address: Multiaddr,
        /// Why.
        why: &'static str,
    },
}

/// What the caller thinks of a received batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Well-formed and of use: it goes on to other peers.
    Accept,
    /// No honest node sends this (a bad signature, another chain): the sender is banned. Never for what depends on the state, such as
    /// a used nonce: others may be a block ahead or behind.
    Reject,
    /// Neither.
    Ignore,
}

/// Transactions from a peer. Dropped without an answer, they are ignored.
#[derive(Debug)]
pub struct Incoming {
    /// Who passed them on; not necessarily who made them.
    pub peer: PeerId,
    /// At least one, each within its size, none of them verified.
    pub txs: Vec<SignedTx>,
    answer: task::Answer,
}

impl Incoming {
    /// Says what is to become of them.
    pub fn answer(self, verdict: Verdict) {
        self.answer.give(verdict);
    }
}

/// The running swarm. It ends with [`Net::shutdown`] or when the last handle is dropped.
pub struct Net {
    local: PeerId,
    chain: Hash,
    commands: mpsc::Sender<Command>,
    outgoing: mpsc::Sender<Arc<SignedTx>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Net {
    /// Starts to listen and to dial. Errors are those that waiting does not cure; peers that cannot be reached are tried for ever.
    pub async fn start(config: NetConfig) -> Result<(Self, mpsc::Receiver<Incoming>), StartError> {
        let mut swarm = behaviour::build(&config)?;
        let local = *swarm.local_peer_id();
        let mut targets = peers::targets(&config.peers, local)?;
        let path = config.anchors.clone();
        let anchors = tokio::task::spawn_blocking(move || Anchors::open(path)).await.unwrap_or_default();
        for address in anchors.list() {
            if let Err(error) = peers::name(&mut targets, address, local) {
                tracing::warn!(%error, "a kept address is not dialled");
            }
        }
        for address in &config.listen {
            let failed = |why: String| StartError::Listen { address: address.clone(), why };
            behaviour::probe(address).map_err(|e| failed(e.to_string()))?;
            swarm.listen_on(address.clone()).map_err(|e| failed(e.to_string()))?;
        }
        let (commands, command_queue) = mpsc::channel(64);
        let (outgoing, outgoing_queue) = mpsc::channel(OUTGOING_MAX);
        let (incoming, incoming_queue) = mpsc::channel(INCOMING_MAX);
        let (chain, setup) = (config.chain, Setup { chain: config.chain, library: config.library });
        let task = Task::new(swarm, topic(&config.chain), targets, anchors, setup, incoming);
        let task = Mutex::new(Some(tokio::spawn(task.run(command_queue, outgoing_queue))));
        Ok((Self { local, chain, commands, outgoing, task }, incoming_queue))
    }

    /// Passes a verified transaction on. It never waits: `false` where too many are waiting already.
    pub fn publish(&self, tx: Arc<SignedTx>) -> bool {
        self.outgoing.try_send(tx).is_ok()
    }

    /// Our name in the swarm.
    pub fn local_peer_id(&self) -> PeerId {
        self.local
    }

    /// The chain that it is about.
    pub fn chain(&self) -> Hash {
        self.chain
    }

    /// Who is connected.
    pub async fn peers(&self) -> Vec<PeerId> {
        self.list(Command::Peers).await
    }

    /// Where we listen, as far as known by now.
    pub async fn listen_addrs(&self) -> Vec<Multiaddr> {
        self.list(Command::Listening).await
    }

    /// Who is connected and has said what it has; in the order of their ids.
    pub async fn peers_known(&self) -> Vec<PeerInfo> {
        self.list(Command::Known).await
    }

    /// Who said lately that it is of another chain, and of which. At most 64.
    pub async fn strangers(&self) -> Vec<(PeerId, Hash)> {
        self.list(Command::Strangers).await
    }

    /// Where another peer answered than the user named, and which; the newest such address.
    pub async fn misnamed(&self) -> Vec<(Multiaddr, PeerId)> {
        self.list(Command::Misnamed).await
    }

    /// Asks a peer that is connected. At most 16 questions are open at once, four of them to one peer. An answer fits the question in
    /// kind and bound; whether it is true is for the caller to find out, and to [`report`](Net::report).
    pub async fn ask(&self, peer: PeerId, request: Request) -> Result<Response, AskError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Ask(peer, request, reply)).await.map_err(|_| AskError::Stopped)?;
        // Opening the stream has a time of its own: together they get no more than the one promised.
        match tokio::time::timeout(ASK_TIMEOUT + Duration::from_millis(500), answer).await {
            Ok(answer) => answer.unwrap_or(Err(AskError::NotConnected(peer))),
            Err(_) => Err(AskError::Timeout(peer)),
        }
    }

    /// A peer did what no honest node does: it is banned, and the log says why.
    pub async fn report(&self, peer: PeerId, offence: Offence) {
        // A swarm that has ended talks to nobody anyway.
        let _ = self.commands.send(Command::Report(peer, offence)).await;
    }

    /// Names one more peer to stay connected to, as if it were in the configuration.
    pub async fn add_peer(&self, address: Multiaddr) -> Result<(), StartError> {
        let (reply, answer) = oneshot::channel();
        let ended = || StartError::Build("it has stopped".into());
        self.commands.send(Command::Name(address, reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Those whom the chain names, whatever they are: the data swarm's names of its validators. They are no strangers (NET-17).
    pub async fn know(&self, peers: BTreeSet<PeerId>) {
        // A swarm that has ended lets nobody in anyway.
        let _ = self.commands.send(Command::Know(peers)).await;
    }

    /// NET-19: where this node is in the content swarm: told to peers of the chain that ask. At most eight of at most 256 bytes are told.
    pub async fn set_content(&self, addresses: Vec<Multiaddr>) {
        // A swarm that has ended tells nobody anyway.
        let _ = self.commands.send(Command::Content(addresses)).await;
    }

    async fn list<T>(&self, command: impl FnOnce(oneshot::Sender<Vec<T>>) -> Command) -> Vec<T> {
        let (reply, answer) = oneshot::channel();
        // A swarm that has ended is connected to nobody and listens nowhere.
        if self.commands.send(command(reply)).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// Closes all connections, writes the anchors, and waits until that is done, a second or two. Whoever still holds a handle hears from
    /// then on that the swarm has stopped.
    pub async fn shutdown(&self) {
        // One that has ended by itself has nobody to tell.
        let _ = self.commands.send(Command::End).await;
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the data swarm ended badly");
        }
    }
}

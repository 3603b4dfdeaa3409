//! The data swarm. So far it carries one thing: transactions that wait for a block, from node to node by gossip.
//!
//! ```text
//! publish(tx) -> batch (30 ms, 256 KiB) -> topic /leither/<chain>/txs/1 -> peers
//! peers -> size, form, quota -> Incoming { peer, txs } -> the caller's Verdict -> accept: on to other peers
//!                                                                              -> reject: the sender is banned
//! ```
//! Only peers that the user named are dialled, again and again with growing pauses; others may connect, up to a limit. With nobody
//! subscribed, nothing is sent. The consensus engine has a swarm of its own.
//!
//! Absent on purpose: what makes a transaction valid (the caller says), finding peers, blocks. Rules `NET-1` to `NET-8` are in
//! `spec/net.md`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod batch;
mod behaviour;
mod peers;
mod quota;
mod task;

pub use batch::{BATCH_BYTES_MAX, BATCH_TXS_MAX, Batch};
pub use behaviour::topic;
pub use libp2p::{Multiaddr, PeerId};
pub use peers::{BAN, CONNECTIONS_MAX};

use leither_types::{Hash, SignedTx};
use std::sync::Arc;
use task::{Command, Task};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Transactions that wait to be batched.
const OUTGOING_MAX: usize = 16_384;
/// Batches that wait for the caller.
const INCOMING_MAX: usize = 256;

/// What the swarm needs to know.
#[derive(Clone)]
pub struct NetConfig {
    /// Seed of the swarm's own ed25519 key, which makes the peer id.
    pub key_seed: [u8; 32],
    /// Where to listen; nothing: nowhere.
    pub listen: Vec<Multiaddr>,
    /// Whom to stay connected to. An address that ends in `/p2p/<peer id>` is of that peer and of nobody else.
    pub peers: Vec<Multiaddr>,
    /// The chain whose transactions are gossiped.
    pub chain: Hash,
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
    commands: mpsc::Sender<Command>,
    outgoing: mpsc::Sender<Arc<SignedTx>>,
    task: JoinHandle<()>,
}

impl Net {
    /// Starts to listen and to dial. Errors are those that waiting does not cure; peers that cannot be reached are tried for ever.
    pub async fn start(config: NetConfig) -> Result<(Self, mpsc::Receiver<Incoming>), StartError> {
        let mut swarm = behaviour::build(&config)?;
        let targets = peers::targets(&config.peers, *swarm.local_peer_id())?;
        for address in &config.listen {
            let failed = |why: String| StartError::Listen { address: address.clone(), why };
            behaviour::probe(address).map_err(|e| failed(e.to_string()))?;
            swarm.listen_on(address.clone()).map_err(|e| failed(e.to_string()))?;
        }
        let local = *swarm.local_peer_id();
        let (commands, command_queue) = mpsc::channel(64);
        let (outgoing, outgoing_queue) = mpsc::channel(OUTGOING_MAX);
        let (incoming, incoming_queue) = mpsc::channel(INCOMING_MAX);
        let task = Task::new(swarm, topic(&config.chain), targets, incoming);
        let task = tokio::spawn(task.run(command_queue, outgoing_queue));
        Ok((Self { local, commands, outgoing, task }, incoming_queue))
    }

    /// Passes a verified transaction on. It never waits: `false` where too many are waiting already.
    pub fn publish(&self, tx: Arc<SignedTx>) -> bool {
        self.outgoing.try_send(tx).is_ok()
    }

    /// Our name in the swarm.
    pub fn local_peer_id(&self) -> PeerId {
        self.local
    }

    /// Who is connected.
    pub async fn peers(&self) -> Vec<PeerId> {
        self.ask(Command::Peers).await
    }

    /// Where we listen, as far as known by now.
    pub async fn listen_addrs(&self) -> Vec<Multiaddr> {
        self.ask(Command::Listening).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<Vec<T>>) -> Command) -> Vec<T> {
        let (reply, answer) = oneshot::channel();
        // A swarm that has ended is connected to nobody and listens nowhere.
        if self.commands.send(command(reply)).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// Closes all connections and waits until that is done.
    pub async fn shutdown(self) {
        drop((self.commands, self.outgoing));
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the data swarm ended badly");
        }
    }
}

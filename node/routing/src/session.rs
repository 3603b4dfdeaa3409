use crate::task::Command;
use crate::{Came, RouteError};
use cid::Cid;
use leither_bitswap::SessionId;
use libp2p::PeerId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Wants of a session that are open, or whose blocks have come and were not taken.
pub const WANTS_MAX: usize = 1_024;

/// Wants that belong together. When a block is missing, providers of the session's hunt and of the block itself are looked up in the DHT,
/// dialled and added. It ends when it is dropped.
pub struct Session {
    id: Option<SessionId>,
    commands: mpsc::Sender<Command>,
    came: mpsc::Receiver<Came>,
    /// Blocks that have come and were not taken.
    queued: Arc<AtomicUsize>,
}

impl Session {
    pub(crate) fn new(commands: mpsc::Sender<Command>, came: mpsc::Receiver<Came>) -> Self {
        Self { id: None, commands, came, queued: Arc::default() }
    }

    pub(crate) fn queued(&self) -> Arc<AtomicUsize> {
        self.queued.clone()
    }

    pub(crate) fn begun(self, id: SessionId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Asks for blocks, in this order of urgency. Each comes once; what is wanted already is not asked for again.
    pub async fn want(&self, cids: Vec<Cid>) -> Result<(), RouteError> {
        let Some(id) = self.id else { return Err(RouteError::Stopped) };
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Want(id, cids, reply)).await.map_err(|_| RouteError::Stopped)?;
        answer.await.map_err(|_| RouteError::Stopped)?
    }

    /// These are wanted no longer. What has come already still comes.
    pub async fn cancel(&self, cids: Vec<Cid>) {
        if let Some(id) = self.id {
            // A swarm that has ended wants nothing.
            let _ = self.commands.send(Command::Cancel(id, cids)).await;
        }
    }

    /// Further peers that may have what is wanted; 64 in all are asked.
    pub async fn add_peers(&self, peers: Vec<PeerId>) {
        if let Some(id) = self.id {
            // A swarm that has ended asks nobody.
            let _ = self.commands.send(Command::AddPeers(id, peers)).await;
        }
    }

    /// What comes next; nothing: the swarm has ended.
    pub async fn next(&mut self) -> Option<Came> {
        let came = self.came.recv().await?;
        if matches!(came, Came::Block { .. }) {
            self.queued.fetch_sub(1, Ordering::AcqRel);
        }
        Some(came)
    }
}

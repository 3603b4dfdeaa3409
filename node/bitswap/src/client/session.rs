//! Sessions: who wants what, and of whom.

use super::want::Status;
use super::{Client, Key, PEERS_A_SESSION_MAX, SESSIONS_MAX, WANTS_A_SESSION_MAX};
use crate::Event;
use crate::wire::{Ask, Want as Entry, digest};
use bytes::Bytes;
use cid::Cid;
use libp2p::PeerId;
use std::collections::VecDeque;
use std::time::Instant;

/// Names a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(super) u64);

/// Why nothing was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WantError {
    /// It was never begun, or has ended.
    #[error("there is no such session; begin one")]
    NoSession,
    /// More than a session may wait for.
    #[error("a session waits for at most {WANTS_A_SESSION_MAX} blocks; ask for more once some have come")]
    TooMany,
    /// Too many sessions.
    #[error("at most {SESSIONS_MAX} sessions; end some")]
    TooManySessions,
    /// Nobody could check such a block.
    #[error("{cid} is under the hash 0x{code:x}, which is not used here: sha2-256 and blake3 are")]
    Hash {
        /// Which id.
        cid: Box<Cid>,
        /// The multihash code.
        code: u64,
    },
}

#[derive(Default)]
pub(super) struct Session {
    pub peers: Vec<PeerId>,
    /// Not active yet.
    pub queue: VecDeque<Cid>,
    /// Active ones and those that nobody has.
    pub open: usize,
}

impl Client {
    pub fn begin(&mut self, peers: impl IntoIterator<Item = PeerId>, now: Instant) -> Result<SessionId, WantError> {
        if self.sessions.len() >= SESSIONS_MAX {
            return Err(WantError::TooManySessions);
        }
        self.last_session = self.last_session.saturating_add(1);
        let id = SessionId(self.last_session);
        self.sessions.insert(id, Session::default());
        self.add_peers(id, peers, now)?;
        Ok(id)
    }

    /// Further candidates; who is one already stays where it is. Those beyond the bound are passed over.
    pub fn add_peers(&mut self, id: SessionId, peers: impl IntoIterator<Item = PeerId>, now: Instant) -> Result<(), WantError> {
        let session = self.sessions.get_mut(&id).ok_or(WantError::NoSession)?;
        let mut added = false;
        for peer in peers {
            if session.peers.len() >= PEERS_A_SESSION_MAX && !session.peers.contains(&peer) {
                // Who is away makes room.
                let is_away = |of: &PeerId| !self.peers.get(of).is_some_and(|known| known.connected);
                if let Some(at) = session.peers.iter().position(is_away) {
                    let gone = session.peers.swap_remove(at);
                    if let Some(known) = self.peers.get_mut(&gone) {
                        known.sessions = known.sessions.saturating_sub(1);
                    }
                }
            }
            if session.peers.len() < PEERS_A_SESSION_MAX && !session.peers.contains(&peer) {
                session.peers.push(peer);
                let known = self.peers.entry(peer).or_default();
                known.sessions = known.sessions.saturating_add(1);
                added = true;
            }
        }
        if added {
            let keys: Vec<Key> = self
                .wants
                .iter()
                .filter(|(_, want)| want.holders.iter().any(|(of, _)| *of == id))
                .map(|(key, _)| *key)
                .collect();
            for key in keys {
                self.unpark(key, now);
                self.step(key, now);
            }
        }
        Ok(())
    }

    pub fn want(&mut self, id: SessionId, cids: &[Cid], now: Instant) -> Result<(), WantError> {
        let session = self.sessions.get_mut(&id).ok_or(WantError::NoSession)?;
        if session.queue.len().saturating_add(session.open).saturating_add(cids.len()) > WANTS_A_SESSION_MAX {
            return Err(WantError::TooMany);
        }
        for cid in cids {
            let code = cid.hash().code();
            if code != 0 && digest(code, &[]).is_none_or(|known| known.size() != cid.hash().size()) {
                return Err(WantError::Hash { cid: Box::new(*cid), code });
            }
        }
        for cid in cids {
            if cid.hash().code() == 0 {
                // BITSWAP-14: it holds its own bytes.
                let data = Bytes::copy_from_slice(cid.hash().digest());
                self.events.push_back(Event::Block { session: id, cid: *cid, data, peer: None });
            } else {
                session.queue.push_back(*cid);
            }
        }
        if !session.queue.is_empty() && !self.turns.contains(&id) {
            self.turns.push_back(id);
        }
        self.fill(now);
        Ok(())
    }

    /// These are wanted no longer.
    pub fn cancel(&mut self, id: SessionId, cids: &[Cid], now: Instant) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.queue.retain(|cid| !cids.contains(cid));
        }
        for cid in cids {
            self.release(*cid.hash(), |holder| *holder == (id, *cid));
        }
        self.move_up(now);
    }

    /// The session is over, and whatever it wanted.
    pub fn end(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.remove(&id) else { return };
        let keys: Vec<Key> = self.wants.keys().copied().collect();
        keys.into_iter().for_each(|key| self.release(key, |(of, _)| *of == id));
        for peer in session.peers {
            if let Some(known) = self.peers.get_mut(&peer) {
                known.sessions = known.sessions.saturating_sub(1);
            }
            self.let_go(peer);
        }
        self.move_up(now);
    }

    /// Takes holders off a want; who was asked hears it when none is left.
    fn release(&mut self, key: Key, gone: impl Fn(&(super::SessionId, Cid)) -> bool) {
        let Some(want) = self.wants.get_mut(&key) else { return };
        let before = want.holders.len();
        let (gone, kept): (Vec<_>, Vec<_>) = want.holders.drain(..).partition(|holder| gone(holder));
        want.holders = kept;
        let none_left = before > 0 && want.holders.is_empty();
        for (of, _) in gone {
            if let Some(session) = self.sessions.get_mut(&of) {
                session.open = session.open.saturating_sub(1);
            }
        }
        if none_left {
            self.take_out(key, None);
        }
    }

    /// Removes a want and tells everyone that was asked, but for the peer that sent the block.
    pub(super) fn take_out(&mut self, key: Key, sender: Option<PeerId>) -> Option<super::Want> {
        let want = self.wants.remove(&key)?;
        if want.parked.is_none() {
            self.active = self.active.saturating_sub(1);
        }
        for (peer, status) in want.all() {
            self.closed(*peer, *status);
            let may_remember = !matches!(status, Status::Has | Status::Shy { .. });
            if may_remember && sender != Some(*peer) {
                self.tell(*peer, Entry { cid: want.cid, priority: 0, ask: Ask::Cancel, send_dont_have: false });
            }
        }
        Some(want)
    }

    /// Forgets a peer that nothing is known or wanted of.
    pub(super) fn let_go(&mut self, id: PeerId) {
        if self.peers.get(&id).is_some_and(|peer| !peer.connected && peer.sessions == 0) {
            self.peers.remove(&id);
        }
    }
}

//! What we want of peers. Pure: it is told what came and what time it is, and says what to ask of whom.
//!
//! A want that is active goes to each candidate as HAVE; among those that have it one is asked for the block, whoever should deliver first.
//! A no, a wrong block, silence or a lost connection moves it on. When nobody is left, it is reported missing and tried again later.

mod peer;
mod receive;
mod session;
mod steps;
#[cfg(test)]
mod tests;
mod want;

pub(crate) use peer::Peer;
pub use session::{SessionId, WantError};

use crate::wire::{Ask, Message, Want as Entry};
use crate::{Config, Event};
use cid::Cid;
use cid::multihash::Multihash;
use libp2p::PeerId;
use session::Session;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;
use want::{Status, Want};

/// Wants that are being asked for at a time (BITSWAP-13); as many as others remember of one peer, halved.
pub const ACTIVE_MAX: usize = 512;
/// Blocks that one peer is asked for at a time.
pub const BLOCKS_A_PEER_MAX: usize = 256;
/// Bytes that those should have together, by what blocks had so far; one block is always asked for.
pub const COMING_A_PEER_MAX: usize = 8 << 20;
/// The same for all peers.
pub const COMING_MAX: usize = 32 << 20;
/// Peers in a session.
pub const PEERS_A_SESSION_MAX: usize = 64;
/// Content ids that a session waits for.
pub const WANTS_A_SESSION_MAX: usize = 65_536;
/// Sessions.
pub const SESSIONS_MAX: usize = 4_096;
/// Entries in one message of ours.
const ENTRIES_A_MESSAGE: usize = 1_024;
/// What a block is taken to have before any came.
const FIRST_GUESS_BYTES: usize = 256 << 10;

/// Wants are told apart by what their blocks hash to: the same bytes serve every id of them.
pub(crate) type Key = Multihash<64>;

pub(crate) struct Client {
    config: Config,
    sessions: BTreeMap<SessionId, Session>,
    last_session: u64,
    /// Sessions that have wants which are not active yet, in turn.
    turns: VecDeque<SessionId>,
    wants: HashMap<Key, Want>,
    /// Wants that are not parked.
    active: usize,
    /// Wants that somebody has, but nobody has room for.
    held_up: VecDeque<Key>,
    peers: HashMap<PeerId, Peer>,
    /// Bytes that are expected to come.
    coming: usize,
    /// What a block has, by those that came.
    average: usize,
    asked: u64,
    pub events: VecDeque<Event>,
    /// Peers that there may be something to tell.
    pub dirty: BTreeSet<PeerId>,
    /// Peers to be cut off.
    pub close: Vec<PeerId>,
}

impl Client {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            sessions: BTreeMap::new(),
            last_session: 0,
            turns: VecDeque::new(),
            wants: HashMap::new(),
            active: 0,
            held_up: VecDeque::new(),
            peers: HashMap::new(),
            coming: 0,
            average: FIRST_GUESS_BYTES,
            asked: 0,
            events: VecDeque::new(),
            dirty: BTreeSet::new(),
            close: Vec::new(),
        }
    }

    /// Whether anything is waited for, so that time matters.
    pub fn is_waiting(&self) -> bool {
        !self.wants.is_empty() || !self.turns.is_empty()
    }

    /// Whether a peer is to stay connected.
    pub fn needs(&self, peer: &PeerId) -> bool {
        self.peers.get(peer).is_some_and(|peer| peer.asked_now > 0 || !peer.outgoing.is_empty())
    }

    /// The next message for a peer, while none is on its way.
    pub fn message_for(&mut self, id: &PeerId) -> Option<Message> {
        let peer = self.peers.get_mut(id).filter(|peer| peer.connected && !peer.deaf && !peer.telling && !peer.lost)?;
        if peer.outgoing.is_empty() {
            return None;
        }
        let count = peer.outgoing.len().min(ENTRIES_A_MESSAGE);
        let wants: Vec<Entry> = peer.outgoing.drain(..count).collect();
        peer.telling = true;
        // BITSWAP-12: what it may remember of an earlier connection is no longer true.
        let full = std::mem::take(&mut peer.afresh);
        let wants = if full { wants.into_iter().filter(|want| want.ask != Ask::Cancel).collect() } else { wants };
        Some(Message { full, wants, ..Message::default() })
    }

    /// A message has left, or was lost while the peer stays connected.
    pub fn told(&mut self, id: PeerId, lost: bool) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.telling = false;
            peer.lost |= lost;
            self.dirty.insert(id);
        }
    }

    /// Tells a peer all that is open at it once more.
    fn tell_again(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.lost = false;
        peer.afresh = true;
        peer.outgoing.clear();
        let mut open: Vec<Entry> = self
            .wants
            .values()
            .filter_map(|want| {
                let ask = match want.status(&id)? {
                    Status::BlockAsked { .. } => Ask::Block,
                    Status::HaveAsked { .. } | Status::Lacks => Ask::Have,
                    Status::Has | Status::Shy { .. } => return None,
                };
                Some(Entry { cid: want.cid, priority: want.priority, ask, send_dont_have: true })
            })
            .collect();
        open.sort_by_key(|entry| std::cmp::Reverse(entry.priority));
        peer.outgoing = open;
        self.dirty.insert(id);
    }

    /// Makes wants active while there is room, one session after the other.
    pub(super) fn fill(&mut self, now: Instant) {
        while self.active < ACTIVE_MAX {
            let Some(id) = self.turns.pop_front() else { break };
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            let Some(cid) = session.queue.pop_front() else { continue };
            if !session.queue.is_empty() {
                self.turns.push_back(id);
            }
            self.activate(id, cid, now);
        }
    }

    fn activate(&mut self, id: SessionId, cid: Cid, now: Instant) {
        let key = *cid.hash();
        let known = self.wants.get_mut(&key);
        if known.as_ref().is_some_and(|want| want.holders.contains(&(id, cid))) {
            return;
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.open = session.open.saturating_add(1);
        }
        if let Some(want) = known {
            want.holders.push((id, cid));
            // Somebody new may know more peers.
            self.unpark(key, now);
        } else {
            self.asked = self.asked.saturating_add(1);
            // Earlier wants go first; after two thousand million of them all are equal.
            let priority = i32::MAX.saturating_sub(i32::try_from(self.asked).unwrap_or(i32::MAX - 1));
            self.wants.insert(key, Want::new(cid, (id, cid), priority, now));
            self.active = self.active.saturating_add(1);
        }
        self.step(key, now);
    }

    /// Makes a want active again, or due as soon as there is room.
    pub(super) fn unpark(&mut self, key: Key, now: Instant) {
        let Some(want) = self.wants.get_mut(&key).filter(|want| want.parked.is_some()) else { return };
        if self.active < ACTIVE_MAX {
            want.parked = None;
            self.active = self.active.saturating_add(1);
        } else {
            want.parked = Some(now);
        }
    }
}

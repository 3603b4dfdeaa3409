//! What happens to a want next: whom to ask, and what time does.

use super::want::{Status, Want};
use super::{ACTIVE_MAX, BLOCKS_A_PEER_MAX, COMING_MAX, Client, Key, Peer};
use crate::Event;
use crate::wire::{Ask, Want as Entry};
use libp2p::PeerId;
use std::time::{Duration, Instant};

/// A session whose peers are not connected waits so long before its wants are reported missing.
const NOBODY_THERE: Duration = Duration::from_secs(5);
/// What nobody has is asked for again after this.
const PARKED: Duration = Duration::from_secs(30);
/// A peer that sends other blocks may take so many times the limit for one.
const BUSY_FACTOR: u32 = 6;
/// A want that failed so often is reported missing once, and goes on.
const FAILURES_TOLD: u32 = 3;

enum Next {
    Wait,
    HoldUp,
    Block(PeerId),
    Have(Vec<PeerId>),
    Park,
}

impl Client {
    /// Moves a want on by what is known now.
    pub(super) fn step(&mut self, key: Key, now: Instant) {
        let Some(want) = self.wants.get(&key).filter(|want| want.parked.is_none()) else { return };
        match self.next(want, now) {
            Next::Wait => {}
            Next::HoldUp => {
                if let Some(want) = self.wants.get_mut(&key)
                    && !std::mem::replace(&mut want.held_up, true)
                {
                    self.held_up.push_back(key);
                }
            }
            Next::Block(peer) => {
                let bytes = self.average;
                let depth = self.peers.get(&peer).map_or(1, |peer| peer.blocks.saturating_add(1));
                self.ask(key, peer, Ask::Block, Status::BlockAsked { since: now, bytes, depth });
            }
            Next::Have(peers) => {
                for peer in peers {
                    self.ask(key, peer, Ask::Have, Status::HaveAsked { since: now });
                }
            }
            Next::Park => self.park(key, now),
        }
    }

    /// BITSWAP-9: first who has it, then one of those for the block.
    fn next(&self, want: &Want, now: Instant) -> Next {
        if want.all().iter().any(|(_, status)| matches!(status, Status::BlockAsked { .. })) {
            return Next::Wait;
        }
        let candidates: Vec<(PeerId, &Peer)> = self.candidates(want, now);
        let has = || candidates.iter().filter(|(id, _)| want.status(id) == Some(Status::Has));
        if let Some((id, best)) = has().filter(|(_, peer)| self.has_room(peer)).min_by_key(|(_, peer)| peer.expected()) {
            let awaits = self.may_be_faster(want, &candidates, best.expected(), now);
            return if awaits { Next::Wait } else { Next::Block(*id) };
        }
        if has().next().is_some() {
            return Next::HoldUp;
        }
        let unknown: Vec<&(PeerId, &Peer)> = candidates.iter().filter(|(id, _)| want.status(id).is_none()).collect();
        // With one candidate alone, or for one that does not know HAVE, the question would only cost a round trip.
        let asks_nobody_else = !want.all().iter().any(|(_, status)| matches!(status, Status::HaveAsked { .. }));
        let direct = match unknown.as_slice() {
            [(id, peer)] if candidates.len() == 1 => Some((id, peer)),
            _ if unknown.iter().all(|(_, peer)| peer.old) && asks_nobody_else => {
                unknown.iter().min_by_key(|(_, peer)| peer.expected()).map(|(id, peer)| (id, peer))
            }
            _ => None,
        };
        if let Some((id, peer)) = direct {
            return if self.has_room(peer) { Next::Block(*id) } else { Next::HoldUp };
        }
        let ask: Vec<PeerId> = unknown.iter().filter(|(_, peer)| !peer.old).map(|(id, _)| *id).collect();
        if !ask.is_empty() {
            return Next::Have(ask);
        }
        let undecided = |status: &Status| matches!(status, Status::HaveAsked { .. } | Status::Shy { .. });
        if want.all().iter().any(|(_, status)| undecided(status)) {
            return Next::Wait;
        }
        let alone = candidates.is_empty() && self.knows_peers(want);
        let waits = alone && now.saturating_duration_since(want.since) < NOBODY_THERE;
        if waits { Next::Wait } else { Next::Park }
    }

    /// Whether somebody who has not answered yet should have the block here in half the time. The answer is waited for only so long that
    /// little is lost without it.
    fn may_be_faster(&self, want: &Want, candidates: &[(PeerId, &Peer)], best: Duration, now: Instant) -> bool {
        candidates.iter().any(|(id, peer)| match want.status(id) {
            Some(Status::HaveAsked { since }) => {
                peer.expected().saturating_mul(2) < best && now.saturating_duration_since(since).saturating_mul(2) < best
            }
            _ => false,
        })
    }

    fn candidates(&self, want: &Want, now: Instant) -> Vec<(PeerId, &Peer)> {
        let mut found: Vec<(PeerId, &Peer)> = Vec::new();
        for (session, _) in &want.holders {
            for id in self.sessions.get(session).map_or(&[][..], |session| &session.peers) {
                if let Some(peer) = self.peers.get(id).filter(|peer| peer.usable(now))
                    && !found.iter().any(|(known, _)| known == id)
                {
                    found.push((*id, peer));
                }
            }
        }
        found
    }

    fn knows_peers(&self, want: &Want) -> bool {
        want.holders.iter().any(|(id, _)| self.sessions.get(id).is_some_and(|session| !session.peers.is_empty()))
    }

    /// BITSWAP-13
    fn has_room(&self, peer: &Peer) -> bool {
        let room = |coming: usize, max: usize| coming == 0 || coming.saturating_add(self.average) <= max;
        peer.blocks < BLOCKS_A_PEER_MAX && room(peer.bytes, peer.owes_max()) && room(self.coming, COMING_MAX)
    }

    fn ask(&mut self, key: Key, id: PeerId, ask: Ask, status: Status) {
        let Some(want) = self.wants.get_mut(&key) else { return };
        if let Some(old) = want.status(&id) {
            self.closed(id, old);
        }
        let Some(want) = self.wants.get_mut(&key) else { return };
        want.set(id, status);
        let entry = Entry { cid: want.cid, priority: want.priority, ask, send_dont_have: true };
        self.opened(id, status);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.remember(key);
        }
        self.tell(id, entry);
    }

    pub(super) fn tell(&mut self, id: PeerId, entry: Entry) {
        if let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.connected) {
            peer.outgoing.push(entry);
            self.dirty.insert(id);
        }
    }

    /// Counts what a peer was asked.
    fn opened(&mut self, id: PeerId, status: Status) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.asked_now = peer.asked_now.saturating_add(usize::from(is_open(status)));
        if let Status::BlockAsked { bytes, .. } = status {
            peer.blocks = peer.blocks.saturating_add(1);
            peer.bytes = peer.bytes.saturating_add(bytes);
            self.coming = self.coming.saturating_add(bytes);
        }
    }

    /// The reverse.
    pub(super) fn closed(&mut self, id: PeerId, status: Status) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.asked_now = peer.asked_now.saturating_sub(usize::from(is_open(status)));
        if let Status::BlockAsked { bytes, .. } = status {
            peer.blocks = peer.blocks.saturating_sub(1);
            peer.bytes = peer.bytes.saturating_sub(bytes);
            self.coming = self.coming.saturating_sub(bytes);
        }
        if peer.asked_now == 0 {
            self.dirty.insert(id);
        }
    }

    /// Sets what a peer is to a want, with the counts.
    pub(super) fn change(&mut self, key: Key, id: PeerId, status: Option<Status>) {
        let Some(want) = self.wants.get_mut(&key) else { return };
        let old = want.status(&id);
        match status {
            Some(status) => want.set(id, status),
            None => want.forget(&id),
        }
        if let Some(old) = old {
            self.closed(id, old);
        }
        if let Some(status) = status {
            self.opened(id, status);
        }
    }

    /// A peer failed a want: it rests, and the want moves on.
    pub(super) fn failed(&mut self, key: Key, id: PeerId, now: Instant) {
        let Some(want) = self.wants.get_mut(&key) else { return };
        let entry = Entry { cid: want.cid, priority: 0, ask: Ask::Cancel, send_dont_have: false };
        if let Some(old) = want.status(&id) {
            want.shy(id, now);
            // Whoever looks after the session may know further peers.
            if want.failures() == FAILURES_TOLD {
                let holders = want.holders.iter().map(|(session, cid)| Event::Missing { session: *session, cid: *cid });
                self.events.extend(holders);
            }
            self.closed(id, old);
            self.tell(id, entry);
        }
        self.step(key, now);
    }

    /// BITSWAP-10: nobody has it. It stays open at those that said so, in case they get it.
    fn park(&mut self, key: Key, now: Instant) {
        let Some(want) = self.wants.get_mut(&key) else { return };
        want.parked = Some(now + PARKED);
        self.active = self.active.saturating_sub(1);
        let missing: Vec<Event> =
            want.holders.iter().map(|(session, cid)| Event::Missing { session: *session, cid: *cid }).collect();
        self.events.extend(missing);
    }

    /// There may be room again: for wants that were held up, then for new ones.
    pub(super) fn move_up(&mut self, now: Instant) {
        for _ in 0..self.held_up.len() {
            if !self.peers.values().any(|peer| peer.usable(now) && self.has_room(peer)) {
                break;
            }
            let Some(key) = self.held_up.pop_front() else { break };
            if let Some(want) = self.wants.get_mut(&key) {
                want.held_up = false;
                self.step(key, now);
            }
        }
        self.fill(now);
    }

    /// What time does. To be called a few times a second while anything is waited for.
    pub fn tick(&mut self, now: Instant) {
        let lost: Vec<PeerId> = self.peers.iter().filter(|(_, peer)| peer.lost && peer.connected).map(|(id, _)| *id).collect();
        lost.into_iter().for_each(|id| self.tell_again(id));
        let keys: Vec<Key> = self.wants.keys().copied().collect();
        for key in keys {
            self.age(key, now);
        }
        self.move_up(now);
    }

    fn age(&mut self, key: Key, now: Instant) {
        let Some(want) = self.wants.get_mut(&key) else { return };
        if let Some(until) = want.parked {
            if until <= now && self.active < ACTIVE_MAX {
                let peers: Vec<PeerId> = want.all().iter().map(|(id, _)| *id).collect();
                want.since = now;
                peers.into_iter().for_each(|id| self.change(key, id, None));
                self.unpark(key, now);
                self.step(key, now);
            }
            return;
        }
        let waited = |since: Instant| now.saturating_duration_since(since);
        let (mut silent, mut rested) = (Vec::new(), Vec::new());
        for (id, status) in want.all() {
            match status {
                Status::HaveAsked { since } if waited(*since) > self.config.have_timeout => silent.push(*id),
                Status::BlockAsked { since, .. } => {
                    let limit = self.config.block_timeout;
                    let heard = self.peers.get(id).and_then(|peer| peer.last_block).map_or(*since, |at| at.max(*since));
                    if waited(heard) > limit || waited(*since) > limit.saturating_mul(BUSY_FACTOR) {
                        silent.push(*id);
                    }
                }
                Status::Shy { until } if *until <= now => rested.push(*id),
                _ => {}
            }
        }
        for id in rested {
            self.change(key, id, None);
        }
        for id in silent {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.was_silent();
            }
            self.failed(key, id, now);
        }
        self.step(key, now);
    }

    /// BITSWAP-12: who is in a session is asked as soon as it is there, or back.
    pub fn connected(&mut self, id: PeerId, now: Instant) {
        let peer = self.peers.entry(id).or_default();
        (peer.connected, peer.deaf, peer.old, peer.afresh, peer.telling, peer.lost) = (true, false, false, true, false, false);
        peer.outgoing.clear();
        self.candidate_again(id, now);
    }

    /// What was asked of it is asked elsewhere.
    pub fn disconnected(&mut self, id: PeerId, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&id) {
            (peer.connected, peer.telling) = (false, false);
            peer.breaks = peer.breaks.saturating_add(u32::from(peer.blocks > 0));
            peer.outgoing.clear();
        }
        self.ask_elsewhere(id, now);
        self.let_go(id);
    }

    /// The peer speaks an older version, or none.
    pub fn speaks(&mut self, id: PeerId, have: bool, deaf: bool, now: Instant) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let (was_old, was_deaf) = (peer.old, peer.deaf);
        (peer.old, peer.deaf) = (!have, deaf);
        if deaf {
            peer.outgoing.clear();
        }
        if (peer.old, peer.deaf) != (was_old, was_deaf) {
            // What was asked by words that it does not know was not asked.
            self.ask_elsewhere(id, now);
        }
    }

    fn ask_elsewhere(&mut self, id: PeerId, now: Instant) {
        let keys: Vec<Key> = self.wants.iter().filter(|(_, want)| want.status(&id).is_some()).map(|(key, _)| *key).collect();
        for key in keys {
            self.change(key, id, None);
            if let Some(want) = self.wants.get_mut(&key) {
                want.since = now;
            }
            self.step(key, now);
        }
        self.move_up(now);
    }

    fn candidate_again(&mut self, id: PeerId, now: Instant) {
        let of: Vec<_> = self.sessions.iter().filter(|(_, session)| session.peers.contains(&id)).map(|(of, _)| *of).collect();
        let wanted = |want: &Want| want.holders.iter().any(|(session, _)| of.contains(session));
        let mut keys: Vec<(i32, Key)> =
            self.wants.iter().filter(|(_, want)| wanted(want)).map(|(key, want)| (want.priority, *key)).collect();
        keys.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        for (_, key) in keys {
            self.change(key, id, None);
            self.unpark(key, now);
            self.step(key, now);
        }
    }
}

fn is_open(status: Status) -> bool {
    matches!(status, Status::HaveAsked { .. } | Status::BlockAsked { .. } | Status::Lacks)
}

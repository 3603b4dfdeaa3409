//! Sessions of wants, and the hunt for what is missing (ROUTE-13).

use super::Task;
use super::dht::Purpose;
use crate::{Came, Key, RouteError, WANTS_MAX};
use cid::Cid;
use leither_bitswap::{Event, Junk, SessionId};
use libp2p::{Multiaddr, PeerId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Who is connected and is asked from the start; and as many who come later.
const CANDIDATES: usize = 16;
/// Between two lookups of one session: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Where something is wanted and nothing came for so long, it counts as missing, whatever those who were asked say or do not say.
const QUIET: Duration = Duration::from_secs(2);
/// Missing blocks whose own providers are looked up at a time.
const MISSING_A_LOOKUP: usize = 4;
/// Questions of all sessions to the DHTs that are open.
const QUERIES_MAX: usize = 64;
/// Providers of one session that are being dialled, or were not long ago.
const AWAITED_MAX: usize = 64;
/// A provider that was dialled is not dialled again for so long.
const AGAIN: Duration = Duration::from_secs(30);
/// Peers that send blocks which nobody asked for are banned at this many.
const UNASKED_MAX: u32 = 4;

/// A session.
pub(super) struct Hunt {
    keys: Vec<Key>,
    came: mpsc::Sender<Came>,
    /// Blocks that have come and were not taken by the caller.
    queued: Arc<AtomicUsize>,
    open: HashSet<Cid>,
    /// Those of them that nobody has, in turn.
    missing: VecDeque<Cid>,
    /// Since when something is wanted, none of it known to be missing, and nothing comes.
    quiet: Option<Instant>,
    lookups: usize,
    pause: Duration,
    at: Instant,
    awaited: HashMap<PeerId, Instant>,
    /// Who came by themselves and are asked.
    newcomers: HashSet<PeerId>,
}

impl Hunt {
    pub fn new(keys: Vec<Key>, came: mpsc::Sender<Came>, queued: Arc<AtomicUsize>, now: Instant) -> Self {
        Self {
            keys,
            came,
            queued,
            open: HashSet::new(),
            missing: VecDeque::new(),
            quiet: None,
            lookups: 0,
            pause: PAUSE_MIN,
            at: now,
            awaited: HashMap::new(),
            newcomers: HashSet::new(),
        }
    }

    /// What of these is new, where there is room for it.
    fn want(&mut self, cids: &[Cid]) -> Result<Vec<Cid>, RouteError> {
        let mut seen = HashSet::new();
        let new: Vec<Cid> = cids.iter().filter(|cid| !self.open.contains(*cid) && seen.insert(**cid)).copied().collect();
        let held = self.open.len().saturating_add(self.queued.load(Ordering::Acquire));
        if held.saturating_add(new.len()) > WANTS_MAX {
            return Err(RouteError::TooMany);
        }
        Ok(new)
    }

    fn forget(&mut self, cid: &Cid) -> bool {
        self.missing.retain(|missing| missing != cid);
        self.open.remove(cid)
    }

    /// A block is here. There is room for it: no more are wanted than fit.
    fn block(&mut self, cid: Cid, came: Came) {
        if !self.forget(&cid) {
            return;
        }
        self.pause = PAUSE_MIN;
        self.quiet = None;
        self.queued.fetch_add(1, Ordering::AcqRel);
        if self.came.try_send(came).is_err() {
            // Nobody listens any more.
            self.queued.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Nobody has it. That is told as long as blocks keep their room.
    fn lacks(&mut self, cid: Cid) {
        if !self.open.contains(&cid) {
            return;
        }
        if !self.missing.contains(&cid) {
            self.missing.push_back(cid);
            self.pause = PAUSE_MIN;
        }
        if self.came.capacity() > WANTS_MAX {
            // Where nobody listens any more, the session is about to end.
            let _ = self.came.try_send(Came::Missing { cid });
        }
    }

    /// ROUTE-13: a stranger that is connected and keeps silent does not put off the search for those who have it.
    fn worry(&mut self, now: Instant) {
        if self.open.is_empty() || !self.missing.is_empty() {
            self.quiet = None;
            return;
        }
        let since = *self.quiet.get_or_insert(now);
        if now.saturating_duration_since(since) < QUIET {
            return;
        }
        let some: Vec<Cid> = self.open.iter().take(MISSING_A_LOOKUP).copied().collect();
        some.into_iter().for_each(|cid| self.lacks(cid));
    }

    /// What to look up now, if it is time.
    fn due(&mut self, now: Instant) -> Vec<Key> {
        if self.missing.is_empty() || self.lookups > 0 || now < self.at {
            return Vec::new();
        }
        self.at = now.checked_add(self.pause).unwrap_or(now);
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
        let count = self.missing.len().min(MISSING_A_LOOKUP);
        let mut keys = self.keys.clone();
        for cid in self.missing.iter().take(count) {
            let key = Key::of_cid(cid);
            if key.is_fit() && !keys.contains(&key) {
                keys.push(key);
            }
        }
        // The next lookup is for others.
        self.missing.rotate_left(count);
        keys
    }

    /// Whether a peer that came by itself is asked. Who comes again takes no second place.
    fn takes(&mut self, peer: PeerId) -> bool {
        if self.newcomers.len() < CANDIDATES {
            self.newcomers.insert(peer);
        }
        self.newcomers.contains(&peer)
    }

    /// Whether to dial a provider now; it is waited for then.
    fn awaits(&mut self, peer: PeerId, now: Instant) -> bool {
        self.awaited.retain(|_, since| now.saturating_duration_since(*since) < AGAIN);
        if self.awaited.len() >= AWAITED_MAX || self.awaited.contains_key(&peer) {
            return false;
        }
        self.awaited.insert(peer, now);
        true
    }
}

impl Task {
    /// ROUTE-13: begins a session with those that the caller names and with who is connected and has blocks: content nodes first, then others, as a
    /// kubo that the owner told of.
    pub(super) fn begin(&mut self, peers: Vec<PeerId>, hunt: Hunt) -> Result<SessionId, RouteError> {
        let (mut candidates, local) = (Vec::new(), self.local);
        let ours = self.peers.iter().filter(|(_, known)| known.is_content());
        let others = self.peers.iter().filter(|(_, known)| known.has_blocks() && !known.is_content());
        let connected = ours.chain(others).map(|(peer, _)| *peer).take(CANDIDATES);
        for peer in peers.iter().copied().chain(connected) {
            if peer != local && !candidates.contains(&peer) {
                candidates.push(peer);
            }
        }
        candidates.truncate(leither_bitswap::PEERS_A_SESSION_MAX);
        let id = self.swarm.behaviour_mut().bitswap.begin(candidates)?;
        self.hunts.insert(id, hunt);
        self.dial_candidates(peers);
        Ok(id)
    }

    fn dial_candidates(&mut self, peers: Vec<PeerId>) {
        let away: Vec<_> = peers
            .into_iter()
            .filter(|peer| *peer != self.local && !self.peers.contains_key(peer))
            .take(leither_bitswap::PEERS_A_SESSION_MAX)
            .collect();
        away.into_iter().for_each(|peer| self.dial(peer, Vec::new()));
    }

    pub(super) fn add_candidates(&mut self, id: SessionId, peers: Vec<PeerId>) {
        let (local, mut peers) = (self.local, peers);
        peers.retain(|peer| *peer != local);
        if self.swarm.behaviour_mut().bitswap.add_peers(id, peers.iter().copied()).is_ok() {
            self.dial_candidates(peers);
        }
    }

    pub(super) fn want(&mut self, id: SessionId, cids: &[Cid]) -> Result<(), RouteError> {
        let hunt = self.hunts.get_mut(&id).ok_or(leither_bitswap::WantError::NoSession)?;
        let new = hunt.want(cids)?;
        self.swarm.behaviour_mut().bitswap.want(id, &new)?;
        hunt.open.extend(new);
        Ok(())
    }

    pub(super) fn cancel(&mut self, id: SessionId, cids: &[Cid]) {
        let Some(hunt) = self.hunts.get_mut(&id) else { return };
        for cid in cids {
            hunt.forget(cid);
        }
        self.swarm.behaviour_mut().bitswap.cancel(id, cids);
    }

    pub(super) fn on_bitswap(&mut self, event: Event, now: Instant) {
        match event {
            Event::Block { session, cid, data, peer } => {
                if let Some(hunt) = self.hunts.get_mut(&session) {
                    hunt.block(cid, Came::Block { cid, data, peer });
                }
            }
            Event::Missing { session, cid } => {
                if let Some(hunt) = self.hunts.get_mut(&session) {
                    hunt.lacks(cid);
                }
            }
            Event::Junk { peer, why } => {
                // A block that nobody asked for may be one that was asked for before a restart: some are forgiven.
                let unasked = if let Junk::Unasked { .. } = &why { self.peers.get_mut(&peer) } else { None };
                let forgiven = unasked.is_some_and(|known| {
                    known.unasked = known.unasked.saturating_add(1);
                    known.unasked < UNASKED_MAX
                });
                if !forgiven {
                    self.ban(peer, &why.to_string(), now);
                }
            }
            Event::Dropped { peer, wants, why } => tracing::debug!(%peer, wants, %why, "wants of a peer were dropped"),
            Event::StoreFailed(error) => tracing::error!(%error, "a block cannot be given"),
        }
    }

    /// ROUTE-13: looks up who provides what is missing. Sessions that nobody listens to any more end.
    pub(super) fn hunt(&mut self, now: Instant) {
        let ended: Vec<SessionId> = self.hunts.iter().filter(|(_, hunt)| hunt.came.is_closed()).map(|(id, _)| *id).collect();
        for id in ended {
            self.hunts.remove(&id);
            self.swarm.behaviour_mut().bitswap.end(id);
        }
        let mut open: usize = self.hunts.values().map(|hunt| hunt.lookups).sum();
        let ids: Vec<SessionId> = self.hunts.keys().copied().collect();
        for id in ids {
            if open >= QUERIES_MAX {
                return;
            }
            let Some(hunt) = self.hunts.get_mut(&id) else { continue };
            hunt.worry(now);
            let keys = hunt.due(now);
            for key in &keys {
                open = open.saturating_add(self.look_up(id, key));
            }
        }
    }

    fn look_up(&mut self, id: SessionId, key: &Key) -> usize {
        // What is kept here, with addresses that Kademlia itself would not tell.
        for (peer, addresses) in self.records.others(key).unwrap_or_default() {
            self.hunted(id, peer, addresses);
        }
        let mut begun = 0_usize;
        for net in self.nets() {
            begun = begun.saturating_add(usize::from(self.ask_providers(net, key, Purpose::Hunt(id)).is_some()));
        }
        if let Some(hunt) = self.hunts.get_mut(&id) {
            hunt.lookups = hunt.lookups.saturating_add(begun);
        }
        begun
    }

    /// Somebody says to provide what a session hunts for.
    pub(super) fn hunted(&mut self, id: SessionId, peer: PeerId, addresses: Vec<Multiaddr>) {
        if peer == self.local {
            return;
        }
        if self.peers.contains_key(&peer) {
            // A session that has ended needs nobody.
            let _ = self.swarm.behaviour_mut().bitswap.add_peers(id, [peer]);
        } else if self.hunts.get_mut(&id).is_some_and(|hunt| hunt.awaits(peer, Instant::now())) {
            self.dial(peer, addresses);
        }
    }

    pub(super) fn hunt_ended(&mut self, id: SessionId) {
        if let Some(hunt) = self.hunts.get_mut(&id) {
            hunt.lookups = hunt.lookups.saturating_sub(1);
        }
    }

    /// ROUTE-13: a peer has said that it has blocks: sessions may ask it from now on. The number of such peers is bounded: anybody may come.
    pub(super) fn joined(&mut self, peer: PeerId) {
        for (id, hunt) in &mut self.hunts {
            if hunt.takes(peer) {
                // A session that has ended needs nobody.
                let _ = self.swarm.behaviour_mut().bitswap.add_peers(*id, [peer]);
            }
        }
    }

    /// A peer is connected: sessions that waited for it may ask it.
    pub(super) fn came(&mut self, peer: PeerId) {
        for (id, hunt) in &mut self.hunts {
            if hunt.awaited.remove(&peer).is_some() {
                // A session that has ended needs nobody.
                let _ = self.swarm.behaviour_mut().bitswap.add_peers(*id, [peer]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cid(n: usize) -> Cid {
        Cid::new_v1(0x55, leither_bitswap::wire::digest(0x12, &n.to_be_bytes()).unwrap())
    }

    fn hunt(now: Instant) -> (Hunt, mpsc::Receiver<Came>) {
        let (came, queue) = mpsc::channel(WANTS_MAX * 2);
        (Hunt::new(vec![Key::of_mimei(&[1; 20])], came, Arc::default(), now), queue)
    }

    fn wants(hunt: &mut Hunt, of: std::ops::Range<usize>) -> Result<(), RouteError> {
        let new = hunt.want(&of.map(cid).collect::<Vec<_>>())?;
        hunt.open.extend(new);
        Ok(())
    }

    #[test]
    fn route_13_lookups_are_five_seconds_apart_at_least_and_turn_to_all_that_is_missing() {
        let now = Instant::now();
        let (mut hunt, _queue) = hunt(now);
        wants(&mut hunt, 0..6).unwrap();
        assert_eq!(hunt.due(now), [], "nothing is missing yet");
        (0..6).for_each(|n| hunt.lacks(cid(n)));
        let first = hunt.due(now);
        assert_eq!(first, [vec![Key::of_mimei(&[1; 20])], (0..4).map(|n| Key::of_cid(&cid(n))).collect()].concat());
        assert_eq!(hunt.due(now + PAUSE_MIN - Duration::from_millis(1)), []);
        let second = hunt.due(now + PAUSE_MIN);
        assert_eq!(second[1..3], [Key::of_cid(&cid(4)), Key::of_cid(&cid(5))]);
        hunt.lookups = 1;
        assert_eq!(hunt.due(now + PAUSE_MAX), [], "the last one is not over");
    }

    #[test]
    fn route_13_where_nothing_comes_and_nobody_says_no_it_is_looked_up_all_the_same() {
        let now = Instant::now();
        let (mut hunt, mut queue) = hunt(now);
        wants(&mut hunt, 0..6).unwrap();
        hunt.worry(now);
        hunt.worry(now + QUIET - Duration::from_millis(1));
        assert_eq!(hunt.due(now + QUIET), []);
        hunt.block(cid(0), Came::Block { cid: cid(0), data: bytes::Bytes::new(), peer: None });
        hunt.worry(now + QUIET);
        assert_eq!(hunt.due(now + QUIET), [], "something came: the time begins anew");
        hunt.worry(now + 2 * QUIET);
        assert_eq!(hunt.due(now + 2 * QUIET).len(), 1 + MISSING_A_LOOKUP);
        assert!(matches!(queue.try_recv(), Ok(Came::Block { .. })) && matches!(queue.try_recv(), Ok(Came::Missing { .. })));
        hunt.worry(now + 9 * QUIET);
        assert_eq!(hunt.missing.len(), MISSING_A_LOOKUP, "while some are looked up, no further ones are called missing");
    }

    #[test]
    fn route_13_who_comes_again_and_again_takes_one_place_of_those_who_come_later() {
        let (mut hunt, _queue) = hunt(Instant::now());
        let peers: Vec<PeerId> = (0..=CANDIDATES).map(|_| PeerId::random()).collect();
        let (last, first) = peers.split_last().unwrap();
        assert!((0..2 * CANDIDATES).all(|_| hunt.takes(first[0])));
        assert!(first.iter().all(|peer| hunt.takes(*peer)));
        assert!(!hunt.takes(*last) && hunt.takes(first[0]), "anybody may come: their number is bounded");
    }

    #[test]
    fn route_13_blocks_are_never_lost_and_what_is_missing_takes_no_room_from_them() {
        let (mut hunt, mut queue) = hunt(Instant::now());
        wants(&mut hunt, 0..WANTS_MAX).unwrap();
        assert_eq!(wants(&mut hunt, 0..WANTS_MAX), Ok(()), "what is wanted already is no more");
        assert_eq!(wants(&mut hunt, WANTS_MAX..WANTS_MAX + 1), Err(RouteError::TooMany));
        (0..10).for_each(|_| (0..WANTS_MAX).for_each(|n| hunt.lacks(cid(n))));
        for n in 0..WANTS_MAX {
            hunt.block(cid(n), Came::Block { cid: cid(n), data: bytes::Bytes::new(), peer: None });
        }
        assert_eq!(wants(&mut hunt, 5..6), Err(RouteError::TooMany), "they wait to be taken");
        let mut blocks = 0;
        while let Ok(came) = queue.try_recv() {
            blocks += usize::from(matches!(came, Came::Block { .. }));
        }
        assert_eq!(blocks, WANTS_MAX);
    }

    #[test]
    fn route_13_a_provider_is_dialled_again_after_half_a_minute_and_not_all_at_once() {
        let now = Instant::now();
        let ((mut hunt, _queue), peer) = (hunt(now), PeerId::random());
        assert!(hunt.awaits(peer, now) && !hunt.awaits(peer, now + AGAIN / 2) && hunt.awaits(peer, now + AGAIN));
        let dialled = (0..1_000).filter(|_| hunt.awaits(PeerId::random(), now + AGAIN)).count();
        assert_eq!(dialled, AWAITED_MAX - 1);
    }
}

//! What peers want of us: a ledger a peer, and whose turn it is. Pure: it is told what came and says what to look up and what to send.

use crate::wire::{Ask, Block, Message, Presence, Want};
use crate::workers::{Answer, Done, JOB_BYTES, Job};
use cid::Cid;
use libp2p::PeerId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Wants that are remembered of one peer (BITSWAP-5).
pub const WANTS_A_PEER_MAX: usize = 1_024;
/// Bytes of answers to one peer that are being read or have not left (BITSWAP-7).
pub const LEAVING_A_PEER_MAX: usize = 4 << 20;
/// The same for all peers together.
pub const LEAVING_MAX: usize = 64 << 20;
/// What each answer takes beside its block: its id in the message, and among those that are to be remembered once it has left.
pub const ANSWER_BYTES: usize = 256;
/// Messages with answers to one peer that have not left.
pub const MESSAGES_A_PEER_MAX: usize = 32;
/// Wants that one turn looks up.
pub const WANTS_A_TURN: usize = 128;
/// After so many lost messages in a row a peer is answered no more, until it asks again.
const LOSSES_MAX: u32 = 3;
/// What a lookup counts beside its bytes, so that asking for what is not there is not free.
const LOOKUP_COST: u64 = 256;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for its peer's turn.
    Queued,
    /// Is being looked up; `again` if the block came meanwhile.
    Reading { again: bool },
    /// Its answer has not left yet.
    Leaving,
    /// The block is not here. Should it come, it is sent.
    Absent,
}

struct Entry {
    priority: i32,
    ask: Ask,
    send_dont_have: bool,
    /// When it came, in the order of this ledger.
    came: u64,
    state: State,
}

#[derive(Default)]
struct Ledger {
    wants: HashMap<Cid, Entry>,
    queue: BTreeSet<(Reverse<i32>, u64, Cid)>,
    by_age: BTreeMap<u64, Cid>,
    clock: u64,
    /// The place of this peer among those whose turn may come: bytes and lookups that it was given.
    served: u64,
    leaving: usize,
    /// Messages that have not left.
    messages: usize,
    /// Lookups up to this number were an earlier ledger's.
    after: u64,
    /// One lookup at a time, by its number.
    looking: Option<u64>,
    /// Messages that were lost one after the other.
    losses: u32,
    /// To be told DONT_HAVE, as their wants were dropped.
    refused: Vec<Cid>,
}

/// A message to send, and what to do to the ledger once it has left.
pub(crate) struct Leaving {
    pub peer: PeerId,
    pub message: Message,
    /// Of blocks.
    pub bytes: usize,
    pub blocks: usize,
    /// The lookup that it answers.
    number: u64,
    /// What it counts for among what has not left.
    room: usize,
    answered: Vec<Cid>,
}

#[derive(Default)]
pub(crate) struct Server {
    ledgers: HashMap<PeerId, Ledger>,
    ready: BTreeSet<(u64, PeerId)>,
    leaving: usize,
    lookups: u64,
    /// Who comes, or comes back, is placed here: waiting earns nothing.
    clock: u64,
}

impl Server {
    /// Takes a wantlist. How many older wants had to be dropped for it.
    pub fn receive(&mut self, peer: PeerId, full: bool, wants: Vec<Want>) -> usize {
        self.unready(peer);
        let after = self.lookups;
        let ledger = self.ledgers.entry(peer).or_insert_with(|| Ledger { after, ..Ledger::default() });
        if full {
            let kept: BTreeSet<Cid> = wants.iter().filter(|want| want.ask != Ask::Cancel).map(|want| want.cid).collect();
            let gone: Vec<Cid> = ledger.wants.keys().filter(|cid| !kept.contains(cid)).copied().collect();
            gone.iter().for_each(|cid| ledger.remove(cid));
        }
        let dropped = wants.into_iter().filter(|want| want.cid.hash().code() != 0).map(|want| ledger.put(want)).sum();
        self.settle(peer);
        dropped
    }

    /// The peer is gone, and with it what it wanted.
    pub fn disconnected(&mut self, peer: PeerId) {
        self.unready(peer);
        if let Some(ledger) = self.ledgers.remove(&peer) {
            self.leaving = self.leaving.saturating_sub(ledger.leaving);
        }
    }

    /// BITSWAP-6: a block has come into the store. Who waits for it gets it.
    pub fn announce(&mut self, cid: &Cid) {
        let waiting: Vec<PeerId> =
            self.ledgers.iter().filter(|(_, ledger)| ledger.wants.contains_key(cid)).map(|(peer, _)| *peer).collect();
        for peer in waiting {
            self.unready(peer);
            if let Some(ledger) = self.ledgers.get_mut(&peer) {
                ledger.announced(cid);
            }
            self.settle(peer);
        }
    }

    /// BITSWAP-7: what to look up next: for the peer that was given least, while there is room for the answer.
    pub fn next_job(&mut self) -> Option<Job> {
        let free = LEAVING_MAX.saturating_sub(self.leaving);
        if free < JOB_BYTES {
            return None;
        }
        // Many that read slowly leave room for those that do not: the less there is, the less may anybody have beyond one turn.
        let share = free / (LEAVING_MAX / LEAVING_A_PEER_MAX);
        let fits = |ledger: &Ledger| ledger.leaving == 0 || ledger.leaving.saturating_add(JOB_BYTES) <= share;
        let next = self.ready.iter().find(|(_, peer)| self.ledgers.get(peer).is_some_and(fits)).copied()?;
        self.ready.remove(&next);
        let (served, peer) = next;
        self.clock = self.clock.max(served);
        let ledger = self.ledgers.get_mut(&peer)?;
        let wants = ledger.take(WANTS_A_TURN).into();
        self.lookups = self.lookups.saturating_add(1);
        ledger.looking = Some(self.lookups);
        ledger.leaving = ledger.leaving.saturating_add(JOB_BYTES);
        self.leaving = self.leaving.saturating_add(JOB_BYTES);
        Some(Job { number: self.lookups, peer, wants })
    }

    /// A lookup has ended, or was not begun: what to send.
    pub fn done(&mut self, done: Done) -> Option<Leaving> {
        let Done { number, peer, answers, rest, .. } = done;
        // Who went and came back meanwhile has a new ledger, which knows nothing of the lookup and keeps its place among the ready. One that
        // is looked up for has no place there.
        let ledger = self.ledgers.get_mut(&peer).filter(|ledger| ledger.looking == Some(number))?;
        ledger.looking = None;
        ledger.leaving = ledger.leaving.saturating_sub(JOB_BYTES);
        self.leaving = self.leaving.saturating_sub(JOB_BYTES);
        ledger.served = ledger.served.saturating_add(LOOKUP_COST.saturating_mul(answers.len() as u64));
        let (mut message, mut answered) = (Message::default(), Vec::new());
        for (cid, answer) in answers {
            ledger.answer(cid, answer, &mut message, &mut answered);
        }
        for (cid, _) in rest {
            ledger.requeue(&cid);
        }
        let refused = std::mem::take(&mut ledger.refused);
        message.presences.extend(refused.into_iter().map(|cid| Presence { cid, have: false }));
        let (bytes, blocks) = (message.block_bytes(), message.blocks.len());
        // Whoever asks again and again for what is not here, and reads no answer, is to fill no memory either.
        let says = blocks.saturating_add(message.presences.len());
        let room = bytes.saturating_add(ANSWER_BYTES.saturating_mul(says));
        ledger.leaving = ledger.leaving.saturating_add(room);
        ledger.messages = ledger.messages.saturating_add(usize::from(says > 0));
        ledger.served = ledger.served.saturating_add(bytes as u64);
        self.leaving = self.leaving.saturating_add(room);
        self.settle(peer);
        (says > 0).then_some(Leaving { peer, message, bytes, blocks, number, room, answered })
    }

    /// A message has left, or was lost: then its wants are answered once more.
    pub fn left(&mut self, leaving: &Leaving, lost: bool) {
        let peer = leaving.peer;
        self.unready(peer);
        // One that an earlier ledger of this peer counted went with that.
        let Some(ledger) = self.ledgers.get_mut(&peer).filter(|ledger| leaving.number > ledger.after) else {
            return self.settle(peer);
        };
        ledger.messages = ledger.messages.saturating_sub(1);
        ledger.leaving = ledger.leaving.saturating_sub(leaving.room);
        self.leaving = self.leaving.saturating_sub(leaving.room);
        ledger.losses = if lost { ledger.losses.saturating_add(1) } else { 0 };
        if ledger.losses >= LOSSES_MAX {
            return self.disconnected(peer);
        }
        for cid in &leaving.answered {
            if ledger.wants.get(cid).is_some_and(|entry| entry.state == State::Leaving) {
                if lost { ledger.requeue(cid) } else { ledger.remove(cid) }
            }
        }
        self.settle(peer);
    }

    /// How many wants of a peer are remembered.
    pub fn wants_of(&self, peer: &PeerId) -> usize {
        self.ledgers.get(peer).map_or(0, |ledger| ledger.wants.len())
    }

    #[cfg(test)]
    pub fn leaving(&self) -> usize {
        self.leaving
    }

    fn unready(&mut self, peer: PeerId) {
        if let Some(ledger) = self.ledgers.get(&peer) {
            self.ready.remove(&(ledger.served, peer));
        }
    }

    /// Places a peer among those whose turn may come, if it may.
    fn settle(&mut self, peer: PeerId) {
        let Some(ledger) = self.ledgers.get_mut(&peer) else { return };
        let room = ledger.messages < MESSAGES_A_PEER_MAX && ledger.leaving.saturating_add(JOB_BYTES) <= LEAVING_A_PEER_MAX;
        let work = !ledger.queue.is_empty() || !ledger.refused.is_empty();
        if ledger.looking.is_none() && work && room {
            ledger.served = ledger.served.max(self.clock);
            self.ready.insert((ledger.served, peer));
        }
    }
}

impl Ledger {
    /// BITSWAP-5. How many wants had to be dropped: one or none.
    fn put(&mut self, want: Want) -> usize {
        if want.ask == Ask::Cancel {
            self.remove(&want.cid);
            return 0;
        }
        if let Some(entry) = self.wants.get_mut(&want.cid) {
            let was = (entry.priority, entry.came);
            entry.priority = want.priority;
            entry.send_dont_have |= want.send_dont_have;
            // A want for the block is more than one for HAVE, and stays that.
            let more = entry.ask == Ask::Have && want.ask == Ask::Block;
            if more {
                entry.ask = Ask::Block;
            }
            match entry.state {
                State::Queued => {
                    self.queue.remove(&(Reverse(was.0), was.1, want.cid));
                    self.requeue(&want.cid);
                }
                // Asked again: it is looked up again.
                State::Absent => self.requeue(&want.cid),
                State::Leaving if more => self.requeue(&want.cid),
                State::Reading { .. } if more => entry.state = State::Reading { again: true },
                State::Reading { .. } | State::Leaving => {}
            }
            return 0;
        }
        let dropped = usize::from(self.wants.len() >= WANTS_A_PEER_MAX && self.drop_oldest());
        self.clock = self.clock.saturating_add(1);
        let entry = Entry {
            priority: want.priority,
            ask: want.ask,
            send_dont_have: want.send_dont_have,
            came: self.clock,
            state: State::Queued,
        };
        self.by_age.insert(self.clock, want.cid);
        self.wants.insert(want.cid, entry);
        self.requeue(&want.cid);
        dropped
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((_, cid)) = self.by_age.first_key_value() else { return false };
        let cid = *cid;
        // Its peer is told, so that it asks elsewhere.
        if self.wants.get(&cid).is_some_and(|entry| entry.send_dont_have) && self.refused.len() < WANTS_A_PEER_MAX {
            self.refused.push(cid);
        }
        self.remove(&cid);
        true
    }

    fn remove(&mut self, cid: &Cid) {
        if let Some(entry) = self.wants.remove(cid) {
            self.by_age.remove(&entry.came);
            self.queue.remove(&(Reverse(entry.priority), entry.came, *cid));
        }
    }

    fn requeue(&mut self, cid: &Cid) {
        if let Some(entry) = self.wants.get_mut(cid) {
            entry.state = State::Queued;
            self.queue.insert((Reverse(entry.priority), entry.came, *cid));
        }
    }

    fn announced(&mut self, cid: &Cid) {
        let Some(entry) = self.wants.get_mut(cid) else { return };
        match entry.state {
            State::Absent => self.requeue(cid),
            State::Reading { .. } => entry.state = State::Reading { again: true },
            State::Queued | State::Leaving => {}
        }
    }

    /// The next so many by priority, then age.
    fn take(&mut self, count: usize) -> Vec<(Cid, Ask)> {
        let mut taken = Vec::new();
        while taken.len() < count
            && let Some((_, _, cid)) = self.queue.pop_first()
        {
            if let Some(entry) = self.wants.get_mut(&cid) {
                entry.state = State::Reading { again: false };
                taken.push((cid, entry.ask));
            }
        }
        taken
    }

    /// BITSWAP-6: what is said to one want, if it still stands.
    fn answer(&mut self, cid: Cid, answer: Answer, message: &mut Message, answered: &mut Vec<Cid>) {
        let Some(entry) = self.wants.get_mut(&cid) else { return };
        let State::Reading { again } = entry.state else { return };
        match answer {
            Answer::Block(data) => {
                entry.state = State::Leaving;
                answered.push(cid);
                message.blocks.push(Block { cid, data });
            }
            // The block was asked for meanwhile, or came: look once more.
            _ if again => self.requeue(&cid),
            Answer::Have => {
                entry.state = State::Leaving;
                answered.push(cid);
                message.presences.push(Presence { cid, have: true });
            }
            Answer::Absent => {
                entry.state = State::Absent;
                if entry.send_dont_have {
                    message.presences.push(Presence { cid, have: false });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

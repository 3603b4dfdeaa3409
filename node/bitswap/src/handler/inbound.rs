//! Streams of the peer's. Many may be open, as each of its messages may come on a stream of its own; of one at a time a message is taken up,
//! so that a connection holds one message, however many streams it has (BITSWAP-4).

use super::ToBehaviour;
use super::room::{Room, Rooms};
use crate::server::WANTS_A_PEER_MAX;
use crate::wire::{self, Junk, Message, PREFIX_BYTES_MAX};
use libp2p::Stream;
use libp2p::futures::AsyncRead;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Streams that are open; of those beyond, the one that was idle longest is reset.
pub const STREAMS_MAX: usize = 32;
/// A message that has begun must go on: so long it may stand still.
pub const STANDSTILL_MAX: Duration = Duration::from_secs(10);
/// The first space of a message; it doubles as bytes come.
const SPACE_BYTES: usize = 16 << 10;

struct Reading {
    stream: Stream,
    head: Vec<u8>,
    /// The message's length, once its head is whole.
    len: Option<usize>,
    body: Vec<u8>,
    filled: usize,
    moved: Instant,
}

pub(super) struct Inbound {
    /// Where no message has begun, or one waits to be taken up.
    waiting: VecDeque<Reading>,
    /// Whose message is being read.
    current: Option<(Reading, Room)>,
    /// What the messages of all connections take.
    rooms: Rooms,
}

enum Step {
    Pending,
    /// A message has its length, and wants to be the one that is read.
    Begun,
    Whole(Vec<u8>),
    Ended,
    Junk(Junk),
}

impl Inbound {
    pub fn new(rooms: Rooms) -> Self {
        Self { waiting: VecDeque::new(), current: None, rooms }
    }

    pub fn push(&mut self, mut stream: Stream) {
        // An open stream alone keeps no connection.
        stream.ignore_for_keep_alive();
        if self.waiting.len() >= STREAMS_MAX {
            let idle = self.waiting.iter().enumerate().filter(|(_, reading)| reading.head.is_empty());
            let oldest = idle.min_by_key(|(_, reading)| reading.moved).map_or(0, |(n, _)| n);
            self.waiting.remove(oldest);
        }
        let reading = Reading { stream, head: Vec::new(), len: None, body: Vec::new(), filled: 0, moved: Instant::now() };
        self.waiting.push_back(reading);
    }

    /// Whether a message has begun.
    pub fn is_busy(&self) -> bool {
        self.current.is_some() || self.waiting.iter().any(|reading| !reading.head.is_empty())
    }

    /// Reads until nothing more is there, or a message is whole.
    pub fn poll(&mut self, cx: &mut Context<'_>, events: &mut VecDeque<ToBehaviour>) {
        loop {
            if let Some((mut reading, room)) = self.current.take() {
                match reading.body(&room, cx) {
                    Step::Pending => self.current = Some((reading, room)),
                    Step::Whole(frame) => {
                        room.whole();
                        match wire::decode(&frame) {
                            Ok(message) => {
                                events.extend(pieces(message, room));
                                self.waiting.push_back(reading);
                            }
                            Err(junk) => events.push_back(ToBehaviour::Junk(junk)),
                        }
                        return;
                    }
                    Step::Junk(junk) => {
                        events.push_back(ToBehaviour::Junk(junk));
                        return;
                    }
                    Step::Begun | Step::Ended => {}
                }
            }
            if !self.heads(cx, events) {
                return;
            }
        }
    }

    /// Looks for the next message. Whether there is one to read.
    fn heads(&mut self, cx: &mut Context<'_>, events: &mut VecDeque<ToBehaviour>) -> bool {
        if self.current.is_some() {
            return false;
        }
        for _ in 0..self.waiting.len() {
            let Some(mut reading) = self.waiting.pop_front() else { break };
            match reading.head(cx) {
                Step::Begun => {
                    self.current = Some((reading, self.rooms.begin()));
                    return true;
                }
                Step::Junk(junk) => events.push_back(ToBehaviour::Junk(junk)),
                Step::Ended => {}
                Step::Pending | Step::Whole(_) => self.waiting.push_back(reading),
            }
        }
        false
    }

    /// Resets the stream whose message stands still.
    pub fn look(&mut self) {
        let stands = |reading: &Reading| !reading.head.is_empty() && reading.moved.elapsed() > STANDSTILL_MAX;
        if self.current.as_ref().is_some_and(|(reading, _)| stands(reading)) {
            self.current = None;
            // Those that waited for it did not stand still by their own fault.
            self.waiting.iter_mut().for_each(|reading| reading.moved = Instant::now());
        } else if self.current.is_none() {
            self.waiting.retain(|reading| !stands(reading));
        }
    }
}

/// BITSWAP-5: a message as it is handed on: of its wants so many at a time as are remembered, so that what others ask comes in between, and a
/// full wantlist that is remembered whole still replaces as one. The rest of it, and its space, go with the last.
fn pieces(mut message: Message, room: Room) -> Vec<ToBehaviour> {
    let mut pieces = Vec::new();
    let mut rest = std::mem::take(&mut message.wants).into_iter();
    while rest.len() > WANTS_A_PEER_MAX {
        // A piece has space of its own, for no more than is in it: sixteen of them wait at once.
        let wants = rest.by_ref().take(WANTS_A_PEER_MAX).collect();
        let full = std::mem::take(&mut message.full);
        pieces.push(ToBehaviour::Message(Box::new(Message { full, wants, ..Message::default() }), None));
    }
    message.wants = rest.collect();
    pieces.push(ToBehaviour::Message(Box::new(message), Some(room)));
    pieces
}

impl Reading {
    fn head(&mut self, cx: &mut Context<'_>) -> Step {
        while self.len.is_none() {
            let mut byte = [0; 1];
            match Pin::new(&mut self.stream).poll_read(cx, &mut byte) {
                Poll::Pending => return Step::Pending,
                Poll::Ready(Ok(1)) => self.head.extend_from_slice(&byte),
                // The peer has nothing more to say; or the connection breaks, which is no crime.
                Poll::Ready(Ok(_) | Err(_)) => return Step::Ended,
            }
            self.moved = Instant::now();
            debug_assert!(self.head.len() <= PREFIX_BYTES_MAX);
            match wire::length(&self.head) {
                Ok(len) => self.len = len,
                Err(junk) => return Step::Junk(junk),
            }
        }
        Step::Begun
    }

    fn body(&mut self, room: &Room, cx: &mut Context<'_>) -> Step {
        if room.is_given_up(cx) {
            return Step::Ended;
        }
        let len = self.len.unwrap_or(0);
        while self.filled < len {
            // The space grows with what has come, never with what the length promises.
            if self.filled == self.body.len() {
                let space = self.filled.saturating_mul(2).max(SPACE_BYTES).min(len);
                match room.grow(space, cx) {
                    Poll::Pending => return Step::Pending,
                    Poll::Ready(false) => return Step::Ended,
                    Poll::Ready(true) => self.body.resize(space, 0),
                }
            }
            let Some(space) = self.body.get_mut(self.filled..) else { return Step::Ended };
            match Pin::new(&mut self.stream).poll_read(cx, space) {
                Poll::Pending => return Step::Pending,
                Poll::Ready(Ok(count)) if count > 0 => self.filled = self.filled.saturating_add(count),
                Poll::Ready(Ok(_) | Err(_)) => return Step::Ended,
            }
            self.moved = Instant::now();
        }
        self.head.clear();
        (self.len, self.filled) = (None, 0);
        Step::Whole(std::mem::take(&mut self.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Ask, Presence, WANTS_MAX, Want, digest};
    use cid::Cid;

    fn want(n: usize) -> Want {
        let cid = Cid::new_v1(0x55, digest(0x12, &n.to_le_bytes()).unwrap());
        Want { cid, priority: 1, ask: Ask::Have, send_dont_have: true }
    }

    #[test]
    fn bitswap_5_the_wants_of_a_message_are_handed_on_in_pieces_and_all_else_with_the_last() {
        for (count, len) in [(0, 1), (WANTS_A_PEER_MAX, 1), (WANTS_A_PEER_MAX + 1, 2), (WANTS_MAX, WANTS_MAX / WANTS_A_PEER_MAX)]
        {
            let presences = vec![Presence { cid: want(0).cid, have: true }];
            let message = Message { full: true, wants: (0..count).map(want).collect(), presences, ..Message::default() };
            let pieces = pieces(message.clone(), Rooms::default().begin());
            assert_eq!(pieces.len(), len);
            let (mut wants, mut space) = (Vec::new(), 0);
            for (n, piece) in pieces.into_iter().enumerate() {
                let ToBehaviour::Message(piece, room) = piece else { panic!("no message") };
                let last = n + 1 == len;
                assert_eq!((piece.full, piece.presences.len(), room.is_some()), (n == 0, usize::from(last), last));
                assert!(piece.wants.len() <= WANTS_A_PEER_MAX);
                space += piece.wants.capacity();
                wants.extend(piece.wants);
            }
            assert_eq!(wants, message.wants);
            assert!(space <= 2 * count, "space for {space} wants where there are {count}");
        }
    }
}

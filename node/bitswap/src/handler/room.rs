//! BITSWAP-4: the space that messages take while they come, over all connections together. Where there is too little for one that grows, the
//! message that began first gives its space up: who sends at a fair speed has sent the whole of it long before that is its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Bytes of messages that come, or have come and were not handed on, of all connections together.
pub const COMING_MAX: usize = 64 << 20;

/// What the connections share.
#[derive(Clone, Debug, Default)]
pub struct Rooms(Arc<Mutex<All>>);

/// The space of one message; free again when this is dropped.
#[derive(Debug)]
pub struct Room {
    all: Rooms,
    number: u64,
}

#[derive(Debug, Default)]
struct All {
    bytes: usize,
    last: u64,
    /// In the order in which they began.
    messages: BTreeMap<u64, Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    /// It is given up, or whole: its space is free soon.
    ends: bool,
    waits: bool,
    waker: Option<Waker>,
}

impl Rooms {
    /// A message begins, and holds nothing yet.
    pub fn begin(&self) -> Room {
        let mut all = self.lock();
        all.last = all.last.saturating_add(1);
        let number = all.last;
        all.messages.insert(number, Held::default());
        Room { all: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Whether the message has to be given up. Who asks is woken when that changes.
    pub fn is_given_up(&self, cx: &Context<'_>) -> bool {
        match self.all.lock().messages.get_mut(&self.number) {
            Some(held) if !held.ends => {
                held.waker = Some(cx.waker().clone());
                false
            }
            _ => true,
        }
    }

    /// Takes space up to so many bytes, once there is as much. False where the message has to be given up instead.
    pub fn grow(&self, bytes: usize, cx: &Context<'_>) -> Poll<bool> {
        let mut woken = Vec::new();
        let grown = self.all.lock().grow(self.number, bytes, cx.waker(), &mut woken);
        woken.into_iter().for_each(Waker::wake);
        grown
    }

    /// All of it has come: it is handed on, and no longer given up.
    pub fn whole(&self) {
        if let Some(held) = self.all.lock().messages.get_mut(&self.number) {
            held.ends = true;
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let woken = self.all.lock().end(self.number);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl All {
    fn grow(&mut self, number: u64, bytes: usize, waker: &Waker, woken: &mut Vec<Waker>) -> Poll<bool> {
        let Some(held) = self.messages.get_mut(&number).filter(|held| !held.ends) else { return Poll::Ready(false) };
        let after = self.bytes.saturating_add(bytes.saturating_sub(held.bytes));
        if after <= COMING_MAX {
            held.bytes = held.bytes.max(bytes);
            self.bytes = after;
            return Poll::Ready(true);
        }
        held.waits = true;
        held.waker = Some(waker.clone());
        let ending = self.messages.values().filter(|held| held.ends).map(|held| held.bytes);
        let mut free_soon = ending.fold(0, usize::saturating_add);
        for (other, held) in &mut self.messages {
            if after.saturating_sub(free_soon) <= COMING_MAX {
                break;
            }
            let own = *other == number;
            if held.ends || (held.bytes == 0 && !own) {
                continue;
            }
            held.ends = true;
            if own {
                return Poll::Ready(false);
            }
            free_soon = free_soon.saturating_add(held.bytes);
            woken.extend(held.waker.take());
        }
        Poll::Pending
    }

    /// Who is to be woken, as there is space again.
    fn end(&mut self, number: u64) -> Vec<Waker> {
        if let Some(held) = self.messages.remove(&number) {
            self.bytes = self.bytes.saturating_sub(held.bytes);
        }
        let waiting = |held: &mut Held| if std::mem::take(&mut held.waits) { held.waker.take() } else { None };
        self.messages.values_mut().filter_map(waiting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MESSAGE_BYTES_MAX;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn full(rooms: &Rooms, cx: &Context<'_>) -> Vec<Room> {
        let all: Vec<Room> = (0..COMING_MAX / MESSAGE_BYTES_MAX).map(|_| rooms.begin()).collect();
        assert!(all.iter().all(|room| room.grow(MESSAGE_BYTES_MAX, cx) == Poll::Ready(true)));
        all
    }

    #[test]
    fn bitswap_4_where_space_is_short_the_message_that_began_first_is_given_up() {
        let (first, later) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (first_waker, later_waker) = (Waker::from(first.clone()), Waker::from(later.clone()));
        let (slow, quick) = (Context::from_waker(&first_waker), Context::from_waker(&later_waker));
        let rooms = Rooms::default();
        let mut held = full(&rooms, &Context::from_waker(Waker::noop()));
        assert!(!held[0].is_given_up(&slow) && !held[1].is_given_up(&slow));
        let room = rooms.begin();
        assert_eq!(room.grow(1, &quick), Poll::Pending);
        // One is enough, and it is told.
        assert_eq!(first.0.load(Ordering::SeqCst), 1);
        assert!(held[0].is_given_up(&slow) && !held[1].is_given_up(&slow));
        assert_eq!((room.grow(1, &quick), later.0.load(Ordering::SeqCst)), (Poll::Pending, 0));
        drop(held.remove(0));
        assert_eq!(later.0.load(Ordering::SeqCst), 1);
        assert_eq!(room.grow(1, &quick), Poll::Ready(true));
        assert!(held.iter().all(|room| !room.is_given_up(&slow)));
        assert!(rooms.lock().bytes <= COMING_MAX);
        drop((held, room));
        let all = rooms.lock();
        assert_eq!((all.bytes, all.messages.len()), (0, 0));
    }

    #[test]
    fn bitswap_4_the_message_that_began_first_gives_way_itself_and_what_is_whole_is_waited_for() {
        let cx = Context::from_waker(Waker::noop());
        let rooms = Rooms::default();
        let oldest = rooms.begin();
        let held = full(&rooms, &cx);
        assert_eq!(oldest.grow(1, &cx), Poll::Ready(false));
        assert!(oldest.is_given_up(&cx));
        // One that is about to be handed on makes room soon: nobody has to go.
        held[3].whole();
        let room = rooms.begin();
        assert_eq!(room.grow(MESSAGE_BYTES_MAX, &cx), Poll::Pending);
        assert!(held.iter().enumerate().all(|(n, room)| n == 3 || !room.is_given_up(&cx)));
    }
}

//! Followed MiMeis that are to be looked at before their turn: first those of which something was heard, then those that are new, or failed and are
//! tried again.

use leither_types::MimeiId;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use tokio::time::Instant;

/// HOLD-6: so many wait to be looked at; of more, all that are followed are looked at.
const PENDING_MAX: usize = 10_000;
/// So many wait for a time of their own; more are looked at when their turn comes.
const LATER_MAX: usize = 10_000;

/// Who waits, each once, who came first first.
#[derive(Default)]
pub(super) struct Pending {
    queue: VecDeque<MimeiId>,
    /// Those of the queue.
    waiting: HashSet<MimeiId>,
    later: BTreeSet<(Instant, MimeiId)>,
    /// The times of those.
    times: HashMap<MimeiId, Instant>,
    /// Something was not heard, or had no room.
    missed: bool,
}

impl Pending {
    /// It is looked at soon.
    pub fn add(&mut self, id: MimeiId) {
        if self.queue.len() >= PENDING_MAX {
            self.missed |= !self.waiting.contains(&id);
        } else if self.waiting.insert(id) {
            self.queue.push_back(id);
        }
    }

    /// It is looked at then, when nobody of whom something was heard waits; of two times, at the earlier one. False where there is no room for that.
    pub fn add_later(&mut self, id: MimeiId, at: Instant) -> bool {
        match self.times.get(&id).copied() {
            Some(before) if before <= at => return true,
            // One that changes each second while it is brought up would take a place each time.
            Some(before) => {
                self.later.remove(&(before, id));
            }
            None if self.later.len() >= LATER_MAX => return false,
            None => {}
        }
        self.times.insert(id, at);
        self.later.insert((at, id));
        true
    }

    /// Something may have been missed: all are to be looked at.
    pub fn miss(&mut self) {
        self.missed = true;
    }

    /// Whether something was missed since this was asked last.
    pub fn take_missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }

    /// Takes out those of which something was heard, `most` at most.
    pub fn take(&mut self, most: usize) -> Vec<MimeiId> {
        let taken: Vec<MimeiId> = self.queue.drain(..most.min(self.queue.len())).collect();
        for id in &taken {
            self.waiting.remove(id);
        }
        taken
    }

    /// Takes out those whose time has come, `most` at most.
    pub fn take_later(&mut self, most: usize, now: Instant) -> Vec<MimeiId> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some((at, id)) = self.later.first().copied().filter(|(at, _)| *at <= now)
        {
            self.later.remove(&(at, id));
            self.times.remove(&id);
            taken.push(id);
        }
        taken
    }

    /// Those that were [taken](Self::take) and had no turn: they are the next.
    pub fn put_back(&mut self, ids: Vec<MimeiId>) {
        for id in ids.into_iter().rev() {
            if self.waiting.insert(id) {
                self.queue.push_front(id);
            }
        }
    }

    /// Whether nobody of whom something was heard waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn id(n: usize) -> MimeiId {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        MimeiId(bytes)
    }

    #[test]
    fn hold_6_who_was_heard_of_waits_once_and_who_had_no_turn_is_the_next() {
        let mut pending = Pending::default();
        [1, 2, 1, 3, 2].into_iter().for_each(|n| pending.add(id(n)));
        assert_eq!(pending.take(2), [id(1), id(2)]);
        pending.put_back(vec![id(1), id(2)]);
        assert_eq!(pending.take(9), [id(1), id(2), id(3)]);
        pending.add(id(1));
        assert!(!pending.is_empty(), "something new was heard of it");
    }

    #[test]
    fn hold_6_what_is_tried_again_waits_for_its_time() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        let after = |secs| now + Duration::from_secs(secs);
        assert!(pending.add_later(id(1), after(2)) && pending.add_later(id(2), after(1)) && pending.add_later(id(3), after(3)));
        assert!(pending.take_later(9, now).is_empty());
        assert_eq!(pending.take_later(1, after(2)), [id(2)]);
        assert_eq!(pending.take_later(9, after(2)), [id(1)]);
        let had_room = (0..=LATER_MAX).filter(|n| pending.add_later(id(*n), now)).count();
        assert_eq!((had_room, pending.later.len()), (LATER_MAX, LATER_MAX));
    }

    #[test]
    fn hold_6_however_often_one_is_put_off_it_waits_once_and_for_the_earliest_time() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        let after = |secs| now + Duration::from_secs(secs);
        (0..2 * LATER_MAX as u64).rev().for_each(|secs| assert!(pending.add_later(id(1), after(secs + 5))));
        assert!(pending.add_later(id(1), after(9)) && pending.add_later(id(2), after(9)), "it left room for others");
        assert!(pending.take_later(9, after(4)).is_empty());
        assert_eq!(pending.take_later(9, after(5)), [id(1)]);
        assert_eq!(pending.take_later(9, after(1 << 20)), [id(2)]);
        assert!(pending.times.is_empty() && pending.later.is_empty());
    }

    #[test]
    fn hold_6_of_more_than_have_room_it_is_known_that_some_were_missed() {
        let mut pending = Pending::default();
        (0..PENDING_MAX).for_each(|n| pending.add(id(n)));
        pending.add(id(7));
        assert!(!pending.take_missed(), "it waits already");
        pending.add(id(PENDING_MAX));
        assert!(pending.take_missed() && !pending.take_missed());
        assert_eq!(pending.take(usize::MAX).len(), PENDING_MAX);
        pending.miss();
        assert!(pending.take_missed());
    }
}

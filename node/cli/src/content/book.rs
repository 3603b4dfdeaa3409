//! What is remembered of MiMeis that are followed: how far they are up to the chain, who is at work on which, and when what failed is tried again.

use super::board::Board;
use super::pending::Pending;
use crate::backend::Newest;
use leither_types::MimeiId;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// Pauses after failures.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// After each that came of a full quota or disk: what had come was thrown away, and would come again for nothing.
const PAUSE_FULL: Duration = Duration::from_secs(30 * 60);
/// How often it is looked whether somebody else is done.
const TURN: Duration = Duration::from_millis(100);

/// What is remembered of those that are followed.
#[derive(Default)]
pub(super) struct Book {
    /// What is announced.
    pub board: Board,
    /// HOLD-6: a note of each that is known to be followed: what is heard of others is nothing to us. Held before `pending`, where both are.
    notes: Mutex<HashMap<MimeiId, Note>>,
    /// Makes [`Mark`]s.
    marks: RandomState,
    pending: Mutex<Pending>,
    /// Somebody else than the follower has put something there.
    called: Notify,
    busy: Arc<Mutex<HashSet<MimeiId>>>,
    /// Others have no turn: all hands are full.
    others_wait: AtomicBool,
}

/// Somebody brings a MiMei up, and nobody else does at the same time.
pub(super) struct Busy {
    id: MimeiId,
    all: Arc<Mutex<HashSet<MimeiId>>>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// What the chain says of a MiMei, in 8 bytes of the 128: two that differ have the same with a chance of 2^-64, by a key of this run's own.
type Mark = u64;

/// What is remembered of one: there may be a million.
#[derive(Default)]
struct Note {
    /// What was done with, last.
    done: Option<Mark>,
    failed: Option<Box<Failed>>,
}

/// What did not come.
struct Failed {
    /// What is tried.
    tried: Mark,
    tries: u32,
    next: Option<Instant>,
    why: String,
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, HashMap<MimeiId, Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, newest: &Newest) -> Mark {
        self.marks.hash_one((&newest.last, &newest.release))
    }

    /// The place of whoever brings it up; nothing where somebody has it.
    pub fn enter(&self, id: MimeiId) -> Option<Busy> {
        let is_free = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        is_free.then(|| Busy { id, all: self.busy.clone() })
    }

    /// The same, when its turn comes.
    pub async fn entered(&self, id: MimeiId) -> Busy {
        loop {
            if let Some(busy) = self.enter(id) {
                return busy;
            }
            sleep(TURN).await;
        }
    }

    /// HOLD-6: whether others wait for their turn.
    pub fn others_wait(&self) -> bool {
        self.others_wait.load(Ordering::Relaxed)
    }

    /// Says so.
    pub fn set_others_wait(&self, wait: bool) {
        self.others_wait.store(wait, Ordering::Relaxed);
    }

    /// Why the last try failed.
    pub fn failure(&self, id: &MimeiId) -> Option<String> {
        self.lock().get(id).and_then(|note| note.failed.as_ref()).map(|failed| failed.why.clone())
    }

    /// It is followed no more.
    pub fn forget(&self, id: &MimeiId) {
        self.lock().remove(id);
    }

    /// These are followed: from now on it is heard what becomes of them.
    pub fn heed(&self, ids: &[MimeiId]) {
        let mut notes = self.lock();
        for id in ids {
            notes.entry(*id).or_default();
        }
    }

    /// These are looked at anew, and soon: they are followed from now on, or were ended and begun again while they were fetched.
    pub fn begin(&self, ids: &[MimeiId]) {
        let (mut notes, mut pending, now) = (self.lock(), self.pending(), Instant::now());
        for id in ids {
            notes.insert(*id, Note::default());
            if !pending.add_later(*id, now) {
                pending.miss();
            }
        }
        self.called.notify_one();
    }

    /// HOLD-6: something was heard of these; those of them that are followed are looked at.
    pub fn hear(&self, ids: &[MimeiId]) {
        let (notes, mut pending) = (self.lock(), self.pending());
        ids.iter().filter(|id| notes.contains_key(*id)).for_each(|id| pending.add(*id));
    }

    /// HOLD-6: something may have gone by unheard.
    pub fn miss(&self) {
        self.pending().miss();
    }

    /// Whether something did since this was asked last.
    pub fn take_missed(&self) -> bool {
        self.pending().take_missed()
    }

    /// Takes those of which something was heard, `most` at most.
    pub fn take_heard(&self, most: usize) -> Vec<MimeiId> {
        self.pending().take(most)
    }

    /// Takes those that are new, or tried again, and whose time has come, `most` at most.
    pub fn take_later(&self, most: usize, now: Instant) -> Vec<MimeiId> {
        self.pending().take_later(most, now)
    }

    /// Those of which something was heard and that had no turn: they are the next.
    pub fn put_back(&self, ids: Vec<MimeiId>) {
        self.pending().put_back(ids);
    }

    /// They are looked at again then, or in a round of all.
    pub fn put_off(&self, ids: Vec<MimeiId>, at: Instant) {
        let mut pending = self.pending();
        for id in ids {
            pending.add_later(id, at);
        }
    }

    /// Whether somebody of whom something was heard has no turn yet.
    pub fn is_asked(&self) -> bool {
        !self.pending().is_empty()
    }

    /// Waits until somebody else than the follower has [begun](Self::begin) something.
    pub async fn called(&self) {
        self.called.notified().await;
    }

    /// Whether there is something to do with it now. A version that is new does not wait for the pause of the one before. What failed and is looked at
    /// before its time waits for that again.
    pub fn is_due(&self, id: &MimeiId, newest: &Newest, now: Instant) -> bool {
        let mark = self.mark(newest);
        let notes = self.lock();
        let Some(note) = notes.get(id) else { return true };
        if note.done == Some(mark) {
            return false;
        }
        let next = note.failed.as_ref().filter(|failed| failed.tried == mark).and_then(|failed| failed.next);
        let Some(next) = next.filter(|next| *next > now) else { return true };
        self.pending().add_later(*id, next);
        false
    }

    /// It is up to the chain.
    pub fn is_done(&self, id: MimeiId, newest: Newest) {
        let done = Some(self.mark(&newest));
        self.lock().insert(id, Note { done, failed: None });
    }

    /// Those of them that were brought up to what the chain says.
    pub fn done(&self, told: &[(MimeiId, Option<Newest>)]) -> Vec<(MimeiId, Newest)> {
        let notes = self.lock();
        let known = told.iter().filter_map(|(id, newest)| newest.map(|newest| (*id, newest)));
        let is_done = |id: &MimeiId, newest: &Newest| notes.get(id).is_some_and(|note| note.done == Some(self.mark(newest)));
        known.filter(|(id, newest)| is_done(id, newest)).collect()
    }

    /// HOLD-6: what these were brought up to is here no more.
    pub fn reopen(&self, ids: &[MimeiId]) {
        let mut notes = self.lock();
        for id in ids {
            if let Some(note) = notes.get_mut(id) {
                note.done = None;
            }
        }
    }

    /// Gives the pause until the next try, which is made by itself.
    pub fn has_failed(&self, id: MimeiId, newest: Newest, why: &str, now: Instant) -> Duration {
        self.failed(id, newest, why, PAUSE_MIN, now)
    }

    /// HOLD-6: the same, where there is no room for it here.
    pub fn had_no_room(&self, id: MimeiId, newest: Newest, why: &str, now: Instant) -> Duration {
        self.failed(id, newest, why, PAUSE_FULL, now)
    }

    fn failed(&self, id: MimeiId, newest: Newest, why: &str, first: Duration, now: Instant) -> Duration {
        let mark = self.mark(&newest);
        let mut notes = self.lock();
        let note = notes.entry(id).or_default();
        let before = note.failed.as_ref().filter(|failed| failed.tried == mark).map_or(0, |failed| failed.tries);
        let pause = first.saturating_mul(1 << before.min(16)).min(PAUSE_MAX.max(first));
        let next = now.checked_add(pause);
        note.failed = Some(Box::new(Failed { tried: mark, tries: before.saturating_add(1), next, why: why.into() }));
        if let Some(next) = next {
            self.pending().add_later(id, next);
        }
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_6_a_few_bytes_are_remembered_of_each_that_is_followed() {
        assert!(size_of::<(MimeiId, Note)>() <= 48);
    }

    #[test]
    fn hold_6_what_failed_and_is_looked_at_before_its_time_is_looked_at_then() {
        let (book, id, newest, now) = (Book::default(), MimeiId([1; 20]), Newest::default(), Instant::now());
        // It was put off while it was brought up; then that failed.
        book.put_off(vec![id], now);
        let pause = book.has_failed(id, newest, "gone", now);
        assert_eq!(book.take_later(9, now), [id]);
        assert!(!book.is_due(&id, &newest, now));
        assert!(book.take_later(9, now).is_empty());
        assert_eq!(book.take_later(9, now + pause), [id]);
        assert!(book.is_due(&id, &newest, now + pause));
    }

    #[tokio::test]
    async fn hold_6_it_is_heard_of_those_that_are_followed_and_of_no_others() {
        let book = Book::default();
        let [one, other, third] = [1, 2, 3].map(|n| MimeiId([n; 20]));
        book.heed(&[one]);
        book.hear(&[other, one]);
        assert_eq!(book.take_heard(9), [one]);
        book.begin(&[third]);
        book.called().await;
        assert_eq!((book.take_heard(9), book.take_later(9, Instant::now())), (vec![], vec![third]));
        book.forget(&one);
        book.hear(&[one, third]);
        assert_eq!(book.take_heard(9), [third]);
        assert!(!book.is_asked());
    }
}

//! What is remembered of MiMeis that are followed: how far they are up to the chain, who is at work on which, and when what failed is tried again.

use super::board::Board;
use crate::backend::Newest;
use leither_types::MimeiId;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Pauses after failures.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How often it is looked whether somebody else is done.
const TURN: Duration = Duration::from_millis(100);

/// What is remembered of those that are followed.
#[derive(Default)]
pub(super) struct Book {
    /// What is announced.
    pub board: Board,
    notes: Mutex<HashMap<MimeiId, Note>>,
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

#[derive(Clone, Debug, Default)]
struct Note {
    /// What was done with, last.
    done: Option<Newest>,
    /// What is tried.
    tried: Option<Newest>,
    tries: u32,
    next: Option<Instant>,
    failure: Option<String>,
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, HashMap<MimeiId, Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.lock().get(id).and_then(|note| note.failure.clone())
    }

    /// It is looked at anew.
    pub fn forget(&self, id: &MimeiId) {
        self.lock().remove(id);
    }

    /// Whether there is something to do with it now. A version that is new does not wait for the pause of the one before.
    pub fn is_due(&self, id: &MimeiId, newest: &Newest, now: Instant) -> bool {
        match self.lock().get(id) {
            None => true,
            Some(note) if note.done == Some(*newest) => false,
            Some(note) => note.tried != Some(*newest) || note.next.is_none_or(|next| next <= now),
        }
    }

    /// It is up to the chain.
    pub fn is_done(&self, id: MimeiId, newest: Newest) {
        self.lock().insert(id, Note { done: Some(newest), ..Note::default() });
    }

    /// Gives the pause until the next try.
    pub fn has_failed(&self, id: MimeiId, newest: Newest, why: &str, now: Instant) -> Duration {
        let mut notes = self.lock();
        let note = notes.entry(id).or_default();
        if note.tried != Some(newest) {
            (note.tried, note.tries) = (Some(newest), 0);
        }
        let pause = PAUSE_MIN.saturating_mul(1 << note.tries.min(16)).min(PAUSE_MAX);
        note.tries = note.tries.saturating_add(1);
        (note.next, note.failure) = (now.checked_add(pause), Some(why.into()));
        pause
    }
}

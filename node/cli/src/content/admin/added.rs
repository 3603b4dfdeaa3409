//! HOLD-7: what a command added and has not yet said what it is. When its connection ends, nobody will say it any more.

use crate::content::calls;
use leither_kit::Cid;
use leither_storage::ContentStore;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Adds of one connection that are remembered; those beyond wait for their time to be over.
const ADDED_MAX: usize = 1_024;

/// What was added over one connection, and when; nothing from its end on.
pub(super) struct Added {
    store: ContentStore,
    pins: Mutex<Option<Vec<(Cid, u64)>>>,
}

impl Added {
    /// Of a new connection.
    pub fn new(store: ContentStore) -> Self {
        Self { store, pins: Mutex::new(Some(Vec::new())) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<(Cid, u64)>>> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is on disk, under its pin. On a thread that may wait: the connection may have ended meanwhile.
    pub fn note(&self, cid: Cid, at: u64) {
        {
            let mut pins = self.lock();
            if let Some(pins) = pins.as_mut() {
                pins.retain(|(other, _)| *other != cid);
                if pins.len() < ADDED_MAX {
                    pins.push((cid, at));
                }
                return;
            }
        }
        self.let_go(vec![(cid, at)]);
    }

    /// The connection has ended. On a thread that may wait.
    pub fn over(&self) {
        let pins = self.lock().take();
        self.let_go(pins.unwrap_or_default());
    }

    fn let_go(&self, pins: Vec<(Cid, u64)>) {
        for (cid, at) in pins {
            if let Err(no) = calls::disown(&self.store, &cid, at) {
                tracing::warn!(error = no.message, %cid, "what a command left behind stays for ten minutes");
            }
        }
    }
}

//! What one connection has outstanding: calls that were read and are not answered, and answers that were made and are not written.
//! Both are bounded, so that nobody fills our memory by asking faster than reading.

use leither_rpc_api::{ApiError, Reason};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// RPC-5: parameters' bytes in the unanswered calls of one connection.
const PARAMS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// While so many bytes of answers wait to be written, no further call is worked on and nothing more is read.
const UNSENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Calls of one connection that are worked on at the same time.
const TURNS: usize = 16;

pub(crate) struct Open {
    calls: AtomicUsize,
    bytes: AtomicUsize,
    unsent: AtomicUsize,
    written: Notify,
    turns: Semaphore,
}

impl Open {
    pub(crate) fn new() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            written: Notify::new(),
            turns: Semaphore::new(TURNS),
        }
    }

    /// Waits until the call may be worked on; what is returned is held meanwhile.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let turn = self.turns.acquire().await.ok();
        loop {
            let written = self.written.notified();
            if !self.is_full() {
                return turn;
            }
            written.await;
        }
    }

    /// Whether enough answers wait to be written.
    pub(crate) fn is_full(&self) -> bool {
        self.unsent.load(Acquire) >= UNSENT_BYTES_MAX
    }

    /// An answer of so many bytes was made and will be written.
    pub(crate) fn made(&self, bytes: usize) {
        self.unsent.fetch_add(bytes, AcqRel);
    }

    /// So many bytes were written, frames' heads and notifications included: never counted below nothing.
    pub(crate) fn wrote(&self, bytes: usize) {
        let update = self.unsent.try_update(AcqRel, Acquire, |unsent| (unsent > 0).then(|| unsent.saturating_sub(bytes)));
        if update.is_ok() {
            self.written.notify_waiters();
        }
    }
}

/// An unanswered call, counted until it is dropped.
pub(crate) struct Held {
    open: Arc<Open>,
    bytes: usize,
}

impl Held {
    pub(crate) fn new(open: &Arc<Open>, bytes: usize, calls_max: usize) -> Result<Self, ApiError> {
        let held = Self { open: open.clone(), bytes };
        let calls = open.calls.fetch_add(1, AcqRel) + 1;
        let together = open.bytes.fetch_add(bytes, AcqRel) + bytes;
        if calls > calls_max || together > PARAMS_BYTES_MAX {
            let sentence =
                format!("{} calls on this connection wait for an answer: wait for some before sending more", calls - 1);
            return Err(ApiError::new(Reason::Busy, sentence));
        }
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.open.calls.fetch_sub(1, AcqRel);
        self.open.bytes.fetch_sub(self.bytes, AcqRel);
    }
}

use super::{Reading, Vitals};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// How long a reading serves all who ask.
const FRESH: Duration = Duration::from_millis(500);
/// How long a reading may take.
pub(super) const READ_MAX: Duration = Duration::from_secs(4);

/// WATCH-5: one reading at a time, however many ask, so that watching costs a busy node next to nothing, and a stuck disk one thread.
pub(super) struct Reader {
    vitals: Arc<dyn Vitals>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<(Instant, Arc<Reading>)>,
    /// Under way; who gave up waiting leaves it to the next.
    pending: Option<JoinHandle<Reading>>,
}

impl Reader {
    pub(super) fn new(vitals: Arc<dyn Vitals>) -> Self {
        Self { vitals, state: Mutex::default() }
    }

    /// A reading of the last half second; nothing where the node does not come to it in time.
    pub(super) async fn reading(&self) -> Option<Arc<Reading>> {
        timeout(READ_MAX, self.read()).await.ok().flatten()
    }

    async fn read(&self) -> Option<Arc<Reading>> {
        let mut state = self.state.lock().await;
        if let Some((at, reading)) = &state.last
            && at.elapsed() < FRESH
        {
            return Some(reading.clone());
        }
        let pending = state.pending.get_or_insert_with(|| {
            let vitals = self.vitals.clone();
            spawn_blocking(move || vitals.read())
        });
        let done = pending.await;
        state.pending = None;
        match done {
            Ok(reading) => {
                let reading = Arc::new(reading);
                state.last = Some((Instant::now(), reading.clone()));
                Some(reading)
            }
            Err(error) => {
                tracing::error!(%error, "the node's numbers cannot be read");
                None
            }
        }
    }
}

//! RPC-17, `chain_subscribe`: a subscriber is a height. It is told of the pulse of that height, then of the next, as fast as it
//! reads; nothing is queued for it. Who falls too far behind, or asks for what is no longer kept, is told which pulses were left
//! out.

use crate::backend::{Answer, Backend};
use jsonrpsee::core::SubscriptionError;
use jsonrpsee::server::{PendingSubscriptionSink, SubscriptionSink};
use leither_rpc_api::{ApiError, Notice, Reason, Subscribe, U64};
use serde_json::value::{RawValue, to_raw_value};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Newest pulses that are kept as text, for subscribers to share.
const SHARED_MAX: usize = 8;

/// A pulse as it is told: without and with its transactions' ids.
struct Told {
    short: Box<RawValue>,
    full: Box<RawValue>,
}

pub(crate) struct Feed {
    backend: Arc<dyn Backend>,
    shared: Mutex<VecDeque<(u64, Arc<Told>)>>,
    behind_max: u64,
}

impl Feed {
    pub(crate) fn new(backend: Arc<dyn Backend>, behind_max: u64) -> Self {
        Self { backend, shared: Mutex::default(), behind_max }
    }

    /// Serves one subscriber to its end.
    pub(crate) async fn follow(&self, pending: PendingSubscriptionSink, ask: Subscribe) -> Result<(), SubscriptionError> {
        let mut head = self.backend.head();
        let newest = *head.borrow_and_update();
        let Ok(sink) = pending.accept().await else { return Ok(()) };
        let full = ask.txs.unwrap_or(false);
        let mut next = ask.from.map_or(newest.saturating_add(1), |from| from.0.max(1));
        // Who asked for history may be far behind; who has caught up may not fall far behind again.
        let mut caught_up = false;
        loop {
            let newest = *head.borrow_and_update();
            if next > newest {
                caught_up = true;
                tokio::select! {
                    changed = head.changed() => if changed.is_err() { return Ok(()) },
                    () = sink.closed() => return Ok(()),
                }
                continue;
            }
            let first =
                if caught_up && newest - next >= self.behind_max { newest } else { self.first_kept(next, newest).await? };
            if first > next {
                let lagged = Notice::Lagged { missed_from: U64(next), missed_to: U64(first - 1) };
                if !tell(&sink, to_raw_value(&lagged)?).await {
                    return Ok(());
                }
                next = first;
                continue;
            }
            let told = self.told(next, newest).await?;
            let text = if full { &told.full } else { &told.short };
            if !tell(&sink, text.clone()).await {
                return Ok(());
            }
            next += 1;
        }
    }

    /// `height`, or the first one after it that the node still keeps.
    async fn first_kept(&self, height: u64, newest: u64) -> Answer<u64> {
        if height == newest {
            return Ok(height);
        }
        Ok(self.backend.oldest_pulse().await?.clamp(height, newest))
    }

    async fn told(&self, height: u64, newest: u64) -> Answer<Arc<Told>> {
        if newest - height >= SHARED_MAX as u64 {
            return self.read(height).await;
        }
        // Held while reading, so that many subscribers at the head cost one read.
        let mut shared = self.shared.lock().await;
        if let Some((_, told)) = shared.iter().find(|(known, _)| *known == height) {
            return Ok(told.clone());
        }
        let told = self.read(height).await?;
        if shared.len() >= SHARED_MAX {
            shared.pop_front();
        }
        shared.push_back((height, told.clone()));
        Ok(told)
    }

    async fn read(&self, height: u64) -> Answer<Arc<Told>> {
        let missing = || ApiError::new(Reason::Pruned, format!("pulse {height} is no longer kept here: subscribe again"));
        let mut pulse = self.backend.pulse(height).await?.ok_or_else(missing)?;
        let full = to_raw_value(&Notice::Pulse(pulse.clone())).map_err(internal)?;
        pulse.txs = None;
        let short = to_raw_value(&Notice::Pulse(pulse)).map_err(internal)?;
        Ok(Arc::new(Told { short, full }))
    }
}

/// Whether the subscriber is still there. Waits while it does not read; `stream` ends a connection that never does.
async fn tell(sink: &SubscriptionSink, text: Box<RawValue>) -> bool {
    sink.send(text).await.is_ok()
}

fn internal(error: serde_json::Error) -> ApiError {
    ApiError::new(Reason::Internal, format!("a pulse could not be written as JSON: {error}"))
}

//! When was which transaction final: told by the chain's own subscription, not by the sender.

use super::fleet::Fleet;
use super::load::Sent;
use crate::exit::{Done, Failure};
use crate::print::Printer;
use leither_rpc_api::{BlockRef, Client, GetHeader, Notice, Subscribe, U64, methods};
use leither_types::Hash;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

type Arrivals = Arc<Mutex<Vec<(Instant, u64, Vec<Hash>)>>>;

/// A subscription that is under way.
pub struct Watch {
    arrivals: Arrivals,
    task: JoinHandle<Option<String>>,
    client: Client,
}

/// What was seen.
pub struct Seen {
    /// Seconds from when it should have been sent to when it was final, sorted, one a committed transaction.
    pub latencies: Vec<f64>,
    /// How often each transaction was in a block.
    pub times: HashMap<Hash, u32>,
    /// Blocks with transactions.
    pub blocks: usize,
    first: f64,
    last: f64,
}

impl Watch {
    /// Listens at the first node from its next pulse on.
    pub async fn start(fleet: &Fleet) -> Done<Self> {
        let client = fleet.client(0).await?;
        let from = match client.call(&methods::CHAIN_GET_HEADER, GetHeader { block: BlockRef::Latest }).await {
            Ok(found) => found.header.height.0 + 1,
            Err(_) => 1,
        };
        let arrivals: Arrivals = Arc::default();
        let sink = arrivals.clone();
        let url = client.url().to_string();
        let task = tokio::spawn(async move {
            let mut next = from;
            loop {
                match follow(&url, &mut next, &sink).await {
                    Ok(()) => {}
                    // A reader that lagged is cut off or told so; it takes up where it was.
                    Err(why) if next == u64::MAX => return Some(why),
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        Ok(Self { arrivals, task, client })
    }

    /// Waits until all that was accepted is final, or `patience` has passed without a new one.
    pub async fn finish(self, sent: &Sent, patience: Duration, printer: Printer) -> Done<Seen> {
        let accepted = sent.accepted();
        let mut last_count = 0;
        let mut last_change = Instant::now();
        loop {
            let count: usize = self.lock().iter().map(|(_, _, ids)| ids.len()).sum();
            if count >= accepted {
                break;
            }
            if count > last_count {
                (last_count, last_change) = (count, Instant::now());
            }
            if last_change.elapsed() > patience {
                break;
            }
            printer.progress(&format!("final {count} of {accepted}"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.task.abort();
        self.seen(sent).await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, u64, Vec<Hash>)>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn seen(&self, sent: &Sent) -> Done<Seen> {
        let arrivals = std::mem::take(&mut *self.lock());
        let place: HashMap<Hash, usize> = sent.txs.iter().enumerate().map(|(k, tx)| (tx.id, k)).collect();
        let mut seen = Seen { latencies: Vec::new(), times: HashMap::new(), blocks: 0, first: f64::MAX, last: 0.0 };
        for (at, height, ids) in arrivals {
            if ids.is_empty() {
                continue;
            }
            seen.blocks += 1;
            // Throughput is told by the blocks' own times.
            let ask = GetHeader { block: BlockRef::Height(height) };
            let time = self.client.call(&methods::CHAIN_GET_HEADER, ask).await?.header.time.0 as f64 / 1000.0;
            seen.first = seen.first.min(time);
            seen.last = seen.last.max(time);
            for id in ids {
                let k = place.get(&id).ok_or_else(|| Failure::fault(format!("{id} is in a block, but nobody sent it")))?;
                seen.latencies.push(at.saturating_duration_since(sent.intended(*k)).as_secs_f64());
                *seen.times.entry(id).or_default() += 1;
            }
        }
        seen.latencies.sort_by(f64::total_cmp);
        Ok(seen)
    }
}

impl Seen {
    /// Committed transactions a second, from the first block's time to the last's.
    pub fn tps(&self) -> f64 {
        let span = self.last - self.first;
        if span > 0.0 { self.latencies.len() as f64 / span } else { 0.0 }
    }

    /// A latency quantile in seconds, to the millisecond.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.latencies.len().checked_sub(1)?;
        let at = (q * last as f64).round() as usize;
        self.latencies.get(at).map(|s| (s * 1000.0).round() / 1000.0)
    }
}

async fn follow(url: &str, next: &mut u64, sink: &Arrivals) -> Result<(), String> {
    let client = Client::connect(&url.replacen("http", "ws", 1)).await.map_err(|e| e.to_string())?;
    let ask = Subscribe { from: Some(U64(*next)), txs: Some(true) };
    let mut notices = client.subscribe(&methods::CHAIN_SUBSCRIBE, ask).await.map_err(|e| e.to_string())?;
    loop {
        match notices.next().await.map_err(|e| e.to_string())? {
            Notice::Pulse(pulse) => {
                let ids = pulse.txs.unwrap_or_default().into_iter().map(|id| id.0).collect();
                sink.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), pulse.height.0, ids));
                *next = pulse.height.0 + 1;
            }
            // What was missed is asked for again.
            Notice::Lagged { missed_from, .. } => {
                *next = missed_from.0;
                return Ok(());
            }
        }
    }
}

use super::{Meters, Pulse};
use leither_engine::{Heard, Listener};
use leither_store::Store;
use leither_types::Height;
use parity_scale_codec::Encode;
use std::ops::Range;
use std::sync::Arc;

/// WATCH-10: counts every pulse of the feed until the node stops. Those that went by unheard are read from the store.
pub async fn follow(mut listener: Listener, store: Store, meters: Arc<Meters>) {
    loop {
        let committed = match listener.next().await {
            Heard::Pulse(committed) => committed,
            // The next one's height tells which were missed.
            Heard::Lagged(_) => continue,
            Heard::Closed => return,
        };
        let missed = meters.missed_before(committed.height);
        if !missed.is_empty() {
            let (store, meters) = (store.clone(), meters.clone());
            let read = move || catch_up(missed, &meters, |height| stored(&store, height));
            if let Err(error) = tokio::task::spawn_blocking(read).await {
                tracing::warn!(%error, "pulses that went by unheard are missing from the metrics");
            }
        }
        meters.record(&Pulse::of(&committed));
    }
}

/// Counts what there is of these heights. What the store no longer has, or cannot read, is left out: to stop for that is not for a
/// watcher to decide.
pub(super) fn catch_up(missed: Range<Height>, meters: &Meters, read: impl Fn(Height) -> Option<Pulse>) {
    missed.filter_map(read).for_each(|pulse| meters.record(&pulse));
}

fn stored(store: &Store, height: Height) -> Option<Pulse> {
    let block = store.block(height).ok()??;
    let certificate = store.certificate(height).ok()??;
    let (txs, bytes) = (block.txs.len(), block.encoded_size());
    Some(Pulse { height, time: block.header.time, round: certificate.round, txs, bytes })
}

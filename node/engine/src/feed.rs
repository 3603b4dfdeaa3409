//! ENGINE-7, notify: what was committed, told to whoever listens, in order. A slow listener loses its place and is told so; it
//! never costs memory.

use leither_types::{Block, Certificate, Hash, Header, Height, Receipt};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Pulses that a listener may lag behind before it loses its place. Full ones take megabytes, so there are few.
pub const FEED_PULSES: usize = 16;

/// A final pulse.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Its number.
    pub height: Height,
    /// Its id.
    pub id: Hash,
    /// Its header.
    pub header: Header,
    /// All of it.
    pub block: Arc<Block>,
    /// What its transactions did, in their order.
    pub receipts: Arc<Vec<Receipt>>,
    /// By whose signatures it is final.
    pub certificate: Certificate,
}

/// The sending end.
#[derive(Clone, Debug)]
pub struct Feed(broadcast::Sender<Arc<Committed>>);

/// The listening end.
pub struct Listener(broadcast::Receiver<Arc<Committed>>);

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The next pulse.
    Pulse(Arc<Committed>),
    /// So many pulses went by unheard; read them from the store, by height.
    Lagged(u64),
    /// The node is stopping.
    Closed,
}

impl Default for Feed {
    fn default() -> Self {
        Self(broadcast::channel(FEED_PULSES).0)
    }
}

impl Feed {
    /// Listens from the next pulse on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }

    /// notify: tells all listeners. That there is none is no failure.
    pub fn notify(&self, pulse: Arc<Committed>) {
        let _ = self.0.send(pulse);
    }
}

impl Listener {
    /// Waits for what comes next.
    pub async fn next(&mut self) -> Heard {
        match self.0.recv().await {
            Ok(pulse) => Heard::Pulse(pulse),
            Err(broadcast::error::RecvError::Lagged(missed)) => Heard::Lagged(missed),
            Err(broadcast::error::RecvError::Closed) => Heard::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_types::{List, ValidatorId};

    fn pulse(height: Height) -> Arc<Committed> {
        let zero = Hash::ZERO;
        let header = Header {
            version: 1,
            chain: zero,
            height,
            time: 0,
            parent: zero,
            proposer: ValidatorId::default(),
            state_root: zero,
            txs_root: zero,
            receipts_root: zero,
            evidence_root: zero,
            last_certificate: zero,
            validators: zero,
            next_validators: zero,
        };
        let certificate = Certificate::genesis();
        let block = Block {
            header: header.clone(),
            last_certificate: certificate.clone(),
            txs: List::default(),
            evidence: List::default(),
        };
        Arc::new(Committed { height, id: header.id(), header, block: Arc::new(block), receipts: Arc::default(), certificate })
    }

    /// ENGINE-7.
    #[tokio::test]
    async fn a_listener_hears_every_pulse_in_order_or_how_many_it_missed() {
        let feed = Feed::default();
        let mut listener = feed.listen();
        let last = FEED_PULSES as u64 + 3;
        (1..=last).for_each(|height| feed.notify(pulse(height)));
        assert!(matches!(listener.next().await, Heard::Lagged(3)));
        for height in 4..=last {
            assert!(matches!(listener.next().await, Heard::Pulse(pulse) if pulse.height == height));
        }
        drop(feed);
        assert!(matches!(listener.next().await, Heard::Closed));
    }
}

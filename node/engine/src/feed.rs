//! notify: what was committed, told to whoever listens, in order. A slow listener loses its place and is told so; it never costs memory.

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

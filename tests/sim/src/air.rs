//! What lies between the nodes: delay, loss, doubling, and cut wires.

use crate::trouble::Cut;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// One message in a hundred takes this many times as long: what comes late is what finds mistakes.
const STRAGGLE: u64 = 10;

/// The faults of the air, in percent and milliseconds.
#[derive(Clone, Debug)]
pub struct Air {
    /// How long a message takes. Messages overtake each other as it falls.
    pub delay_ms: Range<u64>,
    /// Of a hundred messages so many never arrive.
    pub drop_percent: u32,
    /// Of a hundred messages so many arrive twice.
    pub duplicate_percent: u32,
}

/// When a message arrives, once or more; up to two times.
pub type Arrivals = [Option<u64>; 2];

impl Air {
    /// After how many ms one message to one node arrives: not at all, once or twice. On a calm air nothing is lost.
    pub fn carry(&self, calm: bool, rng: &mut ChaCha8Rng) -> Arrivals {
        if calm {
            return [Some(self.delay(calm, rng)), None];
        }
        if rng.gen_ratio(self.drop_percent.min(100), 100) {
            return [None, None];
        }
        let again = rng.gen_ratio(self.duplicate_percent.min(100), 100);
        let first = self.delay(calm, rng);
        [Some(first), again.then(|| self.delay(calm, rng))]
    }

    fn delay(&self, calm: bool, rng: &mut ChaCha8Rng) -> u64 {
        let ms = if self.delay_ms.is_empty() { self.delay_ms.start } else { rng.gen_range(self.delay_ms.clone()) };
        if !calm && rng.gen_ratio(1, 100) { ms * STRAGGLE } else { ms }
    }
}

/// Whether one of the cuts stops a message that is sent now.
pub(crate) fn is_cut(cuts: &[Cut], now: u64, from: usize, to: usize) -> bool {
    cuts.iter().any(|cut| cut.stops(now, from, to))
}

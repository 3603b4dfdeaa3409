//! Announcing keys: which and when (`plan`), and how far it is (`round`). The task does what they say (ROUTE-8, ROUTE-9, ROUTE-10).

pub(crate) mod plan;
mod round;

pub(crate) use round::{Reply, Round, Stage};

use crate::ProvideStat;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How rounds of the plan went, since the start.
#[derive(Default)]
pub(crate) struct Pace {
    /// When the last one ended; 0: none has.
    last_ms: AtomicU64,
    slowest_ms: AtomicU64,
}

impl Pace {
    pub fn ended(&self, at_ms: u64, took: Duration) {
        self.last_ms.store(at_ms, Ordering::Relaxed);
        self.slowest_ms.fetch_max(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub fn fill(&self, stat: ProvideStat) -> ProvideStat {
        let last = self.last_ms.load(Ordering::Relaxed);
        ProvideStat { last_round_ms: (last > 0).then_some(last), slowest_ms: self.slowest_ms.load(Ordering::Relaxed), ..stat }
    }
}

//! GW-15: what may be asked for that is not here, and does not come. Each of it costs the node a search among strangers.

use crate::core::asker::Asker;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One more is allowed after this.
const REFILL: Duration = Duration::from_secs(1);
/// Addresses that have a count of their own. Where there are more, the others share one.
const ASKERS_MAX: usize = 4096;

/// What is left to one address.
struct Bucket {
    left: u32,
    since: Instant,
}

struct Buckets {
    by_asker: HashMap<Asker, Bucket>,
    others: Bucket,
}

/// What is left to each address: a token bucket, from which is taken what is asked for, and to which is given back what came.
pub(crate) struct Quotas {
    buckets: Mutex<Buckets>,
    max: u32,
}

/// The quota of whoever made one request.
#[derive(Clone)]
pub(crate) struct Quota {
    quotas: Arc<Quotas>,
    asker: Asker,
}

impl Bucket {
    fn full(max: u32, now: Instant) -> Self {
        Self { left: max, since: now }
    }

    fn refill(&mut self, max: u32, now: Instant) {
        let due = now.saturating_duration_since(self.since).as_secs() / REFILL.as_secs();
        if due > 0 {
            self.left = self.left.saturating_add(u32::try_from(due).unwrap_or(u32::MAX)).min(max);
            self.since = now;
        }
    }
}

impl Quotas {
    /// So many at once for each address.
    pub(crate) fn new(max: u32) -> Self {
        let others = Bucket::full(max, Instant::now());
        Self { buckets: Mutex::new(Buckets { by_asker: HashMap::new(), others }), max }
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, asker: &Asker, now: Instant) -> bool {
        let (max, mut buckets) = (self.max, self.lock());
        let Buckets { by_asker, others } = &mut *buckets;
        if by_asker.len() >= ASKERS_MAX && !by_asker.contains_key(asker) {
            // Who has all of it is as one who never came.
            by_asker.retain(|_, bucket| {
                bucket.refill(max, now);
                bucket.left < max
            });
        }
        let bucket = if by_asker.len() >= ASKERS_MAX && !by_asker.contains_key(asker) {
            others
        } else {
            by_asker.entry(*asker).or_insert_with(|| Bucket::full(max, now))
        };
        bucket.refill(max, now);
        let is_left = bucket.left > 0;
        bucket.left = bucket.left.saturating_sub(1);
        is_left
    }

    fn give_back(&self, asker: &Asker) {
        let (max, mut buckets) = (self.max, self.lock());
        let Buckets { by_asker, others } = &mut *buckets;
        let bucket = by_asker.get_mut(asker).unwrap_or(others);
        bucket.left = bucket.left.saturating_add(1).min(max);
    }
}

impl Quota {
    /// Of this address.
    pub(crate) fn new(quotas: Arc<Quotas>, asker: Asker) -> Self {
        Self { quotas, asker }
    }

    /// Whether one more may be asked for; it is counted from now on.
    pub(super) fn take(&self) -> bool {
        self.quotas.take(&self.asker, Instant::now())
    }

    /// It came.
    pub(super) fn give_back(&self) {
        self.quotas.give_back(&self.asker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(n: u32) -> Asker {
        Asker::of(std::net::Ipv4Addr::from(n).into())
    }

    #[test]
    fn gw_15_what_comes_is_free_and_what_does_not_is_allowed_once_a_second() {
        let (quotas, now) = (Quotas::new(3), Instant::now());
        for _ in 0..100 {
            assert!(quotas.take(&asker(1), now));
            quotas.give_back(&asker(1));
        }
        assert_eq!([0; 5].map(|_| quotas.take(&asker(1), now)), [true, true, true, false, false]);
        assert!(quotas.take(&asker(2), now), "another address has its own");
        let later = now + REFILL * 2;
        assert_eq!([0; 3].map(|_| quotas.take(&asker(1), later)), [true, true, false]);
        assert_eq!(
            [0; 4].map(|_| quotas.take(&asker(1), later + REFILL * 99)),
            [true, true, true, false],
            "never more than at first"
        );
    }

    #[test]
    fn gw_15_many_addresses_take_no_memory_and_no_quota_that_is_anothers() {
        let (quotas, now) = (Quotas::new(2), Instant::now());
        assert!(quotas.take(&asker(0), now) && quotas.take(&asker(0), now));
        let allowed = (1..6_000).filter(|n| quotas.take(&asker(*n), now)).count();
        assert_eq!(quotas.lock().by_asker.len(), ASKERS_MAX);
        assert_eq!(allowed, ASKERS_MAX - 1 + 2, "those beyond share one");
        assert!(!quotas.take(&asker(0), now), "who was first is not forgotten");
        assert!(quotas.take(&asker(6_001), now + REFILL * 2), "with time there is place again");
        assert_eq!(quotas.lock().by_asker.len(), 1);
    }
}

//! How often a peer may ask (ROUTE-5).

use libp2p::PeerId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Requests of one peer in a second, and at once.
const REQUESTS: (u32, u32) = (20, 100);
/// Keys that it may announce in a second, and at once: 100,000 MiMeis, of two keys each, take a minute.
const KEYS: (u32, u32) = (4_096, 32_768);
/// Peers whose account is kept; beyond that a stranger is not answered.
const ACCOUNTS_MAX: usize = 4_096;

/// A bucket that fills with time.
#[derive(Clone, Debug)]
struct Bucket {
    left: f64,
    a_second: f64,
    burst: f64,
}

impl Bucket {
    fn new((a_second, burst): (u32, u32)) -> Self {
        Self { left: burst.into(), a_second: a_second.into(), burst: burst.into() }
    }

    fn fill(&mut self, passed: Duration) {
        self.left = (self.left + passed.as_secs_f64() * self.a_second).min(self.burst);
    }

    fn take(&mut self, much: u32) -> bool {
        let there = self.left >= f64::from(much);
        if there {
            self.left -= f64::from(much);
        }
        there
    }

    fn is_full(&self) -> bool {
        self.left >= self.burst
    }
}

struct Account {
    requests: Bucket,
    keys: Bucket,
    at: Instant,
}

impl Account {
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        self.requests.fill(passed);
        self.keys.fill(passed);
        self.at = now;
    }
}

/// What each peer has used up. An account outlasts the connection: to come again does not fill it.
#[derive(Default)]
pub(crate) struct Quotas(HashMap<PeerId, Account>);

impl Quotas {
    fn account(&mut self, peer: PeerId, now: Instant) -> Option<&mut Account> {
        if self.0.len() >= ACCOUNTS_MAX && !self.0.contains_key(&peer) {
            return None;
        }
        let account =
            self.0
                .entry(peer)
                .or_insert_with(|| Account { requests: Bucket::new(REQUESTS), keys: Bucket::new(KEYS), at: now });
        account.fill(now);
        Some(account)
    }

    /// Whether one more request of this peer is answered.
    pub fn request(&mut self, peer: PeerId, now: Instant) -> bool {
        self.account(peer, now).is_some_and(|account| account.requests.take(1))
    }

    /// Whether so many more keys of this peer are taken.
    pub fn keys(&mut self, peer: PeerId, count: usize, now: Instant) -> bool {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.account(peer, now).is_some_and(|account| account.keys.take(count))
    }

    /// Forgets who has used up nothing.
    pub fn tidy(&mut self, now: Instant) {
        self.0.retain(|_, account| {
            account.fill(now);
            !(account.requests.is_full() && account.keys.is_full())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_5_a_peer_asks_a_hundred_times_at_once_and_twenty_times_a_second() {
        let (mut quotas, peer, start) = (Quotas::default(), PeerId::random(), Instant::now());
        let granted = |quotas: &mut Quotas, now| (0..1_000).filter(|_| quotas.request(peer, now)).count();
        assert_eq!(granted(&mut quotas, start), 100);
        assert_eq!(granted(&mut quotas, start + Duration::from_secs(1)), 20);
        assert!(quotas.request(PeerId::random(), start), "another is not charged for it");
    }

    #[test]
    fn route_5_keys_are_counted_apart_and_accounts_are_bounded() {
        let (mut quotas, peer, start) = (Quotas::default(), PeerId::random(), Instant::now());
        assert_eq!((0..100).filter(|_| quotas.keys(peer, 1_024, start)).count(), 32);
        assert_eq!((0..100).filter(|_| quotas.keys(peer, 1_024, start + Duration::from_secs(1))).count(), 4);
        (1..ACCOUNTS_MAX).for_each(|_| assert!(quotas.request(PeerId::random(), start)));
        assert!(!quotas.request(PeerId::random(), start));
        quotas.tidy(start + Duration::from_secs(100));
        assert!(quotas.0.is_empty() && quotas.request(PeerId::random(), start + Duration::from_secs(100)));
    }
}

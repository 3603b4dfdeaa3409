//! How much one address may ask for: a token bucket each, and a count of its connections.

use crate::config::{Config, Rate};
use leither_rpc_api::{ApiError, Reason};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Addresses that are remembered at one time.
const ADDRESSES_MAX: usize = 10_000;

pub(crate) struct Limits {
    rate: Option<Rate>,
    rate_loopback: Option<Rate>,
    per_ip_max: usize,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
    connections: Mutex<HashMap<IpAddr, usize>>,
}

struct Bucket {
    units: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, rate: Rate, now: Instant) {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(rate.per_second);
        self.units = (self.units + earned).min(f64::from(rate.burst));
        self.at = now;
    }
}

/// One household has many IPv6 addresses, but one /64.
fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
    }
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            rate: config.rate,
            rate_loopback: config.rate_loopback,
            per_ip_max: config.connections_per_ip_max,
            buckets: Mutex::default(),
            connections: Mutex::default(),
        }
    }

    /// RPC-6: takes units from the address's bucket.
    pub(crate) fn take(&self, ip: IpAddr, units: u32) -> Result<(), ApiError> {
        let rate = if ip.to_canonical().is_loopback() { self.rate_loopback } else { self.rate };
        match rate {
            Some(rate) => self.take_at(household(ip), units, rate, Instant::now()),
            None => Ok(()),
        }
    }

    fn take_at(&self, ip: IpAddr, units: u32, rate: Rate, now: Instant) -> Result<(), ApiError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&ip) {
            // Full buckets need no memory: an address that is forgotten starts with a full one.
            buckets.retain(|_, bucket| {
                bucket.refill(rate, now);
                bucket.units < f64::from(rate.burst)
            });
            if buckets.len() >= ADDRESSES_MAX {
                return Err(ApiError::new(Reason::Busy, "too many addresses are calling this node now: try again in a minute"));
            }
        }
        let bucket = buckets.entry(ip).or_insert(Bucket { units: f64::from(rate.burst), at: now });
        bucket.refill(rate, now);
        // A single call dearer than the whole bucket passes when the bucket is full, and leaves it in debt.
        let needed = f64::from(units.min(rate.burst));
        if bucket.units < needed {
            let wait = ((needed - bucket.units) / f64::from(rate.per_second) * 1000.0).ceil() as u64;
            let sentence = format!("too many requests from {ip}: try again in {wait} ms");
            return Err(ApiError::new(Reason::RateLimited, sentence).with("retry_after_ms", wait));
        }
        bucket.units -= f64::from(units);
        Ok(())
    }

    /// RPC-5: counts a connection while the answer is held; nothing where the address has too many. This machine's own are not
    /// counted.
    pub(crate) fn connection(self: &Arc<Self>, ip: IpAddr) -> Option<Seat> {
        if ip.to_canonical().is_loopback() {
            return Some(Seat(None));
        }
        let ip = household(ip);
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let count = connections.entry(ip).or_insert(0);
        if *count >= self.per_ip_max {
            return None;
        }
        *count += 1;
        Some(Seat(Some((self.clone(), ip))))
    }
}

/// A counted connection.
pub(crate) struct Seat(Option<(Arc<Limits>, IpAddr)>);

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((limits, ip)) = self.0.take() {
            let mut connections = limits.connections.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = connections.get_mut(&ip) {
                *count -= 1;
                if *count == 0 {
                    connections.remove(&ip);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn limits() -> Arc<Limits> {
        Arc::new(Limits::new(&Config::new(([127, 0, 0, 1], 0).into())))
    }

    #[test]
    fn a_bucket_empties_says_how_long_to_wait_and_fills_again() {
        let (limits, start) = (limits(), Instant::now());
        let rate = Rate { per_second: 10, burst: 20 };
        let ip = IpAddr::from([192, 0, 2, 1]);
        assert!((0..20).all(|_| limits.take_at(ip, 1, rate, start).is_ok()));
        let refusal = limits.take_at(ip, 1, rate, start).unwrap_err();
        assert_eq!((refusal.reason, refusal.details["retry_after_ms"].as_u64()), (Reason::RateLimited, Some(100)));
        assert!(limits.take_at(ip, 1, rate, start + Duration::from_millis(100)).is_ok());
        assert!(limits.take_at(ip, 20, rate, start + Duration::from_secs(60)).is_ok());
        assert!(limits.take_at(ip, 1, rate, start + Duration::from_secs(60)).is_err());
    }

    #[test]
    fn a_dear_call_waits_for_a_full_bucket_and_is_paid_in_full() {
        let (limits, start) = (limits(), Instant::now());
        let rate = Rate { per_second: 10, burst: 20 };
        let ip = IpAddr::from([192, 0, 2, 1]);
        assert!(limits.take_at(ip, 40, rate, start).is_ok());
        assert!(limits.take_at(ip, 1, rate, start + Duration::from_secs(2)).is_err());
        assert!(limits.take_at(ip, 1, rate, start + Duration::from_millis(2_100)).is_ok());
    }

    #[test]
    fn memory_for_addresses_is_bounded_and_made_free_again() {
        let (limits, start) = (limits(), Instant::now());
        let rate = Rate { per_second: 10, burst: 20 };
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        assert!((0..ADDRESSES_MAX as u32).all(|n| limits.take_at(address(n), 1, rate, start).is_ok()));
        assert_eq!(limits.take_at(address(1 << 30), 1, rate, start).unwrap_err().reason, Reason::Busy);
        assert!(limits.take_at(address(1 << 30), 1, rate, start + Duration::from_secs(1)).is_ok());
        assert_eq!(limits.buckets.lock().unwrap().len(), 1);
    }

    #[test]
    fn connections_of_one_address_are_counted_and_given_back() {
        let limits = limits();
        let ip = IpAddr::from([192, 0, 2, 1]);
        let mut seats: Vec<_> = (0..32).map(|_| limits.connection(ip).unwrap()).collect();
        assert!(limits.connection(ip).is_none());
        seats.pop();
        assert!(limits.connection(ip).is_some());
        drop(seats);
        assert!(limits.connections.lock().unwrap().is_empty());
    }

    #[test]
    fn a_household_is_one_address() {
        let a: IpAddr = "2001:db8::1".parse().unwrap();
        let b: IpAddr = "2001:db8::ffff:1".parse().unwrap();
        let c: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(household(a), household(b));
        assert_ne!(household(a), household(c));
        assert_eq!(household("::ffff:192.0.2.1".parse().unwrap()), IpAddr::from([192, 0, 2, 1]));
    }
}

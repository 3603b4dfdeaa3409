use std::time::{Duration, Instant};

/// NET-5: what one peer may send us, on average and in a burst. Duplicates that gossip itself drops do not count.
pub const BYTES_A_SECOND: u32 = 8 * 1024 * 1024;
const BYTES_BURST: u32 = 4 * BYTES_A_SECOND;
pub const MESSAGES_A_SECOND: u32 = 400;
const MESSAGES_BURST: u32 = 4 * MESSAGES_A_SECOND;
/// Messages beyond the quota before the peer is sent away; each that is within it forgives one.
const STRIKES_MAX: u32 = 100;

/// A bucket that fills with time.
#[derive(Clone, Debug)]
struct Bucket {
    left: f64,
    a_second: f64,
    burst: f64,
}

impl Bucket {
    fn new(a_second: u32, burst: u32) -> Self {
        Self { left: burst.into(), a_second: a_second.into(), burst: burst.into() }
    }

    fn fill(&mut self, passed: Duration) {
        self.left = (self.left + passed.as_secs_f64() * self.a_second).min(self.burst);
    }
}

/// One peer's account.
#[derive(Clone, Debug)]
pub struct Quota {
    bytes: Bucket,
    messages: Bucket,
    at: Instant,
    strikes: u32,
}

/// Whether a message is within the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// It is.
    Within,
    /// It is not, and is not looked at.
    Beyond,
    /// It is not, once too often.
    Spent,
}

impl Quota {
    pub fn new(now: Instant) -> Self {
        let (bytes, messages) = (Bucket::new(BYTES_A_SECOND, BYTES_BURST), Bucket::new(MESSAGES_A_SECOND, MESSAGES_BURST));
        Self { bytes, messages, at: now, strikes: 0 }
    }

    /// Takes a message of `len` bytes off the account.
    pub fn take(&mut self, len: usize, now: Instant) -> Allowance {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        self.bytes.fill(passed);
        self.messages.fill(passed);
        let len = len as f64;
        if self.bytes.left >= len && self.messages.left >= 1.0 {
            self.bytes.left -= len;
            self.messages.left -= 1.0;
            self.strikes = self.strikes.saturating_sub(1);
            return Allowance::Within;
        }
        self.strikes += 1;
        if self.strikes > STRIKES_MAX { Allowance::Spent } else { Allowance::Beyond }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_5_a_burst_passes_a_flood_does_not_and_time_forgives() {
        let start = Instant::now();
        let mut quota = Quota::new(start);
        let within = |quota: &mut Quota, n: u32, now| (0..n).filter(|_| quota.take(100, now) == Allowance::Within).count();
        assert_eq!(within(&mut quota, MESSAGES_BURST, start), MESSAGES_BURST as usize);
        assert_eq!(quota.take(100, start), Allowance::Beyond);
        let later = start + Duration::from_millis(500);
        assert_eq!(within(&mut quota, MESSAGES_A_SECOND / 2 + 50, later), MESSAGES_A_SECOND as usize / 2);
        for _ in 0..STRIKES_MAX - 50 {
            assert_eq!(quota.take(100, later), Allowance::Beyond);
        }
        assert_eq!(quota.take(100, later), Allowance::Spent);
    }

    #[test]
    fn net_5_bytes_count_as_well_as_messages() {
        let start = Instant::now();
        let mut quota = Quota::new(start);
        let fitting = BYTES_BURST as usize / (256 * 1024);
        assert!((0..fitting).all(|_| quota.take(256 * 1024, start) == Allowance::Within));
        assert_eq!(quota.take(256 * 1024, start), Allowance::Beyond);
        assert_eq!(quota.take(256 * 1024, start + Duration::from_secs(1)), Allowance::Within);
    }
}

use std::time::{Duration, Instant};

/// NET-5: what one peer may send us, on average and in a burst. Duplicates that gossip itself drops do not count.
pub const BYTES_A_SECOND: u32 = 8 * 1024 * 1024;
const BYTES_BURST: u32 = 4 * BYTES_A_SECOND;
pub const MESSAGES_A_SECOND: u32 = 400;
const MESSAGES_BURST: u32 = 4 * MESSAGES_A_SECOND;
/// NET-5: what one stranger may send, and all of them together. A busy gateway passes on 10,000 transactions a second with it.
const STRANGER: (u32, u32) = (3 * 1024 * 1024, 100);
const STRANGERS: (u32, u32) = (6 * 1024 * 1024, 250);
/// NET-12: what one peer is served, and how often it may ask. Answers are weighed when they are made, so the last one may overdraw.
pub const SERVED_A_SECOND: u32 = 32 * 1024 * 1024;
const SERVED_BURST: u32 = 2 * SERVED_A_SECOND;
pub const REQUESTS_A_SECOND: u32 = 50;
const REQUESTS_BURST: u32 = 4 * REQUESTS_A_SECOND;
/// What we ask of one peer: less than it grants, so that no honest node is sent away for its zeal.
const ASKS_A_SECOND: u32 = 40;
const ASKS_BURST: u32 = 120;
/// Messages beyond the quota before the peer is sent away; each that is within it forgives one.
const STRIKES_MAX: u32 = 100;

/// A bucket that fills with time.
#[derive(Clone, Debug)]
pub struct Bucket {
    left: f64,
    a_second: f64,
    burst: f64,
}

impl Bucket {
    /// Full: what comes in a burst, and what a second adds.
    pub fn new(a_second: u32, burst: u32) -> Self {
        Self { left: burst.into(), a_second: a_second.into(), burst: burst.into() }
    }

    /// Time has passed.
    pub fn fill(&mut self, passed: Duration) {
        self.left = (self.left + passed.as_secs_f64() * self.a_second).min(self.burst);
    }

    /// Takes one out, if one is in it.
    pub fn take_one(&mut self) -> bool {
        let there = self.left >= 1.0;
        if there {
            self.left -= 1.0;
        }
        there
    }

    /// Takes out what may be more than there is.
    pub fn spend(&mut self, much: usize) {
        self.left -= much as f64;
    }

    /// How long it takes until nothing is owed.
    pub fn debt(&self) -> Duration {
        Duration::from_secs_f64((-self.left / self.a_second).max(0.0))
    }

    /// It holds as much as a new one.
    pub fn is_full(&self) -> bool {
        self.left >= self.burst
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
    /// For gossip.
    pub fn new(now: Instant) -> Self {
        let (bytes, messages) = (Bucket::new(BYTES_A_SECOND, BYTES_BURST), Bucket::new(MESSAGES_A_SECOND, MESSAGES_BURST));
        Self { bytes, messages, at: now, strikes: 0 }
    }

    /// For gossip of somebody whom neither the user nor the chain names.
    pub fn stranger(now: Instant) -> Self {
        Self::of(STRANGER, now)
    }

    /// For gossip of all of them.
    pub fn strangers(now: Instant) -> Self {
        Self::of(STRANGERS, now)
    }

    /// Four seconds' worth at once.
    fn of((bytes, messages): (u32, u32), now: Instant) -> Self {
        let bucket = |a_second: u32| Bucket::new(a_second, a_second.saturating_mul(4));
        Self { bytes: bucket(bytes), messages: bucket(messages), at: now, strikes: 0 }
    }

    /// For what is asked of us.
    pub fn serving(now: Instant) -> Self {
        let (bytes, messages) = (Bucket::new(SERVED_A_SECOND, SERVED_BURST), Bucket::new(REQUESTS_A_SECOND, REQUESTS_BURST));
        Self { bytes, messages, at: now, strikes: 0 }
    }

    /// For what we ask.
    pub fn asking(now: Instant) -> Self {
        let (bytes, messages) = (Bucket::new(SERVED_A_SECOND, SERVED_BURST), Bucket::new(ASKS_A_SECOND, ASKS_BURST));
        Self { bytes, messages, at: now, strikes: 0 }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        self.bytes.fill(passed);
        self.messages.fill(passed);
    }

    fn strike(&mut self) -> Allowance {
        self.strikes = self.strikes.saturating_add(1);
        if self.strikes > STRIKES_MAX { Allowance::Spent } else { Allowance::Beyond }
    }

    /// Takes a request off the account, whose answer is not known yet. Who has had too many bytes waits, but has done nothing wrong.
    pub fn ask(&mut self, now: Instant) -> Allowance {
        self.fill(now);
        if self.messages.left < 1.0 {
            return self.strike();
        }
        self.messages.left -= 1.0;
        self.strikes = self.strikes.saturating_sub(1);
        if self.bytes.left > 0.0 { Allowance::Within } else { Allowance::Beyond }
    }

    /// Takes the bytes of an answer off the account.
    pub fn spend(&mut self, len: usize) {
        self.bytes.spend(len);
    }

    /// Nothing is owed and nothing held against it: a new account would be the same.
    pub fn is_fresh(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.bytes.is_full() && self.messages.is_full()
    }

    /// Takes a message of `len` bytes off the account.
    pub fn take(&mut self, len: usize, now: Instant) -> Allowance {
        self.fill(now);
        let len = len as f64;
        if self.bytes.left >= len && self.messages.left >= 1.0 {
            self.bytes.left -= len;
            self.messages.left -= 1.0;
            self.strikes = self.strikes.saturating_sub(1);
            return Allowance::Within;
        }
        self.strike()
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
    fn net_12_bytes_beyond_the_quota_make_one_wait_and_requests_beyond_it_make_one_a_villain() {
        let start = Instant::now();
        let mut quota = Quota::serving(start);
        for _ in 0..16 {
            assert_eq!(quota.ask(start), Allowance::Within);
            quota.spend(4 * 1024 * 1024);
        }
        let rest = REQUESTS_BURST - 16;
        assert!((0..rest).all(|_| quota.ask(start) == Allowance::Beyond), "64 MiB at once, no more");
        assert!((0..STRIKES_MAX).all(|_| quota.ask(start) == Allowance::Beyond));
        assert_eq!(quota.ask(start), Allowance::Spent);
        let mut quota = Quota::serving(start);
        quota.spend(SERVED_BURST as usize + 4 * 1024 * 1024);
        assert_eq!(quota.ask(start + Duration::from_millis(100)), Allowance::Beyond, "a debt is paid first");
        assert_eq!(quota.ask(start + Duration::from_secs(1)), Allowance::Within);
        assert!(!quota.is_fresh(start + Duration::from_secs(1)) && quota.is_fresh(start + Duration::from_secs(9)));
    }

    #[test]
    fn net_12_200_mb_pass_within_20_s() {
        let start = Instant::now();
        let mut quota = Quota::serving(start);
        let (mut served, mut now) = (0, start);
        while served < 200_000_000 {
            if quota.ask(now) == Allowance::Within {
                quota.spend(1024 * 1024);
                served += 1024 * 1024;
            }
            now += Duration::from_millis(25);
        }
        assert!(now - start < Duration::from_secs(20), "{:?}", now - start);
    }

    #[test]
    fn net_12_who_asks_as_often_as_we_do_is_never_beyond_what_we_grant() {
        let start = Instant::now();
        let (mut ours, mut theirs) = (Quota::asking(start), Quota::serving(start));
        for ms in 0..20_000 {
            let now = start + Duration::from_millis(ms);
            if ours.ask(now) == Allowance::Within {
                assert_eq!(theirs.ask(now), Allowance::Within, "after {ms} ms");
            }
        }
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

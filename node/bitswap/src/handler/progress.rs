//! BITSWAP-7: how much a peer takes of what waits for it. A byte now and then would keep what was read for it in memory for hours.

use std::time::{Duration, Instant};

/// Of what waits for a peer, so many bytes have to go, or all, within the time that it may stall.
pub const PROGRESS_BYTES_MIN: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Progress {
    /// Since when bytes are counted; nothing while nothing waits.
    since: Option<Instant>,
    bytes: usize,
}

impl Progress {
    /// Something waits. What waited already is not given new time by it.
    pub fn waits(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// So many bytes were written, of a whole message or a part of one.
    pub fn wrote(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// All that waited has gone.
    pub fn rests(&mut self) {
        *self = Self::default();
    }

    /// Whether too little has gone. Where it was enough, counting begins anew.
    pub fn has_stalled(&mut self, now: Instant, stall: Duration) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) <= stall) {
            return false;
        }
        let stalled = self.bytes < PROGRESS_BYTES_MIN;
        if !stalled {
            *self = Self { since: Some(now), bytes: 0 };
        }
        stalled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    /// Looked at each second for ten minutes, while a peer takes `bytes` each `seconds`. When it was found to stall.
    fn stalls_after(bytes: usize, seconds: u64) -> Option<u64> {
        let (start, mut progress) = (Instant::now(), Progress::default());
        (1..=600).find(|second| {
            let now = start + Duration::from_secs(*second);
            progress.waits(now);
            if second % seconds == 0 {
                progress.wrote(bytes);
            }
            progress.has_stalled(now, STALL)
        })
    }

    #[test]
    fn bitswap_7_who_takes_a_byte_now_and_then_stalls_and_who_is_slow_does_not() {
        assert_eq!(stalls_after(1, 20), Some(32));
        assert_eq!(stalls_after(1 << 10, 1), Some(32));
        // 64 KiB at the last moment, and a steady 3 KiB a second.
        assert_eq!(stalls_after(64 << 10, 30), None);
        assert_eq!(stalls_after(3 << 10, 1), None);
        // Much at first, and then nothing.
        let (start, mut progress) = (Instant::now(), Progress::default());
        progress.waits(start);
        progress.wrote(4 << 20);
        assert!(!progress.has_stalled(start + Duration::from_secs(31), STALL));
        assert!(progress.has_stalled(start + Duration::from_secs(62), STALL));
    }

    #[test]
    fn bitswap_7_nothing_stalls_while_nothing_waits() {
        let (start, mut progress) = (Instant::now(), Progress::default());
        progress.waits(start);
        progress.wrote(100);
        progress.rests();
        assert!(!progress.has_stalled(start + Duration::from_secs(3_600), STALL));
        // What comes later has its own time.
        progress.waits(start + Duration::from_secs(3_600));
        assert!(!progress.has_stalled(start + Duration::from_secs(3_620), STALL));
        assert!(progress.has_stalled(start + Duration::from_secs(3_640), STALL));
    }
}

//! When the next pulse may begin: a pure answer to what is known now. The rules (`PACE-1` to `PACE-9`) are in `spec/consensus.md`.

use leither_types::{BLOCK_TXS_MAX, Header, Millis, Params, Weight};
use std::time::Duration;

/// A block may be stamped so far ahead of the clock of who checks it.
pub const AHEAD_MS_MAX: u64 = 500;

/// What a transaction is taken to weigh before any was seen: about what a transfer weighs.
const WEIGHT_EACH: Weight = 30_000;

/// What waits for a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Transactions in the pool.
    pub txs: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// The pace of one chain, and what the last pulse taught about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pulse: u64,
    pulse_min: u64,
    heartbeat: u64,
    /// A block holds no more bytes.
    bytes_max: usize,
    /// A block weighs no more.
    weight_max: Weight,
    /// What a transaction is taken to weigh: as those of the last block did.
    weight_each: Weight,
}

/// What to do about the next height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Begin.
    Now,
    /// Ask again after this time, or when something has changed.
    After(Duration),
}

impl Pace {
    /// By the rules in force after a block.
    pub fn new(params: &Params) -> Self {
        Self {
            pulse: params.pulse_ms,
            pulse_min: params.pulse_min_ms.min(params.pulse_ms),
            heartbeat: params.heartbeat_ms.max(params.pulse_ms),
            bytes_max: params.block_bytes_max as usize,
            weight_max: params.block_weight_max.max(1),
            weight_each: WEIGHT_EACH,
        }
    }

    /// Learns from a block what a transaction weighs.
    pub fn learn(self, txs: usize, weight: Weight) -> Self {
        match weight.checked_div(txs as Weight) {
            Some(each) => Self { weight_each: each.max(1), ..self },
            None => self,
        }
    }

    fn is_full(&self, load: Load) -> bool {
        let weight = self.weight_each.saturating_mul(load.txs as Weight);
        load.txs > 0 && (load.bytes >= self.bytes_max || weight >= self.weight_max || load.txs >= BLOCK_TXS_MAX)
    }

    /// What to do, `since` ms after the last pulse began, with this much waiting. `called`: another validator has begun. `work_in`: so
    /// many ms from now the chain has work of its own.
    pub fn step(&self, since: u64, load: Load, called: bool, work_in: Option<u64>) -> Step {
        let due = if called || self.is_full(load) {
            self.pulse_min // PACE-3, PACE-5
        } else if load.txs > 0 {
            self.pulse // PACE-1, PACE-2
        } else {
            let work = work_in.map(|rest| since.saturating_add(rest).max(self.pulse)); // PACE-9
            work.unwrap_or(u64::MAX).min(self.heartbeat) // PACE-4
        };
        match due.checked_sub(since) {
            None | Some(0) => Step::Now,
            Some(rest) => Step::After(Duration::from_millis(rest)),
        }
    }

    /// The time to stamp on a block that is proposed now on a parent of this time.
    pub fn stamp(&self, parent: Millis, now: Millis) -> Millis {
        now.max(self.earliest(parent))
    }

    /// PACE-6: the earliest time that a block may bear. From the headers alone, so that every validator finds the same.
    pub fn earliest(&self, parent: Millis) -> Millis {
        parent.saturating_add(self.pulse_min.max(1))
    }
}

/// Whether a block that came by a proposal bears a time that can be voted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// It does.
    Good,
    /// Never, and every validator says so.
    TooEarly,
    /// Not yet: it lies so much too far ahead of this node's clock.
    TooLate(Duration),
}

/// Judges a header's time against its parent's and this node's clock (PACE-6), and nothing else: whether the block has
/// transactions is not asked (PACE-7).
pub fn timing(pace: &Pace, parent: Millis, header: &Header, now: Millis) -> Timing {
    if header.time < pace.earliest(parent) {
        return Timing::TooEarly;
    }
    match header.time.checked_sub(now.saturating_add(AHEAD_MS_MAX)) {
        None | Some(0) => Timing::Good,
        Some(ahead) => Timing::TooLate(Duration::from_millis(ahead)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::new(&Params::standard())
    }

    fn load(txs: usize) -> Load {
        Load { txs, bytes: txs * 250 }
    }

    fn after(ms: u64) -> Step {
        Step::After(Duration::from_millis(ms))
    }

    #[test]
    fn the_first_transaction_after_idle_goes_at_once() {
        assert_eq!(pace().step(5_000, load(1), false, None), Step::Now);
    }

    #[test]
    fn under_load_a_pulse_comes_each_second() {
        assert_eq!(pace().step(0, load(1), false, None), after(1_000));
        assert_eq!(pace().step(999, load(1), false, None), after(1));
        assert_eq!(pace().step(1_000, load(1), false, None), Step::Now);
    }

    #[test]
    fn a_blocks_worth_does_not_wait_but_for_the_least_distance() {
        let full = Load { txs: 9_000, bytes: Params::standard().block_bytes_max as usize };
        assert_eq!(pace().step(0, full, false, None), after(200));
        assert_eq!(pace().step(200, full, false, None), Step::Now);
        let heavy = pace().learn(50, Params::standard().block_weight_max);
        assert_eq!(heavy.step(200, load(50), false, None), Step::Now);
        assert_eq!(heavy.step(200, load(49), false, None), after(800));
        assert_eq!(heavy.learn(0, 0), heavy, "an empty block teaches nothing");
    }

    #[test]
    fn with_nothing_to_record_only_the_heartbeat_comes() {
        assert_eq!(pace().step(1_000, load(0), false, None), after(59_000));
        assert_eq!(pace().step(60_000, load(0), false, None), Step::Now);
    }

    #[test]
    fn work_that_is_owed_by_time_is_done_at_its_time() {
        let step = |since, work_in| pace().step(since, load(0), false, work_in);
        assert_eq!(step(5_000, Some(0)), Step::Now);
        assert_eq!(step(400, Some(0)), after(600), "no faster than under load");
        assert_eq!(step(5_000, Some(7_000)), after(7_000));
        assert_eq!(step(5_000, Some(u64::MAX)), after(55_000), "the heartbeat comes before");
    }

    #[test]
    fn who_is_called_by_another_validator_follows() {
        assert_eq!(pace().step(300, load(0), true, None), Step::Now);
        assert_eq!(pace().step(50, load(0), true, None), after(150), "but cannot be driven faster than the least distance");
    }

    #[test]
    fn parameters_that_contradict_each_other_still_give_a_pace() {
        let odd = Params { pulse_ms: 100, pulse_min_ms: 500, heartbeat_ms: 1, ..Params::standard() };
        assert_eq!(Pace::new(&odd).step(100, load(1), false, None), Step::Now);
        assert_eq!(Pace::new(&odd).step(99, load(0), false, None), after(1));
        let none = Params { pulse_ms: 0, pulse_min_ms: 0, heartbeat_ms: 0, ..Params::standard() };
        assert_eq!(Pace::new(&none).earliest(7), 8, "time moves on whatever the parameters say");
        assert_eq!(Pace::new(&none).earliest(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_block_is_stamped_so_that_all_can_vote_for_it() {
        let header = |time| Header { time, ..header() };
        let (parent, now) = (10_000, 10_050);
        let stamp = pace().stamp(parent, now);
        assert_eq!(stamp, 10_200);
        assert_eq!(timing(&pace(), parent, &header(stamp), now), Timing::Good);
        assert_eq!(timing(&pace(), parent, &header(10_199), now), Timing::TooEarly);
        assert_eq!(timing(&pace(), parent, &header(10_550), now), Timing::Good);
        assert_eq!(timing(&pace(), parent, &header(10_557), now), Timing::TooLate(Duration::from_millis(7)));
        assert_eq!(pace().stamp(parent, 99_000), 99_000);
    }

    fn header() -> Header {
        let zero = leither_types::Hash::ZERO;
        Header {
            version: 1,
            chain: zero,
            height: 1,
            time: 0,
            parent: zero,
            proposer: leither_types::ValidatorId::default(),
            state_root: zero,
            txs_root: zero,
            receipts_root: zero,
            evidence_root: zero,
            last_certificate: zero,
            validators: zero,
            next_validators: zero,
        }
    }
}

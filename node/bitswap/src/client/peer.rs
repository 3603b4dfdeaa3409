use super::{COMING_A_PEER_MAX, Key};
use crate::wire::Want;
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// What was asked of a peer lately: a block of it is no surprise, even if it comes late.
const RECENT_MAX: usize = 4_096;
/// So often what a peer may owe is halved: to 1 MiB.
const BREAKS_MAX: u32 = 3;
/// What a block is taken to need from a peer that sent none yet.
const FIRST_GUESS: Duration = Duration::from_millis(50);
/// The longest that is believed.
const SLOWEST: Duration = Duration::from_secs(60);

/// A peer that we may want something of.
#[derive(Default)]
pub(crate) struct Peer {
    pub connected: bool,
    /// It does not speak the protocol.
    pub deaf: bool,
    /// It does not know HAVE and DONT_HAVE.
    pub old: bool,
    /// To be told, in this order.
    pub outgoing: Vec<Want>,
    /// The next message is the first of a connection, or after a loss.
    pub afresh: bool,
    /// A message is on its way.
    pub telling: bool,
    /// A message was lost; all is told again at the next tick.
    pub lost: bool,
    /// Sessions that it is in.
    pub sessions: usize,
    /// Wants that are open at it.
    pub asked_now: usize,
    /// Blocks asked of it.
    pub blocks: usize,
    /// Bytes that they should have.
    pub bytes: usize,
    /// How often its connection broke while it owed blocks.
    pub breaks: u32,
    /// When it last sent a block.
    pub last_block: Option<Instant>,
    /// What a block takes, for each that was asked at the same time: a moving mean.
    pace: Option<Duration>,
    recent: HashSet<Key>,
    recent_order: VecDeque<Key>,
    /// Blocks that it sent unasked, or wrong ones.
    pub strikes: u32,
    /// It is not asked before then (BITSWAP-11).
    pub distrusted: Option<Instant>,
}

impl Peer {
    pub fn remember(&mut self, key: Key) {
        if self.recent.insert(key) {
            self.recent_order.push_back(key);
            if self.recent_order.len() > RECENT_MAX
                && let Some(oldest) = self.recent_order.pop_front()
            {
                self.recent.remove(&oldest);
            }
        }
    }

    pub fn was_asked(&self, key: &Key) -> bool {
        self.recent.contains(key)
    }

    /// Bytes that it may owe (BITSWAP-13). Who breaks off under what it was asked for is asked for less at a time.
    pub fn owes_max(&self) -> usize {
        COMING_A_PEER_MAX >> self.breaks.min(BREAKS_MAX)
    }

    /// Whether it can be asked now.
    pub fn usable(&self, now: Instant) -> bool {
        self.connected && !self.deaf && self.distrusted.is_none_or(|until| until <= now)
    }

    /// When a block that is asked of it now should be here.
    pub fn expected(&self) -> Duration {
        let ahead = u32::try_from(self.blocks.saturating_add(1)).unwrap_or(u32::MAX);
        self.pace.unwrap_or(FIRST_GUESS).saturating_mul(ahead)
    }

    /// A block took so long, with so many asked at the same time.
    pub fn measured(&mut self, took: Duration, depth: usize) {
        let each = took.min(SLOWEST) / u32::try_from(depth.max(1)).unwrap_or(u32::MAX);
        self.pace = Some(match self.pace {
            None => each,
            Some(pace) => (pace.saturating_mul(7) + each) / 8,
        });
    }

    /// It was asked and kept silent.
    pub fn was_silent(&mut self) {
        let pace = self.pace.unwrap_or(FIRST_GUESS);
        self.pace = Some(pace.saturating_mul(2).min(SLOWEST));
    }
}

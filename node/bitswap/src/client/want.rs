use super::SessionId;
use cid::Cid;
use libp2p::PeerId;
use std::time::{Duration, Instant};

/// The first pause after silence or a wrong answer; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What one peer is to one want. Who has none was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Asked whether it has it.
    HaveAsked { since: Instant },
    /// It has it.
    Has,
    /// It said that it has it not. Should it get it, it will say so.
    Lacks,
    /// Asked for the block.
    BlockAsked {
        since: Instant,
        /// What was expected to come.
        bytes: usize,
        /// How many blocks were asked of it, this one included.
        depth: usize,
    },
    /// It did not answer, or wrongly: not to be asked before then.
    Shy { until: Instant },
}

/// One block that is wanted.
pub(super) struct Want {
    /// As the first that wanted it named it.
    pub cid: Cid,
    /// Who wants it, and by which name.
    pub holders: Vec<(SessionId, Cid)>,
    pub priority: i32,
    peers: Vec<(PeerId, Status)>,
    /// Since when it is wanted, or was last without any candidate.
    pub since: Instant,
    /// Nobody has it: when it is tried again.
    pub parked: Option<Instant>,
    pub held_up: bool,
    failures: u32,
}

impl Want {
    pub fn new(cid: Cid, holder: (SessionId, Cid), priority: i32, now: Instant) -> Self {
        Self { cid, holders: vec![holder], priority, peers: Vec::new(), since: now, parked: None, held_up: false, failures: 0 }
    }

    pub fn status(&self, peer: &PeerId) -> Option<Status> {
        self.peers.iter().find(|(id, _)| id == peer).map(|(_, status)| *status)
    }

    pub fn set(&mut self, peer: PeerId, status: Status) {
        match self.peers.iter_mut().find(|(id, _)| *id == peer) {
            Some((_, old)) => *old = status,
            None => self.peers.push((peer, status)),
        }
    }

    pub fn forget(&mut self, peer: &PeerId) {
        self.peers.retain(|(id, _)| id != peer);
    }

    pub fn all(&self) -> &[(PeerId, Status)] {
        &self.peers
    }

    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// BITSWAP-10: this peer is not asked again for a while.
    pub fn shy(&mut self, peer: PeerId, now: Instant) {
        let pause = PAUSE.saturating_mul(1u32.checked_shl(self.failures.min(8)).unwrap_or(u32::MAX)).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.set(peer, Status::Shy { until: now + pause });
    }
}

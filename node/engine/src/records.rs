//! What peers that give blocks have been worth, so that those who only say that they have some do not hold this node back.

use leither_net::{PeerId, PeerInfo};
use leither_types::Height;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A peer that failed is left alone for so long, twice as long each further time,
pub(crate) const REST_MIN: Duration = Duration::from_secs(5);
/// at most so long: ten mute strangers of each of four addresses then cost less than all the time there is.
pub(crate) const REST_MAX: Duration = Duration::from_secs(600);
/// One whom the user named is asked sooner.
const NAMED_REST_MAX: Duration = Duration::from_secs(60);

/// How a peer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It gave less than it said it had, or too slowly.
    Empty,
    /// It was busy, or was not heard: it may have what this node lacks.
    Silent,
}

#[derive(Debug)]
pub(crate) struct Record {
    /// In a row.
    failures: u32,
    /// It rests until then.
    pub(crate) until: Instant,
    /// When it was last not heard.
    silent: Option<Instant>,
    /// The last time, it gave.
    has_given: bool,
    /// The user named it.
    named: bool,
    /// What it had said to have when it failed.
    height: Height,
    at: Instant,
}

/// One record a peer.
#[derive(Debug, Default)]
pub(crate) struct Records(pub(crate) BTreeMap<PeerId, Record>);

impl Records {
    fn of(&mut self, peer: PeerId) -> &mut Record {
        let now = Instant::now();
        self.0.entry(peer).or_insert(Record {
            failures: 0,
            until: now,
            silent: None,
            has_given: false,
            named: false,
            height: 0,
            at: now,
        })
    }

    pub(crate) fn failed(&mut self, peer: &PeerInfo, how: Failure) {
        let now = Instant::now();
        let longest = if peer.outbound { NAMED_REST_MAX } else { REST_MAX };
        let record = self.of(peer.id);
        record.until = now + REST_MIN.saturating_mul(1 << record.failures.min(16)).min(longest);
        record.failures = record.failures.saturating_add(1);
        (record.has_given, record.named, record.height) = (false, peer.outbound, peer.height);
        record.silent = (how == Failure::Silent).then_some(now);
        record.at = now;
    }

    pub(crate) fn gave(&mut self, peer: PeerId) {
        let now = Instant::now();
        *self.of(peer) = Record { failures: 0, until: now, silent: None, has_given: true, named: false, height: 0, at: now };
    }

    /// Whether it is to be left alone. One whom the user named and who has told of a new block since is heard again.
    pub(crate) fn rests(&self, peer: &PeerInfo, now: Instant) -> bool {
        self.0.get(&peer.id).is_some_and(|record| {
            let speaks = record.named && peer.outbound && peer.height > record.height && now >= record.at + REST_MIN;
            now < record.until && !speaks
        })
    }

    pub(crate) fn has_given(&self, peer: &PeerId) -> bool {
        self.0.get(peer).is_some_and(|record| record.has_given)
    }

    /// Whether somebody who may be ahead was not heard just now. A stranger is waited for once.
    pub(crate) fn is_owed(&self, now: Instant) -> bool {
        let just_now = |since: Instant| now.saturating_duration_since(since) < REST_MIN;
        self.0.values().any(|record| (record.failures == 1 || record.named) && record.silent.is_some_and(just_now))
    }

    /// Forgets those who have gone, once they would rest no more: to come again makes nobody's rest shorter.
    pub(crate) fn tidy(&mut self, peers: &[PeerInfo], now: Instant) {
        self.0.retain(|id, record| {
            now.saturating_duration_since(record.at) < REST_MAX || now < record.until || peers.iter().any(|peer| peer.id == *id)
        });
    }
}

//! One round of announcing: some keys, and the peers that are to keep them.

use super::plan::CLOSEST;
use crate::records::Outcome;
use crate::{Key, Provided, RouteError};
use libp2p::PeerId;
use std::collections::VecDeque;
use std::time::Instant;
use tokio::sync::oneshot;

/// Where whoever waits for a round hears what came of it.
pub(crate) type Reply = oneshot::Sender<Result<Provided, RouteError>>;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The peers closest to the first key are looked for.
    Closest,
    /// The keys that are due near it are being read.
    Keys,
    /// The peers are told, each in one message.
    Telling,
    /// Those that took it are asked whether they keep it.
    Asking,
    /// Key by key, by the DHT's own messages: for peers that speak nothing else, and for the public DHT.
    Adding,
}

/// Some of a round's peers, one bit each: of a thousand keys each list of names would take megabytes.
type PeerSet = u32;
const _: () = assert!(CLOSEST <= PeerSet::BITS as usize, "each has a bit");

/// A round. It is told what came of its questions.
pub(crate) struct Round {
    pub stage: Stage,
    pub keys: Vec<Key>,
    /// [`CLOSEST`] at most.
    pub peers: Vec<PeerId>,
    /// Questions without an answer.
    pub open: usize,
    /// Keys that are still to be added one by one, here or in the public DHT.
    pub adding: VecDeque<(bool, Key)>,
    pub began: Instant,
    /// Who waits for it; nobody: it is of the plan.
    pub reply: Option<Reply>,
    /// By key: who keeps it.
    kept: Vec<PeerSet>,
    /// By key: whether it went out by the DHT's own messages.
    added: Vec<bool>,
    /// Peers that were told, one by one.
    answered: Vec<PeerId>,
    /// Somebody speaks only the DHT's own messages.
    strangers: bool,
}

impl Round {
    pub fn new(keys: Vec<Key>, reply: Option<Reply>, began: Instant) -> Self {
        let (kept, added) = (vec![0; keys.len()], vec![false; keys.len()]);
        Self {
            stage: Stage::Closest,
            keys,
            peers: Vec::new(),
            open: 0,
            adding: VecDeque::new(),
            began,
            reply,
            kept,
            added,
            answered: Vec::new(),
            strangers: false,
        }
    }

    /// It is about these, and not about the one that it was begun with.
    pub fn set_keys(&mut self, keys: Vec<Key>) {
        self.kept = vec![0; keys.len()];
        self.added = vec![false; keys.len()];
        self.keys = keys;
    }

    fn bit(&self, peer: &PeerId) -> PeerSet {
        let at = self.peers.iter().position(|of| of == peer).and_then(|at| u32::try_from(at).ok());
        at.and_then(|at| 1_u32.checked_shl(at)).unwrap_or_default()
    }

    fn named(&self, some: PeerSet) -> Vec<PeerId> {
        let is_in = |at: u32| some.checked_shr(at).is_some_and(|rest| rest & 1 == 1);
        self.peers.iter().zip(0..).filter(|(_, at)| is_in(*at)).map(|(peer, _)| *peer).collect()
    }

    /// A peer said which it keeps.
    pub fn took(&mut self, peer: PeerId, kept: &[bool]) {
        let bit = self.bit(&peer);
        self.open = self.open.saturating_sub(1);
        if kept.len() != self.keys.len() {
            return;
        }
        self.answered.push(peer);
        for (_, by) in kept.iter().zip(&mut self.kept).filter(|(kept, _)| **kept) {
            *by |= bit;
        }
    }

    /// A peer did not answer.
    pub fn failed(&mut self, speaks_it: bool) {
        self.open = self.open.saturating_sub(1);
        self.strangers |= !speaks_it;
    }

    /// ROUTE-10: whoever waits is told what the peers say once all have been told, not what they promised. Says who is asked.
    pub fn begin_asking(&mut self) -> Vec<PeerId> {
        if self.reply.is_none() {
            return Vec::new();
        }
        self.kept.fill(0);
        self.answered.clone()
    }

    /// A peer said whether it keeps the one key.
    pub fn keeps(&mut self, peer: PeerId, keeps: bool) {
        let bit = self.bit(&peer);
        self.open = self.open.saturating_sub(1);
        if let Some(by) = self.kept.first_mut().filter(|_| keeps) {
            *by |= bit;
        }
    }

    /// What is to go out key by key: where some peer speaks nothing else, and in the public DHT.
    pub fn begin_adding(&mut self, public: bool) {
        let ours = self.strangers.then_some(false);
        let theirs = public.then_some(true);
        for which in ours.into_iter().chain(theirs) {
            self.adding.extend(self.keys.iter().map(|key| (which, key.clone())));
        }
    }

    /// A key went out, or did not.
    pub fn added(&mut self, key: &Key, sent: bool) {
        self.open = self.open.saturating_sub(1);
        if let Some((_, added)) = self.keys.iter().zip(&mut self.added).find(|(of, _)| *of == key) {
            *added |= sent;
        }
    }

    /// What came of it, key by key.
    pub fn outcomes(&self) -> impl Iterator<Item = (Key, Outcome)> {
        let failure = match self.peers.len() {
            0 => "no node of the DHT is known; connect to one".to_string(),
            asked => format!("none of the {asked} nodes that were told keeps it"),
        };
        let outcome = move |(kept, added): (&PeerSet, &bool)| {
            let nobody = *kept == 0 && !added;
            if nobody { Outcome::Failed(failure.clone()) } else { Outcome::Announced(self.named(*kept)) }
        };
        self.keys.iter().cloned().zip(self.kept.iter().zip(&self.added).map(outcome))
    }

    /// What whoever waits is told.
    pub fn provided(&self) -> Provided {
        Provided { asked: self.peers.len(), confirmed: self.kept.first().map(|kept| self.named(*kept)).unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        Key::read(vec![n]).unwrap()
    }

    #[test]
    fn route_10_a_key_is_announced_where_somebody_keeps_it_and_failed_where_nobody_does() {
        let (one, other) = (PeerId::random(), PeerId::random());
        let mut round = Round::new(vec![key(0)], None, Instant::now());
        round.set_keys(vec![key(1), key(2), key(3)]);
        (round.peers, round.open) = (vec![one, other], 2);
        round.took(one, &[true, false, false]);
        round.took(other, &[true]);
        assert_eq!(round.open, 0);
        round.begin_adding(false);
        assert!(round.adding.is_empty(), "all speak our protocol");
        round.failed(false);
        round.begin_adding(true);
        assert_eq!(round.adding.len(), 6);
        round.added(&key(3), true);
        round.added(&key(2), false);
        let outcomes: Vec<_> = round.outcomes().collect();
        assert_eq!(outcomes[0], (key(1), Outcome::Announced(vec![one])), "an answer of another length counts for nothing");
        assert!(matches!(&outcomes[1].1, Outcome::Failed(why) if why.contains("none of the 2")));
        assert_eq!(outcomes[2].1, Outcome::Announced(vec![]));
    }

    #[test]
    fn route_10_who_waits_is_told_what_peers_say_they_keep_not_what_they_promised() {
        let (one, other) = (PeerId::random(), PeerId::random());
        let (reply, _answer) = oneshot::channel();
        let mut round = Round::new(vec![key(1)], Some(reply), Instant::now());
        round.peers = vec![one, other];
        round.took(one, &[true]);
        round.took(other, &[true]);
        assert_eq!(round.begin_asking(), [one, other]);
        round.keeps(one, true);
        round.keeps(other, false);
        assert_eq!(round.provided(), Provided { asked: 2, confirmed: vec![one] });
    }
}

//! Whether others reach this node, and what follows from that.

use super::Task;
use crate::{DhtMode, Reach};
use libp2p::kad::Mode;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::time::Instant;

/// Peers whose refusals are remembered.
const REFUSALS_MAX: usize = 16;

/// ROUTE-11: what others found who tried to reach this node. One that did is enough.
#[derive(Default)]
pub(super) struct Verdict {
    reached: Option<Multiaddr>,
    refused: BTreeMap<PeerId, String>,
}

impl Verdict {
    pub fn tried(&mut self, server: PeerId, address: Multiaddr, result: Result<(), String>) {
        match result {
            Ok(()) => self.reached = Some(address),
            Err(why) if self.refused.len() < REFUSALS_MAX || self.refused.contains_key(&server) => {
                self.refused.insert(server, format!("{server} cannot reach it at {address}: {why}"));
            }
            Err(_) => {}
        }
    }

    pub fn reach(&self) -> Reach {
        match (&self.reached, self.refused.values().next()) {
            (Some(address), _) => Reach::Public(address.clone()),
            (None, Some(why)) => Reach::Private { why: why.clone() },
            (None, None) => Reach::Unknown,
        }
    }

    /// Whether a node answers the DHT's questions. Of one that listens nowhere nobody could ask them. Where the owner says how it is reached,
    /// and on one machine alone, that holds, whatever strangers found.
    pub fn serves(&self, mode: DhtMode, listens: bool, owner_says: bool) -> bool {
        match mode {
            DhtMode::Server => true,
            DhtMode::Client => false,
            DhtMode::Auto => listens && (owner_says || !matches!(self.reach(), Reach::Private { .. })),
        }
    }
}

impl Task {
    pub(super) fn set_mode(&mut self) {
        let mode = if self.verdict.serves(self.mode, self.listens, self.at_home || self.owner_says) {
            Mode::Server
        } else {
            Mode::Client
        };
        let dht = &mut self.swarm.behaviour_mut().dht;
        // It was made with a mode of its own choice: the first time it has to be told in any case.
        dht.set_mode(Some(mode));
    }

    /// ROUTE-12: a place at each relay, while nobody is known to reach this node without.
    pub(super) fn keep_places(&mut self, now: Instant) {
        let needed = !matches!(self.verdict.reach(), Reach::Public(_));
        for place in &mut self.places {
            if needed && place.is_due(now) {
                let listener = self.swarm.listen_on(place.circuit.clone());
                if let Err(error) = &listener {
                    tracing::debug!(relay = %place.peer, %error, "no place is asked for");
                }
                place.asked(listener.ok(), now);
            } else if !needed && let Some(listener) = place.give_up() {
                self.swarm.remove_listener(listener);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_11_one_that_reaches_it_is_enough_and_refusals_make_a_node_a_client() {
        let (mut verdict, address): (_, Multiaddr) = (Verdict::default(), "/ip4/8.8.8.8/tcp/1".parse().unwrap());
        assert_eq!((verdict.reach(), verdict.serves(DhtMode::Auto, true, false)), (Reach::Unknown, true));
        assert!(!verdict.serves(DhtMode::Auto, false, true), "who listens nowhere is reached by nobody");
        (0..100).for_each(|_| verdict.tried(PeerId::random(), address.clone(), Err("refused".into())));
        assert!(verdict.refused.len() == REFUSALS_MAX && matches!(verdict.reach(), Reach::Private { .. }));
        assert!(!verdict.serves(DhtMode::Auto, true, false) && verdict.serves(DhtMode::Server, true, false));
        assert!(verdict.serves(DhtMode::Auto, true, true), "its owner knows better");
        verdict.tried(PeerId::random(), address.clone(), Ok(()));
        assert_eq!((verdict.reach(), verdict.serves(DhtMode::Auto, true, false)), (Reach::Public(address), true));
        assert!(!verdict.serves(DhtMode::Client, true, true));
    }
}

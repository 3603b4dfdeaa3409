//! How near an address may be that others told, to be dialled (ROUTE-3): no nearer than those are who may have told it.

use crate::address::{Scope, peer_of, scope};
use libp2p::{Multiaddr, PeerId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// From how far away peers reach this node. The task writes it down, who dials reads it; a clone is another handle to the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Floor {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Who is connected, by the nearest connection.
    peers: HashMap<PeerId, Scope>,
    /// The farthest there has been since the start: what a peer told outlasts its connection.
    farthest: Option<Scope>,
}

impl Floor {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A peer is connected, so near at the nearest.
    pub fn reached(&self, peer: PeerId, from: Scope) {
        let mut known = self.known();
        known.peers.insert(peer, from);
        known.farthest = known.farthest.max(Some(from));
    }

    /// It is not any more.
    pub fn gone(&self, peer: &PeerId) {
        self.known().peers.remove(peer);
    }

    /// What any of the peers may have said of others is believed from here on. The DHT does not tell who of them said it.
    pub fn hearsay(&self) -> Scope {
        self.known().farthest.unwrap_or(Scope::Loopback)
    }

    /// Whether to dial there. Addresses of a peer that is connected are its own word (AutoNAT's and hole punching's questions): such a one is
    /// no nearer than the peer.
    pub fn lets(&self, address: &Multiaddr) -> bool {
        let from = peer_of(address).and_then(|peer| self.known().peers.get(&peer).copied());
        from.is_none_or(|from| scope(address).is_some_and(|of| of >= from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_3_hearsay_is_believed_from_where_the_farthest_peer_is_though_it_is_gone() {
        let (floor, near, far) = (Floor::default(), PeerId::random(), PeerId::random());
        assert_eq!(floor.hearsay(), Scope::Loopback, "nobody has said anything");
        for (peer, from, hearsay) in [
            (near, Scope::Loopback, Scope::Loopback),
            (far, Scope::Private, Scope::Private),
            (near, Scope::Loopback, Scope::Private),
            (far, Scope::Public, Scope::Public),
        ] {
            floor.reached(peer, from);
            assert_eq!(floor.hearsay(), hearsay);
        }
        floor.gone(&far);
        assert_eq!(floor.clone().hearsay(), Scope::Public);
    }

    #[test]
    fn route_3_a_peer_that_is_connected_is_dialled_no_nearer_than_it_is() {
        let (floor, peer) = (Floor::default(), PeerId::random());
        let at = |ip: &str| format!("/ip4/{ip}/tcp/22/p2p/{peer}").parse::<Multiaddr>().unwrap();
        let lets = || ["127.0.0.1", "192.168.1.1", "8.8.8.8"].map(|ip| floor.lets(&at(ip)));
        assert_eq!(lets(), [true; 3], "who is not connected is dialled where the caller says");
        floor.reached(peer, Scope::Public);
        assert_eq!(lets(), [false, false, true]);
        let circuit = format!("/ip4/127.0.0.1/tcp/22/p2p/{}/p2p-circuit/p2p/{peer}", PeerId::random());
        assert!(!floor.lets(&circuit.parse().unwrap()), "a way through a relay begins where the relay is");
        floor.reached(peer, Scope::Private);
        assert_eq!(lets(), [false, true, true]);
        floor.gone(&peer);
        assert_eq!(lets(), [true; 3]);
    }
}

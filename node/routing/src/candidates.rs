//! AutoNAT's client, with a bound on what strangers make it remember: it keeps every address under which somebody says to have seen us.

use crate::address::{Scope, dialable, is_relayed, scope};
use libp2p::autonat::v2::client::{Behaviour, Event};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, ListenAddresses, NetworkBehaviour, NewExternalAddrCandidate, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeSet;
use std::task::{Context, Poll};

/// Addresses of ours that are tried.
const CANDIDATES_MAX: usize = 64;

/// ROUTE-11: of the addresses under which others see us or that the owner says, and those that follow from them, the first 64 are tried.
#[derive(Default)]
pub(crate) struct Candidates {
    inner: Behaviour,
    listen: ListenAddresses,
    known: BTreeSet<Vec<u8>>,
}

/// The machine under which we are seen, at the port where we listen by the same transport. A connection may have gone out by another port:
/// that of the listener is not free again for a minute to go to the same peer, after a restart.
fn with_port_of(seen: &Multiaddr, listen: &Multiaddr) -> Option<Multiaddr> {
    let (mut seen, mut parts) = (seen.iter(), listen.iter());
    let (machine, own) = (seen.next()?, parts.next()?);
    let fits = matches!(
        (&machine, &own, seen.next()?, parts.next()?),
        (Protocol::Ip4(_), Protocol::Ip4(_), Protocol::Tcp(_), Protocol::Tcp(_))
            | (Protocol::Ip4(_), Protocol::Ip4(_), Protocol::Udp(_), Protocol::Udp(_))
            | (Protocol::Ip6(_), Protocol::Ip6(_), Protocol::Tcp(_), Protocol::Tcp(_))
            | (Protocol::Ip6(_), Protocol::Ip6(_), Protocol::Udp(_), Protocol::Udp(_))
    );
    if fits { listen.replace(0, |_| Some(machine)) } else { None }
}

impl Candidates {
    fn is_one(&mut self, address: &Multiaddr) -> bool {
        let address = address.to_vec();
        self.known.contains(&address) || (self.known.len() < CANDIDATES_MAX && self.known.insert(address))
    }

    /// Where others may reach us who are seen there. A way through a relay is none: who tries it learns of the relay.
    fn of_seen(&self, seen: &Multiaddr) -> Vec<Multiaddr> {
        let at_home = |address: &Multiaddr| scope(address) == Some(Scope::Loopback);
        let mut all = vec![seen.clone()];
        for listen in self.listen.iter().filter(|listen| at_home(listen) == at_home(seen)) {
            all.extend(with_port_of(seen, listen).filter(|_| !is_relayed(seen) && !is_relayed(listen)));
        }
        all.sort();
        all.dedup();
        all
    }

    /// Has it tried, if it is one of those that are.
    fn offer(&mut self, address: &Multiaddr) {
        if dialable(address).is_ok() && !is_relayed(address) && self.is_one(address) {
            self.inner.on_swarm_event(FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr: address }));
        }
    }
}

impl NetworkBehaviour for Candidates {
    type ConnectionHandler = <Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.listen.on_swarm_event(&event);
        match event {
            FromSwarm::NewExternalAddrCandidate(candidate) => {
                for address in self.of_seen(candidate.addr) {
                    self.offer(&address);
                }
                return;
            }
            // What the owner says is tried as well; AutoNAT itself would take it as settled.
            FromSwarm::ExternalAddrConfirmed(said) => self.offer(said.addr),
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        self.inner.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::core::transport::ListenerId;
    use libp2p::swarm::NewListenAddr;

    #[test]
    fn route_11_strangers_make_it_remember_no_more_than_64_addresses() {
        let mut candidates = Candidates::default();
        let address = |port: usize| format!("/ip4/8.8.8.8/tcp/{port}").parse().unwrap();
        assert_eq!((0..1_000).filter(|port| candidates.is_one(&address(*port))).count(), CANDIDATES_MAX);
        assert!(candidates.is_one(&address(3)) && !candidates.is_one(&address(500)));
    }

    #[test]
    fn route_11_where_it_is_seen_at_a_strange_port_its_own_ports_are_tried_too_and_ways_through_relays_are_not() {
        let mut candidates = Candidates::default();
        let address = |text: &str| text.parse::<Multiaddr>().unwrap();
        let told =
            ["/ip4/192.168.1.2/tcp/4806", "/ip4/192.168.1.2/udp/4806/quic-v1", "/ip4/127.0.0.1/tcp/9", "/ip6/fd00::2/tcp/7"];
        for addr in &told.map(address) {
            candidates.on_swarm_event(FromSwarm::NewListenAddr(NewListenAddr { listener_id: ListenerId::next(), addr }));
        }
        let of_seen = |text: &str| candidates.of_seen(&address(text));
        let (strange, own) = (address("/ip4/8.8.8.8/tcp/50000"), address("/ip4/8.8.8.8/tcp/4806"));
        assert_eq!(of_seen("/ip4/8.8.8.8/tcp/50000"), [own.clone(), strange]);
        assert_eq!(of_seen("/ip4/8.8.8.8/tcp/4806"), [own]);
        assert_eq!(of_seen("/ip4/8.8.8.8/udp/1/quic-v1").len(), 2);
        assert_eq!(of_seen("/ip6/2001:db8::1/udp/1/quic-v1").len(), 1, "it listens by no such transport");
        let relay = PeerId::random();
        let circuit = address(&format!("/ip4/8.8.8.8/tcp/1/p2p/{relay}/p2p-circuit"));
        assert_eq!(candidates.of_seen(&circuit), std::slice::from_ref(&circuit));
        for none in [circuit, address(&format!("/p2p/{relay}")), address("/dns4/example.org/tcp/1")] {
            candidates.offer(&none);
            assert!(candidates.known.is_empty(), "{none}");
        }
    }
}

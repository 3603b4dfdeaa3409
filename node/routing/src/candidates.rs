//! AutoNAT's client, with a bound on what strangers make it remember: it keeps every address under which somebody says to have seen us.

use crate::address::is_relayed;
use libp2p::autonat::v2::client::{Behaviour, Event};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::NewExternalAddrCandidate;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeSet;
use std::task::{Context, Poll};

/// Addresses of ours that are tried.
const CANDIDATES_MAX: usize = 64;

/// ROUTE-11: of the addresses under which others see us or that the owner says, the first 64 are tried.
#[derive(Default)]
pub(crate) struct Candidates {
    inner: Behaviour,
    known: BTreeSet<Vec<u8>>,
}

impl Candidates {
    fn is_one(&mut self, address: &Multiaddr) -> bool {
        let address = address.to_vec();
        self.known.contains(&address) || (self.known.len() < CANDIDATES_MAX && self.known.insert(address))
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
        match &event {
            FromSwarm::NewExternalAddrCandidate(candidate) if !self.is_one(candidate.addr) => return,
            // What the owner says is tried as well; AutoNAT itself would take it as settled.
            FromSwarm::ExternalAddrConfirmed(said) if !is_relayed(said.addr) && self.is_one(said.addr) => {
                self.inner.on_swarm_event(FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr: said.addr }));
            }
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

    #[test]
    fn route_11_strangers_make_it_remember_no_more_than_64_addresses() {
        let mut candidates = Candidates::default();
        let address = |port: usize| format!("/ip4/8.8.8.8/tcp/{port}").parse().unwrap();
        assert_eq!((0..1_000).filter(|port| candidates.is_one(&address(*port))).count(), CANDIDATES_MAX);
        assert!(candidates.is_one(&address(3)) && !candidates.is_one(&address(500)));
    }
}

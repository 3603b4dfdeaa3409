//! Kademlia as libp2p has it, within our bounds: of what its answers say it dials what ROUTE-3 believes, and a table takes in what is
//! bounded. It is never asked to look around while it knows nobody.

use crate::ADDRESSES_MAX;
use crate::address::{believable, without_peer};
use crate::floor::Floor;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::kad::store::RecordStore;
use libp2p::kad::{self, Event};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::ops::{Deref, DerefMut};
use std::task::{Context, Poll};

/// A DHT. What is not bounded here is called on libp2p's own.
pub(crate) struct Kademlia<S> {
    inner: kad::Behaviour<S>,
    floor: Floor,
}

impl<S> Deref for Kademlia<S> {
    type Target = kad::Behaviour<S>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl<S> DerefMut for Kademlia<S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl<S: RecordStore + Send + 'static> Kademlia<S> {
    pub fn new(inner: kad::Behaviour<S>, floor: Floor) -> Self {
        Self { inner, floor }
    }

    /// How near what others told may be.
    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    /// Where the table says that a peer is reached: what we put in, and where it was dialled with success.
    fn in_table(&mut self, peer: PeerId) -> Vec<Multiaddr> {
        self.inner
            .kbucket(peer)
            .and_then(|bucket| {
                let entry = bucket.iter().find(|entry| *entry.node.key.preimage() == peer)?;
                Some(entry.node.value.iter().map(without_peer).collect())
            })
            .unwrap_or_default()
    }

    /// Into the table: a peer and where it is reached. When that grows beyond the bound, what is newest stays: the table itself has none.
    pub fn put(&mut self, peer: PeerId, addresses: &[Multiaddr]) {
        let known = self.in_table(peer);
        let new = addresses.iter().filter(|address| !known.contains(address)).count();
        if known.len().saturating_add(new) > ADDRESSES_MAX {
            self.inner.remove_peer(&peer);
        }
        for address in addresses.iter().take(ADDRESSES_MAX) {
            self.inner.add_address(&peer, address.clone());
        }
    }
}

impl<S: RecordStore + Send + 'static> NetworkBehaviour for Kademlia<S> {
    type ConnectionHandler = <kad::Behaviour<S> as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = Event;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(connection, peer, local, remote)
    }

    /// ROUTE-3: where a peer is dialled. The table holds what was believed when it came; the rest is what answers to running questions said.
    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let mut told = self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)?;
        let mut known = peer.map(|peer| self.in_table(peer)).unwrap_or_default();
        told.retain(|address| !known.contains(&without_peer(address)));
        known.extend(believable(&told, self.floor.hearsay()));
        Ok(known)
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
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        if self.inner.kbuckets().next().is_none() {
            // With nobody to ask this begins nothing and puts off the next time, which would come to nothing with a warning.
            let _ = self.inner.bootstrap();
        }
        self.inner.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Scope;
    use libp2p::futures::StreamExt;
    use libp2p::kad::store::MemoryStore;
    use libp2p::swarm::{Swarm, SwarmEvent};
    use libp2p::{SwarmBuilder, connection_limits, identity, noise, tcp, yamux};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Level, Metadata};

    const HOME: &str = "/ip4/127.0.0.1/tcp/0";
    const PATIENCE: Duration = Duration::from_secs(25);

    /// Answers, and dials nobody.
    #[derive(NetworkBehaviour)]
    struct Liar {
        limits: connection_limits::Behaviour,
        dht: kad::Behaviour<MemoryStore>,
    }

    fn build<B: NetworkBehaviour>(behaviour: impl FnOnce(&identity::Keypair) -> B) -> Swarm<B> {
        SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|key| behaviour(key))
            .unwrap()
            .build()
    }

    fn dht(key: &identity::Keypair) -> kad::Behaviour<MemoryStore> {
        let local = key.public().to_peer_id();
        let mut dht = kad::Behaviour::new(local, MemoryStore::new(local));
        dht.set_mode(Some(kad::Mode::Server));
        dht
    }

    async fn listens<B: NetworkBehaviour>(swarm: &mut Swarm<B>) -> Multiaddr {
        swarm.listen_on(HOME.parse().unwrap()).unwrap();
        loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                return address;
            }
        }
    }

    /// A peer says of somebody else that it is behind a door of this house. Whether a node knocks there that has been reached from so far.
    async fn knocks(farthest: Scope) -> bool {
        let floor = Floor::default();
        floor.reached(PeerId::random(), farthest);
        let mut node = build(|key| Kademlia::new(dht(key), floor));
        let mut liar = build(|key| {
            let limits = connection_limits::ConnectionLimits::default().with_max_pending_outgoing(Some(0));
            Liar { limits: connection_limits::Behaviour::new(limits), dht: dht(key) }
        });
        let (at, liars_name) = (listens(&mut liar).await, *liar.local_peer_id());
        let house = TcpListener::bind("127.0.0.1:0").unwrap();
        house.set_nonblocking(true).unwrap();
        let door = format!("/ip4/127.0.0.1/tcp/{}", house.local_addr().unwrap().port()).parse().unwrap();
        let ghost = PeerId::random();
        liar.behaviour_mut().dht.add_address(&ghost, door);
        node.behaviour_mut().put(liars_name, &[at]);
        let question = node.behaviour_mut().get_closest_peers(ghost.to_bytes());
        let over = async {
            loop {
                tokio::select! {
                    event = node.select_next_some() => {
                        if let SwarmEvent::Behaviour(Event::OutboundQueryProgressed { id, result, step, .. }) = event
                            && id == question
                            && step.last
                        {
                            let kad::QueryResult::GetClosestPeers(Ok(found)) = result else { panic!("{result:?}") };
                            assert!(found.peers.iter().any(|peer| peer.peer_id == liars_name), "the liar answered: {found:?}");
                            return house.accept().is_ok();
                        }
                    }
                    _event = liar.select_next_some() => {}
                    () = tokio::time::sleep(Duration::from_millis(20)) => {
                        if house.accept().is_ok() {
                            return true;
                        }
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, over).await.expect("the question has no end")
    }

    /// ROUTE-3: what answers of the DHT say is dialled where it is no nearer than who may have said it.
    #[tokio::test]
    async fn route_3_a_door_of_this_house_that_somebody_farther_away_told_of_is_not_knocked_at() {
        assert!(!knocks(Scope::Public).await);
        assert!(!knocks(Scope::Private).await);
        assert!(knocks(Scope::Loopback).await, "who is on this machine itself may tell of it");
    }

    /// ROUTE-3: what came into the table was believed then, and holds.
    #[test]
    fn route_3_what_a_peer_said_of_itself_is_dialled_and_bounded_however_far_others_are() {
        let floor = Floor::default();
        floor.reached(PeerId::random(), Scope::Public);
        let (key, peer) = (identity::Keypair::generate_ed25519(), PeerId::random());
        let mut node = Kademlia::new(dht(&key), floor);
        let addresses = |ports: std::ops::Range<usize>| -> Vec<Multiaddr> {
            ports.map(|port| format!("/ip4/192.168.1.7/tcp/{port}").parse().unwrap()).collect()
        };
        let none = ConnectionId::new_unchecked(0);
        let dialled = |node: &mut Kademlia<MemoryStore>| {
            node.handle_pending_outbound_connection(none, Some(peer), &[], Endpoint::Dialer).unwrap()
        };
        node.put(peer, &addresses(1..4));
        assert_eq!(dialled(&mut node), addresses(1..4));
        node.put(peer, &addresses(3..9));
        assert_eq!(dialled(&mut node), addresses(1..9));
        node.put(peer, &addresses(9..10));
        assert_eq!(dialled(&mut node), addresses(9..10));
    }

    /// Counts what Kademlia warns of.
    struct Warnings(Arc<AtomicUsize>);

    impl tracing::Subscriber for Warnings {
        fn enabled(&self, of: &Metadata<'_>) -> bool {
            of.is_event() && *of.level() <= Level::WARN && of.target().starts_with("libp2p_kad")
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &tracing::Event<'_>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[tokio::test]
    async fn a_node_that_knows_nobody_does_not_warn_of_it() {
        let count = Arc::new(AtomicUsize::new(0));
        let _guard = tracing::subscriber::set_default(Warnings(count.clone()));
        let (mut ours, mut theirs) = (build(|key| Kademlia::new(dht(key), Floor::default())), build(dht));
        listens(&mut ours).await;
        listens(&mut theirs).await;
        let warned = async {
            while count.load(Ordering::SeqCst) == 0 {
                tokio::select! {
                    _event = ours.select_next_some() => {}
                    _event = theirs.select_next_some() => {}
                    () = tokio::time::sleep(Duration::from_millis(20)) => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, warned).await.expect("libp2p's own does not warn either");
        // Ours began to listen before: what it would have warned of is due.
        let _ = tokio::time::timeout(Duration::from_millis(100), ours.select_next_some()).await;
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

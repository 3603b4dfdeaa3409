//! Who is connected, who is to be, and who may not be.

use super::{Answer, Task};
use crate::address::{Scope, believable, dialable, is_relayed, peer_of, scope, without_peer};
use crate::behaviour::{DHT, IPFS_DHT};
use crate::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, Addresses, Direction, PROTOCOL, PeerView, RouteError};
use libp2p::core::ConnectedPoint;
use libp2p::core::transport::ListenerId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId, identify};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// A connection that was asked for and does not stand by then has failed.
const CONNECT: Duration = Duration::from_secs(10);
/// Connections that callers wait for.
const CONNECTING_MAX: usize = 64;
/// Peers that are told of are dialled while fewer are connected.
const ENOUGH: usize = 16;
/// ROUTE-2: so long a peer stays away who sent what no honest node sends.
const BAN: Duration = Duration::from_secs(600);
/// Bans that are remembered; the oldest makes room.
const BANS_MAX: usize = 4_096;
/// Of what a peer says of itself.
const AGENT_CHARS_MAX: usize = 64;
const PROTOCOLS_MAX: usize = 64;

/// A connection.
struct Link {
    address: Multiaddr,
    outgoing: bool,
    relayed: bool,
}

/// A peer that is connected.
#[derive(Default)]
pub(super) struct Known {
    links: BTreeMap<ConnectionId, Link>,
    agent: Option<String>,
    protocols: Vec<String>,
    /// Where it says that it is reached, as far as that may be true.
    pub listen: Vec<Multiaddr>,
    /// Blocks that it sent and nobody had asked of it.
    pub unasked: u32,
}

impl Known {
    fn speaks(&self, name: &str) -> bool {
        self.protocols.iter().any(|protocol| protocol == name)
    }

    /// It gives and takes blocks.
    pub fn has_blocks(&self) -> bool {
        self.protocols.iter().any(|name| name.starts_with("/ipfs/bitswap"))
    }

    /// So does it, and it is one of ours.
    pub fn is_content(&self) -> bool {
        self.speaks(PROTOCOL.as_ref()) && self.has_blocks()
    }

    /// How near it is, by its nearest connection; what comes through a relay comes from afar.
    pub fn scope(&self) -> Scope {
        let direct = self.links.values().filter(|link| !link.relayed);
        direct.filter_map(|link| scope(&link.address)).min().unwrap_or(Scope::Public)
    }

    /// The connection that says most: a direct one before one by a relay.
    fn best(&self) -> Option<&Link> {
        self.links.values().min_by_key(|link| link.relayed)
    }
}

/// Who waits for a connection.
pub(super) struct Connecting {
    address: Multiaddr,
    reply: Answer<PeerId>,
    until: Instant,
}

impl Connecting {
    fn failed(self, why: String) {
        let error = match peer_of(&self.address) {
            Some(peer) => RouteError::NotConnected { peer, why },
            None => RouteError::Address { address: self.address, why },
        };
        // Who asked may have gone.
        let _ = self.reply.send(Err(error));
    }
}

/// Who is banned, until when.
#[derive(Default)]
pub(super) struct Bans(HashMap<PeerId, Instant>);

impl Bans {
    /// Adds one; says who is forgotten for it.
    fn add(&mut self, peer: PeerId, until: Instant) -> Option<PeerId> {
        self.0.insert(peer, until);
        if self.0.len() <= BANS_MAX {
            return None;
        }
        let oldest = self.0.iter().min_by_key(|(_, until)| **until).map(|(peer, _)| *peer)?;
        self.0.remove(&oldest);
        Some(oldest)
    }

    /// Takes out those whose time is over.
    pub fn over(&mut self, now: Instant) -> Vec<PeerId> {
        let over: Vec<_> = self.0.iter().filter(|(_, until)| **until <= now).map(|(peer, _)| *peer).collect();
        self.0.retain(|_, until| *until > now);
        over
    }
}

/// Whether nobody but this machine is reached there.
pub(super) fn is_loopback(address: &Multiaddr) -> bool {
    scope(address) == Some(Scope::Loopback)
}

impl Task {
    pub(super) fn addresses(&self) -> Addresses {
        let named = |address: &Multiaddr| address.clone().with_p2p(self.local).ok();
        let (relayed, listen) = self.swarm.listeners().filter_map(named).partition(is_relayed);
        let mut external: Vec<_> =
            self.swarm.external_addresses().filter_map(named).filter(|address| !is_relayed(address)).collect();
        // Of loopback the swarm is told only so that nodes of one machine serve one another: to nobody else is that an address.
        external.retain(|address| !self.at_home || !is_loopback(address));
        external.sort();
        Addresses { listen, external, relayed }
    }

    /// Where this node tells others that it is reached: what its owner or others say first.
    pub(super) fn told_addresses(&self) -> Vec<Multiaddr> {
        let Addresses { listen, external, relayed } = self.addresses();
        let mut told: Vec<Multiaddr> = Vec::new();
        for address in external.iter().chain(&relayed).chain(&listen) {
            let address = without_peer(address);
            if told.len() < ADDRESSES_MAX && address.len() <= ADDRESS_BYTES_MAX && !told.contains(&address) {
                told.push(address);
            }
        }
        told
    }

    pub(super) fn views(&self) -> Vec<PeerView> {
        let bitswap = &self.swarm.behaviour().bitswap;
        let view = |(peer, known): (&PeerId, &Known)| {
            let best = known.best()?;
            Some(PeerView {
                peer: *peer,
                address: best.address.clone(),
                agent: known.agent.clone(),
                direction: if best.outgoing { Direction::Outgoing } else { Direction::Incoming },
                relayed: best.relayed,
                protocols: known.protocols.clone(),
                traffic: bitswap.traffic(peer).unwrap_or_default(),
            })
        };
        let mut views: Vec<_> = self.peers.iter().filter_map(view).collect();
        views.sort_by_key(|view| view.peer);
        views
    }

    /// How to dial a peer. Where we listen on this machine's loopback alone, a port there reaches nobody elsewhere, so such an attempt goes
    /// out by another.
    fn dial_opts(&self, peer: PeerId, addresses: Vec<Multiaddr>, condition: PeerCondition) -> DialOpts {
        let apart = self.at_home && !addresses.iter().all(is_loopback);
        let dial = DialOpts::peer_id(peer).condition(condition).addresses(addresses).extend_addresses_through_behaviour();
        if apart { dial.allocate_new_port().build() } else { dial.build() }
    }

    /// Dials a peer, unless that is under way.
    pub(super) fn dial(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        let dial = self.dial_opts(peer, addresses, PeerCondition::DisconnectedAndNotDialing);
        if let Err(error) = self.swarm.dial(dial) {
            tracing::debug!(%peer, %error, "not dialled");
        }
    }

    pub(super) fn dial_targets(&mut self, now: Instant) {
        let due: Vec<_> = self
            .targets
            .iter()
            .enumerate()
            .filter(|(_, target)| target.is_due(now) && !self.peers.contains_key(&target.peer))
            .map(|(n, target)| {
                (n, self.dial_opts(target.peer, target.addresses.clone(), PeerCondition::DisconnectedAndNotDialing))
            })
            .collect();
        for (n, dial) in due {
            let connection = dial.connection_id();
            let dialled = self.swarm.dial(dial);
            let Some(target) = self.targets.get_mut(n) else { continue };
            target.began(connection);
            if let Err(error) = dialled {
                // Being dialled, or banned.
                tracing::debug!(%error, "not dialled");
                target.ended(connection, now);
            }
        }
    }

    pub(super) fn connect(&mut self, address: Multiaddr, reply: Answer<PeerId>, now: Instant) {
        let wrong = |address, why: &str| Err(RouteError::Address { address, why: why.into() });
        let peer = peer_of(&address);
        let refused = match (dialable(&address), peer) {
            (Err(why), _) => wrong(address.clone(), why),
            (_, Some(peer)) if peer == self.local => wrong(address.clone(), "it is this node itself"),
            (_, Some(peer)) if self.peers.contains_key(&peer) => Ok(Some(peer)),
            _ if self.connecting.len() >= CONNECTING_MAX => Err(RouteError::TooMany),
            _ => Ok(None),
        };
        if let Some(answer) = refused.transpose() {
            return drop(reply.send(answer));
        }
        let dial = match peer {
            Some(peer) => self.dial_opts(peer, vec![without_peer(&address)], PeerCondition::Disconnected),
            None => DialOpts::unknown_peer_id().address(address.clone()).build(),
        };
        let (connection, until) = (dial.connection_id(), now.checked_add(CONNECT).unwrap_or(now));
        let connecting = Connecting { address, reply, until };
        match self.swarm.dial(dial) {
            Ok(()) => drop(self.connecting.insert(connection, connecting)),
            Err(error) => connecting.failed(error.to_string()),
        }
    }

    pub(super) fn give_up_connecting(&mut self, now: Instant) {
        let late: Vec<_> = self.connecting.iter().filter(|(_, wait)| wait.until <= now).map(|(id, _)| *id).collect();
        for connection in late {
            if let Some(waiting) = self.connecting.remove(&connection) {
                waiting.failed("it does not answer within 10 s".into());
            }
        }
    }

    pub(super) fn learn(&mut self, addresses: &[Multiaddr]) {
        let Some(peer) = addresses.iter().find_map(peer_of).filter(|peer| *peer != self.local) else { return };
        if self.peers.contains_key(&peer) {
            return;
        }
        let mut told: Vec<Multiaddr> = Vec::new();
        for address in addresses.iter().filter(|address| peer_of(address) == Some(peer)).take(ADDRESSES_MAX) {
            match dialable(address) {
                Ok(()) => told.push(without_peer(address)),
                Err(why) => tracing::debug!(%address, why, "an address that was told is not used"),
            }
        }
        if told.is_empty() {
            return;
        }
        let bucket = self.swarm.behaviour_mut().dht.kbucket(peer);
        // Hearsay takes nothing out.
        if !bucket.is_some_and(|bucket| bucket.iter().any(|entry| *entry.node.key.preimage() == peer)) {
            self.swarm.behaviour_mut().dht.put(peer, &told);
        }
        // Also one that stands in the table: it may be elsewhere by now, or may not have been there the last time.
        if self.peers.len() < ENOUGH {
            self.dial(peer, told);
        }
    }

    pub(super) fn on_connected(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let link = Link {
            address: endpoint.get_remote_address().clone(),
            outgoing: endpoint.is_dialer(),
            relayed: endpoint.is_relayed(),
        };
        let known = self.peers.entry(peer).or_default();
        if known.links.is_empty() {
            tracing::info!(%peer, address = %link.address, relayed = link.relayed, "connected for content");
        }
        known.links.insert(connection, link);
        self.floor.reached(peer, known.scope());
        self.targets.iter_mut().for_each(|target| target.connected(connection));
        let waiting: Vec<_> = self
            .connecting
            .iter()
            .filter(|(id, wait)| **id == connection || peer_of(&wait.address) == Some(peer))
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            if let Some(waiting) = self.connecting.remove(&id) {
                // Who asked may have gone.
                let _ = waiting.reply.send(Ok(peer));
            }
        }
        self.came(peer);
    }

    pub(super) fn on_closed(&mut self, peer: PeerId, connection: ConnectionId, now: Instant) {
        let left = self.peers.get_mut(&peer).and_then(|known| {
            known.links.remove(&connection);
            (!known.links.is_empty()).then(|| known.scope())
        });
        match left {
            Some(scope) => self.floor.reached(peer, scope),
            None => {
                self.peers.remove(&peer);
                self.floor.gone(&peer);
                tracing::info!(%peer, "disconnected from content");
            }
        }
        self.targets.iter_mut().for_each(|target| target.ended(connection, now));
    }

    pub(super) fn on_not_connected(&mut self, connection: ConnectionId, error: &DialError, now: Instant) {
        tracing::debug!(%error, "not connected for content");
        self.targets.iter_mut().for_each(|target| target.ended(connection, now));
        if let Some(waiting) = self.connecting.remove(&connection) {
            waiting.failed(error.to_string());
        }
    }

    pub(super) fn on_listening(&mut self, listener: ListenerId, address: Multiaddr) {
        tracing::info!(%address, "listening for content");
        self.places.iter_mut().for_each(|place| place.granted(listener));
        // Nobody could try whether a machine is reached from itself, and nobody else needs to.
        if self.at_home && is_loopback(&address) && !is_relayed(&address) {
            self.swarm.add_external_address(address);
        }
    }

    /// ROUTE-3: what a peer says of itself. It comes into a DHT's table only if it speaks that DHT.
    pub(super) fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id: peer, info, .. } = event else { return };
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let had_blocks = known.has_blocks();
        known.agent = Some(info.agent_version.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect());
        known.protocols = info.protocols.iter().take(PROTOCOLS_MAX).map(ToString::to_string).collect();
        known.listen = believable(&info.listen_addrs, known.scope());
        let (listen, ours) = (known.listen.clone(), known.speaks(DHT.as_ref()));
        let public = known.speaks(IPFS_DHT.as_ref());
        let is_new = !had_blocks && known.has_blocks();
        let behaviour = self.swarm.behaviour_mut();
        if ours {
            behaviour.dht.put(peer, &listen);
        } else {
            behaviour.dht.remove_peer(&peer);
        }
        if let Some(ipfs) = behaviour.ipfs.as_mut().filter(|_| public) {
            ipfs.put(peer, &listen);
        }
        if is_new {
            self.joined(peer);
        }
    }

    /// ROUTE-2: it sent what no honest node sends.
    pub(super) fn ban(&mut self, peer: PeerId, why: &str, now: Instant) {
        tracing::warn!(%peer, why, "banned from content for 10 minutes");
        let behaviour = self.swarm.behaviour_mut();
        behaviour.banned.block_peer(peer);
        behaviour.dht.remove_peer(&peer);
        if let Some(forgotten) = self.bans.add(peer, now.checked_add(BAN).unwrap_or(now)) {
            behaviour.banned.unblock_peer(forgotten);
        }
    }
}

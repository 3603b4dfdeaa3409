//! Whom the configuration names: peers that are dialled again and again, and relays at which a place is kept.

use crate::StartError;
use crate::address::{dialable, is_relayed, peer_of, without_peer};
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::time::{Duration, Instant};

/// Addresses that are named.
const NAMED_MAX: usize = 256;
/// Relays at which a place is kept.
const RELAYS_MAX: usize = 8;
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// When to try again: each pause is longer than the last.
#[derive(Clone, Debug)]
struct Pause {
    length: Duration,
    at: Instant,
}

impl Pause {
    fn new(now: Instant) -> Self {
        Self { length: PAUSE_MIN, at: now }
    }

    fn failed(&mut self, now: Instant) {
        self.at = now.checked_add(self.length).unwrap_or(now);
        self.length = self.length.saturating_mul(2).min(PAUSE_MAX);
    }

    fn succeeded(&mut self) {
        self.length = PAUSE_MIN;
    }
}

fn named(address: &Multiaddr) -> Result<PeerId, &'static str> {
    dialable(address)?;
    peer_of(address).ok_or("it must end in /p2p/<peer id>")
}

/// A peer that is to stay connected.
#[derive(Debug)]
pub(crate) struct Target {
    pub peer: PeerId,
    pub addresses: Vec<Multiaddr>,
    /// The attempt under way, or the connection that came of it.
    connection: Option<ConnectionId>,
    pause: Pause,
}

/// One target a peer; ourselves is none.
pub(crate) fn targets(addresses: &[Multiaddr], local: PeerId, now: Instant) -> Result<Vec<Target>, StartError> {
    let wrong = |address: &Multiaddr, why| StartError::Peer { address: address.clone(), why };
    let mut targets: Vec<Target> = Vec::new();
    for (n, address) in addresses.iter().enumerate() {
        let peer = named(address).map_err(|why| wrong(address, why))?;
        if n >= NAMED_MAX {
            return Err(wrong(address, "256 addresses are named already"));
        }
        if peer == local {
            continue;
        }
        let bare = without_peer(address);
        match targets.iter_mut().find(|target| target.peer == peer) {
            Some(target) => target.addresses.push(bare),
            None => targets.push(Target { peer, addresses: vec![bare], connection: None, pause: Pause::new(now) }),
        }
    }
    Ok(targets)
}

impl Target {
    /// Whether an attempt is due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.connection.is_none() && now >= self.pause.at
    }

    /// An attempt is under way.
    pub fn began(&mut self, connection: ConnectionId) {
        self.connection = Some(connection);
    }

    /// It was successful.
    pub fn connected(&mut self, connection: ConnectionId) {
        if self.connection == Some(connection) {
            self.pause.succeeded();
        }
    }

    /// The attempt failed or its connection is over.
    pub fn ended(&mut self, connection: ConnectionId, now: Instant) {
        if self.connection == Some(connection) {
            self.connection = None;
            self.pause.failed(now);
        }
    }
}

/// A relay, and our place there.
#[derive(Debug)]
pub(crate) struct Place {
    pub peer: PeerId,
    /// Where to listen for circuits.
    pub circuit: Multiaddr,
    listener: Option<ListenerId>,
    pause: Pause,
}

pub(crate) fn places(relays: &[Multiaddr], local: PeerId, now: Instant) -> Result<Vec<Place>, StartError> {
    let wrong = |address: &Multiaddr, why| StartError::Peer { address: address.clone(), why };
    let mut places = Vec::new();
    for address in relays {
        let peer = named(address).map_err(|why| wrong(address, why))?;
        if is_relayed(address) {
            return Err(wrong(address, "a relay is not reached through another one"));
        }
        if places.len() >= RELAYS_MAX {
            return Err(wrong(address, "8 relays are named already"));
        }
        if peer != local {
            let circuit = address.clone().with(Protocol::P2pCircuit);
            places.push(Place { peer, circuit, listener: None, pause: Pause::new(now) });
        }
    }
    Ok(places)
}

impl Place {
    /// Whether to ask for it now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.listener.is_none() && now >= self.pause.at
    }

    /// It was asked for, or could not be.
    pub fn asked(&mut self, listener: Option<ListenerId>, now: Instant) {
        self.listener = listener;
        if listener.is_none() {
            self.pause.failed(now);
        }
    }

    /// We have it.
    pub fn granted(&mut self, listener: ListenerId) {
        if self.listener == Some(listener) {
            self.pause.succeeded();
        }
    }

    /// It is lost; again after a pause.
    pub fn lost(&mut self, listener: ListenerId, now: Instant) {
        if self.listener == Some(listener) {
            self.listener = None;
            self.pause.failed(now);
        }
    }

    /// It is not needed any more.
    pub fn give_up(&mut self) -> Option<ListenerId> {
        self.listener.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn route_2_addresses_of_one_peer_are_one_target_and_one_without_a_name_is_refused() {
        let (peer, local, now) = (PeerId::random(), PeerId::random(), Instant::now());
        let all = [
            address(&format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}")),
            address(&format!("/ip4/127.0.0.1/udp/1/quic-v1/p2p/{peer}")),
            address(&format!("/ip4/127.0.0.1/tcp/3/p2p/{local}")),
        ];
        let found = targets(&all, local, now).unwrap();
        assert_eq!((found.len(), found[0].addresses.len(), found[0].peer), (1, 2, peer));
        for text in ["/ip4/127.0.0.1/tcp/2", "/dns4/example.org/tcp/1", "/ip4/127.0.0.1/udp/9"] {
            assert!(matches!(targets(&[address(text)], local, now), Err(StartError::Peer { .. })), "{text}");
            assert!(matches!(places(&[address(text)], local, now), Err(StartError::Peer { .. })), "{text}");
        }
        let many: Vec<_> = (1..1_000).map(|port| address(&format!("/ip4/127.0.0.1/tcp/{port}/p2p/{peer}"))).collect();
        assert!(targets(&many, local, now).is_err() && places(&many, local, now).is_err());
    }

    #[test]
    fn route_2_pauses_grow_to_a_minute_and_a_success_makes_them_short_again() {
        let (start, mut pauses) = (Instant::now(), Vec::new());
        let mut pause = Pause::new(start);
        for _ in 0..8 {
            let now = pause.at;
            pause.failed(now);
            pauses.push((pause.at - now).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        pause.succeeded();
        let now = pause.at;
        pause.failed(now);
        assert_eq!(pause.at - now, PAUSE_MIN);
    }
}

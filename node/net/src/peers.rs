//! Whom we dial and whom we do not talk to.

use crate::StartError;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::time::{Duration, Instant};

/// Connections at most, both ways together.
pub const CONNECTIONS_MAX: u32 = 50;
/// Of which so many incoming at most; the rest is kept for those whom the user named.
pub const INCOMING_CONNECTIONS_MAX: u32 = CONNECTIONS_MAX - 10;
/// Peers that are named.
const TARGETS_MAX: usize = 256;
/// NET-14: so long a stranger stays away that speaks another version of the protocol.
pub const STRANGER_PAUSE: Duration = Duration::from_secs(60);
/// NET-4: so long a peer stays away who sent what no honest node sends.
pub const BAN: Duration = Duration::from_secs(3600);
/// Bans that are remembered; the oldest makes room.
const BANS_MAX: usize = 4096;
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A peer that the user named.
pub(crate) struct Target {
    /// Known if an address says so.
    id: Option<PeerId>,
    addresses: Vec<Multiaddr>,
    /// The attempt under way, or the connection that came of it.
    connection: Option<ConnectionId>,
    pause: Duration,
    at: Instant,
}

/// NET-7: one target a peer, its QUIC addresses before the others.
pub(crate) fn targets(addresses: &[Multiaddr], local: PeerId) -> Result<Vec<Target>, StartError> {
    let mut targets = Vec::new();
    for address in addresses {
        name(&mut targets, address, local)?;
    }
    Ok(targets)
}

/// Names one more address to dial.
pub(crate) fn name(targets: &mut Vec<Target>, address: &Multiaddr, local: PeerId) -> Result<(), StartError> {
    let wrong = |why| Err(StartError::Peer { address: address.clone(), why });
    let mut parts = address.iter();
    if !matches!(parts.next(), Some(Protocol::Ip4(_) | Protocol::Ip6(_))) {
        return wrong("it must begin with /ip4 or /ip6");
    }
    if !address.iter().any(|part| matches!(part, Protocol::Tcp(_) | Protocol::QuicV1)) {
        return wrong("it must name /tcp/<port> or /udp/<port>/quic-v1");
    }
    let id = match address.iter().last() {
        Some(Protocol::P2p(id)) => Some(id),
        _ => None,
    };
    if id == Some(local) || targets.iter().any(|target| target.addresses.contains(address)) {
        return Ok(());
    }
    if targets.iter().map(|target| target.addresses.len()).sum::<usize>() >= TARGETS_MAX {
        return wrong("256 addresses of peers are named already");
    }
    match targets.iter_mut().find(|target| id.is_some() && target.id == id) {
        Some(target) => {
            target.addresses.push(address.clone());
            target.addresses.sort_by_key(|address| !address.iter().any(|part| part == Protocol::QuicV1));
        }
        None => {
            let at = Instant::now();
            targets.push(Target { id, addresses: vec![address.clone()], connection: None, pause: PAUSE_MIN, at });
        }
    }
    Ok(())
}

/// An address without the name of its peer: where, not who.
pub(crate) fn place(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// Whether nobody but this machine is reached there.
pub(crate) fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

impl Target {
    /// The attempt to make now, if one is due. `at_home`: we listen on this machine's loopback alone, and a port there reaches nobody elsewhere,
    /// so such an attempt goes out by another.
    pub fn due(&mut self, now: Instant, at_home: bool) -> Option<DialOpts> {
        if self.connection.is_some() || now < self.at {
            return None;
        }
        let apart = at_home && !self.addresses.iter().all(is_loopback);
        let dial = match self.id {
            Some(id) => {
                let dial = DialOpts::peer_id(id)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(self.addresses.clone())
                    // One after the other, in their order.
                    .override_dial_concurrency_factor(NonZeroU8::MIN);
                if apart { dial.allocate_new_port() } else { dial }.build()
            }
            None => {
                let dial = DialOpts::unknown_peer_id().address(self.addresses.first()?.clone());
                if apart { dial.allocate_new_port() } else { dial }.build()
            }
        };
        self.connection = Some(dial.connection_id());
        Some(dial)
    }

    /// The address, as the user named it, to which this connection of ours leads.
    pub fn named(&self, connection: ConnectionId, to: &Multiaddr) -> Option<&Multiaddr> {
        let place_of = place(to);
        self.addresses.iter().find(|address| self.connection == Some(connection) && place(address) == place_of)
    }

    /// Its name, where the user told it.
    pub fn id(&self) -> Option<PeerId> {
        self.id
    }

    /// Whether this is the peer whom the user named.
    pub fn is(&self, peer: &PeerId) -> bool {
        self.id.as_ref() == Some(peer)
    }

    /// The attempt was successful, and whom it led to is of our chain.
    pub fn connected(&mut self, connection: ConnectionId) {
        if self.connection == Some(connection) {
            self.pause = PAUSE_MIN;
        }
    }

    /// The attempt failed or its connection is over: again after a pause, each longer than the last.
    pub fn ended(&mut self, connection: ConnectionId, now: Instant) {
        if self.connection == Some(connection) {
            self.connection = None;
            self.at = now + self.pause;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
    }
}

/// Who is banned, until when.
#[derive(Default)]
pub(crate) struct Bans(BTreeMap<PeerId, Instant>);

impl Bans {
    /// Adds one; says who is forgotten for it. A ban is never shortened by another.
    pub fn add(&mut self, peer: PeerId, until: Instant) -> Option<PeerId> {
        let end = self.0.entry(peer).or_insert(until);
        *end = until.max(*end);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn net_7_addresses_of_one_peer_are_one_target_quic_first_and_ourselves_none() {
        let (peer, local) = (PeerId::random(), PeerId::random());
        let all = [
            address(&format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}")),
            address(&format!("/ip4/127.0.0.1/udp/1/quic-v1/p2p/{peer}")),
            address("/ip4/127.0.0.1/tcp/2"),
            address(&format!("/ip4/127.0.0.1/tcp/3/p2p/{local}")),
        ];
        let targets = targets(&all, local).unwrap();
        assert_eq!(targets.len(), 2);
        assert_eq!(targets[0].addresses, [all[1].clone(), all[0].clone()]);
    }

    #[test]
    fn net_7_a_peer_named_at_run_time_joins_its_target_and_all_are_bounded() {
        let (peer, local) = (PeerId::random(), PeerId::random());
        let of = |n: usize| address(&format!("/ip4/127.0.0.1/tcp/{}", n + 1));
        let mut list = targets(&[address(&format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}"))], local).unwrap();
        let quic = address(&format!("/ip4/127.0.0.1/udp/1/quic-v1/p2p/{peer}"));
        name(&mut list, &quic, local).unwrap();
        name(&mut list, &quic, local).unwrap();
        assert_eq!((list.len(), list[0].addresses.len(), &list[0].addresses[0]), (1, 2, &quic));
        (2..TARGETS_MAX).for_each(|n| name(&mut list, &of(n), local).unwrap());
        assert!(matches!(name(&mut list, &of(TARGETS_MAX), local), Err(StartError::Peer { .. })));
        assert!(name(&mut list, &of(2), local).is_ok(), "what is named already is no more");
    }

    #[test]
    fn an_address_that_can_never_be_dialled_is_refused_at_the_start() {
        for text in ["/dns4/example.org/tcp/1", "/ip4/127.0.0.1/udp/9", "/ip6/::1"] {
            assert!(matches!(targets(&[address(text)], PeerId::random()), Err(StartError::Peer { .. })), "{text}");
        }
    }

    #[test]
    fn net_7_pauses_grow_to_a_minute_and_a_connection_makes_them_short_again() {
        let start = Instant::now();
        let mut target = targets(&[address("/ip4/127.0.0.1/tcp/2")], PeerId::random()).unwrap().remove(0);
        let (mut now, mut pauses) = (Instant::now(), Vec::new());
        for _ in 0..9 {
            let dial = target.due(now, false).unwrap();
            assert!(target.due(now + PAUSE_MAX, false).is_none(), "one attempt at a time");
            target.ended(dial.connection_id(), now);
            pauses.push((target.at - now).as_secs());
            assert!(target.due(target.at - Duration::from_millis(1), false).is_none());
            now = target.at;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let connection = target.due(now, false).unwrap().connection_id();
        target.connected(connection);
        target.ended(connection, now);
        assert_eq!(target.at, now + PAUSE_MIN);
        assert!(now > start);
    }

    #[test]
    fn net_4_bans_end_and_are_bounded() {
        let now = Instant::now();
        let mut bans = Bans::default();
        let first = PeerId::random();
        assert_eq!(bans.add(first, now + BAN), None);
        for _ in 1..BANS_MAX {
            assert_eq!(bans.add(PeerId::random(), now + BAN + PAUSE_MIN), None);
        }
        assert_eq!(bans.add(PeerId::random(), now + BAN + PAUSE_MIN), Some(first));
        assert_eq!(bans.add(*bans.0.keys().next().unwrap(), now), None);
        assert_eq!(bans.over(now + BAN), []);
        assert_eq!(bans.over(now + BAN + PAUSE_MIN).len(), BANS_MAX);
    }
}

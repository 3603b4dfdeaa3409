//! NET-17: who may come in, by where it comes from. A name costs nothing to make anew, an address does: strangers of one address have a few
//! connections, come seldom enough, and stay outside for a while after several of them were banned. Whom the user or the chain names
//! is no stranger.

use crate::peers::INCOMING_CONNECTIONS_MAX;
use crate::quota::Bucket;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Connections of strangers from one address.
pub(crate) const STRANGERS_A_HOUSE: usize = 10;
/// Connections of strangers together; what is left of those that come in is for whom the chain names.
const STRANGERS_MAX: usize = INCOMING_CONNECTIONS_MAX as usize - 10;
/// Connections from one address that are not made yet.
const PENDING_A_HOUSE: usize = 8;
/// Connections that come from one address, and from all of them.
const ARRIVALS: (u32, u32) = (2, 60);
const ALL_ARRIVALS: (u32, u32) = (20, 200);
/// Bans of strangers of one address, after which none of it is let in; one is forgiven after each such time.
const OFFENCES_MAX: u32 = 4;
const SHUT: Duration = Duration::from_secs(600);
/// Addresses that are remembered.
const HOUSES_MAX: usize = 4096;

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("too many connections come in")]
    Crowd,
    #[error("too many connections come from {0}")]
    Haste(IpAddr),
    #[error("{STRANGERS_A_HOUSE} strangers from {0} are connected")]
    Full(IpAddr),
    #[error("{STRANGERS_MAX} strangers are connected")]
    FullOfStrangers,
    #[error("several peers from {0} were banned")]
    Shut(IpAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Pending,
    Stranger,
    Known,
}

#[derive(Debug)]
struct House {
    pending: usize,
    strangers: usize,
    arrivals: Bucket,
    at: Instant,
    offences: u32,
    forgiven: Instant,
}

impl House {
    fn new(now: Instant) -> Self {
        let arrivals = Bucket::new(ARRIVALS.0, ARRIVALS.1);
        Self { pending: 0, strangers: 0, arrivals, at: now, offences: 0, forgiven: now }
    }

    fn pass_time(&mut self, now: Instant) {
        self.arrivals.fill(now.saturating_duration_since(self.at));
        self.at = self.at.max(now);
        while self.offences > 0 && now.saturating_duration_since(self.forgiven) >= SHUT {
            self.offences -= 1;
            self.forgiven += SHUT;
        }
    }

    fn is_empty(&self) -> bool {
        self.pending == 0 && self.strangers == 0
    }
}

/// Part of the swarm that is asked of every connection that comes in.
#[derive(Debug)]
pub(crate) struct Door {
    known: BTreeSet<PeerId>,
    houses: BTreeMap<IpAddr, House>,
    links: BTreeMap<ConnectionId, (IpAddr, Stage)>,
    strangers: usize,
    arrivals: Bucket,
    at: Instant,
}

impl Default for Door {
    fn default() -> Self {
        let arrivals = Bucket::new(ALL_ARRIVALS.0, ALL_ARRIVALS.1);
        Self {
            known: BTreeSet::new(),
            houses: BTreeMap::new(),
            links: BTreeMap::new(),
            strangers: 0,
            arrivals,
            at: Instant::now(),
        }
    }
}

impl Door {
    /// These are no strangers, and nobody else is known.
    pub fn know(&mut self, known: BTreeSet<PeerId>) {
        self.known = known;
    }

    pub fn knows(&self, peer: &PeerId) -> bool {
        self.known.contains(peer)
    }

    /// A stranger from there was banned. `true` where that shuts the door to its house.
    pub fn offence(&mut self, from: &Multiaddr, now: Instant) -> bool {
        let Some(ip) = house_of(from) else { return false };
        let house = self.house(ip, now);
        house.pass_time(now);
        if house.offences == 0 {
            house.forgiven = now;
        }
        house.offences = house.offences.saturating_add(1).min(OFFENCES_MAX + 2);
        house.offences == OFFENCES_MAX
    }

    fn house(&mut self, ip: IpAddr, now: Instant) -> &mut House {
        if self.houses.len() >= HOUSES_MAX && !self.houses.contains_key(&ip) {
            self.tidy(now);
        }
        if self.houses.len() >= HOUSES_MAX && !self.houses.contains_key(&ip) {
            // So many within minutes: the one that has been quiet the longest is forgotten.
            let quiet = self.houses.iter().filter(|(_, house)| house.is_empty()).min_by_key(|(_, house)| house.at);
            if let Some(quiet) = quiet.map(|(ip, _)| *ip) {
                self.houses.remove(&quiet);
            }
        }
        self.houses.entry(ip).or_insert_with(|| House::new(now))
    }

    fn tidy(&mut self, now: Instant) {
        self.houses.retain(|_, house| {
            house.pass_time(now);
            !house.is_empty() || house.offences > 0 || !house.arrivals.is_full()
        });
    }

    fn arrives(&mut self, link: ConnectionId, from: &Multiaddr, now: Instant) -> Result<(), Refused> {
        let Some(ip) = house_of(from) else { return Ok(()) };
        self.arrivals.fill(now.saturating_duration_since(self.at));
        self.at = self.at.max(now);
        let house = self.house(ip, now);
        house.pass_time(now);
        if house.pending >= PENDING_A_HOUSE || !house.arrivals.take_one() {
            return Err(Refused::Haste(ip));
        }
        house.pending += 1;
        self.links.insert(link, (ip, Stage::Pending));
        // Last: whoever is in too great a haste takes nothing from the others.
        if self.arrivals.take_one() { Ok(()) } else { Err(Refused::Crowd) }
    }

    fn enters(&mut self, link: ConnectionId, peer: &PeerId) -> Result<(), Refused> {
        let known = self.knows(peer);
        let Some((ip, stage)) = self.links.get_mut(&link) else { return Ok(()) };
        let Some(house) = self.houses.get_mut(ip) else { return Ok(()) };
        if known {
            house.pending = house.pending.saturating_sub(1);
            *stage = Stage::Known;
            return Ok(());
        }
        if house.offences >= OFFENCES_MAX {
            return Err(Refused::Shut(*ip));
        }
        if house.strangers >= STRANGERS_A_HOUSE {
            return Err(Refused::Full(*ip));
        }
        if self.strangers >= STRANGERS_MAX {
            return Err(Refused::FullOfStrangers);
        }
        self.strangers += 1;
        house.pending = house.pending.saturating_sub(1);
        house.strangers += 1;
        *stage = Stage::Stranger;
        Ok(())
    }

    fn leaves(&mut self, link: ConnectionId) {
        let Some((ip, stage)) = self.links.remove(&link) else { return };
        let Some(house) = self.houses.get_mut(&ip) else { return };
        match stage {
            Stage::Pending => house.pending = house.pending.saturating_sub(1),
            Stage::Stranger => {
                house.strangers = house.strangers.saturating_sub(1);
                self.strangers = self.strangers.saturating_sub(1);
            }
            Stage::Known => {}
        }
    }
}

/// The address that counts: all of IPv4, of IPv6 the half that one line has.
fn house_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(match ip.to_ipv4_mapped() {
            Some(ip) => ip.into(),
            None => {
                let [a, b, c, d, ..] = ip.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        }),
        _ => None,
    }
}

impl NetworkBehaviour for Door {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        link: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.arrives(link, from, Instant::now()).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        link: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.enters(link, &peer).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.leaves(closed.connection_id),
            FromSwarm::ListenFailure(failed) => self.leaves(failed.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u32) -> Multiaddr {
        format!("/ip4/10.0.{}.{}/tcp/9", n / 256, n % 256).parse().unwrap()
    }

    fn link(n: usize) -> ConnectionId {
        ConnectionId::new_unchecked(n)
    }

    #[test]
    fn net_17_strangers_of_one_address_are_few_and_whom_we_know_is_none() {
        let (mut door, now, friend) = (Door::default(), Instant::now(), PeerId::random());
        door.know([friend].into());
        for n in 0..STRANGERS_A_HOUSE {
            door.arrives(link(n), &at(1), now).unwrap();
            door.enters(link(n), &PeerId::random()).unwrap();
        }
        door.arrives(link(100), &at(1), now).unwrap();
        assert!(matches!(door.enters(link(100), &PeerId::random()), Err(Refused::Full(_))));
        door.leaves(link(100));
        door.arrives(link(101), &at(1), now).unwrap();
        door.enters(link(101), &friend).unwrap();
        door.arrives(link(102), &at(2), now).unwrap();
        door.enters(link(102), &PeerId::random()).unwrap();
        door.leaves(link(0));
        door.arrives(link(103), &at(1), now).unwrap();
        door.enters(link(103), &PeerId::random()).unwrap();
        for n in (0..STRANGERS_A_HOUSE).chain(100..104) {
            door.leaves(link(n));
        }
        assert!(door.links.is_empty() && door.houses.values().all(House::is_empty), "what has gone is not counted");
    }

    #[test]
    fn net_17_strangers_of_many_addresses_leave_room_for_whom_we_know() {
        let (mut door, now, friend) = (Door::default(), Instant::now(), PeerId::random());
        door.know([friend].into());
        for n in 0..STRANGERS_MAX {
            door.arrives(link(n), &at(n as u32), now).unwrap();
            door.enters(link(n), &PeerId::random()).unwrap();
        }
        door.arrives(link(900), &at(900), now).unwrap();
        assert!(matches!(door.enters(link(900), &PeerId::random()), Err(Refused::FullOfStrangers)));
        door.enters(link(900), &friend).unwrap();
        door.leaves(link(0));
        door.arrives(link(901), &at(901), now).unwrap();
        door.enters(link(901), &PeerId::random()).unwrap();
        (0..1000).for_each(|n| door.leaves(link(n)));
        assert_eq!(door.strangers, 0);
    }

    #[test]
    fn net_17_who_comes_again_and_again_waits() {
        let (mut door, now) = (Door::default(), Instant::now());
        let mut come = |n: usize, from: u32, now| {
            let came = door.arrives(link(n), &at(from), now).is_ok();
            door.leaves(link(n));
            came
        };
        assert_eq!((0..1000).filter(|n| come(*n, 1, now)).count(), ARRIVALS.1 as usize);
        assert!(come(2000, 2, now), "others are not to blame");
        assert_eq!((0..1000).filter(|n| come(*n, 1, now + Duration::from_secs(5))).count(), 10);
        let crowd = (0..1000).filter(|n| come(*n, 10 + *n as u32, now + Duration::from_secs(5))).count();
        assert!(crowd < 200, "all together: {crowd}");
        for n in 0..PENDING_A_HOUSE {
            door.arrives(link(5000 + n), &at(3), now + Duration::from_secs(60)).unwrap();
        }
        assert!(door.arrives(link(6000), &at(3), now + Duration::from_secs(60)).is_err(), "too many at once that say nothing");
    }

    #[test]
    fn net_17_an_address_of_banned_peers_is_shut_and_opens_again() {
        let (mut door, now, friend) = (Door::default(), Instant::now(), PeerId::random());
        door.know([friend].into());
        let shuts: Vec<_> = (0..OFFENCES_MAX + 3).map(|_| door.offence(&at(1), now)).collect();
        assert_eq!(shuts.iter().filter(|shut| **shut).count(), 1, "it is said once");
        door.arrives(link(1), &at(1), now).unwrap();
        assert!(matches!(door.enters(link(1), &PeerId::random()), Err(Refused::Shut(_))));
        door.enters(link(1), &friend).unwrap();
        let later = now + 3 * SHUT;
        door.arrives(link(2), &at(1), later).unwrap();
        door.enters(link(2), &PeerId::random()).unwrap();
    }

    #[test]
    fn net_17_addresses_are_bounded_and_one_line_of_ipv6_is_one() {
        let (mut door, now) = (Door::default(), Instant::now());
        for n in 0..HOUSES_MAX as u32 + 500 {
            door.offence(&at(n), now + Duration::from_millis(n.into()));
        }
        assert!(door.houses.len() <= HOUSES_MAX);
        let six = |text: &str| house_of(&format!("/ip6/{text}/tcp/1").parse().unwrap());
        assert_eq!(six("2001:db8:1:2::1"), six("2001:db8:1:2:ffff::9"));
        assert_ne!(six("2001:db8:1:2::1"), six("2001:db8:1:3::1"));
        assert_eq!(six("::ffff:10.0.0.1"), house_of(&at(1)));
    }
}

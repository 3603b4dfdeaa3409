//! What addresses say, and which of those that others tell are believed (ROUTE-3).

use crate::content::{ADDRESS_BYTES_MAX, ADDRESSES_MAX};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::net::{IpAddr, Ipv4Addr};

/// From where an address can be reached. What is said from afar about what is near is not believed: it would make this node knock at
/// doors of its own house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Loopback,
    Private,
    Public,
}

fn scope_of_v4(ip: Ipv4Addr) -> Option<Scope> {
    if ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() {
        return None;
    }
    let shared = matches!(ip.octets(), [100, second, ..] if second & 0xc0 == 64);
    Some(match ip {
        _ if ip.is_loopback() => Scope::Loopback,
        _ if ip.is_private() || ip.is_link_local() || shared => Scope::Private,
        _ => Scope::Public,
    })
}

/// By its first part; nothing where that is no address of a machine.
pub(crate) fn scope(address: &Multiaddr) -> Option<Scope> {
    let ip = match address.iter().next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip).to_canonical(),
        _ => return None,
    };
    match ip {
        IpAddr::V4(ip) => scope_of_v4(ip),
        IpAddr::V6(ip) if ip.is_unspecified() || ip.is_multicast() => None,
        IpAddr::V6(ip) if ip.is_loopback() => Some(Scope::Loopback),
        IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => Some(Scope::Private),
        IpAddr::V6(_) => Some(Scope::Public),
    }
}

/// Whether it can ever be dialled, and if not, why.
pub(crate) fn dialable(address: &Multiaddr) -> Result<(), &'static str> {
    if scope(address).is_none() {
        return Err("it must begin with /ip4 or /ip6 and the address of a machine");
    }
    if !address.iter().any(|part| matches!(part, Protocol::Tcp(_) | Protocol::QuicV1)) {
        return Err("it must name /tcp/<port> or /udp/<port>/quic-v1");
    }
    if address.len() > ADDRESS_BYTES_MAX {
        return Err("it has more than 256 bytes");
    }
    Ok(())
}

/// Whose address it is, if it says so.
pub(crate) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// Whether it leads through a relay.
pub(crate) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// ROUTE-3: of what a peer that is reached at `from` says about itself, what may be true and can be dialled; each once, without its name.
pub(crate) fn believable<'a>(addresses: impl IntoIterator<Item = &'a Multiaddr>, from: Scope) -> Vec<Multiaddr> {
    let mut believed: Vec<Multiaddr> = Vec::new();
    for address in addresses {
        let known = dialable(address).is_ok() && scope(address).is_some_and(|of| of >= from);
        let bare = without_peer(address);
        if known && believed.len() < ADDRESSES_MAX && !believed.contains(&bare) {
            believed.push(bare);
        }
    }
    believed
}

/// Without the name of the peer at its end: where, not who.
pub(crate) fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut bare = address.clone();
    if matches!(bare.iter().last(), Some(Protocol::P2p(_))) {
        bare.pop();
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn route_3_what_is_said_from_afar_about_what_is_near_is_not_believed() {
        let told = [
            address("/ip4/127.0.0.1/tcp/4806"),
            address("/ip4/192.168.1.7/tcp/4806"),
            address("/ip4/100.64.0.1/udp/4806/quic-v1"),
            address("/ip4/8.8.8.8/tcp/4806"),
            address("/ip6/::ffff:127.0.0.1/tcp/4806"),
            address("/ip6/fe80::1/tcp/4806"),
            address("/ip6/2001:db8::1/udp/4806/quic-v1"),
        ];
        assert_eq!(believable(&told, Scope::Public), [told[3].clone(), told[6].clone()]);
        assert_eq!(believable(&told, Scope::Private).len(), 5);
        assert_eq!(believable(&told, Scope::Loopback).len(), 7);
    }

    #[test]
    fn route_3_addresses_are_bounded_in_number_and_length_and_must_lead_somewhere() {
        let many: Vec<_> = (1..100).map(|port| address(&format!("/ip4/8.8.8.8/tcp/{port}"))).collect();
        assert_eq!(believable(&many, Scope::Public), many[..ADDRESSES_MAX]);
        for text in
            ["/ip4/0.0.0.0/tcp/1", "/ip4/224.0.0.1/tcp/1", "/dns4/example.org/tcp/1", "/ip4/8.8.8.8/udp/1", "/ip6/::/tcp/1"]
        {
            assert_eq!(believable(&[address(text)], Scope::Loopback), Vec::<Multiaddr>::new(), "{text}");
        }
        let long = address(&format!("/ip4/8.8.8.8/tcp/1/dns4/{}", "a".repeat(300)));
        assert!(believable(&[long], Scope::Public).is_empty());
        let twice = address("/ip4/8.8.8.8/tcp/1");
        let named = twice.clone().with_p2p(PeerId::random()).unwrap();
        assert_eq!(believable(&[named, twice.clone()], Scope::Public), [twice]);
    }
}

//! How content nodes meet: peers of the chain tell one another where they are in the content swarm.

use leither_net::{Multiaddr, Net, PeerId, PeerInfo, Request, Response};
use leither_routing::{Addresses, Routing};
use multiaddr::Protocol;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// MEET-1: so often it is looked who is new.
const LOOK: Duration = Duration::from_secs(5);
/// Who answered is asked again after this: addresses change.
const AGAIN: Duration = Duration::from_secs(300);
/// Who did not, after this.
const SOON: Duration = Duration::from_secs(15);
/// Peers that are asked at once: blocks are asked for beside.
const ASKED_MAX: usize = 4;
/// Addresses that are told, and heard.
const ADDRESSES_MAX: usize = 8;

/// Tells and asks.
pub(super) struct Meet {
    pub net: Arc<Net>,
    pub routing: Routing,
    pub met: Met,
}

/// What this node and the peers of the chain that it knows told last: by their names in the data swarm.
#[derive(Clone, Default)]
pub(super) struct Met(Arc<Mutex<HashMap<PeerId, Vec<Multiaddr>>>>);

impl Met {
    /// It told this.
    pub fn hear(&self, peer: PeerId, addresses: Vec<Multiaddr>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(peer, addresses);
    }

    /// The others are no peers any more.
    fn keep(&self, is_known: impl Fn(&PeerId) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|peer, _| is_known(peer));
    }

    /// FIND-1: its name in the content swarm, and where it is; nothing where it told nothing.
    pub fn content_node(&self, peer: &PeerId) -> Option<(PeerId, Vec<Multiaddr>)> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(peer)?.clone();
        let Some(Protocol::P2p(id)) = told.first()?.iter().last() else { return None };
        Some((id, told))
    }
}

impl Meet {
    /// Works until the end.
    pub async fn run(self, end: impl Future<Output = ()> + Send) {
        tokio::pin!(end);
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut told, mut due) = (Vec::new(), HashMap::new());
        loop {
            tokio::select! {
                () = &mut end => return,
                _ = tick.tick() => {}
            }
            let mine = mine(&self.routing.addresses().await);
            if mine != told {
                self.net.set_content(mine.clone()).await;
                self.met.hear(self.net.local_peer_id(), mine.clone());
                told = mine;
            }
            tokio::select! {
                () = &mut end => return,
                () = self.ask(&mut due) => {}
            }
        }
    }

    /// MEET-1: asks those who are due.
    async fn ask(&self, due: &mut HashMap<PeerId, Instant>) {
        let (known, now) = (self.net.peers_known().await, Instant::now());
        due.retain(|peer, _| known.iter().any(|known| known.id == *peer));
        let me = self.net.local_peer_id();
        self.met.keep(|peer| *peer == me || known.iter().any(|known| known.id == *peer));
        let mut asks = JoinSet::new();
        for PeerInfo { id, address, .. } in known {
            if due.get(&id).is_some_and(|at| *at > now) || asks.len() >= ASKED_MAX {
                continue;
            }
            let net = self.net.clone();
            asks.spawn(async move { (id, address, net.ask(id, Request::Content).await) });
        }
        while let Some(asked) = asks.join_next().await {
            let Ok((peer, at, answer)) = asked else { continue };
            let pause = if answer.is_ok() { AGAIN } else { SOON };
            due.insert(peer, Instant::now() + pause);
            if let Ok(Response::Content { addresses }) = answer {
                let heard = heard(addresses.iter().map(|bytes| &bytes[..]), &at);
                self.met.hear(peer, heard.clone());
                for address in heard {
                    self.routing.learn(address).await;
                }
            }
        }
    }
}

/// What this node tells: where others reach it first.
fn mine(addresses: &Addresses) -> Vec<Multiaddr> {
    let all = addresses.external.iter().chain(&addresses.relayed).chain(&addresses.listen);
    let mut told: Vec<Multiaddr> = Vec::new();
    for address in all {
        if told.len() < ADDRESSES_MAX && !told.contains(address) {
            told.push(address.clone());
        }
    }
    told
}

/// MEET-2: what a peer told that is itself reached at `at`: addresses of one node, with its name.
fn heard<'a>(told: impl Iterator<Item = &'a [u8]>, at: &Multiaddr) -> Vec<Multiaddr> {
    let (mut node, mut heard) = (None, Vec::new());
    for bytes in told.take(ADDRESSES_MAX) {
        let Ok(address) = Multiaddr::try_from(bytes.to_vec()) else { continue };
        let Some(Protocol::P2p(id)) = address.iter().last() else { continue };
        // A peer speaks for its own node, not for a list of others that were to be dialled.
        if *node.get_or_insert(id) != id {
            continue;
        }
        if let Some(address) = placed(&address, at)
            && !heard.contains(&address)
        {
            heard.push(address);
        }
    }
    heard
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip).to_canonical()),
        _ => None,
    }
}

/// Whether it means something in this house alone.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// MEET-2: an address that means its own machine means that of the peer who told it.
fn placed(address: &Multiaddr, at: &Multiaddr) -> Option<Multiaddr> {
    let Some(ip) = ip_of(address) else { return Some(address.clone()) };
    if !ip.is_unspecified() && !ip.is_loopback() {
        // From elsewhere nobody tells what lies in this house.
        let is_near = ip_of(at).is_some_and(|at| at.is_loopback() || is_private(at));
        return (is_near || !is_private(ip)).then(|| address.clone());
    }
    // Told by whom nobody knows where it is, it would be this machine's own.
    let there = ip_of(at).filter(|there| there.is_ipv4() == ip.is_ipv4() && !there.is_unspecified())?;
    if there.is_loopback() && ip.is_loopback() {
        return Some(address.clone());
    }
    let host = Multiaddr::from(there);
    Some(host.iter().chain(address.iter().skip(1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    fn told(texts: &[String], at: &str) -> Vec<String> {
        let bytes: Vec<Vec<u8>> = texts.iter().map(|text| address(text).to_vec()).collect();
        heard(bytes.iter().map(|bytes| &bytes[..]), &address(at)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn meet_2_an_address_of_the_own_machine_becomes_that_of_the_peer_who_told_it() {
        for (text, at, wanted) in [
            ("/ip4/0.0.0.0/tcp/4806", "/ip4/192.0.2.7/udp/9/quic-v1", Some("/ip4/192.0.2.7/tcp/4806")),
            ("/ip4/127.0.0.1/udp/4806/quic-v1", "/ip4/192.0.2.7/tcp/9", Some("/ip4/192.0.2.7/udp/4806/quic-v1")),
            ("/ip4/127.0.0.1/tcp/4806", "/ip4/127.0.0.1/tcp/9", Some("/ip4/127.0.0.1/tcp/4806")),
            ("/ip4/0.0.0.0/tcp/4806", "/ip4/127.0.0.1/tcp/9", Some("/ip4/127.0.0.1/tcp/4806")),
            ("/ip6/::/tcp/4806", "/ip6/2001:db8::7/tcp/9", Some("/ip6/2001:db8::7/tcp/4806")),
            ("/ip6/::1/tcp/4806", "/ip4/192.0.2.7/tcp/9", None),
            ("/ip4/127.0.0.1/tcp/4806", "/dns4/example.org/tcp/9", None),
            ("/ip4/198.51.100.9/tcp/4806", "/ip4/192.0.2.7/tcp/9", Some("/ip4/198.51.100.9/tcp/4806")),
            ("/dns4/node.example/tcp/4806", "/ip4/192.0.2.7/tcp/9", Some("/dns4/node.example/tcp/4806")),
        ] {
            let found = told(&[format!("{text}/p2p/{ID}")], at);
            assert_eq!(
                found,
                wanted.map(|wanted| format!("{wanted}/p2p/{ID}")).into_iter().collect::<Vec<_>>(),
                "{text} at {at}"
            );
        }
    }

    #[test]
    fn meet_2_a_peer_speaks_for_one_node_and_says_its_name() {
        let at = "/ip4/192.0.2.7/tcp/9";
        let one = |n: u16| format!("/ip4/198.51.100.9/tcp/{n}/p2p/{ID}");
        assert_eq!(told(&["/ip4/198.51.100.9/tcp/1".into(), one(2)], at), [one(2)], "without a name anybody could answer");
        let other = one(3).replace(ID, &PeerId::random().to_string());
        assert_eq!(told(&[one(2), other, one(2), one(4)], at), [one(2), one(4)]);
        assert_eq!(told(&(1..20).map(one).collect::<Vec<_>>(), at).len(), ADDRESSES_MAX);
        assert!(heard([&b"junk"[..], &[]].into_iter(), &address(at)).is_empty());
    }

    #[test]
    fn meet_1_where_others_reach_it_is_told_first_and_not_more_than_eight() {
        let all = |n: u8| (0..6).map(|k| address(&format!("/ip4/198.51.100.{n}/tcp/{}", k + 1))).collect::<Vec<_>>();
        let addresses = Addresses { listen: all(1), external: all(2), relayed: all(2) };
        let told = mine(&addresses);
        assert_eq!((told.len(), &told[..6], &told[6..]), (8, &all(2)[..], &all(1)[..2]));
    }
}

//! How content nodes meet: peers of the chain tell one another where they are in the content swarm.

use leither_net::{AskError, Multiaddr, Net, PeerId, PeerInfo, Request, Response};
use leither_routing::{Addresses, Routing};
use multiaddr::Protocol;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// MEET-1: so often it is looked who is new, and who is lost.
const LOOK: Duration = Duration::from_secs(1);
/// Each is asked again after this: addresses change.
const AGAIN: Duration = Duration::from_secs(300);
/// Who is not met is asked again after this, then after twice as long each time, up to [`AGAIN`].
const SOON: Duration = Duration::from_secs(2);
/// Who was met so many times in a row when it was looked is asked at once when the connection is lost; who comes and goes is not dialled each time.
const STEADY: u32 = 10;
/// With so many connected nobody else is looked for before his time: the swarm itself dials no more that it is told of (ROUTE-3).
const ENOUGH: usize = 16;
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

/// A question, with whom it went to and where that one is.
type Asked = (PeerId, Multiaddr, Result<Response, AskError>);

/// When a peer of the chain is asked next.
struct Turn {
    /// It is being asked.
    asked: bool,
    /// How often in a row it was met.
    met: u32,
    /// Then it is asked if it is not met.
    soon: Instant,
    /// Then in any case.
    again: Instant,
    /// How long the next pause is.
    pause: Duration,
}

impl Turn {
    fn new(now: Instant) -> Self {
        Self { asked: false, met: 0, soon: now, again: now, pause: SOON }
    }

    /// MEET-1: whether it is to be asked now: after a restart there may be another way to it.
    fn is_due(&mut self, met: bool, now: Instant) -> bool {
        self.met = if met { self.met.saturating_add(1) } else { 0 };
        if self.met >= STEADY {
            (self.soon, self.pause) = (now, SOON);
        }
        !self.asked && (self.again <= now || (!met && self.soon <= now))
    }

    fn answered(&mut self, now: Instant) {
        self.asked = false;
        self.soon = now + self.pause;
        self.again = now + AGAIN;
        self.pause = self.pause.saturating_mul(2).min(AGAIN);
    }
}

impl Meet {
    /// Works until the end.
    pub async fn run(self, end: impl Future<Output = ()> + Send) {
        tokio::pin!(end);
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut told, mut turns, mut asks) = (Vec::new(), HashMap::new(), JoinSet::new());
        loop {
            tokio::select! {
                () = &mut end => return,
                Some(asked) = asks.join_next(), if !asks.is_empty() => {
                    if let Ok(asked) = asked {
                        self.hear(asked, &mut turns).await;
                    }
                }
                _ = tick.tick() => {
                    self.tell(&mut told).await;
                    self.ask(&mut turns, &mut asks).await;
                }
            }
        }
    }

    async fn tell(&self, told: &mut Vec<Multiaddr>) {
        let mine = mine(&self.routing.addresses().await);
        if mine != *told {
            self.net.set_content(mine.clone()).await;
            self.met.hear(self.net.local_peer_id(), mine.clone());
            *told = mine;
        }
    }

    /// MEET-1: asks those who are due. One that does not answer holds up no other.
    async fn ask(&self, turns: &mut HashMap<PeerId, Turn>, asks: &mut JoinSet<Asked>) {
        let known = self.net.peers_known().await;
        turns.retain(|peer, _| known.iter().any(|known| known.id == *peer));
        let me = self.net.local_peer_id();
        self.met.keep(|peer| *peer == me || known.iter().any(|known| known.id == *peer));
        let connected: HashSet<PeerId> = self.routing.peers().await.into_iter().map(|view| view.peer).collect();
        let now = Instant::now();
        for PeerInfo { id, address, .. } in known {
            let met = self.met.content_node(&id).is_some_and(|(node, _)| connected.contains(&node) || connected.len() >= ENOUGH);
            let turn = turns.entry(id).or_insert_with(|| Turn::new(now));
            if !turn.is_due(met, now) || asks.len() >= ASKED_MAX {
                continue;
            }
            turn.asked = true;
            let net = self.net.clone();
            asks.spawn(async move { (id, address, net.ask(id, Request::Content).await) });
        }
    }

    async fn hear(&self, (peer, at, answer): Asked, turns: &mut HashMap<PeerId, Turn>) {
        if let Some(turn) = turns.get_mut(&peer) {
            turn.answered(Instant::now());
        }
        if let Ok(Response::Content { addresses }) = answer {
            let heard = heard(addresses.iter().map(|bytes| &bytes[..]), &at);
            self.met.hear(peer, heard.clone());
            self.routing.learn(heard).await;
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

/// Whether nobody but this machine reaches a node that is there.
pub(super) fn is_at_home(addresses: &Addresses) -> bool {
    let Addresses { listen, external, relayed } = addresses;
    let mut all = listen.iter().chain(external).chain(relayed).peekable();
    all.peek().is_some() && all.all(|address| ip_of(address).is_some_and(|ip| ip.is_loopback()))
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip).to_canonical()),
        _ => None,
    }
}

/// Whether it means something in this house alone, or in a network that many share (100.64.0.0/10), as ROUTE-3 has it.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let is_shared = matches!(ip.octets(), [100, second, ..] if second & 0xc0 == 64);
            ip.is_private() || ip.is_link_local() || is_shared
        }
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
            ("/ip4/10.0.0.9/tcp/4806", "/ip4/192.0.2.7/tcp/9", None),
            ("/ip4/100.64.0.9/tcp/4806", "/ip4/192.0.2.7/tcp/9", None),
            ("/ip4/100.128.0.9/tcp/4806", "/ip4/192.0.2.7/tcp/9", Some("/ip4/100.128.0.9/tcp/4806")),
            ("/ip6/::ffff:10.0.0.9/tcp/4806", "/ip4/192.0.2.7/tcp/9", None),
            ("/ip4/10.0.0.9/tcp/4806", "/ip4/100.127.0.1/tcp/9", Some("/ip4/10.0.0.9/tcp/4806")),
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
    fn meet_1_who_is_not_met_is_asked_again_within_seconds_and_who_is_met_after_five_minutes() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut turn = Turn::new(start);
        assert!(turn.is_due(false, start), "it has just come");
        turn.asked = true;
        assert!(!turn.is_due(false, at(999)), "it is being asked");
        // It told nothing yet, or cannot be reached: 2, 4, 8 .. 300 s.
        let mut now = 0;
        for pause in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            turn.answered(at(now));
            now += pause;
            assert!(!turn.is_due(false, at(now - 1)) && turn.is_due(false, at(now)), "{pause}");
        }
        turn.answered(at(now));
        assert!(!turn.is_due(true, at(now + 299)) && turn.is_due(true, at(now + 300)), "addresses change");
        turn.answered(at(now));
        for second in 0..u64::from(STEADY) {
            assert!(!turn.is_due(true, at(now + 50 + second)), "{second}");
        }
        assert!(turn.is_due(false, at(now + 60)), "its connection is lost");
        turn.answered(at(now + 60));
        assert!(!turn.is_due(false, at(now + 61)) && turn.is_due(false, at(now + 62)), "and the pauses begin anew");
        turn.answered(at(now + 62));
        assert!(
            !turn.is_due(true, at(now + 63)) && !turn.is_due(false, at(now + 64)),
            "who comes and goes waits for its pause"
        );
        assert!(turn.is_due(false, at(now + 66)));
    }

    #[test]
    fn a_node_is_at_home_where_all_its_addresses_are_of_loopback() {
        let at = |text: &str| vec![address(text)];
        let of = |listen, external| Addresses { listen, external, relayed: Vec::new() };
        assert!(is_at_home(&of(at("/ip4/127.0.0.1/tcp/4806"), Vec::new())) && is_at_home(&of(at("/ip6/::1/tcp/1"), Vec::new())));
        for open in [of(at("/ip4/192.0.2.7/tcp/4806"), Vec::new()), of(at("/ip4/127.0.0.1/tcp/1"), at("/ip4/192.0.2.7/tcp/1"))] {
            assert!(!is_at_home(&open), "{open:?}");
        }
        assert!(!is_at_home(&Addresses::default()), "it listens nowhere yet");
    }

    #[test]
    fn meet_1_where_others_reach_it_is_told_first_and_not_more_than_eight() {
        let all = |n: u8| (0..6).map(|k| address(&format!("/ip4/198.51.100.{n}/tcp/{}", k + 1))).collect::<Vec<_>>();
        let addresses = Addresses { listen: all(1), external: all(2), relayed: all(2) };
        let told = mine(&addresses);
        assert_eq!((told.len(), &told[..6], &told[6..]), (8, &all(2)[..], &all(1)[..2]));
    }
}

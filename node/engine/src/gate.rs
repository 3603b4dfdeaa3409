//! ENGINE-16: the door before the consensus swarm, which has none of its own for strangers: it takes whatever a connection says until that
//! connection has said who it is, and does not mind if it never does.
//!
//! ```text
//! consensus.listen -> Gate: from a validator's address? -> the swarm, on loopback
//!                           from elsewhere: few, seldom, a little -> the swarm knows it as a peer? -> all it has to say
//!                                                                    not within 5 s? -> cut off
//! ```
//! What is read of a stranger is bounded, not thrown away: a validator that dials out from an address which nobody knows loses nothing but the
//! moment until the swarm has recognized it.

use crate::silence;
use arc_malachitebft_app_channel::NetworkRequest;
use arc_malachitebft_app_channel::app::net::Multiaddr;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Connections in all.
const LINKS_MAX: usize = 256;
/// Of strangers, and of strangers from one address.
const STRANGERS_MAX: usize = 32;
const STRANGERS_A_HOUSE: usize = 4;
/// So many at once from one address, and one more each such time.
const ARRIVALS: u32 = 8;
const ARRIVAL: Duration = Duration::from_secs(1);
/// Whoever leaves as a stranger costs its address so long besides: the swarm remembers a little of each.
const IN_VAIN: Duration = Duration::from_secs(10);
/// Bytes of a stranger that are passed on: a handshake, a name, its proof, and some dozens of votes.
const STRANGER_BYTES_MAX: usize = 32 * 1024;
/// Until then the swarm knows its peer.
const STRANGER_TIME: Duration = Duration::from_secs(5);
/// So long the swarm is asked for the name of who came from a validator's place.
const NAME_TIME: Duration = Duration::from_secs(30);
/// How often the swarm is asked while somebody has none.
const LOOK: Duration = Duration::from_millis(250);
/// Addresses of which the haste is remembered.
const HOUSES_MAX: usize = 4096;
const BUFFER: usize = 16 * 1024;

/// Where validators are: the addresses that the settings and the chain name.
#[derive(Debug, Default)]
pub struct Places(Mutex<BTreeSet<IpAddr>>);

impl Places {
    /// These, and no others.
    pub fn set<'a>(&self, addresses: impl Iterator<Item = &'a Multiaddr>) {
        let places = addresses.filter_map(|address| Some(house(ip_and_port(address)?.0))).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = places;
    }

    fn has(&self, house: IpAddr) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&house)
    }
}

/// IP and TCP port of an address that begins with them.
fn ip_and_port(address: &Multiaddr) -> Option<(IpAddr, u16)> {
    let text = address.to_string();
    let mut parts = text.split('/').skip(1);
    let (family, ip, tcp, port) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    match (family, tcp) {
        ("ip4" | "ip6", "tcp") => Some((ip.parse().ok()?, port.parse().ok()?)),
        _ => None,
    }
}

/// All of an IPv4 address; of IPv6 the half that one line has.
fn house(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        ip => ip,
    }
}

/// An address on loopback for the swarm itself.
pub fn inner() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

struct Link {
    house: IpAddr,
    since: Instant,
    /// Whether it may say all.
    known: watch::Sender<bool>,
    /// Who that is, once the swarm has told.
    peer: Option<String>,
    task: AbortHandle,
}

impl Link {
    fn is_known(&self) -> bool {
        *self.known.borrow()
    }
}

/// Which connections there are, and who may make one more.
#[derive(Default)]
struct Book {
    links: BTreeMap<u64, Link>,
    /// The swarm's side of a connection is named by the port from which the gate made it.
    ports: BTreeMap<u64, u16>,
    /// When an address will have made up for its haste.
    haste: BTreeMap<IpAddr, Instant>,
    next: u64,
}

impl Book {
    fn admits(&mut self, house: IpAddr, trusted: bool, now: Instant) -> bool {
        if self.links.len() >= LINKS_MAX {
            return false;
        }
        // A house where a validator was recognized is none of a stranger.
        let mut of_house = self.links.values().filter(|link| link.house == house);
        if trusted || of_house.any(Link::is_known) {
            return true;
        }
        let strangers = || self.links.values().filter(|link| !link.is_known());
        if strangers().count() >= STRANGERS_MAX || strangers().filter(|link| link.house == house).count() >= STRANGERS_A_HOUSE {
            return false;
        }
        if self.haste.len() >= HOUSES_MAX {
            self.haste.retain(|_, until| *until > now);
        }
        if self.haste.len() >= HOUSES_MAX && !self.haste.contains_key(&house) {
            return false;
        }
        let until = self.haste.get(&house).map_or(now, |until| (*until).max(now)) + ARRIVAL;
        if until > now + ARRIVAL * ARRIVALS {
            return false;
        }
        self.haste.insert(house, until);
        true
    }

    /// Whether the swarm is to be asked who somebody is. One who comes from a validator's place may never get a name: it is asked so long.
    fn has_nameless(&self, now: Instant) -> bool {
        let waits = |link: &Link| !link.is_known() || now.saturating_duration_since(link.since) < NAME_TIME;
        self.links.values().any(|link| link.peer.is_none() && waits(link))
    }

    /// The swarm has peers by these ports; strangers whose time is over go.
    fn recognize(&mut self, peers: &BTreeMap<u16, String>, now: Instant) {
        let mut again = Vec::new();
        for (id, link) in &mut self.links {
            if link.peer.is_some() {
                continue;
            }
            if let Some(peer) = self.ports.get(id).and_then(|port| peers.get(port)) {
                link.known.send_replace(true);
                link.peer = Some(peer.clone());
                again.push(peer.clone());
            } else if !link.is_known() && now.saturating_duration_since(link.since) >= STRANGER_TIME {
                tracing::info!(from = %link.house, "cut off: the consensus swarm does not know it as a validator");
                link.task.abort();
            }
        }
        for peer in again {
            self.once(&peer, now);
        }
    }

    /// Who comes again while its former connection is there, as from behind a router that was given another address, is taken by the swarm for
    /// connected all the time, and is not told again what others subscribe to: nobody would send it votes. So it shall come anew.
    fn once(&self, peer: &str, now: Instant) {
        let links = || self.links.values().filter(|link| link.peer.as_deref() == Some(peer));
        // Two at once, as where both sides dial, are none of these.
        let is_old = |link: &Link| now.saturating_duration_since(link.since) >= STRANGER_TIME;
        if links().count() > 1 && links().any(is_old) {
            tracing::info!(%peer, "came again before its former connection had ended: both are closed, so that it comes anew");
            links().for_each(|link| link.task.abort());
        }
    }

    fn forget(&mut self, id: u64, now: Instant) {
        self.ports.remove(&id);
        // It came in, so its address is there.
        if let Some(gone) = self.links.remove(&id)
            && !gone.is_known()
            && let Some(until) = self.haste.get_mut(&gone.house)
        {
            *until = (*until).max(now) + IN_VAIN;
        }
    }
}

/// Lets validators through to the swarm, for ever. Dropped, it closes all.
pub async fn run(listener: TcpListener, swarm: SocketAddr, places: Arc<Places>, net: mpsc::Sender<NetworkRequest>) {
    let (made, mut made_queue) = mpsc::unbounded_channel();
    let (mut book, mut tasks) = (Book::default(), JoinSet::new());
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, from) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Such as too many open files: waiting is all that helps.
                        tracing::warn!(%error, "a connection of consensus was not accepted");
                        sleep(LOOK).await;
                        continue;
                    }
                };
                let house = house(from.ip());
                let trusted = places.has(house);
                // Dropped, it is closed.
                if !book.admits(house, trusted, Instant::now()) {
                    tracing::debug!(%from, "not let into the consensus swarm: too many strangers");
                    continue;
                }
                silence::bound_first(&stream);
                let id = book.next;
                book.next = id.wrapping_add(1);
                let (known, knows) = watch::channel(trusted);
                // Bounded by LINKS_MAX: each connection says once where it was made.
                let made = made.clone();
                let task = tasks.spawn(async move {
                    // How a connection ends is both sides' affair.
                    let _ = pass(stream, swarm, knows, |port| made.send((id, port)).unwrap_or(())).await;
                    id
                });
                book.links.insert(id, Link { house, since: Instant::now(), known, peer: None, task });
            }
            Some((id, port)) = made_queue.recv() => drop(book.ports.insert(id, port)),
            Some(ended) = tasks.join_next_with_id() => match ended {
                Ok((_, id)) => book.forget(id, Instant::now()),
                Err(error) => {
                    let gone = book.links.iter().find(|(_, link)| link.task.id() == error.id()).map(|(id, _)| *id);
                    gone.into_iter().for_each(|id| book.forget(id, Instant::now()));
                }
            },
            _ = looks.tick(), if book.has_nameless(Instant::now()) => {
                let peers = match NetworkRequest::dump_state(&net).await {
                    Ok(Some(swarm)) => swarm
                        .peers
                        .iter()
                        .filter(|(_, peer)| peer.peer_type.is_persistent())
                        .filter_map(|(id, peer)| Some((ip_and_port(&peer.address)?, id.to_string())))
                        .filter_map(|((ip, port), id)| ip.is_loopback().then_some((port, id)))
                        .collect(),
                    // It is being begun anew: nobody is known to it.
                    _ => BTreeMap::new(),
                };
                book.recognize(&peers, Instant::now());
            }
        }
    }
}

/// Passes bytes on, both ways, until one side ends.
async fn pass(outside: TcpStream, swarm: SocketAddr, known: watch::Receiver<bool>, made: impl FnOnce(u16)) -> io::Result<()> {
    let inside = TcpStream::connect(swarm).await?;
    made(inside.local_addr()?.port());
    outside.set_nodelay(true)?;
    inside.set_nodelay(true)?;
    let ((mut from_peer, mut to_peer), (mut from_swarm, mut to_swarm)) = (outside.into_split(), inside.into_split());
    tokio::select! {
        ended = inward(&mut from_peer, &mut to_swarm, known) => ended,
        ended = outward(&mut from_swarm, &mut to_peer) => ended,
    }
}

async fn inward(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, mut known: watch::Receiver<bool>) -> io::Result<()> {
    let (mut buffer, mut passed) = (vec![0; BUFFER], 0usize);
    loop {
        if passed >= STRANGER_BYTES_MAX {
            // The rest waits with its sender. The gate ends this task where it waits in vain.
            known.wait_for(|known| *known).await.map_err(io::Error::other)?;
        }
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        passed = passed.saturating_add(read);
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}

async fn outward(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));

    fn link(known: bool, house: IpAddr, since: Instant) -> (Link, tokio::task::JoinHandle<()>) {
        let task = tokio::spawn(std::future::pending());
        (Link { house, since, known: watch::channel(known).0, peer: None, task: task.abort_handle() }, task)
    }

    /// ENGINE-16.
    #[tokio::test]
    async fn strangers_are_few_and_come_seldom_and_validators_have_room() {
        let (mut book, now) = (Book::default(), Instant::now());
        assert_eq!((0..100).filter(|_| book.admits(FAR, false, now)).count(), ARRIVALS as usize);
        assert!(book.admits(FAR, false, now + ARRIVAL), "time makes up for it");
        assert!((0..100).all(|_| book.admits(FAR, true, now)), "of a validator's address all are let in");
        for n in 0..STRANGERS_A_HOUSE as u64 {
            book.links.insert(n, link(false, FAR, now).0);
        }
        let late = now + Duration::from_secs(60);
        assert!(!book.admits(FAR, false, late), "enough of this house");
        let other = |n: u32| IpAddr::V4(Ipv4Addr::from_bits(n));
        assert!(book.admits(other(1), false, late));
        book.links.insert(99, link(true, FAR, now).0);
        assert!(book.admits(FAR, false, late), "a validator lives there");
        for n in 100..100 + LINKS_MAX as u64 {
            book.links.insert(n, link(false, other(n as u32), now).0);
        }
        assert!(!book.admits(other(7), false, late) && !book.admits(other(7), true, late));
        let mut book = Book::default();
        let come = (0..2 * HOUSES_MAX as u32).filter(|n| book.admits(other(*n), false, now)).count();
        assert_eq!(come, HOUSES_MAX);
        assert!(book.haste.len() <= HOUSES_MAX);
    }

    /// ENGINE-16.
    #[tokio::test]
    async fn whom_the_swarm_does_not_know_in_time_is_cut_off() {
        let (mut book, now) = (Book::default(), Instant::now());
        let ((first, _keep), (second, cut)) = (link(false, FAR, now), link(false, FAR, now));
        book.links.extend([(1, first), (2, second)]);
        book.ports.extend([(1, 1001), (2, 1002)]);
        book.recognize(&BTreeMap::new(), now + STRANGER_TIME / 2);
        book.recognize(&BTreeMap::from([(1001, "a".to_string())]), now + STRANGER_TIME);
        assert!(book.links[&1].is_known() && !book.links[&2].is_known());
        assert!(cut.await.unwrap_err().is_cancelled());
        assert!(book.admits(FAR, false, now), "a validator lives there now");
        book.forget(1, now);
        book.haste.insert(FAR, now);
        book.forget(2, now);
        assert!(!book.links.values().any(|link| !link.is_known()));
        assert!(!book.admits(FAR, false, now) && book.admits(FAR, false, now + IN_VAIN), "who came in vain waits");
    }

    /// ENGINE-16.
    #[tokio::test]
    async fn a_stranger_says_a_little_and_all_of_it_once_it_is_known() {
        let swarm = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (known, knows) = watch::channel(false);
        let (at, to) = (door.local_addr().unwrap(), swarm.local_addr().unwrap());
        tokio::spawn(async move { pass(door.accept().await.unwrap().0, to, knows, |_| {}).await });
        let all = vec![7; 4 * STRANGER_BYTES_MAX];
        let mut peer = TcpStream::connect(at).await.unwrap();
        let (mut inside, _) = swarm.accept().await.unwrap();
        let sent = all.clone();
        let sender = tokio::spawn(async move {
            peer.write_all(&sent).await.unwrap();
            peer
        });
        let mut buffer = vec![0; all.len()];
        let first = timeout(Duration::from_millis(500), inside.read_exact(&mut buffer)).await;
        assert!(first.is_err(), "not all of it");
        known.send_replace(true);
        // What was read before is lost to this test's buffer, so it is counted by what is left.
        let mut rest = 0;
        while let Ok(Ok(read @ 1..)) = timeout(Duration::from_millis(500), inside.read(&mut buffer)).await {
            rest += read;
        }
        assert!(rest >= all.len() - STRANGER_BYTES_MAX - BUFFER && rest < all.len(), "{rest}");
        inside.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        sender.await.unwrap().read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
    }

    /// ENGINE-16.
    #[tokio::test]
    async fn who_comes_again_before_the_former_connection_has_ended_comes_anew() {
        let (mut book, now) = (Book::default(), Instant::now());
        let mut tasks = Vec::new();
        for (id, known) in [(1, true), (2, true), (3, false)] {
            let (link, task) = link(known, FAR, now);
            book.links.insert(id, link);
            book.ports.insert(id, 1_000 + id as u16);
            tasks.push(task);
        }
        let peers = |rows: &[(u16, &str)]| rows.iter().map(|(port, peer)| (*port, peer.to_string())).collect::<BTreeMap<_, _>>();
        assert!(book.has_nameless(now));
        book.recognize(&peers(&[(1_001, "a"), (1_002, "b")]), now);
        assert!(tasks.iter().all(|task| !task.is_finished()));
        // The swarm tells one address a peer: now the newer one.
        book.recognize(&peers(&[(1_003, "a"), (1_002, "b")]), now + STRANGER_TIME / 2);
        assert!(tasks.iter().all(|task| !task.is_finished()), "two at once");
        book.links.get_mut(&3).unwrap().peer = None;
        book.recognize(&peers(&[(1_003, "a"), (1_002, "b")]), now + STRANGER_TIME);
        tokio::task::yield_now().await;
        assert_eq!(tasks.iter().map(|task| task.is_finished()).collect::<Vec<_>>(), [true, false, true]);
        assert!(!book.has_nameless(now));
    }

    #[test]
    fn places_are_those_of_addresses_with_an_ip() {
        let (places, parse) = (Places::default(), |text: &str| text.parse::<Multiaddr>().unwrap());
        places.set([parse("/ip4/192.0.2.9/tcp/4804"), parse("/ip6/2001:db8::7/tcp/1"), parse("/dns/example.org/tcp/1")].iter());
        assert!(places.has(FAR) && places.has(house("2001:db8::1".parse().unwrap())));
        assert!(!places.has(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(house("::ffff:192.0.2.9".parse().unwrap()), FAR);
    }
}

use leither_types::Height;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// NET-14: so long after an answer Hello is asked again.
pub(crate) const HELLO_EVERY: Duration = Duration::from_secs(5);
/// So long after none.
pub(crate) const HELLO_AGAIN: Duration = Duration::from_secs(1);
/// Who has not answered for so long is not there.
pub(crate) const HELLO_PATIENCE: Duration = Duration::from_secs(40);
/// Who is to leave stays so long, to hear why.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// A peer, as it said itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its name.
    pub id: PeerId,
    /// Where it is connected.
    pub address: Multiaddr,
    /// Whether we dialled it.
    pub outbound: bool,
    /// Its newest block, as of its last Hello. It may lie.
    pub height: Height,
    /// The lowest height from which on it has every block whole, as it says.
    pub lowest: Height,
    /// Its program.
    pub software: String,
}

/// What a peer said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub height: Height,
    pub lowest: Height,
    pub software: String,
}

/// What is due with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Ask Hello.
    Hello,
    /// It is silent: hang up.
    Silent,
    /// It was told to leave: hang up.
    Leave,
}

struct Peer {
    links: BTreeMap<ConnectionId, (Multiaddr, bool)>,
    /// It is of our chain: it asked or answered so.
    ours: bool,
    standing: Option<Standing>,
    /// A Hello of ours is under way.
    asking: bool,
    ask_at: Instant,
    heard: Instant,
    leave_at: Option<Instant>,
}

/// Who is connected, and what they said.
#[derive(Default)]
pub(crate) struct Peers(BTreeMap<PeerId, Peer>);

impl Peers {
    pub fn connected(&mut self, id: PeerId, link: ConnectionId, address: Multiaddr, outbound: bool, now: Instant) {
        let peer = self.0.entry(id).or_insert_with(|| Peer {
            links: BTreeMap::new(),
            ours: false,
            standing: None,
            asking: false,
            ask_at: now,
            heard: now,
            leave_at: None,
        });
        peer.links.insert(link, (address, outbound));
    }

    /// A connection is over; the last one takes what was known with it.
    pub fn closed(&mut self, id: &PeerId, link: ConnectionId) {
        if let Some(peer) = self.0.get_mut(id) {
            peer.links.remove(&link);
            if peer.links.is_empty() {
                self.0.remove(id);
            }
        }
    }

    /// What is to be done now. A Hello that is handed out is taken to be under way.
    pub fn due(&mut self, now: Instant) -> Vec<(PeerId, Due)> {
        let mut due = Vec::new();
        for (id, peer) in &mut self.0 {
            if let Some(at) = peer.leave_at {
                if at <= now {
                    due.push((*id, Due::Leave));
                }
            } else if now.saturating_duration_since(peer.heard) > HELLO_PATIENCE {
                due.push((*id, Due::Silent));
            } else if !peer.asking && peer.ask_at <= now {
                peer.asking = true;
                due.push((*id, Due::Hello));
            }
        }
        due
    }

    fn staying(&mut self, id: &PeerId) -> Option<&mut Peer> {
        self.0.get_mut(id).filter(|peer| peer.leave_at.is_none())
    }

    /// It said Hello and is of our chain. Gives the connections that this makes good.
    pub fn is_ours(&mut self, id: &PeerId) -> Vec<ConnectionId> {
        let Some(peer) = self.staying(id) else { return Vec::new() };
        peer.ours = true;
        peer.links.keys().copied().collect()
    }

    /// It answered our Hello.
    pub fn answered(&mut self, id: &PeerId, standing: Standing, now: Instant) {
        if let Some(peer) = self.staying(id) {
            peer.standing = Some(standing);
            (peer.asking, peer.heard, peer.ask_at) = (false, now, now + HELLO_EVERY);
        }
    }

    /// Our Hello was not answered; `there`: but something was.
    pub fn unanswered(&mut self, id: &PeerId, there: bool, now: Instant) {
        if let Some(peer) = self.0.get_mut(id) {
            (peer.asking, peer.ask_at) = (false, now + HELLO_AGAIN);
            if there {
                peer.heard = now;
            }
        }
    }

    /// It has to go. `true` the first time.
    pub fn leaves(&mut self, id: &PeerId, now: Instant) -> bool {
        self.0.get_mut(id).is_some_and(|peer| {
            (peer.ours, peer.standing) = (false, None);
            let first = peer.leave_at.is_none();
            peer.leave_at.get_or_insert(now + FAREWELL);
            first
        })
    }

    /// Whether it may be served: it is of our chain and not about to leave.
    pub fn may_ask(&self, id: &PeerId) -> bool {
        self.0.get(id).is_some_and(|peer| peer.ours && peer.leave_at.is_none())
    }

    /// Whether it may be asked: it said what it has.
    pub fn may_be_asked(&self, id: &PeerId) -> bool {
        self.0.get(id).is_some_and(|peer| peer.standing.is_some())
    }

    /// Where the connections lead that we made.
    pub fn dialled(&self, id: &PeerId) -> Vec<(ConnectionId, Multiaddr)> {
        let links = self.0.get(id).into_iter().flat_map(|peer| &peer.links);
        links.filter(|(_, (_, outbound))| *outbound).map(|(link, (address, _))| (*link, address.clone())).collect()
    }

    /// Where it came from, by the connections that it made.
    pub fn came_from(&self, id: &PeerId) -> Vec<Multiaddr> {
        let links = self.0.get(id).into_iter().flat_map(|peer| peer.links.values());
        links.filter(|(_, outbound)| !outbound).map(|(address, _)| address.clone()).collect()
    }

    pub fn known(&self) -> Vec<PeerInfo> {
        let info = |(id, peer): (&PeerId, &Peer)| {
            let standing = peer.standing.clone()?;
            // The one that we dialled, if there are two: its address is the one that others may use.
            let (address, outbound) = peer.links.values().max_by_key(|(_, outbound)| *outbound)?.clone();
            let Standing { height, lowest, software } = standing;
            Some(PeerInfo { id: *id, address, outbound, height, lowest, software })
        };
        self.0.iter().filter_map(info).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(height: Height) -> Standing {
        Standing { height, lowest: 1, software: "leither/0".into() }
    }

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn net_14_hello_is_asked_at_once_every_five_seconds_and_sooner_when_it_failed() {
        let (mut peers, start, id) = (Peers::default(), Instant::now(), PeerId::random());
        let link = ConnectionId::new_unchecked(1);
        peers.connected(id, link, address(1), true, start);
        assert_eq!(peers.due(start), [(id, Due::Hello)]);
        assert_eq!(peers.due(start + HELLO_EVERY), [], "one at a time");
        peers.answered(&id, standing(7), start + HELLO_AGAIN);
        assert_eq!(peers.due(start + HELLO_EVERY), []);
        assert_eq!(peers.due(start + HELLO_EVERY + HELLO_AGAIN), [(id, Due::Hello)]);
        let later = start + 2 * HELLO_EVERY;
        peers.unanswered(&id, false, later);
        assert_eq!(peers.due(later + HELLO_AGAIN), [(id, Due::Hello)]);
        assert_eq!(peers.known()[0].height, 7, "what it said last still stands");
        peers.unanswered(&id, false, later + HELLO_AGAIN);
        let silent = start + HELLO_AGAIN + HELLO_PATIENCE + Duration::from_millis(1);
        assert_eq!(peers.due(silent), [(id, Due::Silent)]);
        peers.unanswered(&id, true, silent);
        assert_eq!(peers.due(silent + HELLO_AGAIN), [(id, Due::Hello)], "busy is there");
        peers.closed(&id, link);
        assert!(peers.known().is_empty() && peers.due(silent + HELLO_PATIENCE * 2).is_empty());
    }

    #[test]
    fn net_14_who_has_not_said_its_chain_is_not_served_and_who_must_leave_is_heard_out() {
        let (mut peers, now, id) = (Peers::default(), Instant::now(), PeerId::random());
        peers.connected(id, ConnectionId::new_unchecked(1), address(1), false, now);
        peers.connected(id, ConnectionId::new_unchecked(2), address(2), true, now);
        assert!(!peers.may_ask(&id) && !peers.may_be_asked(&id) && peers.known().is_empty());
        assert_eq!(peers.is_ours(&id).len(), 2);
        assert!(peers.may_ask(&id) && !peers.may_be_asked(&id));
        peers.answered(&id, standing(3), now);
        assert!(peers.may_be_asked(&id));
        let known = peers.known().remove(0);
        assert!(known.outbound && known.address == address(2));
        assert_eq!(peers.dialled(&id), [(ConnectionId::new_unchecked(2), address(2))]);
        assert!(peers.leaves(&id, now) && !peers.leaves(&id, now));
        peers.answered(&id, standing(4), now);
        assert_eq!(peers.is_ours(&id), [], "it does not talk itself back in");
        assert!(!peers.may_ask(&id) && !peers.may_be_asked(&id));
        assert_eq!(peers.due(now + FAREWELL / 2), []);
        assert_eq!(peers.due(now + FAREWELL), [(id, Due::Leave)]);
    }
}

//! Calls about the network: who is connected, who has what.

use super::{Desk, Link, Query, json};
use crate::content::api::{Addresses, Connected, NetworkView, Outgoing, Peers, Provider, Providers, Reach, SwarmPeer};
use crate::content::calls::{Answer, No};
use crate::content::chain::Chain;
use crate::content::meet::{Met, is_at_home};
use crate::content::wants::{Network, What};
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use leither_kit::Cid;
use leither_kit::source::SourceError;
use leither_net::{Multiaddr, PeerId};
use leither_routing::{Direction, Held, Key, RouteError, Routing};
use leither_types::{AccountId, MimeiId};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// Providers that are told at most.
const PROVIDERS_MAX: usize = 32;
/// NETWORK-1: a search that somebody waits for is over then.
const FIND: Duration = Duration::from_secs(25);
/// How long a provider may take to say which version it holds.
const HELD_WAIT: Duration = Duration::from_secs(5);
/// NETWORK-1: `mimei show` waits no longer for the network.
const GLANCE: Duration = Duration::from_secs(3);
/// Of which so long for finding out who provides it ...
const GLANCE_FIND: Duration = Duration::from_secs(2);
/// ... and until then for what they hold.
const GLANCE_HELD: Duration = Duration::from_millis(2_800);

fn refused(error: RouteError) -> No {
    let (status, reason) = match &error {
        RouteError::NotFound => (StatusCode::NOT_FOUND, "absent"),
        RouteError::Address { .. } | RouteError::Key => (StatusCode::BAD_REQUEST, "usage"),
        RouteError::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "fault"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "unreachable"),
    };
    No { status, reason, message: error.to_string() }
}

fn texts(addresses: &[Multiaddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

pub(super) fn names(peers: &[PeerId]) -> Vec<String> {
    peers.iter().map(ToString::to_string).collect()
}

/// Why nobody has said yet whether this node is reached, and what to do about it.
fn untried(found: &leither_routing::Addresses, peers: usize) -> &'static str {
    match peers {
        _ if is_at_home(found) => {
            "it listens on this machine's loopback alone, so that no other machine reaches it: set swarm.listen, or p2p.listen, which it follows, to an \
             address that others reach, like 0.0.0.0:4806"
        }
        0 => {
            "nobody is connected who could try: `leither swarm connect ADDRESS`, or look whether this node has peers of its chain (`leither status`)"
        }
        _ => "none of those who are connected has tried yet, or none of them can",
    }
}

/// A MiMei or a tree, as a person names it.
fn what(text: &str) -> Answer<What> {
    let tree = || text.parse::<Cid>().ok().map(What::Tree);
    let found = text.parse::<MimeiId>().ok().map(What::Mimei).or_else(tree);
    found.ok_or_else(|| No::usage(format!("`{}` is neither a MiMei nor a content id", crate::content::api::escape(text))))
}

impl Link {
    pub(super) fn routing(&self) -> Answer<&Routing> {
        self.routing.as_ref().ok_or_else(no_swarm)
    }
}

fn no_swarm() -> No {
    No { status: StatusCode::SERVICE_UNAVAILABLE, reason: "unreachable", message: "this node is in no content swarm".into() }
}

impl Desk {
    /// A block of this node, else out of the network.
    pub(super) async fn far(&self, cid: &Cid) -> Answer<Bytes> {
        self.link()?.source.block(cid).await.map_err(|error| match &error {
            SourceError::NotFound(_) => No::absent(error.to_string()),
            SourceError::Timeout(_) | SourceError::TooMany(_) => {
                No { status: StatusCode::GATEWAY_TIMEOUT, reason: "unreachable", message: error.to_string() }
            }
            SourceError::Busy(_) => {
                No { status: StatusCode::SERVICE_UNAVAILABLE, reason: "unreachable", message: error.to_string() }
            }
            SourceError::Other(_) => No::fault(error),
        })
    }

    pub(super) fn link(&self) -> Answer<&Link> {
        self.link.as_ref().ok_or_else(no_swarm)
    }

    /// `/swarm/...`
    pub(super) async fn swarm(&self, call: &[&str], query: &Query) -> Answer<Response<Outgoing>> {
        let routing = self.link()?.routing()?;
        match call {
            ["addrs"] => {
                let found = routing.addresses().await;
                json(&Addresses {
                    peer: routing.local_peer_id().to_string(),
                    listen: texts(&found.listen),
                    external: texts(&found.external),
                    relayed: texts(&found.relayed),
                })
            }
            ["peers"] => {
                let items = routing.peers().await.into_iter().map(|view| SwarmPeer {
                    peer: view.peer.to_string(),
                    address: view.address.to_string(),
                    agent: view.agent,
                    direction: match view.direction {
                        Direction::Incoming => "incoming".into(),
                        Direction::Outgoing => "outgoing".into(),
                    },
                    relayed: view.relayed,
                    protocols: view.protocols,
                    sent_bytes: view.traffic.sent_bytes.to_string(),
                    received_bytes: view.traffic.received_bytes.to_string(),
                });
                json(&Peers { items: items.collect() })
            }
            ["reach"] => {
                let (reach, address, why) = match routing.reach().await {
                    leither_routing::Reach::Unknown => {
                        let why = untried(&routing.addresses().await, routing.peers().await.len());
                        ("unknown", None, Some(why.into()))
                    }
                    leither_routing::Reach::Public(address) => ("public", Some(address.to_string()), None),
                    leither_routing::Reach::Private { why } => ("private", None, Some(why)),
                };
                json(&Reach { reach: reach.into(), address, why })
            }
            _ => {
                let text = query.need("address")?;
                let no = |e: String| No::usage(format!("that is no multiaddress: {e}; write /ip4/…/tcp/…/p2p/…"));
                let address = text.parse::<Multiaddr>().map_err(|e| no(e.to_string()))?;
                let peer = routing.connect(address).await.map_err(refused)?;
                json(&Connected { peer: peer.to_string() })
            }
        }
    }

    /// `GET /dht/peer`
    pub(super) async fn find_peer(&self, query: &Query) -> Answer<Response<Outgoing>> {
        let link = self.link()?;
        let (peer, told) = match query.text("of") {
            Some(operator) => {
                let operator: AccountId = operator.parse().map_err(|e: leither_types::IdError| No::usage(e.to_string()))?;
                content_node(&*link.follow.chain, &link.met, &operator).await?
            }
            None => (query.need("id")?.parse::<PeerId>().map_err(|_| No::usage("that is no peer id: write 12D3…"))?, Vec::new()),
        };
        let found = timeout(FIND, link.routing()?.find_peer(peer)).await;
        let addresses = match found.unwrap_or(Err(RouteError::Timeout)) {
            // It told the peers of its chain, though the swarm does not find it now.
            Err(_) if !told.is_empty() => told,
            found => found.map_err(refused)?,
        };
        json(&Provider { peer: peer.to_string(), addresses: texts(&addresses), version: None, cid: None })
    }

    /// `GET /providers`: of a MiMei with the versions that they say they hold.
    pub(super) async fn providers(&self, query: &Query) -> Answer<Response<Outgoing>> {
        let what = what(&query.need("of")?)?;
        let routing = self.link()?.routing()?;
        let until = Instant::now() + FIND;
        let found = timeout_at(until, routing.find_providers(what.key(), PROVIDERS_MAX)).await;
        let found = match found.unwrap_or(Err(RouteError::Timeout)) {
            Ok(found) => found,
            Err(RouteError::NotFound) => Vec::new(),
            Err(error) => return Err(refused(error)),
        };
        let held = match what {
            What::Mimei(id) => ask_held(routing, found.clone(), id, until.min(Instant::now() + HELD_WAIT)).await,
            What::Tree(_) => Vec::new(),
        };
        let view = |provider: leither_routing::Provider| {
            let said = held.iter().find(|(peer, _)| *peer == provider.peer).and_then(|(_, held)| *held);
            Provider {
                peer: provider.peer.to_string(),
                addresses: texts(&provider.addresses),
                version: said.map(|held| held.version.to_string()),
                cid: said.map(|held| held.cid.to_string()),
            }
        };
        json(&Providers { items: found.into_iter().take(PROVIDERS_MAX).map(view).collect() })
    }

    /// NETWORK-1: `GET /mimei/ID/network`: what is found out within three seconds, in which others may be asked for something else.
    pub(super) async fn glance(&self, id: MimeiId) -> Answer<Response<Outgoing>> {
        let found = timeout(GLANCE, self.asking(self.look_around(id, Instant::now() + GLANCE_HELD))).await;
        found.unwrap_or_else(|_| json(&NetworkView { complete: false, ..NetworkView::default() }))
    }

    async fn look_around(&self, id: MimeiId, until: Instant) -> Answer<Response<Outgoing>> {
        let link = self.link()?;
        let routing = link.routing()?;
        let found = timeout(GLANCE_FIND, routing.find_providers(Key::of_mimei(&id.0), PROVIDERS_MAX)).await;
        let providers = match found {
            Err(_) => return json(&NetworkView { complete: false, ..NetworkView::default() }),
            Ok(Err(RouteError::NotFound)) => Vec::new(),
            Ok(found) => found.map_err(refused)?,
        };
        let me = routing.local_peer_id();
        let others: Vec<_> = providers.into_iter().filter(|provider| provider.peer != me).collect();
        let count = others.len();
        let held = ask_held(routing, others, id, until).await;
        let view = weigh(&*link.follow.chain, &id, &held).await?;
        json(&NetworkView {
            providers: count.to_string(),
            answered: held.len().to_string(),
            complete: held.len() == count,
            ..view
        })
    }
}

/// FIND-1: the content node of a validator's operator, and where it said that it is. The chain names the node in the data swarm, and that one told its
/// peers where it is in this one (MEET-1).
async fn content_node(chain: &dyn Chain, met: &Met, operator: &AccountId) -> Answer<(PeerId, Vec<Multiaddr>)> {
    let key = chain.data_key(operator).await.map_err(No::fault)?;
    let peer = key.and_then(|key| PeerId::from_bytes(&leither_net::peer_id_bytes(&key.0)?).ok());
    let peer = peer.ok_or_else(|| {
        No::absent(format!(
            "the chain names no node of {operator}: it has no validator, or has not said where that is (`leither validator move`)"
        ))
    })?;
    met.content_node(&peer).ok_or_else(|| {
        No::absent(format!(
            "the node of {operator} is {peer} in the data swarm, and has not told this node where it is in the content swarm: it may be offline, or \
             no peer of this one"
        ))
    })
}

/// Which version each of some providers says it holds; those who have not said it by then are left out.
async fn ask_held(
    routing: &Routing,
    providers: Vec<leither_routing::Provider>,
    id: MimeiId,
    until: Instant,
) -> Vec<(PeerId, Option<Held>)> {
    let mut asks = JoinSet::new();
    for provider in providers.into_iter().take(PROVIDERS_MAX) {
        let (routing, peer) = (routing.clone(), provider.peer);
        asks.spawn(async move {
            let mut said = routing.ask_held(peer, vec![id.0]).await;
            if matches!(said, Err(RouteError::NotConnected { .. })) {
                // Where it is, only the search may know.
                routing.dial(provider).await;
                said = routing.ask_held(peer, vec![id.0]).await;
            }
            (peer, said)
        });
    }
    let mut said = Vec::new();
    while let Ok(Some(asked)) = timeout_at(until, asks.join_next()).await {
        if let Ok((peer, Ok(held))) = asked {
            said.push((peer, held.into_iter().next().flatten()));
        }
    }
    said
}

/// NETWORK-1: what providers say that they hold, by what the chain says: anybody may say anything, and the versions stand on the chain.
async fn weigh(chain: &dyn Chain, id: &MimeiId, said: &[(PeerId, Option<Held>)]) -> Answer<NetworkView> {
    let last = chain.last(id).await.map_err(No::fault)?.and_then(|newest| newest.last);
    let (mut newest, mut beyond, mut contradicting) = (None::<(PeerId, Held)>, 0_usize, 0_usize);
    for (peer, held) in said.iter().filter_map(|(peer, held)| Some((*peer, (*held)?))) {
        let on_chain = match last {
            Some((number, cid)) if number == held.version => cid,
            Some((number, _)) if number > held.version => match chain.content(id, held.version).await {
                Ok(cid) => cid,
                // Of what the chain cannot tell now nothing is said.
                Err(_) => continue,
            },
            _ => {
                beyond = beyond.saturating_add(1);
                continue;
            }
        };
        if held.cid != on_chain {
            contradicting = contradicting.saturating_add(1);
        } else if newest.is_none_or(|(_, newest)| newest.version < held.version) {
            newest = Some((peer, held));
        }
    }
    let newest = newest.map(|(peer, held)| Provider {
        peer: peer.to_string(),
        addresses: Vec::new(),
        version: Some(held.version.to_string()),
        cid: Some(held.cid.to_string()),
    });
    Ok(NetworkView { newest, beyond: beyond.to_string(), contradicting: contradicting.to_string(), ..NetworkView::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::fakes::FakeChain;
    use leither_kit::multihash::Multihash;

    const ME: MimeiId = MimeiId([7; 20]);

    fn tree(n: u8) -> Cid {
        Cid::new_v1(0x70, Multihash::wrap(0x12, &[n; 32]).unwrap())
    }

    #[tokio::test]
    async fn network_1_whoever_says_what_the_chain_does_not_is_counted_and_hides_nobody() {
        let chain = FakeChain::default();
        let says = |version: u64, cid: u8| (PeerId::random(), Some(Held { version, cid: tree(cid) }));
        let silent = (PeerId::random(), None);
        let unknown = weigh(&chain, &ME, &[says(0, 0), silent]).await.unwrap();
        assert_eq!((unknown.newest, unknown.beyond.as_str(), unknown.contradicting.as_str()), (None, "1", "0"));
        (0..4).for_each(|n| chain.moves(ME, n, tree(n as u8)));
        let honest = says(2, 2);
        let said = [says(u64::MAX, 9), says(4, 4), honest, says(1, 1), says(3, 9), says(2, 3), silent];
        let view = weigh(&chain, &ME, &said).await.unwrap();
        assert_eq!((view.beyond.as_str(), view.contradicting.as_str()), ("2", "2"));
        let newest = view.newest.unwrap();
        assert_eq!((newest.peer, newest.version.as_deref()), (honest.0.to_string(), Some("2")));
        assert_eq!(newest.cid, Some(tree(2).to_string()));
    }

    #[test]
    fn why_nobody_has_tried_to_reach_a_node_is_said() {
        let listen = |text: &str| leither_routing::Addresses { listen: vec![text.parse().unwrap()], ..Default::default() };
        let (home, open) = (listen("/ip4/127.0.0.1/tcp/4806"), listen("/ip4/192.0.2.7/tcp/4806"));
        assert!(untried(&home, 0).contains("set swarm.listen") && untried(&home, 3).contains("set swarm.listen"));
        assert!(untried(&open, 0).contains("nobody is connected") && untried(&open, 1).contains("none of those"));
    }

    #[tokio::test]
    async fn find_1_an_operators_node_is_found_by_what_it_told_its_peers() {
        let (chain, met, content) = (FakeChain::default(), Met::default(), PeerId::random());
        let key = chain.data_key(&AccountId([5; 20])).await.unwrap().unwrap();
        let data = PeerId::from_bytes(&leither_net::peer_id_bytes(&key.0).unwrap()).unwrap();
        let find = async |n: u8| content_node(&chain, &met, &AccountId([n; 20])).await.map_err(|no| (no.reason, no.message));
        let (reason, message) = find(5).await.unwrap_err();
        assert!(reason == "absent" && message.contains(&data.to_string()), "it has told nothing yet: {message}");
        let told: Multiaddr = format!("/ip4/203.0.113.7/tcp/4806/p2p/{content}").parse().unwrap();
        met.hear(data, vec![told.clone()]);
        assert_eq!(find(5).await.unwrap(), (content, vec![told]));
        let (reason, message) = find(0).await.unwrap_err();
        assert!(reason == "absent" && message.contains("names no node"), "{message}");
        met.hear(data, vec!["/ip4/203.0.113.7/tcp/4806".parse().unwrap()]);
        assert!(find(5).await.is_err(), "an address without a name is nobody's");
    }
}

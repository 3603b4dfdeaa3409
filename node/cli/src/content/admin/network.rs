//! Calls about the network: who is connected, who has what, what is announced and followed.

use super::{Desk, Link, Query, json, mimei};
use crate::content::api::{
    Addresses, AnnounceView, Confirmed, Connected, Followed, NetworkView, Outgoing, Peers, ProvidedItem, ProvidedList, Provider,
    Providers, Published, Reach, SwarmPeer,
};
use crate::content::calls::{Answer, No};
use crate::content::follow;
use crate::content::publish;
use crate::content::wants::What;
use crate::wallet::now_ms;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use leither_kit::Cid;
use leither_kit::source::SourceError;
use leither_net::{Multiaddr, PeerId};
use leither_routing::{Direction, Held, Key, ProvideStatus, RouteError, Routing};
use leither_storage::{ContentStore, Kept};
use leither_types::MimeiId;
use std::time::Duration;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout, timeout_at};

/// Providers that are told at most.
const PROVIDERS_MAX: usize = 32;
/// How long a provider may take to say which version it holds.
const HELD_WAIT: Duration = Duration::from_secs(5);
/// NETWORK-1: `mimei show` waits no longer for the network.
const GLANCE: Duration = Duration::from_secs(3);
/// Of which so long for finding out who provides it.
const GLANCE_FIND: Duration = Duration::from_secs(2);
/// MiMeis of one answer about what is provided.
const PROVIDED_MAX: usize = 200;

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

fn names(peers: &[PeerId]) -> Vec<String> {
    peers.iter().map(ToString::to_string).collect()
}

/// A MiMei or a tree, as a person names it.
fn what(text: &str) -> Answer<What> {
    let tree = || text.parse::<Cid>().ok().map(What::Tree);
    let found = text.parse::<MimeiId>().ok().map(What::Mimei).or_else(tree);
    found.ok_or_else(|| No::usage(format!("`{}` is neither a MiMei nor a content id", crate::content::api::escape(text))))
}

impl Link {
    fn routing(&self) -> Answer<&Routing> {
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
            SourceError::Timeout(_) => {
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
                    leither_routing::Reach::Unknown => ("unknown", None, None),
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
        let text = query.need("id")?;
        let peer: PeerId = text.parse().map_err(|_| No::usage("that is no peer id: write 12D3…"))?;
        let addresses = self.link()?.routing()?.find_peer(peer).await.map_err(refused)?;
        json(&Provider { peer: peer.to_string(), addresses: texts(&addresses), version: None, cid: None })
    }

    /// `GET /providers`: of a MiMei with the versions that they say they hold.
    pub(super) async fn providers(&self, query: &Query) -> Answer<Response<Outgoing>> {
        let what = what(&query.need("of")?)?;
        let routing = self.link()?.routing()?;
        let found = match routing.find_providers(what.key(), PROVIDERS_MAX).await {
            Ok(found) => found,
            Err(RouteError::NotFound) => Vec::new(),
            Err(error) => return Err(refused(error)),
        };
        let peers = found.iter().map(|provider| provider.peer).collect();
        let held = match what {
            What::Mimei(id) => ask_held(routing, peers, id, Instant::now() + HELD_WAIT).await,
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

    /// NETWORK-1: `GET /mimei/ID/network`: what is found out within three seconds.
    pub(super) async fn glance(&self, id: MimeiId) -> Answer<Response<Outgoing>> {
        let routing = self.link()?.routing()?;
        let until = Instant::now() + GLANCE;
        let found = timeout(GLANCE_FIND, routing.find_providers(Key::of_mimei(&id.0), PROVIDERS_MAX)).await;
        let peers = match found {
            Err(_) => return json(&NetworkView { complete: false, ..NetworkView::default() }),
            Ok(Err(RouteError::NotFound)) => Vec::new(),
            Ok(found) => found.map_err(refused)?.into_iter().map(|provider| provider.peer).collect::<Vec<_>>(),
        };
        let me = routing.local_peer_id();
        let others: Vec<PeerId> = peers.into_iter().filter(|peer| *peer != me).collect();
        let held = ask_held(routing, others.clone(), id, until).await;
        let newest = held
            .iter()
            .filter_map(|(peer, held)| held.map(|held| (held.version, held.cid, *peer)))
            .max_by_key(|one| one.0);
        json(&NetworkView {
            providers: others.len().to_string(),
            answered: held.len().to_string(),
            newest: newest.map(|(version, cid, peer)| Provider {
                peer: peer.to_string(),
                addresses: Vec::new(),
                version: Some(version.to_string()),
                cid: Some(cid.to_string()),
            }),
            complete: held.len() == others.len(),
        })
    }

    /// HOLD-9: `POST /mimei/ID/publish`
    pub(super) async fn publish(&self, id: MimeiId, query: &Query) -> Answer<Response<Outgoing>> {
        let follow = &self.link()?.follow;
        let lifetime = query.need_number("lifetime_ms")?;
        let said = publish::publish(&self.store, &*follow.chain, &*follow.network, id, lifetime).await?;
        let confirmed =
            |of: &leither_routing::Provided| Confirmed { asked: of.asked.to_string(), confirmed: names(&of.confirmed) };
        json(&Published {
            mimei: id.to_string(),
            version: said.number.to_string(),
            cid: said.cid.to_string(),
            until_ms: said.until.to_string(),
            of_mimei: confirmed(&said.mimei),
            of_tree: confirmed(&said.tree),
        })
    }

    /// HOLD-6: `DELETE /mimei/ID/follow`: what is here stays, and is announced no more.
    pub(super) async fn unfollow(&self, id: MimeiId) -> Answer<Response<Outgoing>> {
        let follow = &self.link()?.follow;
        let end = move |store: &ContentStore| -> Answer<(bool, Option<Cid>, bool)> {
            let now = now_ms().map_err(|failure| No::fault(failure.sentence))?;
            let newest = store.newest(&id)?.map(|(_, kept)| kept.cid);
            let is_published = publish::published(store, &id)?.is_some();
            Ok((follow::end(store, &id, now)?, newest, is_published))
        };
        let (was, newest, is_published) = self.work(end).await?;
        follow.book.forget(&id);
        if was && !is_published {
            for what in [What::Mimei(id)].into_iter().chain(newest.map(What::Tree)) {
                follow.network.withdraw(what).await.map_err(No::fault)?;
            }
        }
        json(&Followed { mimei: id.to_string(), was })
    }

    /// `GET /provided`: one MiMei, or a page of those that are followed and, on the first page, all that are published.
    pub(super) async fn provided(&self, query: &Query) -> Answer<Response<Outgoing>> {
        let link = self.link()?;
        let one = query.text("mimei").map(|text| mimei(&text)).transpose()?;
        let after = query.text("after").map(|text| mimei(&text)).transpose()?;
        let list = move |store: &ContentStore| -> Answer<(Vec<MimeiId>, bool)> {
            if let Some(id) = one {
                return Ok((vec![id], false));
            }
            let (mut ids, more) = follow::followed(store, after.as_ref(), PROVIDED_MAX)?;
            if after.is_none() {
                let published: Vec<MimeiId> = publish::all(store)?.into_iter().map(|(id, _)| id).collect();
                // Those that are both come in the place of those that are followed.
                for id in published {
                    if !follow::is_followed(store, &id)? {
                        ids.insert(0, id);
                    }
                }
            }
            Ok((ids, more))
        };
        let (ids, more) = self.work(list).await?;
        let next = ids.last().filter(|_| more).map(ToString::to_string);
        let chain = link.follow.chain.newest(ids.clone()).await.map_err(No::fault)?;
        let mut items = Vec::new();
        for (id, newest) in ids.into_iter().zip(chain) {
            items.push(self.provided_one(link, id, newest.and_then(|newest| newest.last)).await?);
        }
        json(&ProvidedList { items, next })
    }

    async fn provided_one(&self, link: &Link, id: MimeiId, chain: Option<(u64, Cid)>) -> Answer<ProvidedItem> {
        let look = move |store: &ContentStore| -> Answer<(Option<(u64, Kept)>, bool, Option<u64>)> {
            let until = publish::published(store, &id)?.map(|kept| kept.generation);
            Ok((store.newest(&id)?, follow::is_followed(store, &id)?, until))
        };
        let (here, following, until) = self.work(look).await?;
        let status = |what: What| async move {
            match &link.routing {
                Some(routing) => routing.provide_status(what.key()).await,
                None => None,
            }
        };
        let of_mimei = status(What::Mimei(id)).await;
        let of_tree = match &here {
            Some((_, kept)) => status(What::Tree(kept.cid)).await,
            None => None,
        };
        Ok(ProvidedItem {
            mimei: id.to_string(),
            following,
            published_until_ms: until.map(|until| until.to_string()),
            version: here.map(|(number, _)| number.to_string()),
            cid: here.map(|(_, kept)| kept.cid.to_string()),
            chain_version: chain.map(|(number, _)| number.to_string()),
            of_mimei: of_mimei.map(announce_view),
            of_tree: of_tree.map(announce_view),
            failure: link.follow.book.failure(&id),
        })
    }

    /// A thread that may wait, outside the places of other calls: the network is slow, and not the disk.
    pub(super) async fn follow_from_now_on(&self, id: MimeiId) -> Answer<()> {
        let store = self.store.clone();
        let begin = move || -> Answer<()> {
            let now = now_ms().map_err(|failure| No::fault(failure.sentence))?;
            follow::begin(&store, &id, now)
        };
        spawn_blocking(begin).await.map_err(No::fault)?
    }
}

fn announce_view(status: ProvideStatus) -> AnnounceView {
    AnnounceView {
        last_success_ms: status.last_success_ms.map(|ms| ms.to_string()),
        next_due_ms: status.next_due_ms.to_string(),
        confirmed: names(&status.confirmed),
        failure: status.failure,
    }
}

/// Which version each of some peers says it holds; those who have not said it by then are left out.
async fn ask_held(routing: &Routing, peers: Vec<PeerId>, id: MimeiId, until: Instant) -> Vec<(PeerId, Option<Held>)> {
    let mut asks = JoinSet::new();
    for peer in peers.into_iter().take(PROVIDERS_MAX) {
        let routing = routing.clone();
        asks.spawn(async move { (peer, routing.ask_held(peer, vec![id.0]).await) });
    }
    let mut said = Vec::new();
    while let Ok(Some(asked)) = timeout_at(until, asks.join_next()).await {
        if let Ok((peer, Ok(held))) = asked {
            said.push((peer, held.into_iter().next().flatten()));
        }
    }
    said
}

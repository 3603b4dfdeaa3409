//! Questions to the DHTs, and what peers put into ours.

use super::{Answer, Task};
use crate::address::{Scope, believable};
use crate::{Key, Provider, RouteError};
use leither_bitswap::SessionId;
use libp2p::core::Endpoint;
use libp2p::kad::{self, GetClosestPeersError, GetProvidersOk, InboundRequest, QueryId, QueryResult, RecordKey};
use libp2p::swarm::{ConnectionId, NetworkBehaviour};
use libp2p::{Multiaddr, PeerId};
use std::time::{Duration, Instant};

/// A search is over then, with what it has.
const FIND: Duration = Duration::from_secs(20);
/// Searches at a time.
const FINDS_MAX: usize = 64;

/// Which DHT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Net {
    /// That of Leither's nodes.
    Own,
    /// The public one of IPFS.
    Ipfs,
}

/// What a question is for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// A caller searches.
    Find(u64),
    /// Something is missing in a session.
    Hunt(SessionId),
    /// Who is closest to the first key of a round.
    Closest(u64),
    /// A key goes out by the DHT's own messages.
    Add(u64, Key),
}

enum What {
    Peer { peer: PeerId, reply: Answer<Vec<Multiaddr>> },
    Providers { most: usize, found: Vec<Provider>, reply: Answer<Vec<Provider>> },
}

/// A caller's search.
pub(super) struct Find {
    what: What,
    open: Vec<(Net, QueryId)>,
    until: Instant,
}

impl Find {
    /// Somebody provides it. Says whether that is enough.
    fn found(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) -> bool {
        let What::Providers { most, found, .. } = &mut self.what else { return false };
        if let Some(known) = found.iter_mut().find(|provider| provider.peer == peer) {
            let both: Vec<_> = known.addresses.drain(..).chain(addresses).collect();
            known.addresses = believable(&both, Scope::Loopback);
        } else if found.len() < *most {
            found.push(Provider { peer, addresses });
        }
        found.len() >= *most
    }

    fn end(self, late: bool) {
        let none = if late { RouteError::Timeout } else { RouteError::NotFound };
        // Who asked may have gone.
        match self.what {
            What::Peer { reply, .. } => drop(reply.send(Err(none))),
            What::Providers { found, reply, .. } if found.is_empty() && late => drop(reply.send(Err(none))),
            What::Providers { found, reply, .. } => drop(reply.send(Ok(found))),
        }
    }
}

impl Task {
    /// The DHTs that are on.
    pub(super) fn nets(&self) -> impl Iterator<Item = Net> + use<> {
        let public = self.swarm.behaviour().ipfs.is_enabled().then_some(Net::Ipfs);
        std::iter::once(Net::Own).chain(public)
    }

    /// Whether there is anybody to ask.
    pub(super) fn knows_somebody(&mut self, net: Net) -> bool {
        let behaviour = self.swarm.behaviour_mut();
        match net {
            Net::Own => behaviour.dht.kbuckets().next().is_some(),
            Net::Ipfs => behaviour.ipfs.as_mut().is_some_and(|ipfs| ipfs.kbuckets().next().is_some()),
        }
    }

    /// Asks who is closest to a place that these bytes name.
    pub(super) fn ask_closest(&mut self, net: Net, bytes: Vec<u8>, purpose: Purpose) -> Option<QueryId> {
        let behaviour = self.swarm.behaviour_mut();
        let query = match net {
            Net::Own => behaviour.dht.get_closest_peers(bytes),
            Net::Ipfs => behaviour.ipfs.as_mut()?.get_closest_peers(bytes),
        };
        self.queries.insert((net, query), purpose);
        Some(query)
    }

    /// Asks who provides a key.
    pub(super) fn ask_providers(&mut self, net: Net, key: &Key, purpose: Purpose) -> Option<QueryId> {
        let key = RecordKey::from(key.bytes().to_vec());
        let behaviour = self.swarm.behaviour_mut();
        let query = match net {
            Net::Own => behaviour.dht.get_providers(key),
            Net::Ipfs => behaviour.ipfs.as_mut()?.get_providers(key),
        };
        self.queries.insert((net, query), purpose);
        Some(query)
    }

    /// Nobody waits for it any more.
    pub(super) fn drop_query(&mut self, net: Net, query: QueryId) {
        self.queries.remove(&(net, query));
        let behaviour = self.swarm.behaviour_mut();
        match net {
            Net::Own => {
                if let Some(mut running) = behaviour.dht.query_mut(&query) {
                    running.finish();
                }
            }
            Net::Ipfs => {
                if let Some(mut running) = behaviour.ipfs.as_mut().and_then(|ipfs| ipfs.query_mut(&query)) {
                    running.finish();
                }
            }
        }
    }

    /// Where a peer may be reached: by what it says itself, by the table, and by what running questions were told, as far as that is believed.
    fn addresses_of(&mut self, net: Net, peer: PeerId) -> Vec<Multiaddr> {
        let behaviour = self.swarm.behaviour_mut();
        // No connection is made: Kademlia has no other way to ask it.
        let none = ConnectionId::new_unchecked(0);
        let told = match (net, behaviour.ipfs.as_mut()) {
            (Net::Ipfs, Some(ipfs)) => ipfs.handle_pending_outbound_connection(none, Some(peer), &[], Endpoint::Dialer),
            _ => behaviour.dht.handle_pending_outbound_connection(none, Some(peer), &[], Endpoint::Dialer),
        };
        let own = self.peers.get(&peer).map(|known| known.listen.clone()).unwrap_or_default();
        believable(own.iter().chain(&told.unwrap_or_default()), Scope::Loopback)
    }

    pub(super) fn find_peer(&mut self, peer: PeerId, reply: Answer<Vec<Multiaddr>>, now: Instant) {
        let known = self.peers.get(&peer).map(|known| known.listen.clone()).filter(|listen| !listen.is_empty());
        if let Some(listen) = known {
            return drop(reply.send(Ok(listen)));
        }
        if peer == self.local {
            return drop(reply.send(Ok(self.told_addresses())));
        }
        let what = What::Peer { peer, reply };
        self.begin_find(what, now, |task, net, purpose| task.ask_closest(net, peer.to_bytes(), purpose));
    }

    pub(super) fn find_providers(&mut self, key: &Key, most: usize, reply: Answer<Vec<Provider>>, now: Instant) {
        let what = What::Providers { most, found: Vec::new(), reply };
        let Some(id) = self.begin_find(what, now, |task, net, purpose| task.ask_providers(net, key, purpose)) else { return };
        // What is kept here is told first: with addresses that Kademlia itself would not tell.
        match self.records.others(key) {
            Ok(others) => {
                for (peer, addresses) in others {
                    self.found(id, peer, believable(&addresses, Scope::Loopback));
                }
            }
            Err(error) => tracing::error!(%error, "records cannot be read"),
        }
    }

    fn begin_find(&mut self, what: What, now: Instant, ask: impl Fn(&mut Self, Net, Purpose) -> Option<QueryId>) -> Option<u64> {
        let mut find = Find { what, open: Vec::new(), until: now.checked_add(FIND).unwrap_or(now) };
        if self.finds.len() >= FINDS_MAX {
            match find.what {
                What::Peer { reply, .. } => drop(reply.send(Err(RouteError::TooMany))),
                What::Providers { reply, .. } => drop(reply.send(Err(RouteError::TooMany))),
            }
            return None;
        }
        self.last_find = self.last_find.saturating_add(1);
        let id = self.last_find;
        for net in self.nets() {
            if let Some(query) = ask(self, net, Purpose::Find(id)) {
                find.open.push((net, query));
            }
        }
        self.finds.insert(id, find);
        Some(id)
    }

    fn found(&mut self, id: u64, peer: PeerId, addresses: Vec<Multiaddr>) {
        let enough = peer != self.local && self.finds.get_mut(&id).is_some_and(|find| find.found(peer, addresses));
        if enough {
            self.end_find(id, false);
        }
    }

    fn end_find(&mut self, id: u64, late: bool) {
        let Some(mut find) = self.finds.remove(&id) else { return };
        for (net, query) in std::mem::take(&mut find.open) {
            self.drop_query(net, query);
        }
        find.end(late);
    }

    pub(super) fn end_finds(&mut self, now: Instant) {
        let late: Vec<u64> = self.finds.iter().filter(|(_, find)| find.until <= now).map(|(id, _)| *id).collect();
        late.into_iter().for_each(|id| self.end_find(id, true));
    }

    pub(super) fn on_dht(&mut self, net: Net, event: kad::Event, now: Instant) {
        match event {
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => self.on_progress(net, id, result, step.last),
            kad::Event::InboundRequest { request: InboundRequest::AddProvider { record: Some(record) } } if net == Net::Own => {
                self.on_added(record, now);
            }
            // ROUTE-6: values are not taken.
            _ => {}
        }
    }

    fn on_progress(&mut self, net: Net, query: QueryId, result: QueryResult, last: bool) {
        let purpose = if last { self.queries.remove(&(net, query)) } else { self.queries.get(&(net, query)).cloned() };
        let Some(purpose) = purpose else { return };
        match (&purpose, result) {
            (Purpose::Find(id), QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. }))) => {
                for peer in providers {
                    let addresses = self.addresses_of(net, peer);
                    self.found(*id, peer, addresses);
                }
            }
            (Purpose::Hunt(id), QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. }))) => {
                for peer in providers {
                    let addresses = self.addresses_of(net, peer);
                    self.hunted(*id, peer, addresses);
                }
            }
            (Purpose::Find(id), QueryResult::GetClosestPeers(result)) => {
                let peers = closest(result);
                self.found_peer(*id, &peers);
            }
            (Purpose::Closest(round), QueryResult::GetClosestPeers(result)) => {
                let peers = closest(result).into_iter().map(|peer| peer.peer_id).filter(|peer| *peer != self.local).collect();
                self.on_closest(*round, peers);
            }
            (Purpose::Add(round, key), QueryResult::StartProviding(result)) => self.on_sent(net, *round, key, result.is_ok()),
            _ => {}
        }
        if last {
            self.on_last(net, query, &purpose);
        }
    }

    fn on_last(&mut self, net: Net, query: QueryId, purpose: &Purpose) {
        match purpose {
            Purpose::Find(id) => {
                let Some(find) = self.finds.get_mut(id) else { return };
                find.open.retain(|open| *open != (net, query));
                if find.open.is_empty() {
                    self.end_find(*id, false);
                }
            }
            Purpose::Hunt(id) => self.hunt_ended(*id),
            Purpose::Closest(_) | Purpose::Add(..) => {}
        }
    }

    fn found_peer(&mut self, id: u64, peers: &[kad::PeerInfo]) {
        let Some(Find { what: What::Peer { peer, .. }, .. }) = self.finds.get(&id) else { return };
        let peer = *peer;
        let Some(info) = peers.iter().find(|info| info.peer_id == peer) else { return };
        let told = believable(&info.addrs, self.floor.hearsay());
        let known = self.addresses_of(Net::Own, peer);
        let addresses = believable(told.iter().chain(&known), Scope::Loopback);
        if addresses.is_empty() {
            return;
        }
        let Some(find) = self.finds.remove(&id) else { return };
        for (net, query) in find.open {
            self.drop_query(net, query);
        }
        if let What::Peer { reply, .. } = find.what {
            // Who asked may have gone.
            let _ = reply.send(Ok(addresses));
        }
    }

    /// ROUTE-6: a peer says that it provides a key. Kademlia has seen to it that it says that of itself.
    fn on_added(&mut self, record: kad::ProviderRecord, now: Instant) {
        let Some(key) = Key::read(record.key.to_vec()) else { return };
        let from = self.peers.get(&record.provider).map_or(Scope::Public, super::peers::Known::scope);
        if !self.quotas.keys(record.provider, 1, now) {
            tracing::debug!(peer = %record.provider, "it announces more than it may; a key is passed over");
            return;
        }
        self.keep(record.provider, vec![key], believable(&record.addresses, from), None);
    }
}

fn closest(result: kad::GetClosestPeersResult) -> Vec<kad::PeerInfo> {
    match result {
        Ok(found) => found.peers,
        Err(GetClosestPeersError::Timeout { peers, .. }) => peers,
    }
}

//! What a connection carries.

use crate::candidates::Candidates;
use crate::floor::Floor;
use crate::kademlia::Kademlia;
use crate::records::Records;
use crate::{Config, StartError, content, transport};
use leither_bitswap::BlockStore;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{self, NetworkBehaviour};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, allow_block_list, autonat, connection_limits, dcutr, identify, identity, kad, ping,
    relay,
};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// The DHT of Leither's nodes.
pub const DHT: StreamProtocol = StreamProtocol::new("/leither/kad/1.0.0");
/// The public DHT of IPFS.
pub const IPFS_DHT: StreamProtocol = kad::PROTOCOL_NAME;
/// A lookup that is not done by then is over.
const QUERY: Duration = Duration::from_secs(20);
/// A connection on which nothing is open for so long is closed.
const IDLE: Duration = Duration::from_secs(300);

const PENDING_INCOMING_MAX: u32 = 64;
const PENDING_OUTGOING_MAX: u32 = 64;
const CONNECTIONS_A_PEER_MAX: u32 = 4;
/// Keys that are being announced to the public DHT at a time, and some room.
const IPFS_KEYS_MAX: usize = 256;

/// ROUTE-12: what is relayed for others: enough for a site, too little for a film.
const CIRCUITS_MAX: usize = 16;
const CIRCUITS_A_PEER_MAX: usize = 4;
const CIRCUIT_BYTES_MAX: u64 = 16 << 20;
const CIRCUIT_DURATION: Duration = Duration::from_secs(600);
const RESERVATIONS_MAX: usize = 64;
const RESERVATIONS_A_PEER_MAX: usize = 2;

/// What a connection carries. The order tells who is asked first whether a connection may stand.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub limits: connection_limits::Behaviour,
    pub banned: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub bitswap: leither_bitswap::Behaviour,
    pub dht: Kademlia<Records>,
    pub ipfs: Toggle<Kademlia<MemoryStore>>,
    pub reach: Candidates,
    pub reach_server: autonat::v2::server::Behaviour,
    pub relay: Toggle<relay::Behaviour>,
    pub circuits: relay::client::Behaviour,
    pub punch: dcutr::Behaviour,
    pub content: content::Behaviour,
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Build(error.to_string())
}

/// The name that the swarm will have.
pub(crate) fn key(seed: [u8; 32]) -> Result<identity::Keypair, StartError> {
    identity::Keypair::ed25519_from_bytes(seed).map_err(failed)
}

/// The swarm, connected to nobody.
pub(crate) fn build(
    config: &Config,
    key: &identity::Keypair,
    records: Records,
    store: Arc<dyn BlockStore>,
) -> Result<Swarm<Behaviour>, StartError> {
    let local = key.public().to_peer_id();
    let (transport, circuits) = relay::client::new(local);
    let floor = Floor::default();
    let agent = format!("leither/{}", env!("CARGO_PKG_VERSION"));
    let identify = identify::Config::new("/leither/content/1".into(), key.public())
        .with_agent_version(agent)
        .with_cache_size(0)
        .with_push_listen_addr_updates(true);
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits(config.connections_max)),
        banned: allow_block_list::Behaviour::default(),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new()),
        bitswap: leither_bitswap::Behaviour::new(store, leither_bitswap::Config::default()).map_err(failed)?,
        dht: Kademlia::new(kad::Behaviour::with_config(local, records, dht_config(DHT)), floor.clone()),
        ipfs: config.ipfs.then(|| Kademlia::new(ipfs(local), floor.clone())).into(),
        reach: Candidates::default(),
        reach_server: autonat::v2::server::Behaviour::default(),
        relay: config.serve_relay.then(|| relay::Behaviour::new(local, relay_config())).into(),
        circuits,
        punch: dcutr::Behaviour::new(local),
        content: content::behaviour(),
    };
    let swarm = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
    Ok(Swarm::new(transport::build(key, transport, floor)?, behaviour, local, swarm))
}

/// ROUTE-2: a quarter of the connections is kept for whom this node dials.
fn limits(connections_max: u32) -> connection_limits::ConnectionLimits {
    let incoming = connections_max.saturating_sub(connections_max / 4);
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
        .with_max_pending_outgoing(Some(PENDING_OUTGOING_MAX))
        .with_max_established_incoming(Some(incoming))
        .with_max_established(Some(connections_max))
        .with_max_established_per_peer(Some(CONNECTIONS_A_PEER_MAX))
}

/// Records come to us before they come into the store (ROUTE-6), peers into the table by what they say they speak (ROUTE-3); what is
/// provided is announced again by our own plan (ROUTE-8).
fn dht_config(name: StreamProtocol) -> kad::Config {
    let mut config = kad::Config::new(name);
    config
        .set_query_timeout(QUERY)
        .disjoint_query_paths(true)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_caching(kad::Caching::Disabled)
        .set_kbucket_inserts(kad::BucketInserts::Manual);
    config
}

fn ipfs(local: PeerId) -> kad::Behaviour<MemoryStore> {
    let bounds = MemoryStoreConfig { max_records: 0, max_provided_keys: IPFS_KEYS_MAX, ..MemoryStoreConfig::default() };
    let mut ipfs = kad::Behaviour::with_config(local, MemoryStore::with_config(local, bounds), dht_config(IPFS_DHT));
    ipfs.set_mode(Some(kad::Mode::Client));
    ipfs
}

fn relay_config() -> relay::Config {
    relay::Config {
        max_reservations: RESERVATIONS_MAX,
        max_reservations_per_peer: RESERVATIONS_A_PEER_MAX,
        max_circuits: CIRCUITS_MAX,
        max_circuits_per_peer: CIRCUITS_A_PEER_MAX,
        max_circuit_bytes: CIRCUIT_BYTES_MAX,
        max_circuit_duration: CIRCUIT_DURATION,
        ..relay::Config::default()
    }
}

/// Whether a port is free. The transport shares TCP ports (SO_REUSEPORT), so it would not tell that another program has this one; of a UDP port
/// it does not say why it cannot have it.
pub(crate) fn probe(address: &Multiaddr) -> std::io::Result<()> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => TcpListener::bind((ip, port)).map(drop),
        Some(Protocol::Udp(port)) if port != 0 => UdpSocket::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_2_a_quarter_of_the_connections_is_kept_for_whom_this_node_dials() {
        let told = format!("{:?}", limits(96));
        for part in ["max_established_incoming: Some(72)", "max_established_total: Some(96)", "max_established_per_peer: Some(4)"]
        {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn route_12_what_is_relayed_is_bounded() {
        let config = relay_config();
        assert_eq!((config.max_circuits, config.max_circuit_bytes, config.max_circuit_duration.as_secs()), (16, 16 << 20, 600));
        assert_eq!((config.max_reservations, config.max_reservations_per_peer, config.max_circuits_per_peer), (64, 2, 4));
    }
}

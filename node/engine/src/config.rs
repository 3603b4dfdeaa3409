use crate::codec::{SYNC_BATCH, SYNC_BYTES_MAX};
use crate::error::StartError;
use crate::ingress::Gossip;
use crate::meddle::Meddler;
use arc_malachitebft_app_channel::app::config::{
    ConsensusConfig, DiscoveryConfig, NodeConfig, P2pConfig, ProtocolNames, ValuePayload, ValueSyncConfig,
};
use arc_malachitebft_app_channel::app::net::Multiaddr;
use arc_malachitebft_app_channel::app::types::Keypair;
use bytesize::ByteSize;
use leither_pallets::wasm::Contracts;
use leither_pool::Limits;
use leither_types::{SecretKey, VALIDATORS_MAX, tagged};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What the engine needs to know of this machine.
pub struct EngineConfig {
    /// Where the write-ahead log goes: the node's `data` directory.
    pub data: PathBuf,
    /// This node's consensus keys: none for one that only follows, two while one takes over from the other (STAKING-10).
    pub validators: Vec<ValidatorKey>,
    /// The key of this node in the consensus swarm while it is no validator; [`swarm_key`] derives a validator's.
    pub swarm_key: SecretKey,
    /// Where other validators reach this node.
    pub listen: SocketAddr,
    /// The other validators: `/ip4/…/tcp/4804/p2p/12D3…`.
    pub peers: Vec<String>,
    /// What this node is called in other nodes' logs, and in the engine's metrics.
    pub moniker: String,
    /// What the pool holds at most.
    pub pool: Limits,
    /// Threads that verify signatures; 0 chooses.
    pub admit_threads: usize,
    /// A block that the owner trusts: a chain without it is not followed.
    pub trusted: Option<crate::join::Trusted>,
    /// STAKING-11: the newest rules that this program plays by. [`leither_types::RULES_VERSION`], or less to stand for an older program in a test.
    pub rules_max: u32,
    /// The way to other nodes' pools; nothing for a chain of one node.
    pub gossip: Option<Gossip>,
    /// What a test puts between this node and the others; nothing in a node that is to keep its pledge.
    pub meddler: Option<Arc<dyn Meddler>>,
    /// What runs contracts.
    pub contracts: Contracts,
}

/// A validator's key, and the directory with its guard against signing twice.
pub struct ValidatorKey {
    /// The consensus key.
    pub key: SecretKey,
    /// Where `sign_state.json` lies: beside the key.
    pub dir: PathBuf,
    /// SIGN-6: signs at once, though it was to abstain.
    pub vote_again: bool,
}

/// The swarm key of a validator: derived, so that there is one secret to keep, and tagged, so that neither signs for the other.
pub fn swarm_key(consensus: &SecretKey) -> SecretKey {
    SecretKey::from_seed(&tagged("leither/consensus-swarm/v1", &[&consensus.seed()]).0)
}

/// The peer id that goes with a swarm key, for other validators' lists of peers.
pub fn swarm_peer_id(key: &SecretKey) -> Result<String, StartError> {
    Ok(keypair(key)?.public().to_peer_id().to_string())
}

/// The peer id of a swarm's public key.
pub(crate) fn peer_id_of(key: &leither_types::PublicKey) -> Option<String> {
    let bytes = leither_net::peer_id_bytes(&key.0)?;
    arc_malachitebft_app_channel::app::types::PeerId::from_bytes(&bytes).ok().map(|id| id.to_string())
}

pub(crate) fn keypair(key: &SecretKey) -> Result<Keypair, StartError> {
    let mut seed = key.seed();
    Keypair::ed25519_from_bytes(&mut seed).map_err(|e| StartError::Bft(format!("the swarm key: {e}")))
}

/// The engine's own configuration, made from ours.
#[derive(Clone)]
pub(crate) struct BftConfig {
    moniker: String,
    consensus: ConsensusConfig,
    sync: ValueSyncConfig,
}

impl BftConfig {
    pub fn new(config: &EngineConfig) -> Result<Self, StartError> {
        let peers = config.peers.iter().map(|peer| persistent(peer)).collect::<Result<Vec<_>, _>>()?;
        let listen_addr = multiaddr(config.listen)?;
        let p2p = P2pConfig {
            listen_addr,
            persistent_peers: peers,
            // ENGINE-8: it has no quotas for strangers: what is not a validator of ours stays outside.
            persistent_peers_only: true,
            discovery: DiscoveryConfig {
                enabled: false,
                // Several validators may share an address: on one machine, in one house, behind one carrier.
                max_connections_per_ip: 4 * VALIDATORS_MAX,
                ip_throttle_duration: Duration::ZERO,
                num_inbound_peers: VALIDATORS_MAX,
                num_outbound_peers: VALIDATORS_MAX,
                ..DiscoveryConfig::default()
            },
            pubsub_max_size: ByteSize::mib(1),
            rpc_max_size: ByteSize::mib(SYNC_BYTES_MAX as u64 / (1024 * 1024) + 1),
            protocol_names: ProtocolNames {
                consensus: "/leither/consensus/1".into(),
                discovery_kad: "/leither/consensus/kad/1".into(),
                discovery_regres: "/leither/consensus/peers/1".into(),
                sync: "/leither/consensus/sync/1".into(),
                validator_proof: "/leither/consensus/proof/1".into(),
            },
            ..P2pConfig::default()
        };
        let consensus = ConsensusConfig {
            enabled: true,
            p2p,
            value_payload: ValuePayload::ProposalAndParts,
            // Of each height to come: a proposal and two votes a validator, for a few rounds.
            queue_per_height_capacity: 8 * 2 * VALIDATORS_MAX,
            ..ConsensusConfig::default()
        };
        let sync = ValueSyncConfig {
            status_update_interval: Duration::from_secs(5),
            max_response_size: ByteSize::mib(SYNC_BYTES_MAX as u64 / (1024 * 1024)),
            batch_size: SYNC_BATCH,
            parallel_requests: 2,
            ..ValueSyncConfig::default()
        };
        Ok(Self { moniker: config.moniker.clone(), consensus, sync })
    }

    /// The same behind the gate (ENGINE-16): the swarm itself listens there.
    pub fn listening(&self, inner: SocketAddr) -> Result<Self, StartError> {
        let mut config = self.clone();
        config.consensus.p2p.listen_addr = multiaddr(inner)?;
        Ok(config)
    }
}

fn multiaddr(at: SocketAddr) -> Result<Multiaddr, StartError> {
    let family = match at.ip() {
        IpAddr::V4(_) => "ip4",
        IpAddr::V6(_) => "ip6",
    };
    parse("listen", &format!("/{family}/{}/tcp/{}", at.ip(), at.port()))
}

impl NodeConfig for BftConfig {
    fn moniker(&self) -> &str {
        &self.moniker
    }
    fn consensus(&self) -> &ConsensusConfig {
        &self.consensus
    }
    fn consensus_mut(&mut self) -> &mut ConsensusConfig {
        &mut self.consensus
    }
    fn value_sync(&self) -> &ValueSyncConfig {
        &self.sync
    }
    fn value_sync_mut(&mut self) -> &mut ValueSyncConfig {
        &mut self.sync
    }
}

/// The engine would only log that it cannot listen, and wait for ever.
pub(crate) fn check_listen(addr: SocketAddr) -> Result<(), StartError> {
    TcpListener::bind(addr).map(drop).map_err(|source| StartError::Listen { addr, source })
}

fn persistent(text: &str) -> Result<Multiaddr, StartError> {
    let addr = parse("peers", text)?;
    let why = match (text.contains("/tcp/"), text.contains("/p2p/")) {
        (true, true) => return Ok(addr),
        (false, _) => "consensus runs over TCP: /ip4/<address>/tcp/4804/p2p/<peer id>",
        (_, false) => "the peer id is missing, without which anyone could pose as this validator: …/p2p/<peer id>",
    };
    Err(StartError::Address { field: "peers", value: text.into(), why: why.into() })
}

fn parse(field: &'static str, text: &str) -> Result<Multiaddr, StartError> {
    text.parse().map_err(|e| StartError::Address { field, value: text.into(), why: format!("{e}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ENGINE-8.
    #[test]
    fn the_swarm_is_of_peers_named_by_id_alone() {
        let bft = |peer: &str| {
            BftConfig::new(&EngineConfig {
                data: PathBuf::new(),
                validators: Vec::new(),
                swarm_key: SecretKey::from_seed(&[1; 32]),
                listen: SocketAddr::from(([127, 0, 0, 1], 4804)),
                peers: vec![peer.into()],
                moniker: String::new(),
                pool: Limits::default(),
                admit_threads: 1,
                trusted: None,
                rules_max: leither_types::RULES_VERSION,
                gossip: None,
                meddler: None,
                contracts: Contracts::default(),
            })
        };
        let id = swarm_peer_id(&SecretKey::from_seed(&[2; 32])).unwrap();
        let named = bft(&format!("/ip4/10.0.0.1/tcp/4804/p2p/{id}")).unwrap().consensus.p2p;
        assert_eq!(named.persistent_peers.len(), 1);
        assert!(named.persistent_peers_only && !named.discovery.enabled);
        assert!(bft("/ip4/10.0.0.1/tcp/4804").is_err(), "without an id");
        assert!(bft(&format!("/ip4/10.0.0.1/udp/4804/p2p/{id}")).is_err(), "not over TCP");
    }
}

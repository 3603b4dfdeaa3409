use crate::exchange;
use crate::peers::{CONNECTIONS_MAX, INCOMING_CONNECTIONS_MAX};
use crate::{BATCH_BYTES_MAX, NetConfig, StartError};
use leither_types::{Hash, tagged};
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, allow_block_list, connection_limits, identify, identity, noise, ping, tcp, yamux};
use std::net::{IpAddr, TcpListener};
use std::time::Duration;

/// Room for what gossip puts around a message.
const ENVELOPE_BYTES: usize = 1024;
/// Connections that are not yet made, each way.
const PENDING_MAX: u32 = 16;

/// NET-12: streams on one QUIC connection, of all protocols and both ways.
const STREAMS_MAX: usize = 40;
/// Streams on one connection that have not said yet which protocol they are for.
const NEGOTIATING_MAX: usize = 16;
/// What a peer may send on one QUIC connection before we have read it, in all and on one stream.
const UNREAD_BYTES_MAX: u32 = 768 * 1024;
const UNREAD_BYTES_A_STREAM_MAX: u32 = 512 * 1024;

/// What a connection carries. The order tells who is asked first whether a connection may stand.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub limits: connection_limits::Behaviour,
    pub banned: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub gossip: gossipsub::Behaviour,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub exchange: exchange::Behaviour,
}

/// NET-1: the topic of a chain's waiting transactions.
pub fn topic(chain: &Hash) -> IdentTopic {
    let hex = chain.to_string();
    IdentTopic::new(format!("/leither/{}/txs/1", hex.trim_start_matches("0x")))
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Build(error.to_string())
}

/// The swarm, subscribed and connected to nobody.
pub(crate) fn build(config: &NetConfig) -> Result<Swarm<Behaviour>, StartError> {
    let key = identity::Keypair::ed25519_from_bytes(config.key_seed).map_err(failed)?;
    let mut behaviour = behaviour(&key)?;
    behaviour.gossip.subscribe(&topic(&config.chain)).map_err(failed)?;
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, multiplexer)
        .map_err(failed)?
        .with_quic_config(|mut quic| {
            quic.max_concurrent_stream_limit = STREAMS_MAX as u32;
            quic.max_connection_data = UNREAD_BYTES_MAX;
            quic.max_stream_data = UNREAD_BYTES_A_STREAM_MAX;
            quic
        })
        .with_behaviour(|_| behaviour)
        .map_err(failed)?
        .with_swarm_config(|swarm| {
            swarm
                .with_idle_connection_timeout(Duration::from_secs(60))
                .with_max_negotiating_inbound_streams(NEGOTIATING_MAX)
        })
        .build();
    Ok(swarm)
}

/// As it comes: every setter of this configuration would choose an older yamux, which a single frame can bring down (CVE-2026-32314), and
/// which is in the build only because this configuration can. Streams are bounded by the protocols that they are for.
fn multiplexer() -> yamux::Config {
    yamux::Config::default()
}

/// Whether a TCP port is free. The transport shares ports (SO_REUSEPORT), so it would not tell that another program has this one.
pub(crate) fn probe(address: &Multiaddr) -> std::io::Result<()> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

fn behaviour(key: &identity::Keypair) -> Result<Behaviour, StartError> {
    let gossip = gossipsub::ConfigBuilder::default()
        // Nobody signs: a message is named by its content, and what is in it carries its own signatures.
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| MessageId::from(tagged("leither/gossip/v1", &[&message.data]).0.to_vec()))
        // NET-3: nothing goes on before the caller has looked at it.
        .validate_messages()
        .max_transmit_size(BATCH_BYTES_MAX + ENVELOPE_BYTES)
        .max_messages_per_rpc(Some(64))
        .build()
        .map_err(failed)?;
    let gossip = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, gossip).map_err(failed)?;
    // NET-6: some room is kept for those whom the user named.
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_MAX))
        .with_max_pending_outgoing(Some(PENDING_MAX))
        .with_max_established_incoming(Some(INCOMING_CONNECTIONS_MAX))
        .with_max_established(Some(CONNECTIONS_MAX))
        .with_max_established_per_peer(Some(2));
    let agent = format!("leither/{}", env!("CARGO_PKG_VERSION"));
    let identify = identify::Config::new("/leither/data/1".into(), key.public()).with_agent_version(agent).with_cache_size(0);
    Ok(Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        banned: allow_block_list::Behaviour::default(),
        gossip,
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new()),
        exchange: exchange::behaviour(),
    })
}

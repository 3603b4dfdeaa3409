use crate::door::Door;
use crate::exchange;
use crate::peers::{CONNECTIONS_MAX, INCOMING_CONNECTIONS_MAX};
use crate::transport;
use crate::{BATCH_BYTES_MAX, NetConfig, StartError};
use leither_types::{Hash, tagged};
use libp2p::gossipsub::{
    self, IdentTopic, IdentityTransform, MessageAuthenticity, MessageId, ValidationMode, WhitelistSubscriptionFilter,
};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{self, NetworkBehaviour};
use libp2p::{Multiaddr, Swarm, allow_block_list, connection_limits, identify, identity, ping};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::time::Duration;

/// Room for what gossip puts around a message.
const ENVELOPE_BYTES: usize = 1024;
/// Connections of ours that are not yet made.
const PENDING_OUTGOING_MAX: u32 = 16;
/// Those of others: more than may arrive while a handshake hangs (NET-17), so that whoever hangs keeps nobody out.
const PENDING_INCOMING_MAX: u32 = 128;

/// Streams on one connection that have not said yet which protocol they are for.
const NEGOTIATING_MAX: usize = 8;
/// So long the id of a message is remembered: longer than it takes to go round, and short enough that the ids of a flood take little room.
const SEEN: Duration = Duration::from_secs(20);
/// Messages that wait for a peer that reads slowly.
const LEAVING_MAX: usize = 128;

/// What a connection carries. The order tells who is asked first whether a connection may stand.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    /// Before the limits: what those refuse has used up its house's share.
    pub door: Door,
    pub limits: connection_limits::Behaviour,
    pub banned: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    pub gossip: gossipsub::Behaviour<IdentityTransform, WhitelistSubscriptionFilter>,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub exchange: exchange::Behaviour,
}

/// NET-1: the topic of a chain's waiting transactions.
pub fn topic(chain: &Hash) -> IdentTopic {
    let hex = chain.to_string();
    IdentTopic::new(format!("/leither/{}/txs/1", hex.trim_start_matches("0x")))
}

/// NET-18: there is one topic; no other is remembered, whoever subscribes to it.
fn topics(chain: &Hash) -> WhitelistSubscriptionFilter {
    WhitelistSubscriptionFilter([topic(chain).hash()].into())
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Build(error.to_string())
}

/// The swarm, subscribed and connected to nobody.
pub(crate) fn build(config: &NetConfig) -> Result<Swarm<Behaviour>, StartError> {
    let key = identity::Keypair::ed25519_from_bytes(config.key_seed).map_err(failed)?;
    let mut behaviour = behaviour(&key, &config.chain)?;
    behaviour.gossip.subscribe(&topic(&config.chain)).map_err(failed)?;
    let peer = key.public().to_peer_id();
    let swarm = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(Duration::from_secs(60))
        .with_max_negotiating_inbound_streams(NEGOTIATING_MAX);
    Ok(Swarm::new(transport::build(&key)?, behaviour, peer, swarm))
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

fn behaviour(key: &identity::Keypair, chain: &Hash) -> Result<Behaviour, StartError> {
    let gossip = gossipsub::ConfigBuilder::default()
        // Nobody signs: a message is named by its content, and what is in it carries its own signatures.
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| MessageId::from(tagged("leither/gossip/v1", &[&message.data]).0.to_vec()))
        // NET-3: nothing goes on before the caller has looked at it.
        .validate_messages()
        .max_transmit_size(BATCH_BYTES_MAX + ENVELOPE_BYTES)
        .max_messages_per_rpc(Some(64))
        .duplicate_cache_time(SEEN)
        .connection_handler_queue_len(LEAVING_MAX)
        .build()
        .map_err(failed)?;
    let gossip = gossipsub::Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, gossip, topics(chain))
        .map_err(failed)?;
    // NET-6: some room is kept for those whom the user named.
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
        .with_max_pending_outgoing(Some(PENDING_OUTGOING_MAX))
        .with_max_established_incoming(Some(INCOMING_CONNECTIONS_MAX))
        .with_max_established(Some(CONNECTIONS_MAX))
        .with_max_established_per_peer(Some(2));
    let agent = format!("leither/{}", env!("CARGO_PKG_VERSION"));
    let identify = identify::Config::new("/leither/data/1".into(), key.public()).with_agent_version(agent).with_cache_size(0);
    Ok(Behaviour {
        door: Door::default(),
        limits: connection_limits::Behaviour::new(limits),
        banned: allow_block_list::Behaviour::default(),
        gossip,
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new()),
        exchange: exchange::behaviour(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::gossipsub::TopicSubscriptionFilter;

    #[test]
    fn net_18_subscriptions_to_other_topics_are_not_remembered() {
        let mut filter = topics(&Hash([5; 32]));
        assert!(filter.can_subscribe(&topic(&Hash([5; 32])).hash()));
        assert!(!filter.can_subscribe(&topic(&Hash([6; 32])).hash()) && !filter.can_subscribe(&IdentTopic::new("x").hash()));
    }
}

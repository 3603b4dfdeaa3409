//! Real swarms on loopback: nodes, and villains who speak the protocols and keep to none of their bounds.

mod anchors;
mod exchange;
mod gossip;
mod hello;

use leither_net::{Incoming, Multiaddr, Net, NetConfig, PROTOCOL, Request, Response, StartError, topic};
use leither_types::*;
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::gossipsub::{self, MessageAuthenticity, ValidationMode};
use libp2p::request_response::{self, Message, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use parity_scale_codec::{Decode, Encode};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;

const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const PATIENCE: Duration = Duration::from_secs(20);
const CHAIN: Hash = Hash([5; 32]);

fn config(seed: u8, listen: &[&str], peers: &[Multiaddr]) -> NetConfig {
    let listen = listen.iter().map(|a| a.parse().unwrap()).collect();
    NetConfig { key_seed: [seed; 32], listen, peers: peers.to_vec(), chain: CHAIN, library: None, anchors: None }
}

async fn node_on(seed: u8, listen: &[&str], peers: &[Multiaddr], chain: Hash) -> Result<(Net, Receiver<Incoming>), StartError> {
    Net::start(NetConfig { chain, ..config(seed, listen, peers) }).await
}

async fn node(seed: u8, listen: &[&str], peers: &[Multiaddr]) -> (Net, Receiver<Incoming>) {
    node_on(seed, listen, peers, CHAIN).await.unwrap()
}

/// Where to dial it, its name included.
async fn address(net: &Net) -> Multiaddr {
    until("an address", async || {
        let mut address = net.listen_addrs().await.pop()?;
        address.push(libp2p::multiaddr::Protocol::P2p(net.local_peer_id()));
        Some(address)
    })
    .await
}

async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "no {what} in time");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn connected(net: &Net, count: usize) {
    until("connections", async || (net.peers().await.len() == count).then_some(())).await;
}

/// Until so many have said what they have.
async fn greeted(net: &Net, count: usize) {
    until("hello", async || (net.peers_known().await.len() == count).then_some(())).await;
}

/// Sends and hears frames as they are, whatever is in them.
#[derive(Clone, Default)]
struct Raw;

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> std::io::Result<Vec<u8>> {
    let mut len = [0; 4];
    io.read_exact(&mut len).await?;
    let mut message = vec![0; u32::from_le_bytes(len) as usize];
    io.read_exact(&mut message).await?;
    Ok(message)
}

#[async_trait::async_trait]
impl request_response::Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, io: &mut T) -> std::io::Result<Vec<u8>> {
        read(io).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, io: &mut T) -> std::io::Result<Vec<u8>> {
        read(io).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        frame: Vec<u8>,
    ) -> std::io::Result<()> {
        io.write_all(&frame).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        frame: Vec<u8>,
    ) -> std::io::Result<()> {
        io.write_all(&frame).await
    }
}

fn frame(message: &impl Encode) -> Vec<u8> {
    let bytes = message.encode();
    [&(bytes.len() as u32).to_le_bytes()[..], &bytes].concat()
}

#[derive(NetworkBehaviour)]
struct Villain {
    gossip: gossipsub::Behaviour,
    exchange: request_response::Behaviour<Raw>,
}

/// A swarm that speaks the protocols and keeps to none of their bounds.
fn villain_speaking(protocol: StreamProtocol) -> Swarm<Villain> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .max_transmit_size(16 * 1024 * 1024)
        .build()
        .unwrap();
    let mut gossip = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config).unwrap();
    gossip.subscribe(&topic(&CHAIN)).unwrap();
    let exchange = request_response::Behaviour::new(
        [(protocol, ProtocolSupport::Full)],
        // Longer than a node waits, or it would end the wait itself, at the same moment.
        request_response::Config::default()
            .with_max_concurrent_streams(1000)
            .with_request_timeout(Duration::from_secs(60)),
    );
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_behaviour(|_| Villain { gossip, exchange })
        .unwrap()
        .with_swarm_config(|c| c.with_idle_connection_timeout(PATIENCE))
        .build()
}

fn villain(to: Multiaddr) -> Swarm<Villain> {
    let mut swarm = villain_speaking(PROTOCOL);
    swarm.dial(to).unwrap();
    swarm
}

fn hello_of(chain: Hash) -> Response {
    Response::Hello { chain, software: Text::new("villain/1").unwrap(), height: 7, lowest: 1 }
}

/// Answers a Hello as one of that chain would. Gives back what else was asked, and what was answered.
fn greet(villain: &mut Swarm<Villain>, event: SwarmEvent<VillainEvent>, chain: Hash) -> Option<Heard> {
    let SwarmEvent::Behaviour(VillainEvent::Exchange(request_response::Event::Message { message, .. })) = event else {
        return None;
    };
    match message {
        Message::Response { response, .. } => Some(Heard::Answer(Response::decode(&mut &response[..]).unwrap())),
        Message::Request { request, channel, .. } => match Request::decode(&mut &request[..]).unwrap() {
            Request::Hello { .. } => {
                let _ = villain.behaviour_mut().exchange.send_response(channel, frame(&hello_of(chain)));
                None
            }
            _ => Some(Heard::Question(channel)),
        },
    }
}

enum Heard {
    Answer(Response),
    Question(request_response::ResponseChannel<Vec<u8>>),
}

//! One identity after the other: it connects, sends what its kind has to send as fast as it is let, and comes again under another name
//! when it is thrown out.

use crate::kinds::Shot;
use crate::{Plan, forms};
use anyhow::Context as _;
use leither_net::{Request, Response};
use leither_types::Text;
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::gossipsub::{self, MessageAuthenticity, PublishError, ValidationMode};
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, Message, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, StreamProtocol, Swarm, SwarmBuilder, identify, noise, tcp, yamux};
use parity_scale_codec::{Decode, Encode};
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};

/// Questions that are open at once, by one identity.
const OPEN_MAX: usize = 64;
/// Streams that are held open.
const HELD_MAX: usize = 2_000;
/// Before it comes again.
const PAUSE: Duration = Duration::from_millis(100);
/// What an answer may be at most.
const ANSWER_MAX: u64 = 16 * 1024 * 1024;

/// Writes whatever bytes it is given; an empty message is a stream that is left in the middle of its first byte.
#[derive(Clone, Default)]
struct Raw;

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.take(ANSWER_MAX).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        io.write_all(&[1]).await?;
        io.flush().await?;
        std::future::pending::<()>().await;
    }
    io.write_all(bytes).await?;
    io.close().await
}

#[async_trait::async_trait]
impl request_response::Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>> {
        // The node's own question comes with its length, and its stream stays open for the answer.
        let mut len = [0; 4];
        io.read_exact(&mut len).await?;
        let mut bytes = vec![0; (u32::from_le_bytes(len) as usize).min(4096)];
        io.read_exact(&mut bytes).await?;
        Ok(bytes)
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>> {
        read(io).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        write(io, &bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        write(io, &bytes).await
    }
}

#[derive(NetworkBehaviour)]
struct Villain {
    gossip: gossipsub::Behaviour,
    ask: request_response::Behaviour<Raw>,
    identify: identify::Behaviour,
}

fn swarm(plan: &Plan) -> anyhow::Result<Swarm<Villain>> {
    let consensus = plan.kind.is_consensus();
    let mut config = gossipsub::ConfigBuilder::default();
    config.max_transmit_size(16 * 1024 * 1024);
    if !consensus {
        // Nobody signs and nobody counts: all that is left to tell messages apart is what is in them.
        config.message_id_fn(|message| {
            let mut hasher = std::hash::DefaultHasher::new();
            message.data.hash(&mut hasher);
            gossipsub::MessageId::from(hasher.finish().to_be_bytes().to_vec())
        });
    }
    config.validation_mode(if consensus { ValidationMode::Permissive } else { ValidationMode::Anonymous });
    let config = config.build()?;
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_quic()
        .with_behaviour(|key| -> Result<Villain, Box<dyn std::error::Error + Send + Sync>> {
            let author = if consensus { MessageAuthenticity::Signed(key.clone()) } else { MessageAuthenticity::Anonymous };
            let mut gossip = gossipsub::Behaviour::new(author, config)?;
            for topic in plan.kind.topics(&plan.chain) {
                gossip.subscribe(&topic)?;
            }
            let asking = request_response::Config::default()
                .with_max_concurrent_streams(HELD_MAX)
                .with_request_timeout(Duration::from_secs(30));
            let ask = request_response::Behaviour::new([(plan.kind.protocol(), ProtocolSupport::Full)], asking);
            let version = if consensus { "/leither/consensus/1" } else { "/leither/data/1" };
            let identify = identify::Behaviour::new(identify::Config::new(version.into(), key.public()));
            Ok(Villain { gossip, ask, identify })
        })
        .map_err(|e| anyhow::anyhow!("{e}"))?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    Ok(swarm)
}

/// Until the time is over.
pub async fn run(plan: Arc<Plan>, n: usize) -> anyhow::Result<()> {
    // Not all in the same moment.
    sleep(Duration::from_millis(20 * n as u64)).await;
    while let Some(left) = plan.until.checked_duration_since(Instant::now()) {
        let mut swarm = swarm(&plan)?;
        // It ends in the middle of whatever it does.
        if let Ok(ended) = timeout(left, life(&plan, &mut swarm)).await {
            ended?;
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Begins to come from an address of its own, so that a node can tell it from its neighbours. QUIC dials from where it listens.
async fn set_out(plan: &Plan, swarm: &mut Swarm<Villain>) -> anyhow::Result<()> {
    let own = Multiaddr::empty().with(Protocol::Ip4(plan.from));
    let mut port = None;
    for part in &plan.to {
        match part {
            Protocol::Udp(_) => {
                swarm.listen_on(own.clone().with(Protocol::Udp(0)).with(Protocol::QuicV1)).context("cannot use --from")?;
            }
            Protocol::Tcp(to) => port = Some(to),
            _ => {}
        }
    }
    let Some(port) = port else { return Ok(()) };
    // TCP dials from anywhere, so that its bytes are carried by a socket that was bound beforehand.
    let to = match plan.to.iter().next() {
        Some(Protocol::Ip4(ip)) => SocketAddr::from((ip, port)),
        _ => anyhow::bail!("over TCP, --to must begin with /ip4"),
    };
    let entrance = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let through = Multiaddr::empty().with(Protocol::Ip4(Ipv4Addr::LOCALHOST)).with(Protocol::Tcp(entrance.local_addr()?.port()));
    let (from, tally) = (plan.from, plan.tally.clone());
    tokio::spawn(async move {
        let (mut near, _) = entrance.accept().await?;
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let far = socket.connect(to).await;
        if far.is_err() {
            tally.add("no TCP connection");
        }
        tokio::io::copy_bidirectional(&mut near, &mut far?).await
    });
    plan.tally.add("dialled");
    swarm.dial(through.with(Protocol::P2p(plan.peer)))?;
    Ok(())
}

async fn life(plan: &Plan, swarm: &mut Swarm<Villain>) -> anyhow::Result<()> {
    let (tally, me) = (&plan.tally, swarm.local_peer_id().to_bytes());
    set_out(plan, swarm).await?;
    let (mut connected, mut open, mut held, mut rest) = (false, 0usize, 0usize, false);
    let mut hello = plan.kind == crate::Kind::ExchangeMany;
    loop {
        // One shot, then whatever has happened meanwhile, so that neither starves the other.
        if connected && !rest {
            if std::mem::take(&mut hello) {
                let hello = Request::Hello { chain: plan.chain, genesis_version: leither_types::GENESIS_VERSION };
                swarm.behaviour_mut().ask.send_request(&plan.peer, forms::frame(&hello.encode()));
                open += 1;
            }
            match plan.kind.shot(plan, &me) {
                Shot::Gossip(topic, bytes) => {
                    let len = bytes.len() as u64;
                    match swarm.behaviour_mut().gossip.publish(topic, bytes) {
                        Ok(_) => {
                            tally.add("gossiped");
                            tally.bytes.fetch_add(len, Ordering::Relaxed);
                        }
                        Err(PublishError::Duplicate) => {}
                        // It is slowed down, or not heard yet.
                        Err(error) => {
                            tally.word(error.to_string());
                            rest = true;
                        }
                    }
                }
                Shot::Ask(bytes) if open < OPEN_MAX => {
                    tally.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    tally.add("asked");
                    swarm.behaviour_mut().ask.send_request(&plan.peer, bytes);
                    open += 1;
                }
                Shot::Hold if held < HELD_MAX => {
                    tally.add("streams");
                    swarm.behaviour_mut().ask.send_request(&plan.peer, Vec::new());
                    held += 1;
                }
                Shot::Leave => {
                    let _ = swarm.disconnect_peer_id(plan.peer);
                    rest = true;
                }
                Shot::Ask(_) | Shot::Hold | Shot::Rest => rest = true,
            }
        }
        let patience = if rest || !connected { Duration::from_millis(5) } else { Duration::ZERO };
        let Ok(event) = timeout(patience, swarm.select_next_some()).await else {
            rest = false;
            continue;
        };
        rest = false;
        match event {
            SwarmEvent::NewListenAddr { .. } if !connected => {
                tally.add("dialled");
                swarm.dial(plan.to.clone())?;
            }
            SwarmEvent::ConnectionEstablished { .. } => {
                tally.add("connected");
                connected = true;
            }
            SwarmEvent::ConnectionClosed { cause, .. } => {
                tally.add("closed");
                tally.word(cause.map_or("closed".into(), |cause| cause.to_string().chars().take(80).collect()));
                return Ok(());
            }
            SwarmEvent::OutgoingConnectionError { .. } => {
                tally.add("not let in");
                return Ok(());
            }
            SwarmEvent::Behaviour(VillainEvent::Ask(event)) => match event {
                request_response::Event::Message { message: Message::Request { request, channel, .. }, .. } => {
                    if let Ok(Request::Hello { .. }) = Request::decode(&mut &request[..]) {
                        let software = Text::new("flood/1").unwrap_or_default();
                        let chain = plan.kind.chain(plan.chain);
                        let answer = Response::Hello { chain, software, height: 1, lowest: 1 };
                        let _ = swarm.behaviour_mut().ask.send_response(channel, forms::frame(&answer.encode()));
                    }
                }
                request_response::Event::Message { message: Message::Response { response, .. }, .. } => {
                    open = open.saturating_sub(1);
                    tally.add(match response.get(4) {
                        None => "answered nothing",
                        Some(5) => "answered busy",
                        Some(_) => "answered",
                    });
                }
                request_response::Event::OutboundFailure { error, .. } => {
                    (open, held) = (open.saturating_sub(1), held.saturating_sub(1));
                    tally.add("refused");
                    tally.word(error.to_string().chars().take(80).collect());
                    // A stream that is refused at once would be asked for again at once.
                    rest = true;
                }
                _ => {}
            },
            _ => {}
        }
    }
}

use crate::*;
use async_trait::async_trait;
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::kad::store::{MemoryStore, RecordStore};
use libp2p::request_response::{self, Message, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{StreamProtocol, Swarm, SwarmBuilder, identify, kad, noise, tcp, yamux};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

/// Sends bytes as they are, and hears what comes until the other side ends.
#[derive(Clone, Default)]
struct Raw;

#[async_trait]
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

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> std::io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> std::io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }
}

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

#[derive(NetworkBehaviour)]
struct Villain {
    raw: request_response::Behaviour<Raw>,
}

#[derive(NetworkBehaviour)]
struct Stranger {
    dht: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
}

#[derive(NetworkBehaviour)]
struct Giver {
    bitswap: leither_bitswap::Behaviour,
    identify: identify::Behaviour,
}

/// As a kubo: it gives blocks, speaks nothing else of ours, and connects by itself. It lives until its task is aborted.
pub(crate) fn giver(store: Arc<Memory>, to: Multiaddr) -> (PeerId, JoinHandle<()>) {
    let mut swarm = build(|key| Giver {
        bitswap: leither_bitswap::Behaviour::new(store, leither_bitswap::Config::default()).unwrap(),
        identify: identify::Behaviour::new(identify::Config::new("/stranger/1".into(), key.public())),
    });
    swarm.dial(to).unwrap();
    let id = *swarm.local_peer_id();
    let lives = tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    (id, lives)
}

fn build<B: NetworkBehaviour>(behaviour: impl FnOnce(&libp2p::identity::Keypair) -> B) -> Swarm<B> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| behaviour(key))
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
        .build()
}

/// Connected to a node, speaking one protocol to it and keeping to none of its rules.
async fn villain(protocol: &'static str, to: Multiaddr) -> Swarm<Villain> {
    let config = request_response::Config::default().with_max_concurrent_streams(1_000);
    let mut swarm = build(|_| Villain {
        raw: request_response::Behaviour::new([(StreamProtocol::new(protocol), ProtocolSupport::Outbound)], config),
    });
    swarm.dial(to).unwrap();
    let connected = async { while !matches!(swarm.select_next_some().await, SwarmEvent::ConnectionEstablished { .. }) {} };
    tokio::time::timeout(PATIENCE, connected).await.expect("no connection");
    swarm
}

impl Villain {
    fn send(&mut self, to: PeerId, bytes: Vec<u8>) {
        self.raw.send_request(&to, bytes);
    }
}

/// How many of so many questions are answered with something.
async fn answers(swarm: &mut Swarm<Villain>, asked: usize) -> usize {
    let (mut over, mut answered) = (0, 0);
    while over < asked {
        match tokio::time::timeout(PATIENCE, swarm.select_next_some()).await.expect("no end") {
            SwarmEvent::Behaviour(VillainEvent::Raw(request_response::Event::Message {
                message: Message::Response { response, .. },
                ..
            })) => {
                over += 1;
                answered += usize::from(!response.is_empty());
            }
            SwarmEvent::Behaviour(VillainEvent::Raw(request_response::Event::OutboundFailure { .. })) => over += 1,
            _ => {}
        }
    }
    answered
}

/// ADD_PROVIDER of Kademlia, as bytes.
fn add_provider(key: &Key, provider: PeerId, at: &Multiaddr) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| [&[tag, u8::try_from(bytes.len()).unwrap()][..], bytes].concat();
    let peer = [field(0x0a, &provider.to_bytes()), field(0x12, &at.to_vec())].concat();
    let message = [vec![0x08, 2], field(0x12, key.bytes()), field(0x4a, &peer)].concat();
    [&[u8::try_from(message.len()).unwrap()][..], &message].concat()
}

/// ROUTE-6: whoever says that somebody else provides something is not believed.
#[tokio::test]
async fn a_liar_that_speaks_for_somebody_else_is_not_believed() {
    let node = Parts::new(51, &[TCP], &[]);
    let node = node.start().await;
    let mut liar = villain(DHT, address(&node).await).await;
    let (own, victim, at) = (*liar.local_peer_id(), PeerId::random(), "/ip4/127.0.0.1/tcp/9".parse().unwrap());
    for provider in [victim, own] {
        liar.behaviour_mut().send(node.local_peer_id(), add_provider(&key(1), provider, &at));
        answers(&mut liar, 1).await;
    }
    let found = until("a record", async || node.find_providers(key(1), 20).await.ok().filter(|found| !found.is_empty())).await;
    assert_eq!(found.iter().map(|provider| provider.peer).collect::<Vec<_>>(), [own], "what it says of itself is kept");
    assert_eq!(found[0].addresses, [at]);
    node.shutdown().await;
}

/// ROUTE-2 and ROUTE-4: who sends what is no message is sent away, and stays away.
#[tokio::test]
async fn who_sends_junk_is_banned() {
    let node = Parts::new(52, &[TCP], &[]);
    let node = node.start().await;
    let at = address(&node).await;
    let mut liar = villain("/leither/content/1", at.clone()).await;
    liar.behaviour_mut().send(node.local_peer_id(), vec![1, 0, 0, 0, 99]);
    let closed = async { while !matches!(liar.select_next_some().await, SwarmEvent::ConnectionClosed { .. }) {} };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
    liar.dial(at).unwrap();
    let refused = async {
        loop {
            let event = liar.select_next_some().await;
            if matches!(event, SwarmEvent::OutgoingConnectionError { .. } | SwarmEvent::ConnectionClosed { .. }) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("it may come again");
    assert_eq!(node.peers().await, []);
    node.shutdown().await;
}

/// ROUTE-5: beyond its quota a peer is not answered.
#[tokio::test]
async fn who_asks_too_often_is_not_answered() {
    let node = Parts::new(53, &[TCP], &[]);
    let node = node.start().await;
    let mut greedy = villain("/leither/content/1", address(&node).await).await;
    // One MiMei: `Held`, a list of one.
    let held = [&[22, 0, 0, 0, 0, 4][..], &[7; 20]].concat();
    let mut answered = 0;
    for _ in 0..40 {
        (0..10).for_each(|_| greedy.behaviour_mut().send(node.local_peer_id(), held.clone()));
        answered += answers(&mut greedy, 10).await;
    }
    assert!((100..350).contains(&answered), "{answered} of 400");
    node.shutdown().await;
}

/// A node of somebody else that speaks this DHT and nothing else of ours.
async fn stranger(dht: &'static str) -> (Swarm<Stranger>, Multiaddr) {
    let mut swarm = build(|key| {
        let local = key.public().to_peer_id();
        let config = kad::Config::new(StreamProtocol::new(dht));
        let mut dht = kad::Behaviour::with_config(local, MemoryStore::new(local), config);
        dht.set_mode(Some(kad::Mode::Server));
        Stranger { dht, identify: identify::Behaviour::new(identify::Config::new("/stranger/1".into(), key.public())) }
    });
    swarm.listen_on(TCP.parse().unwrap()).unwrap();
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            let at = address.with_p2p(*swarm.local_peer_id()).unwrap();
            return (swarm, at);
        }
    }
}

/// ROUTE-6: values are not taken, whatever the sender is told.
#[tokio::test]
async fn values_are_refused() {
    let node = Parts::new(54, &[TCP], &[]);
    let node = node.start().await;
    let (mut swarm, _) = stranger(DHT).await;
    let name = kad::RecordKey::from(key(1).bytes().to_vec());
    swarm.behaviour_mut().dht.add_address(&node.local_peer_id(), address(&node).await);
    let record = kad::Record::new(name.clone(), b"a value".to_vec());
    swarm.behaviour_mut().dht.put_record_to(record, [node.local_peer_id()].into_iter(), kad::Quorum::One);
    let mut asked = false;
    loop {
        let event = tokio::time::timeout(PATIENCE, swarm.select_next_some()).await.expect("no answer");
        let SwarmEvent::Behaviour(StrangerEvent::Dht(kad::Event::OutboundQueryProgressed { result, step, .. })) = event else {
            continue;
        };
        match result {
            kad::QueryResult::PutRecord(_) if !asked => {
                asked = true;
                swarm.behaviour_mut().dht.get_record(name.clone());
            }
            kad::QueryResult::GetRecord(Ok(kad::GetRecordOk::FoundRecord(_))) => panic!("a value was kept"),
            kad::QueryResult::GetRecord(_) if step.last => break,
            _ => {}
        }
    }
    assert!(asked);
    node.shutdown().await;
}

/// Lets a stranger live, and tells what is provided to it: who, and where.
fn hears(mut swarm: Swarm<Stranger>, key: &Key) -> (JoinHandle<()>, UnboundedReceiver<(PeerId, Vec<Multiaddr>)>) {
    let (told, hears) = tokio::sync::mpsc::unbounded_channel();
    let name = kad::RecordKey::from(key.bytes().to_vec());
    let task = tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
            let known = swarm.behaviour_mut().dht.store_mut().providers(&name);
            if let Some(record) = known.first() {
                let _ = told.send((record.provider, record.addresses.clone()));
            }
        }
    });
    (task, hears)
}

async fn is_known(node: &Routing, dht: &str) {
    until("the stranger", async || {
        node.peers().await.first().is_some_and(|view| view.protocols.iter().any(|name| name == dht)).then_some(())
    })
    .await;
}

/// ROUTE-10: a node that speaks the DHT alone is told by the DHT's own message.
#[tokio::test]
async fn who_speaks_only_the_dht_is_told_by_its_own_message() {
    let (swarm, at) = stranger(DHT).await;
    let node = Parts::new(55, &[TCP], &[&at]);
    let node = node.start().await;
    let (task, mut hears) = hears(swarm, &key(1));
    is_known(&node, DHT).await;
    let provided = node.provide(key(1)).await.unwrap();
    assert_eq!((provided.asked, provided.confirmed.len()), (1, 0), "it cannot say that it keeps it");
    let (provider, addresses) = tokio::time::timeout(PATIENCE, hears.recv()).await.unwrap().unwrap();
    assert!(provider == node.local_peer_id() && !addresses.is_empty());
    assert!(node.provide_status(key(1)).await.unwrap().last_success_ms.is_some());
    task.abort();
    node.shutdown().await;
}

/// ROUTE-10: the public DHT is told and asked where that is on, and answered never.
#[tokio::test]
async fn the_public_dht_is_told_and_asked_only_where_that_is_on() {
    const PUBLIC: &str = "/ipfs/kad/1.0.0";
    let (mut swarm, at) = stranger(PUBLIC).await;
    let other = PeerId::random();
    let somebody = vec!["/ip4/127.0.0.1/tcp/7".parse().unwrap()];
    let record = kad::ProviderRecord::new(kad::RecordKey::from(key(2).bytes().to_vec()), other, somebody.clone());
    swarm.behaviour_mut().dht.store_mut().add_provider(record).unwrap();
    let node = Parts::new(56, &[TCP], &[&at]).with(|config| config.ipfs = true);
    let closed = Parts::new(57, &[TCP], &[&at]);
    let (node, closed) = (node.start().await, closed.start().await);
    let (task, mut hears) = hears(swarm, &key(1));
    is_known(&node, PUBLIC).await;
    is_known(&closed, PUBLIC).await;
    closed.provide(key(1)).await.unwrap();
    assert_eq!(closed.find_providers(key(2), 5).await, Ok(vec![]));
    assert!(hears.try_recv().is_err(), "where it is off nothing goes there");
    let found = node.find_providers(key(2), 5).await.unwrap();
    assert_eq!((found[0].peer, &found[0].addresses), (other, &somebody));
    node.provide(key(1)).await.unwrap();
    let (provider, _) = tokio::time::timeout(PATIENCE, hears.recv()).await.unwrap().unwrap();
    assert_eq!(provider, node.local_peer_id());
    assert!(node.provide_status(key(1)).await.unwrap().failure.is_none());
    node.connect(address(&closed).await).await.unwrap();
    let speaks = until("what it speaks", async || {
        let peers = closed.peers().await;
        let view = peers.into_iter().find(|view| view.peer == node.local_peer_id())?;
        (!view.protocols.is_empty()).then_some(view.protocols)
    })
    .await;
    assert!(speaks.iter().any(|name| name == DHT) && !speaks.iter().any(|name| name == PUBLIC), "{speaks:?}");
    task.abort();
    end(&[&node, &closed]).await;
}

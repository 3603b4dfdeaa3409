//! A node with bitswap and identify on loopback: what the tests and the example drive.
#![allow(dead_code)]

use bytes::Bytes;
use cid::Cid;
use cid::multihash::Multihash;
use leither_bitswap::{Behaviour, BlockStore, Config, Event, SessionId, StoreError, wire};
use libp2p::futures::StreamExt;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, identify, identity, noise, tcp, yamux};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Blocks in memory, by what they hash to.
#[derive(Default)]
pub struct Memory(Mutex<HashMap<Multihash<64>, Bytes>>);

impl Memory {
    pub fn put(&self, cid: &Cid, data: impl Into<Bytes>) {
        self.0.lock().unwrap().insert(*cid.hash(), data.into());
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn read(&self, cid: &Cid) -> Option<Bytes> {
        self.0.lock().unwrap().get(cid.hash()).cloned()
    }
}

impl BlockStore for Memory {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreError> {
        Ok(self.read(cid))
    }

    fn size(&self, cid: &Cid) -> Result<Option<usize>, StoreError> {
        Ok(self.read(cid).map(|data| data.len()))
    }
}

#[derive(NetworkBehaviour)]
pub struct Both {
    pub bitswap: Behaviour,
    pub identify: identify::Behaviour,
}

pub type Act = Box<dyn FnOnce(&mut Swarm<Both>) + Send>;

/// A swarm in a task of its own. It ends with `kill`, as a process would.
pub struct Peer {
    pub id: PeerId,
    pub address: Multiaddr,
    pub events: mpsc::UnboundedReceiver<Event>,
    acts: mpsc::UnboundedSender<Act>,
    task: JoinHandle<()>,
}

pub fn key(seed: u8) -> identity::Keypair {
    identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

pub fn build<B: NetworkBehaviour>(key: identity::Keypair, behaviour: impl FnOnce(&identity::Keypair) -> B) -> Swarm<B> {
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| behaviour(key))
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(30)))
        .build()
}

pub async fn listen<B: NetworkBehaviour>(swarm: &mut Swarm<B>, at: &str) -> Multiaddr {
    swarm.listen_on(at.parse().unwrap()).unwrap();
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return address.with_p2p(*swarm.local_peer_id()).unwrap();
        }
    }
}

impl Peer {
    pub async fn start(seed: u8, at: &str, store: Arc<dyn BlockStore>, config: Config) -> Self {
        let mut swarm = build(key(seed), |key| Both {
            bitswap: Behaviour::new(store, config).unwrap(),
            identify: identify::Behaviour::new(identify::Config::new("/leither/test/1".into(), key.public())),
        });
        let address = listen(&mut swarm, at).await;
        let id = *swarm.local_peer_id();
        let (acts, mut todo) = mpsc::unbounded_channel::<Act>();
        let (told, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    act = todo.recv() => match act {
                        Some(act) => act(&mut swarm),
                        None => return,
                    },
                    event = swarm.select_next_some() => {
                        if let SwarmEvent::Behaviour(BothEvent::Bitswap(event)) = event {
                            let _ = told.send(event);
                        }
                    }
                }
            }
        });
        Self { id, address, events, acts, task }
    }

    /// Does something with the swarm, and waits for what comes of it.
    pub async fn with<T: Send + 'static>(&self, act: impl FnOnce(&mut Swarm<Both>) -> T + Send + 'static) -> T {
        let (answer, answered) = oneshot::channel();
        let act: Act = Box::new(move |swarm| drop(answer.send(act(swarm))));
        assert!(self.acts.send(act).is_ok(), "the peer is gone");
        answered.await.expect("the peer is gone")
    }

    /// Connects, however often it takes.
    pub async fn connect(&self, other: &Multiaddr) {
        let Some(libp2p::multiaddr::Protocol::P2p(id)) = other.iter().last() else { panic!("{other} names no peer") };
        for n in 0..400 {
            let other = other.clone();
            let there = self
                .with(move |swarm| {
                    let there = swarm.is_connected(&id);
                    if !there && n % 10 == 0 {
                        let _ = swarm.dial(other);
                    }
                    there
                })
                .await;
            if there {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no connection to {other}");
    }

    pub async fn is_connected(&self, id: PeerId) -> bool {
        self.with(move |swarm| swarm.is_connected(&id)).await
    }

    pub async fn begin(&self, peers: Vec<PeerId>, cids: Vec<Cid>) -> SessionId {
        self.with(move |swarm| {
            let bitswap = &mut swarm.behaviour_mut().bitswap;
            let session = bitswap.begin(peers).unwrap();
            bitswap.want(session, &cids).unwrap();
            session
        })
        .await
    }

    pub async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(Duration::from_secs(60), self.events.recv()).await;
        event.expect("nothing happens").expect("the peer is gone")
    }

    /// Waits until so many blocks have come, each once; what else was told comes back.
    pub async fn blocks(&mut self, count: usize) -> (Vec<(Cid, Bytes)>, Vec<Event>) {
        let (mut blocks, mut others, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        while blocks.len() < count {
            match self.event().await {
                Event::Block { cid, data, .. } => {
                    assert_eq!(wire::digest(cid.hash().code(), &data), Some(*cid.hash()));
                    assert!(seen.insert(cid), "{cid} was told twice");
                    blocks.push((cid, data));
                }
                other => others.push(other),
            }
        }
        (blocks, others)
    }

    pub async fn traffic(&self, id: PeerId) -> leither_bitswap::Traffic {
        self.with(move |swarm| swarm.behaviour().bitswap.traffic(&id)).await.unwrap_or_default()
    }

    /// Ends at once, without a word to anybody.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Random blocks, stored where given.
pub fn random_blocks(seed: u64, count: usize, size: usize, stores: &[&Memory]) -> Vec<Cid> {
    use rand::{RngCore, SeedableRng};
    let mut chance = rand::rngs::StdRng::seed_from_u64(seed);
    (0..count)
        .map(|n| {
            let mut data = vec![0; size];
            chance.fill_bytes(&mut data);
            let cid = Cid::new_v1(0x55, wire::digest(if n % 2 == 0 { 0x12 } else { 0x1e }, &data).unwrap());
            let data = Bytes::from(data);
            stores.iter().for_each(|store| store.put(&cid, data.clone()));
            cid
        })
        .collect()
}

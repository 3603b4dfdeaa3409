//! The one owner of the swarm: turns what happens in it into answers, and what is asked of it into messages.

mod announce;
mod content;
mod dht;
mod hunt;
mod peers;
mod reach;

use crate::behaviour::{Behaviour, BehaviourEvent};
use crate::floor::Floor;
use crate::provide::{Pace, Reply};
use crate::quota::Quotas;
use crate::records::Records;
use crate::targets::{Place, Target};
use crate::{Addresses, Came, Config, Desk, DhtMode, Held, Key, PeerView, Provider, Reach, RouteError};
use announce::Announcer;
use cid::Cid;
use content::{Ask, Done};
use dht::{Find, Net, Purpose};
use hunt::Hunt;
use leither_bitswap::SessionId;
use libp2p::futures::StreamExt;
use libp2p::kad::QueryId;
use libp2p::request_response::OutboundRequestId;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm};
use peers::{Bans, Connecting, Known};
use reach::Verdict;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// How often it is looked what is due.
const TICK: Duration = Duration::from_millis(500);
/// ROUTE-9: within a region of the key space rounds follow each other so fast.
const ROUNDS_APART: Duration = Duration::from_millis(250);
/// Connections are given so long to close.
const HANG_UP: Duration = Duration::from_secs(1);
/// How often rows that have expired are taken out.
const PURGE: Duration = Duration::from_secs(60);
/// Work that waits for the disk or is being done there; questions beyond that are not answered.
const JOBS_MAX: usize = 64;

type Answer<T> = oneshot::Sender<Result<T, RouteError>>;

/// A question to the task.
pub(crate) enum Command {
    Addresses(oneshot::Sender<Addresses>),
    Peers(oneshot::Sender<Vec<PeerView>>),
    Reach(oneshot::Sender<Reach>),
    Connect(Multiaddr, Answer<PeerId>),
    Learn(Vec<Multiaddr>),
    FindPeer(PeerId, Answer<Vec<Multiaddr>>),
    FindProviders(Key, usize, Answer<Vec<Provider>>),
    AskHeld(PeerId, Vec<[u8; 20]>, Answer<Vec<Option<Held>>>),
    Provide(Key, Reply),
    Session { peers: Vec<PeerId>, hunt: Vec<Key>, came: mpsc::Sender<Came>, queued: Arc<AtomicUsize>, reply: Answer<SessionId> },
    Want(SessionId, Vec<Cid>, Answer<()>),
    Cancel(SessionId, Vec<Cid>),
    AddPeers(SessionId, Vec<PeerId>),
    Announce(Cid),
    End,
}

/// Owns the swarm.
pub(crate) struct Task {
    swarm: Swarm<Behaviour>,
    local: PeerId,
    mode: DhtMode,
    /// It listens somewhere, as the configuration says.
    listens: bool,
    /// Nobody but this machine is reached where it listens, and its owner names no other address.
    at_home: bool,
    /// Its owner says where it is reached.
    owner_says: bool,
    records: Records,
    clock: fn() -> u64,
    desk: Arc<dyn Desk>,
    peers: HashMap<PeerId, Known>,
    floor: Floor,
    targets: Vec<Target>,
    places: Vec<Place>,
    bans: Bans,
    quotas: Quotas,
    verdict: Verdict,
    connecting: HashMap<ConnectionId, Connecting>,
    queries: HashMap<(Net, QueryId), Purpose>,
    finds: BTreeMap<u64, Find>,
    last_find: u64,
    asks: HashMap<OutboundRequestId, Ask>,
    announcer: Announcer,
    hunts: BTreeMap<SessionId, Hunt>,
    jobs: JoinSet<Done>,
    purge_at: Instant,
}

impl Task {
    pub fn new(
        mut swarm: Swarm<Behaviour>,
        config: &Config,
        targets: Vec<Target>,
        places: Vec<Place>,
        records: Records,
        desk: Arc<dyn Desk>,
        pace: Arc<Pace>,
    ) -> Self {
        let now = Instant::now();
        for address in &config.external {
            swarm.add_external_address(crate::address::without_peer(address));
        }
        let mut task = Self {
            local: *swarm.local_peer_id(),
            floor: swarm.behaviour().dht.floor().clone(),
            swarm,
            mode: config.dht,
            listens: !config.listen.is_empty(),
            owner_says: !config.external.is_empty(),
            at_home: config.external.is_empty() && config.listen.iter().all(peers::is_loopback),
            records,
            clock: config.clock,
            desk,
            peers: HashMap::new(),
            targets,
            places,
            bans: Bans::default(),
            quotas: Quotas::default(),
            verdict: Verdict::default(),
            connecting: HashMap::new(),
            queries: HashMap::new(),
            finds: BTreeMap::new(),
            last_find: 0,
            asks: HashMap::new(),
            announcer: Announcer::new(pace, now),
            hunts: BTreeMap::new(),
            jobs: JoinSet::new(),
            purge_at: now,
        };
        task.set_mode();
        task
    }

    /// Until all handles are gone.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut next_round = tokio::time::interval(ROUNDS_APART);
        next_round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => match done {
                    Ok(done) => self.on_done(done),
                    Err(error) => tracing::error!(%error, "work for the content swarm ended badly"),
                },
                command = commands.recv() => match command {
                    Some(Command::End) | None => break,
                    Some(command) => self.on_command(command, Instant::now()),
                },
                _ = tick.tick() => self.on_tick(Instant::now()),
                _ = next_round.tick(), if self.announcer.is_in_a_region() => self.sweep(Instant::now()),
            }
        }
        // Whoever asks from now on hears that it has stopped.
        drop(commands);
        self.hang_up().await;
        // What is being written is written.
        while self.jobs.join_next().await.is_some() {}
    }

    /// Says good-bye: a peer that sees a connection end need not wait until it is dead.
    async fn hang_up(&mut self) {
        let connected: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in connected {
            // Gone already is as good.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.connected_peers().next().is_some() {
                let _event = self.swarm.select_next_some().await;
            }
        };
        // Who does not let go is left.
        let _ = tokio::time::timeout(HANG_UP, closed).await;
    }

    fn on_command(&mut self, command: Command, now: Instant) {
        // Who asked may have gone.
        match command {
            Command::Addresses(reply) => drop(reply.send(self.addresses())),
            Command::Peers(reply) => drop(reply.send(self.views())),
            Command::Reach(reply) => drop(reply.send(self.verdict.reach())),
            Command::Connect(address, reply) => self.connect(address, reply, now),
            Command::Learn(addresses) => self.learn(&addresses),
            Command::FindPeer(peer, reply) => self.find_peer(peer, reply, now),
            Command::FindProviders(key, most, reply) => self.find_providers(&key, most, reply, now),
            Command::AskHeld(peer, mimeis, reply) => self.ask_held(peer, mimeis, reply),
            Command::Provide(key, reply) => self.provide(key, reply, now),
            Command::Session { peers, hunt, came, queued, reply } => {
                drop(reply.send(self.begin(peers, Hunt::new(hunt, came, queued, now))));
            }
            Command::Want(id, cids, reply) => drop(reply.send(self.want(id, &cids))),
            Command::Cancel(id, cids) => self.cancel(id, &cids),
            Command::AddPeers(id, peers) => self.add_candidates(id, peers),
            Command::Announce(cid) => self.swarm.behaviour_mut().bitswap.announce(&cid),
            Command::End => {}
        }
    }

    fn on_tick(&mut self, now: Instant) {
        self.dial_targets(now);
        self.keep_places(now);
        for peer in self.bans.over(now) {
            self.swarm.behaviour_mut().banned.unblock_peer(peer);
        }
        self.quotas.tidy(now);
        self.give_up_connecting(now);
        self.end_finds(now);
        self.hunt(now);
        if !self.announcer.is_in_a_region() {
            self.sweep(now);
        }
        if now >= self.purge_at {
            self.purge_at = now.checked_add(PURGE).unwrap_or(now);
            self.purge();
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event, now),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => self.on_closed(peer_id, connection_id, now),
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => self.on_not_connected(connection_id, &error, now),
            SwarmEvent::NewListenAddr { listener_id, address } => self.on_listening(listener_id, address),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener of the content swarm failed"),
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                tracing::info!(?addresses, ?reason, "a listener of the content swarm closed");
                self.places.iter_mut().for_each(|place| place.lost(listener_id, now));
            }
            _ => {}
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent, now: Instant) {
        match event {
            BehaviourEvent::Bitswap(event) => self.on_bitswap(event, now),
            BehaviourEvent::Dht(event) => self.on_dht(Net::Own, event, now),
            BehaviourEvent::Ipfs(event) => self.on_dht(Net::Ipfs, event, now),
            BehaviourEvent::Content(event) => self.on_content(event, now),
            BehaviourEvent::Identify(event) => self.on_identify(event),
            BehaviourEvent::Reach(event) => {
                self.verdict.tried(event.server, event.tested_addr, event.result.map_err(|error| error.to_string()));
                self.set_mode();
            }
            BehaviourEvent::Punch(event) => {
                tracing::debug!(peer = %event.remote_peer_id, result = ?event.result, "hole punching")
            }
            _ => {}
        }
    }
}

//! The one owner of the swarm: turns what happens in it into answers, and what is asked of it into messages.

mod exchange;
mod gossip;

use crate::anchors::{self, Anchors};
use crate::batch::Batch;
use crate::behaviour::{Behaviour, BehaviourEvent};
use crate::exchange::{AskError, Due, Offence, PeerInfo, Peers, Request, Response};
use crate::peers::{self, BAN, Bans, Target};
use crate::quota::Quota;
use crate::{Incoming, StartError, Verdict};
use exchange::Exchange;
pub(crate) use gossip::Answer;
use gossip::Verdicts;
use leither_types::{Hash, SignedTx};
use libp2p::futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageId};
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub(crate) use exchange::Setup;

/// A batch goes out so long after its first transaction came.
const BATCH_DELAY: Duration = Duration::from_millis(30);
/// Connections are given so long to close.
const HANG_UP: Duration = Duration::from_secs(1);

/// A question to the task.
pub(crate) enum Command {
    Peers(oneshot::Sender<Vec<PeerId>>),
    Listening(oneshot::Sender<Vec<Multiaddr>>),
    Known(oneshot::Sender<Vec<PeerInfo>>),
    Strangers(oneshot::Sender<Vec<(PeerId, Hash)>>),
    Misnamed(oneshot::Sender<Vec<(Multiaddr, PeerId)>>),
    Ask(PeerId, Request, oneshot::Sender<Result<Response, AskError>>),
    Report(PeerId, Offence),
    Name(Multiaddr, oneshot::Sender<Result<(), StartError>>),
    End,
    Know(BTreeSet<PeerId>),
    Content(Vec<Multiaddr>),
}

/// Owns the swarm.
pub(crate) struct Task {
    swarm: Swarm<Behaviour>,
    topic: IdentTopic,
    targets: Vec<Target>,
    anchors: Anchors,
    saving: Option<JoinHandle<()>>,
    bans: Bans,
    peers: Peers,
    /// Who is of another chain.
    foreign: BTreeMap<PeerId, Hash>,
    /// Where another peer answered than was named.
    misnamed: Option<(Multiaddr, PeerId)>,
    quotas: BTreeMap<PeerId, Quota>,
    /// Of all strangers together.
    strangers: Quota,
    /// Whom the chain names.
    staked: BTreeSet<PeerId>,
    batch: Batch,
    incoming: mpsc::Sender<Incoming>,
    verdicts: Verdicts,
    verdict_queue: mpsc::UnboundedReceiver<(MessageId, PeerId, Verdict)>,
    unanswered: usize,
    exchange: Exchange,
}

impl Task {
    pub fn new(
        swarm: Swarm<Behaviour>,
        topic: IdentTopic,
        targets: Vec<Target>,
        anchors: Anchors,
        setup: Setup,
        incoming: mpsc::Sender<Incoming>,
    ) -> Self {
        let (verdicts, verdict_queue) = mpsc::unbounded_channel();
        let (bans, quotas, batch, peers) = (Bans::default(), BTreeMap::new(), Batch::default(), Peers::default());
        let (exchange, saving) = (Exchange::new(setup), None);
        let mut task = Self {
            swarm,
            topic,
            targets,
            anchors,
            saving,
            bans,
            peers,
            foreign: BTreeMap::new(),
            misnamed: None,
            quotas,
            strangers: Quota::strangers(Instant::now()),
            staked: BTreeSet::new(),
            batch,
            incoming,
            verdicts,
            verdict_queue,
            unanswered: 0,
            exchange,
        };
        task.know();
        task
    }

    /// Until all handles are gone.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut outgoing: mpsc::Receiver<Arc<SignedTx>>) {
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let flush = tokio::time::sleep(BATCH_DELAY);
        tokio::pin!(flush);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                Some((message, peer, verdict)) = self.verdict_queue.recv() => self.on_verdict(&message, &peer, verdict),
                Some(made) = self.exchange.made_queue.recv() => self.on_made(made),
                tx = outgoing.recv() => {
                    let Some(tx) = tx else { break };
                    if self.batch.is_empty() {
                        flush.as_mut().reset(tokio::time::Instant::now() + BATCH_DELAY);
                    }
                    if let Some(message) = self.batch.push(&tx) {
                        self.publish(message);
                    }
                }
                () = &mut flush, if !self.batch.is_empty() => {
                    if let Some(message) = self.batch.take() {
                        self.publish(message);
                    }
                }
                command = commands.recv() => match command {
                    Some(Command::End) | None => break,
                    Some(command) => self.on_command(command, Instant::now()),
                },
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
        }
        // Whoever asks from now on hears that it has stopped.
        drop((commands, outgoing));
        self.hang_up().await;
        self.save_last().await;
    }

    /// Says good-bye: a peer that sees a connection end need not wait until it is dead.
    async fn hang_up(&mut self) {
        let connected: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        connected.into_iter().for_each(|peer| self.disconnect(peer));
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
            Command::Peers(reply) => drop(reply.send(self.swarm.connected_peers().copied().collect())),
            Command::Listening(reply) => drop(reply.send(self.swarm.listeners().cloned().collect())),
            Command::Known(reply) => drop(reply.send(self.peers.known())),
            Command::Misnamed(reply) => drop(reply.send(self.misnamed.clone().into_iter().collect())),
            Command::Strangers(reply) => drop(reply.send(self.foreign.iter().map(|(peer, chain)| (*peer, *chain)).collect())),
            Command::Ask(peer, request, reply) => self.ask(peer, request, reply, now),
            Command::Report(peer, offence) => self.ban(peer, &offence.to_string(), now),
            Command::Name(address, reply) => {
                let local = *self.swarm.local_peer_id();
                drop(reply.send(peers::name(&mut self.targets, &address, local)));
                self.know();
                self.dial(now);
            }
            Command::End => {}
            Command::Content(addresses) => self.exchange.set_content(&addresses),
            Command::Know(peers) => {
                self.staked = peers;
                self.know();
            }
        }
    }

    fn on_tick(&mut self, now: Instant) {
        self.dial(now);
        for peer in self.bans.over(now) {
            self.swarm.behaviour_mut().banned.unblock_peer(peer);
        }
        self.attend(now);
        self.exchange.tidy(now);
        self.save();
    }

    /// What is due with those who are connected.
    fn attend(&mut self, now: Instant) {
        for (peer, due) in self.peers.due(now) {
            match due {
                Due::Hello => self.hello(peer),
                Due::Silent => {
                    tracing::info!(%peer, "disconnected: it has not answered for 40 s");
                    self.disconnect(peer);
                }
                // Mostly somebody mistyped: it is refused by name and may come again at once, set right.
                Due::Leave => {
                    self.forget(&peer);
                    self.disconnect(peer);
                }
            }
        }
    }

    fn dial(&mut self, now: Instant) {
        let at_home = self.swarm.listeners().all(peers::is_loopback);
        for target in &mut self.targets {
            let Some(dial) = target.due(now, at_home) else { continue };
            let connection = dial.connection_id();
            if let Err(error) = self.swarm.dial(dial) {
                // Connected by the other side, being dialled, or banned.
                tracing::debug!(%error, "not dialled");
                target.ended(connection, now);
            }
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            })) => {
                self.on_message(propagation_source, message_id, &message, now);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Exchange(event)) => self.on_exchange(event, now),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, num_established, .. } => {
                let address = endpoint.get_remote_address().clone();
                self.peers.connected(peer_id, connection_id, address, endpoint.is_dialer(), now);
                tracing::info!(peer = %peer_id, "connected");
                if num_established.get() == 1 {
                    self.attend(now);
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.peers.closed(&peer_id, connection_id);
                self.ended(connection_id, now);
                if num_established == 0 {
                    self.quotas.remove(&peer_id);
                    self.exchange.gone(&peer_id);
                    tracing::info!(peer = %peer_id, "disconnected");
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.ended(connection_id, now);
                if let DialError::WrongPeerId { obtained, address } = &error {
                    tracing::warn!(%address, found = %obtained, "another peer answers there than was named: correct what stands behind /p2p/");
                    self.misnamed = Some((address.clone(), *obtained));
                }
                tracing::debug!(%error, "not connected");
            }
            SwarmEvent::NewListenAddr { address, .. } => tracing::info!(%address, "listening"),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => tracing::warn!(?addresses, ?reason, "a listener closed"),
            _ => {}
        }
    }

    fn ended(&mut self, connection: ConnectionId, now: Instant) {
        self.targets.iter_mut().for_each(|target| target.ended(connection, now));
    }

    /// The peer is of our chain: its connections are good, and the addresses that led to it worth keeping.
    fn is_ours(&mut self, peer: &PeerId) {
        self.foreign.remove(peer);
        for connection in self.peers.is_ours(peer) {
            self.targets.iter_mut().for_each(|target| target.connected(connection));
        }
        for (connection, to) in self.peers.dialled(peer) {
            if let Some(named) = self.targets.iter().find_map(|target| target.named(connection, &to)) {
                self.anchors.add(named);
            }
        }
    }

    /// Whether the user named this peer, by its id or by an address that led to it.
    fn is_named(&self, peer: &PeerId) -> bool {
        let dialled = self.peers.dialled(peer);
        let led_there = |target: &Target| dialled.iter().any(|(connection, to)| target.named(*connection, to).is_some());
        self.targets.iter().any(|target| target.is(peer) || led_there(target))
    }

    /// Tells the door whom it knows: by the user's word, and by the chain's.
    fn know(&mut self) {
        let named = self.targets.iter().filter_map(Target::id);
        let known = named.chain(self.staked.iter().copied()).collect();
        self.swarm.behaviour_mut().door.know(known);
    }

    /// NET-17: it came by itself, and neither the user nor the chain names it.
    fn is_stranger(&self, peer: &PeerId) -> bool {
        !self.swarm.behaviour().door.knows(peer) && self.peers.dialled(peer).is_empty()
    }

    fn ban(&mut self, peer: PeerId, why: &str, now: Instant) {
        tracing::warn!(%peer, why, "banned");
        if self.is_stranger(&peer) {
            for from in self.peers.came_from(&peer) {
                if self.swarm.behaviour_mut().door.offence(&from, now) {
                    tracing::warn!(%from, "several strangers from this address were banned: no more are let in for a while");
                }
            }
        }
        self.keep_out(peer, BAN, now);
    }

    /// Ends the connection. A stranger stays out for a while; who was named is tried again, with growing pauses.
    fn send_away(&mut self, peer: PeerId, stranger: Duration, now: Instant) {
        if self.is_named(&peer) {
            self.forget(&peer);
            self.disconnect(peer);
        } else {
            self.keep_out(peer, stranger, now);
        }
    }

    fn keep_out(&mut self, peer: PeerId, how_long: Duration, now: Instant) {
        self.forget(&peer);
        let behaviour = self.swarm.behaviour_mut();
        behaviour.banned.block_peer(peer);
        if let Some(forgotten) = self.bans.add(peer, now + how_long) {
            behaviour.banned.unblock_peer(forgotten);
        }
    }

    fn disconnect(&mut self, peer: PeerId) {
        // Gone already is as good.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    /// The addresses that led to it are no anchors any more.
    fn forget(&mut self, peer: &PeerId) {
        self.anchors.remove_peer(peer);
        for (_, to) in self.peers.dialled(peer) {
            self.anchors.remove(&to);
        }
    }

    /// Writes the anchors down, off this task, one write at a time.
    fn save(&mut self) {
        if self.saving.as_ref().is_some_and(|saving| !saving.is_finished()) {
            return;
        }
        self.saving = self.anchors.take_changes().map(|(path, bytes)| {
            tokio::task::spawn_blocking(move || {
                if let Err(error) = anchors::write(&path, &bytes) {
                    tracing::warn!(%error, ?path, "the addresses of peers were not kept; the next change is written again");
                }
            })
        });
    }

    async fn save_last(&mut self) {
        for _ in 0..2 {
            if let Some(saving) = self.saving.take() {
                // It has logged what went wrong.
                let _ = saving.await;
            }
            self.save();
        }
    }
}

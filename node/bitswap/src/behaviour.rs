//! Where the parts meet: the swarm's events go in, what is to be done comes out.

use crate::client::Client;
use crate::handler::{FromBehaviour, Handler, Outgoing, Rooms, ToBehaviour};
use crate::server::{Leaving, Server};
use crate::traffic::{Book, Traffic};
use crate::wire::{Message, Version};
use crate::workers::{Done, Workers};
use crate::{BlockStore, Config, DropReason, Event, SessionId, WantError};
use cid::Cid;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// How often it is looked whether a want waits too long.
const TICK: Duration = Duration::from_millis(250);

/// A message that a handler has and that has not left.
struct OnItsWay {
    peer: PeerId,
    connection: ConnectionId,
    what: What,
}

enum What {
    Wants,
    Answers(Leaving),
}

/// Bitswap, both sides of it. It dials nobody: who is to be asked is to be connected by whoever owns the swarm.
pub struct Behaviour {
    config: Config,
    client: Client,
    server: Server,
    workers: Workers,
    traffic: Book,
    rooms: Rooms,
    connections: HashMap<PeerId, Vec<ConnectionId>>,
    /// Peers whose connections are held open.
    held: BTreeSet<PeerId>,
    on_their_way: HashMap<u64, OnItsWay>,
    last_message: u64,
    out: VecDeque<ToSwarm<Event, FromBehaviour>>,
    tick: Option<Pin<Box<Sleep>>>,
    waker: Option<Waker>,
}

impl Behaviour {
    /// Serves what is in `store`. Fails where the machine gives no threads.
    pub fn new(store: Arc<dyn BlockStore>, config: Config) -> std::io::Result<Self> {
        Ok(Self {
            workers: Workers::new(store, config.store_threads)?,
            client: Client::new(config.clone()),
            config,
            server: Server::default(),
            traffic: Book::default(),
            rooms: Rooms::default(),
            connections: HashMap::new(),
            held: BTreeSet::new(),
            on_their_way: HashMap::new(),
            last_message: 0,
            out: VecDeque::new(),
            tick: None,
            waker: None,
        })
    }

    /// Begins a session: wants that belong together, and the peers that may have what is wanted.
    pub fn begin(&mut self, peers: impl IntoIterator<Item = PeerId>) -> Result<SessionId, WantError> {
        self.wake();
        self.client.begin(peers, Instant::now())
    }

    /// Further peers for a session, 64 at most in all.
    pub fn add_peers(&mut self, session: SessionId, peers: impl IntoIterator<Item = PeerId>) -> Result<(), WantError> {
        self.wake();
        self.client.add_peers(session, peers, Instant::now())
    }

    /// Asks for blocks, in this order of urgency. Each is answered by one `Event::Block`, whenever it comes.
    pub fn want(&mut self, session: SessionId, cids: &[Cid]) -> Result<(), WantError> {
        self.wake();
        self.client.want(session, cids, Instant::now())
    }

    /// These are wanted no longer.
    pub fn cancel(&mut self, session: SessionId, cids: &[Cid]) {
        self.wake();
        self.client.cancel(session, cids, Instant::now());
    }

    /// Ends a session, and whatever it still wants.
    pub fn end(&mut self, session: SessionId) {
        self.wake();
        self.client.end(session, Instant::now());
    }

    /// Tells that a block has come into the store: peers that wait for it get it.
    pub fn announce(&mut self, cid: &Cid) {
        self.wake();
        self.server.announce(cid);
    }

    /// What went to and came from a peer.
    pub fn traffic(&self, peer: &PeerId) -> Option<Traffic> {
        self.traffic.get(peer)
    }

    /// Who is connected, whether or not it speaks bitswap.
    pub fn connected(&self) -> impl Iterator<Item = &PeerId> {
        self.connections.keys()
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn handler(&self) -> Handler {
        Handler::new(self.config.stall_timeout, self.rooms.clone())
    }

    fn notify(&mut self, peer: PeerId, connection: ConnectionId, event: FromBehaviour) {
        self.out.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler: NotifyHandler::One(connection), event });
    }

    /// Hands a message to a connection of its peer; without one it is lost.
    fn send(&mut self, peer: PeerId, message: Message, what: What) {
        let Some(connection) = self.connections.get(&peer).and_then(|all| all.first()).copied() else { return };
        self.last_message = self.last_message.wrapping_add(1);
        let id = self.last_message;
        self.on_their_way.insert(id, OnItsWay { peer, connection, what });
        self.notify(peer, connection, FromBehaviour::Send(Box::new(Outgoing { id, message })));
    }

    fn answer(&mut self, done: Done) {
        if let Some(error) = done.fault.clone() {
            self.out.push_back(ToSwarm::GenerateEvent(Event::StoreFailed(error)));
        }
        if let Some(mut leaving) = self.server.done(done) {
            let message = std::mem::take(&mut leaving.message);
            self.send(leaving.peer, message, What::Answers(leaving));
        }
    }

    /// A message has left, or was lost.
    fn left(&mut self, id: u64, lost: bool) {
        let Some(OnItsWay { peer, what, .. }) = self.on_their_way.remove(&id) else { return };
        match what {
            What::Wants => self.client.told(peer, lost),
            What::Answers(leaving) => {
                if !lost && leaving.blocks > 0 {
                    let traffic = self.traffic.of(peer);
                    traffic.sent_bytes = traffic.sent_bytes.saturating_add(leaving.bytes as u64);
                    traffic.sent_blocks = traffic.sent_blocks.saturating_add(leaving.blocks as u64);
                }
                self.server.left(&leaving, lost);
            }
        }
    }

    fn received(&mut self, peer: PeerId, message: Message) {
        let now = Instant::now();
        let Message { full, wants, blocks, presences, .. } = message;
        if full || !wants.is_empty() {
            let count = self.server.receive(peer, full, wants);
            if count > 0 {
                let event = Event::Dropped { peer, wants: count, why: DropReason::TooManyWants };
                self.out.push_back(ToSwarm::GenerateEvent(event));
            }
        }
        if !blocks.is_empty() {
            self.client.blocks(peer, blocks, self.traffic.of(peer), now);
        }
        if !presences.is_empty() {
            self.client.presences(peer, &presences, now);
        }
    }

    fn cut_off(&mut self, peer: PeerId) {
        self.out.push_back(ToSwarm::CloseConnection { peer_id: peer, connection: CloseConnection::All });
    }

    fn established(&mut self, event: ConnectionEstablished<'_>) {
        let connections = self.connections.entry(event.peer_id).or_default();
        connections.push(event.connection_id);
        if connections.len() == 1 {
            self.client.connected(event.peer_id, Instant::now());
        }
    }

    fn closed(&mut self, event: ConnectionClosed<'_>) {
        let peer = event.peer_id;
        let left = self.connections.get_mut(&peer).map_or(0, |all| {
            all.retain(|id| *id != event.connection_id);
            all.len()
        });
        if left == 0 {
            self.connections.remove(&peer);
            self.held.remove(&peer);
            self.on_their_way.retain(|_, message| message.peer != peer);
            self.server.disconnected(peer);
            self.client.disconnected(peer, Instant::now());
            return;
        }
        // Another connection carries on: what this one had is said once more there.
        let lost: Vec<u64> = self
            .on_their_way
            .iter()
            .filter(|(_, message)| message.connection == event.connection_id)
            .map(|(id, _)| *id)
            .collect();
        lost.into_iter().for_each(|id| self.left(id, true));
        if self.held.remove(&peer) {
            self.client.dirty.insert(peer);
        }
    }

    /// Tells peers what there is to tell, and holds the connections that are needed.
    fn tell(&mut self) {
        while let Some(peer) = self.client.dirty.pop_first() {
            if let Some(message) = self.client.message_for(&peer) {
                self.send(peer, message, What::Wants);
            }
            let needs = self.client.needs(&peer);
            if needs != self.held.contains(&peer)
                && let Some(connection) = self.connections.get(&peer).and_then(|all| all.first()).copied()
            {
                if needs {
                    self.held.insert(peer)
                } else {
                    self.held.remove(&peer)
                };
                self.notify(peer, connection, FromBehaviour::Hold(needs));
            }
        }
    }

    fn look_up(&mut self) {
        while self.workers.has_room()
            && let Some(job) = self.server.next_job()
        {
            if let Err(job) = self.workers.submit(job) {
                // As if it had ended with nothing done.
                self.answer(Done { number: job.number, peer: job.peer, answers: Vec::new(), rest: job.wants, fault: None });
                return;
            }
        }
    }

    fn time(&mut self, cx: &mut Context<'_>) {
        if !self.client.is_waiting() {
            self.tick = None;
            return;
        }
        let tick = self.tick.get_or_insert_with(|| Box::pin(tokio::time::sleep(TICK)));
        while tick.as_mut().poll(cx).is_ready() {
            self.client.tick(Instant::now());
            tick.as_mut().reset(tokio::time::Instant::now() + TICK);
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(event) => self.established(event),
            FromSwarm::ConnectionClosed(event) => self.closed(event),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {
            ToBehaviour::Message(message, room) => {
                self.received(peer, *message);
                drop(room);
            }
            // BITSWAP-3
            ToBehaviour::Junk(why) => {
                tracing::debug!(%peer, %why, "bitswap: junk; the peer is cut off");
                self.out.push_back(ToSwarm::GenerateEvent(Event::Junk { peer, why }));
                self.cut_off(peer);
            }
            ToBehaviour::Sent(id) => self.left(id, false),
            ToBehaviour::Lost(id) => self.left(id, true),
            ToBehaviour::Speaks(version) => {
                if version.is_none() {
                    // What it asked for cannot be brought to it.
                    self.server.disconnected(peer);
                }
                self.client.speaks(peer, version == Some(Version::V120), version.is_none(), Instant::now());
            }
            ToBehaviour::Stalled => {
                let wants = self.server.wants_of(&peer);
                tracing::debug!(%peer, wants, "bitswap: the peer reads nothing; it is cut off");
                self.out.push_back(ToSwarm::GenerateEvent(Event::Dropped { peer, wants, why: DropReason::ReadsNothing }));
                self.cut_off(peer);
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        loop {
            if let Some(out) = self.out.pop_front() {
                return Poll::Ready(out);
            }
            if let Some(event) = self.client.events.pop_front() {
                return Poll::Ready(ToSwarm::GenerateEvent(event));
            }
            while let Poll::Ready(done) = self.workers.poll(cx) {
                self.answer(done);
            }
            self.look_up();
            self.time(cx);
            self.tell();
            for peer in std::mem::take(&mut self.client.close) {
                self.cut_off(peer);
            }
            if self.out.is_empty() && self.client.events.is_empty() {
                self.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
    }
}

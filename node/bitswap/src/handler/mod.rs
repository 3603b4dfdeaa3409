//! One connection: streams that came in are read, one stream of ours carries what is to be told.

mod inbound;
mod outbound;
mod progress;
mod room;
mod upgrade;

use crate::wire::{Junk, Message, Version};
use inbound::Inbound;
use libp2p::swarm::handler::{ConnectionEvent, ConnectionHandler, ConnectionHandlerEvent, SubstreamProtocol};
use outbound::Outbound;
pub use room::{Room, Rooms};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use upgrade::Upgrade;

/// How often it is looked whether something takes too long.
const LOOK: Duration = Duration::from_secs(1);

/// A message on its way, by the number that the behaviour gave it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub id: u64,
    pub message: Message,
}

#[derive(Debug)]
pub enum FromBehaviour {
    Send(Box<Outgoing>),
    /// Whether the connection is to stay though nothing moves.
    Hold(bool),
}

#[derive(Debug)]
pub enum ToBehaviour {
    /// A message, or a piece of one; with the last piece the space that it takes until it has been handled.
    Message(Box<Message>, Option<Room>),
    Junk(Junk),
    /// It was written and flushed.
    Sent(u64),
    /// It could not be written.
    Lost(u64),
    /// The version that the peer agreed to; none where it speaks no bitswap.
    Speaks(Option<Version>),
    /// The peer has read too little of what waits for it, for too long.
    Stalled,
}

pub struct Handler {
    inbound: Inbound,
    outbound: Outbound,
    events: VecDeque<ToBehaviour>,
    hold: bool,
    look: Option<Pin<Box<Sleep>>>,
}

impl Handler {
    pub fn new(stall: Duration, rooms: Rooms) -> Self {
        Self { inbound: Inbound::new(rooms), outbound: Outbound::new(stall), events: VecDeque::new(), hold: false, look: None }
    }

    /// Wakes once a second while something could take too long.
    fn look(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.inbound.is_busy() && !self.outbound.is_busy() {
            self.look = None;
            return false;
        }
        let look = self.look.get_or_insert_with(|| Box::pin(tokio::time::sleep(LOOK)));
        if look.as_mut().poll(cx).is_pending() {
            return false;
        }
        look.as_mut().reset(Instant::now() + LOOK);
        true
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = FromBehaviour;
    type ToBehaviour = ToBehaviour;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(Upgrade, ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.hold || self.inbound.is_busy() || self.outbound.has_work()
    }

    fn on_behaviour_event(&mut self, event: FromBehaviour) {
        match event {
            FromBehaviour::Send(outgoing) => self.outbound.push(*outgoing),
            FromBehaviour::Hold(hold) => self.hold = hold,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Upgrade, (), ToBehaviour>> {
        loop {
            // What was read is handed on before more is read: a peer that sends faster than we take it waits.
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
            }
            if self.outbound.wants_stream() {
                let protocol = SubstreamProtocol::new(Upgrade, ());
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
            self.outbound.poll(cx, &mut self.events);
            self.inbound.poll(cx, &mut self.events);
            if self.look(cx) {
                self.inbound.look();
                self.outbound.look(&mut self.events);
                continue;
            }
            if self.events.is_empty() && !self.outbound.needs_stream() {
                return Poll::Pending;
            }
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Upgrade, Upgrade>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(inbound) => self.inbound.push(inbound.protocol.0),
            ConnectionEvent::FullyNegotiatedOutbound(outbound) => {
                let (stream, version) = outbound.protocol;
                self.events.push_back(ToBehaviour::Speaks(Some(version)));
                self.outbound.opened(stream, version);
            }
            ConnectionEvent::DialUpgradeError(error) => self.outbound.refused(&error.error, &mut self.events),
            _ => {}
        }
    }
}

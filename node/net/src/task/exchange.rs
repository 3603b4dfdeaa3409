//! NET-9 to NET-14 in the task: who is greeted, served, asked.

use super::Task;
use crate::exchange::{
    ASKS_A_PEER_MAX, ASKS_MAX, Admission, AskError, CONTENT_ADDRESS_BYTES_MAX, CONTENT_ADDRESSES_MAX, Desk, Junk, Library,
    PROTOCOL, Request, Response, Standing, answer,
};
use crate::peers::STRANGER_PAUSE;
use crate::quota::{Allowance, Quota};
use leither_types::{Blob, GENESIS_VERSION, Hash, Height, List, Text};
use libp2p::request_response::{self, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel};
use libp2p::{Multiaddr, PeerId};
use parity_scale_codec::Encode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

type Event = request_response::Event<Result<Request, Junk>, Result<Response, Junk>>;
type Channel = ResponseChannel<Result<Response, Junk>>;
type Reply = oneshot::Sender<Result<Response, AskError>>;

/// So many are remembered that are of another chain.
const STRANGERS_MAX: usize = 64;
/// Accounts of those whom we asked; a peer's is kept this long after the last question.
const ASKED_KEPT: Duration = Duration::from_secs(10);

/// What the exchange needs to know.
pub(crate) struct Setup {
    pub chain: Hash,
    pub library: Option<Arc<dyn Library>>,
}

/// What a lookup brings back.
pub(super) enum Made {
    Answer(InboundRequestId, Response, usize),
    Standing(Height, Height),
    /// Looking the standing up died.
    Nothing,
}

struct Asked {
    peer: PeerId,
    request: Request,
    /// None for our own Hello.
    reply: Option<Reply>,
}

pub(super) struct Exchange {
    chain: Hash,
    software: Text<32>,
    library: Option<Arc<dyn Library>>,
    /// What Hello says: looked up twice a second, so that who asks costs nothing.
    standing: Option<(Height, Height)>,
    looking: bool,
    /// NET-19: where this node is in the content swarm.
    content: Response,
    desk: Desk<InboundRequestId>,
    channels: BTreeMap<InboundRequestId, Channel>,
    asked: BTreeMap<OutboundRequestId, Asked>,
    asking: BTreeMap<PeerId, (Quota, Instant)>,
    // Bounded by the desk, which lets so many run at once.
    made: mpsc::UnboundedSender<Made>,
    pub made_queue: mpsc::UnboundedReceiver<Made>,
}

impl Exchange {
    pub fn new(setup: Setup) -> Self {
        let (made, made_queue) = mpsc::unbounded_channel();
        let software = Text::new(format!("leither/{}", env!("CARGO_PKG_VERSION"))).unwrap_or_default();
        // Who has no library has no blocks to give, and knows it at once.
        let standing = setup.library.is_none().then_some((0, 0));
        let mut exchange = Self {
            chain: setup.chain,
            software,
            library: setup.library,
            standing,
            looking: false,
            content: Response::None,
            desk: Desk::default(),
            channels: BTreeMap::new(),
            asked: BTreeMap::new(),
            asking: BTreeMap::new(),
            made,
            made_queue,
        };
        exchange.look();
        exchange
    }

    /// Looks the standing up, off the task.
    fn look(&mut self) {
        let Some(library) = self.library.clone().filter(|_| !self.looking) else { return };
        self.looking = true;
        let made = self.made.clone();
        tokio::spawn(async move {
            let found = tokio::task::spawn_blocking(move || library.hello()).await;
            // A task that has ended needs no answer.
            let _ = made.send(found.map_or(Made::Nothing, |(height, lowest)| Made::Standing(height, lowest)));
        });
    }

    /// NET-19: what is answered from now on. What is longer than an address may be is left out.
    pub fn set_content(&mut self, addresses: &[Multiaddr]) {
        let bytes = addresses.iter().filter_map(|address| Blob::<CONTENT_ADDRESS_BYTES_MAX>::new(address.to_vec()));
        let fitting: Vec<_> = bytes.take(CONTENT_ADDRESSES_MAX).collect();
        self.content = match List::new(fitting).filter(|addresses: &List<_, CONTENT_ADDRESSES_MAX>| !addresses.is_empty()) {
            Some(addresses) => Response::Content { addresses },
            None => Response::None,
        };
    }

    fn hello(&self) -> Response {
        match self.standing {
            Some((height, lowest)) => Response::Hello { chain: self.chain, software: self.software.clone(), height, lowest },
            None => Response::Busy,
        }
    }

    /// Lets as many lookups run as may.
    fn serve(&mut self) {
        while let Some((id, request)) = self.desk.next() {
            let made = self.made.clone();
            let Some(library) = self.library.clone() else {
                // Nobody to look it up: it is made already.
                let _ = made.send(Made::Answer(id, Response::None, 0));
                continue;
            };
            tokio::spawn(async move {
                let looked_up = tokio::task::spawn_blocking(move || {
                    let response = answer(&*library, &request);
                    let bytes = response.encoded_size();
                    (response, bytes)
                });
                let (response, bytes) = looked_up.await.unwrap_or_else(|error| {
                    tracing::error!(%error, "looking up what a peer asked for died");
                    (Response::Busy, 0)
                });
                let _ = made.send(Made::Answer(id, response, bytes));
            });
        }
    }

    /// The last connection to it is over.
    pub fn gone(&mut self, peer: &PeerId) {
        self.desk.taken(peer);
    }

    pub fn tidy(&mut self, now: Instant) {
        self.desk.tidy(now);
        self.asking.retain(|_, (_, at)| now.saturating_duration_since(*at) < ASKED_KEPT);
        self.look();
    }

    /// Questions of the caller's that are open, to those peers.
    fn open(&self, whose: impl Fn(&PeerId) -> bool) -> usize {
        self.asked.values().filter(|asked| asked.reply.is_some() && whose(&asked.peer)).count()
    }
}

impl Task {
    /// NET-14: asks a peer who it is.
    pub(super) fn hello(&mut self, peer: PeerId) {
        let request = Request::Hello { chain: self.exchange.chain, genesis_version: GENESIS_VERSION };
        if !self.send(peer, request, None) {
            self.peers.unanswered(&peer, false, Instant::now());
        }
    }

    /// Never to somebody who is not connected: that would dial.
    fn send(&mut self, peer: PeerId, request: Request, reply: Option<Reply>) -> bool {
        let behaviour = &mut self.swarm.behaviour_mut().exchange;
        if !behaviour.is_connected(&peer) {
            return false;
        }
        let id = behaviour.send_request(&peer, Ok(request.clone()));
        self.exchange.asked.insert(id, Asked { peer, request, reply });
        true
    }

    /// NET-13: a question of the caller's.
    pub(super) fn ask(&mut self, peer: PeerId, request: Request, reply: Reply, now: Instant) {
        let refused = if !self.peers.may_be_asked(&peer) || !self.swarm.behaviour().exchange.is_connected(&peer) {
            Some(AskError::NotConnected(peer))
        } else if let Err(why) = request.check() {
            Some(AskError::Senseless(why))
        } else if self.exchange.open(|_| true) >= ASKS_MAX || self.exchange.open(|of| *of == peer) >= ASKS_A_PEER_MAX {
            Some(AskError::TooMany(peer))
        } else {
            let (quota, at) = self.exchange.asking.entry(peer).or_insert_with(|| (Quota::asking(now), now));
            *at = now;
            (quota.ask(now) != Allowance::Within).then_some(AskError::TooMany(peer))
        };
        match refused {
            // Who asked may have gone.
            Some(error) => drop(reply.send(Err(error))),
            None => drop(self.send(peer, request, Some(reply))),
        }
    }

    pub(super) fn on_exchange(&mut self, event: Event, now: Instant) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                Message::Request { request_id, request, channel } => self.on_request(peer, request_id, request, channel, now),
                Message::Response { request_id, response } => self.on_response(request_id, response, now),
            },
            request_response::Event::OutboundFailure { request_id, error, .. } => self.on_failure(request_id, error, now),
            request_response::Event::InboundFailure { request_id, .. } => {
                self.exchange.channels.remove(&request_id);
                self.exchange.desk.over(request_id);
                self.exchange.serve();
            }
            request_response::Event::ResponseSent { request_id, .. } => {
                self.exchange.desk.sent(request_id, now);
                self.exchange.serve();
            }
        }
    }

    fn on_request(&mut self, peer: PeerId, id: InboundRequestId, asked: Result<Request, Junk>, channel: Channel, now: Instant) {
        let request = match asked {
            Ok(request) => request,
            // A connection that broke looks the same; that it costs something is enough.
            Err(Junk::Short) => return self.count(peer, now),
            Err(junk) => return self.ban(peer, &format!("it sent a malformed request: {junk}"), now),
        };
        if let Request::Hello { chain, .. } = request {
            self.count(peer, now);
            self.respond(channel, self.exchange.hello());
            return if chain == self.exchange.chain { self.is_ours(&peer) } else { self.wrong_chain(peer, chain, now) };
        }
        if !self.peers.may_ask(&peer) {
            self.count(peer, now);
            return self.respond(channel, Response::Busy);
        }
        if request == Request::Content {
            self.count(peer, now);
            return self.respond(channel, self.exchange.content.clone());
        }
        let stranger = self.is_stranger(&peer);
        match self.exchange.desk.take(id, peer, stranger, request, now) {
            Admission::Waits => {
                self.exchange.channels.insert(id, channel);
                self.exchange.serve();
            }
            Admission::Busy => self.respond(channel, Response::Busy),
            Admission::Ban => self.ban(peer, "it asks more than its quota", now),
        }
    }

    /// A message that is answered from memory, or not at all, counts like any other.
    fn count(&mut self, peer: PeerId, now: Instant) {
        if self.exchange.desk.count(peer, now) == Allowance::Spent {
            self.ban(peer, "it asks more than its quota", now);
        }
    }

    fn respond(&mut self, channel: Channel, response: Response) {
        // Who asked may have gone; the desk hears of that by itself.
        let _ = self.swarm.behaviour_mut().exchange.send_response(channel, Ok(response));
    }

    pub(super) fn on_made(&mut self, made: Made) {
        match made {
            Made::Standing(height, lowest) => (self.exchange.standing, self.exchange.looking) = (Some((height, lowest)), false),
            Made::Nothing => self.exchange.looking = false,
            Made::Answer(id, response, bytes) => {
                let wanted = self.exchange.desk.made(id, bytes);
                if let Some(channel) = self.exchange.channels.remove(&id).filter(|_| wanted) {
                    self.respond(channel, response);
                }
                self.exchange.serve();
            }
        }
    }

    fn on_response(&mut self, id: OutboundRequestId, response: Result<Response, Junk>, now: Instant) {
        let Some(Asked { peer, request, reply }) = self.exchange.asked.remove(&id) else { return };
        let why = match &response {
            Ok(response) if request.is_answered_by(response) => None,
            Ok(_) => Some("an answer to another question, or to more than was asked".to_string()),
            // A connection that broke looks the same.
            Err(Junk::Short) => return self.lost(peer, reply, "the answer ends early".into(), now),
            Err(junk) => Some(junk.to_string()),
        };
        if let Some(why) = why {
            self.ban(peer, &format!("it answered with junk: {why}"), now);
            if let Some(reply) = reply {
                drop(reply.send(Err(AskError::Junk { peer, why })));
            }
            return;
        }
        let Ok(response) = response else { return };
        match reply {
            Some(reply) => drop(reply.send(Ok(response))),
            None => self.on_hello(peer, response, now),
        }
    }

    fn on_hello(&mut self, peer: PeerId, response: Response, now: Instant) {
        match response {
            Response::Hello { chain, .. } if chain != self.exchange.chain => self.wrong_chain(peer, chain, now),
            Response::Hello { software, height, lowest, .. } => {
                self.peers.answered(&peer, Standing { height, lowest, software: software.to_string() }, now);
                self.is_ours(&peer);
            }
            _ => self.peers.unanswered(&peer, true, now),
        }
    }

    fn on_failure(&mut self, id: OutboundRequestId, error: OutboundFailure, now: Instant) {
        let Some(Asked { peer, reply, .. }) = self.exchange.asked.remove(&id) else { return };
        match error {
            OutboundFailure::UnsupportedProtocols => {
                tracing::warn!(
                    "peer {peer} speaks none of this node's protocols ({PROTOCOL}): it runs another version; disconnected"
                );
                self.send_away(peer, STRANGER_PAUSE, now);
                self.lost(peer, reply, "it speaks none of this node's protocols".into(), now);
            }
            OutboundFailure::Timeout => match reply {
                Some(reply) => drop(reply.send(Err(AskError::Timeout(peer)))),
                None => self.peers.unanswered(&peer, false, now),
            },
            error => self.lost(peer, reply, error.to_string(), now),
        }
    }

    fn lost(&mut self, peer: PeerId, reply: Option<Reply>, why: String, now: Instant) {
        match reply {
            Some(reply) => drop(reply.send(Err(AskError::Lost { peer, why }))),
            None => self.peers.unanswered(&peer, false, now),
        }
    }

    /// NET-14: it is told who we are, and leaves a moment later, so that both sides can say why.
    fn wrong_chain(&mut self, peer: PeerId, chain: Hash, now: Instant) {
        if self.peers.leaves(&peer, now) {
            if self.foreign.len() >= STRANGERS_MAX {
                self.foreign.pop_first();
            }
            self.foreign.insert(peer, chain);
            tracing::warn!("peer {peer} is of the chain {chain}, not of {}; disconnected", self.exchange.chain);
        }
    }
}

//! Questions by `/leither/content/1`, both ways, and the work that waits for the disk.

use super::{Answer, JOBS_MAX, Task};
use crate::address::{Scope, believable};
use crate::content::{Junk, Request, Response};
use crate::error::RecordsError;
use crate::provide::Reply;
use crate::{Held, Key, Provided, RouteError};
use libp2p::request_response::{Event, Message, OutboundFailure, ResponseChannel};
use libp2p::{Multiaddr, PeerId};
use std::time::{Duration, Instant};

/// Questions of callers that are open.
const ASKS_MAX: usize = 64;

type Channel = ResponseChannel<Result<Response, Junk>>;

/// Who waits for an answer.
pub(super) enum Ask {
    /// A caller.
    Held(usize, Answer<Vec<Option<Held>>>),
    /// A round that announces.
    Announce(u64),
    /// A round that asks whether what was announced is kept.
    Provided(u64),
}

/// Work that was done on a thread that may wait.
pub(super) enum Done {
    /// An answer to a peer.
    Answer(Channel, Response),
    /// Nobody waits.
    Quiet,
    /// The key that is due first.
    First(Result<Option<Key>, RecordsError>),
    /// Keys that are due and belong to a round.
    Due(u64, Result<Vec<Key>, RecordsError>),
    /// A round is written down.
    Written { reply: Option<(Reply, Provided)>, took: Duration, result: Result<(), RecordsError> },
}

fn quiet<T>(result: Result<T, RecordsError>) -> Done {
    if let Err(error) = result {
        tracing::error!(%error, "the database of DHT records");
    }
    Done::Quiet
}

impl Task {
    pub(super) fn ask_held(&mut self, peer: PeerId, mimeis: Vec<[u8; 20]>, reply: Answer<Vec<Option<Held>>>) {
        if peer == self.local {
            let why = "it is this node itself".into();
            return drop(reply.send(Err(RouteError::NotConnected { peer, why })));
        }
        if self.asks.values().filter(|ask| matches!(ask, Ask::Held(..))).count() >= ASKS_MAX {
            return drop(reply.send(Err(RouteError::TooMany)));
        }
        let count = mimeis.len();
        let id = self.swarm.behaviour_mut().content.send_request(&peer, Ok(Request::Held { mimeis }));
        self.asks.insert(id, Ask::Held(count, reply));
    }

    pub(super) fn on_content(&mut self, event: Event<Result<Request, Junk>, Result<Response, Junk>>, now: Instant) {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                self.serve(peer, request, channel, now)
            }
            Event::Message { peer, message: Message::Response { request_id, response }, .. } => {
                let Some(ask) = self.asks.remove(&request_id) else { return };
                match response {
                    Ok(response) => self.answered(peer, ask, response),
                    Err(junk) => {
                        self.unanswered(peer, ask, true, &junk.to_string());
                        self.on_junk(peer, &junk, now);
                    }
                }
            }
            Event::OutboundFailure { peer, request_id, error, .. } => {
                if let Some(ask) = self.asks.remove(&request_id) {
                    let speaks_it = !matches!(error, OutboundFailure::UnsupportedProtocols);
                    self.unanswered(peer, ask, speaks_it, &error.to_string());
                }
            }
            Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }

    fn on_junk(&mut self, peer: PeerId, junk: &Junk, now: Instant) {
        // A connection that broke looks like that.
        if *junk != Junk::Short {
            self.ban(peer, &junk.to_string(), now);
        }
    }

    fn answered(&mut self, peer: PeerId, ask: Ask, response: Response) {
        match (ask, response) {
            (Ask::Held(count, reply), response) => {
                let why = || RouteError::NotConnected { peer, why: "it answers something else than was asked".into() };
                // Who asked may have gone.
                let _ = reply.send(response.into_held(count).ok_or_else(why));
            }
            (Ask::Announce(round), Response::Announce(kept)) => self.on_round(round, |round| round.took(peer, &kept)),
            (Ask::Provided(round), Response::Provided(keeps)) => self.on_round(round, |round| round.keeps(peer, keeps)),
            (Ask::Announce(round) | Ask::Provided(round), _) => self.on_round(round, |round| round.failed(true)),
        }
    }

    fn unanswered(&mut self, peer: PeerId, ask: Ask, speaks_it: bool, why: &str) {
        match ask {
            Ask::Held(_, reply) => drop(reply.send(Err(RouteError::NotConnected { peer, why: why.into() }))),
            Ask::Announce(round) | Ask::Provided(round) => self.on_round(round, |round| round.failed(speaks_it)),
        }
    }

    /// ROUTE-5: a peer asks. Beyond its quota, or where too much waits for the disk, it gets no answer: the channel is dropped.
    fn serve(&mut self, peer: PeerId, request: Result<Request, Junk>, channel: Channel, now: Instant) {
        let request = match request {
            Ok(request) => request,
            Err(junk) => return self.on_junk(peer, &junk, now),
        };
        if !self.quotas.request(peer, now) || self.jobs.len() >= JOBS_MAX {
            tracing::debug!(%peer, "it asks more than is answered");
            return;
        }
        match request {
            Request::Held { mimeis } => {
                let desk = self.desk.clone();
                self.jobs.spawn_blocking(move || {
                    Done::Answer(channel, Response::of_held(mimeis.iter().map(|mimei| desk.held(mimei)).collect()))
                });
            }
            Request::Provided { key } => {
                let (records, Some(key)) = (self.records.clone(), Key::read(key)) else { return };
                self.jobs.spawn_blocking(move || match records.holds(&key, &peer) {
                    Ok(holds) => Done::Answer(channel, Response::Provided(holds)),
                    Err(error) => quiet::<()>(Err(error)),
                });
            }
            Request::Announce { keys, addresses } => {
                if !self.quotas.keys(peer, keys.len(), now) {
                    tracing::debug!(%peer, "it announces more than it may");
                    return;
                }
                let from = self.peers.get(&peer).map_or(Scope::Public, super::peers::Known::scope);
                let told: Vec<_> = addresses.into_iter().filter_map(|bytes| Multiaddr::try_from(bytes).ok()).collect();
                let keys = keys.into_iter().filter_map(Key::read).collect();
                self.keep(peer, keys, believable(&told, from), Some(channel));
            }
        }
    }

    /// ROUTE-7: puts into the records what a peer says of itself.
    pub(super) fn keep(&mut self, peer: PeerId, keys: Vec<Key>, addresses: Vec<Multiaddr>, channel: Option<Channel>) {
        // What comes key by key may not fill the queue before who waits for an answer.
        let most = if channel.is_some() { JOBS_MAX } else { JOBS_MAX / 2 };
        if self.jobs.len() >= most {
            return;
        }
        let records = self.records.clone();
        self.jobs.spawn_blocking(move || match (records.add(&peer, &keys, &addresses), channel) {
            (Ok(kept), Some(channel)) => Done::Answer(channel, Response::Announce(kept)),
            (result, _) => quiet(result),
        });
    }

    pub(super) fn purge(&mut self) {
        let records = self.records.clone();
        self.jobs.spawn_blocking(move || {
            // As many steps as keep a thread busy for seconds, not minutes; the rest at the next turn.
            for _ in 0..64 {
                match records.purge() {
                    Ok(purged) if purged == crate::records::PURGED_MAX => {}
                    result => return quiet(result),
                }
            }
            Done::Quiet
        });
    }

    pub(super) fn on_done(&mut self, done: Done) {
        match done {
            Done::Answer(channel, response) => {
                // Who asked may have gone.
                let _ = self.swarm.behaviour_mut().content.send_response(channel, Ok(response));
            }
            Done::Quiet => {}
            Done::First(first) => self.on_first(first, Instant::now()),
            Done::Due(round, keys) => self.on_due(round, keys, Instant::now()),
            Done::Written { reply, took, result } => self.on_written(reply, took, result, Instant::now()),
        }
    }
}

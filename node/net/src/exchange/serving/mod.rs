use super::types::{BLOCKS_BYTES_MAX, BLOCKS_MAX, HANDOVERS_MAX, Handover, MANIFESTS_MAX, Request, Response};
use crate::quota::{Allowance, Bucket, Quota};
use leither_types::{Blob, Certificate, Hash, Height, List};
use libp2p::PeerId;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Answers that are being looked up at once.
pub(crate) const RUNNING_MAX: usize = 4;
/// Of which so many for one peer.
pub(crate) const RUNNING_A_PEER_MAX: usize = 2;
/// Requests that wait for their turn.
const WAITING_MAX: usize = 32;
/// Of which so many of one peer.
const WAITING_A_PEER_MAX: usize = 4;
/// Bytes of answers that are being made or have not left yet.
const HELD_MAX: usize = 24 * 1024 * 1024;
/// Of which so many for one peer: two of the longest answers.
const HELD_A_PEER_MAX: usize = 10 * 1024 * 1024;
/// What all strangers (NET-17) together are served a second, and at once.
const STRANGERS_A_SECOND: u32 = 48 * 1024 * 1024;
const STRANGERS_BURST: u32 = 2 * STRANGERS_A_SECOND;
/// What has left counts until its peer is heard of again, or so long.
const LEFT: Duration = Duration::from_secs(10);
/// Accounts that are kept of peers that have gone, so that coming back is no new start.
const CLIENTS_MAX: usize = 1024;

/// What a node has to give. Called on threads that may block.
///
/// NET-11. `None`: it cannot answer, by a fault of its own; the asker hears `Busy`. Something empty: it has nothing of the kind.
pub trait Library: Send + Sync + 'static {
    /// The newest block's height, and the lowest from which on every block is there whole.
    fn hello(&self) -> (Height, Height);
    /// The genesis in SCALE; empty: it is not handed out here.
    fn genesis(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
    /// Handovers at `from` and above, in order, at most `max`.
    fn handovers(&self, from: Height, max: usize) -> Option<Vec<Handover>>;
    /// Blocks from `from` on without a gap: at most `count`, and together at most `bytes_max` bytes.
    fn blocks(&self, from: Height, count: u32, bytes_max: usize) -> Option<Vec<(Vec<u8>, Certificate)>>;
    /// The manifests of the snapshots it serves, newest first.
    fn manifests(&self) -> Option<Vec<Vec<u8>>>;
    /// The chunk of that hash.
    fn chunk(&self, hash: &Hash) -> Option<Vec<u8>>;
}

/// Looks an answer up. What is longer than it may be is this node's fault, never the asker's.
pub(crate) fn answer(library: &dyn Library, request: &Request) -> Response {
    let found = match request {
        // Answered from memory, by the task.
        Request::Hello { .. } | Request::Content => None,
        Request::Handovers { from } => library.handovers(*from, HANDOVERS_MAX).and_then(handovers),
        Request::Blocks { from, count } => {
            library.blocks(*from, *count, BLOCKS_BYTES_MAX).and_then(|found| blocks(found, *count))
        }
        Request::Manifests => library.manifests().and_then(manifests),
        Request::Chunk { hash } => library.chunk(hash).and_then(chunk),
        Request::Genesis => library.genesis().and_then(genesis),
    };
    found.unwrap_or_else(|| {
        tracing::warn!(?request, "a peer's request cannot be answered: what it asks for cannot be read here");
        Response::Busy
    })
}

fn genesis(found: Vec<u8>) -> Option<Response> {
    if found.is_empty() { Some(Response::None) } else { Blob::new(found).map(Response::Genesis) }
}

fn handovers(mut found: Vec<Handover>) -> Option<Response> {
    found.truncate(HANDOVERS_MAX);
    if found.is_empty() { Some(Response::None) } else { List::new(found).map(Response::Handovers) }
}

fn blocks(found: Vec<(Vec<u8>, Certificate)>, count: u32) -> Option<Response> {
    let mut fitting = Vec::new();
    let mut bytes = 0usize;
    for (block, certificate) in found.into_iter().take(BLOCKS_MAX.min(count as usize)) {
        bytes = bytes.saturating_add(block.len());
        if bytes > BLOCKS_BYTES_MAX {
            break;
        }
        fitting.push((Blob::new(block)?, certificate));
    }
    match (fitting.is_empty(), bytes) {
        (true, 0) => Some(Response::None),
        // The first block alone is too long.
        (true, _) => None,
        _ => List::new(fitting).map(Response::Blocks),
    }
}

fn manifests(mut found: Vec<Vec<u8>>) -> Option<Response> {
    found.truncate(MANIFESTS_MAX);
    if found.is_empty() {
        return Some(Response::None);
    }
    let all: Option<Vec<_>> = found.into_iter().map(Blob::new).collect();
    all.and_then(List::new).map(Response::Manifests)
}

fn chunk(found: Vec<u8>) -> Option<Response> {
    if found.is_empty() { Some(Response::None) } else { Blob::new(found).map(Response::Chunk) }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is looked up when its turn comes.
    Waits,
    /// Not now.
    Busy,
    /// Once too often.
    Ban,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running,
    /// The answer is made; it has not left yet.
    Leaving,
    /// It has left this program, and nobody knows whether the peer takes it: QUIC keeps what is not acknowledged.
    Left(Instant),
}

#[derive(Debug)]
struct Open {
    peer: PeerId,
    request: Request,
    stage: Stage,
    held: usize,
    stranger: bool,
    /// Nobody waits for the answer any more.
    gone: bool,
}

#[derive(Debug)]
struct Client {
    quota: Quota,
    waiting: usize,
    running: usize,
    held: usize,
}

/// NET-12: whose turn it is, and what each may have. Knows no stream and no library; `Id` names a request.
#[derive(Debug)]
pub(crate) struct Desk<Id> {
    clients: BTreeMap<PeerId, Client>,
    open: BTreeMap<Id, Open>,
    queue: VecDeque<Id>,
    running: usize,
    held: usize,
    strangers: Bucket,
    at: Option<Instant>,
}

impl<Id> Default for Desk<Id> {
    fn default() -> Self {
        let strangers = Bucket::new(STRANGERS_A_SECOND, STRANGERS_BURST);
        Self { clients: BTreeMap::new(), open: BTreeMap::new(), queue: VecDeque::new(), running: 0, held: 0, strangers, at: None }
    }
}

impl<Id: Ord + Copy> Desk<Id> {
    fn client(&mut self, peer: PeerId, now: Instant) -> &mut Client {
        self.clients
            .entry(peer)
            .or_insert_with(|| Client { quota: Quota::serving(now), waiting: 0, running: 0, held: 0 })
    }

    /// Takes one message off the peer's account. Who asks on has what it was sent.
    pub fn count(&mut self, peer: PeerId, now: Instant) -> Allowance {
        self.taken(&peer);
        self.client(peer, now).quota.ask(now)
    }

    /// A request comes in.
    pub fn take(&mut self, id: Id, peer: PeerId, stranger: bool, request: Request, now: Instant) -> Admission {
        match self.count(peer, now) {
            Allowance::Within => {}
            Allowance::Beyond => return Admission::Busy,
            Allowance::Spent => return Admission::Ban,
        }
        self.strangers.fill(now.saturating_duration_since(self.at.unwrap_or(now)));
        self.at = Some(now);
        if stranger && !self.strangers.debt().is_zero() {
            return Admission::Busy;
        }
        let held = request.response_bytes_max();
        let (all_held, all_waiting) = (self.held.saturating_add(held), self.queue.len());
        let client = self.client(peer, now);
        let full = all_waiting >= WAITING_MAX || all_held > HELD_MAX;
        if full || client.waiting >= WAITING_A_PEER_MAX || client.held.saturating_add(held) > HELD_A_PEER_MAX {
            return Admission::Busy;
        }
        client.waiting += 1;
        client.held += held;
        self.held = all_held;
        self.queue.push_back(id);
        self.open.insert(id, Open { peer, request, stage: Stage::Waiting, held, stranger, gone: false });
        Admission::Waits
    }

    /// The next request to look up, if there is room for one.
    pub fn next(&mut self) -> Option<(Id, Request)> {
        if self.running >= RUNNING_MAX {
            return None;
        }
        let (open, clients) = (&self.open, &self.clients);
        let free = |id: &Id| {
            let client = open.get(id).and_then(|one| clients.get(&one.peer));
            client.is_some_and(|client| client.running < RUNNING_A_PEER_MAX)
        };
        let at = self.queue.iter().position(free)?;
        let id = self.queue.remove(at)?;
        let one = self.open.get_mut(&id)?;
        one.stage = Stage::Running;
        self.running += 1;
        if let Some(client) = self.clients.get_mut(&one.peer) {
            client.waiting = client.waiting.saturating_sub(1);
            client.running += 1;
        }
        Some((id, one.request.clone()))
    }

    /// The answer is there and has so many bytes. Whether anybody still waits for it.
    pub fn made(&mut self, id: Id, bytes: usize) -> bool {
        let Some(one) = self.open.get_mut(&id) else { return false };
        self.running = self.running.saturating_sub(1);
        one.stage = Stage::Leaving;
        let spare = one.held.saturating_sub(bytes);
        one.held -= spare;
        self.held = self.held.saturating_sub(spare);
        let (peer, gone) = (one.peer, one.gone);
        if one.stranger {
            self.strangers.spend(bytes);
        }
        if let Some(client) = self.clients.get_mut(&peer) {
            client.running = client.running.saturating_sub(1);
            client.held = client.held.saturating_sub(spare);
            client.quota.spend(bytes);
        }
        if gone {
            self.release(id);
        }
        !gone
    }

    /// The answer has left.
    pub fn sent(&mut self, id: Id, now: Instant) {
        match self.open.get_mut(&id) {
            Some(one) if one.stage == Stage::Leaving => one.stage = Stage::Left(now),
            _ => self.over(id),
        }
    }

    /// The peer has taken what has left, or it is gone and so is what was kept for it.
    pub fn taken(&mut self, peer: &PeerId) {
        self.release_left(|one, _| one.peer == *peer);
    }

    fn release_left(&mut self, which: impl Fn(&Open, Instant) -> bool) {
        let left = self.open.iter().filter_map(|(id, one)| match one.stage {
            Stage::Left(at) if which(one, at) => Some(*id),
            _ => None,
        });
        for id in left.collect::<Vec<_>>() {
            self.release(id);
        }
    }

    /// Nobody waits for the answer any more.
    pub fn over(&mut self, id: Id) {
        let Some(one) = self.open.get_mut(&id) else { return };
        match one.stage {
            // The lookup cannot be called off; its place and its bytes are free when it ends.
            Stage::Running => one.gone = true,
            Stage::Waiting => {
                let peer = one.peer;
                self.queue.retain(|waiting| *waiting != id);
                if let Some(client) = self.clients.get_mut(&peer) {
                    client.waiting = client.waiting.saturating_sub(1);
                }
                self.release(id);
            }
            Stage::Leaving | Stage::Left(_) => self.release(id),
        }
    }

    fn release(&mut self, id: Id) {
        let Some(one) = self.open.remove(&id) else { return };
        self.held = self.held.saturating_sub(one.held);
        if let Some(client) = self.clients.get_mut(&one.peer) {
            client.held = client.held.saturating_sub(one.held);
        }
    }

    /// Forgets those of whom there is nothing to remember.
    pub fn tidy(&mut self, now: Instant) {
        self.release_left(|_, at| now.saturating_duration_since(at) >= LEFT);
        let idle = |client: &Client| client.waiting == 0 && client.running == 0 && client.held == 0;
        self.clients.retain(|_, client| !idle(client) || !client.quota.is_fresh(now));
        if self.clients.len() > CLIENTS_MAX {
            // So many names within seconds are made up; what binds them is the bound on connections.
            self.clients.retain(|_, client| !idle(client));
        }
    }
}

#[cfg(test)]
mod tests;

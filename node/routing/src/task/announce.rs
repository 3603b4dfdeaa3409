//! Rounds of announcing: those that callers wait for, and one at a time of the plan.

use super::Task;
use super::content::{Ask, Done};
use super::dht::{Net, Purpose};
use crate::content::Request;
use crate::error::RecordsError;
use crate::provide::{Pace, Reply, Round, Stage, plan};
use crate::records::{Place, place};
use crate::{ANNOUNCED_MAX, Key, Provided, RouteError};
use libp2p::PeerId;
use libp2p::kad::RecordKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rounds that callers wait for.
const ROUNDS_MAX: usize = 64;
/// Keys that go out at a time by the DHT's own messages.
const ADDING_MAX: usize = 64;
/// With nothing due, it is looked again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// After a fault of the disk the plan rests.
const REST: Duration = Duration::from_secs(60);

/// Part of the key space whose keys go to the same peers.
struct Region {
    around: Place,
    bits: u32,
    peers: Vec<PeerId>,
}

/// What the plan is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// Nothing, since then.
    Idle,
    /// It reads which key is due first, or writes down what came of a round.
    Disk,
    /// This round is its.
    Round(u64),
}

/// All rounds.
pub(super) struct Announcer {
    rounds: BTreeMap<u64, Round>,
    last: u64,
    plan: Plan,
    region: Option<Region>,
    not_before: Instant,
    /// Keys that are going out by the DHT's own messages.
    adding: usize,
    pace: Arc<Pace>,
}

impl Announcer {
    pub fn new(pace: Arc<Pace>, now: Instant) -> Self {
        Self { rounds: BTreeMap::new(), last: 0, plan: Plan::Idle, region: None, not_before: now, adding: 0, pace }
    }

    /// Whether there is more to announce to the same peers.
    pub fn is_in_a_region(&self) -> bool {
        self.region.is_some()
    }

    fn begin(&mut self, round: Round) -> u64 {
        self.last = self.last.saturating_add(1);
        self.rounds.insert(self.last, round);
        self.last
    }
}

impl Task {
    /// Somebody waits for this key to be announced.
    pub(super) fn provide(&mut self, key: Key, reply: Reply, now: Instant) {
        if self.announcer.rounds.len() >= ROUNDS_MAX {
            // It stays in the plan, whose turn comes in a minute.
            return drop(reply.send(Err(RouteError::TooMany)));
        }
        let bytes = key.bytes().to_vec();
        let round = self.announcer.begin(Round::new(vec![key], Some(reply), now));
        self.ask_closest(Net::Own, bytes, Purpose::Closest(round));
    }

    /// ROUTE-9: the plan goes on, where somebody is there to be told: with the region that it is in, or with the key that has been due for
    /// longest.
    pub(super) fn sweep(&mut self, now: Instant) {
        let rests = now < self.announcer.not_before || self.announcer.plan != Plan::Idle;
        if rests || !(self.knows_somebody(Net::Own) || self.knows_somebody(Net::Ipfs)) {
            return;
        }
        match self.announcer.region.take() {
            Some(region) => {
                let mut round = Round::new(Vec::new(), None, now);
                round.peers.clone_from(&region.peers);
                let id = self.announcer.begin(round);
                self.announcer.plan = Plan::Round(id);
                self.read_due(id, region);
            }
            None => {
                self.announcer.plan = Plan::Disk;
                let records = self.records.clone();
                self.jobs.spawn_blocking(move || Done::First(records.first_due()));
            }
        }
    }

    pub(super) fn on_first(&mut self, first: Result<Option<Key>, RecordsError>, now: Instant) {
        self.announcer.plan = Plan::Idle;
        match first {
            Ok(Some(key)) => {
                let bytes = key.bytes().to_vec();
                let round = self.announcer.begin(Round::new(vec![key], None, now));
                self.announcer.plan = Plan::Round(round);
                self.ask_closest(Net::Own, bytes, Purpose::Closest(round));
            }
            Ok(None) => self.announcer.not_before = now.checked_add(LOOK_AGAIN).unwrap_or(now),
            Err(error) => self.rest(&error, now),
        }
    }

    fn rest(&mut self, error: &RecordsError, now: Instant) {
        tracing::error!(%error, "what is provided cannot be announced; it is tried again in a minute");
        self.announcer.not_before = now.checked_add(REST).unwrap_or(now);
    }

    /// Who is closest to the first key of a round.
    pub(super) fn on_closest(&mut self, id: u64, mut peers: Vec<PeerId>) {
        peers.truncate(plan::CLOSEST);
        let Some(round) = self.announcer.rounds.get_mut(&id) else { return };
        round.peers.clone_from(&peers);
        let around = round.keys.first().map(|key| place(key.bytes())).unwrap_or_default();
        if round.reply.is_some() {
            return self.tell(id);
        }
        let bits = plan::region_bits(&around, &peers);
        self.read_due(id, Region { around, bits, peers });
    }

    fn read_due(&mut self, id: u64, region: Region) {
        if let Some(round) = self.announcer.rounds.get_mut(&id) {
            round.stage = Stage::Keys;
        }
        let (records, around, bits) = (self.records.clone(), region.around, region.bits);
        self.announcer.region = Some(region);
        self.jobs.spawn_blocking(move || Done::Due(id, records.due_in(&around, bits, ANNOUNCED_MAX)));
    }

    /// The keys of a round of the plan.
    pub(super) fn on_due(&mut self, id: u64, keys: Result<Vec<Key>, RecordsError>, now: Instant) {
        let keys = keys.unwrap_or_else(|error| {
            self.rest(&error, now);
            Vec::new()
        });
        if keys.len() < ANNOUNCED_MAX {
            // These are the last of the region.
            self.announcer.region = None;
        }
        if keys.is_empty() {
            self.announcer.rounds.remove(&id);
            self.announcer.plan = Plan::Idle;
            return;
        }
        if let Some(round) = self.announcer.rounds.get_mut(&id) {
            round.set_keys(keys);
        }
        self.tell(id);
    }

    /// Tells each of the peers all of the keys.
    fn tell(&mut self, id: u64) {
        let addresses: Vec<_> = self.told_addresses().iter().map(|address| address.to_vec()).collect();
        let Some(round) = self.announcer.rounds.get_mut(&id) else { return };
        (round.stage, round.open) = (Stage::Telling, round.peers.len());
        let keys: Vec<_> = round.keys.iter().map(|key| key.bytes().to_vec()).collect();
        for peer in &round.peers {
            let request = Request::Announce { keys: keys.clone(), addresses: addresses.clone() };
            let ask = self.swarm.behaviour_mut().content.send_request(peer, Ok(request));
            self.asks.insert(ask, Ask::Announce(id));
        }
        self.advance(id);
    }

    /// Something of a round was answered.
    pub(super) fn on_round(&mut self, id: u64, act: impl FnOnce(&mut Round)) {
        if let Some(round) = self.announcer.rounds.get_mut(&id) {
            act(round);
        }
        self.advance(id);
    }

    /// Goes on to the next stage when nothing is open any more.
    fn advance(&mut self, id: u64) {
        let public = self.swarm.behaviour().ipfs.is_enabled();
        while let Some(round) = self.announcer.rounds.get_mut(&id).filter(|round| round.open == 0) {
            match round.stage {
                Stage::Closest | Stage::Keys => return,
                Stage::Telling => {
                    let (peers, key) = (round.begin_asking(), round.keys.first().cloned());
                    (round.stage, round.open) = (Stage::Asking, peers.len());
                    self.ask_kept(id, &peers, key);
                }
                Stage::Asking => {
                    round.stage = Stage::Adding;
                    round.begin_adding(public);
                }
                Stage::Adding if round.adding.is_empty() => return self.end_round(id),
                Stage::Adding => {
                    self.add_some();
                    // Where nothing could be begun, others are under way; they go on with these.
                    let stands = self.announcer.rounds.get(&id).is_some_and(|round| round.open == 0 && !round.adding.is_empty());
                    if stands {
                        return;
                    }
                }
            }
        }
    }

    /// ROUTE-10: asks those that were told whether they keep it.
    fn ask_kept(&mut self, id: u64, peers: &[PeerId], key: Option<Key>) {
        let Some(key) = key else { return };
        for peer in peers {
            let request = Request::Provided { key: key.bytes().to_vec() };
            let ask = self.swarm.behaviour_mut().content.send_request(peer, Ok(request));
            self.asks.insert(ask, Ask::Provided(id));
        }
    }

    /// Sends keys out by the DHT's own messages, as many at a time as the bound allows.
    fn add_some(&mut self) {
        for (id, round) in &mut self.announcer.rounds {
            while self.announcer.adding < ADDING_MAX
                && let Some((public, key)) = round.adding.pop_front()
            {
                let (name, behaviour) = (RecordKey::from(key.bytes().to_vec()), self.swarm.behaviour_mut());
                let begun = match (public, behaviour.ipfs.as_mut()) {
                    (true, Some(ipfs)) => ipfs.start_providing(name).ok().map(|query| (Net::Ipfs, query)),
                    _ => behaviour.dht.start_providing(name).ok().map(|query| (Net::Own, query)),
                };
                if let Some(query) = begun {
                    round.open = round.open.saturating_add(1);
                    self.announcer.adding = self.announcer.adding.saturating_add(1);
                    self.queries.insert(query, Purpose::Add(*id, key));
                }
            }
        }
    }

    /// A key went out by the DHT's own messages.
    pub(super) fn on_sent(&mut self, net: Net, id: u64, key: &Key, sent: bool) {
        self.announcer.adding = self.announcer.adding.saturating_sub(1);
        if net == Net::Ipfs
            && let Some(ipfs) = self.swarm.behaviour_mut().ipfs.as_mut()
        {
            // The plan remembers it, not that store.
            ipfs.stop_providing(&RecordKey::from(key.bytes().to_vec()));
        }
        self.add_some();
        self.on_round(id, |round| {
            let sent = sent && (net == Net::Ipfs || !round.peers.is_empty());
            round.added(key, sent);
        });
    }

    /// Writes down what came of it.
    fn end_round(&mut self, id: u64) {
        let Some(mut round) = self.announcer.rounds.remove(&id) else { return };
        let records = self.records.clone();
        let reply = round.reply.take().map(|reply| (reply, round.provided()));
        if self.announcer.plan == Plan::Round(id) {
            self.announcer.plan = Plan::Disk;
            tracing::debug!(keys = round.keys.len(), peers = round.peers.len(), "a round of announcing is over");
        }
        let began = round.began;
        self.jobs.spawn_blocking(move || {
            let result = records.announced(round.outcomes());
            Done::Written { reply, took: began.elapsed(), result }
        });
    }

    pub(super) fn on_written(
        &mut self,
        reply: Option<(Reply, Provided)>,
        took: Duration,
        result: Result<(), RecordsError>,
        now: Instant,
    ) {
        if let Err(error) = &result {
            self.rest(error, now);
        }
        match reply {
            // Who asked may have gone.
            Some((reply, provided)) => drop(reply.send(result.map(|()| provided).map_err(RouteError::from))),
            None => {
                self.announcer.plan = Plan::Idle;
                self.announcer.pace.ended((self.clock)(), took);
            }
        }
    }
}

//! The loop: takes the next event off the heap, hands it to its node, puts what the node wants back on the heap, asks the oracle.

use crate::app::App;
use crate::client::{Clients, Transfer, account, genesis, key};
use crate::clock::Clock;
use crate::disk::Disk;
use crate::node::{Node, Output};
use crate::oracle::{Oracle, Stored};
use crate::plan::{Bug, Plan};
use crate::report::{Fate, Log, Report};
use crate::villains::Cast;
use crate::wire::Message;
use arc_malachitebft_core_types::Timeout;
use leither_consensus::Signer;
use leither_pallets::tokens;
use leither_types::{Genesis, Height, TokenId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// A node tells its height so often.
const STATUS_MS: u64 = 1_000;
/// A client asks again so often.
const CLIENT_MS: u64 = 3_000;
/// With faults, a height may take so long on average before the faults are stopped.
const HEIGHT_MS_MAX: u64 = 20_000;
/// Transfers are submitted at this pace.
const HEIGHT_MS_USUAL: u64 = 500;
/// SIM-7: once the faults have stopped, so many more heights must be decided ...
const CALM_HEIGHTS: u64 = 3;
/// ... and every transfer committed, within so many ms.
const CALM_MS_MAX: u64 = 180_000;

#[derive(Clone)]
enum Event {
    Deliver { from: usize, to: usize, bytes: Arc<Vec<u8>> },
    Timer { node: usize, life: u32, timeout: Timeout, id: u64 },
    StartHeight { node: usize, life: u32 },
    Status { node: usize },
    NewTransfer,
    Hand { transfer: usize },
    Crash { node: usize, for_ms: u64 },
    Restart { node: usize },
}

/// A validator's place: a running node, or a disk without power.
struct Seat {
    node: Option<Node>,
    disk: Option<Disk>,
    /// Counts its starts, so that what an earlier life ordered does not reach a later one.
    life: u32,
    cast: Option<Cast>,
    bug: Option<Bug>,
}

/// Everything in one run.
pub(crate) struct World<'a> {
    plan: &'a Plan,
    genesis: Genesis,
    clock: Clock<Event>,
    rng: ChaCha8Rng,
    seats: Vec<Seat>,
    clients: Clients,
    transfers: Vec<(Transfer, Height)>,
    oracle: Oracle,
    log: Log,
    /// The height from which all must go on, and since when the air is calm.
    calm: Option<(Height, u64)>,
    rounds_failed: u64,
    sent: u64,
    lost: u64,
}

impl<'a> World<'a> {
    /// Runs a plan to its end.
    pub fn run(plan: &'a Plan) -> Report {
        match Self::new(plan) {
            Ok(mut world) => {
                while world.goes_on() {
                    match world.clock.next() {
                        Some(event) => world.happen(event),
                        None => world.oracle.blame("nothing is left to happen".into()),
                    }
                }
                world.report()
            }
            Err(why) => Report::broken(plan.clone(), why),
        }
    }

    fn new(plan: &'a Plan) -> Result<Self, String> {
        if plan.people < 2 {
            return Err("a plan needs two people who pay each other".into());
        }
        let genesis = genesis(plan.validators, plan.people).ok_or("a plan needs 1 to 64 validators")?;
        let mut world = Self {
            plan,
            clock: Clock::default(),
            rng: ChaCha8Rng::seed_from_u64(plan.seed),
            seats: Vec::new(),
            clients: Clients::new(genesis.chain(), plan.people),
            transfers: Vec::new(),
            oracle: Oracle::new(&genesis),
            log: Log::new(plan.log_lines),
            calm: None,
            rounds_failed: 0,
            sent: 0,
            lost: 0,
            genesis,
        };
        for node in 0..plan.validators {
            let cast = plan.villains.iter().find(|(at, _)| *at == node).map(|(_, cast)| *cast);
            let bug = plan.bugs.iter().find(|(at, _)| *at == node).map(|(_, bug)| *bug);
            let disk = Disk::new(&world.genesis).map_err(|e| e.to_string())?;
            world.seats.push(Seat { node: None, disk: Some(disk), life: 0, cast, bug });
            world.clock.after(node as u64, Event::Restart { node });
            world.clock.after(STATUS_MS, Event::Status { node });
        }
        for crash in plan.crashes.iter().filter(|crash| crash.node < plan.validators) {
            world.clock.after(crash.at_ms, Event::Crash { node: crash.node, for_ms: crash.for_ms });
        }
        for _ in 0..plan.transfers {
            let at = world.rng.gen_range(0..(plan.heights * HEIGHT_MS_USUAL).max(1));
            world.clock.after(at, Event::NewTransfer);
        }
        Ok(world)
    }

    fn is_calm(&self) -> bool {
        self.calm.is_some()
    }

    /// Heights of the nodes that are judged, those without power included.
    fn honest_heights(&self) -> impl Iterator<Item = Height> + '_ {
        self.seats.iter().filter(|seat| seat.cast.is_none()).map(Seat::height)
    }

    fn goes_on(&mut self) -> bool {
        if !self.oracle.violations().is_empty() {
            return false;
        }
        let now = self.clock.now();
        let lowest = self.honest_heights().min().unwrap_or_default();
        let highest = self.honest_heights().max().unwrap_or_default();
        let waiting = self.plan.transfers != self.transfers.len()
            || self.transfers.iter().any(|(transfer, _)| self.oracle.committed(transfer).is_none());
        match self.calm {
            None => {
                if (lowest >= self.plan.heights && !waiting) || now > self.plan.heights * HEIGHT_MS_MAX {
                    self.log.line(now, format_args!("the faults stop at height {highest}"));
                    self.calm = Some((highest, now));
                }
                true
            }
            Some((from, since)) => {
                let done = lowest >= from + CALM_HEIGHTS && !waiting;
                if !done && now > since + CALM_MS_MAX {
                    let missing = self.transfers.iter().filter(|(t, _)| self.oracle.committed(t).is_none()).count();
                    self.oracle.blame(format!(
                        "no progress: {CALM_MS_MAX} ms after the faults stopped at height {from} the heights are {:?}, and {missing} \
                         transfers are not committed",
                        self.seats.iter().map(Seat::height).collect::<Vec<_>>()
                    ));
                }
                !done
            }
        }
    }

    fn happen(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Deliver { from, to, bytes } => self.deliver(from, to, &bytes),
            Event::Timer { node, life, timeout, id } => {
                let Some(running) = self.seats.get_mut(node).and_then(|seat| seat.living(life)) else { return };
                let outputs = running.timer(now, timeout, id);
                self.follow(node, outputs);
            }
            Event::StartHeight { node, life } => {
                let Some(running) = self.seats.get_mut(node).and_then(|seat| seat.living(life)) else { return };
                let outputs = running.start_height(now);
                self.follow(node, outputs);
            }
            Event::Status { node } => {
                self.clock.after(STATUS_MS, Event::Status { node });
                if let Some(status) = self.seats.get(node).and_then(|seat| seat.node.as_ref()).map(Node::status) {
                    self.broadcast(node, &status);
                }
            }
            Event::NewTransfer => self.new_transfer(),
            Event::Hand { transfer } => self.hand(transfer),
            Event::Crash { node, for_ms } => self.crash(node, for_ms),
            Event::Restart { node } => self.restart(node),
        }
    }

    fn deliver(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let now = self.clock.now();
        let Some(running) = self.seats.get_mut(to).and_then(|seat| seat.node.as_mut()) else { return };
        match Message::decode(bytes) {
            Ok(message) => {
                self.log.line(now, format_args!("n{to} <- n{from} {}", message.describe()));
                let outputs = running.receive(now, from, message);
                self.follow(to, outputs);
            }
            Err(error) => self.oracle.blame(format!("n{from} sent what cannot be read: {error}")),
        }
    }

    fn follow(&mut self, node: usize, outputs: Vec<Output>) {
        let now = self.clock.now();
        let Some(life) = self.seats.get(node).map(|seat| seat.life) else { return };
        for output in outputs {
            match output {
                Output::Broadcast(message) => self.broadcast(node, &message),
                Output::Send(to, message) => self.send(node, to, &message),
                Output::Wake(ms, timeout, id) => self.clock.after(ms, Event::Timer { node, life, timeout, id }),
                Output::Next(ms) => self.clock.after(ms, Event::StartHeight { node, life }),
                Output::Signed(what) => {
                    self.log.line(now, format_args!("n{node} signs {what:?}"));
                    let honest = self.seats.get(node).is_some_and(|seat| seat.cast.is_none());
                    self.oracle.signed(node, honest, what);
                }
                Output::Round(height, round) => {
                    self.log.line(now, format_args!("n{node} begins height {height}, round {round}"));
                    self.rounds_failed += u64::from(round > 0);
                }
                Output::Committed(height) => self.committed(node, height),
            }
        }
        let seat = self.seats.get(node).filter(|seat| seat.cast.is_none()).and_then(|seat| seat.node.as_ref());
        if let Some(why) = seat.and_then(Node::stopped) {
            self.oracle.blame(format!("n{node} has stopped: {why}"));
        }
    }

    fn broadcast(&mut self, from: usize, message: &Message) {
        for to in (0..self.seats.len()).filter(|to| *to != from) {
            self.send(from, to, message);
        }
    }

    fn send(&mut self, from: usize, to: usize, message: &Message) {
        let bytes = match message.encode() {
            Ok(bytes) => Arc::new(bytes),
            Err(error) => return self.oracle.blame(format!("n{from} has no bytes for {}: {error}", message.describe())),
        };
        let arrivals = self.plan.air.carry(self.is_calm(), &mut self.rng);
        self.sent += 1;
        if arrivals.is_empty() {
            self.lost += 1;
            self.log.line(self.clock.now(), format_args!("lost: n{to} <- n{from} {}", message.describe()));
        }
        for ms in arrivals {
            self.clock.after(ms, Event::Deliver { from, to, bytes: bytes.clone() });
        }
    }

    fn committed(&mut self, node: usize, height: Height) {
        let Some(seat) = self.seats.get(node).filter(|seat| seat.cast.is_none()) else { return };
        let Some(disk) = seat.node.as_ref().map(|node| &node.app().disk) else { return };
        let Some(decided) = disk.decided(height) else {
            return self.oracle.blame(format!("n{node} says that it committed height {height}, but has not"));
        };
        let line = format!("n{node} commits height {height}: {} with {} txs", decided.block.id(), decided.block.txs.len());
        self.log.line(self.clock.now(), format_args!("{line}"));
        let state = disk.state();
        match tokens::views::token(&*state, &TokenId::NATIVE) {
            Ok(Some(mei)) => {
                let issued_burned = (mei.issued.0, mei.burned.0);
                let stored = Stored { decided, state: &state, issued_burned };
                self.oracle.stored(node, height, &stored);
            }
            other => self.oracle.blame(format!("n{node} cannot read what mei is: {other:?}")),
        }
    }

    fn new_transfer(&mut self) {
        let Some(transfer) = self.clients.transfer(self.clock.now(), &mut self.rng) else {
            return self.oracle.blame("a transfer cannot be made".into());
        };
        let height = self.honest_heights().max().unwrap_or_default();
        self.oracle.submitted(&transfer);
        self.transfers.push((transfer, height));
        self.hand(self.transfers.len() - 1);
    }

    /// A client hands its transfer to some node, again and again, until it hears that it is committed.
    fn hand(&mut self, transfer: usize) {
        let now = self.clock.now();
        let Some((known, _)) = self.transfers.get(transfer).filter(|(known, _)| self.oracle.committed(known).is_none()) else {
            return;
        };
        let node = self.rng.gen_range(0..self.seats.len());
        if let Some(running) = self.seats.get_mut(node).and_then(|seat| seat.node.as_mut()) {
            let (taken, outputs) = running.submit(now, known.bytes.clone());
            self.log.line(now, format_args!("transfer {transfer} handed to n{node}, taken: {taken}"));
            self.follow(node, outputs);
        }
        self.clock.after(CLIENT_MS, Event::Hand { transfer });
    }

    fn crash(&mut self, node: usize, for_ms: u64) {
        let Some(seat) = self.seats.get_mut(node) else { return };
        let Some(running) = seat.node.take() else { return };
        let mut disk = running.into_app().disk;
        let kept = self.rng.gen_range(0..=disk.wal.unflushed());
        disk.wal.tear(kept);
        seat.disk = Some(disk);
        self.log
            .line(self.clock.now(), format_args!("n{node} loses power, {kept} unflushed entries of its log are left"));
        self.clock.after(for_ms, Event::Restart { node });
    }

    fn restart(&mut self, node: usize) {
        let now = self.clock.now();
        let chain = self.genesis.chain();
        let Some(seat) = self.seats.get_mut(node) else { return };
        let Some(disk) = seat.disk.take() else { return };
        let signer = Signer::new(chain, key("validator", node));
        let villain = seat.cast.map(|cast| cast.act(account(0)));
        let app = App::new(signer.clone(), disk, villain, seat.bug);
        match app.and_then(|app| Node::new(signer, app, seat.bug)) {
            Ok(mut running) => {
                seat.life += 1;
                self.log.line(now, format_args!("n{node} starts at height {}", running.height()));
                let outputs = running.start_height(now);
                seat.node = Some(running);
                self.follow(node, outputs);
            }
            Err(why) => self.oracle.blame(format!("n{node} does not start: {why}")),
        }
    }

    fn report(self) -> Report {
        let fate = |(transfer, at): &(Transfer, Height)| Fate {
            from: transfer.from,
            submitted: *at,
            committed: self.oracle.committed(transfer),
        };
        Report {
            plan: self.plan.clone(),
            heads: self.oracle.heads(),
            transfers: self.transfers.iter().map(fate).collect(),
            rounds_failed: self.rounds_failed,
            sent: self.sent,
            lost: self.lost,
            virtual_ms: self.clock.now(),
            violations: self.oracle.violations().to_vec(),
            log: self.log,
        }
    }
}

impl Seat {
    fn living(&mut self, life: u32) -> Option<&mut Node> {
        self.node.as_mut().filter(|_| self.life == life)
    }

    fn height(&self) -> Height {
        let disk = self.node.as_ref().map(|node| &node.app().disk).or(self.disk.as_ref());
        disk.map_or(0, Disk::height)
    }
}

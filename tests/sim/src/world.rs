//! The loop: takes the next event off the heap, hands it to its node, puts what the node wants back on the heap, asks the oracle.

use crate::acts::{Act, OPERATOR_MS};
use crate::checks::Checks;
use crate::client::{Clients, KEYS_MAX, Order, Want, account, consensus_key, genesis};
use crate::clock::Clock;
use crate::disk::{Decided, Disk};
use crate::node::{Node, Output};
use crate::oracle::{Oracle, Stored};
use crate::plan::Plan;
use crate::power::Seat;
use crate::report::{Fate, Log, Reached, Report};
use crate::trouble::{Cut, Trouble};
use crate::twins::APART_MS;
use crate::villains::Cast;
use arc_malachitebft_core_types::Timeout;
use leither_executor::execute;
use leither_pallets::tokens;
use leither_types::{Genesis, Hash, Height, TokenId, ValidatorId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A node tells its height so often.
const STATUS_MS: u64 = 1_000;
/// A client asks again so often.
const CLIENT_MS: u64 = 3_000;
/// With faults, a height may take so long on average before the faults are stopped.
const HEIGHT_MS_MAX: u64 = 20_000;
/// If no height is decided for so long, the faults are stopped, too: more than the longest of them lasts.
const STALL_MS_MAX: u64 = 120_000;
/// Transfers are submitted at this pace.
const HEIGHT_MS_USUAL: u64 = 500;
/// A node is asked for a proof after one height in so many.
const LIGHT_CLIENT_EVERY: u64 = 8;
/// SIM-7: once the faults have stopped, so many more heights must be decided ...
const CALM_HEIGHTS: u64 = 3;
/// ... and every transfer committed, within so many ms.
const CALM_MS_MAX: u64 = 180_000;

pub(crate) enum Event {
    Deliver { from: usize, to: usize, bytes: Rc<Vec<u8>> },
    Timer { node: usize, life: u32, timeout: Timeout, id: u64 },
    StartHeight { node: usize, life: u32 },
    Status { node: usize },
    NewTransfer,
    Hand { order: usize },
    Act(Act),
    Operators,
    Trouble(Trouble),
    Restart { node: usize },
}

impl Event {
    /// The machine that it happens on.
    fn node(&self) -> Option<usize> {
        match self {
            Self::Deliver { to, .. } => Some(*to),
            Self::Timer { node, .. } | Self::StartHeight { node, .. } | Self::Status { node } => Some(*node),
            Self::NewTransfer | Self::Hand { .. } | Self::Act(_) | Self::Operators => None,
            Self::Trouble(_) | Self::Restart { .. } => None,
        }
    }
}

/// Everything in one run.
pub(crate) struct World<'a> {
    pub plan: &'a Plan,
    pub genesis: Genesis,
    pub clock: Clock<Event>,
    pub rng: ChaCha8Rng,
    pub checks: Checks,
    pub seats: Vec<Seat>,
    pub cuts: Vec<Cut>,
    /// Villains' messages that a node has passed on.
    pub passed: BTreeSet<(usize, Hash)>,
    /// When the first machine began a height and round: what a Twins scenario goes by.
    pub begun: BTreeMap<(Height, u32), u64>,
    pub clients: Clients,
    /// What clients signed, and the highest height at that time.
    pub orders: Vec<(Order, Height)>,
    /// The orders that are not committed yet, by number.
    pub waiting: BTreeSet<usize>,
    /// Transfers made so far.
    transfers: usize,
    /// How many of its keys each machine has used, or is about to.
    pub keys_used: Vec<usize>,
    /// The newest height that anybody has, and when it was decided first.
    newest: (Height, u64),
    pub oracle: Oracle,
    pub log: Log,
    pub reached: Reached,
    /// The height from which all must go on, and since when the air is calm.
    calm: Option<(Height, u64)>,
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
                world.replay();
                world.report()
            }
            Err(why) => Report::broken(plan.clone(), why),
        }
    }

    fn new(plan: &'a Plan) -> Result<Self, String> {
        if plan.people < 2 {
            return Err("a plan needs two people who pay each other".into());
        }
        let genesis = genesis(plan).ok_or("a plan needs 1 to 64 validators with power")?;
        let checks = Checks::new(genesis.chain());
        let mut world = Self {
            plan,
            clock: Clock::default(),
            rng: ChaCha8Rng::seed_from_u64(plan.seed),
            seats: Vec::new(),
            cuts: Vec::new(),
            passed: BTreeSet::new(),
            begun: BTreeMap::new(),
            clients: Clients::new(genesis.chain(), plan),
            orders: Vec::new(),
            waiting: BTreeSet::new(),
            transfers: 0,
            keys_used: (0..plan.machines()).map(|node| usize::from(node < plan.validators)).collect(),
            newest: (0, 0),
            oracle: Oracle::new(&genesis, checks.clone(), plan.accuses),
            checks,
            log: Log::new(plan.log_lines),
            reached: Reached::default(),
            calm: None,
            genesis,
        };
        for node in 0..plan.machines() {
            let disk = Disk::new(&world.genesis).map_err(|e| e.to_string())?;
            let seat = world.seat(node, disk);
            for key in (0..KEYS_MAX).map(|generation| consensus_key(seat.identity, generation).public()) {
                world.oracle.named(seat.identity, key);
                if let Some(cast) = seat.cast {
                    world.oracle.suspect(ValidatorId::of_key(&key), cast.may_equivocate());
                }
            }
            world.seats.push(seat);
            world.clock.after(node as u64, Event::Restart { node });
            world.clock.after(STATUS_MS, Event::Status { node });
        }
        for trouble in &plan.troubles {
            if let Trouble::Cut(cut) = trouble {
                world.cuts.push(*cut);
            }
            world.clock.after(trouble.at_ms(), Event::Trouble(*trouble));
        }
        for act in &plan.acts {
            world.clock.after(act.at_ms, Event::Act(*act));
        }
        world.clock.after(OPERATOR_MS, Event::Operators);
        for _ in 0..plan.transfers {
            let at = world.rng.gen_range(0..(plan.heights * HEIGHT_MS_USUAL).max(1));
            world.clock.after(at, Event::NewTransfer);
        }
        Ok(world)
    }

    fn seat(&self, node: usize, disk: Disk) -> Seat {
        let plan = self.plan;
        let of = |list: &[(usize, i64)]| list.iter().find(|(at, _)| *at == node).map(|(_, what)| *what);
        let twin = plan.twins.as_ref().map(|twins| twins.of).filter(|of| node == *of || Some(node) == plan.twin());
        let cast = plan.villains.iter().find(|(at, _)| *at == node).map(|(_, cast)| *cast);
        Seat {
            node: None,
            disk: Some(disk),
            identity: twin.unwrap_or(node),
            life: 0,
            still_until: 0,
            back_at: 0,
            struck_for_ms: 0,
            flush_ms: plan.disks.iter().find(|(at, _)| *at == node).map_or(0, |(_, ms)| *ms),
            skew_ms: of(&plan.skews).unwrap_or_default() + if Some(node) == plan.twin() { APART_MS } else { 0 },
            cast: twin.map(|_| Cast::Twin).or(cast),
            bug: plan.bugs.iter().find(|(at, _)| *at == node).map(|(_, bug)| *bug),
        }
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.is_some()
    }

    /// Heights of the nodes that are judged, those without power included.
    fn honest_heights(&self) -> impl Iterator<Item = Height> + '_ {
        self.seats.iter().filter(|seat| seat.cast.is_none()).map(Seat::height)
    }

    fn goes_on(&mut self) -> bool {
        if !self.oracle.violations().is_empty() || self.is_overrun() {
            return false;
        }
        let now = self.clock.now();
        // Who has no power for the rest of the run is not waited for.
        let last = self.calm.map_or(u64::MAX - 1, |(_, since)| since + CALM_MS_MAX);
        let honest = self.seats.iter().filter(|seat| seat.cast.is_none() && (seat.node.is_some() || seat.back_at <= last));
        let lowest = honest.map(Seat::height).min().unwrap_or_default();
        let waiting = self.plan.transfers != self.transfers || !self.waiting.is_empty();
        match self.calm {
            None => {
                let late = now > self.plan.heights * HEIGHT_MS_MAX || now > self.newest.1 + STALL_MS_MAX;
                if (lowest >= self.plan.heights && !waiting) || late {
                    let highest = self.honest_heights().max().unwrap_or_default();
                    self.log.line(now, format_args!("the faults stop at height {highest}"));
                    self.calm = Some((highest, now));
                }
                true
            }
            Some((from, since)) => {
                let done = lowest >= from + CALM_HEIGHTS && !waiting;
                let over = now > since + CALM_MS_MAX;
                if !done && over {
                    self.end_without_progress(from);
                }
                !done && !over
            }
        }
    }

    /// Whether villains have come to have more than a third of the power at a height under way, as honest ones were jailed: nothing is promised
    /// of such a net, not even safety, so the run ends.
    fn is_overrun(&mut self) -> bool {
        let tip = self.oracle.tip().map_or(0, |(height, _)| height);
        if tip <= self.newest.0 {
            return false;
        }
        self.newest = (tip, self.clock.now());
        let overrun = self.oracle.villains_of(tip + 1).is_some_and(|(bad, all)| bad * 3 > all);
        if overrun {
            self.reached.overruns += 1;
            self.log
                .line(self.clock.now(), format_args!("villains have more than a third of the power at height {}", tip + 1));
        }
        overrun
    }

    /// SIM-7: progress is due where more than two thirds of the power that votes now is honest and up, as all are that are up are connected.
    fn end_without_progress(&mut self, from: Height) {
        let highest = self.honest_heights().max().unwrap_or_default();
        let (mut up, mut all) = (0, 0);
        for (who, voter) in self.oracle.register().voters(highest + 1).into_iter().flatten() {
            let power = u128::from(voter.power);
            let seat = self.oracle.machine(who).and_then(|machine| self.seats.get(machine));
            all += power;
            up += seat.filter(|seat| seat.cast.is_none() && seat.node.is_some()).map_or(0, |_| power);
        }
        if up * 3 <= all * 2 {
            self.reached.halts += 1;
            return self.log.line(self.clock.now(), format_args!("no progress, with {up} of {all} honest and up"));
        }
        self.oracle.blame(format!(
            "no progress: {CALM_MS_MAX} ms after the faults stopped at height {from} the heights are {:?}, and {} transactions are not \
             committed; {up} of {all} of the power are honest and up",
            self.seats.iter().map(Seat::height).collect::<Vec<_>>(),
            self.waiting.len()
        ));
    }

    fn happen(&mut self, event: Event) {
        let now = self.clock.now();
        // A machine that stands still finds everything when it goes on, in the order in which it came.
        if let Some(until) = event.node().and_then(|node| self.seats.get(node)).map(|seat| seat.still_until).filter(|t| *t > now)
        {
            return self.clock.after(until - now, event);
        }
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
                self.status(node);
            }
            Event::NewTransfer => self.new_transfer(),
            Event::Hand { order } => self.hand(order),
            Event::Operators => self.look_after(),
            Event::Act(_) if self.is_calm() => {}
            Event::Act(act) => self.act(act),
            Event::Trouble(_) if self.is_calm() => {}
            Event::Trouble(Trouble::Crash { node, for_ms, .. }) => self.crash(node, for_ms),
            Event::Trouble(Trouble::Strike { node, after, for_ms, .. }) => self.strike(node, after, for_ms),
            Event::Trouble(Trouble::Pause { node, for_ms, .. }) => self.pause(node, for_ms),
            Event::Trouble(Trouble::Cut(cut)) => {
                self.reached.cuts += 1;
                self.log.line(now, format_args!("wires are cut: {}", Trouble::Cut(cut)));
            }
            Event::Restart { node } => self.restart(node),
        }
    }

    pub(crate) fn follow(&mut self, node: usize, outputs: Vec<Output>) {
        let now = self.clock.now();
        let Some((life, identity, honest, flush_ms)) =
            self.seats.get(node).map(|seat| (seat.life, seat.identity, seat.cast.is_none(), seat.flush_ms))
        else {
            return;
        };
        // What follows a write to a slow disk waits for it; so does everything that the node would do next.
        let mut wait_ms: u64 = 0;
        for output in outputs {
            match output {
                Output::Flush if flush_ms == 0 || self.is_calm() => {}
                Output::Flush => wait_ms += self.rng.gen_range(0..=flush_ms),
                Output::Broadcast(message) => self.broadcast(node, &message, wait_ms),
                Output::Send(to, message) => self.send(node, to, &message, wait_ms),
                Output::Wake(ms, timeout, id) => self.clock.after(ms + wait_ms, Event::Timer { node, life, timeout, id }),
                Output::Next(ms) => self.clock.after(ms + wait_ms, Event::StartHeight { node, life }),
                Output::Signed(what) => {
                    self.log.line(now, format_args!("n{node} signs {what:?}"));
                    self.oracle.signed(identity, honest, what);
                }
                Output::Round(height, round) => {
                    self.log.line(now, format_args!("n{node} begins height {height}, round {round}"));
                    self.reached.rounds_failed += u64::from(round > 0);
                    if self.plan.twins.is_some() {
                        self.begun.entry((height, round)).or_insert(now);
                    }
                }
                Output::Committed { height } => self.committed(node, height),
                Output::Evidence { height, accused } if honest => {
                    accused.iter().for_each(|what| self.log.line(now, format_args!("n{node} can prove {what:?}")));
                    self.oracle.accused(node, height, &accused);
                }
                Output::Evidence { .. } => {}
            }
        }
        let Some(seat) = self.seats.get_mut(node) else { return };
        if wait_ms > 0 {
            seat.still_until = seat.still_until.max(now + wait_ms);
        }
        if let Some(why) = seat.node.as_ref().filter(|_| honest).and_then(Node::stopped) {
            self.oracle.blame(format!("n{node} has stopped: {why}"));
        }
        self.fall(node);
    }

    fn committed(&mut self, node: usize, height: Height) {
        let Some(seat) = self.seats.get(node).filter(|seat| seat.cast.is_none()) else { return };
        let Some(disk) = seat.node.as_ref().map(|node| &node.app().disk) else { return };
        let Some(decided) = disk.decided(height) else {
            return self.oracle.blame(format!("n{node} says that it committed height {height}, but has not"));
        };
        if self.log.is_on() {
            let line = format!("n{node} commits height {height}: {} with {} txs", decided.block.id(), decided.block.txs.len());
            self.log.line(self.clock.now(), format_args!("{line}"));
        }
        let state = disk.state();
        match tokens::views::token(&*state, &TokenId::NATIVE) {
            Ok(Some(mei)) => {
                let issued_burned = (mei.issued.0, mei.burned.0);
                let stored = Stored { decided, state: &state, issued_burned };
                self.oracle.stored(node, height, &stored);
            }
            other => self.oracle.blame(format!("n{node} cannot read what mei is: {other:?}")),
        }
        if (height + node as u64).is_multiple_of(LIGHT_CLIENT_EVERY) {
            let who = account(usize::try_from(height).unwrap_or_default() % self.plan.people);
            if let Some(proof) = seat.node.as_ref().map(|node| node.app().prove(&who)) {
                self.oracle.asked(node, height, &who, &proof);
            }
        }
        if !decided.block.txs.is_empty() {
            let (oracle, orders) = (&self.oracle, &self.orders);
            self.waiting.retain(|n| orders.get(*n).is_some_and(|(order, _)| oracle.committed(order).is_none()));
        }
    }

    fn new_transfer(&mut self) {
        let Some(transfer) = self.clients.transfer(self.clock.now(), &mut self.rng) else {
            return self.oracle.blame("a transfer cannot be made".into());
        };
        self.transfers += 1;
        self.ordered(transfer);
    }

    /// A client has signed something.
    pub(crate) fn ordered(&mut self, order: Order) {
        let height = self.honest_heights().max().unwrap_or_default();
        self.oracle.submitted(&order);
        self.waiting.insert(self.orders.len());
        self.orders.push((order, height));
        self.hand(self.orders.len() - 1);
    }

    /// A client hands its order to some node, again and again, until it hears that it is committed.
    fn hand(&mut self, order: usize) {
        let now = self.clock.now();
        let Some((known, _)) = self.orders.get(order).filter(|_| self.waiting.contains(&order)) else { return };
        let node = self.rng.gen_range(0..self.seats.len());
        let seat = self.seats.get_mut(node).filter(|seat| seat.still_until <= now);
        if let Some(running) = seat.and_then(|seat| seat.node.as_mut()) {
            let (taken, outputs) = running.submit(now, known.bytes.clone());
            self.log.line(now, format_args!("order {order} handed to n{node}, taken: {taken}"));
            self.follow(node, outputs);
        }
        self.clock.after(CLIENT_MS, Event::Hand { order });
    }

    /// Executes what an honest node has stored once more, block by block, as a stranger who has the genesis and nothing else.
    fn replay(&mut self) {
        if !self.oracle.violations().is_empty() || !self.plan.bugs.is_empty() {
            return;
        }
        let Some(seat) = self.seats.iter().find(|seat| seat.cast.is_none()) else { return };
        let Some(disk) = seat.node.as_ref().map(|node| &node.app().disk).or(seat.disk.as_ref()) else { return };
        let Ok(mut fresh) = Disk::new(&self.genesis) else { return };
        for height in 1..=disk.height() {
            let Some(decided) = disk.decided(height) else {
                return self.oracle.blame(format!("height {height} is not there any more"));
            };
            let mut parent = fresh.parent();
            let certificate = &decided.block.last_certificate;
            // One that was verified in the run needs no second look.
            if self.checks.is_proof(&parent, certificate).is_ok_and(|good| good) {
                parent.certificate = certificate.clone();
            }
            let outcome = match execute(&parent, &decided.block, &self.checks) {
                Ok(outcome) => outcome,
                Err(why) => return self.oracle.blame(format!("executed again from genesis, height {height} fails: {why}")),
            };
            drop(parent);
            let Decided { block, certificate, .. } = decided.clone();
            let again = Decided { block, certificate, receipts: outcome.receipts };
            if let Err(why) = fresh.commit(again, &outcome.writes) {
                return self.oracle.blame(format!("executed again from genesis, height {height} cannot be stored: {why}"));
            }
            self.oracle.replayed(height, fresh.state().root());
        }
    }

    fn report(self) -> Report {
        let fate =
            |(order, at): &(Order, Height)| Fate { from: order.from, submitted: *at, committed: self.oracle.committed(order) };
        let transfers = self.orders.iter().filter(|(order, _)| matches!(order.want, Want::Pay(..)));
        Report {
            plan: self.plan.clone(),
            heads: self.oracle.heads(),
            transfers: transfers.map(fate).collect(),
            reached: Reached { evidence: self.oracle.evidence(), turnover: self.oracle.register().turnover(), ..self.reached },
            virtual_ms: self.clock.now(),
            violations: self.oracle.violations().to_vec(),
            log: self.log,
        }
    }
}

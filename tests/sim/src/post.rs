//! How messages get from node to node: encoded, cut off, carried by the air, decoded; and what a villain makes of its own.

use crate::air::is_cut;
use crate::app::Load;
use crate::node::{Node, Signed};
use crate::twins::CUT_MS;
use crate::villains::Cast;
use crate::wire::Message;
use crate::world::{Event, World};
use leither_types::tagged;
use std::rc::Rc;

/// So many of a villain's messages are remembered as passed on already; then all are forgotten.
const PASSED_MAX: usize = 20_000;

impl World<'_> {
    pub(crate) fn deliver(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let now = self.clock.now();
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                if self.cast(from).is_none() {
                    self.oracle.blame(format!("n{from} sent what cannot be read: {error}"));
                }
                return;
            }
        };
        let honest = self.cast(to).is_none();
        let passed_on = (honest && self.is_gossip(from, to, &message, bytes)).then(|| message.clone());
        let Some(running) = self.seats.get_mut(to).and_then(|seat| seat.node.as_mut()) else { return };
        if self.log.is_on() {
            self.log.line(now, format_args!("n{to} <- n{from} {}", message.describe()));
        }
        if let Some(vote) = message.vote().filter(|_| honest) {
            let (height, round) = running.place();
            // What comes once the height is decided, or is of a round that is over or too far ahead, need not be noticed.
            let open = vote.height.0 == height && running.app().next_height() == height;
            if open && vote.round >= round && vote.round <= round + 1 {
                self.oracle.heard(to, &vote.to_chain());
            }
        }
        let outputs = running.receive(now, from, message);
        let load = running.load();
        if self.cast(from).is_some() {
            self.weigh(to, load);
        }
        self.follow(to, outputs);
        if let Some(message) = passed_on {
            let others: Vec<usize> = (0..self.seats.len()).filter(|other| *other != to && *other != from).collect();
            self.post(to, &others, &message, 0);
        }
    }

    fn cast(&self, node: usize) -> Option<Cast> {
        self.seats.get(node).and_then(|seat| seat.cast)
    }

    /// Gossip: what a villain tells some, these pass on to the others, once each. What an honest node says goes to all anyway.
    fn is_gossip(&mut self, from: usize, to: usize, message: &Message, bytes: &[u8]) -> bool {
        let selective = matches!(self.cast(from), Some(Cast::Equivocator | Cast::Withholder | Cast::Amnesiac));
        if !self.plan.gossip || !selective || message.place().is_none() {
            return false;
        }
        if self.passed.len() >= PASSED_MAX {
            self.passed.clear();
        }
        self.passed.insert((to, tagged("leither/sim-passed/v1", &[bytes])))
    }

    /// Each node says how far it is; a villain may say more.
    pub(crate) fn status(&mut self, node: usize) {
        let others = self.others(node);
        let Some(running) = self.seats.get_mut(node).and_then(|seat| seat.node.as_mut()) else { return };
        let (status, said, load) = (running.status(), running.tick(&others), running.load());
        self.broadcast(node, &status, 0);
        for (to, message) in said {
            self.post(node, &[to], &message, 0);
        }
        self.weigh(node, load);
    }

    /// SIM-12: what a node keeps because others told it.
    fn weigh(&mut self, node: usize, load: Load) {
        if self.cast(node).is_some() {
            return;
        }
        let most = &mut self.reached.load;
        most.queued = most.queued.max(load.queued);
        most.blocks = most.blocks.max(load.blocks);
        most.mentions = most.mentions.max(load.mentions);
        if load.is_too_much() {
            self.oracle.blame(format!("n{node} keeps more than it may because others told it: {load:?}"));
        }
    }

    fn others(&self, node: usize) -> Vec<usize> {
        (0..self.seats.len()).filter(|other| *other != node).collect()
    }

    /// To all others; a villain says to each what it likes.
    pub(crate) fn broadcast(&mut self, from: usize, message: &Message, wait_ms: u64) {
        let others = self.others(from);
        if self.cast(from).is_none() {
            return self.post(from, &others, message, wait_ms);
        }
        for to in &others {
            self.say(from, *to, message, &others, wait_ms);
        }
    }

    /// To one.
    pub(crate) fn send(&mut self, from: usize, to: usize, message: &Message, wait_ms: u64) {
        let others = self.others(from);
        self.say(from, to, message, &others, wait_ms);
    }

    fn say(&mut self, from: usize, to: usize, message: &Message, others: &[usize], wait_ms: u64) {
        let Some(running) = self.seats.get_mut(from).and_then(|seat| seat.node.as_mut()) else { return };
        for message in running.say(others, to, message) {
            self.post(from, &[to], &message, wait_ms);
        }
    }

    /// Puts a message on the wires.
    fn post(&mut self, from: usize, to: &[usize], message: &Message, wait_ms: u64) {
        let bytes = match message.encode() {
            Ok(bytes) => Rc::new(bytes),
            Err(error) => return self.oracle.blame(format!("n{from} has no bytes for {}: {error}", message.describe())),
        };
        let Some(seat) = self.seats.get(from) else { return };
        // What a villain has made up counts as signed by it; what it passes on was counted before.
        if let Some(vote) = message.vote().filter(|_| seat.cast.is_some()) {
            let vote = vote.to_chain();
            if self.oracle.machine(&vote.validator) == Some(seat.identity) {
                let (kind, height, round, block) = (vote.kind, vote.height, vote.round, vote.block);
                self.oracle.signed(seat.identity, false, Signed::Vote { kind, height, round, block });
            }
        }
        let place = message.place().or_else(|| seat.node.as_ref().map(Node::place)).unwrap_or_default();
        for to in to {
            self.carry(from, *to, &bytes, place, wait_ms);
        }
    }

    /// Whether a Twins scenario stops a message of this height and round.
    fn is_split(&self, place: (u64, u32), from: usize, to: usize) -> bool {
        let Some(twins) = &self.plan.twins else { return false };
        let over = self.begun.get(&place).is_some_and(|begun| self.clock.now() >= begun + CUT_MS);
        !over && !twins.joins(place, from, to)
    }

    fn carry(&mut self, from: usize, to: usize, bytes: &Rc<Vec<u8>>, place: (u64, u32), wait_ms: u64) {
        let now = self.clock.now();
        let calm = self.is_calm();
        let cut = !calm && (self.is_split(place, from, to) || is_cut(&self.cuts, now.saturating_add(wait_ms), from, to));
        let arrivals = if cut { [None, None] } else { self.plan.air.carry(calm, &mut self.rng) };
        self.reached.sent += 1;
        if arrivals[0].is_none() {
            self.reached.lost += 1;
            self.log.line(now, format_args!("lost: n{to} <- n{from}, {} bytes of {place:?}", bytes.len()));
        }
        for ms in arrivals.into_iter().flatten() {
            self.clock.after(ms.saturating_add(wait_ms), Event::Deliver { from, to, bytes: bytes.clone() });
        }
    }
}

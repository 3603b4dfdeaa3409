//! What befalls machines: power failures between and within steps, standing still, starting again.

use crate::app::{App, Manner};
use crate::client::{KEYS_MAX, account, consensus_key};
use crate::disk::Disk;
use crate::node::{Node, Temper};
use crate::plan::Bug;
use crate::villains::Cast;
use crate::world::{Event, World};
use leither_consensus::Signer;
use leither_types::Height;
use rand::Rng;

/// A validator's place: a running node, or a disk without power.
pub(crate) struct Seat {
    pub node: Option<Node>,
    pub disk: Option<Disk>,
    /// Whose key it has: its own number, or that of the validator that it is the twin of.
    pub identity: usize,
    /// Counts its starts, so that what an earlier life ordered does not reach a later one.
    pub life: u32,
    /// Nothing reaches it before.
    pub still_until: u64,
    /// When it has power again, if it has none.
    pub back_at: u64,
    /// How long it stays without power if it is struck.
    pub struck_for_ms: u64,
    /// A flush of its disk takes up to so many ms.
    pub flush_ms: u64,
    pub skew_ms: i64,
    pub cast: Option<Cast>,
    pub bug: Option<Bug>,
}

impl Seat {
    pub fn living(&mut self, life: u32) -> Option<&mut Node> {
        self.node.as_mut().filter(|_| self.life == life)
    }

    pub fn height(&self) -> Height {
        let disk = self.node.as_ref().map(|node| &node.app().disk).or(self.disk.as_ref());
        disk.map_or(0, Disk::height)
    }
}

impl World<'_> {
    pub(crate) fn crash(&mut self, node: usize, for_ms: u64) {
        let Some(seat) = self.seats.get_mut(node) else { return };
        let Some(running) = seat.node.take() else { return };
        let mut disk = running.into_app().disk;
        if seat.cast == Some(Cast::Amnesiac) {
            disk.wal.lose();
            disk.built.clear();
        }
        let bytes = disk.wal.unflushed();
        let kept = self.rng.gen_range(0..=bytes);
        let flip = (kept > 0 && self.rng.gen_ratio(1, 3)).then(|| self.rng.gen_range(0..kept * 8));
        let lost = disk.wal.tear(kept, flip);
        seat.disk = Some(disk);
        self.reached.crashes += 1;
        self.reached.torn += u64::from(lost > 0);
        self.reached.flipped += u64::from(flip.is_some());
        self.log.line(
            self.clock.now(),
            format_args!(
                "n{node} loses power, {kept} of {bytes} unflushed bytes are left, bit {flip:?} is another, {lost} entries gone"
            ),
        );
        seat.back_at = self.clock.now().saturating_add(for_ms);
        self.clock.after(for_ms, Event::Restart { node });
    }

    /// Power fails at the n-th write to its disk from now on.
    pub(crate) fn strike(&mut self, node: usize, after: u64, for_ms: u64) {
        let Some(seat) = self.seats.get_mut(node) else { return };
        seat.struck_for_ms = for_ms;
        if let Some(running) = &mut seat.node {
            running.strike(after);
        }
    }

    /// Takes the power from a node that was struck in the step just done.
    pub(crate) fn fall(&mut self, node: usize) {
        let Some(seat) = self.seats.get(node) else { return };
        if seat.node.as_ref().is_some_and(Node::is_struck) {
            self.reached.strikes += 1;
            self.crash(node, seat.struck_for_ms);
        }
    }

    pub(crate) fn pause(&mut self, node: usize, for_ms: u64) {
        let now = self.clock.now();
        let Some(seat) = self.seats.get_mut(node) else { return };
        seat.still_until = seat.still_until.max(now.saturating_add(for_ms));
        self.reached.pauses += 1;
        self.log.line(now, format_args!("n{node} stands still until {}", seat.still_until));
    }

    pub(crate) fn restart(&mut self, node: usize) {
        let now = self.clock.now();
        let chain = self.genesis.chain();
        let Some(seat) = self.seats.get_mut(node) else { return };
        let Some(disk) = seat.disk.take() else { return };
        if seat.life > 0 {
            self.reached.restarts += 1;
            if seat.cast.is_none() {
                self.oracle.restarted(node, &disk);
            }
        }
        let identity = seat.identity;
        let signers = (0..KEYS_MAX).map(|generation| Signer::new(chain, consensus_key(identity, generation))).collect();
        let villain = seat.cast.map(|cast| cast.act(account(0), self.plan.seed.wrapping_add(u64::from(seat.life))));
        let skew_ms = seat.skew_ms + seat.cast.map_or(0, Cast::skew_ms);
        let temper = Temper { bug: seat.bug, forgets: seat.cast == Some(Cast::Amnesiac), skew_ms };
        let manner = Manner { villain, bug: seat.bug, accuses: self.plan.accuses };
        let app = App::new(signers, disk, self.checks.clone(), manner);
        match app.and_then(|app| Node::new(app, temper)) {
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
}

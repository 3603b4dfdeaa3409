//! What operators do with their validators, when, and the words for it in a plan's text: pledge, raise, leave, change keys; and come back from
//! jail by themselves.

use crate::client::{KEYS_MAX, MEI, Want, consensus_key, operator};
use crate::register::Standing;
use crate::trouble::{number, pair};
use crate::world::{Event, World};
use rand::Rng;
use std::fmt;

/// Operators look after their validators so often.
pub(crate) const OPERATOR_MS: u64 = 2_000;
/// A machine that is so many heights behind is not ready to vote again.
const BEHIND_MAX: u64 = 5;
/// Nobody leaves where fewer candidates would be left: with three, each one that is away stops the chain.
const CANDIDATES_MIN: usize = 4;

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Pledges so many `mei`.
    Join,
    /// Pledges so many `mei` more.
    Raise,
    /// Leaves.
    Leave,
    /// Changes its key.
    Rotate,
}

const DEEDS: [(Deed, &str); 4] = [(Deed::Join, "join"), (Deed::Raise, "raise"), (Deed::Leave, "leave"), (Deed::Rotate, "rotate")];

/// Who does it, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub deed: Deed,
    pub node: usize,
    pub at_ms: u64,
    /// Of `mei`, where it is about some.
    pub mei: u64,
}

impl Act {
    /// The act that a plan's text names so, as `node@at:mei`; `None`: it is no name of a deed.
    pub fn parse(name: &str, value: &str) -> Option<Result<Self, String>> {
        let deed = DEEDS.iter().find(|(_, known)| *known == name)?.0;
        Some(read(deed, value))
    }
}

fn read(deed: Deed, text: &str) -> Result<Act, String> {
    let (node, rest) = pair(text, "@")?;
    let (at, mei) = pair(rest, ":")?;
    Ok(Act { deed, node: number(node)?, at_ms: number(at)?, mei: number(mei)? })
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deed, node, at_ms, mei } = self;
        let name = DEEDS.iter().find(|(known, _)| known == deed).map_or("?", |(_, name)| name);
        write!(f, "{name}={node}@{at_ms}:{mei}")
    }
}

impl World<'_> {
    /// An operator's moment has come. What would leave the villains a third of the candidates' power is not done: a net in which they have that
    /// promises nothing.
    pub(crate) fn act(&mut self, act: Act) {
        let Act { deed, node, mei, .. } = act;
        let Some(keys) = self.keys_used.get(node).copied() else { return };
        let amount = u128::from(mei) * MEI;
        let next_key = (keys < KEYS_MAX).then(|| consensus_key(node, keys).public());
        let has_stake = self.oracle.register().stake(&operator(node)).is_some();
        let (want, change) = match (deed, next_key) {
            (Deed::Join, Some(key)) if !has_stake => (Want::Join(key, amount), i128::from(mei)),
            (Deed::Raise, _) if has_stake => (Want::Raise(amount), i128::from(mei)),
            (Deed::Leave, _) if has_stake => (Want::Leave, i128::MIN),
            (Deed::Rotate, Some(key)) if has_stake => (Want::Rotate(key), 0),
            _ => return,
        };
        if !self.stays_sound(node, change) {
            return self.log.line(self.clock.now(), format_args!("n{node} would {deed:?}, but then villains had too much"));
        }
        self.keys_used[node] += usize::from(matches!(want, Want::Join(..) | Want::Rotate(_)));
        self.operate(node, want);
    }

    /// Whether, after a change of this machine's power, villains have less than a third of the candidates' power, and there are enough of them.
    fn stays_sound(&self, node: usize, change: i128) -> bool {
        let register = self.oracle.register();
        let (mut bad, mut all, mut count) = (0, 0, 0);
        for (machine, seat) in self.seats.iter().enumerate() {
            let stake = register.stake(&operator(machine)).filter(|stake| stake.standing == Standing::Active);
            let before = stake.map_or(0, |stake| i128::from(register.power(stake)));
            let power = if machine == node { before.saturating_add(change).max(0) } else { before };
            all += power;
            bad += if seat.cast.is_some() { power } else { 0 };
            count += usize::from(power > 0);
        }
        bad * 3 < all && (change >= 0 || count >= CANDIDATES_MIN)
    }

    /// Operators of jailed validators ask for them again, once the time is over and the machine is back.
    pub(crate) fn look_after(&mut self) {
        self.clock.after(OPERATOR_MS, Event::Operators);
        let Some((height, time)) = self.oracle.tip() else { return };
        for node in 0..self.seats.len() {
            let who = operator(node);
            let stake = self.oracle.register().stake(&who);
            let due = stake.is_some_and(|stake| matches!(stake.standing, Standing::Jailed(until) if until <= time));
            let seat = &self.seats[node];
            let ready = seat.node.is_some() && seat.height() + BEHIND_MAX >= height;
            let asked =
                || self.waiting.iter().any(|n| self.orders.get(*n).is_some_and(|(o, _)| o.from == who && o.want == Want::Unjail));
            if due && ready && !asked() && self.rng.r#gen() {
                self.operate(node, Want::Unjail);
            }
        }
    }

    fn operate(&mut self, node: usize, want: Want) {
        self.log.line(self.clock.now(), format_args!("the operator of n{node} wants to {want:?}"));
        match self.clients.operator(node, want, self.clock.now()) {
            Some(order) => self.ordered(order),
            None => self.oracle.blame(format!("what the operator of n{node} wants has no transaction")),
        }
    }
}

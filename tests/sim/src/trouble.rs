//! What can befall machines and wires, and the words for it in a plan's text.

use std::fmt;
use std::str::FromStr;

/// Something that goes wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Power is lost between two steps.
    Crash { node: usize, at_ms: u64, for_ms: u64 },
    /// Power is lost within a step: at the `after`-th write to disk from `at_ms` on, before that write is done.
    Strike { node: usize, at_ms: u64, after: u64, for_ms: u64 },
    /// The machine stands still, and finds all its mail when it goes on.
    Pause { node: usize, at_ms: u64, for_ms: u64 },
    /// Wires are cut.
    Cut(Cut),
}

/// Which messages a cut stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Between the side and the rest.
    Both,
    /// From the side to the rest.
    Out,
    /// From the rest to the side.
    In,
}

/// A partition: some nodes on one side, the rest on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Bit n: node n is on the side.
    pub side: u64,
    pub way: Way,
    pub at_ms: u64,
    pub for_ms: u64,
    /// Not 0: cut and whole by turns of this length.
    pub flap_ms: u64,
}

const WAYS: [(Way, &str); 3] = [(Way::Both, "both"), (Way::Out, "out"), (Way::In, "in")];

impl Cut {
    /// Whether a message that is sent now is lost to it.
    pub fn stops(&self, now: u64, from: usize, to: usize) -> bool {
        let Some(since) = now.checked_sub(self.at_ms).filter(|since| *since < self.for_ms) else { return false };
        let whole = self.flap_ms > 0 && (since / self.flap_ms) % 2 == 1;
        let on_side = |node: usize| node < 64 && self.side >> node & 1 == 1;
        !whole
            && match (on_side(from), on_side(to), self.way) {
                (true, false, way) => way != Way::In,
                (false, true, way) => way != Way::Out,
                _ => false,
            }
    }
}

pub(crate) fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

pub(crate) fn pair<'a>(text: &'a str, between: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once(between).ok_or_else(|| format!("{text:?} has no {between:?}"))
}

/// `node@at+for`
fn span(text: &str) -> Result<(usize, u64, u64), String> {
    let (node, times) = pair(text, "@")?;
    let (at, length) = pair(times, "+")?;
    Ok((number(node)?, number(at)?, number(length)?))
}

impl Trouble {
    /// When it begins.
    pub fn at_ms(&self) -> u64 {
        match self {
            Self::Crash { at_ms, .. } | Self::Strike { at_ms, .. } | Self::Pause { at_ms, .. } => *at_ms,
            Self::Cut(cut) => cut.at_ms,
        }
    }

    /// The trouble that a plan's text names so; `None`: it is no name of a trouble.
    pub fn parse(name: &str, value: &str) -> Option<Result<Self, String>> {
        Some(match name {
            "crash" => span(value).map(|(node, at_ms, for_ms)| Self::Crash { node, at_ms, for_ms }),
            "pause" => span(value).map(|(node, at_ms, for_ms)| Self::Pause { node, at_ms, for_ms }),
            "strike" => strike(value),
            "cut" => cut(value),
            _ => return None,
        })
    }
}

fn strike(text: &str) -> Result<Trouble, String> {
    let (after, rest) = pair(text, ":")?;
    let (node, at_ms, for_ms) = span(rest)?;
    Ok(Trouble::Strike { node, at_ms, after: number(after)?, for_ms })
}

fn cut(text: &str) -> Result<Trouble, String> {
    let (side, rest) = pair(text, ":")?;
    let (way, times) = pair(rest, "@")?;
    let (at, rest) = pair(times, "+")?;
    let (length, flap) = pair(rest, "~")?;
    let way = WAYS.iter().find(|(_, name)| *name == way).map(|(way, _)| *way);
    let mut mask = 0;
    for node in side.split('.') {
        let node: u32 = number(node)?;
        mask |= 1u64.checked_shl(node).ok_or("nodes are numbered from 0 to 63")?;
    }
    Ok(Trouble::Cut(Cut {
        side: mask,
        way: way.ok_or("a cut is both, out or in")?,
        at_ms: number(at)?,
        for_ms: number(length)?,
        flap_ms: number(flap)?,
    }))
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash { node, at_ms, for_ms } => write!(f, "crash={node}@{at_ms}+{for_ms}"),
            Self::Strike { node, at_ms, after, for_ms } => write!(f, "strike={after}:{node}@{at_ms}+{for_ms}"),
            Self::Pause { node, at_ms, for_ms } => write!(f, "pause={node}@{at_ms}+{for_ms}"),
            Self::Cut(Cut { side, way, at_ms, for_ms, flap_ms }) => {
                let nodes: Vec<_> = (0..64).filter(|n| side >> n & 1 == 1).map(|n: u32| n.to_string()).collect();
                let way = WAYS.iter().find(|(known, _)| known == way).map_or("both", |(_, name)| name);
                write!(f, "cut={}:{way}@{at_ms}+{for_ms}~{flap_ms}", nodes.join("."))
            }
        }
    }
}

//! Ids yet to be visited, in little memory: of each level the next ones are remembered, the others are read again from its block when it
//! is their turn.

use super::{LEVEL_LINKS, REFILLS_MAX, WINDOW_BYTES_MAX, WalkError};
use cid::Cid;

/// A link: its place among those of its block, what it names, and a number beside it.
pub(super) type Link = (usize, Cid, u64);

/// A queue of links, in as little memory as their binary forms take.
#[derive(Debug, Default)]
struct Packed {
    bytes: Vec<u8>,
    at: usize,
}

impl Packed {
    fn push(&mut self, (place, cid, beside): Link) {
        // A block has fewer links than 2^32: it has fewer bytes.
        self.bytes.extend_from_slice(&u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes());
        self.bytes.extend_from_slice(&beside.to_le_bytes());
        let start = self.bytes.len();
        self.bytes.push(0);
        self.bytes.extend_from_slice(&cid.to_bytes());
        let len = self.bytes.len().saturating_sub(start + 1);
        // An id has at most 64 bytes of hash and four numbers before it.
        if let Some(slot) = self.bytes.get_mut(start) {
            *slot = u8::try_from(len).unwrap_or(u8::MAX);
        }
    }

    /// The link that stands there, and where the next one does.
    fn read(&self, at: usize) -> Option<(Link, usize)> {
        let (place, rest) = self.bytes.get(at..)?.split_first_chunk::<4>()?;
        let (beside, rest) = rest.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first()?;
        let cid = Cid::try_from(rest.get(..usize::from(*len))?).ok()?;
        let link = (u32::from_le_bytes(*place) as usize, cid, u64::from_le_bytes(*beside));
        Some((link, at.saturating_add(13).saturating_add(usize::from(*len))))
    }

    fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }
}

/// One block whose links are being visited.
#[derive(Debug)]
struct Level<T> {
    node: Cid,
    window: Packed,
    /// The place of the next link.
    at: usize,
    /// There are links behind the window.
    more: bool,
    beside: T,
}

impl<T> Level<T> {
    /// Remembers the next of these links, of a block that has so many.
    fn fill(&mut self, links: impl Iterator<Item = Link>, total: usize) {
        // A block of many links is not decoded for each few of them.
        let count = LEVEL_LINKS.max(total.div_ceil(REFILLS_MAX));
        let mut links = links.peekable();
        if let Some((place, ..)) = links.peek() {
            self.at = *place;
        }
        self.window = Packed::default();
        links.by_ref().take(count).for_each(|link| self.window.push(link));
        self.window.bytes.shrink_to_fit();
        self.more = links.peek().is_some();
    }

    fn is_done(&self) -> bool {
        self.window.is_empty() && !self.more
    }
}

/// What comes next.
pub(super) enum Peek<T> {
    /// This one.
    Link(Cid),
    /// Whatever the block says from this place on: hand that to [`Levels::refill`]. Beside it what belongs to the level.
    Again { node: Cid, at: usize, beside: T },
    /// Nothing.
    End,
}

/// Blocks whose links are being visited, the deepest last: bounded in number, and in what is remembered of them.
#[derive(Debug)]
pub(super) struct Levels<T> {
    levels: Vec<Level<T>>,
    held: usize,
    max: usize,
}

impl<T: Copy> Levels<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { levels: Vec::new(), held: 0, max }
    }

    /// Goes a level down, to these links of a block that has so many; not at all where there are none.
    pub(super) fn push(
        &mut self,
        node: &Cid,
        links: impl Iterator<Item = Link>,
        total: usize,
        beside: T,
    ) -> Result<(), WalkError> {
        // A level that has been walked through is given up first: then a list of lists needs no depth.
        while self.levels.last().is_some_and(Level::is_done) {
            self.pop();
        }
        let mut level = Level { node: *node, window: Packed::default(), at: 0, more: false, beside };
        level.fill(links, total);
        if level.is_done() {
            return Ok(());
        }
        if self.levels.len() >= self.max {
            return Err(WalkError::TooMuch("the content nests too deeply"));
        }
        self.held = self.held.saturating_add(level.window.bytes.len());
        self.levels.push(level);
        self.forget();
        Ok(())
    }

    /// The next links of the deepest level, whose block has so many.
    pub(super) fn refill(&mut self, links: impl Iterator<Item = Link>, total: usize) {
        if let Some(level) = self.levels.last_mut() {
            self.held = self.held.saturating_sub(level.window.bytes.len());
            level.fill(links, total);
            self.held = self.held.saturating_add(level.window.bytes.len());
        }
        self.forget();
    }

    /// KIT-10: what is remembered of the levels furthest from here goes first. It is needed last.
    fn forget(&mut self) {
        let above = self.levels.len().saturating_sub(1);
        for level in self.levels.iter_mut().take(above) {
            if self.held <= WINDOW_BYTES_MAX {
                return;
            }
            let window = std::mem::take(&mut level.window);
            self.held = self.held.saturating_sub(window.bytes.len());
            level.more |= !window.is_empty();
        }
    }

    fn pop(&mut self) {
        if let Some(level) = self.levels.pop() {
            self.held = self.held.saturating_sub(level.window.bytes.len());
        }
    }

    /// Looks at what comes next and leaves it there.
    pub(super) fn peek(&mut self) -> Peek<T> {
        while let Some(level) = self.levels.last() {
            match level.window.read(level.window.at) {
                Some(((_, cid, _), _)) => return Peek::Link(cid),
                None if level.more => return Peek::Again { node: level.node, at: level.at, beside: level.beside },
                None => self.pop(),
            }
        }
        Peek::End
    }

    /// The number beside the link that was looked at.
    pub(super) fn beside(&self) -> Option<u64> {
        let level = self.levels.last()?;
        level.window.read(level.window.at).map(|((_, _, beside), _)| beside)
    }

    /// Takes the link that was looked at, with what belongs to it and to its level.
    pub(super) fn take(&mut self) -> Option<(Cid, u64, &mut T)> {
        let level = self.levels.last_mut()?;
        let ((place, cid, beside), next) = level.window.read(level.window.at)?;
        level.window.at = next;
        level.at = place.saturating_add(1);
        Some((cid, beside, &mut level.beside))
    }

    /// The ids behind the one that was looked at, as far as they are remembered.
    pub(super) fn behind(&self, count: usize) -> Vec<Cid> {
        let Some(level) = self.levels.last() else { return Vec::new() };
        let mut at = level.window.at;
        let ids = std::iter::from_fn(|| {
            let ((_, cid, _), next) = level.window.read(at)?;
            at = next;
            Some(cid)
        });
        ids.skip(1).take(count).collect()
    }

    /// Bytes of links that are remembered.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }
}

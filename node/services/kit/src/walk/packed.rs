//! Ids yet to be visited, in as little memory as their binary forms take.

use super::{PENDING_BYTES_MAX, WalkError};
use cid::Cid;

/// A queue of ids, each with a number beside it.
#[derive(Debug, Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    at: usize,
}

impl Packed {
    pub(super) fn push(&mut self, cid: &Cid, beside: u64) {
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

    pub(super) fn pop(&mut self) -> Option<(Cid, u64)> {
        let (beside, rest) = self.bytes.get(self.at..)?.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first()?;
        let cid = Cid::try_from(rest.get(..usize::from(*len))?).ok()?;
        self.at = self.at.saturating_add(9).saturating_add(usize::from(*len));
        Some((cid, u64::from_le_bytes(*beside)))
    }

    /// What it holds in memory.
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }
}

/// Levels of such queues, the deepest last, bounded in number and in memory.
#[derive(Debug)]
pub(super) struct Levels<T> {
    levels: Vec<(Packed, T)>,
    held: usize,
    max: usize,
}

impl<T> Levels<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { levels: Vec::new(), held: 0, max }
    }

    /// Goes a level down; not at all where there is nothing below.
    pub(super) fn push(&mut self, packed: Packed, beside: T) -> Result<(), WalkError> {
        // A level that has been walked through is given up first: then a list of lists needs no depth.
        while self.levels.last().is_some_and(|(packed, _)| packed.is_empty()) {
            self.pop();
        }
        if packed.is_empty() {
            return Ok(());
        }
        self.held = self.held.saturating_add(packed.held());
        if self.levels.len() >= self.max {
            return Err(WalkError::TooMuch("the content nests too deeply"));
        }
        if self.held > PENDING_BYTES_MAX {
            return Err(WalkError::TooMuch("the content has too many links on one way down"));
        }
        self.levels.push((packed, beside));
        Ok(())
    }

    fn pop(&mut self) {
        if let Some((packed, _)) = self.levels.pop() {
            self.held = self.held.saturating_sub(packed.held());
        }
    }

    /// The next id, with what belongs to it and to its level.
    pub(super) fn next(&mut self) -> Option<(Cid, u64, &mut T)> {
        loop {
            let found = self.levels.last_mut()?.0.pop();
            match found {
                Some((cid, beside)) => return self.levels.last_mut().map(|(_, level)| (cid, beside, level)),
                None => self.pop(),
            }
        }
    }
}

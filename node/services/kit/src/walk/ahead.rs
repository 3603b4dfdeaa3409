//! Blocks that are read before it is their turn, together with one that is needed: many small ones cost as little as one.

use super::packed::Levels;
use super::{AHEAD_BLOCKS, AHEAD_BYTES, WalkError, fetch};
use crate::block;
use crate::source::Source;
use bytes::Bytes;
use cid::Cid;
use std::collections::VecDeque;

/// What a walk came to.
pub(super) enum Came<B> {
    /// A block.
    Block(B),
    /// The next block is not here, and the network was not to be asked.
    Elsewhere,
    /// The end.
    End,
}

/// What was read ahead, the oldest first.
#[derive(Default)]
pub(super) struct Ahead {
    blocks: VecDeque<(Cid, Bytes)>,
    bytes: usize,
}

impl Ahead {
    /// KIT-13: the bytes of a block, read in one go with those behind it in its level that are here. Nothing where it is not here and is
    /// not to be waited for.
    pub(super) async fn fetch<T: Copy>(
        &mut self,
        source: &dyn Source,
        cid: &Cid,
        levels: &Levels<T>,
        wait: bool,
    ) -> Result<Option<Bytes>, WalkError> {
        block::check_id(cid).map_err(|error| WalkError::Id { cid: *cid, error })?;
        if let Some(bytes) = block::inline(cid).or_else(|| self.take(cid)) {
            return Ok(Some(bytes));
        }
        let mut wanted = vec![*cid];
        for next in levels.behind(AHEAD_BLOCKS) {
            let in_blocks = block::check_id(&next).is_ok() && block::inline(&next).is_none();
            if in_blocks && !wanted.contains(&next) && !self.has(&next) {
                wanted.push(next);
            }
        }
        let mut found = source.here(&wanted, AHEAD_BYTES).await.into_iter();
        match found.next() {
            Some(bytes) => {
                wanted.into_iter().skip(1).zip(found).for_each(|(cid, bytes)| self.put(cid, bytes));
                Ok(Some(bytes))
            }
            None if wait => fetch(source, cid).await.map(Some),
            None => Ok(None),
        }
    }

    fn has(&self, cid: &Cid) -> bool {
        self.blocks.iter().any(|(held, _)| held == cid)
    }

    fn take(&mut self, cid: &Cid) -> Option<Bytes> {
        let at = self.blocks.iter().position(|(held, _)| held == cid)?;
        let (_, bytes) = self.blocks.remove(at)?;
        self.bytes = self.bytes.saturating_sub(bytes.len());
        Some(bytes)
    }

    fn put(&mut self, cid: Cid, bytes: Bytes) {
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.blocks.push_back((cid, bytes));
        while self.blocks.len() > AHEAD_BLOCKS || self.bytes > AHEAD_BYTES {
            let Some((_, gone)) = self.blocks.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(gone.len());
        }
    }
}

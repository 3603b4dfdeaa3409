use super::ahead::{Ahead, Came};
use super::packed::{Levels, Link, Peek};
use super::{DAG_BLOCKS_MAX, DAG_LEVELS_MAX, Loaded, SEEN_MAX, WalkError};
use crate::block;
use crate::node::{Node, Slot};
use crate::source::Source;
use bytes::Bytes;
use cid::Cid;
use std::collections::HashSet;
use std::sync::Arc;

/// Which links a walk follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// All.
    All,
    /// Those from one level of a sharded directory to the next.
    Shards,
}

/// KIT-10: what was given already, by a part of its hash that nobody makes twice.
#[derive(Debug, Default)]
pub(super) struct Seen(HashSet<[u8; 20]>);

impl Seen {
    /// Notes it.
    pub(super) fn note(&mut self, cid: &Cid) -> Result<(), WalkError> {
        self.insert(key(cid, &[]))
    }

    /// Whether it was noted.
    pub(super) fn has(&self, cid: &Cid) -> bool {
        self.0.contains(&key(cid, &[]))
    }

    /// Notes a part of a file, of so many bytes, with all that is below it.
    pub(super) fn note_part(&mut self, cid: &Cid, size: u64) -> Result<(), WalkError> {
        self.insert(key(cid, &size.to_le_bytes()))
    }

    /// Whether it was noted as a part of that size: one that is said to have another is none that was looked at.
    pub(super) fn has_part(&self, cid: &Cid, size: u64) -> bool {
        self.0.contains(&key(cid, &size.to_le_bytes()))
    }

    fn insert(&mut self, key: [u8; 20]) -> Result<(), WalkError> {
        if self.0.len() >= SEEN_MAX {
            return Err(WalkError::TooMuch("the content has too many blocks to leave duplicates out; ask for them (car-dups=y)"));
        }
        self.0.insert(key);
        Ok(())
    }
}

/// Version, codec and hash: ids that differ in them are different blocks of a CAR.
fn key(cid: &Cid, beside: &[u8]) -> [u8; 20] {
    let tagged = blake3::Hasher::new().update(&cid.to_bytes()).update(beside).finalize();
    let mut key = [0; 20];
    key.copy_from_slice(tagged.as_bytes().get(..20).unwrap_or(&[0; 20]));
    key
}

/// The blocks of a DAG, depth first, each before what it links to, links in their order.
pub struct DagWalk {
    source: Arc<dyn Source>,
    follow: Follow,
    levels: Levels<()>,
    root: Option<Loaded>,
    seen: Option<Seen>,
    ahead: Ahead,
    given: u64,
}

/// The links of a block that are followed, from a place on.
fn links(node: &Node, follow: Follow, from: usize) -> Box<dyn Iterator<Item = Link> + '_> {
    match (node, follow) {
        (node, Follow::All) => Box::new(node.links().enumerate().skip(from).map(|(place, cid)| (place, *cid, 0u64))),
        (Node::Shard(shard), Follow::Shards) => {
            Box::new(shard.slots.iter().enumerate().skip(from).filter_map(|(place, (_, slot))| match slot {
                Slot::Shard(cid) => Some((place, *cid, 0u64)),
                Slot::Entry(_) => None,
            }))
        }
        (_, Follow::Shards) => Box::new(std::iter::empty()),
    }
}

impl DagWalk {
    /// From its first block. Without duplicates, a block that is met again is passed over, and so is what is below it.
    pub fn new(source: Arc<dyn Source>, root: Loaded, follow: Follow, duplicates: bool) -> Self {
        let seen = (!duplicates).then(Seen::default);
        let levels = Levels::new(DAG_LEVELS_MAX);
        Self { source, follow, levels, root: Some(root), seen, ahead: Ahead::default(), given: 0 }
    }

    /// The next block; nothing at the end. A block whose bytes stand in its id is given, too.
    pub async fn next(&mut self) -> Result<Option<(Cid, Bytes)>, WalkError> {
        match self.advance(true).await? {
            Came::Block(block) => Ok(Some(block)),
            Came::Elsewhere | Came::End => Ok(None),
        }
    }

    /// The next block. The network is asked for it only if it may be waited for.
    pub(super) async fn advance(&mut self, wait: bool) -> Result<Came<(Cid, Bytes)>, WalkError> {
        if let Some(root) = self.root.take() {
            return self.give(root);
        }
        loop {
            let cid = match self.levels.peek() {
                Peek::End => return Ok(Came::End),
                Peek::Link(cid) => cid,
                Peek::Again { node, at, .. } => {
                    let Some(bytes) = self.fetch(&node, wait).await? else { return Ok(Came::Elsewhere) };
                    let node = Loaded::of(node, bytes)?.node;
                    self.levels.refill(links(&node, self.follow, at), node.links().count());
                    continue;
                }
            };
            // Looked at before it is fetched: what was seen need not be had again.
            if self.seen.as_ref().is_some_and(|seen| seen.has(&cid)) {
                self.levels.take();
                continue;
            }
            let Some(bytes) = self.fetch(&cid, wait).await? else { return Ok(Came::Elsewhere) };
            self.levels.take();
            return self.give(Loaded::of(cid, bytes)?);
        }
    }

    async fn fetch(&mut self, cid: &Cid, wait: bool) -> Result<Option<Bytes>, WalkError> {
        self.ahead.fetch(&*self.source, cid, &self.levels, wait).await
    }

    fn give(&mut self, loaded: Loaded) -> Result<Came<(Cid, Bytes)>, WalkError> {
        self.given = self.given.saturating_add(1);
        if self.given > DAG_BLOCKS_MAX {
            return Err(WalkError::TooMuch("the content has more than 4,194,304 blocks"));
        }
        let Loaded { cid, bytes, node } = loaded;
        if let Some(seen) = &mut self.seen
            && block::inline(&cid).is_none()
        {
            seen.note(&cid)?;
        }
        self.levels.push(&cid, links(&node, self.follow, 0), node.links().count(), ())?;
        Ok(Came::Block((cid, bytes)))
    }
}

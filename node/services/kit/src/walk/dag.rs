use super::packed::{Levels, Packed};
use super::{DAG_BLOCKS_MAX, DAG_LEVELS_MAX, Loaded, SEEN_MAX, WalkError, load};
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
    /// Whether it is new.
    pub(super) fn note(&mut self, cid: &Cid) -> Result<bool, WalkError> {
        if self.0.len() >= SEEN_MAX {
            return Err(WalkError::TooMuch("the content has too many blocks to leave duplicates out; ask for them (car-dups=y)"));
        }
        // Version, codec and hash: ids that differ in them are different blocks of a CAR.
        let tagged = blake3::hash(&cid.to_bytes());
        let mut key = [0; 20];
        key.copy_from_slice(tagged.as_bytes().get(..20).unwrap_or(&[0; 20]));
        Ok(self.0.insert(key))
    }
}

/// The blocks of a DAG, depth first, each before what it links to, links in their order.
pub struct DagWalk {
    source: Arc<dyn Source>,
    follow: Follow,
    levels: Levels<()>,
    root: Option<Loaded>,
    seen: Option<Seen>,
    given: u64,
}

impl DagWalk {
    /// From its first block. Without duplicates, a block that is met again is passed over, and so is what is below it.
    pub fn new(source: Arc<dyn Source>, root: Loaded, follow: Follow, duplicates: bool) -> Self {
        let seen = (!duplicates).then(Seen::default);
        Self { source, follow, levels: Levels::new(DAG_LEVELS_MAX), root: Some(root), seen, given: 0 }
    }

    /// The next block; nothing at the end. A block whose bytes stand in its id is given, too.
    pub async fn next(&mut self) -> Result<Option<(Cid, Bytes)>, WalkError> {
        let loaded = match self.root.take() {
            Some(root) => root,
            None => loop {
                let Some((cid, ..)) = self.levels.next() else { return Ok(None) };
                // Looked at before it is fetched: what was seen need not be had again.
                if self.is_new(&cid)? {
                    break load(&*self.source, &cid).await?;
                }
            },
        };
        self.given = self.given.saturating_add(1);
        if self.given > DAG_BLOCKS_MAX {
            return Err(WalkError::TooMuch("the content has more than 4,194,304 blocks"));
        }
        let mut packed = Packed::default();
        match (&loaded.node, self.follow) {
            (node, Follow::All) => node.links().for_each(|cid| packed.push(cid, 0)),
            (Node::Shard(shard), Follow::Shards) => shard.slots.iter().for_each(|(_, slot)| {
                if let Slot::Shard(cid) = slot {
                    packed.push(cid, 0);
                }
            }),
            (_, Follow::Shards) => {}
        }
        self.levels.push(packed, ())?;
        Ok(Some((loaded.cid, loaded.bytes)))
    }

    fn is_new(&mut self, cid: &Cid) -> Result<bool, WalkError> {
        match &mut self.seen {
            Some(seen) if block::inline(cid).is_none() => seen.note(cid),
            _ => Ok(true),
        }
    }
}

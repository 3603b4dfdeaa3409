use super::ahead::Came;
use super::{BUNDLE_BYTES, DAG_BLOCKS_MAX, DagWalk, FileWalk, Follow, Loaded, Resolved, WalkError, fetch};
use crate::node::Node;
use crate::source::Source;
use crate::{block, car};
use bytes::{Bytes, BytesMut};
use cid::Cid;
use futures_util::stream::{Stream, try_unfold};
use std::collections::VecDeque;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

/// How much of what a path leads to goes into a CAR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Its first block.
    Block,
    /// All of a file; of a directory what is needed to list it.
    Entity,
    /// Everything below.
    #[default]
    All,
}

impl FromStr for Scope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "block" => Ok(Self::Block),
            "entity" => Ok(Self::Entity),
            "all" => Ok(Self::All),
            _ => Err("dag-scope is block, entity or all"),
        }
    }
}

/// A range of a file's bytes: first and last, each counted from the end where it is negative; no last: to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityBytes {
    /// The first byte.
    pub from: i64,
    /// The last byte.
    pub to: Option<i64>,
}

impl FromStr for EntityBytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "entity-bytes is <first>:<last>, two numbers, the last of them perhaps *";
        let (from, to) = text.split_once(':').ok_or(FORM)?;
        let number = |text: &str| text.parse::<i64>().map_err(|_| FORM);
        let (from, to) = (number(from)?, if to == "*" { None } else { Some(number(to)?) });
        match to {
            Some(to) if (from < 0) == (to < 0) && to < from => Err("entity-bytes ends before it begins"),
            _ => Ok(Self { from, to }),
        }
    }
}

impl EntityBytes {
    /// In a file of that size; empty where it lies outside.
    pub fn range(&self, size: u64) -> Range<u64> {
        let place = |n: i64| if n < 0 { size.saturating_sub(n.unsigned_abs()) } else { n.unsigned_abs() };
        let end = match self.to {
            // One before the file's first byte.
            Some(to) if to < 0 && to.unsigned_abs() > size => 0,
            Some(to) => place(to).saturating_add(1).min(size),
            None => size,
        };
        place(self.from).min(end)..end
    }
}

/// What a CAR is to hold.
#[derive(Clone, Debug)]
pub struct CarPlan {
    /// How much of the target.
    pub scope: Scope,
    /// Of a file, with the scope `Entity`: which bytes.
    pub bytes: Option<EntityBytes>,
    /// Whether a block that is met twice stands there twice.
    pub duplicates: bool,
}

enum Walk {
    One(Option<(Cid, Bytes)>),
    File(Box<FileWalk>),
    Dag(Box<DagWalk>),
}

struct Export {
    source: Arc<dyn Source>,
    header: Option<Bytes>,
    trail: VecDeque<Cid>,
    walk: Walk,
    /// Blocks of a file that were given.
    given: u64,
    /// Why it ends early: told when what was read before has been given.
    failed: Option<WalkError>,
}

impl Export {
    /// KIT-13: sections are given together, but what is here does not wait for what the network has.
    async fn next(&mut self) -> Result<Option<Bytes>, WalkError> {
        if let Some(header) = self.header.take() {
            return Ok(Some(header));
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut bundle = BytesMut::new();
        while bundle.len() < BUNDLE_BYTES {
            match self.block(bundle.is_empty()).await {
                Ok(Came::Block((cid, block))) => car::put_section(&mut bundle, &cid, &block),
                Ok(Came::Elsewhere | Came::End) => break,
                Err(error) if bundle.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok((!bundle.is_empty()).then(|| bundle.freeze()))
    }

    /// The next block that has a section.
    async fn block(&mut self, wait: bool) -> Result<Came<(Cid, Bytes)>, WalkError> {
        while let Some(cid) = self.trail.pop_front() {
            // It was read when the path was followed.
            if block::inline(&cid).is_none() {
                return Ok(Came::Block((cid, fetch(&*self.source, &cid).await?)));
            }
        }
        loop {
            let came = match &mut self.walk {
                Walk::One(one) => one.take().map_or(Came::End, Came::Block),
                Walk::Dag(walk) => walk.advance(wait).await?,
                Walk::File(walk) => match walk.advance(wait).await? {
                    Came::Block(found) => Came::Block((found.cid, found.block)),
                    Came::Elsewhere => Came::Elsewhere,
                    Came::End => Came::End,
                },
            };
            let (cid, block) = match came {
                Came::Block(found) => found,
                other => return Ok(other),
            };
            // KIT-12: what stands in its id needs no block.
            if block::inline(&cid).is_some() {
                continue;
            }
            if let Walk::File(_) = &self.walk {
                // KIT-10: with duplicates a few blocks can make a file of 2^50 parts.
                self.given = self.given.saturating_add(1);
                if self.given > DAG_BLOCKS_MAX {
                    return Err(WalkError::TooMuch("the content has more than 4,194,304 blocks"));
                }
            }
            return Ok(Came::Block((cid, block)));
        }
    }
}

/// KIT-12: a CAR, piece by piece: its header with the target as root, the blocks on the way to it, and of it what the plan says.
pub fn car(
    source: Arc<dyn Source>,
    resolved: Resolved,
    plan: &CarPlan,
) -> Result<impl Stream<Item = Result<Bytes, WalkError>> + Send + use<>, WalkError> {
    let Resolved { target, trail, inside, .. } = resolved;
    let header = Some(car::header(&[target.cid]));
    let walk = walk_of(&source, target, inside, plan)?;
    let export = Export { source, header, trail: trail.into(), walk, given: 0, failed: None };
    Ok(try_unfold(export, |mut export| async move { Ok(export.next().await?.map(|piece| (piece, export))) }))
}

fn walk_of(source: &Arc<dyn Source>, target: Loaded, inside: usize, plan: &CarPlan) -> Result<Walk, WalkError> {
    let source = Arc::clone(source);
    let dag = |target, follow| Walk::Dag(Box::new(DagWalk::new(source.clone(), target, follow, plan.duplicates)));
    Ok(match (plan.scope, &target.node) {
        (Scope::All, _) => dag(target, Follow::All),
        (Scope::Entity, Node::Raw(size) | Node::File(crate::node::File { size, .. })) if inside == 0 => {
            let range = plan.bytes.map_or(0..*size, |bytes| bytes.range(*size));
            let walk = FileWalk::new(source.clone(), target, range)?.with_ahead();
            Walk::File(Box::new(if plan.duplicates { walk } else { walk.without_duplicates() }))
        }
        (Scope::Entity, Node::Shard(_)) => dag(target, Follow::Shards),
        (Scope::Entity | Scope::Block, _) => Walk::One(Some((target.cid, target.bytes))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Writer;
    use crate::walk::resolve;

    #[tokio::test]
    async fn kit_10_of_a_file_with_duplicates_no_more_blocks_are_given_than_of_a_dag() {
        let mut writer = Writer::default();
        let leaf = writer.raw(b"x");
        let file = writer.file(&[], &vec![(leaf, 1); 10]);
        let source = writer.source();
        let target = resolve(&*source, &file, &[]).await.unwrap().target;
        let plan = CarPlan { scope: Scope::Entity, bytes: None, duplicates: true };
        let walk = walk_of(&source, target, 0, &plan).unwrap();
        let mut export = Export { source, header: None, trail: VecDeque::new(), walk, given: DAG_BLOCKS_MAX - 3, failed: None };
        let piece = export.next().await.unwrap().unwrap();
        let sections = [car::section(&leaf, b"x"), car::section(&leaf, b"x")].concat();
        assert!(piece.ends_with(&sections), "the file's block and two of its parts");
        assert_eq!(export.next().await, Err(WalkError::TooMuch("the content has more than 4,194,304 blocks")));
    }
}

use super::{Loaded, SHARD_LEVELS_MAX, WalkError, load};
use crate::node::{Entry, Node, Shard, Slot};
use crate::source::Source;
use std::fmt;
use std::str::FromStr;

/// Where a listing goes on: the place in each level of the directory. As text: numbers joined by dots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(Vec<u32>);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&places.join("."))
    }
}

impl FromStr for Cursor {
    type Err = WalkError;

    fn from_str(text: &str) -> Result<Self, WalkError> {
        let places: Vec<u32> = text
            .split('.')
            .take(SHARD_LEVELS_MAX as usize + 1)
            .map(|place| place.parse().map_err(|_| WalkError::Cursor))
            .collect::<Result<_, _>>()?;
        if places.len() > SHARD_LEVELS_MAX as usize { Err(WalkError::Cursor) } else { Ok(Self(places)) }
    }
}

/// A part of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order of the directory's blocks. Fewer than were asked for where the directory is odd: then `next` leads on.
    pub entries: Vec<Entry>,
    /// Where the next page begins; nothing at the end.
    pub next: Option<Cursor>,
}

/// KIT-11: at most `max` entries of a directory, from `cursor` on. A page costs at most so many blocks as entries were asked for, and
/// some more for the levels, whatever the directory is.
pub async fn list(source: &dyn Source, directory: &Loaded, cursor: &Cursor, max: usize) -> Result<Page, WalkError> {
    match &directory.node {
        Node::Directory(flat) => {
            let start = match cursor.0.as_slice() {
                [] => 0,
                [place] => *place as usize,
                _ => return Err(WalkError::Cursor),
            };
            let entries: Vec<Entry> = flat.entries.get(start..).ok_or(WalkError::Cursor)?.iter().take(max).cloned().collect();
            let end = start.saturating_add(entries.len());
            let next = (end < flat.entries.len()).then(|| Cursor(vec![u32::try_from(end).unwrap_or(u32::MAX)]));
            Ok(Page { entries, next })
        }
        Node::Shard(shard) => sharded(source, directory, shard.clone(), cursor, max).await,
        _ => Err(directory.not_a("listed")),
    }
}

async fn sharded(source: &dyn Source, top: &Loaded, root: Shard, cursor: &Cursor, max: usize) -> Result<Page, WalkError> {
    let place = |level: usize| cursor.0.get(level).map_or(0, |place| *place as usize);
    let mut levels: Vec<(Shard, usize)> = vec![(root, place(0))];
    // Down to where the last page ended.
    for level in 1..cursor.0.len() {
        let Some((shard, at)) = levels.last() else { break };
        let Some((_, Slot::Shard(cid))) = shard.slots.get(*at) else { return Err(WalkError::Cursor) };
        levels.push((below(source, top, cid).await?, place(level)));
    }
    let (mut page, mut blocks) = (Page::default(), 0usize);
    while let Some((shard, at)) = levels.last_mut() {
        match shard.slots.get(*at) {
            None => {
                levels.pop();
                if let Some((_, at)) = levels.last_mut() {
                    *at = at.saturating_add(1);
                }
            }
            Some(_) if page.entries.len() >= max || blocks > max.saturating_add(SHARD_LEVELS_MAX as usize) => {
                let places = levels.iter().map(|(_, at)| u32::try_from(*at).unwrap_or(u32::MAX)).collect();
                page.next = Some(Cursor(places));
                break;
            }
            Some((_, Slot::Entry(entry))) => {
                page.entries.push(entry.clone());
                *at = at.saturating_add(1);
            }
            Some((_, Slot::Shard(cid))) => {
                let cid = *cid;
                if levels.len() >= SHARD_LEVELS_MAX as usize {
                    return Err(WalkError::TooMuch("a sharded directory has more levels than its hash has bits for"));
                }
                levels.push((below(source, top, &cid).await?, 0));
                blocks = blocks.saturating_add(1);
            }
        }
    }
    Ok(page)
}

async fn below(source: &dyn Source, top: &Loaded, cid: &cid::Cid) -> Result<Shard, WalkError> {
    match load(source, cid).await?.node {
        Node::Shard(shard) => Ok(shard),
        _ => Err(top.not_a("a sharded directory: a level of it is something else")),
    }
}

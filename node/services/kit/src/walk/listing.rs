use super::{Loaded, PAGE_NAME_BYTES, SHARD_LEVELS_MAX, WalkError, load};
use crate::node::{Directory, Entry, Node, Shard, Slot};
use crate::source::Source;
use cid::Cid;
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

/// KIT-11: at most `max` entries of a directory, from `cursor` on. A page costs at most twice so many blocks as entries were asked for, and
/// some more for the levels, whatever the directory is.
pub async fn list(source: &dyn Source, directory: &Loaded, cursor: &Cursor, max: usize) -> Result<Page, WalkError> {
    match &directory.node {
        Node::Directory(flat) => in_one_block(flat, cursor, max, usize::MAX),
        Node::Shard(_) => sharded(source, &directory.cid, cursor, max, usize::MAX).await,
        _ => Err(directory.not_a("listed")),
    }
}

/// KIT-11: the same of a directory that is not at hand, with names of [`PAGE_NAME_BYTES`] and one more: for who holds the page long.
pub async fn page(source: &dyn Source, directory: &Cid, cursor: &Cursor, max: usize) -> Result<Page, WalkError> {
    let loaded = load(source, directory).await?;
    match &loaded.node {
        Node::Directory(flat) => return in_one_block(flat, cursor, max, PAGE_NAME_BYTES),
        Node::Shard(_) => {}
        _ => return Err(loaded.not_a("listed")),
    }
    drop(loaded);
    sharded(source, directory, cursor, max, PAGE_NAME_BYTES).await
}

fn in_one_block(flat: &Directory, cursor: &Cursor, max: usize, names_max: usize) -> Result<Page, WalkError> {
    let start = match cursor.0.as_slice() {
        [] => 0,
        [place] => *place as usize,
        _ => return Err(WalkError::Cursor),
    };
    let mut names = 0usize;
    let fits = |entry: &&Entry| {
        let fits = names < names_max;
        names = names.saturating_add(entry.name.len());
        fits
    };
    let rest = flat.entries.get(start..).ok_or(WalkError::Cursor)?;
    let entries: Vec<Entry> = rest.iter().take(max).take_while(fits).cloned().collect();
    let end = start.saturating_add(entries.len());
    let next = (end < flat.entries.len()).then(|| Cursor(vec![u32::try_from(end).unwrap_or(u32::MAX)]));
    Ok(Page { entries, next })
}

/// One level is held at a time, and none while another is waited for: going back up costs a block again.
async fn sharded(source: &dyn Source, top: &Cid, cursor: &Cursor, max: usize, names_max: usize) -> Result<Page, WalkError> {
    let place = |level: usize| cursor.0.get(level).map_or(0, |place| *place as usize);
    let mut levels: Vec<(Cid, usize)> = vec![(*top, place(0))];
    // Down to where the last page ended.
    for level in 1..cursor.0.len() {
        let Some((cid, at)) = levels.last().copied() else { break };
        let shard = shard(source, &cid).await?;
        let Some((_, Slot::Shard(below))) = shard.slots.get(at) else { return Err(WalkError::Cursor) };
        levels.push((*below, place(level)));
    }
    let blocks_max = max.saturating_add(SHARD_LEVELS_MAX as usize).saturating_mul(2);
    let (mut page, mut names, mut blocks) = (Page::default(), 0usize, 0usize);
    while let Some((cid, mut at)) = levels.pop() {
        let shard = shard(source, &cid).await?;
        blocks = blocks.saturating_add(1);
        let below = loop {
            match shard.slots.get(at) {
                None => break None,
                Some(_) if page.entries.len() >= max || names >= names_max || blocks > blocks_max => {
                    levels.push((cid, at));
                    let places = levels.iter().map(|(_, at)| u32::try_from(*at).unwrap_or(u32::MAX)).collect();
                    page.next = Some(Cursor(places));
                    return Ok(page);
                }
                Some((_, Slot::Entry(entry))) => {
                    names = names.saturating_add(entry.name.len());
                    page.entries.push(entry.clone());
                    at = at.saturating_add(1);
                }
                Some((_, Slot::Shard(below))) => break Some(*below),
            }
        };
        match below {
            Some(below) => {
                levels.push((cid, at));
                if levels.len() >= SHARD_LEVELS_MAX as usize {
                    return Err(WalkError::TooMuch("a sharded directory has more levels than its hash has bits for"));
                }
                levels.push((below, 0));
            }
            None => {
                if let Some((_, at)) = levels.last_mut() {
                    *at = at.saturating_add(1);
                }
            }
        }
    }
    Ok(page)
}

async fn shard(source: &dyn Source, cid: &Cid) -> Result<Shard, WalkError> {
    let loaded = load(source, cid).await?;
    match loaded.node {
        Node::Shard(shard) => Ok(shard),
        _ => Err(loaded.not_a("a level of a sharded directory")),
    }
}

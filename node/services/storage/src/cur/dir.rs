//! Directories: looked up, listed and changed, in one block or in many.
//!
//! Which of the two follows from what is in it ([`Profile::measure`]), so that a changed directory is the one that building it anew gives.
//! A sharded one is a trie over the hashes of names (a HAMT); a change makes the blocks anew on the path to its name, and no others.

use super::dag::{self, Entry, FANOUT, Link, SHARD_ABOVE};
use super::tree::Tree;
use crate::config::SHARDS_MAX;
use crate::content::Profile;
use crate::error::{Result, StorageError};
use crate::store::Key;
use cid::Cid;
use leither_kit::node::{Node, Shard, Slot, codec};

/// Levels that a 64-bit hash has bytes for.
const LEVELS: usize = 8;
/// Bits of a hash that say the place of a level, in the directories that are made here.
const BITS: u32 = FANOUT.trailing_zeros();
/// A walk that measures a sharded directory goes so far beyond what is needed, so that the next removals need none.
const MEASURE_AHEAD: u64 = SHARD_ABOVE * 2;

/// A place of a shard.
#[derive(Clone)]
struct Place {
    at: u32,
    what: What,
}

#[derive(Clone)]
enum What {
    Entry(Entry),
    Shard(Link),
}

/// A directory as it was read.
enum Dir {
    /// Sorted by the bytes of the names.
    Flat(Vec<Entry>),
    /// The places of its first level, and how many bits of a hash say one: [`BITS`], where others did not make it with more or fewer.
    Sharded(u32, Vec<Place>),
}

/// Where a walk through a sharded directory is.
#[derive(Clone, Copy, Default)]
struct Way {
    /// Bits of a hash that say the place of a level.
    bits: u32,
    /// Bits that led here, and how many.
    hash: u64,
    used: u32,
}

fn not_a_directory(cid: &Cid) -> StorageError {
    StorageError::Kind { path: cid.to_string(), wanted: "directory" }
}

/// Whether it is a directory.
pub fn is_one(tree: &Tree, cid: &Cid) -> Result<bool> {
    Ok(cid.codec() == codec::DAG_PB && matches!(tree.node(cid)?.0, Node::Directory(_) | Node::Shard(_)))
}

/// The bytes of the hash of a name, one a level.
fn hash(name: &str) -> [u8; LEVELS] {
    dag::name_hash(name).to_be_bytes()
}

fn place(name: &str, level: usize) -> Result<u32> {
    hash(name)
        .get(level)
        .map(|byte| u32::from(*byte))
        .ok_or(StorageError::TooMuch("too many names of one directory have the same hash"))
}

fn not_ours(cid: &Cid) -> StorageError {
    StorageError::Kind { path: cid.to_string(), wanted: "directory with 256 places a level" }
}

fn load(tree: &Tree, cid: &Cid) -> Result<Dir> {
    let (node, bytes) = tree.node(cid)?;
    match node {
        Node::Directory(directory) => {
            let sizes = dag::link_sizes(&bytes);
            let entries = directory.entries.into_iter().zip(sizes);
            let mut entries: Vec<Entry> =
                entries.map(|(e, dag_size)| Entry { name: e.name, link: Link { cid: e.cid, dag_size } }).collect();
            entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
            Ok(Dir::Flat(entries))
        }
        Node::Shard(shard) => Ok(Dir::Sharded(shard.fanout.trailing_zeros(), places(shard, &bytes))),
        _ => Err(not_a_directory(cid)),
    }
}

fn places(shard: Shard, bytes: &[u8]) -> Vec<Place> {
    let sizes = dag::link_sizes(bytes);
    let mut places = Vec::with_capacity(shard.slots.len());
    for ((at, slot), dag_size) in shard.slots.into_iter().zip(sizes) {
        let what = match slot {
            Slot::Entry(e) => What::Entry(Entry { name: e.name, link: Link { cid: e.cid, dag_size } }),
            Slot::Shard(cid) => What::Shard(Link { cid, dag_size }),
        };
        places.push(Place { at, what });
    }
    places.sort_by_key(|place| place.at);
    places.dedup_by_key(|place| place.at);
    places
}

/// A level below one of so many bits: all levels have as many.
fn shard_at(tree: &Tree, cid: &Cid, bits: u32) -> Result<Vec<Place>> {
    match load(tree, cid)? {
        Dir::Sharded(found, places) if found == bits => Ok(places),
        Dir::Sharded(..) | Dir::Flat(_) => Err(not_a_directory(cid)),
    }
}

fn find(places: &[Place], at: u32) -> Result<usize, usize> {
    places.binary_search_by_key(&at, |place| place.at)
}

/// The entry of that name, whoever made the directory.
pub fn lookup(tree: &Tree, cid: &Cid, name: &str) -> Result<Option<Link>> {
    let (bits, mut places) = match load(tree, cid)? {
        Dir::Flat(entries) => return Ok(entries.into_iter().find(|entry| entry.name == name).map(|entry| entry.link)),
        Dir::Sharded(bits, places) => (bits, places),
    };
    // The bits that are left stand at the front.
    let mut hash = dag::name_hash(name);
    for _ in 0..u64::BITS / bits {
        let at = u32::try_from(hash >> (u64::BITS - bits)).unwrap_or(u32::MAX);
        hash <<= bits;
        let found = find(&places, at).ok().and_then(|index| places.get(index));
        match found.map(|place| &place.what) {
            Some(What::Shard(link)) => places = shard_at(tree, &link.cid, bits)?,
            Some(What::Entry(entry)) if entry.name == name => return Ok(Some(entry.link)),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// CUR-6: at most `limit` entries after the name `after`, by the bytes of names where they stand in one block, else by their hashes.
/// The name need not be there any more; before the empty one there is none.
pub fn list(tree: &Tree, cid: &Cid, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
    let after = after.filter(|name| !name.is_empty());
    match load(tree, cid)? {
        Dir::Flat(entries) => {
            let start = after.map_or(0, |after| entries.partition_point(|e| e.name.as_bytes() <= after.as_bytes()));
            Ok(entries.into_iter().skip(start).take(limit).collect())
        }
        Dir::Sharded(bits, places) => {
            let mut out = Vec::new();
            let mut budget = SHARDS_MAX;
            walk(tree, places, Way { bits, ..Way::default() }, after.map_or(0, dag::name_hash), &mut budget, &mut |entry| {
                if after == Some(entry.name.as_str()) {
                    return true;
                }
                if out.len() < limit {
                    out.push(entry);
                }
                out.len() < limit
            })?;
            Ok(out)
        }
    }
}

/// Hands out entries in the order of their hashes, from a hash on, until `each` has had enough. An entry that stands elsewhere than its hash says is
/// found by nobody, and is passed over: pages that begin after it would come back to what they have shown.
fn walk(
    tree: &Tree,
    places: Vec<Place>,
    way: Way,
    from: u64,
    budget: &mut usize,
    each: &mut dyn FnMut(Entry) -> bool,
) -> Result<bool> {
    let used = way.used + way.bits;
    let rest = u64::BITS.checked_sub(used);
    let rest = rest.ok_or(StorageError::TooMuch("a directory's levels nest deeper than a hash has bits for"))?;
    // Empty levels that share their blocks would be walked for ever.
    *budget = budget.checked_sub(1).ok_or(StorageError::TooMuch("a directory has far more levels than entries"))?;
    for Place { at, what } in places {
        let begin = way.hash << way.bits | u64::from(at);
        if begin < from >> rest {
            continue;
        }
        match what {
            What::Entry(entry) => {
                let hash = dag::name_hash(&entry.name);
                if hash < from || hash >> rest != begin {
                    continue;
                }
                if !each(entry) {
                    return Ok(false);
                }
            }
            What::Shard(link) => {
                let below = Way { bits: way.bits, hash: begin, used };
                if !walk(tree, shard_at(tree, &link.cid, way.bits)?, below, from, budget, each)? {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// CUR-5: the directory with `name` leading to `to`, or to nothing.
pub fn update(tree: &mut Tree, cid: &Cid, name: &str, to: Option<Link>) -> Result<Link> {
    let new = to.map(|link| Entry { name: name.into(), link });
    match load(tree, cid) {
        Ok(Dir::Flat(mut entries)) => {
            let at = entries.binary_search_by(|entry| entry.name.as_bytes().cmp(name.as_bytes()));
            match (at, new) {
                (Ok(at), Some(new)) => entries.splice(at..=at, [new]).for_each(drop),
                (Ok(at), None) => drop(entries.remove(at)),
                (Err(at), Some(new)) => entries.insert(at, new),
                (Err(_), None) => {}
            }
            build(tree, entries)
        }
        Ok(Dir::Sharded(BITS, places)) => update_sharded(tree, cid, places, name, new),
        Ok(Dir::Sharded(..)) => Err(not_ours(cid)),
        Err(error) => Err(error),
    }
}

/// A directory of these entries, sorted by the bytes of their names.
pub fn build(tree: &mut Tree, entries: Vec<Entry>) -> Result<Link> {
    let profile = tree.profile;
    let measure = entries.iter().map(|e| profile.measure(&e.name, &e.link)).fold(profile.measure_of_none(), u64::saturating_add);
    if measure <= SHARD_ABOVE {
        let links: Vec<(&str, Link)> = entries.iter().map(|entry| (entry.name.as_str(), entry.link)).collect();
        let below = links.iter().map(|(_, link)| link.dag_size).fold(0, u64::saturating_add);
        return tree.put(dag::directory(profile, &links), below);
    }
    let mut entries: Vec<([u8; LEVELS], Entry)> = entries.into_iter().map(|entry| (hash(&entry.name), entry)).collect();
    entries.sort_by_key(|(hash, _)| *hash);
    let places = split(tree, entries, 0)?;
    let link = put(tree, &places)?;
    remember(tree, &link.cid, measure)?;
    Ok(link)
}

/// The places of a level for entries in the order of their hashes.
fn split(tree: &mut Tree, entries: Vec<([u8; LEVELS], Entry)>, level: usize) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    let mut rest = entries.into_iter().peekable();
    while let Some((hash, entry)) = rest.next() {
        let at = *hash.get(level).ok_or(StorageError::TooMuch("too many names of one directory have the same hash"))?;
        let mut together = vec![(hash, entry)];
        while let Some(next) = rest.next_if(|(hash, _)| hash.get(level) == Some(&at)) {
            together.push(next);
        }
        let what = if together.len() > 1 {
            let below = split(tree, together, level + 1)?;
            What::Shard(put(tree, &below)?)
        } else {
            match together.pop() {
                Some((_, entry)) => What::Entry(entry),
                None => continue,
            }
        };
        places.push(Place { at: at.into(), what });
    }
    Ok(places)
}

fn put(tree: &mut Tree, places: &[Place]) -> Result<Link> {
    let slots = places.iter().map(|Place { at, what }| {
        // No other has more than 256.
        let at = u8::try_from(*at).map_err(|_| StorageError::TooMuch("a level of a directory has 256 places"))?;
        Ok(match what {
            What::Entry(entry) => (at, entry.name.as_str(), entry.link),
            What::Shard(link) => (at, "", *link),
        })
    });
    let slots = slots.collect::<Result<Vec<(u8, &str, Link)>>>()?;
    let below = slots.iter().map(|(_, _, link)| link.dag_size).fold(0, u64::saturating_add);
    tree.put(dag::shard(tree.profile, &slots), below)
}

fn remember(tree: &Tree, cid: &Cid, measure: u64) -> Result<()> {
    if let Some(key) = Key::of(cid)? {
        tree.store().inner.remember_measure(key, measure);
    }
    Ok(())
}

fn update_sharded(tree: &mut Tree, cid: &Cid, mut places: Vec<Place>, name: &str, new: Option<Entry>) -> Result<Link> {
    let profile = tree.profile;
    let known = Key::of(cid)?.map_or(0, |key| tree.store().inner.measure(&key));
    let (more, is_set) = (new.as_ref().map_or(0, |entry| profile.measure(&entry.name, &entry.link)), new.is_some());
    let former = change(tree, &mut places, name, 0, new)?;
    let less = former.map_or(0, |entry| profile.measure(&entry.name, &entry.link));
    // At least so much is in it now.
    let measure = known.saturating_add(more).saturating_sub(less);
    // One that was sharded and grew stays so.
    if (is_set && more >= less) || measure > SHARD_ABOVE {
        let link = put(tree, &places)?;
        remember(tree, &link.cid, measure)?;
        return Ok(link);
    }
    let (measure, entries) = measured(tree, places.clone(), profile)?;
    if measure > SHARD_ABOVE {
        let link = put(tree, &places)?;
        remember(tree, &link.cid, measure)?;
        return Ok(link);
    }
    // It fits into one block again.
    let mut entries = entries;
    entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    build(tree, entries)
}

/// How much is in a sharded directory, at least: the walk ends when it has seen enough. Its entries, if it has seen all of them.
fn measured(tree: &Tree, places: Vec<Place>, profile: Profile) -> Result<(u64, Vec<Entry>)> {
    let mut measure = profile.measure_of_none();
    let mut entries = Vec::new();
    let mut budget = SHARDS_MAX;
    walk(tree, places, Way { bits: BITS, ..Way::default() }, 0, &mut budget, &mut |entry| {
        measure = measure.saturating_add(profile.measure(&entry.name, &entry.link));
        if measure <= SHARD_ABOVE {
            entries.push(entry);
        }
        measure <= MEASURE_AHEAD
    })?;
    Ok((measure, entries))
}

/// Changes the places of a level and what is below them; answers with the entry that was there.
fn change(tree: &mut Tree, places: &mut Vec<Place>, name: &str, level: usize, new: Option<Entry>) -> Result<Option<Entry>> {
    let at = place(name, level)?;
    let index = match find(places, at) {
        Ok(index) => index,
        Err(index) => {
            if let Some(entry) = new {
                places.insert(index, Place { at, what: What::Entry(entry) });
            }
            return Ok(None);
        }
    };
    let Some(slot) = places.get_mut(index) else { return Ok(None) };
    match (slot.what.clone(), new) {
        (What::Entry(there), Some(new)) if there.name == name => {
            slot.what = What::Entry(new);
            Ok(Some(there))
        }
        (What::Entry(there), None) if there.name == name => {
            places.remove(index);
            Ok(Some(there))
        }
        (What::Entry(_), None) => Ok(None),
        (What::Entry(there), Some(new)) => {
            // Two names in one place: a level more, or as many as it takes to tell them apart.
            let mut both = vec![(hash(&there.name), there), (hash(&new.name), new)];
            both.sort_by_key(|(hash, _)| *hash);
            let below = split(tree, both, level + 1)?;
            slot.what = What::Shard(put(tree, &below)?);
            Ok(None)
        }
        (What::Shard(link), new) => {
            let mut below = shard_at(tree, &link.cid, BITS)?;
            let former = change(tree, &mut below, name, level + 1, new)?;
            // A level that has but one entry left is no level.
            let what = match below.as_slice() {
                [Place { what: What::Entry(entry), .. }] => Some(What::Entry(entry.clone())),
                [] => None,
                below => Some(What::Shard(put(tree, below)?)),
            };
            match what {
                Some(what) => slot.what = what,
                None => drop(places.remove(index)),
            }
            Ok(former)
        }
    }
}

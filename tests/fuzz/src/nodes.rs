//! Blocks, walks over them, and CARs. The tests of node/services/kit compile this file, too.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use leither_kit::multihash::Multihash;
use leither_kit::node::{self, FANOUT_MAX, LINKS_MAX, Node, Selected, Slot, codec};
use leither_kit::source::{Source, SourceError};
use leither_kit::walk::{self, CarPlan, Cursor, DagWalk, FileWalk, Follow, Loaded, SHARD_LEVELS_MAX, Scope};
use leither_kit::{Cid, block, car};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

const CODECS: [u64; 6] = [codec::DAG_PB, codec::RAW, codec::DAG_CBOR, codec::DAG_JSON, codec::CBOR, codec::JSON];
/// Entries that are looked up by name, pages, and blocks of a walk: so many of an input, so that the next one comes soon.
const LOOKUPS: usize = 16;
const PAGES: usize = 4;
const BLOCKS: usize = 64;

/// The first byte chooses the codec.
fn root(kind: u8) -> Cid {
    let codec = CODECS[usize::from(kind) % CODECS.len()];
    Cid::new_v1(codec, Multihash::wrap(block::hash::SHA2_256, &[0; 32]).expect("a hash fits"))
}

/// KIT-4, KIT-5, KIT-6, KIT-7: a block says nothing that contradicts itself or is more than its bytes.
pub fn nodes(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let id = root(*kind);
    if let Ok(node) = node::decode(&id, bytes) {
        check(&node, bytes);
    }
    let path = ["a", "0", "1", "b"];
    for len in 0..=path.len() {
        if let Ok(Selected::Link(_, used)) = node::select(&id, bytes, &path[..len]) {
            assert!(used <= len);
        }
    }
}

fn check(node: &Node, bytes: &[u8]) {
    let links = node.links().count();
    assert!(links <= LINKS_MAX && links * 4 <= bytes.len());
    match node {
        Node::Raw(size) => assert_eq!(*size, bytes.len() as u64),
        Node::File(file) => {
            assert!(bytes.get(file.inline.clone()).is_some());
            let parts: u128 = file.parts.iter().map(|part| u128::from(part.size)).sum();
            assert_eq!(u128::from(file.size), file.inline.len() as u128 + parts);
        }
        Node::Directory(directory) => {
            assert!(directory.entries.iter().all(|entry| is_name(&entry.name)));
            for entry in directory.entries.iter().take(LOOKUPS) {
                assert_eq!(directory.find(&entry.name).map(|found| &found.name), Some(&entry.name));
            }
        }
        Node::Shard(shard) => {
            assert!(shard.fanout.is_power_of_two() && (8..=FANOUT_MAX).contains(&shard.fanout));
            assert!(shard.slots.iter().all(|(place, _)| *place < shard.fanout));
            let entry = |(_, slot): &(u32, Slot)| if let Slot::Entry(entry) = slot { Some(entry.name.clone()) } else { None };
            let names: Vec<String> = shard.slots.iter().filter_map(entry).collect();
            assert!(names.iter().all(|name| is_name(name)));
            for name in names.iter().take(LOOKUPS) {
                for level in 0..=SHARD_LEVELS_MAX {
                    assert!(shard.place(name, level).is_none_or(|place| place < shard.fanout));
                    let _found = shard.find(name, level);
                }
            }
        }
        Node::Symlink(target) => assert!(target.len() <= bytes.len()),
        Node::Other(_) => {}
    }
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// A few blocks, to one of which every link leads: towers, rings and bombs that no hash allows, so that none is too odd to be met.
struct Anywhere(Vec<Bytes>);

impl Anywhere {
    /// Each block behind its length, two bytes.
    fn new(mut bytes: &[u8]) -> Self {
        let mut blocks = Vec::new();
        while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
            let (block, rest) = rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len()));
            blocks.push(Bytes::copy_from_slice(block));
            bytes = rest;
        }
        Self(blocks)
    }
}

#[async_trait]
impl Source for Anywhere {
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        let place = cid.hash().digest().first().map_or(0, |byte| usize::from(*byte));
        let place = place.checked_rem(self.0.len()).ok_or(SourceError::NotFound(*cid))?;
        self.0.get(place).cloned().ok_or(SourceError::NotFound(*cid))
    }
}

/// Nothing here waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("blocks in memory are there at once")
}

/// KIT-8 to KIT-12: whatever blocks say, each walk goes on or ends, and gives what it promised.
pub fn walks(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let id = root(*kind);
    let source: Arc<dyn Source> = Arc::new(Anywhere::new(bytes));
    let _found = now(walk::resolve(&*source, &id, &["a", "b"]));
    let Ok(top) = now(walk::load(&*source, &id)) else { return };
    pages(&*source, &top);
    for range in [0..u64::MAX, 3..40] {
        file(&source, &top, range);
    }
    for duplicates in [false, true] {
        dag(&source, &top, duplicates);
        for scope in [Scope::Entity, Scope::All] {
            exported(&source, &id, &CarPlan { scope, bytes: None, duplicates });
        }
    }
}

fn pages(source: &dyn Source, top: &Loaded) {
    let mut cursor = Cursor::default();
    for _ in 0..PAGES {
        let Ok(page) = now(walk::list(source, top, &cursor, 8)) else { return };
        assert!(page.entries.len() <= 8 && page.entries.iter().all(|entry| is_name(&entry.name)));
        let Some(next) = page.next else { return };
        cursor = next.to_string().parse().expect("its own text");
        assert_eq!(cursor, next);
    }
}

fn file(source: &Arc<dyn Source>, top: &Loaded, range: Range<u64>) {
    let Ok(mut walk) = FileWalk::new(source.clone(), top.clone(), range.clone()) else { return };
    let size = top.node.file_size().expect("what is read is a file");
    let promised = range.end.min(size) - range.start.min(size);
    let mut given = 0;
    for _ in 0..BLOCKS {
        match now(walk.next()) {
            Ok(Some(found)) => {
                assert_eq!(found.block.get(found.place.clone()), Some(&found.content[..]));
                given += found.content.len() as u64;
                assert!(given <= promised);
            }
            Ok(None) => return assert_eq!(given, promised),
            Err(_) => return,
        }
    }
}

fn dag(source: &Arc<dyn Source>, top: &Loaded, duplicates: bool) {
    let mut walk = DagWalk::new(source.clone(), top.clone(), Follow::All, duplicates);
    let mut seen = HashSet::new();
    for _ in 0..BLOCKS {
        let Ok(Some((cid, _))) = now(walk.next()) else { return };
        assert!(duplicates || block::inline(&cid).is_some() || seen.insert(cid));
    }
}

fn exported(source: &Arc<dyn Source>, id: &Cid, plan: &CarPlan) {
    let Ok(resolved) = now(walk::resolve(&**source, id, &[])) else { return };
    let Ok(pieces) = walk::car(source.clone(), resolved, plan) else { return };
    let mut pieces = Box::pin(pieces);
    for _ in 0..PAGES {
        let Some(Ok(piece)) = now(pieces.next()) else { return };
        assert!(!piece.is_empty());
    }
}

/// KIT-12: what a CAR gives is verified and no more than its bytes, and written and read again it is the same.
pub fn cars(bytes: &[u8]) {
    let Ok(reader) = car::Reader::new(bytes) else { return };
    let roots = reader.roots().to_vec();
    assert!(roots.len() <= car::ROOTS_MAX);
    let blocks: Vec<(Cid, Bytes)> = reader.map_while(Result::ok).collect();
    assert!(blocks.iter().map(|(_, block)| block.len()).sum::<usize>() <= bytes.len());
    assert!(blocks.iter().all(|(cid, bytes)| block::verify(cid, bytes).is_ok()));
    let sections = blocks.iter().map(|(cid, bytes)| car::section(cid, bytes));
    let again: Vec<Bytes> = [car::header(&roots)].into_iter().chain(sections).collect();
    let again = again.concat();
    let reader = car::Reader::new(&again[..]).expect("a CAR that was written here");
    assert_eq!(reader.roots(), roots);
    assert_eq!(reader.collect::<Result<Vec<_>, _>>().expect("sections that were written here"), blocks);
}

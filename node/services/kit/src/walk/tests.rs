mod cars;

use super::packed::{Levels, Peek};
use super::*;
use crate::car;
use crate::node::codec;
use crate::source::Fixed;
use crate::tests::{Writer, bytes, number};
use async_trait::async_trait;
use cid::multihash::Multihash;
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what is asked of it. Some blocks come by the network alone.
#[derive(Default)]
struct Counting {
    inner: Fixed,
    afar: Vec<Cid>,
    together: AtomicUsize,
    alone: AtomicUsize,
}

#[async_trait]
impl Source for Counting {
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        self.alone.fetch_add(1, Ordering::SeqCst);
        self.inner.block(cid).await
    }

    async fn has(&self, cid: &Cid) -> bool {
        !self.afar.contains(cid) && self.inner.has(cid).await
    }

    async fn here(&self, cids: &[Cid], bytes_max: usize) -> Vec<Bytes> {
        self.together.fetch_add(1, Ordering::SeqCst);
        let here: Vec<Cid> = cids.iter().take_while(|cid| !self.afar.contains(cid)).copied().collect();
        self.inner.here(&here, bytes_max).await
    }
}

async fn content(source: &Arc<dyn Source>, cid: &Cid, range: std::ops::Range<u64>) -> Result<Vec<u8>, WalkError> {
    let root = load(&**source, cid).await?;
    let parts: Vec<Bytes> = read(source.clone(), root, range)?.try_collect().await?;
    Ok(parts.concat())
}

async fn exported(source: &Arc<dyn Source>, root: &Cid, path: &[&str], plan: CarPlan) -> Result<Vec<Cid>, WalkError> {
    let resolved = resolve(&**source, root, path).await?;
    let pieces: Vec<Bytes> = car(source.clone(), resolved, &plan)?.try_collect().await?;
    let whole = pieces.concat();
    let reader = car::Reader::new(&whole[..]).unwrap();
    Ok(reader.map(|section| section.unwrap().0).collect())
}

fn all() -> CarPlan {
    CarPlan { scope: Scope::All, bytes: None, duplicates: false }
}

#[tokio::test]
async fn kit_8_a_path_leads_through_directories_and_ends_at_files_and_links() {
    let mut writer = Writer::default();
    let leaf = writer.raw(b"hello");
    let link = writer.pb(&[], &[number(1, 4), bytes(2, b"/etc/passwd")]);
    let inner = writer.directory(&[("file", leaf), ("link", link)]);
    let root = writer.directory(&[("inner", inner)]);
    let source = writer.source();
    let found = resolve(&*source, &root, &["inner", "file"]).await.unwrap();
    assert_eq!((found.target.cid, found.roots, found.trail), (leaf, vec![root, inner, leaf], vec![root, inner]));
    let link = resolve(&*source, &root, &["inner", "link"]).await.unwrap();
    assert_eq!(link.target.node, Node::Symlink("/etc/passwd".into()));
    for (path, wanted) in [
        (&["inner", "none"][..], "no link named \"none\" under"),
        (&["inner", "file", "x"], "is a file, there is nothing below it called \"x\""),
        (&["inner", "link", "x"], "is a symbolic link, there is nothing below it"),
        (&["..", "inner"], "no link named \"..\""),
        (&[""], "no link named \"\""),
        (&["x"; PATH_STEPS_MAX + 1], "more than 256 steps"),
    ] {
        let error = resolve(&*source, &root, path).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn kit_8_a_block_that_nobody_has_is_named() {
    let mut writer = Writer::default();
    let lost = Cid::new_v1(codec::DAG_PB, Multihash::wrap(0x12, &[7; 32]).unwrap());
    let root = writer.directory(&[("lost", lost)]);
    let source = writer.source();
    let error = resolve(&*source, &root, &["lost", "x"]).await.unwrap_err();
    assert_eq!(error, WalkError::Source(SourceError::NotFound(lost)));
    let odd = Cid::new_v1(codec::RAW, Multihash::wrap(0x11, &[0; 20]).unwrap());
    assert!(matches!(fetch(&*source, &odd).await, Err(WalkError::Id { .. })));
}

#[tokio::test]
async fn kit_7_and_kit_11_sharded_directories_are_looked_up_and_listed_page_by_page() {
    let names: Vec<String> = (0..3000).map(|n| format!("name {n}")).collect();
    for fanout in [8, 256] {
        let mut writer = Writer::default();
        let leaf = writer.raw(b"x");
        let root = writer.sharded(&names, leaf, fanout, 0);
        let source = writer.source();
        for name in names.iter().step_by(97) {
            let found = resolve(&*source, &root, &[name]).await.unwrap();
            assert_eq!((found.target.cid, found.roots.len()), (leaf, 2));
        }
        assert!(matches!(resolve(&*source, &root, &["name 3000"]).await, Err(WalkError::Absent { .. })));
        let top = load(&*source, &root).await.unwrap();
        let (mut all, mut cursor, mut pages) = (Vec::new(), Cursor::default(), 0);
        loop {
            let page = list(&*source, &top, &cursor, 100).await.unwrap();
            assert!(page.entries.len() <= 100);
            all.extend(page.entries.into_iter().map(|entry| entry.name));
            pages += 1;
            let Some(next) = page.next else { break };
            // It goes over the wire as text.
            cursor = next.to_string().parse().unwrap();
        }
        assert!((30..200).contains(&pages), "{pages}");
        all.sort();
        let mut wanted = names.clone();
        wanted.sort();
        assert_eq!(all, wanted);
    }
}

#[tokio::test]
async fn kit_11_a_flat_directory_is_listed_page_by_page_and_a_place_that_is_none_is_refused() {
    let mut writer = Writer::default();
    let leaf = writer.raw(b"x");
    let root = writer.directory(&[("a", leaf), ("b", leaf), ("c", leaf)]);
    let source = writer.source();
    let top = load(&*source, &root).await.unwrap();
    let page = list(&*source, &top, &Cursor::default(), 2).await.unwrap();
    let next = page.next.unwrap();
    assert_eq!((page.entries.len(), next.to_string()), (2, "2".into()));
    let page = list(&*source, &top, &next, 2).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (1, None));
    for odd in ["7", "1.1"] {
        assert_eq!(list(&*source, &top, &odd.parse().unwrap(), 2).await, Err(WalkError::Cursor));
    }
    for odd in ["", "x", "-1", "1..2", "4294967296", &["0"; 23].join(".")] {
        assert_eq!(odd.parse::<Cursor>(), Err(WalkError::Cursor), "{odd}");
    }
    let file = load(&*source, &leaf).await.unwrap();
    assert!(
        list(&*source, &file, &Cursor::default(), 2)
            .await
            .unwrap_err()
            .to_string()
            .contains("is a file, which cannot be listed")
    );
}

#[tokio::test]
async fn kit_11_a_directory_of_empty_shards_costs_no_page_more_than_its_share() {
    // Each level has 256 links to the next: 256^8 ways to nothing.
    let mut writer = Writer::default();
    let mut level = writer.pb(&[], &[number(1, 5), number(5, 0x22), number(6, 256)]);
    for _ in 0..8 {
        let links: Vec<_> = (0..256).map(|place| (level, format!("{place:02X}"))).collect();
        level = writer.pb(&links, &[number(1, 5), number(5, 0x22), number(6, 256)]);
    }
    let source = writer.source();
    let top = load(&*source, &level).await.unwrap();
    let listed = list(&*source, &top, &Cursor::default(), 100).await.unwrap();
    assert!(listed.entries.is_empty() && listed.next.is_some());
}

#[tokio::test]
async fn kit_11_a_page_that_may_be_held_long_has_few_bytes_of_names() {
    let names: Vec<String> = (0..40).map(|n| format!("{n:02}{}", "x".repeat(998))).collect();
    let mut writer = Writer::default();
    let leaf = writer.raw(b"x");
    let entries: Vec<(&str, Cid)> = names.iter().map(|name| (name.as_str(), leaf)).collect();
    let (flat, sharded) = (writer.directory(&entries), writer.sharded(&names, leaf, 8, 0));
    let source = writer.source();
    for directory in [flat, sharded] {
        let (mut all, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            let part = page(&*source, &directory, &cursor, 100).await.unwrap();
            assert!(part.entries.len() <= PAGE_NAME_BYTES / 1000 + 1, "{}", part.entries.len());
            all.extend(part.entries.into_iter().map(|entry| entry.name));
            let Some(next) = part.next else { break };
            cursor = next;
        }
        all.sort();
        assert_eq!(all, names);
    }
    assert!(matches!(page(&*source, &leaf, &Cursor::default(), 1).await, Err(WalkError::NotA { .. })));
}

#[tokio::test]
async fn kit_9_any_range_of_a_file_is_read_and_only_the_blocks_that_hold_it() {
    let mut writer = Writer::default();
    let whole: Vec<u8> = (0..100u8).collect();
    let leaves: Vec<(Cid, u64)> = whole[10..].chunks(10).map(|chunk| (writer.raw(chunk), 10)).collect();
    let empty = writer.raw(b"");
    let left = writer.file(&[], &leaves[..4]);
    let right = writer.file(&[], &leaves[4..]);
    let root = writer.file(&whole[..10], &[(empty, 0), (left, 40), (empty, 0), (right, 50)]);
    let source = writer.source();
    for from in 0..=100u64 {
        for to in (from..=100).step_by(7) {
            let got = content(&source, &root, from..to).await.unwrap();
            assert_eq!(got, &whole[from as usize..to as usize], "{from}..{to}");
        }
    }
    assert_eq!(content(&source, &root, 90..u64::MAX).await.unwrap(), &whole[90..]);
    let top = load(&*source, &root).await.unwrap();
    let mut walk = FileWalk::new(source.clone(), top, 55..56).unwrap();
    let mut visited = Vec::new();
    while let Some(found) = walk.next().await.unwrap() {
        visited.push(found.cid);
    }
    assert_eq!(visited, [root, right, leaves[4].0]);
}

#[tokio::test]
async fn kit_9_a_large_block_is_given_in_pieces_and_had_again_for_each_of_them() {
    let mut writer = Writer::default();
    let whole: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let leaf = writer.raw(&whole);
    let file = writer.file(b"before", &[(leaf, 200_000)]);
    let counting = Arc::new(Counting { inner: writer.0, ..Counting::default() });
    let source: Arc<dyn Source> = counting.clone();
    let root = load(&*source, &file).await.unwrap();
    let pieces: Vec<Bytes> = read(source.clone(), root, 0..u64::MAX).unwrap().try_collect().await.unwrap();
    let lengths: Vec<usize> = pieces.iter().map(Bytes::len).collect();
    assert_eq!(lengths, [6, PIECE_BYTES, PIECE_BYTES, PIECE_BYTES, 200_000 - 3 * PIECE_BYTES]);
    assert_eq!(pieces[1..].concat(), whole);
    assert_eq!(counting.alone.load(Ordering::SeqCst), 1 + 4, "the file's node, and its block for each piece");
    let part: Vec<Bytes> = read_block(source, leaf, 10..100_000).try_collect().await.unwrap();
    assert_eq!((part.len(), part.concat()), (2, whole[10..100_000].to_vec()));
}

#[tokio::test]
async fn kit_9_a_part_of_another_size_than_promised_is_refused() {
    let mut writer = Writer::default();
    let leaf = writer.raw(b"four");
    let liar = writer.file(&[], &[(leaf, 5)]);
    let directory = writer.directory(&[]);
    let odd = writer.file(&[], &[(directory, 5)]);
    let huge = writer.file(&[], &[(leaf, 1 << 51)]);
    let source = writer.source();
    assert_eq!(content(&source, &liar, 0..9).await, Err(WalkError::Size(leaf)));
    assert!(matches!(content(&source, &odd, 0..9).await, Err(WalkError::NotA { .. })));
    assert!(matches!(content(&source, &huge, 0..1).await, Err(WalkError::TooMuch(_))));
    assert!(matches!(content(&source, &directory, 0..1).await, Err(WalkError::NotA { .. })));
}

#[tokio::test]
async fn kit_9_a_bomb_is_read_without_being_held_and_a_tower_is_refused() {
    let mut writer = Writer::default();
    let (mut cid, mut size) = (writer.raw(&[7; 1000]), 1000u64);
    for _ in 0..4 {
        cid = writer.file(&[], &vec![(cid, size); 1000]);
        size *= 1000;
    }
    let mut tower = writer.raw(b"x");
    for _ in 0..FILE_LEVELS_MAX + 2 {
        let other = writer.raw(b"y");
        tower = writer.file(&[], &[(tower, 0), (other, 1)]);
    }
    // One part a level, of one byte each: the only way down is the whole of it.
    let mut deep = writer.file(b"x", &[]);
    for _ in 0..FILE_LEVELS_MAX * 3 {
        deep = writer.file(&[], &[(deep, 1)]);
    }
    let source = writer.source();
    // 10^15 bytes: the last of them are a few blocks away.
    assert_eq!(content(&source, &cid, size - 5..size).await.unwrap(), [7; 5]);
    assert_eq!(content(&source, &tower, 0..9).await.unwrap(), b"y");
    assert_eq!(content(&source, &deep, 0..9).await.unwrap(), b"x");
}

#[tokio::test]
async fn kit_10_a_dag_that_branches_and_nests_beyond_bounds_is_refused() {
    let mut writer = Writer::default();
    let mut cid = writer.raw(b"x");
    for _ in 0..DAG_LEVELS_MAX + 10 {
        let other = writer.raw(b"y");
        cid = writer.directory(&[("a", cid), ("b", other)]);
    }
    let source = writer.source();
    let error = exported(&source, &cid, &[], all()).await.unwrap_err();
    assert_eq!(error, WalkError::TooMuch("the content nests too deeply"));
}

#[test]
fn kit_10_of_the_links_on_the_way_down_few_are_remembered_and_none_is_lost() {
    let id = |n: u64| Cid::new_v1(codec::RAW, Multihash::wrap(0x12, &Sha256::digest(n.to_le_bytes())).unwrap());
    let links = |level: u64, from: usize| (from..1000).map(move |place| (place, id(level * 1000 + place as u64), place as u64));
    let node = |level: u64| id(1_000_000 + level);
    let mut levels = Levels::new(100);
    for level in 0..50 {
        levels.push(&node(level), links(level, 0), 1000, level).unwrap();
        let (first, beside, _) = levels.take().unwrap();
        assert_eq!((first, beside), (id(level * 1000), 0), "the way down");
        assert!(levels.held() <= WINDOW_BYTES_MAX, "{}", levels.held());
    }
    let (mut visited, mut again) = (Vec::new(), 0);
    loop {
        match levels.peek() {
            Peek::End => break,
            Peek::Link(cid) => {
                assert_eq!(levels.take().unwrap().0, cid);
                visited.push(cid);
            }
            Peek::Again { node: block, at, beside } => {
                assert_eq!(block, node(beside));
                levels.refill(links(beside, at), 1000);
                again += 1;
            }
        }
        assert!(levels.held() <= WINDOW_BYTES_MAX);
    }
    let wanted: Vec<Cid> = (0..50).rev().flat_map(|level| links(level, 1).map(|(_, cid, _)| cid)).collect();
    assert_eq!(visited, wanted);
    assert!(again <= 50 * 8, "a block is read again for each {LEVEL_LINKS} of its links: {again}");
}

#[tokio::test]
async fn kit_10_blocks_of_very_many_links_are_walked_through_whole() {
    let mut writer = Writer::default();
    let leaves: Vec<(Cid, u64)> = (0..3000u32).map(|n| (writer.raw(&n.to_le_bytes()), 4)).collect();
    let (left, right) = (writer.file(&[], &leaves[..1500]), writer.file(&[], &leaves[1500..]));
    let file = writer.file(&[], &[(left, 6000), (right, 6000)]);
    let root = writer.directory(&[("file", file)]);
    let source = writer.source();
    let whole: Vec<u8> = (0..3000u32).flat_map(u32::to_le_bytes).collect();
    for range in [0..12_000, 1..11_999, 5998..6002, 11_000..11_001] {
        let place = range.start as usize..range.end as usize;
        assert_eq!(content(&source, &file, range).await.unwrap(), &whole[place]);
    }
    let all_of_it = exported(&source, &root, &[], all()).await.unwrap();
    let leaf = |n: usize| leaves[n].0;
    assert_eq!((all_of_it.len(), all_of_it[3], all_of_it[3003]), (3004, leaf(0), leaf(2999)));
}

#[tokio::test]
async fn kit_10_what_was_given_is_not_given_again_nor_what_is_below_it() {
    let mut writer = Writer::default();
    let mut cid = writer.raw(b"x");
    let mut order = vec![cid];
    for _ in 0..40 {
        // 2^40 ways to the leaf.
        cid = writer.directory(&[("a", cid), ("b", cid)]);
        order.insert(0, cid);
    }
    let source = writer.source();
    assert_eq!(exported(&source, &cid, &[], all()).await.unwrap(), order);
}

#[tokio::test]
async fn kit_10_of_a_file_a_part_that_was_given_is_not_read_again_nor_what_is_below_it() {
    let mut writer = Writer::default();
    let leaf = writer.raw(b"repeated");
    let mut file = leaf;
    let (mut order, mut size) = (vec![leaf], 8);
    for _ in 0..4 {
        // 10^12 ways to the leaf.
        file = writer.file(&[], &vec![(file, size); 1000]);
        size *= 1000;
        order.insert(0, file);
    }
    let counting = Arc::new(Counting { inner: writer.0, ..Counting::default() });
    let source: Arc<dyn Source> = counting.clone();
    let plan = |bytes: &str| CarPlan { scope: Scope::Entity, bytes: Some(bytes.parse().unwrap()), duplicates: false };
    for bytes in ["0:*", "3:-3", "8000000001:*"] {
        assert_eq!(exported(&source, &file, &[], plan(bytes)).await.unwrap(), order, "{bytes}");
    }
    let reads = counting.together.load(Ordering::SeqCst) + counting.alone.load(Ordering::SeqCst);
    assert!(reads < 1000, "{reads} reads of five blocks");
}

#[tokio::test]
async fn kit_10_a_part_of_which_a_range_took_a_piece_is_walked_again_for_the_rest() {
    let mut writer = Writer::default();
    let leaves: Vec<(Cid, u64)> = (0..3u8).map(|n| (writer.raw(&[n; 10]), 10)).collect();
    let part = writer.file(&[], &leaves);
    let file = writer.file(&[], &[(part, 30), (part, 30), (part, 30)]);
    let lies = writer.file(&[], &[(part, 30), (part, 31)]);
    let source = writer.source();
    let plan = |bytes: &str| CarPlan { scope: Scope::Entity, bytes: Some(bytes.parse().unwrap()), duplicates: false };
    let leaf = |n: usize| leaves[n].0;
    for (bytes, rest) in [
        ("0:*", vec![leaf(0), leaf(1), leaf(2)]),
        ("25:*", vec![leaf(2), leaf(0), leaf(1)]),
        ("25:34", vec![leaf(2), leaf(0)]),
        ("15:94", vec![leaf(1), leaf(2), leaf(0)]),
    ] {
        let wanted = [vec![file, part], rest].concat();
        assert_eq!(exported(&source, &file, &[], plan(bytes)).await.unwrap(), wanted, "{bytes}");
    }
    assert_eq!(exported(&source, &lies, &[], plan("0:*")).await, Err(WalkError::Size(part)));
}

//! Counts, releases, trash, quota, sessions.
mod common;

use bytes::Bytes;
use cid::Cid;
use common::*;
use leither_storage::add::Assembly;
use leither_storage::config::Space;
use leither_storage::content::Profile;
use leither_storage::{Config, ContentStore, Freed, Root, StorageError};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[test]
fn storage_1_the_same_content_is_stored_once_and_goes_with_its_last_root() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let one = add(&store, "one", &[b"a", b"b"]);
    assert_eq!(blocks(&store), 3);
    let two = add(&store, "two", &[b"b", b"c"]);
    assert_eq!(blocks(&store), 5);
    // The same tree under another name costs nothing.
    assert_eq!(add(&store, "again", &[b"a", b"b"]), one);
    assert_eq!(blocks(&store), 5);
    check(&store);
    assert!(store.release(&pin("one"), NOW).unwrap());
    assert_eq!(purge(&store, NOW + 2 * DAY), 0, "`again` still keeps it");
    assert!(store.release(&pin("again"), NOW).unwrap());
    assert!(!store.release(&pin("again"), NOW).unwrap());
    assert_eq!(purge(&store, NOW + DAY - 1), 0, "its day is not over");
    assert_eq!(purge(&store, NOW + DAY), 2, "b is needed by `two`");
    assert!(store.get(&raw(b"a")).unwrap().is_none() && store.get(&one).unwrap().is_none());
    assert_eq!(store.get(&raw(b"b")).unwrap().unwrap(), "b");
    assert!(store.has(&two).unwrap());
    check(&store);
}

#[test]
fn a_block_is_found_whatever_the_version_and_codec_of_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let cid = add(&store, "one", &[b"a"]);
    for other in [Cid::new_v0(*cid.hash()).unwrap(), Cid::new_v1(0x55, *cid.hash())] {
        assert_eq!(store.get(&other).unwrap(), store.get(&cid).unwrap());
        assert!(store.has(&other).unwrap());
    }
    // What stands in an id is always there.
    let inline = Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0, b"hi").unwrap());
    assert_eq!(store.get(&inline).unwrap().unwrap(), "hi");
}

#[test]
fn storage_1_bytes_that_come_as_a_node_later_keep_what_they_link_to() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (tree, block) = node(&[raw(b"a")]);
    let mut session = store.session();
    session.put(&raw(&block), block.clone()).unwrap();
    session.finish(&pin("bytes"), kept(raw(&block)), NOW).unwrap();
    assert_eq!(blocks(&store), 1);
    let mut session = store.session();
    assert!(!session.hold(&tree).unwrap(), "its links were not counted");
    session.put(&raw(b"a"), b"a".to_vec()).unwrap();
    session.put(&tree, block).unwrap();
    session.finish(&pin("tree"), kept(tree), NOW).unwrap();
    check(&store);
    store.release(&pin("tree"), NOW).unwrap();
    store.release(&pin("bytes"), NOW).unwrap();
    assert_eq!(purge(&store, NOW + DAY), 2);
    check(&store);
}

#[test]
fn storage_2_what_is_here_as_mere_bytes_is_not_here_with_what_it_links_to() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (tree, block) = node(&[raw(b"a")]);
    let inline = Cid::new_v1(0x70, cid::multihash::Multihash::wrap(0, &node(&[raw(b"a")]).1).unwrap());
    let mut session = store.session();
    session.put(&raw(&block), block.clone()).unwrap();
    session.finish(&pin("bytes"), kept(raw(&block)), NOW).unwrap();
    let has = |cid: &Cid| store.has(cid).unwrap();
    assert!(
        has(&raw(&block)) && !has(&tree) && !has(&inline),
        "a leaf of somebody's tree may be the first block of another"
    );
    assert!(matches!(store.take_back(&pin("tree"), kept(tree)), Err(StorageError::NoBlock(_))));
    let mut session = store.session();
    session.put(&raw(b"a"), b"a".to_vec()).unwrap();
    session.put(&tree, block.clone()).unwrap();
    session.finish(&pin("tree"), kept(tree), NOW).unwrap();
    assert!(has(&raw(&block)) && has(&tree) && has(&inline));
}

#[test]
fn storage_1_an_id_that_holds_its_content_keeps_what_that_links_to() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (_, inner) = node(&[raw(b"a")]);
    let inline = Cid::new_v1(0x70, cid::multihash::Multihash::wrap(0, &inner).unwrap());
    let (outer, block) = node(&[inline]);
    let mut session = store.session();
    session.put(&raw(b"a"), b"a".to_vec()).unwrap();
    session.put(&outer, block).unwrap();
    session.finish(&pin("outer"), kept(outer), NOW).unwrap();
    store.keep(&pin("inline"), kept(inline), NOW).unwrap();
    check(&store);
    store.release(&pin("outer"), NOW).unwrap();
    assert_eq!(purge(&store, NOW + DAY), 1);
    assert!(store.has(&raw(b"a")).unwrap());
    check(&store);
}

#[test]
fn storage_2_a_block_whose_children_are_not_here_is_refused_and_nothing_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (cid, block) = node(&[raw(b"a"), raw(b"b")]);
    let mut session = store.session();
    session.put(&raw(b"a"), b"a".to_vec()).unwrap();
    session.put(&cid, block).unwrap();
    let error = session.finish(&pin("x"), kept(cid), NOW).unwrap_err();
    assert!(matches!(error, StorageError::Missing(missing) if missing == raw(b"b")), "{error}");
    assert_eq!(blocks(&store), 0);
    assert!(matches!(store.keep(&pin("x"), kept(cid), NOW), Err(StorageError::NoBlock(_))));
    check(&store);
}

#[test]
fn storage_2_blocks_that_come_parents_first_wait_for_their_children() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (low, low_block) = node(&[raw(b"a"), raw(b"b")]);
    let (top, top_block) = node(&[low, raw(b"c"), low]);
    let mut assembly = Assembly::new(store.session());
    let put = |assembly: &mut Assembly, cid: &Cid, bytes: &[u8]| assembly.put(cid, Bytes::copy_from_slice(bytes)).unwrap();
    put(&mut assembly, &top, &top_block);
    put(&mut assembly, &low, &low_block);
    assert_eq!(assembly.missing(10).len(), 3, "a, b, c");
    put(&mut assembly, &raw(b"c"), b"c");
    put(&mut assembly, &raw(b"a"), b"a");
    put(&mut assembly, &top, &top_block);
    put(&mut assembly, &raw(b"b"), b"b");
    assert_eq!(assembly.missing(10).len(), 0);
    assembly.finish(&pin("top"), kept(top), NOW).unwrap();
    assert_eq!(blocks(&store), 5);
    check(&store);

    // What is to be fetched is told once, in the order of the links; what is here is not.
    let (over, over_block) = node(&[raw(b"x"), top, raw(b"y"), raw(b"x")]);
    let (over_all, over_all_block) = node(&[raw(b"y"), over, raw(b"z")]);
    let mut assembly = Assembly::new(store.session());
    assert_eq!(assembly.take(&over_all, Bytes::from(over_all_block)).unwrap(), [raw(b"y"), over, raw(b"z")]);
    assert_eq!(assembly.take(&over, Bytes::from(over_block)).unwrap(), [raw(b"x")], "y is waited for, the tree is here");
    assert_eq!((assembly.here(), assembly.waits().1), (1, 5));
    for leaf in [b"x", b"y", b"z"] {
        assert!(assembly.take(&raw(leaf), Bytes::copy_from_slice(leaf)).unwrap().is_empty());
    }
    assert_eq!(assembly.waits(), (0, 0));
    let stored = assembly.finish(&pin("over"), kept(over_all), NOW).unwrap();
    assert_eq!(stored.blocks, 5);
    assert!(store.release(&pin("over"), NOW).unwrap());
    purge(&store, NOW + 2 * DAY);
    assert_eq!(blocks(&store), 5);

    // One that does not come is named, and nothing of the rest stays.
    let (lacking, block) = node(&[raw(b"never"), raw(b"d")]);
    let mut assembly = Assembly::new(store.session());
    put(&mut assembly, &lacking, &block);
    put(&mut assembly, &raw(b"d"), b"d");
    let error = assembly.finish(&pin("lacking"), kept(lacking), NOW).unwrap_err();
    assert!(matches!(error, StorageError::Missing(missing) if missing == raw(b"never")), "{error}");
    assert_eq!(blocks(&store), 5);
    check(&store);
}

#[test]
fn a_block_that_is_not_what_its_id_says_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut session = store.session();
    assert!(matches!(session.put(&raw(b"a"), b"b".to_vec()), Err(StorageError::Block(_))));
    // dag-pb that is none.
    let junk = b"\xff\xff\xff".to_vec();
    let cid = Cid::new_v1(0x70, hash(&junk));
    assert!(matches!(session.put(&cid, junk), Err(StorageError::Node { .. })));
    let git = Cid::new_v1(0x78, hash(b"x"));
    assert!(matches!(session.put(&git, b"x".to_vec()), Err(StorageError::Node { .. })));
    drop(session);
    assert_eq!(blocks(&store), 0);
}

#[test]
fn storage_3_what_was_released_can_be_taken_back_for_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let one = add(&store, "one", &[b"a", b"b"]);
    let two = add(&store, "two", &[b"c"]);
    store.release(&pin("one"), NOW).unwrap();
    store.release(&pin("two"), NOW + 5).unwrap();
    let trash = store.trash(None, 10).unwrap();
    assert_eq!(trash.iter().map(|t| (t.cid, t.due)).collect::<Vec<_>>(), [(one, NOW + DAY), (two, NOW + DAY + 5)]);
    assert_eq!(store.trash(Some(&trash[0]), 10).unwrap(), trash[1..]);
    assert_eq!(store.trash(None, 1).unwrap(), trash[..1]);
    store.keep(&pin("back"), kept(one), NOW + 10).unwrap();
    assert_eq!(store.trash(None, 10).unwrap(), trash[1..]);
    assert_eq!(purge(&store, NOW + 2 * DAY), 2);
    assert_eq!(store.get(&raw(b"a")).unwrap().unwrap(), "a");
    assert!(matches!(store.keep(&pin("late"), kept(two), NOW), Err(StorageError::NoBlock(_))));
    check(&store);
    // So can what another root has replaced.
    let three = add(&store, "back", &[b"d"]);
    assert_eq!(store.trash(None, 10).unwrap()[0].cid, one);
    assert_eq!(store.root(&pin("back")).unwrap().unwrap().cid, three);
    check(&store);
}

#[test]
fn storage_3_a_large_tree_goes_in_steps_of_bounded_length() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut session = store.session();
    let mut tops = Vec::new();
    for i in 0..50u32 {
        let leaves: Vec<Cid> = (0..20u32).map(|j| raw(&(i * 20 + j).to_be_bytes())).collect();
        for j in 0..20u32 {
            let bytes = (i * 20 + j).to_be_bytes();
            session.put(&raw(&bytes), bytes.to_vec()).unwrap();
        }
        let (cid, block) = node(&leaves);
        session.put(&cid, block).unwrap();
        tops.push(cid);
    }
    let (top, block) = node(&tops);
    session.put(&top, block).unwrap();
    session.finish(&pin("big"), kept(top), NOW).unwrap();
    let all = blocks(&store);
    assert_eq!(all, 1051);
    store.release(&pin("big"), NOW).unwrap();
    let mut gone = 0;
    loop {
        let purged = store.purge(NOW + DAY, 7).unwrap();
        assert!(purged.blocks <= 7);
        gone += purged.blocks;
        let found = store.verify(false).unwrap();
        assert_eq!(found.wrong, [], "after {gone}");
        if !purged.more {
            break;
        }
    }
    assert_eq!(gone, all);
    assert_eq!(store.stat().unwrap().bytes, 0);
}

#[test]
fn storage_4_an_add_beyond_the_quota_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(dir.path());
    config.quota_bytes = 20 << 20;
    let store = ContentStore::open(&config).unwrap();
    let small = add(&store, "small", &[b"a"]);
    let before = store.stat().unwrap();
    let file = dir.path().join("big");
    std::fs::write(&file, noise(1, 30 << 20)).unwrap();
    let error = store.add(&file, Profile::default(), &pin("big"), NOW, &mut |_| ()).unwrap_err();
    assert!(matches!(error, StorageError::Quota { quota: 20_971_520, .. }), "{error}");
    assert_eq!(store.stat().unwrap(), before);
    assert!(store.root(&pin("big")).unwrap().is_none() && store.has(&small).unwrap());
    check(&store);
    // What is here already costs nothing, and to the byte it fits.
    let room = 20 * (1 << 20) - before.bytes;
    let bytes = noise(2, 1 << 20);
    let mut session = store.session();
    let mut cids = Vec::new();
    let (mut used, mut n) = (0, 0u64);
    while room - used > (1 << 20) + 5000 {
        let mut leaf = bytes.clone();
        leaf[..8].copy_from_slice(&n.to_be_bytes());
        cids.push(raw(&leaf));
        session.put(&raw(&leaf), leaf).unwrap();
        (used, n) = (used + (1 << 20), n + 1);
    }
    let len = node(&[cids.clone(), vec![raw(b"")]].concat()).1.len() as u64;
    let rest = noise(3, (room - used - len) as usize);
    session.put(&raw(&rest), rest.clone()).unwrap();
    let (top, block) = node(&[cids, vec![raw(&rest)]].concat());
    assert_eq!(block.len() as u64, len);
    session.put(&top, block).unwrap();
    session.finish(&pin("full"), kept(top), NOW).unwrap();
    assert_eq!(store.stat().unwrap().bytes, 20 << 20);
    let mut session = store.session();
    session.put(&raw(b"z"), b"z".to_vec()).unwrap();
    let error = session.finish(&pin("z"), kept(raw(b"z")), NOW).unwrap_err();
    assert!(matches!(error, StorageError::Quota { more: 1, .. }), "{error}");
    add(&store, "again", &[b"a"]);
    check(&store);
}

/// What a test says of the size of its disk.
static DISK_BYTES: AtomicU64 = AtomicU64::new(64 << 20);

fn taken(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap();
    // One may go meanwhile.
    files.filter_map(|file| file.unwrap().metadata().ok()).map(|file| file.len()).sum()
}

fn space(dir: &Path) -> std::io::Result<Space> {
    let all = DISK_BYTES.load(Ordering::SeqCst);
    Ok(Space { free: all.saturating_sub(taken(dir)), all })
}

#[test]
fn storage_13_an_add_that_would_fill_the_disk_is_refused_and_its_space_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let store = ContentStore::open(&Config { space: Some(space), ..Config::new(&db) }).unwrap();
    let small = add(&store, "small", &[b"a"]);
    let (before, taken_before) = (store.stat().unwrap(), taken(&db));
    let file = dir.path().join("big");
    std::fs::write(&file, noise(1, 70 << 20)).unwrap();
    let error = store.add(&file, Profile::default(), &pin("big"), NOW, &mut |_| ()).unwrap_err();
    assert!(matches!(error, StorageError::Full { .. }), "{error}");
    assert_eq!(store.stat().unwrap(), before);
    assert!(store.root(&pin("big")).unwrap().is_none() && store.has(&small).unwrap());
    let end = Instant::now() + Duration::from_secs(20);
    while taken(&db) > taken_before + (4 << 20) {
        assert!(Instant::now() < end, "{} bytes are still taken, {taken_before} were", taken(&db));
        std::thread::sleep(Duration::from_millis(10));
    }
    check(&store);
    // With room made, in the store that was never closed.
    DISK_BYTES.store(256 << 20, Ordering::SeqCst);
    store.add(&file, Profile::default(), &pin("big"), NOW, &mut |_| ()).unwrap();
    check(&store);
    // On a disk that others filled, what is here can still be given up.
    DISK_BYTES.store(1, Ordering::SeqCst);
    let mut session = store.session();
    session.put(&raw(b"z"), b"z".to_vec()).unwrap();
    let error = session.finish(&pin("z"), kept(raw(b"z")), NOW).unwrap_err();
    assert!(matches!(error, StorageError::Full { left: 0, .. }), "{error}");
    store.release(&pin("big"), NOW).unwrap();
    purge(&store, NOW + 2 * DAY);
    assert_eq!(store.stat().unwrap(), before);
    check(&store);
}

fn untold(_: &Path) -> std::io::Result<Space> {
    Ok(Space { free: 0, all: 0 })
}

#[test]
fn storage_13_a_disk_that_does_not_tell_what_it_has_refuses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&Config { space: Some(untold), ..Config::new(dir.path()) }).unwrap();
    add(&store, "small", &[b"a"]);
    store.compact(&mut |_| true).unwrap();
    assert!(!store.is_tight().unwrap());
    check(&store);
}

#[test]
fn storage_5_a_session_that_is_dropped_takes_its_blocks_out_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    add(&store, "one", &[b"a"]);
    for end in ["dropped", "aborted"] {
        let mut session = store.session();
        session.put(&raw(b"a"), b"a".to_vec()).unwrap();
        // More than a window.
        for n in 0..10 {
            let leaf = noise(n, 1 << 20);
            session.put(&raw(&leaf), leaf).unwrap();
        }
        assert!(blocks(&store) > 2, "the first window is written");
        if end == "aborted" {
            session.abort().unwrap();
        } else {
            drop(session);
        }
        assert_eq!(blocks(&store), 2, "{end}");
        check(&store);
    }
}

#[test]
fn storage_5_two_sessions_that_add_the_same_do_not_harm_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let leaves: Vec<Vec<u8>> = (0..9).map(|n| noise(n, 1 << 20)).collect();
    let (top, block) = node(&leaves.iter().map(|leaf| raw(leaf)).collect::<Vec<_>>());
    let (mut first, mut second) = (store.session(), store.session());
    for leaf in &leaves {
        first.put(&raw(leaf), leaf.clone()).unwrap();
        second.put(&raw(leaf), leaf.clone()).unwrap();
    }
    second.put(&top, block.clone()).unwrap();
    drop(first);
    let stored = second.finish(&pin("second"), kept(top), NOW).unwrap();
    assert_eq!(stored.blocks + stored.known, 10);
    assert_eq!(blocks(&store), 10);
    check(&store);
}

#[test]
fn storage_6_a_dry_run_says_what_a_release_frees() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    add(&store, "one", &[b"aa", b"bbb"]);
    add(&store, "two", &[b"bbb", b"cccc"]);
    let before = store.stat().unwrap();
    let said = store.dry_run(&pin("one")).unwrap();
    assert_eq!(store.stat().unwrap(), before);
    store.release(&pin("one"), NOW).unwrap();
    purge(&store, NOW + DAY);
    let after = store.stat().unwrap();
    let freed = Freed { blocks: before.blocks - after.blocks, bytes: before.bytes - after.bytes, at_least: false };
    assert_eq!(said, freed);
    assert_eq!(store.dry_run(&pin("none")).unwrap(), Freed::default());
}

#[test]
fn storage_8_one_process_at_a_time_and_known_forms_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    add(&store, "one", &[b"a"]);
    assert!(matches!(ContentStore::open(&Config::new(dir.path())), Err(StorageError::Busy(_))));
    drop(store);
    let store = open(dir.path());
    assert_eq!(blocks(&store), 2);
    check(&store);
}

#[test]
fn roots_are_listed_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let cid = add(&store, "a", &[b"a"]);
    store.keep(&pin("b"), kept(cid), NOW).unwrap();
    store.backup(&ME, 3, &cid, Profile::default()).unwrap();
    let all = store.roots(None, 10).unwrap();
    assert_eq!(all.iter().map(|(root, _)| root.clone()).collect::<Vec<_>>(), [pin("a"), pin("b"), Root::Version(ME, 3)]);
    assert_eq!(store.roots(Some(&pin("a")), 1).unwrap(), all[1..2]);
    for name in ["", &"x".repeat(256)] {
        assert!(store.keep(&pin(name), kept(cid), NOW).is_err());
    }
}

/// A random history of a small store, against a model that knows trees and roots alone.
#[derive(Clone, Debug)]
enum Act {
    Pin(u8, u8),
    Release(u8),
    Purge(u8),
    Abandon(u8),
    Reopen,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0u8..4, 0u8..16).prop_map(|(name, tree)| Act::Pin(name, tree)),
        2 => (0u8..4).prop_map(Act::Release),
        2 => (1u8..9).prop_map(Act::Purge),
        1 => (0u8..16).prop_map(Act::Abandon),
        1 => Just(Act::Reopen),
    ];
    proptest::collection::vec(act, 1..40)
}

/// Tree `n`: one leaf a set bit, in two nodes under one root.
fn tree(n: u8) -> Vec<(Cid, Vec<u8>)> {
    let leaf = |bit: u8| (raw(&[bit]), vec![bit]);
    let mut out: Vec<(Cid, Vec<u8>)> = (0..4).filter(|bit| n >> bit & 1 == 1).map(leaf).collect();
    let ids: Vec<Cid> = out.iter().map(|(cid, _)| *cid).collect();
    let (left, right) = ids.split_at(ids.len() / 2);
    let (a, b) = (node(left), node(right));
    let top = node(&[a.0, b.0, a.0]);
    out.extend([a, b, top]);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn storage_1_after_any_history_the_store_has_what_its_roots_need_and_the_counts_are_right(acts in acts()) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        let mut pins: BTreeMap<u8, u8> = BTreeMap::new();
        let mut now = NOW;
        for act in acts {
            now += 1;
            match act {
                Act::Pin(name, n) => {
                    let mut session = store.session();
                    let tree = tree(n);
                    for (cid, bytes) in &tree {
                        session.put(cid, bytes.clone()).unwrap();
                    }
                    session.finish(&pin(&name.to_string()), kept(tree.last().unwrap().0), now).unwrap();
                    pins.insert(name, n);
                }
                Act::Release(name) => {
                    let had = store.release(&pin(&name.to_string()), now).unwrap();
                    prop_assert_eq!(had, pins.remove(&name).is_some());
                }
                Act::Purge(most) => {
                    now += DAY / 2;
                    store.purge(now, most.into()).unwrap();
                }
                Act::Abandon(n) => {
                    let mut session = store.session();
                    for (cid, bytes) in tree(n) {
                        session.put(&cid, bytes).unwrap();
                    }
                    drop(session);
                }
                Act::Reopen => {
                    drop(store);
                    store = open(dir.path());
                }
            }
            let found = store.verify(true).unwrap();
            prop_assert!(found.wrong.is_empty() && found.holds == 0, "{:?}", found);
            for n in pins.values() {
                for (cid, bytes) in tree(*n) {
                    prop_assert_eq!(&store.get(&cid).unwrap().unwrap()[..], &bytes[..]);
                }
            }
        }
        // At the end, when every day is over, nothing else is there.
        purge(&store, now + 2 * DAY);
        let needed: BTreeSet<Vec<u8>> = pins.values().flat_map(|n| tree(*n)).map(|(cid, _)| cid.hash().to_bytes()).collect();
        prop_assert_eq!(blocks(&store), needed.len() as u64);
    }
}

#[test]
fn storage_2_a_link_to_a_node_is_not_served_by_its_mere_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (low, low_block) = node(&[raw(b"a")]);
    let (top, top_block) = node(&[low]);
    let mut session = store.session();
    session.put(&raw(&low_block), low_block.clone()).unwrap();
    session.finish(&pin("bytes"), kept(raw(&low_block)), NOW).unwrap();
    // What `low` links to is not here, so that `top` would not be whole.
    assert!(matches!(store.keep(&pin("low"), kept(low), NOW), Err(StorageError::NoBlock(_))));
    let mut session = store.session();
    session.put(&top, top_block.clone()).unwrap();
    assert!(matches!(session.finish(&pin("top"), kept(top), NOW), Err(StorageError::Missing(_))));
    let mut assembly = Assembly::new(store.session());
    assembly.put(&top, top_block.into()).unwrap();
    assert_eq!(assembly.missing(9), [low]);
    assembly.put(&low, low_block.into()).unwrap();
    assert_eq!(assembly.missing(9), [raw(b"a")]);
    assembly.put(&raw(b"a"), Bytes::from_static(b"a")).unwrap();
    assembly.finish(&pin("top"), kept(top), NOW).unwrap();
    assert_eq!(blocks(&store), 3);
    check(&store);
}

#[test]
fn storage_3_an_add_that_is_given_up_does_not_shorten_the_day_of_what_is_in_the_trash() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let one = add(&store, "one", &[b"a", b"b"]);
    store.release(&pin("one"), NOW).unwrap();
    let trash = store.trash(None, 10).unwrap();
    // One that puts it, one that links to it.
    let mut session = store.session();
    assert!(session.hold(&one).unwrap());
    assert_eq!(store.trash(None, 10).unwrap(), []);
    drop(session);
    assert_eq!(store.trash(None, 10).unwrap(), trash);
    let (top, block) = node(&[one]);
    let mut session = store.session();
    session.put(&top, block).unwrap();
    for n in 0..9 {
        let leaf = noise(n, 1 << 20);
        session.put(&raw(&leaf), leaf).unwrap();
    }
    assert!(store.has(&top).unwrap());
    drop(session);
    assert!(!store.has(&top).unwrap());
    assert_eq!(store.trash(None, 10).unwrap(), trash);
    check(&store);
    assert_eq!(purge(&store, NOW + DAY), 3);
}

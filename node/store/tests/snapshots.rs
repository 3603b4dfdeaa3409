//! The state goes out in chunks and comes back in another place, or is refused with its cause.
mod common;

use common::*;
use leither_state::{Fault, Holding, WriteSet};
use leither_store::snapshots::*;
use leither_store::{Handover, Manifest, SnapshotError, Store, check_chain_of_trust};
use leither_types::*;
use parity_scale_codec::Encode;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

fn quiet(_: u64, _: u64) {}

/// A chain with one handover, at height 1, and its home.
fn chain(height: Height) -> (tempfile::TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = open(&home.path().join("data")).unwrap();
    store.commit(&handing_over(&store, &set(0), &set(0xff)).commit()).unwrap();
    grow(&store, height);
    (home, store)
}

/// The holdings of a state of several chunks.
fn many(n: u64, nonce: u64) -> WriteSet {
    let holding = |n| Holding { free: Amount::new(1 + u128::from(n)), nonce, ..Holding::default() };
    let holdings = (0..n).map(|n| ((token(n % 3), account(n)), Some(holding(n)))).collect();
    WriteSet { holdings, ..WriteSet::default() }
}

struct Joiner {
    home: tempfile::TempDir,
    manifest: Manifest,
    handovers: Vec<Handover>,
}

impl Joiner {
    fn new(store: &Store, manifest: &Manifest) -> Self {
        let handovers = store.handovers(0, 100).unwrap();
        Self { home: tempfile::tempdir().unwrap(), manifest: manifest.clone(), handovers }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn restore(&self, chunks: &mut dyn FnMut(&Hash) -> Result<Vec<u8>, SnapshotError>) -> Result<(), SnapshotError> {
        restore(&self.data(), &genesis(), &self.manifest, &self.handovers, &HISTORIES, chunks, &quiet)
    }

    /// What it is refused with; nothing is left behind.
    fn refusal(&self, chunks: &mut dyn FnMut(&Hash) -> Result<Vec<u8>, SnapshotError>) -> SnapshotError {
        let refused = self.restore(chunks).expect_err("must be refused");
        assert_eq!(fs::read_dir(self.home.path()).unwrap().count(), 0, "{refused}");
        refused
    }
}

fn from(dir: &Path) -> impl FnMut(&Hash) -> Result<Vec<u8>, SnapshotError> {
    move |hash| read_chunk(dir, hash).ok_or(SnapshotError::NoChunk(*hash))
}

#[test]
fn store_14_and_store_16_a_restored_node_has_the_state_and_goes_on_like_the_others() {
    let (home, store) = chain(30);
    let dir = home.path().join("snapshots");
    assert_eq!(list_snapshots(&dir), []);
    let manifest = store.write_snapshot(&dir, &quiet).unwrap();
    assert_eq!(store.write_snapshot(&dir, &quiet).unwrap(), manifest, "it is there already");
    let listed = list_snapshots(&dir);
    assert_eq!(listed.iter().map(|(_, m)| m).collect::<Vec<_>>(), [&manifest]);
    let root = store.head().unwrap().state_root.to_string();
    assert!(listed[0].0.ends_with(format!("30-{}", &root[2..10])), "{:?}", listed[0].0);
    assert_eq!((manifest.height, manifest.handovers), (30, 1));
    assert_eq!(Manifest::read(&manifest.encode()).unwrap().id(), manifest.id());

    let joiner = Joiner::new(&store, &manifest);
    // The test's later headers name the genesis set again, whatever the handover said.
    let trusted = check_chain_of_trust(&genesis(), None, &[], &manifest.header, &manifest.certificate).unwrap();
    assert_eq!(trusted, genesis().validators);
    joiner.restore(&mut from(&dir)).unwrap();
    let never = || -> Result<WriteSet, Fault> { panic!("the database is there already") };
    let joined = Store::open(&joiner.data(), &genesis(), &never).unwrap();
    assert_eq!(*joined.head().unwrap(), *store.head().unwrap());
    // Height 1 was the handover and changed nothing.
    let mut expected = Expected::default();
    [0].into_iter().chain(2..=30).for_each(|height| expected.take(&writes(height)));
    expected.check(&*snapshot(&joined));
    assert_eq!(joined.handovers(0, 9).unwrap(), store.handovers(0, 9).unwrap());

    // STORE-18: there are no blocks yet, and every reader copes.
    let id = joined.head().unwrap().id;
    assert_eq!(joined.lowest().unwrap(), 31);
    assert_eq!((joined.block(30).unwrap(), joined.block_bytes(12).unwrap(), joined.receipts(30).unwrap()), (None, None, None));
    assert_eq!(joined.header(30).unwrap(), store.header(30).unwrap());
    assert_eq!((joined.certificate(30).unwrap(), joined.certificate(29).unwrap()), (store.certificate(30).unwrap(), None));
    assert_eq!((joined.height_of(&id).unwrap(), joined.height_of(&Hash::ZERO).unwrap()), (Some(30), None));
    assert_eq!(joined.prune(31).unwrap().to, 31);
    drop(joined);

    let joined = open(&joiner.data()).unwrap();
    for _ in 0..150 {
        let made = next(&store);
        store.commit(&made.commit()).unwrap();
        joined.commit(&made.commit()).unwrap();
    }
    assert_eq!(*joined.head().unwrap(), *store.head().unwrap());
    assert_eq!(joined.lowest().unwrap(), 31);
    for height in [31, 100, 180] {
        assert_eq!(joined.block(height).unwrap(), store.block(height).unwrap());
        assert_eq!(joined.certificate(height).unwrap(), store.certificate(height).unwrap());
    }
    assert_eq!(joined.block(30).unwrap(), None);
    drop(joined);
    let joined = open(&joiner.data()).unwrap();
    assert_eq!(joined.prune(50).unwrap().to, 50);
    drop(joined);
    let joined = open(&joiner.data()).unwrap();
    assert_eq!((joined.header(30).unwrap(), joined.lowest().unwrap()), (None, 50));
    // And it can hand the state on.
    let again = joined.write_snapshot(&joiner.home.path().join("snapshots"), &quiet).unwrap();
    assert_eq!(again.chunks, store.write_snapshot(&dir, &quiet).unwrap().chunks);
}

#[test]
fn store_14_the_state_is_of_one_height_though_commits_go_on_meanwhile() {
    let (home, store) = chain(3);
    store.commit(&with(&store, many(30_000, 1)).commit()).unwrap();
    let head = store.head().unwrap();
    let dir = home.path().join("snapshots");
    let told = std::cell::RefCell::new(Vec::new());
    let progress = |done: u64, of: u64| {
        told.borrow_mut().push((done, of));
        // Each changes rows that the copy has passed, and rows that it has not.
        let nonce = store.head().unwrap().height;
        store.commit(&with(&store, many(2_000, nonce)).commit()).unwrap();
        assert_eq!(store.write_snapshot(&dir, &quiet), Err(SnapshotError::Busy));
    };
    let manifest = store.write_snapshot(&dir, &progress).unwrap();
    assert_eq!((manifest.height, manifest.state_root), (head.height, head.state_root));
    let told = told.into_inner();
    assert!(told.len() > 3 && store.head().unwrap().height > head.height + 3, "{told:?}");
    assert!(told.is_sorted() && told.iter().all(|(done, of)| done <= of));
    assert_eq!(told.last().unwrap().0, manifest.holdings + manifest.records);
    assert!(manifest.holdings >= 30_000 && manifest.chunks.len() > 3);
    let joiner = Joiner::new(&store, &manifest);
    joiner.restore(&mut from(&dir)).unwrap();
    assert_eq!(*open(&joiner.data()).unwrap().head().unwrap(), *head);
}

#[test]
fn store_14_a_snapshot_shares_what_did_not_change_with_an_older_one() {
    let (home, store) = chain(3);
    store.commit(&with(&store, many(30_000, 1)).commit()).unwrap();
    let dir = home.path().join("snapshots");
    store.write_snapshot(&dir, &quiet).unwrap();
    store.commit(&with(&store, many(3, 2)).commit()).unwrap();
    store.write_snapshot(&dir, &quiet).unwrap();
    let links = |(path, manifest): &(PathBuf, Manifest)| -> (usize, usize) {
        let files = fs::read_dir(path.join("chunks")).unwrap().map(|e| e.unwrap().metadata().unwrap());
        (files.filter(|meta| meta.nlink() == 2).count(), manifest.chunks.len())
    };
    let (shared, all) = links(&list_snapshots(&dir)[0]);
    assert!(shared >= all - 3 && shared > 0, "{shared} of {all} shared");
    // A file that has lost its bytes is not shared.
    let (older, manifest) = list_snapshots(&dir).remove(1);
    store.commit(&with(&store, many(1, 3)).commit()).unwrap();
    for (hash, len) in &manifest.chunks {
        let file = older.join("chunks").join(&hash.to_string()[2..]);
        fs::remove_file(&file).unwrap();
        fs::write(file, vec![0; *len as usize]).unwrap();
    }
    delete_snapshot(&list_snapshots(&dir)[0].0).unwrap();
    let manifest = store.write_snapshot(&dir, &quiet).unwrap();
    let (path, _) = list_snapshots(&dir).remove(0);
    assert!(manifest.chunks.iter().all(|(hash, _)| read_chunk(&path, hash).is_some()));
}

#[test]
fn store_15_the_shelf_keeps_the_newest_and_passes_over_what_is_damaged_or_half_done() {
    let (home, store) = chain(3);
    let dir = home.path().join("snapshots");
    let mut heights = Vec::new();
    for height in [4, 5, 6, 7] {
        grow(&store, height);
        heights.push(store.write_snapshot(&dir, &quiet).unwrap().height);
    }
    let listed = |dir: &Path| list_snapshots(dir).iter().map(|(_, m)| m.height).collect::<Vec<_>>();
    assert_eq!(listed(&dir), [7, 6, 5, 4]);
    let all = list_snapshots(&dir);
    let chunk = |n: usize| all[n].0.join("chunks").join(&all[n].1.chunks[0].0.to_string()[2..]);
    // A chunk that is too short, and a manifest that is cut off.
    fs::write(chunk(1), [1, 2, 3]).unwrap();
    let manifest = fs::read(all[2].0.join("manifest.scale")).unwrap();
    fs::write(all[2].0.join("manifest.scale"), &manifest[..20]).unwrap();
    assert_eq!(listed(&dir), [7, 4]);
    // Flipped bytes are noticed when they are read.
    let hash = all[0].1.chunks[0].0;
    let mut bytes = read_chunk(&dir, &hash).unwrap();
    assert_eq!(read_chunk(&all[0].0, &hash), Some(bytes.clone()));
    bytes[9] ^= 1;
    fs::write(chunk(0), &bytes).unwrap();
    assert_eq!((read_chunk(&dir, &hash), read_chunk(&all[0].0, &hash), read_chunk(&dir, &Hash::ZERO)), (None, None, None));
    // Left over from a stopped process; a stranger's folder is nobody's business.
    fs::create_dir(dir.join("9-00ff00ff.part")).unwrap();
    fs::write(dir.join("9-00ff00ff.part/x"), [1]).unwrap();
    fs::create_dir(dir.join("mine.part")).unwrap();
    assert_eq!((remove_unfinished(&dir).unwrap(), remove_unfinished(&dir).unwrap()), (1, 0));
    assert!(dir.join("mine.part").exists());
    assert_eq!(keep_newest(&dir, 1).unwrap().len(), 3);
    assert_eq!(listed(&dir), [7]);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "the snapshot and the stranger's folder");
    assert_eq!(remove_unfinished(&dir.join("nothing")).unwrap(), 0);
    // A half-written one of the same name is begun anew.
    let (path, _) = list_snapshots(&dir).remove(0);
    let part = path.with_file_name(format!("{}.part", path.file_name().unwrap().to_str().unwrap()));
    fs::rename(&path, &part).unwrap();
    assert_eq!(store.write_snapshot(&dir, &quiet).unwrap().height, 7);
    assert!(!part.exists());
}

#[test]
fn store_16_each_lie_of_a_peer_is_refused_by_name_and_leaves_nothing_behind() {
    let (home, store) = chain(3);
    store.commit(&with(&store, many(12_000, 1)).commit()).unwrap();
    let dir = home.path().join("snapshots");
    let manifest = store.write_snapshot(&dir, &quiet).unwrap();
    let (first, second) = (manifest.chunks[0].0, manifest.chunks[1].0);
    let joiner = |change: &dyn Fn(&mut Joiner)| {
        let mut joiner = Joiner::new(&store, &manifest);
        change(&mut joiner);
        joiner
    };
    let honest = joiner(&|_| ());
    assert_eq!(honest.refusal(&mut |hash| Err(SnapshotError::NoChunk(*hash))), SnapshotError::NoChunk(first));
    let mut flip = |hash: &Hash| {
        let mut bytes = read_chunk(&dir, hash).unwrap();
        if *hash == second {
            bytes[500] ^= 4;
        }
        Ok(bytes)
    };
    assert_eq!(honest.refusal(&mut flip), SnapshotError::BadChunk(second));
    assert_eq!(honest.refusal(&mut |_| Ok(vec![0; 2_000_000])), SnapshotError::BadChunk(first));

    let refused = joiner(&|j| j.manifest.chain = Hash([1; 32])).refusal(&mut from(&dir));
    assert!(matches!(refused, SnapshotError::Contradiction(_)), "{refused}");
    let elsewhere = joiner(&|_| ());
    let other = genesis_named("another");
    let refused = restore(&elsewhere.data(), &other, &manifest, &elsewhere.handovers, &HISTORIES, &mut from(&dir), &quiet);
    assert_eq!(refused, Err(SnapshotError::OtherChain { found: genesis().chain(), expected: other.chain() }));
    for change in [
        (|j: &mut Joiner| j.handovers.clear()) as fn(&mut Joiner),
        |j| j.handovers[0].set = set(7),
        |j| j.handovers[0].header.height = 99,
        |j| j.handovers[0].certificate.block = Hash::ZERO,
        |j| j.handovers[0].header.next_validators = j.handovers[0].header.validators,
    ] {
        let refused = joiner(&change).refusal(&mut from(&dir));
        assert!(matches!(refused, SnapshotError::Handovers(_)), "{refused}");
    }
    // Another header, rightly certified: its root is not that of the rows.
    let root = joiner(&|j| {
        j.manifest.header.state_root = Hash([6; 32]);
        j.manifest.state_root = Hash([6; 32]);
        j.manifest.certificate.block = j.manifest.header.id();
    });
    let expected = SnapshotError::Root { found: manifest.state_root, expected: Hash([6; 32]) };
    assert_eq!(root.refusal(&mut from(&dir)), expected);
    let count = joiner(&|j| j.manifest.records += 1).refusal(&mut from(&dir));
    assert!(matches!(count, SnapshotError::Count { what: "records", .. }), "{count}");
    // Chunks in another order, one twice, one left out.
    let list = |chunks: Vec<(Hash, u32)>| {
        joiner(&|j| {
            j.manifest.bytes = chunks.iter().map(|(_, len)| u64::from(*len)).sum();
            j.manifest.chunks = List::new(chunks.clone()).unwrap();
        })
    };
    let all = manifest.chunks.clone().into_vec();
    let swapped = [&[all[1], all[0]], &all[2..]].concat();
    assert!(matches!(list(swapped).refusal(&mut from(&dir)), SnapshotError::BadRows { .. }));
    let twice = [&[all[0]], &all[..]].concat();
    assert!(matches!(list(twice).refusal(&mut from(&dir)), SnapshotError::BadRows { .. }));
    // So few bytes cannot be so many rows, which needs no fetching.
    let mut asked = 0;
    let refused = list(all[1..].to_vec()).refusal(&mut |hash| {
        asked += 1;
        from(&dir)(hash)
    });
    assert!(matches!(refused, SnapshotError::Contradiction(_)) && asked == 0, "{refused}");
    honest.restore(&mut from(&dir)).unwrap();
}

#[test]
fn store_16_rows_beyond_the_manifests_counts_end_it_before_the_rest_is_fetched() {
    let (home, store) = chain(3);
    store.commit(&with(&store, many(30_000, 1)).commit()).unwrap();
    let dir = home.path().join("snapshots");
    let manifest = store.write_snapshot(&dir, &quiet).unwrap();
    let of = |change: fn(&mut Manifest)| {
        let mut joiner = Joiner::new(&store, &manifest);
        change(&mut joiner.manifest);
        let mut asked = 0;
        let refused = joiner.refusal(&mut |hash| {
            asked += 1;
            from(&dir)(hash)
        });
        (refused, asked)
    };
    // More records leave room for what the fewer holdings took, so that the manifest is no contradiction in itself.
    let (refused, asked) = of(|m| (m.holdings, m.records) = (1_000, 60_000));
    assert!(matches!(refused, SnapshotError::Count { what: "holdings", .. }) && asked == 1, "{refused}, {asked} chunks");
    let (refused, asked) = of(|m| (m.holdings, m.records) = (m.holdings + 100, m.records));
    assert!(matches!(refused, SnapshotError::Count { what: "holdings", .. }), "{refused}, {asked} chunks");
    let (refused, _) = of(|m| m.records -= 1);
    assert!(matches!(refused, SnapshotError::Count { what: "records", .. }), "{refused}");
    assert!(matches!(of(|m| m.holdings *= 2), (SnapshotError::Contradiction(_), 0)));
}

#[test]
fn store_14_what_leads_to_the_snapshot_stands_beside_it_before_it_has_its_name() {
    let (home, store) = chain(9);
    let dir = home.path().join("snapshots");
    let manifest = store.write_snapshot(&dir, &quiet).unwrap();
    let (path, _) = list_snapshots(&dir).remove(0);
    assert_eq!(read_manifest(&path).unwrap(), manifest);
    let handovers = store.handovers(0, 9).unwrap();
    assert_eq!((read_handovers(&path, &manifest).unwrap(), handovers.len()), (handovers, 1));
    assert_eq!(newest_height(&dir), Some(9));
    let file = path.join("handovers.scale");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(read_handovers(&path, &manifest), Err(SnapshotError::Handovers(_))));
    fs::remove_file(&file).unwrap();
    assert!(matches!(read_handovers(&path, &manifest), Err(SnapshotError::Disk { .. })));
    assert_eq!(newest_height(&home.path().join("nothing")), None);
}

#[test]
fn store_24_a_snapshot_that_is_being_written_ends_when_the_node_does_and_leaves_nothing() {
    let (home, store) = chain(3);
    store.commit(&with(&store, many(30_000, 1)).commit()).unwrap();
    let dir = home.path().join("snapshots");
    let told = std::cell::Cell::new(0);
    let progress = |_: u64, _: u64| {
        told.set(told.get() + 1);
        store.end_long_work();
    };
    assert_eq!(store.write_snapshot(&dir, &progress), Err(SnapshotError::Ending));
    assert_eq!((told.get(), fs::read_dir(&dir).unwrap().count()), (1, 0));
    assert_eq!(store.write_snapshot(&dir, &quiet), Err(SnapshotError::Ending), "none begins any more");
    drop(store);
    let store = open(&home.path().join("data")).unwrap();
    assert_eq!(store.write_snapshot(&dir, &quiet).unwrap().height, 4);
}

#[test]
fn store_16_rows_that_are_no_leaves_are_refused_before_any_root_is_computed() {
    let (home, store) = chain(3);
    let manifest = store.write_snapshot(&home.path().join("snapshots"), &quiet).unwrap();
    let holding = Holding { free: Amount::new(1), ..Holding::default() }.encode();
    let bad: [(u8, Vec<u8>, Vec<u8>); 7] = [
        (0, vec![1; 39], holding.clone()),
        (0, vec![1; 41], holding.clone()),
        (0, vec![1; 40], holding[1..].to_vec()),
        (0, vec![1; 40], [holding.as_slice(), &[0]].concat()),
        (1, vec![1; 257], vec![]),
        (1, vec![1], vec![0; 65_537]),
        (2, vec![1], vec![]),
    ];
    for row in bad {
        let chunk = row.encode();
        let hash = Hash(*blake3::hash(&chunk).as_bytes());
        let mut joiner = Joiner::new(&store, &manifest);
        joiner.manifest.chunks = List::new(vec![(hash, chunk.len() as u32)]).unwrap();
        (joiner.manifest.bytes, joiner.manifest.holdings, joiner.manifest.records) = (chunk.len() as u64, 0, 1);
        let refused = joiner.refusal(&mut |_| Ok(chunk.clone()));
        assert!(matches!(refused, SnapshotError::BadRows { .. }), "{row:?}: {refused}");
    }
    // A leaf that says nothing would be no leaf in anybody's tree.
    let chunk = (0u8, vec![1u8; 40], Holding::default().encode()).encode();
    let mut joiner = Joiner::new(&store, &manifest);
    joiner.manifest.chunks = List::new(vec![(Hash(*blake3::hash(&chunk).as_bytes()), chunk.len() as u32)]).unwrap();
    (joiner.manifest.bytes, joiner.manifest.holdings, joiner.manifest.records) = (chunk.len() as u64, 1, 0);
    assert!(matches!(joiner.refusal(&mut |_| Ok(chunk.clone())), SnapshotError::Ledger(_)));
}

#[test]
fn store_16_a_database_that_is_there_is_never_overwritten_and_a_torn_restore_is_begun_anew() {
    let (home, store) = chain(5);
    let dir = home.path().join("snapshots");
    let manifest = store.write_snapshot(&dir, &quiet).unwrap();
    let joiner = Joiner::new(&store, &manifest);
    let part = joiner.home.path().join("data.part");
    fs::create_dir(&part).unwrap();
    fs::write(part.join("CURRENT"), b"torn").unwrap();
    fs::create_dir(joiner.data()).unwrap();
    joiner.restore(&mut from(&dir)).unwrap();
    assert!(!part.exists());
    assert_eq!(fs::metadata(joiner.data()).unwrap().mode() & 0o777, 0o700, "for the owner alone");
    let before = open(&joiner.data()).unwrap().head().unwrap();
    assert_eq!(joiner.restore(&mut from(&dir)), Err(SnapshotError::Occupied(joiner.data())));
    assert_eq!(open(&joiner.data()).unwrap().head().unwrap(), before);
    // Not a database, but somebody's.
    let other = Joiner::new(&store, &manifest);
    fs::create_dir(other.data()).unwrap();
    fs::write(other.data().join("letter"), b"dear").unwrap();
    assert_eq!(other.restore(&mut from(&dir)), Err(SnapshotError::Occupied(other.data())));
    assert!(other.data().join("letter").exists() && !other.home.path().join("data.part").exists());
    fs::create_dir(other.home.path().join("data.part")).unwrap();
    remove_unfinished_restore(&other.data()).unwrap();
    assert!(!other.home.path().join("data.part").exists());
}

#[test]
fn store_14_before_the_first_block_there_is_nothing_to_write() {
    let home = tempfile::tempdir().unwrap();
    let store = open(&home.path().join("data")).unwrap();
    let dir = home.path().join("snapshots");
    assert_eq!(store.write_snapshot(&dir, &quiet), Err(SnapshotError::NoBlock));
    assert!(!dir.exists());
}

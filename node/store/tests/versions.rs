//! Versions of MiMeis: there with the block that made them and ever after, and proven where they come with a snapshot.
mod common;

use common::*;
use leither_store::snapshots::*;
use leither_store::{Manifest, SnapshotError, Store, VERSION_BYTES_MAX, VersionRow};
use leither_types::*;
use parity_scale_codec::Encode;
use std::path::Path;

const ONE: MimeiId = MimeiId([1; 20]);
const OTHER: MimeiId = MimeiId([2; 20]);

/// A chain with three versions of one MiMei, two of them of one block, and one of another.
fn chain(dir: &Path) -> Store {
    let store = open(dir).unwrap();
    store.commit(&making(&store, ONE, &[], &["a"]).commit()).unwrap();
    store.commit(&making(&store, OTHER, &[], &["x"]).commit()).unwrap();
    store.commit(&making(&store, ONE, &["a"], &["b", "c"]).commit()).unwrap();
    store
}

fn check(store: &Store) {
    for (number, content) in [(0, "a"), (1, "b"), (2, "c")] {
        assert_eq!(store.version(&ONE, number).unwrap(), Some(said(number, content)));
    }
    assert_eq!(store.version(&OTHER, 0).unwrap(), Some(said(0, "x")));
    assert_eq!((store.version(&ONE, 3).unwrap(), store.version(&OTHER, 1).unwrap()), (None, None));
}

#[test]
fn store_26_a_version_is_there_after_its_block_after_a_restart_and_after_the_block_was_pruned() {
    let dir = tempfile::tempdir().unwrap();
    let store = chain(dir.path());
    check(&store);
    drop(store);
    let store = open(dir.path()).unwrap();
    check(&store);
    grow(&store, 200);
    store.prune(100).unwrap();
    assert_eq!(store.receipts(3).unwrap(), None);
    check(&store);
    drop(store);
    check(&open(dir.path()).unwrap());
}

#[test]
fn store_26_what_is_said_of_a_version_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut made = next(&store);
    made.versions = vec![VersionRow { mimei: ONE, number: 0, bytes: vec![0; VERSION_BYTES_MAX + 1] }];
    assert!(is_corrupt(store.commit(&made.commit())));
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!((store.head().unwrap().height, store.version(&ONE, 0).unwrap()), (0, None));
}

/// A database of a snapshot, with chunks from wherever they come.
fn restored(data: &Path, manifest: &Manifest, chunks: &dyn Fn(&Hash) -> Option<Vec<u8>>) -> Result<(), SnapshotError> {
    let mut chunks = |hash: &Hash| chunks(hash).ok_or(SnapshotError::NoChunk(*hash));
    restore(data, &genesis(), manifest, &[], &HISTORIES, &mut chunks, &|_, _| ())
}

#[test]
fn store_27_versions_come_with_a_snapshot() {
    let home = tempfile::tempdir().unwrap();
    let store = chain(&home.path().join("data"));
    let dir = home.path().join("snapshots");
    let manifest = store.write_snapshot(&dir, &|_, _| ()).unwrap();
    assert_eq!(manifest.version, MANIFEST_VERSION);
    let data = home.path().join("joined");
    restored(&data, &manifest, &|hash| read_chunk(&dir, hash)).unwrap();
    let joined = open(&data).unwrap();
    assert_eq!(*joined.head().unwrap(), *store.head().unwrap());
    check(&joined);
    // It goes on, and hands all of them on.
    let made = making(&joined, OTHER, &["x"], &["y"]);
    joined.commit(&made.commit()).unwrap();
    store.commit(&made.commit()).unwrap();
    assert_eq!(joined.version(&OTHER, 1).unwrap(), Some(said(1, "y")));
    let again = joined.write_snapshot(&home.path().join("again"), &|_, _| ()).unwrap();
    assert_eq!(again.chunks, store.write_snapshot(&dir, &|_, _| ()).unwrap().chunks);
}

/// The manifest and chunks of a snapshot with other versions: (MiMei, number, what is said of it), in their order.
fn forged(manifest: &Manifest, chunks: &[Vec<u8>], versions: &[(MimeiId, u64, Vec<u8>)]) -> (Manifest, Vec<Vec<u8>>) {
    let row = |(mimei, number, said): &(MimeiId, u64, Vec<u8>)| {
        let key = [mimei.0.as_slice(), &number.to_be_bytes()].concat();
        (2u8, key, said).encode()
    };
    let mut chunks = chunks.to_vec();
    let last = chunks.last_mut().unwrap();
    *last = versions.iter().flat_map(row).collect();
    if last.is_empty() {
        chunks.pop();
    }
    let names = chunks.iter().map(|chunk| (hash_chunk(chunk), chunk.len() as u32)).collect();
    let mut manifest = manifest.clone();
    manifest.records = manifest.records - 4 + versions.len() as u64;
    manifest.bytes = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    manifest.chunks = List::new(names).unwrap();
    (manifest, chunks)
}

#[test]
fn store_27_versions_that_the_state_does_not_prove_are_refused_by_name_and_none_at_all_are_not() {
    let home = tempfile::tempdir().unwrap();
    let store = chain(&home.path().join("data"));
    let dir = home.path().join("snapshots");
    let manifest = store.write_snapshot(&dir, &|_, _| ()).unwrap();
    let chunks: Vec<Vec<u8>> = manifest.chunks.iter().map(|(hash, _)| read_chunk(&dir, hash).unwrap()).collect();
    let take = |manifest: &Manifest, chunks: &[Vec<u8>]| {
        let place = tempfile::tempdir().unwrap();
        let give = |hash: &Hash| chunks.iter().find(|chunk| hash_chunk(chunk) == *hash).cloned();
        let done = restored(&place.path().join("data"), manifest, &give);
        assert_eq!(place.path().join("data").exists(), done.is_ok());
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), usize::from(done.is_ok()), "nothing is left behind");
        done
    };
    let row = |mimei, number, content: &str| (mimei, number, said(number, content));
    let (a, b, c, x) = (row(ONE, 0, "a"), row(ONE, 1, "b"), row(ONE, 2, "c"), row(OTHER, 0, "x"));
    let lies = |versions: &[(MimeiId, u64, Vec<u8>)]| {
        let (manifest, chunks) = forged(&manifest, &chunks, versions);
        take(&manifest, &chunks)
    };
    assert_eq!(lies(&[a.clone(), b.clone(), c.clone(), x.clone()]), Ok(()), "so it was");
    // Another content, one left out at either end or in between, one too many, one that is another's, a MiMei that there is not.
    for versions in [
        vec![a.clone(), row(ONE, 1, "z"), c.clone(), x.clone()],
        vec![b.clone(), c.clone(), x.clone()],
        vec![a.clone(), c.clone(), x.clone()],
        vec![a.clone(), b.clone(), x.clone()],
        vec![a.clone(), b.clone(), c.clone(), row(ONE, 3, "d"), x.clone()],
        vec![a.clone(), (ONE, 1, said(2, "c")), c.clone(), x.clone()],
    ] {
        assert_eq!(lies(&versions), Err(SnapshotError::Versions(ONE)), "{versions:?}");
    }
    let nobody = MimeiId([9; 20]);
    assert_eq!(lies(&[a.clone(), b.clone(), c.clone(), x.clone(), row(nobody, 0, "a")]), Err(SnapshotError::Versions(nobody)));
    // Whoever has none of a MiMei says nothing of it.
    assert_eq!(lies(std::slice::from_ref(&x)), Ok(()));
    assert_eq!(lies(&[]), Ok(()));
    // The form.
    let long = (ONE, 0, vec![0; VERSION_BYTES_MAX + 1]);
    assert!(matches!(lies(&[long]), Err(SnapshotError::BadRows { .. })));
    assert!(matches!(lies(&[x.clone(), a.clone()]), Err(SnapshotError::BadRows { .. })), "not in order");
    let older = Manifest { version: STATE_ALONE, ..manifest.clone() };
    assert!(
        matches!(take(&older, &chunks), Err(SnapshotError::BadRows { .. })),
        "the first version of the format has no such rows"
    );
}

#[test]
fn store_27_a_snapshot_of_before_gives_a_node_without_versions_which_hands_on_those_alone_that_it_can_prove() {
    let home = tempfile::tempdir().unwrap();
    let store = chain(&home.path().join("data"));
    let dir = home.path().join("snapshots");
    let manifest = store.write_snapshot(&dir, &|_, _| ()).unwrap();
    let mut older = Manifest { version: STATE_ALONE, ..manifest.clone() };
    let mut names = manifest.chunks.clone().into_vec();
    let (_, versions) = names.pop().unwrap();
    (older.chunks, older.records, older.bytes) =
        (List::new(names).unwrap(), manifest.records - 4, manifest.bytes - u64::from(versions));
    let data = home.path().join("joined");
    restored(&data, &older, &|hash| read_chunk(&dir, hash)).unwrap();
    let joined = open(&data).unwrap();
    assert_eq!((joined.version(&ONE, 2).unwrap(), joined.version(&OTHER, 0).unwrap()), (None, None));
    let alone = joined.write_snapshot(&home.path().join("alone"), &|_, _| ()).unwrap();
    assert_eq!((alone.version, &alone.chunks), (STATE_ALONE, &older.chunks), "as it came");
    // One more of a MiMei whose first versions it lacks, and all of a new one.
    let new = MimeiId([3; 20]);
    joined.commit(&making(&joined, ONE, &["a", "b", "c"], &["d"]).commit()).unwrap();
    joined.commit(&making(&joined, new, &[], &["n"]).commit()).unwrap();
    assert_eq!(joined.version(&ONE, 3).unwrap(), Some(said(3, "d")));
    let again = home.path().join("again");
    let manifest = joined.write_snapshot(&again, &|_, _| ()).unwrap();
    let last = home.path().join("last");
    restored(&last, &manifest, &|hash| read_chunk(&again, hash)).unwrap();
    let last = open(&last).unwrap();
    assert_eq!((last.version(&ONE, 3).unwrap(), last.version(&new, 0).unwrap()), (None, Some(said(0, "n"))));
}

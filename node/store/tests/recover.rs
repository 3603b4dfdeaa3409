//! A chain that goes on from another one's state: its database is made of that one's snapshot, or not at all.
mod common;

use common::*;
use leither_state::{Fault, Holding, WriteSet};
use leither_store::snapshots::*;
use leither_store::{Manifest, OpenError, SnapshotError, Store};
use leither_types::*;
use std::fs;
use std::path::Path;

fn quiet(_: u64, _: u64) {}

/// What the recovery changes, in this test.
fn change() -> WriteSet {
    let records = [(b"rk-seats".to_vec(), Some(b"new".to_vec()))].into_iter().collect();
    WriteSet { records, ..WriteSet::default() }
}

/// The genesis that goes on from the manifest's block, with the root after `change`.
fn recovered(manifest: &Manifest, first_root: Hash) -> GenesisHead {
    let origin = Origin {
        chain: manifest.chain,
        height: manifest.height,
        block: manifest.header.id(),
        state_root: manifest.state_root,
        first_root,
        possessions: List::default(),
    };
    GenesisHead { version: GENESIS_RECOVERED, time: 9_000, origin: Some(origin), ..genesis() }
}

struct Old {
    home: tempfile::TempDir,
    store: Store,
    manifest: Manifest,
}

/// A chain of thirty blocks with a snapshot.
fn old() -> Old {
    let home = tempfile::tempdir().unwrap();
    let store = open(&home.path().join("data")).unwrap();
    grow(&store, 30);
    let manifest = store.write_snapshot(&home.path().join("snapshots"), &quiet).unwrap();
    Old { home, store, manifest }
}

impl Old {
    fn first_root(&self) -> Hash {
        self.store.snapshot().unwrap().root_after(&change()).unwrap()
    }

    fn chunk(&self, hash: &Hash) -> Result<Vec<u8>, SnapshotError> {
        read_chunk(&self.home.path().join("snapshots"), hash).ok_or(SnapshotError::NoChunk(*hash))
    }

    /// What a new chain's place is refused with; nothing stays there.
    fn refusal(&self, genesis: &GenesisHead, spoil: bool) -> SnapshotError {
        let top = tempfile::tempdir().unwrap();
        let mut chunks = |hash: &Hash| {
            let mut bytes = self.chunk(hash)?;
            bytes[0] ^= u8::from(spoil);
            Ok(bytes)
        };
        let made = Founding::begin(&top.path().join("data"), genesis, &self.manifest, &HISTORIES, &mut chunks, &quiet);
        let refused = made.and_then(|founding| founding.finish(&change())).expect_err("must be refused");
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 0, "{refused}");
        refused
    }
}

fn reopen(dir: &Path, genesis: &GenesisHead) -> Result<Store, OpenError> {
    Store::open(dir, genesis, &|| Err(Fault::Corrupt("the database is there already".into())))
}

#[test]
fn recover_6_the_new_chain_begins_at_height_0_with_the_old_state_and_goes_on_by_blocks() {
    let old = old();
    let genesis = recovered(&old.manifest, old.first_root());
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("data");
    let founding = Founding::begin(&data, &genesis, &old.manifest, &HISTORIES, &mut |hash| old.chunk(hash), &quiet).unwrap();
    let mut expected = Expected::at(30);
    expected.check(&*founding.state().unwrap());
    founding.finish(&change()).unwrap();
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1, "the database alone");

    let store = reopen(&data, &genesis).unwrap();
    let head = store.head().unwrap();
    assert_eq!((head.height, head.time, head.state_root), (0, 9_000, old.first_root()));
    assert_eq!((head.header.clone(), head.id, store.lowest().unwrap()), (None, Hash::ZERO, 1));
    expected.take(&change());
    expected.check(&*snapshot(&store));
    assert_eq!(store.block(30).unwrap(), None, "none of the old blocks");
    for height in 1..=3 {
        let mut made = next(&store);
        made.block.header.chain = genesis.chain();
        made.certify();
        store.commit(&made.commit()).unwrap();
        expected.take(&writes(height));
    }
    expected.check(&*snapshot(&store));
    drop(store);
    let store = reopen(&data, &genesis).unwrap();
    assert_eq!(store.head().unwrap().height, 3);
    let again = store.write_snapshot(&top.path().join("snapshots"), &quiet).unwrap();
    assert_eq!((again.chain, again.height), (genesis.chain(), 3), "its own snapshots are as any chain's");
    assert!(matches!(reopen(&old.home.path().join("data"), &genesis), Err(OpenError::Busy(_))), "the old one is as it was");
}

#[test]
fn store_27_and_recover_6_the_versions_of_the_old_chain_are_those_of_the_new_one() {
    let home = tempfile::tempdir().unwrap();
    let store = open(&home.path().join("data")).unwrap();
    store.commit(&making(&store, MimeiId([1; 20]), &[], &["a", "b"]).commit()).unwrap();
    let manifest = store.write_snapshot(&home.path().join("snapshots"), &quiet).unwrap();
    let old = Old { home, store, manifest };
    let genesis = recovered(&old.manifest, old.first_root());
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("data");
    let founding = Founding::begin(&data, &genesis, &old.manifest, &HISTORIES, &mut |hash| old.chunk(hash), &quiet).unwrap();
    founding.finish(&change()).unwrap();
    let store = reopen(&data, &genesis).unwrap();
    assert_eq!(store.head().unwrap().height, 0);
    assert_eq!(store.version(&MimeiId([1; 20]), 0).unwrap(), Some(said(0, "a")));
    assert_eq!(store.version(&MimeiId([1; 20]), 1).unwrap(), Some(said(1, "b")));
}

#[test]
fn recover_6_another_block_another_root_or_a_bad_chunk_begins_nothing_and_leaves_nothing() {
    let old = old();
    let good = recovered(&old.manifest, old.first_root());
    let with = |change: fn(&mut Origin)| {
        let mut head = good.clone();
        change(head.origin.as_mut().unwrap());
        old.refusal(&head, false)
    };
    assert!(matches!(with(|o| o.chain = Hash([1; 32])), SnapshotError::OtherChain { .. }));
    assert!(matches!(with(|o| o.height += 1), SnapshotError::OtherBlock { .. }));
    assert!(matches!(with(|o| o.block = Hash([1; 32])), SnapshotError::OtherBlock { .. }));
    assert!(matches!(with(|o| o.state_root = Hash([1; 32])), SnapshotError::Root { .. }));
    assert!(matches!(with(|o| o.first_root = Hash([1; 32])), SnapshotError::FirstRoot { .. }));
    assert!(matches!(old.refusal(&genesis(), false), SnapshotError::OtherChain { .. }), "a chain that begins with nothing");
    assert!(matches!(old.refusal(&good, true), SnapshotError::BadChunk(_)));
}

#[test]
fn recover_6_a_place_that_is_taken_stays_as_it_is_and_what_is_given_up_is_gone() {
    let old = old();
    let genesis = recovered(&old.manifest, old.first_root());
    let data = old.home.path().join("data");
    let taken = Founding::begin(&data, &genesis, &old.manifest, &HISTORIES, &mut |hash| old.chunk(hash), &quiet);
    assert!(matches!(taken.err(), Some(SnapshotError::Occupied(_))));
    assert_eq!(old.store.head().unwrap().height, 30);
    let top = tempfile::tempdir().unwrap();
    let founding =
        Founding::begin(&top.path().join("data"), &genesis, &old.manifest, &HISTORIES, &mut |hash| old.chunk(hash), &quiet)
            .unwrap();
    drop(founding);
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 0);
}

#[test]
fn recover_6_supplies_are_those_of_the_old_chain_to_the_last_unit() {
    let old = old();
    let genesis = recovered(&old.manifest, old.first_root());
    let top = tempfile::tempdir().unwrap();
    let data = top.path().join("data");
    let founding = Founding::begin(&data, &genesis, &old.manifest, &HISTORIES, &mut |hash| old.chunk(hash), &quiet).unwrap();
    // A change that would make money leads to another root than the genesis names.
    let holding = Holding { free: Amount::new(1), ..Holding::default() };
    let mut forged = change();
    forged.holdings.insert((token(0), account(7_777)), Some(holding));
    assert!(matches!(founding.finish(&forged), Err(SnapshotError::FirstRoot { .. })));
    let founding = Founding::begin(&data, &genesis, &old.manifest, &HISTORIES, &mut |hash| old.chunk(hash), &quiet).unwrap();
    founding.finish(&change()).unwrap();
    let store = reopen(&data, &genesis).unwrap();
    for t in 0..3 {
        assert_eq!(snapshot(&store).supply(&token(t)).unwrap(), snapshot(&old.store).supply(&token(t)).unwrap());
    }
}

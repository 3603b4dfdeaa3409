//! What a node costs that has nothing to record.
mod common;

use common::*;
use leither_state::WriteSet;
use leither_types::{Block, List, list_root};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the files take on disk, which preallocation would make more than they are long.
fn taken(dir: &Path) -> u64 {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().blocks() * 512).sum()
}

#[test]
fn store_12_a_day_of_heartbeats_takes_little_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let before = taken(dir.path());
    assert!(before < 2 * 1024 * 1024, "{before} bytes for nothing");
    // One a minute.
    for _ in 0..24 * 60 {
        let mut made = with(&store, WriteSet::default());
        made.block.txs = List::default();
        made.block.header.txs_root = Block::txs_root(&[]);
        made.block.header.receipts_root = list_root(&[]);
        (made.receipts, made.touched) = (Vec::new(), Vec::new());
        made.certify();
        store.commit(&made.commit()).unwrap();
    }
    let grown = taken(dir.path()) - before;
    println!("a day of heartbeats: {grown} bytes");
    assert!(grown < 2 * 1024 * 1024, "{grown} bytes a day");
    drop(store);
    assert_eq!(open(dir.path()).unwrap().head().unwrap().height, 24 * 60);
}

//! A hundred thousand pulses under a small cap, and what the figures say meanwhile.
mod common;

use common::*;
use leither_state::WriteSet;
use leither_store::{Store, to_prune, tree_bytes};
use leither_types::*;
use std::path::Path;

const PULSES: Height = 100_000;
const CAP: u64 = 24 * 1024 * 1024;

/// In memory where the machine has such a place: a commit waits for the disk.
fn somewhere() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let dir = tempfile::tempdir_in(memory);
    dir.unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Pulses of one transaction that changes nothing. What all of them share is made once: there are many.
struct Tiny {
    pattern: Made,
    tx: SignedTx,
}

impl Tiny {
    fn new(store: &Store) -> Self {
        let mut pattern = stating(store, WriteSet::default(), store.head().unwrap().state_root);
        pattern.touched = vec![(0, account(0))];
        Self { pattern, tx: tx(0, 0) }
    }

    /// The next one. The store asks for no valid signature, so there is none, but as many bytes.
    fn next(&mut self, store: &Store) -> &Made {
        let head = store.head().unwrap();
        let height = head.height + 1;
        let Made { block, certificate, receipts, touched, .. } = &mut self.pattern;
        self.tx.tx.nonce = height;
        block.txs = List::new(vec![self.tx.clone()]).unwrap();
        block.last_certificate = head.certificate.clone();
        let header = &mut block.header;
        (header.height, header.time, header.parent) = (height, 1_000 + height, head.id);
        (header.last_certificate, header.txs_root) = (head.certificate.hash(), Block::txs_root(&block.txs));
        let tx = self.tx.id();
        *receipts = vec![Receipt { tx, status: Status::Done, weight: 1, fee: Amount::new(1), events: List::default() }];
        touched[0].1.0.copy_from_slice(&tx.0[..20]);
        let id = block.id();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&id.0);
        signature[32..].copy_from_slice(&tx.0);
        let signed = CommitSig { validator: block.header.proposer, signature: Signature(signature) };
        *certificate = Certificate { height, round: 0, block: id, signatures: List::new(vec![signed]).unwrap() };
        &self.pattern
    }
}

#[test]
fn store_22_a_hundred_thousand_pulses_stay_under_a_small_cap() {
    let dir = somewhere();
    let store = open(dir.path()).unwrap();
    let (mut most, mut prunes, mut written) = (0, 0, 0u64);
    let mut tiny = Tiny::new(&store);
    for height in 1..=PULSES {
        let made = tiny.next(&store);
        written += store.block_bytes(height - 1).unwrap().map_or(0, |bytes| bytes.len() as u64);
        store.commit(&made.commit()).unwrap();
        if height % 250 != 0 {
            continue;
        }
        let used = tree_bytes(dir.path()).unwrap();
        most = most.max(used);
        assert!(used <= CAP, "{used} bytes at height {height}");
        let (base, each) = (store.lowest().unwrap(), store.bytes_a_block().unwrap());
        if let Some(keep_from) = to_prune(CAP, used, base, height, each) {
            let pruned = store.prune(keep_from).unwrap();
            assert_eq!((pruned.from, pruned.to), (base, keep_from));
            assert!(tree_bytes(dir.path()).unwrap() < CAP * 9 / 10, "what was pruned is off the disk");
            prunes += 1;
        }
    }
    let lowest = store.lowest().unwrap();
    println!("{written} bytes of blocks written, {most} on disk at most, {prunes} prunes, blocks from {lowest} on are there");
    assert!(written > 2 * CAP, "the cap would hold without pruning");
    assert!((2..200).contains(&prunes), "{prunes} prunes");
    assert!(store.block(lowest).unwrap().is_some() && store.block(lowest - 1).unwrap().is_none());
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!((store.head().unwrap().height, store.lowest().unwrap()), (PULSES, lowest));
}

#[test]
fn store_21_the_figures_name_every_column_family_and_follow_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let rows = |store: &Store, name: &str| store.stat().unwrap().iter().find(|c| c.name == name).unwrap().rows_estimate;
    let names: Vec<_> = store.stat().unwrap().iter().map(|c| c.name).collect();
    let expected = "default headers bodies receipts heights txs history holdings records undecided handovers versions";
    assert_eq!(names.join(" "), expected);
    assert_eq!((rows(&store, "headers"), rows(&store, "handovers")), (0, 0));
    grow(&store, 120);
    assert_eq!((rows(&store, "headers"), rows(&store, "heights")), (120, 120));
    let bodies = *store.stat().unwrap().iter().find(|c| c.name == "bodies").unwrap();
    assert!(bodies.memtable_bytes > 10_000, "{bodies:?}");
    assert!(store.bytes_a_block().unwrap() > 100);
    store.prune(21).unwrap();
    assert!((90..=110).contains(&rows(&store, "headers")), "an estimate, but not of what was there before");
    let bodies = *store.stat().unwrap().iter().find(|c| c.name == "bodies").unwrap();
    assert!(bodies.sst_bytes > 1_000, "flushed: {bodies:?}");
    assert_eq!(store.disk_bytes().unwrap(), tree_bytes(dir.path()).unwrap());
}

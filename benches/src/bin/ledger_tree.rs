//! The ledger tree in memory, on one thread: `cargo run -p leither-benches --bin ledger_tree [accounts]`.
//!
//! A batch is 10,000 changes of random keys; each figure is the median over the batches (and the least) of the time a change takes.
//! Bars (issue 2): at 10^6 accounts 2 us an update, an insertion or a removal; towards 0.6.

use leither_state::{Change, Holding, Key, Leaf, Ledger, Tree, WriteSet};
use leither_types::{AccountId, Amount, Hash, PublicKey, TokenId};
use std::hint::black_box;
use std::time::Instant;

const BATCH: usize = 10_000;
const BATCHES: usize = 200;

/// SplitMix64: the load is the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn id(&mut self) -> [u8; 20] {
        let words = [self.next(), self.next(), self.next()];
        std::array::from_fn(|i| words[i / 8].to_le_bytes()[i % 8])
    }

    fn hash(&mut self) -> Hash {
        let words = [self.next(), self.next(), self.next(), self.next()];
        Hash(std::array::from_fn(|i| words[i / 8].to_le_bytes()[i % 8]))
    }
}

fn padded(id: &[u8; 20]) -> Key {
    let mut key = [0; 32];
    key[..20].copy_from_slice(id);
    key
}

/// Microseconds a piece, by the median batch and the fastest.
fn report(what: &str, pieces: usize, mut seconds: Vec<f64>) {
    seconds.sort_by(f64::total_cmp);
    let each = |s: f64| s * 1e6 / pieces as f64;
    let (median, least) = (seconds.get(seconds.len() / 2).copied().unwrap_or(0.0), seconds.first().copied().unwrap_or(0.0));
    println!("{what:<58} {:>8.3} us  (least {:.3}, {} batches)", each(median), each(least), seconds.len());
}

fn timed<T>(into: &mut Vec<f64>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = black_box(work());
    into.push(start.elapsed().as_secs_f64());
    result
}

fn tree(accounts: usize, random: &mut Random) -> Result<(), Box<dyn std::error::Error>> {
    let mut ids: Vec<[u8; 20]> = (0..accounts).map(|_| random.id()).collect();
    let leaves: Vec<Leaf> = ids.iter().map(|id| Leaf { key: padded(id), commitment: random.hash(), sum: 1_000 }).collect();
    let mut times = Vec::new();
    let mut tree = timed(&mut times, || Tree::load(leaves))?;
    println!("{:<58} {:>8.3} s", format!("load {accounts} leaves, unsorted"), times[0]);
    let sorted: Vec<Leaf> = tree.iter_after(None).collect();
    let again = timed(&mut times, || Tree::load(sorted))?;
    println!("{:<58} {:>8.3} s", format!("load {accounts} leaves, sorted"), times[1]);
    assert_eq!(again.root(), tree.root());
    drop(again);

    for size in [BATCH, 2] {
        let (mut updates, mut undos) = (Vec::new(), Vec::new());
        for _ in 0..BATCHES {
            let mut picked: Vec<usize> = (0..size).map(|_| random.below(accounts)).collect();
            picked.sort_unstable();
            picked.dedup();
            let change = |i: &usize| Change { key: padded(&ids[*i]), to: Some((random.hash(), 1_000 + *i as u128)) };
            let batch: Vec<Change> = picked.iter().map(change).collect();
            let undo = timed(&mut updates, || tree.apply(&batch))?;
            assert!(timed(&mut undos, || tree.undo(undo)));
            tree.apply(&batch)?;
        }
        report(&format!("update, batches of {size}"), size, updates);
        report(&format!("undo of it, batches of {size}"), size, undos);
    }
    let (mut inserts, mut removals) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        // New accounts come, and as many random old ones go: the size stays, the arenas age.
        let new: Vec<[u8; 20]> = (0..BATCH).map(|_| random.id()).collect();
        let batch: Vec<Change> = new.iter().map(|id| Change { key: padded(id), to: Some((random.hash(), 7)) }).collect();
        timed(&mut inserts, || tree.apply(&batch))?;
        ids.extend_from_slice(&new);
        let mut gone = Vec::with_capacity(BATCH);
        for _ in 0..BATCH {
            let at = random.below(ids.len());
            gone.push(Change { key: padded(&ids.swap_remove(at)), to: None });
        }
        timed(&mut removals, || tree.apply(&gone))?;
    }
    report(&format!("insertion, batches of {BATCH}"), BATCH, inserts);
    report(&format!("removal, batches of {BATCH}"), BATCH, removals);

    let (mut gets, mut proofs) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let asked: Vec<Key> = (0..BATCH).map(|_| padded(&ids[random.below(ids.len())])).collect();
        timed(&mut gets, || asked.iter().filter_map(|key| tree.get(key)).count());
        timed(&mut proofs, || asked.iter().map(|key| tree.prove(key).path.len()).sum::<usize>());
    }
    report("read a leaf", BATCH, gets);
    report("prove a leaf", BATCH, proofs);
    Ok(())
}

fn ledger(accounts: usize, random: &mut Random) -> Result<(), Box<dyn std::error::Error>> {
    let mut ids: Vec<AccountId> = (0..accounts).map(|_| AccountId(random.id())).collect();
    ids.sort_unstable();
    let holding = |n: u64| Holding { free: Amount::new(1_000), locked: Amount::ZERO, nonce: n, key: PublicKey([7; 32]) };
    let mut times = Vec::new();
    let stored: Vec<_> = ids.iter().map(|id| (TokenId::NATIVE, *id, holding(0))).collect();
    let mut ledger = timed(&mut times, || Ledger::load(stored, []))?;
    println!("{:<58} {:>8.3} s", format!("ledger: load {accounts} holdings, sorted"), times[0]);
    let (mut commitments, mut applies, mut undos, mut reads, mut proofs) = (vec![], vec![], vec![], vec![], vec![]);
    for round in 0..BATCHES as u64 {
        let mut writes = WriteSet::default();
        while writes.holdings.len() < BATCH {
            writes.holdings.insert((TokenId::NATIVE, ids[random.below(accounts)]), Some(holding(round + 1)));
        }
        timed(&mut commitments, || {
            writes.holdings.iter().filter_map(|((_, id), h)| Some(h.as_ref()?.commitment(id).0[0])).max()
        });
        let undo = timed(&mut applies, || ledger.apply(&writes))?;
        timed(&mut undos, || ledger.undo(undo))?;
        ledger.apply(&writes)?;
    }
    let mut pairs = Vec::new();
    for round in 0..BATCHES as u64 {
        // What one transfer alone in its block costs.
        let mut writes = WriteSet::default();
        while writes.holdings.len() < 2 {
            writes.holdings.insert((TokenId::NATIVE, ids[random.below(accounts)]), Some(holding(round + 1)));
        }
        timed(&mut pairs, || ledger.apply(&writes))?;
    }
    report("ledger: apply a write set of 2", 2, pairs);
    for _ in 0..20 {
        let asked: Vec<AccountId> = (0..BATCH).map(|_| ids[random.below(accounts)]).collect();
        timed(&mut reads, || asked.iter().filter_map(|id| ledger.holding(&TokenId::NATIVE, id)).count());
        timed(&mut proofs, || asked.iter().map(|id| ledger.prove_holding(&TokenId::NATIVE, id).records.0[0]).max());
    }
    report("ledger: commitments alone", BATCH, commitments);
    report("ledger: apply a write set, all in all", BATCH, applies);
    report("ledger: undo", BATCH, undos);
    report("ledger: read a holding", BATCH, reads);
    report("ledger: prove a holding", BATCH, proofs);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let accounts = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => 1_000_000,
    };
    let mut random = Random(1);
    tree(accounts, &mut random)?;
    ledger(accounts, &mut random)
}

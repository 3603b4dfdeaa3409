//! Transactions to fill a pool with. The pool looks at no signature, so there is none.
use leither_pool::Entry;
use leither_types::{AccountId, Amount, Blob, Hash, List, SignedTx, TX_VERSION, Tx};
use std::sync::Arc;

#[derive(Clone, Copy, Debug)]
pub struct Sketch {
    pub account: u8,
    pub nonce: u64,
    pub fee: u128,
    pub weight: u64,
    pub until: u64,
    pub len: usize,
}

/// One that is welcome in an empty pool.
#[allow(dead_code, reason = "each test file is a program of its own")]
pub const PLAIN: Sketch = Sketch { account: 1, nonce: 0, fee: 1_000, weight: 10, until: 1_000, len: 100 };

pub fn account(n: u8) -> AccountId {
    AccountId([n; 20])
}

pub fn entry(s: Sketch) -> Entry {
    let tx = Tx {
        version: TX_VERSION,
        chain: Hash::ZERO,
        signers: List::new(vec![account(s.account)]).unwrap(),
        payer: None,
        nonce: s.nonce,
        valid_until: s.until,
        max_fee: Amount::new(s.fee),
        weight_limit: s.weight,
        calls: List::new(vec![Blob::new(vec![0; s.len]).unwrap()]).unwrap(),
    };
    Entry::new(Arc::new(SignedTx { tx, witnesses: List::default() }), s.weight)
}

use leither_types::{Amount, Hash, SignedTx, TxId, Weight};
use parity_scale_codec::Encode;
use std::cmp::Reverse;
use std::sync::Arc;

/// What a pool holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Transactions.
    pub txs: usize,
    /// Their encoded bytes together.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { txs: 65_536, bytes: 64 * 1024 * 1024 }
    }
}

/// A transaction with what was computed about it once, when its signatures were verified.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The transaction.
    pub tx: Arc<SignedTx>,
    /// Its name.
    pub id: TxId,
    /// Names its bytes, witnesses included.
    pub full_hash: Hash,
    /// What it may weigh at most; what its fee is reckoned from.
    pub weight: Weight,
    /// What of that is contracts', of which a block holds less; none until somebody says so.
    pub contracts: Weight,
    /// Its encoded length.
    pub len: usize,
    /// What its payer could pay when it was looked at. Whoever knows the state sets it; until then the offer is believed.
    pub can_pay: Amount,
}

impl Entry {
    /// Computes what belongs to `tx`.
    pub fn new(tx: Arc<SignedTx>, weight: Weight) -> Self {
        let can_pay = tx.tx.max_fee;
        Self { id: tx.id(), full_hash: tx.full_hash(), len: tx.encoded_size(), weight, contracts: 0, can_pay, tx }
    }

    /// What it offers: no more than its payer has, or a fee that nobody owns would push out those that can be paid.
    pub(crate) fn offer(&self) -> Amount {
        self.tx.tx.max_fee.min(self.can_pay)
    }

    /// The base fee that it can pay at most.
    pub(crate) fn price(&self) -> u128 {
        self.offer().0 / u128::from(self.weight.max(1))
    }

    /// Whether it can pay this base fee.
    pub(crate) fn pays(&self, base_fee: Amount) -> bool {
        base_fee.0.checked_mul(u128::from(self.weight)).is_some_and(|fee| fee <= self.offer().0)
    }

    /// POOL-4: the least fee that another transaction of this account and nonce must offer. Nothing: no fee is high enough.
    pub(crate) fn replaced_from(&self) -> Option<Amount> {
        let fee = self.offer();
        fee.plus(Amount::new(fee.0.div_ceil(10).max(1)))
    }
}

/// An entry in its seat.
pub(crate) struct Slot {
    pub entry: Entry,
    /// Place of its account.
    pub account: usize,
    /// Whether all nonces before its own are in the pool.
    pub ready: bool,
}

/// POOL-5: the order in which a full pool gives up entries: those behind a gap, then the cheapest, of these the youngest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub ready: bool,
    pub price: u128,
    pub arrival: Reverse<u64>,
}

impl Slot {
    pub fn rank(&self, arrival: u64) -> Rank {
        Rank { ready: self.ready, price: self.entry.price(), arrival: Reverse(arrival) }
    }
}

use crate::{NONCES_AHEAD_MAX, Pool};
use leither_types::{Amount, Millis, SignedTx, Weight};
use std::sync::Arc;

/// What a proposer looks for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Transactions at most.
    pub txs: usize,
    /// Their encoded bytes together.
    pub bytes: usize,
    /// Their weight together.
    pub weight: Weight,
    /// The block's price of a unit of weight.
    pub base_fee: Amount,
    /// The block's time.
    pub now: Millis,
}

/// Marks an account whose next transaction does not come into this block.
const STOPPED: u64 = NONCES_AHEAD_MAX + 1;

impl Pool {
    /// POOL-6: the transactions for a block, by arrival; each account's in the order of its nonces and without a gap.
    ///
    /// One that does not fit or cannot pay is left out together with the account's later ones, and comes first again next time:
    /// so a long transaction waits for short ones once, not for ever.
    pub fn best(&self, wanted: &Wanted) -> Vec<Arc<SignedTx>> {
        let mut chosen = Vec::with_capacity(wanted.txs.min(self.len()));
        let (mut bytes, mut weight) = (wanted.bytes, wanted.weight);
        // How many of each account's nonces, from its next one on, are chosen.
        let mut ahead = vec![0u64; self.accounts.len()];
        for (turn, slot) in &self.slots {
            let (Some(account), Some(count)) = (self.accounts.get(slot.account), ahead.get_mut(slot.account)) else { continue };
            let mut seat = slot.entry.tx.tx.nonce.checked_sub(account.next).filter(|n| n == count).map(|_| *turn);
            // With this one may go those of its successors that came earlier and waited for it.
            while let Some(slot) = seat.filter(|arrival| arrival <= turn).and_then(|arrival| self.slots.get(&arrival)) {
                if chosen.len() >= wanted.txs {
                    return chosen;
                }
                let entry = &slot.entry;
                let left = bytes.checked_sub(entry.len).zip(weight.checked_sub(entry.weight));
                match left.filter(|_| entry.pays(wanted.base_fee) && entry.tx.tx.valid_until >= wanted.now) {
                    Some(left) => (bytes, weight) = left,
                    None => {
                        *count = STOPPED;
                        break;
                    }
                }
                chosen.push(entry.tx.clone());
                *count += 1;
                seat = account.next.checked_add(*count).and_then(|nonce| account.seat(nonce));
            }
        }
        chosen
    }
}

use crate::{Entry, NONCES_AHEAD_MAX, Pool};
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
    /// What of that may be contracts' (BLOCK-7, POOL-11).
    pub contracts: Weight,
    /// The block's price of a unit of weight.
    pub base_fee: Amount,
    /// The block's time.
    pub now: Millis,
}

/// Marks an account whose next transaction does not come into this block.
const STOPPED: u64 = NONCES_AHEAD_MAX + 1;

/// What is left of a block.
#[derive(Clone, Copy)]
struct Room {
    txs: usize,
    bytes: usize,
    weight: Weight,
    contracts: Weight,
}

impl Room {
    /// Without these, where it has room for them.
    fn without(self, entry: &Entry) -> Option<Self> {
        let txs = self.txs.checked_sub(1)?;
        let (bytes, weight) = (self.bytes.checked_sub(entry.len)?, self.weight.checked_sub(entry.weight)?);
        Some(Self { txs, bytes, weight, contracts: self.contracts.checked_sub(entry.contracts)? })
    }
}

/// A choice under way.
struct Choice {
    chosen: Vec<Arc<SignedTx>>,
    room: Room,
    /// POOL-10: what of it those have whose fee somebody else pays; nothing: as much as there is.
    for_others: Option<Room>,
    /// How many of each account's nonces, from its next one on, are chosen.
    ahead: Vec<u64>,
}

impl Pool {
    /// POOL-6: the transactions for a block, by arrival; each account's in the order of its nonces and without a gap.
    ///
    /// One that does not fit or cannot pay is left out together with the account's later ones, and comes first again next time:
    /// so a long transaction waits for short ones once, not for ever. POOL-10: those whose fee another account pays have half of the room, and
    /// what the others leave: of one payer many may be here of whom it can pay for one alone.
    pub fn best(&self, wanted: &Wanted) -> Vec<Arc<SignedTx>> {
        let Wanted { txs, bytes, weight, contracts, .. } = *wanted;
        let room = Room { txs, bytes, weight, contracts };
        let half = Room { txs: txs / 2, bytes: bytes / 2, weight: weight / 2, contracts: contracts / 2 };
        let chosen = Vec::with_capacity(wanted.txs.min(self.len()));
        let mut choice = Choice { chosen, room, for_others: Some(half), ahead: vec![0; self.accounts.len()] };
        if self.choose(wanted, &mut choice) {
            choice.for_others = None;
            self.choose(wanted, &mut choice);
        }
        choice.chosen
    }

    /// Goes through once; says whether one waits for room for those whom others pay for.
    fn choose(&self, wanted: &Wanted, choice: &mut Choice) -> bool {
        let mut is_capped = false;
        for (turn, slot) in &self.slots {
            let (Some(account), Some(count)) = (self.accounts.get(slot.account), choice.ahead.get_mut(slot.account)) else {
                continue;
            };
            let mut seat = slot.entry.tx.tx.nonce.checked_sub(account.next).filter(|n| n == count).map(|_| *turn);
            // With this one may go those of its successors that came earlier and waited for it.
            while let Some(slot) = seat.filter(|arrival| arrival <= turn).and_then(|arrival| self.slots.get(&arrival)) {
                if choice.room.txs == 0 {
                    return is_capped;
                }
                let entry = &slot.entry;
                let fits = choice.room.without(entry);
                let Some(left) = fits.filter(|_| entry.pays(wanted.base_fee) && entry.tx.tx.valid_until >= wanted.now) else {
                    *count = STOPPED;
                    break;
                };
                if let Some(half) = choice.for_others.filter(|_| entry.tx.tx.fee_payer() != entry.tx.tx.first_signer()) {
                    let Some(rest) = half.without(entry) else {
                        is_capped = true;
                        break;
                    };
                    choice.for_others = Some(rest);
                }
                choice.room = left;
                choice.chosen.push(entry.tx.clone());
                *count += 1;
                seat = account.next.checked_add(*count).and_then(|nonce| account.seat(nonce));
            }
        }
        is_capped
    }
}

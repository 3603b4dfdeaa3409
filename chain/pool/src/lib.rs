//! The pool keeps what may enter the next block. It never executes, never waits, and never holds more than its [`Limits`].
//!
//! ```text
//! insert(entry, next nonce) -> Verdict      entries by arrival      best(Wanted)  -> what a proposer takes, in that order
//!                                       \   /              \
//!                      per account: the 16 nonces from its next one on: a seat each, or a gap
//! committed(block) · advance · expire(now) · remove          free seats, move the window
//! ```
//! Order is arrival, so that nobody overtakes: each pulse the oldest transaction that can be paid and has no gap before it goes
//! first. Only a full pool looks at prices, and then only to decide who leaves.
//!
//! Absent on purpose: signatures, balances and the clock. Who inserts has verified the transaction and knows the account's nonce and
//! what its payer can pay; the time is handed in. The rules (`POOL-1` to `POOL-11`) are in `spec/pool.md`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account;
mod entry;
mod select;
mod verdict;

pub use account::NONCES_AHEAD_MAX;
pub use entry::{Entry, Limits};
pub use select::Wanted;
pub use verdict::Verdict;

use account::Account;
use entry::{Rank, Slot};
use leither_types::{AccountId, Millis, SignedTx, TX_BYTES_MAX, TxId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Transactions that wait for a block.
#[derive(Default)]
pub struct Pool {
    limits: Limits,
    /// The last arrival number given out; 0 stands for an empty seat.
    last: u64,
    /// By arrival.
    slots: BTreeMap<u64, Slot>,
    ids: BTreeMap<TxId, u64>,
    deadlines: BTreeSet<(Millis, u64)>,
    /// Who leaves first when the pool is full.
    ranks: BTreeSet<Rank>,
    places: BTreeMap<AccountId, usize>,
    accounts: Vec<Account>,
    /// Unused places in `accounts`.
    vacant: Vec<usize>,
    bytes: usize,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes a transaction in, or says why not. `next` is the nonce that the account's next transaction must have.
    pub fn insert(&mut self, entry: Entry, next: u64) -> Verdict {
        let Some(account) = entry.tx.tx.first_signer() else { return Verdict::NoSigner };
        if entry.len > TX_BYTES_MAX {
            return Verdict::TooLong; // POOL-1
        }
        if self.ids.contains_key(&entry.id) {
            return Verdict::Known; // POOL-2
        }
        self.advance(&account, next);
        let place = self.places.get(&account).copied();
        let known = place.and_then(|at| self.accounts.get(at));
        // A caller who read an older state than the pool has seen is not believed: nonces never go back.
        let next = known.map_or(next, |a| a.next.max(next));
        let nonce = entry.tx.tx.nonce;
        match nonce.checked_sub(next) {
            None => return Verdict::NonceUsed { next }, // POOL-3
            Some(ahead) if ahead >= NONCES_AHEAD_MAX => return Verdict::NonceTooFar { next }, // POOL-3
            Some(_) => {}
        }
        let rival = known.and_then(|a| a.seat(nonce)).and_then(|arrival| self.slots.get(&arrival).map(|s| (arrival, s)));
        if let Some((_, slot)) = rival {
            let needs = slot.entry.replaced_from();
            if needs.is_none_or(|needs| entry.offer() < needs) {
                return Verdict::FeeTooLow { needs }; // POOL-4
            }
        }
        let rival = rival.map(|(arrival, slot)| (arrival, slot.entry.len, slot.entry.id));
        let ready = known.map_or(nonce == next, |a| (next..nonce).all(|n| a.seat(n).is_some()));
        let Some(leaving) = self.make_room(&entry, place, ready, rival.map(|r| (r.0, r.1))) else { return Verdict::Full };
        leaving.into_iter().for_each(|arrival| drop(self.take(arrival)));
        if let Some((arrival, _, _)) = rival {
            self.take(arrival);
        }
        self.seat(entry, account, next);
        rival.map_or(Verdict::Admitted, |(_, _, id)| Verdict::Replaced(id))
    }

    /// Follows a committed block: what stands in it, or can no longer stand in any, leaves.
    pub fn committed<'a>(&mut self, txs: impl IntoIterator<Item = &'a SignedTx>) {
        for tx in txs {
            if let Some(account) = tx.tx.first_signer() {
                self.advance(&account, tx.tx.nonce.saturating_add(1)); // POOL-8
            }
        }
    }

    /// The account's next transaction must have the nonce `next`: what is older leaves.
    pub fn advance(&mut self, account: &AccountId, next: u64) {
        let Some(&place) = self.places.get(account) else { return };
        let Some(known) = self.accounts.get_mut(place).filter(|a| a.next < next) else { return };
        let stale = known.advance(next);
        stale.into_iter().for_each(|arrival| drop(self.take(arrival)));
        self.rank_again(place);
    }

    /// Drops what no block later than `now` may hold, and says how many those were.
    pub fn expire(&mut self, now: Millis) -> usize {
        let before = self.slots.len();
        while let Some(&(_, arrival)) = self.deadlines.first().filter(|(until, _)| *until < now) {
            self.take(arrival); // POOL-7
        }
        before - self.slots.len()
    }

    /// POOL-9: drops one transaction, for instance one that a block could not be built with; what is behind it waits.
    pub fn remove(&mut self, id: &TxId) -> Option<Arc<SignedTx>> {
        let arrival = *self.ids.get(id)?;
        self.take(arrival).map(|entry| entry.tx)
    }

    /// The transaction of this name.
    pub fn get(&self, id: &TxId) -> Option<&Entry> {
        Some(&self.slots.get(self.ids.get(id)?)?.entry)
    }

    /// The nonce for the account's next transaction, those in the pool counted; nothing where the pool has none of it.
    pub fn next_nonce(&self, account: &AccountId) -> Option<u64> {
        Some(self.accounts.get(*self.places.get(account)?)?.first_gap())
    }

    /// Those that have waited longest, at most so many.
    pub fn oldest(&self, limit: usize) -> Vec<Arc<SignedTx>> {
        self.slots.values().take(limit).map(|slot| slot.entry.tx.clone()).collect()
    }

    /// How many transactions.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Their length together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// POOL-5: who has to leave so that `entry` fits; nothing where those who would have to may stay.
    fn make_room(&self, entry: &Entry, place: Option<usize>, ready: bool, rival: Option<(u64, usize)>) -> Option<Vec<u64>> {
        let mut txs = self.slots.len() + usize::from(rival.is_none());
        let mut bytes = self.bytes - rival.map_or(0, |r| r.1) + entry.len;
        let mut leaving = Vec::new();
        let mut ranks = self.ranks.iter();
        while txs > self.limits.txs || bytes > self.limits.bytes {
            let rank = ranks.next()?;
            let slot = self.slots.get(&rank.arrival.0)?;
            // Never its own predecessors, which it would wait for.
            if Some(slot.account) == place {
                continue;
            }
            let outbid = entry.price() >= rank.price.saturating_add(rank.price.div_ceil(10));
            match (ready, rank.ready) {
                (true, false) => {}
                (false, true) => return None,
                _ if outbid => {}
                _ => return None,
            }
            leaving.push(rank.arrival.0);
            txs -= 1;
            bytes -= slot.entry.len;
        }
        Some(leaving)
    }

    fn seat(&mut self, entry: Entry, id: AccountId, next: u64) {
        let place = match self.places.get(&id) {
            Some(&place) => place,
            None => {
                let place = self.vacant.pop().unwrap_or(self.accounts.len());
                match self.accounts.get_mut(place) {
                    Some(account) => *account = Account::new(id, next),
                    None => self.accounts.push(Account::new(id, next)),
                }
                self.places.insert(id, place);
                place
            }
        };
        self.last += 1;
        let arrival = self.last;
        if let Some(account) = self.accounts.get_mut(place) {
            account.sit(entry.tx.tx.nonce, arrival);
        }
        self.bytes += entry.len;
        self.ids.insert(entry.id, arrival);
        self.deadlines.insert((entry.tx.tx.valid_until, arrival));
        let slot = Slot { entry, account: place, ready: false };
        self.ranks.insert(slot.rank(arrival));
        self.slots.insert(arrival, slot);
        self.rank_again(place);
    }

    /// Takes an entry out of everything that knows it.
    fn take(&mut self, arrival: u64) -> Option<Entry> {
        let slot = self.slots.remove(&arrival)?;
        self.ranks.remove(&slot.rank(arrival));
        self.ids.remove(&slot.entry.id);
        self.deadlines.remove(&(slot.entry.tx.tx.valid_until, arrival));
        self.bytes -= slot.entry.len;
        if let Some(account) = self.accounts.get_mut(slot.account) {
            account.rise(slot.entry.tx.tx.nonce, arrival);
            if account.is_empty() {
                if self.places.remove(&account.id).is_some() {
                    self.vacant.push(slot.account);
                }
            } else {
                self.rank_again(slot.account);
            }
        }
        Some(slot.entry)
    }

    /// After a change of the account's seats: which of its transactions have no gap before them.
    fn rank_again(&mut self, place: usize) {
        let Some(account) = self.accounts.get(place) else { return };
        let gap = account.first_gap();
        for (nonce, arrival) in account.taken() {
            let Some(slot) = self.slots.get_mut(&arrival) else { continue };
            let ready = nonce < gap;
            if slot.ready != ready {
                self.ranks.remove(&slot.rank(arrival));
                slot.ready = ready;
                self.ranks.insert(slot.rank(arrival));
            }
        }
    }
}

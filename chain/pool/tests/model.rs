//! The pool against a model that keeps one plain list and does everything by searching it.
mod common;

use common::{Sketch, account, entry};
use leither_pool::{Entry, Limits, Pool, Verdict, Wanted};
use leither_types::{Amount, SignedTx, TxId};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Default)]
struct Model {
    /// In order of arrival.
    list: Vec<Entry>,
    next: BTreeMap<u8, u64>,
}

fn who(entry: &Entry) -> u8 {
    entry.tx.tx.signers[0].0[0]
}

fn nonce(entry: &Entry) -> u64 {
    entry.tx.tx.nonce
}

/// What is promised, and is there.
fn offer(entry: &Entry) -> u128 {
    entry.tx.tx.max_fee.0.min(entry.can_pay.0)
}

impl Model {
    fn next(&self, account: u8) -> u64 {
        self.next.get(&account).copied().unwrap_or(0)
    }

    fn is_ready(&self, entry: &Entry) -> bool {
        (self.next(who(entry))..nonce(entry)).all(|n| self.list.iter().any(|e| who(e) == who(entry) && nonce(e) == n))
    }

    fn insert(&mut self, new: Entry, limits: Limits) -> Verdict {
        let next = self.next(who(&new));
        if self.list.iter().any(|e| e.id == new.id) {
            return Verdict::Known;
        }
        if nonce(&new) < next {
            return Verdict::NonceUsed { next };
        }
        if nonce(&new) > next + 15 {
            return Verdict::NonceTooFar { next };
        }
        let rival = self.list.iter().position(|e| who(e) == who(&new) && nonce(e) == nonce(&new));
        if let Some(at) = rival {
            let old = offer(&self.list[at]);
            let needs = old + old / 10 + u128::from(!old.is_multiple_of(10) || old == 0);
            if offer(&new) < needs {
                return Verdict::FeeTooLow { needs: Some(Amount::new(needs)) };
            }
        }
        let ready = self.is_ready(&new);
        let mut kept: Vec<usize> = (0..self.list.len()).filter(|i| Some(*i) != rival).collect();
        let price = |e: &Entry| offer(e) / u128::from(e.weight);
        while kept.len() + 1 > limits.txs || kept.iter().map(|i| self.list[*i].len).sum::<usize>() + new.len > limits.bytes {
            let others = kept.iter().copied().filter(|i| who(&self.list[*i]) != who(&new));
            // Readiness is that of the moment when the newcomer knocks.
            let worst = others.min_by_key(|i| {
                let e = &self.list[*i];
                (self.is_ready(e), price(e), std::cmp::Reverse(*i))
            });
            let Some(worst) = worst else { return Verdict::Full };
            let e = &self.list[worst];
            let outbid = price(&new) >= price(e) + price(e) / 10 + u128::from(price(e) % 10 != 0);
            let may = match (ready, self.is_ready(e)) {
                (true, false) => true,
                (false, true) => false,
                _ => outbid,
            };
            if !may {
                return Verdict::Full;
            }
            kept.retain(|i| *i != worst);
        }
        let replaced: Option<TxId> = rival.map(|at| self.list[at].id);
        self.list = kept.into_iter().map(|i| self.list[i].clone()).collect();
        self.list.push(new);
        replaced.map_or(Verdict::Admitted, Verdict::Replaced)
    }

    fn best(&self, wanted: &Wanted) -> Vec<TxId> {
        let (mut bytes, mut weight) = (wanted.bytes, wanted.weight);
        let (mut chosen, mut at, mut stopped): (Vec<TxId>, _, Vec<u8>) = (Vec::new(), self.next.clone(), Vec::new());
        loop {
            let eligible = |e: &&Entry| !stopped.contains(&who(e)) && at.get(&who(e)).copied().unwrap_or(0) == nonce(e);
            let Some(e) = self.list.iter().find(eligible) else { return chosen };
            if chosen.len() == wanted.txs {
                return chosen;
            }
            let pays = wanted.base_fee.0 * u128::from(e.weight) <= offer(e);
            if !pays || e.len > bytes || e.weight > weight || e.tx.tx.valid_until < wanted.now {
                stopped.push(who(e));
                continue;
            }
            (bytes, weight) = (bytes - e.len, weight - e.weight);
            chosen.push(e.id);
            *at.entry(who(e)).or_default() += 1;
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Insert(Sketch, u128),
    Commit { txs: usize },
    Advance { account: u8, by: u64 },
    Expire { now: u64 },
    Remove { at: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let sketch = (0u8..6, 0u64..20, 0u128..60, 1u64..8, 0u64..40, 0usize..60);
    let sketch = sketch.prop_map(|(account, nonce, fee, weight, until, len)| Sketch { account, nonce, fee, weight, until, len });
    prop_oneof![
        12 => (sketch, 0u128..90).prop_map(|(sketch, has)| Act::Insert(sketch, has)),
        1 => (0usize..8).prop_map(|txs| Act::Commit { txs }),
        1 => (0u8..6, 0u64..4).prop_map(|(account, by)| Act::Advance { account, by }),
        1 => (0u64..20).prop_map(|now| Act::Expire { now }),
        1 => (0usize..30).prop_map(|at| Act::Remove { at }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_pool_does_what_the_plain_list_does(acts in prop::collection::vec(act(), 1..90), txs in 1usize..24, bytes in 500usize..6_000) {
        let limits = Limits { txs, bytes };
        let (mut pool, mut model) = (Pool::new(limits), Model::default());
        for act in acts {
            match act {
                Act::Insert(sketch, has) => {
                    let entry = Entry { can_pay: Amount::new(has), ..entry(sketch) };
                    prop_assert_eq!(pool.insert(entry.clone(), model.next(sketch.account)), model.insert(entry, limits));
                }
                Act::Commit { txs } => {
                    let wanted = Wanted { txs, bytes: 1_000, weight: 40, contracts: 40, base_fee: Amount::new(2), now: 5 };
                    let block: Vec<SignedTx> = pool.best(&wanted).iter().map(|tx| (**tx).clone()).collect();
                    pool.committed(&block);
                    for tx in &block {
                        model.next.insert(tx.tx.signers[0].0[0], tx.tx.nonce + 1);
                    }
                    model.list.retain(|e| !block.iter().any(|tx| tx.id() == e.id));
                }
                Act::Advance { account: who_, by } => {
                    let next = model.next(who_) + by;
                    model.next.insert(who_, next);
                    pool.advance(&account(who_), next);
                    model.list.retain(|e| who(e) != who_ || nonce(e) >= next);
                }
                Act::Expire { now } => {
                    let before = model.list.len();
                    model.list.retain(|e| e.tx.tx.valid_until >= now);
                    prop_assert_eq!(pool.expire(now), before - model.list.len());
                }
                Act::Remove { at } => {
                    if let Some(id) = model.list.get(at).map(|e| e.id) {
                        prop_assert!(pool.remove(&id).is_some());
                        model.list.remove(at);
                    }
                }
            }
            prop_assert_eq!(pool.len(), model.list.len());
            prop_assert_eq!(pool.bytes(), model.list.iter().map(|e| e.len).sum::<usize>());
            for base_fee in [0, 3] {
                for (txs, bytes, weight, now) in [(100, 100_000, 1_000, 0), (7, 900, 20, 10)] {
                    let wanted = Wanted { txs, bytes, weight, contracts: weight, base_fee: Amount::new(base_fee), now };
                    let ids: Vec<TxId> = pool.best(&wanted).iter().map(|tx| tx.id()).collect();
                    prop_assert_eq!(ids, model.best(&wanted));
                }
            }
        }
    }
}

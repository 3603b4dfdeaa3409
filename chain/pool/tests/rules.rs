//! The pool's rules one by one; their numbers are those of `spec/pool.md`.
mod common;

use common::{PLAIN, Sketch, account, entry};
use leither_pool::{Entry, Limits, NONCES_AHEAD_MAX, Pool, Verdict, Wanted};
use leither_types::{Amount, List, SignedTx, TX_BYTES_MAX};
use std::sync::Arc;

const ALL: Wanted =
    Wanted { txs: 1_000_000, bytes: usize::MAX, weight: u64::MAX, contracts: u64::MAX, base_fee: Amount::new(1), now: 0 };

fn pool() -> Pool {
    Pool::new(Limits::default())
}

fn of(account: u8, nonce: u64) -> Sketch {
    Sketch { account, nonce, ..PLAIN }
}

fn order(pool: &Pool, wanted: &Wanted) -> Vec<(u8, u64)> {
    pool.best(wanted).iter().map(|tx| (tx.tx.signers[0].0[0], tx.tx.nonce)).collect()
}

#[test]
fn pool_1_what_is_too_long_or_signed_by_nobody_stays_out() {
    let mut long = entry(PLAIN);
    long.len = TX_BYTES_MAX + 1;
    assert_eq!(pool().insert(long, 0), Verdict::TooLong);
    let mut tx = (*entry(PLAIN).tx).clone();
    tx.tx.signers = List::default();
    assert_eq!(pool().insert(Entry::new(Arc::new(tx), 1), 0), Verdict::NoSigner);
}

#[test]
fn pool_2_a_transaction_is_in_once_whatever_its_witnesses() {
    let mut pool = pool();
    assert_eq!(pool.insert(entry(PLAIN), 0), Verdict::Admitted);
    let mut again = (*entry(PLAIN).tx).clone();
    again.witnesses = List::new(
        vec![Default::default()]
            .into_iter()
            .map(|key| leither_types::Witness { key, signature: Default::default() })
            .collect(),
    )
    .unwrap();
    let again = Entry::new(Arc::new(again), 10);
    assert_ne!(again.full_hash, entry(PLAIN).full_hash);
    assert_eq!(pool.insert(again, 0), Verdict::Known);
    assert_eq!(pool.len(), 1);
}

#[test]
fn pool_3_sixteen_nonces_from_the_next_one_on_are_welcome_and_no_others() {
    let mut pool = pool();
    assert_eq!(pool.insert(entry(of(1, 4)), 5), Verdict::NonceUsed { next: 5 });
    assert_eq!(pool.insert(entry(of(1, 5 + NONCES_AHEAD_MAX)), 5), Verdict::NonceTooFar { next: 5 });
    for nonce in 5..5 + NONCES_AHEAD_MAX {
        assert_eq!(pool.insert(entry(of(1, nonce)), 5), Verdict::Admitted);
    }
    assert_eq!(pool.next_nonce(&account(1)), Some(5 + NONCES_AHEAD_MAX));
    assert_eq!(pool.insert(entry(of(2, u64::MAX)), u64::MAX), Verdict::Admitted);
    assert_eq!(order(&pool, &ALL).len(), 17);
}

#[test]
fn pool_3_a_caller_behind_the_pool_cannot_turn_nonces_back() {
    let mut pool = pool();
    assert_eq!(pool.insert(entry(of(1, 7)), 7), Verdict::Admitted);
    assert_eq!(pool.insert(entry(of(1, 6)), 3), Verdict::NonceUsed { next: 7 });
}

#[test]
fn pool_4_a_tenth_more_fee_replaces_and_less_does_not() {
    let mut pool = pool();
    let first = entry(PLAIN);
    assert_eq!(pool.insert(first.clone(), 0), Verdict::Admitted);
    let needs = Some(Amount::new(1_100));
    assert_eq!(pool.insert(entry(Sketch { fee: 1_099, ..PLAIN }), 0), Verdict::FeeTooLow { needs });
    assert_eq!(pool.insert(entry(Sketch { fee: 1_100, ..PLAIN }), 0), Verdict::Replaced(first.id));
    assert_eq!(pool.len(), 1);
    assert!(pool.get(&first.id).is_none());
    let priceless = Sketch { account: 2, fee: u128::MAX, ..PLAIN };
    assert_eq!(pool.insert(entry(priceless), 0), Verdict::Admitted);
    assert_eq!(pool.insert(entry(Sketch { until: 2, ..priceless }), 0), Verdict::FeeTooLow { needs: None });
}

#[test]
fn pool_5_a_full_pool_gives_up_gapped_ones_first_and_then_only_to_a_better_price() {
    let mut pool = Pool::new(Limits { txs: 2, bytes: usize::MAX });
    assert_eq!(pool.insert(entry(of(1, 3)), 0), Verdict::Admitted); // waits for nonces 0 to 2
    assert_eq!(pool.insert(entry(of(2, 0)), 0), Verdict::Admitted);
    assert_eq!(pool.insert(entry(Sketch { fee: 1, ..of(3, 0) }), 0), Verdict::Admitted); // cheaper, but no gap before it
    assert_eq!(order(&pool, &Wanted { base_fee: Amount::ZERO, ..ALL }), [(2, 0), (3, 0)]);
    assert_eq!(pool.insert(entry(Sketch { fee: 1_000_000, ..of(4, 9) }), 0), Verdict::Full); // rich, but behind a gap
    assert_eq!(pool.insert(entry(of(4, 0)), 0), Verdict::Admitted);
    assert_eq!(order(&pool, &ALL), [(2, 0), (4, 0)]);
    assert_eq!(pool.insert(entry(Sketch { fee: 1_090, ..of(5, 0) }), 0), Verdict::Full);
    assert_eq!(pool.insert(entry(Sketch { fee: 1_100, ..of(5, 0) }), 0), Verdict::Admitted);
    assert_eq!(order(&pool, &ALL), [(2, 0), (5, 0)], "of two equal prices the younger leaves");
}

#[test]
fn pool_5_an_offer_above_what_its_payer_has_is_not_believed() {
    let mut pool = Pool::new(Limits { txs: 2, bytes: usize::MAX });
    let honest = entry(of(1, 0));
    assert_eq!(pool.insert(honest.clone(), 0), Verdict::Admitted);
    assert_eq!(pool.insert(entry(of(2, 0)), 0), Verdict::Admitted);
    let bold = |account, has| Entry { can_pay: Amount::new(has), ..entry(Sketch { fee: u128::MAX, ..of(account, 0) }) };
    assert_eq!(pool.insert(bold(3, 1_099), 0), Verdict::Full, "it has less than a tenth more than the others offer");
    assert_eq!(order(&pool, &ALL), [(1, 0), (2, 0)]);
    assert_eq!(pool.insert(bold(3, 1_100), 0), Verdict::Admitted);
    assert_eq!(order(&pool, &ALL), [(1, 0), (3, 0)]);
    // Nor does it keep its own place by what nobody has: who has as much as it has, and a tenth more, takes it.
    let needs = Some(Amount::new(1_210));
    let again = |fee, until| entry(Sketch { fee, until, ..of(3, 0) });
    assert_eq!(pool.insert(again(1_209, 2), 0), Verdict::FeeTooLow { needs });
    assert!(matches!(pool.insert(again(1_210, 2), 0), Verdict::Replaced(_)));
    assert!(pool.get(&honest.id).is_some());
}

#[test]
fn pool_11_contracts_leave_room_for_others() {
    let mut pool = pool();
    for (account, contracts) in [(1, 10), (2, 10), (3, 10), (4, 0)] {
        assert!(pool.insert(Entry { contracts, ..entry(of(account, 0)) }, 0).is_in());
    }
    assert!(pool.insert(entry(of(3, 1)), 0).is_in());
    let narrow = Wanted { contracts: 20, ..ALL };
    assert_eq!(order(&pool, &narrow), [(1, 0), (2, 0), (4, 0)], "what comes after one that waits waits with it");
    assert_eq!(order(&pool, &Wanted { contracts: 30, ..ALL }).len(), 5);
}

#[test]
fn pool_6_what_its_payer_cannot_pay_is_not_chosen() {
    let mut pool = pool();
    assert!(pool.insert(Entry { can_pay: Amount::new(29), ..entry(of(1, 0)) }, 0).is_in());
    assert!(pool.insert(entry(of(2, 0)), 0).is_in());
    assert_eq!(order(&pool, &Wanted { base_fee: Amount::new(2), ..ALL }), [(1, 0), (2, 0)]);
    assert_eq!(order(&pool, &Wanted { base_fee: Amount::new(3), ..ALL }), [(2, 0)], "30 for a weight of 10");
}

#[test]
fn pool_5_nothing_leaves_for_one_that_cannot_come_in_even_so() {
    let len = entry(PLAIN).len;
    let mut pool = Pool::new(Limits { txs: 10, bytes: 2 * len });
    assert_eq!(pool.insert(entry(Sketch { fee: 10, ..of(1, 0) }), 0), Verdict::Admitted);
    assert_eq!(pool.insert(entry(of(2, 0)), 0), Verdict::Admitted);
    assert_eq!(pool.insert(entry(Sketch { len: 200, fee: 500, ..of(3, 0) }), 0), Verdict::Full);
    assert_eq!((pool.len(), pool.bytes()), (2, 2 * len));
    assert_eq!(pool.insert(entry(Sketch { len: 200, fee: 5_000, ..of(3, 0) }), 0), Verdict::Admitted);
    assert_eq!(order(&pool, &ALL), [(3, 0)]);
}

#[test]
fn pool_6_order_is_arrival_and_within_an_account_the_nonce() {
    let mut pool = pool();
    for (account, nonce) in [(1, 1), (2, 0), (1, 2), (1, 0), (3, 0), (4, 1)] {
        assert!(pool.insert(entry(of(account, nonce)), 0).is_in());
    }
    assert_eq!(order(&pool, &ALL), [(2, 0), (1, 0), (1, 1), (1, 2), (3, 0)]);
    assert_eq!(order(&pool, &Wanted { txs: 2, ..ALL }), [(2, 0), (1, 0)]);
}

#[test]
fn pool_6_one_that_cannot_pay_or_does_not_fit_holds_back_its_account_alone() {
    let mut pool = pool();
    let poor = Sketch { fee: 19, ..of(1, 0) };
    let heavy = Sketch { weight: 90, ..of(3, 0) };
    for sketch in [poor, of(1, 1), of(2, 0), heavy, of(3, 1), of(4, 0)] {
        assert!(pool.insert(entry(sketch), 0).is_in());
    }
    let wanted = Wanted { base_fee: Amount::new(2), weight: 50, ..ALL };
    assert_eq!(order(&pool, &wanted), [(2, 0), (4, 0)]);
    assert_eq!(order(&pool, &Wanted { base_fee: Amount::new(u128::MAX), ..ALL }), []);
    assert_eq!(order(&pool, &Wanted { now: 1_001, ..ALL }), []);
    assert_eq!(order(&pool, &Wanted { now: 1_000, ..ALL }).len(), 6);
}

#[test]
fn pool_6_the_oldest_is_in_the_next_block_however_many_come_after_it() {
    let mut pool = pool();
    let victim = Sketch { len: 900, weight: 90, ..of(1, 0) };
    assert!(pool.insert(entry(of(2, 0)), 0).is_in());
    assert!(pool.insert(entry(victim), 0).is_in());
    for n in 3..60 {
        assert!(pool.insert(entry(Sketch { fee: 1_000_000, ..of(n, 0) }), 0).is_in());
    }
    // The first block has no room for it behind the one that came before it.
    let narrow = Wanted { weight: 95, ..ALL };
    let block = pool.best(&narrow);
    assert!(block.iter().all(|tx| tx.tx.signers[0] != account(1)));
    pool.committed(block.iter().map(|tx| &**tx));
    assert_eq!(order(&pool, &narrow)[0], (1, 0));
}

#[test]
fn pool_10_those_whose_fee_another_pays_have_half_of_the_room_and_what_is_left() {
    let mut pool = pool();
    // Twenty accounts that one payer pays for came first, then ten that pay for themselves.
    for n in 1..=20 {
        let mut tx = (*entry(of(n, 0)).tx).clone();
        tx.tx.payer = Some(account(200));
        assert!(pool.insert(Entry::new(Arc::new(tx), 10), 0).is_in());
    }
    for n in 21..=30 {
        assert!(pool.insert(entry(of(n, 0)), 0).is_in());
    }
    let paid_for = |wanted: &Wanted| {
        let chosen = order(&pool, wanted);
        (chosen.iter().filter(|(n, _)| *n <= 20).count(), chosen.len())
    };
    assert_eq!(paid_for(&Wanted { weight: 100, ..ALL }), (5, 10));
    assert_eq!(paid_for(&Wanted { txs: 10, ..ALL }), (5, 10));
    assert_eq!(paid_for(&Wanted { weight: 250, ..ALL }), (15, 25), "what the others leave");
    assert_eq!(paid_for(&ALL), (20, 30));
}

#[test]
fn pool_7_the_expired_leave_and_the_last_valid_ms_is_still_valid() {
    let mut pool = pool();
    for (account, until) in [(1, 9), (2, 10), (3, 11)] {
        assert!(pool.insert(entry(Sketch { until, ..of(account, 0) }), 0).is_in());
    }
    assert_eq!(pool.expire(10), 1);
    assert_eq!(order(&pool, &ALL), [(2, 0), (3, 0)]);
}

#[test]
fn pool_8_a_block_takes_its_transactions_out_and_whatever_has_a_used_nonce() {
    let mut pool = pool();
    for nonce in 0..4 {
        assert!(pool.insert(entry(of(1, nonce)), 0).is_in());
    }
    // Another transaction of the same nonce was committed: ours of that nonce is void, too.
    let other: SignedTx = (*entry(Sketch { fee: 77, ..of(1, 1) }).tx).clone();
    let first: SignedTx = (*entry(of(1, 0)).tx).clone();
    pool.committed([&first, &other]);
    assert_eq!(order(&pool, &ALL), [(1, 2), (1, 3)]);
    pool.advance(&account(1), 40);
    assert!(pool.is_empty());
    assert_eq!(pool.bytes(), 0);
}

#[test]
fn pool_9_a_removed_one_leaves_a_gap_that_its_successors_wait_behind() {
    let mut pool = pool();
    for nonce in 0..3 {
        assert!(pool.insert(entry(of(1, nonce)), 0).is_in());
    }
    let middle = entry(of(1, 1));
    assert!(pool.remove(&middle.id).is_some());
    assert!(pool.remove(&middle.id).is_none());
    assert_eq!(order(&pool, &ALL), [(1, 0)]);
    assert!(pool.insert(middle, 0).is_in());
    assert_eq!(order(&pool, &ALL), [(1, 0), (1, 1), (1, 2)]);
}

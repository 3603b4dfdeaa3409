use super::{MEI, judge};
use leither_harness::executor::{Unfit, admissible, simulate};
use leither_harness::pallets::{orgs, params};
use leither_harness::{Chain, account, charter, issue, proposal, transfer};
use leither_state::{Overlay, Read};
use leither_types::{List, SignedTx, Status};
use std::sync::Arc;

fn state(chain: &Chain) -> Arc<dyn Read> {
    chain.state().clone()
}

/// Transactions of all sorts, done and refused.
fn sorts(chain: &mut Chain) -> Vec<SignedTx> {
    let org = chain.found(&["alice"], "tube", charter(&["alice"], 1));
    chain.join(org, "bob");
    vec![
        chain.sign(&["alice"], &[issue(org, account("bob"), 5), transfer(MEI, account("carol"), 3)]),
        chain.sign(&["bob"], &[proposal(org, &[transfer(MEI, account("ivan"), 1)])]),
        chain.sign(&["carol"], &[transfer(MEI, account("dave"), 1), transfer(MEI, account("carol"), 1)]),
        chain.sign(&["dave", "erin"], &[transfer(MEI, account("frank"), u128::MAX)]),
        chain.sign(&["erin"], &[issue(org, account("bob"), 5)]),
    ]
}

#[test]
fn exec_1_equal_arguments_give_equal_results_and_the_parent_stays() {
    let mut chain = Chain::default();
    let txs = sorts(&mut chain);
    let root = chain.state().root();
    let (block, built, unfit) = chain.propose(&txs);
    assert!(unfit.is_empty(), "{unfit:?}");
    for _ in 0..2 {
        let again = judge(&chain, &block).expect("it executes");
        assert_eq!((again.state_root, &again.writes, &again.receipts), (built.state_root, &built.writes, &built.receipts));
        assert_eq!((&again.touched, again.weight, &again.validators), (&built.touched, built.weight, &built.validators));
    }
    assert_eq!(chain.state().root(), root);
    assert_ne!(built.state_root, root);
}

#[test]
fn exec_4_simulate_says_what_execute_will() {
    let mut chain = Chain::default();
    for tx in sorts(&mut chain) {
        let said = simulate(state(&chain), &chain.next_info(), &tx, true).expect("no fault").expect("fit");
        let mut after = chain.clone();
        let receipts = after.block(std::slice::from_ref(&tx));
        assert_eq!(said.receipt, receipts[0]);
        assert_eq!(said.id, tx.id());
        let outcome = after.last.expect("an outcome");
        for (key, holding) in &said.writes.holdings {
            assert_eq!(outcome.writes.holdings.get(key), Some(holding), "{key:?}");
        }
    }
}

#[test]
fn exec_4_simulate_refuses_what_a_block_may_not_hold() {
    let chain = Chain::default();
    let good = chain.sign(&["alice"], &[transfer(MEI, account("bob"), 1)]);
    let mut bad = good.clone();
    let mut witness = bad.witnesses[0];
    witness.signature.0[0] ^= 1;
    bad.witnesses = List::new(vec![witness]).expect("one");
    let ask = |tx: &SignedTx, signed| simulate(state(&chain), &chain.next_info(), tx, signed).expect("no fault");
    assert_eq!(ask(&bad, true).map(|_| ()), Err(Unfit::Signature));
    assert_eq!(ask(&bad, false).map(|said| said.receipt.status), Ok(Status::Done), "a wallet asks before it signs");
    let mut late = chain.plan(&["alice"], &[transfer(MEI, account("bob"), 1)]);
    late.nonce = 4;
    assert_eq!(ask(&late.sign(), true).map(|_| ()), Err(Unfit::Nonce { want: 0, got: 4 }));
}

#[test]
fn exec_4_what_is_admissible_now_builds_and_what_is_ahead_waits() {
    let mut chain = Chain::default();
    chain.ok("alice", transfer(MEI, account("bob"), 1));
    let ask = |nonce: u64| {
        let mut plan = chain.plan(&["alice"], &[transfer(MEI, account("bob"), 1)]);
        plan.nonce = nonce;
        let overlay = Overlay::new(state(&chain));
        let base_fee = params::views::base_fee(&overlay).expect("no fault");
        admissible(&overlay, &chain.next_info(), base_fee, &plan.sign(), 100_000).expect("no fault")
    };
    let free = chain.holding(MEI, account("alice")).free;
    assert_eq!(ask(0), Err(Unfit::Nonce { want: 1, got: 0 }));
    assert_eq!(
        (ask(1), ask(2)),
        (Ok((1, free)), Ok((1, free))),
        "the pool is told the account's next nonce and what it can pay"
    );
}

#[test]
fn exec_2_receipts_of_a_blocks_end_hold_256_events_each() {
    let mut chain = Chain::default();
    chain.trusting = true;
    let org = chain.found(&["alice"], "tube", orgs::Charter { quorum_bp: 10_000, ..charter(&["alice"], 1) });
    chain.join(org, "bob");
    // 32 proposals of 8 payments each end in one block: 8 events and one for the close.
    chain.ok("judy", transfer(MEI, org.treasury(), 1_000));
    let eight = [0; 8].map(|_| transfer(MEI, account("ivan"), 1));
    for _ in 0..4 {
        chain.all_ok(&["alice"], &[0; 8].map(|_| proposal(org, &eight)));
    }
    let ballot = |n| leither_harness::pallets::Call::Orgs(orgs::Call::Vote { org, proposal: n, yes: true, weight: None });
    for start in [0, 16] {
        chain.all_ok(&["alice"], &(start..start + 16).map(ballot).collect::<Vec<_>>());
    }
    let first = chain.sign(&["bob"], &(0..16).map(ballot).collect::<Vec<_>>());
    let mut second = chain.plan(&["bob"], &(16..32).map(ballot).collect::<Vec<_>>());
    second.nonce += 1;
    let receipts = chain.block(&[first, second.sign()]);
    let lengths: Vec<_> = receipts[2..].iter().map(|receipt| receipt.events.len()).collect();
    assert_eq!(lengths, [256, 34], "288 of the proposals, and the fees' two");
    assert_eq!(chain.holding(MEI, org.treasury()).free.0, 1_000 - 256);
}

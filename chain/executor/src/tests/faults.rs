use super::MEI;
use leither_harness::executor::{NobodyVerified, Parent, Refused, build, execute, simulate};
use leither_harness::pallets::{BlockInfo, Call, mimei, orgs, params};
use leither_harness::{Chain, Failing, account, charter, issue, proposal, text, transfer};
use leither_types::{Amount, SignedTx, TokenId};
use std::sync::Arc;

/// A chain on the eve of a block that touches everything: payments in two tokens, an income that is shared, a claim, votes that decide, a
/// proposal that is due and one whose calls fail, a pay-out under way, a sponsored fee, a MiMei.
fn eve() -> (Chain, Vec<SignedTx>) {
    let mut chain = Chain::default();
    let rules = orgs::Charter { push_least: Amount(1), allowance: Amount(10_000_000), ..charter(&["alice"], 1) };
    let org = chain.found(&["alice"], "tube", rules);
    let tube = TokenId::of_org(&org);
    for who in ["bob", "carol"] {
        chain.join(org, who);
        chain.ok("alice", issue(org, account(who), 10));
    }
    chain.ok("judy", transfer(MEI, org.treasury(), 1_000_000_000));
    chain.ok("bob", proposal(org, &[transfer(MEI, account("ivan"), 1)]));
    chain.ok("bob", proposal(org, &[transfer(MEI, account("ivan"), u128::MAX)]));
    chain.ok("carol", Call::Orgs(orgs::Call::Vote { org, proposal: 0, yes: true, weight: Some(Amount(6)) }));
    chain.pass(59_000);
    let income = Call::Orgs(orgs::Call::Income { org, token: MEI, amount: Amount(1_000), note: text("views") });
    chain.ok("judy", income.clone());
    chain.pass(2_000);
    let vote = |proposal, weight| Call::Orgs(orgs::Call::Vote { org, proposal, yes: true, weight: Some(Amount(weight)) });
    chain.ok("bob", proposal(org, &[transfer(MEI, account("ivan"), u128::MAX)]));
    let mut sponsored = chain.plan(&["bob"], &[vote(2, 10)]);
    sponsored.payer = Some(org.treasury());
    let txs = vec![
        chain.sign(&["alice"], &[transfer(MEI, account("dave"), 5), transfer(MEI, account("alice"), 1)]),
        chain.sign(
            &["carol"],
            &[transfer(tube, account("dave"), 1), vote(2, 3), Call::Orgs(orgs::Call::Claim { org, token: MEI })],
        ),
        sponsored.sign(),
        chain.sign(&["judy"], &[income]),
        chain.sign(
            &["erin"],
            &[Call::Mimei(mimei::Call::Create { app: text("tube"), kind: text("dir"), mark: text(mimei::MARK_AUTO) })],
        ),
    ];
    (chain, txs)
}

fn failing(chain: &Chain, good: u32) -> (Parent, Arc<Failing>) {
    let state = Arc::new(Failing::after(good, chain.state().clone()));
    (Parent { state: state.clone(), ..chain.parent().clone() }, state)
}

#[test]
fn exec_3_a_fault_anywhere_stops_the_node_and_blames_neither_block_nor_user() {
    let (chain, txs) = eve();
    let (block, whole, unfit) = chain.propose(&txs);
    assert!(unfit.is_empty(), "{unfit:?}");
    let mut faults = 0;
    loop {
        let (parent, state) = failing(&chain, faults);
        match execute(&parent, &block, &NobodyVerified) {
            Err(Refused::Fault(_)) => assert!(state.has_failed()),
            Err(Refused::Invalid(why)) => panic!("read {faults} failed, and the block was blamed: {why}"),
            Ok(outcome) => {
                assert!(!state.has_failed(), "read {faults} failed, and nobody noticed");
                assert_eq!(outcome.receipts, whole.receipts);
                break;
            }
        }
        faults += 1;
    }
    assert!(faults > 60, "the block reads a lot: {faults}");
}

#[test]
fn exec_3_a_fault_while_building_names_no_transaction_unfit() {
    let (chain, txs) = eve();
    let candidates: Vec<_> = txs.into_iter().map(Arc::new).collect();
    let mut faults = 0;
    loop {
        let (parent, state) = failing(&chain, faults);
        let built = build(&parent, &chain.draft(), &candidates, &NobodyVerified);
        assert_eq!(built.is_err(), state.has_failed(), "read {faults}");
        if let Ok((block, _, unfit)) = built {
            assert_eq!((block.txs.len(), unfit.len()), (candidates.len(), 0));
            break;
        }
        faults += 1;
    }
}

#[test]
fn exec_3_a_fault_in_a_simulation_is_a_fault() {
    let (chain, txs) = eve();
    let params = params::views::params(&**chain.state()).expect("memory does not fail");
    let info = BlockInfo { chain: chain.id(), height: chain.parent().height + 1, time: chain.next_time(), params };
    for tx in &txs {
        let mut faults = 0;
        loop {
            let (parent, state) = failing(&chain, faults);
            let said = simulate(parent.state, &info, tx, true);
            assert_eq!(said.is_err(), state.has_failed(), "read {faults}");
            if said.is_ok() {
                break;
            }
            faults += 1;
        }
    }
}

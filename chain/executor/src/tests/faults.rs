use super::MEI;
use leither_harness::executor::{NobodyVerified, Parent, Refused, build, execute, simulate};
use leither_harness::pallets::{Call, Event, describe_event, mimei, orgs, streams, tokens};
use leither_harness::{Chain, Failing, Setup, account, charter, issue, proposal, text, transfer};
use leither_types::{Amount, Params, SignedTx, Status, TokenId};
use std::sync::Arc;

/// A chain on the eve of a block that touches everything: payments in two tokens, an income that is shared, a claim, a vote that decides on
/// calls that fail, a proposal that is due and passes, a pay-out under way, a sponsored fee, a MiMei, a stream that is drawn.
fn eve() -> (Chain, Vec<SignedTx>) {
    // Two holders a block: of four, two are left for the block itself.
    let params = Params { pushes_max: 2, ..Params::dev() };
    let mut chain = Chain::new(&Setup { params, ..Setup::default() });
    let allowance = Amount(10_000_000);
    let rules = orgs::Charter { push_least: Amount(1), quorum_bp: 2_000, allowance, ..charter(&["alice"], 1) };
    let org = chain.found(&["alice"], "tube", rules);
    let tube = TokenId::of_org(&org);
    for (who, units) in [("bob", 30), ("carol", 10), ("erin", 10), ("frank", 1)] {
        chain.join(org, who);
        chain.ok("alice", issue(org, account(who), units));
    }
    chain.ok("judy", transfer(MEI, org.treasury(), 1_000_000_000));
    let start = chain.next_time();
    let (to, amount, end) = (account("grace"), Amount(1_000_000), start + 1_000_000);
    let terms = streams::Terms { to, token: MEI, amount, start, cliff: start, end, step_ms: 1_000, is_fixed: false };
    chain.ok("judy", Call::Streams(streams::Call::Open(terms)));
    let vote = |proposal, yes, weight| Call::Orgs(orgs::Call::Vote { org, proposal, yes, weight: Some(Amount(weight)) });
    chain.ok("bob", proposal(org, &[transfer(MEI, account("ivan"), 1)]));
    chain.ok("erin", vote(0, true, 10));
    chain.ok("carol", vote(0, false, 6));
    let income = Call::Orgs(orgs::Call::Income { org, token: MEI, amount: Amount(1_000_000), note: text("views") });
    let due = chain.proposal(org, 0).until;
    chain.now = due - 400;
    chain.ok("judy", income.clone());
    chain.now = due - 200;
    chain.ok("bob", proposal(org, &[transfer(MEI, account("ivan"), u128::MAX)]));
    chain.now = due;
    let mut sponsored = chain.plan(&["bob"], &[vote(1, true, 30)]);
    sponsored.payer = Some(org.treasury());
    let txs = vec![
        chain.sign(&["alice"], &[transfer(MEI, account("dave"), 5), transfer(MEI, account("alice"), 1)]),
        chain.sign(&["carol"], &[transfer(tube, account("dave"), 1), vote(1, true, 3)]),
        sponsored.sign(),
        chain.sign(&["judy"], &[income]),
        // Frank is owed less than it costs to pay him, so that no push has come before the claim.
        chain.sign(&["frank"], &[Call::Orgs(orgs::Call::Claim { org, token: MEI })]),
        chain.sign(
            &["erin"],
            &[Call::Mimei(mimei::Call::Create { app: text("tube"), kind: text("dir"), mark: text(mimei::MARK_AUTO) })],
        ),
        chain.sign(&["heidi"], &[Call::Streams(streams::Call::Draw { stream: 1 })]),
    ];
    (chain, txs)
}

#[test]
fn exec_3_the_block_that_fails_at_each_read_does_all_that_a_block_can() {
    let (mut chain, txs) = eve();
    let receipts = chain.block(&txs);
    let done: Vec<_> = receipts.iter().map(|receipt| receipt.status == Status::Done).collect();
    assert_eq!(
        done,
        [false, true, true, true, true, true, true, true],
        "alice's alone is refused; the last is the block's end"
    );
    let end: Vec<_> = receipts[7].events.iter().filter_map(|bytes| describe_event(bytes)).collect();
    let closed = |event: &Event| match event {
        Event::Orgs(orgs::Event::Closed { outcome, .. }) => Some(*outcome),
        _ => None,
    };
    assert_eq!(end.iter().filter_map(closed).collect::<Vec<_>>(), [orgs::Outcome::Done, orgs::Outcome::Failed]);
    assert!(end.iter().any(|event| matches!(event, Event::Tokens(tokens::Event::Claimed { .. }))), "a page is paid out");
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
    let info = chain.next_info();
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

use super::{MEI, forced, invalid, judge, judge_with};
use leither_harness::executor::{FormError, Invalid, Unfit, Verified, check_form, check_tx};
use leither_harness::pallets::{Call, wasm};
use leither_harness::{Chain, Plan, account, transfer};
use leither_types::{
    Amount, Blob, CallBytes, DecodeError, Hash, List, Signature, SignedTx, Status, TX_BYTES_MAX, VALID_FOR_MS_MAX, Witness,
};
use parity_scale_codec::Encode;

fn plan(chain: &Chain) -> Plan {
    chain.plan(&["alice"], &[transfer(MEI, account("bob"), 1)])
}

/// EXEC-2, from both sides: who builds leaves it out and says why; who executes a block with it refuses the block and says why. The state
/// stays as it is, and a fit transaction beside it is not harmed.
fn unfit(chain: &Chain, tx: &SignedTx) -> Unfit {
    let fit = chain.sign(&["carol"], &[transfer(MEI, account("dave"), 1)]);
    let root = chain.state().root();
    let (block, outcome, left_out) = chain.propose(&[tx.clone(), fit.clone()]);
    assert_eq!((block.txs.len(), block.txs[0].id()), (1, fit.id()), "the fit one alone is in");
    assert_eq!(outcome.receipts[0].status, Status::Done);
    assert_eq!(left_out.len(), 1);
    let block = forced(chain, &[fit, tx.clone()]);
    let Invalid::Tx { index: 1, why } = invalid(judge(chain, &block)) else { panic!("another fault was found first") };
    assert_eq!((tx.id(), why.clone()), left_out[0], "both name the same reason");
    assert_eq!(chain.state().root(), root);
    why
}

#[test]
fn exec_2_a_replayed_or_gapped_nonce_makes_the_block_invalid() {
    let mut chain = Chain::default();
    let first = plan(&chain).sign();
    chain.block(std::slice::from_ref(&first));
    assert_eq!(unfit(&chain, &first), Unfit::Nonce { want: 1, got: 0 }, "a replay");
    for got in [0, 2, 17, u64::MAX] {
        assert_eq!(unfit(&chain, &Plan { nonce: got, ..plan(&chain) }.sign()), Unfit::Nonce { want: 1, got });
    }
    let twice = plan(&chain).sign();
    let block = forced(&chain, &[twice.clone(), twice]);
    let why = Unfit::Nonce { want: 2, got: 1 };
    assert_eq!(invalid(judge(&chain, &block)), Invalid::Tx { index: 1, why }, "nor twice in one block");
}

#[test]
fn exec_2_another_chains_transaction_makes_the_block_invalid() {
    let chain = Chain::default();
    let other = Hash([5; 32]);
    let tx = Plan { chain: other, ..plan(&chain) }.sign();
    assert_eq!(unfit(&chain, &tx), Unfit::Form(FormError::Chain { signed: other, here: chain.id() }));
    // Naming this chain afterwards breaks the signature.
    let mut named = tx;
    named.tx.chain = chain.id();
    assert_eq!(unfit(&chain, &named), Unfit::Signature);
}

#[test]
fn exec_2_what_has_expired_or_is_for_later_makes_the_block_invalid() {
    let mut chain = Chain::default();
    chain.pass(1_000);
    let now = chain.next_time();
    let until = |valid_until| Plan { valid_until, ..plan(&chain) }.sign();
    assert_eq!(unfit(&chain, &until(now - 1)), Unfit::Expired { until: now - 1, now });
    assert_eq!(unfit(&chain, &until(0)), Unfit::Expired { until: 0, now });
    let late = now + VALID_FOR_MS_MAX + 1;
    assert_eq!(unfit(&chain, &until(late)), Unfit::TooLong { until: late, now });
    assert_eq!(unfit(&chain, &until(u64::MAX)), Unfit::TooLong { until: u64::MAX, now });
    for fine in [now, now + VALID_FOR_MS_MAX] {
        chain.clone().block(&[until(fine)]);
    }
}

#[test]
fn exec_2_a_bad_signature_makes_the_block_invalid() {
    let chain = Chain::default();
    let good = plan(&chain).sign();
    let spoilt = |at: usize| {
        let mut tx = good.clone();
        let mut witness = tx.witnesses[0];
        witness.signature.0[at] ^= 1;
        tx.witnesses = List::new(vec![witness]).expect("one");
        tx
    };
    for at in [0, 31, 32, 63] {
        assert_eq!(unfit(&chain, &spoilt(at)), Unfit::Signature);
    }
    let mut changed = good.clone();
    changed.tx.max_fee = Amount(1 << 90);
    assert_eq!(unfit(&chain, &changed), Unfit::Signature, "every field is signed");
    let mut second = chain.plan(&["alice", "bob"], &[transfer(MEI, account("carol"), 1)]).sign();
    let bob = Witness { signature: second.witnesses[0].signature, ..second.witnesses[1] };
    second.witnesses = List::new(vec![second.witnesses[0], bob]).expect("two");
    assert_eq!(unfit(&chain, &second), Unfit::Signature, "of every signer");
}

struct Knows(Hash);

impl Verified for Knows {
    fn is_verified(&self, full_hash: &Hash) -> bool {
        *full_hash == self.0
    }
}

#[test]
fn exec_5_a_cached_valid_signature_swapped_for_a_bad_one_is_seen() {
    let chain = Chain::default();
    let good = plan(&chain).sign();
    let cache = Knows(good.full_hash());
    let mut bad = good.clone();
    bad.witnesses = List::new(vec![Witness { signature: Signature::default(), ..good.witnesses[0] }]).expect("one");
    assert_eq!(bad.id(), good.id(), "the same transaction by name");
    let block = forced(&chain, &[bad]);
    let why = Unfit::Signature;
    assert_eq!(invalid(judge_with(&chain, &block, &cache)), Invalid::Tx { index: 0, why });
    let (block, _, _) = chain.propose(&[good]);
    assert!(judge_with(&chain, &block, &cache).is_ok());
}

#[test]
fn exec_2_signers_and_witnesses_fit_each_other() {
    let chain = Chain::default();
    let form = |tx: &SignedTx| match unfit(&chain, tx) {
        Unfit::Form(form) => form,
        other => panic!("not the form: {other}"),
    };
    let twice = chain.plan(&["alice", "bob", "alice"], &[transfer(MEI, account("carol"), 1)]).sign();
    assert_eq!(form(&twice), FormError::Signers);
    let none = chain.plan(&[], &[transfer(MEI, account("carol"), 1)]).sign();
    assert_eq!(form(&none), FormError::Signers);
    let good = chain.plan(&["alice", "bob"], &[transfer(MEI, account("carol"), 1)]).sign();
    let with = |witnesses: Vec<Witness>| {
        let witnesses = List::new(witnesses).expect("at most 8");
        SignedTx { witnesses, ..good.clone() }
    };
    let (alice, bob) = (good.witnesses[0], good.witnesses[1]);
    assert_eq!(form(&with(vec![alice])), FormError::Witness(1));
    assert_eq!(form(&with(vec![alice, bob, bob])), FormError::Witness(2));
    assert_eq!(form(&with(vec![bob, alice])), FormError::Witness(0), "in the signers' order");
}

#[test]
fn exec_2_calls_are_well_formed_and_within_the_weight_limit() {
    let chain = Chain::default();
    let with = |calls: Vec<CallBytes>| Plan { calls, ..plan(&chain) }.sign();
    assert_eq!(unfit(&chain, &with(vec![])), Unfit::Form(FormError::Calls));
    let fine = plan(&chain).calls.remove(0);
    let mut longer = fine.to_vec();
    longer.push(0);
    let malformed = [vec![], vec![0], vec![9, 9], vec![1, 99], fine[..fine.len() - 1].to_vec(), longer];
    for bytes in malformed {
        let tx = with(vec![fine.clone(), CallBytes::new(bytes).expect("short")]);
        assert!(matches!(unfit(&chain, &tx), Unfit::Form(FormError::Call { index: 1, .. })));
    }
    assert_eq!(unfit(&chain, &Plan { version: 2, ..plan(&chain) }.sign()), Unfit::Form(FormError::Version(2)));
    let weight = check_tx(&plan(&chain).sign(), &chain.id()).expect("fit").all;
    let twice = check_tx(&with(vec![fine.clone(), fine.clone()]), &chain.id()).expect("fit").all;
    assert_eq!(twice - weight, 10 * fine.len() as u64 + 10_000 + 30_000, "a further call");
    let light = Plan { weight_limit: weight - 1, ..plan(&chain) }.sign();
    assert_eq!(unfit(&chain, &light), Unfit::Form(FormError::WeightLimit { limit: weight - 1, weight }));
    let fee = Amount(u128::from(weight));
    let cheap = Plan { max_fee: Amount(fee.0 - 1), ..plan(&chain) }.sign();
    assert_eq!(unfit(&chain, &cheap), Unfit::MaxFee { fee, max: Amount(fee.0 - 1) });
    chain.clone().block(&[Plan { max_fee: fee, weight_limit: weight, ..plan(&chain) }.sign()]);
}

/// BLOCK-7: of a transaction's weight the part that is contracts' is known with the whole.
#[test]
fn what_of_a_transaction_is_contracts_is_known_with_its_weight() {
    let chain = Chain::default();
    let enter = |gas: u64| {
        let (contract, msg) = (account("judy"), Blob::new(b"{}".to_vec()).expect("short"));
        Call::Wasm(wasm::Call::Execute { contract, msg, funds: List::default(), gas })
    };
    let pay = transfer(MEI, account("judy"), 1);
    let store = Call::Wasm(wasm::Call::Store { code: Hash::ZERO, pieces: 2 });
    let discard = Call::Wasm(wasm::Call::Discard { code: Hash::ZERO });
    for (calls, contracts) in [
        (vec![pay.clone(), pay.clone()], 0),
        (vec![pay.clone(), enter(30_000_001), enter(50_000_000)], 60_001 + 100_000),
        (vec![store.clone(), discard, pay], store.weight()),
    ] {
        let tx = chain.sign(&["alice"], &calls);
        let weights = check_tx(&tx, &chain.id()).expect("fit");
        assert_eq!((weights.contracts, Some(weights.all)), (contracts, leither_harness::executor::weight(&tx.tx)), "{calls:?}");
    }
}

#[test]
fn exec_2_who_cannot_pay_makes_the_block_invalid() {
    let mut chain = Chain::default();
    let poor = chain.plan(&["nobody"], &[transfer(MEI, account("bob"), 1)]).sign();
    assert!(matches!(unfit(&chain, &poor), Unfit::CannotPay { have: Amount(0), .. }));
    let fee = chain.call("alice", transfer(MEI, account("nobody"), 100)).fee;
    let poor = chain.plan(&["nobody"], &[transfer(MEI, account("bob"), 1)]).sign();
    assert_eq!(unfit(&chain, &poor), Unfit::CannotPay { have: Amount(100), fee });
    let stranger = Plan { payer: Some(account("bob")), ..plan(&chain) }.sign();
    assert_eq!(unfit(&chain, &stranger), Unfit::Payer, "bob has not signed");
    let before = chain.free(MEI, "bob");
    let with_bob = Plan { payer: Some(account("bob")), ..chain.plan(&["alice", "bob"], &[transfer(MEI, account("carol"), 1)]) };
    let receipts = chain.block(&[with_bob.sign()]);
    assert_eq!(chain.free(MEI, "bob"), before - receipts[0].fee.0);
}

#[test]
fn exec_2_a_refused_call_keeps_fee_and_nonce_and_takes_back_the_rest() {
    let mut chain = Chain::default();
    let before = chain.holding(MEI, account("alice"));
    let calls = [transfer(MEI, account("bob"), 5), transfer(MEI, account("alice"), 1)];
    let receipt = chain.run(&["alice"], &calls);
    let Status::Failed(failure) = &receipt.status else { panic!("it was done") };
    assert_eq!((failure.call, failure.error.to_vec()), (1, vec![2, 2]), "the call's index, and the stable code of `ToSelf`");
    let after = chain.holding(MEI, account("alice"));
    assert_eq!((after.nonce, after.free), (before.nonce + 1, Amount(before.free.0 - receipt.fee.0)));
    assert!(receipt.events.is_empty());
}

#[test]
fn exec_2_malformed_bytes_are_no_transaction() {
    let chain = Chain::default();
    let good = plan(&chain).sign().encode();
    assert!(check_form(&good, &chain.id()).is_ok());
    for end in 0..good.len() {
        assert!(check_form(&good[..end], &chain.id()).is_err(), "cut at {end}");
    }
    let longer = [&good[..], &[0]].concat();
    assert!(matches!(check_form(&longer, &chain.id()), Err(FormError::Decode(_))));
    let huge = vec![0; TX_BYTES_MAX + 1];
    let too_long = DecodeError::TooLong { len: TX_BYTES_MAX + 1, max: TX_BYTES_MAX };
    assert_eq!(check_form(&huge, &chain.id()), Err(FormError::Decode(too_long)));
    // A signers' list that says it has 2^30 - 1 entries.
    let mut bomb = good;
    bomb[33..37].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff]);
    assert!(matches!(check_form(&bomb, &chain.id()), Err(FormError::Decode(_))));
}

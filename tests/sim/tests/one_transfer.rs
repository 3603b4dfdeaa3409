//! One transaction, one straight walk: submit, admit, propose, execute, commit, record, notify. Read this first.
//!
//! Every piece is the node's own; what the node adds is when (consensus), how many (threads) and who else (the net). Alice pays Bob
//! 5 mei on a chain with one validator, and in the end a stranger who knows nothing but the chain's id can check that she did.

use leither_executor::{Draft, NobodyVerified, Parent, admissible, build, check_form, execute, genesis_state};
use leither_harness::{account, key, text, transfer};
use leither_pallets::{BlockInfo, params};
use leither_pool::{Entry, Limits, Pool, Verdict, Wanted};
use leither_state::{Answer, Fault, Overlay, Question};
use leither_store::{Commit, Store};
use leither_types::*;
use parity_scale_codec::Encode;
use std::sync::{Arc, mpsc};

const MEI: u128 = 1_000_000_000;
const NOON: Millis = 1_700_000_000_000;

/// A chain of one validator, on which Alice has 100 mei: issued for a reason, with evidence, like every unit there will ever be.
fn genesis() -> Genesis {
    let validator = Validator { key: key("validator").public(), power: 1, operator: account("operator") };
    let evidence = tagged("one-transfer/evidence", &[b"a signed letter"]);
    let given =
        Allocation { account: account("alice"), amount: Amount::new(100 * MEI), reason: text("the first member"), evidence };
    let head = GenesisHead {
        version: GENESIS_VERSION,
        name: text("one-transfer"),
        time: NOON,
        validators: ValidatorSet::new(vec![validator]).unwrap(),
        params: Params::dev(),
        dev: true,
        allocations: Hash::ZERO,
        origin: None,
    };
    Genesis::new(head, vec![given]).unwrap()
}

#[test]
fn one_transfer_walks_the_seven_verbs() {
    let genesis = genesis();
    let chain = genesis.chain(); // the chain's name is the hash of how it began: every signature below binds it
    let dir = tempfile::tempdir().unwrap();
    let initial = || genesis_state(&genesis).map_err(|e| Fault::Corrupt(e.to_string()));
    let store = Store::open(dir.path(), &genesis.head, &initial).unwrap();

    // 1 submit: Alice's wallet signs, and hands the node nothing but bytes.
    let call = transfer(TokenId::NATIVE, account("bob"), 5 * MEI);
    let tx = Tx {
        version: TX_VERSION,
        chain,
        signers: List::new(vec![account("alice")]).unwrap(),
        payer: None, // nobody named: the first signer pays the fee
        nonce: 0,    // her first transaction
        valid_until: NOON + 60_000,
        max_fee: Amount::new(MEI),
        weight_limit: 1_000_000,
        calls: List::new(vec![call.write().unwrap()]).unwrap(),
    };
    let bytes = tx.sign(&[&key("alice")]).unwrap().encode();

    // 2 admit: form, then signature, then state; only then does it cost the pool a seat.
    let (tx, weights) = check_form(&bytes, &chain).unwrap();
    let tx = Arc::new(tx);
    let message = tx.tx.sign_bytes();
    assert!(tx.claims(&message).iter().all(|claim| claim.key.verify(claim.message, &claim.signature)));
    let state = store.snapshot().unwrap();
    let rules = params::views::params(&*state).unwrap();
    let base_fee = params::views::base_fee_at(&*state).unwrap();
    let next = BlockInfo { chain, height: 1, time: NOON + 1_000, params: rules.clone(), contracts: Default::default() };
    let (nonce, can_pay) = admissible(&Overlay::new(state.clone()), &next, base_fee, &tx, weights.all).unwrap().unwrap();
    let mut pool = Pool::new(Limits::default());
    assert_eq!(pool.insert(Entry { can_pay, ..Entry::new(tx.clone(), weights.all) }, nonce), Verdict::Admitted);

    // 3 propose: whose turn it is asks the pool for the best and folds it into a block. The header states where it leads.
    let head = store.head().unwrap();
    let parent = Parent {
        chain,
        height: 0,
        id: head.id,
        time: head.time,
        certificate: head.certificate.clone(),
        state,
        contracts: Default::default(),
    };
    let wanted = Wanted { txs: 100, bytes: 100_000, weight: rules.block_weight_max, contracts: 0, base_fee, now: next.time };
    let draft = Draft { time: next.time, proposer: ValidatorId::of_key(&key("validator").public()), evidence: Vec::new() };
    let (block, _, unfit) = build(&parent, &draft, &pool.best(&wanted), &NobodyVerified).unwrap();
    assert!(unfit.is_empty() && block.txs.len() == 1);

    // 4 execute: every validator does the same fold for itself, from the block's bytes alone, and votes only for what it finds.
    let block: Block = decode(&block.encode()).unwrap();
    let outcome = execute(&parent, &block, &NobodyVerified).unwrap();
    assert_eq!(outcome.state_root, block.header.state_root);

    // 5 commit: more than two thirds of the power have signed the block's id (here: the one there is). Now it is final.
    let vote = Vote { kind: VoteKind::Precommit, height: 1, round: 0, block: Some(block.id()), validator: draft.proposer };
    let signature = key("validator").sign(&vote.sign_bytes(&chain));
    let signatures = List::new(vec![CommitSig { validator: draft.proposer, signature }]).unwrap();
    let certificate = Certificate { height: 1, round: 0, block: block.id(), signatures };
    assert!(certificate.is_valid(&chain, &genesis.head.validators));

    // 6 record: block, state, receipts and height go to disk in one write, or none of them does.
    let (receipts, touched) = (&outcome.receipts, &outcome.touched);
    let (writes, next_set) = (&outcome.writes, &outcome.validators);
    let commit = Commit { block: &block, certificate: &certificate, writes, receipts, touched, versions: &[], next_set };
    store.commit(&commit).unwrap();
    pool.committed(&*block.txs);
    assert!(pool.is_empty());

    // 7 notify: whoever listens is told the height, and finds everything by it.
    let (feed, listener) = mpsc::channel();
    feed.send(store.head().unwrap().height).unwrap();
    let height: Height = listener.recv().unwrap();
    assert_eq!(store.tx(&tx.id()).unwrap(), Some((height, 0)));
    let receipt = store.receipts(height).unwrap().unwrap().remove(0);
    assert_eq!((receipt.tx, &receipt.status), (tx.id(), &Status::Done));

    // And the stranger: leaf, header, certificate, validators, genesis hash. No node has to be believed.
    let has = |who: &str| {
        let question = Question::Holding { token: TokenId::NATIVE, id: account(who) };
        match store.prove(&question).unwrap().unwrap().verify(&chain, &question).unwrap() {
            Answer::Holding(holding) => holding.unwrap_or_default(),
            Answer::Record(_) => unreachable!("a holding was asked for"),
        }
    };
    assert_eq!(has("bob").free, Amount::new(5 * MEI));
    assert_eq!(has("alice").free.0, 95 * MEI - receipt.fee.0);
    assert_eq!(has("alice").nonce, 1, "so this very transaction can never be played again");
}

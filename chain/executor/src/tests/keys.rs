use super::{MEI, forced, invalid, judge};
use leither_harness::executor::{Invalid, Unfit};
use leither_harness::{Chain, account, key, transfer};
use leither_state::{Read, WriteSet};
use leither_types::{AccountId, Amount, List, PublicKey, Signature, SignedTx, Witness};

/// The points of small order on edwards25519: eight, and their non-canonical encodings, as hex.
const SMALL: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

fn small_keys() -> Vec<PublicKey> {
    let parse = |hex: &&str| format!("0x{hex}").parse().expect("32 bytes of hex");
    SMALL.iter().map(parse).collect()
}

#[test]
fn accounts_3_a_key_of_small_order_owns_no_account() {
    for (n, weak) in small_keys().into_iter().enumerate() {
        let mut chain = Chain::default();
        let owner = AccountId::of_key(&weak);
        chain.ok("alice", transfer(MEI, owner, 1_000_000_000));
        let mut tx = chain.plan(&["alice"], &[transfer(MEI, account("bob"), 1)]).tx();
        tx.signers = List::new(vec![owner]).expect("one");
        tx.nonce = 0;
        // The neutral point and zero: under ZIP-215 a signature of anything by any such key, made by anyone.
        let mut forged = [0; 64];
        forged[0] = 1;
        let witness = Witness { key: weak, signature: Signature(forged) };
        assert!(weak.verify(&tx.sign_bytes(), &witness.signature), "key {n}: the signature itself would hold");
        let tx = SignedTx { tx, witnesses: List::new(vec![witness]).expect("one") };
        let block = forced(&chain, std::slice::from_ref(&tx));
        assert_eq!(invalid(judge(&chain, &block)), Invalid::Tx { index: 0, why: Unfit::WeakKey(0) }, "key {n}");
        let (block, _, unfit) = chain.propose(&[tx]);
        assert_eq!((block.txs.len(), unfit.len()), (0, 1));
    }
}

#[test]
fn accounts_3_the_first_transaction_binds_the_key_and_no_second_key_is_accepted() {
    let mut chain = Chain::default();
    let bound = |chain: &Chain, who: &str| chain.holding(MEI, account(who)).key;
    assert_eq!(bound(&chain, "alice"), PublicKey::default());
    chain.all_ok(&["alice", "bob"], &[transfer(MEI, account("carol"), 1)]);
    assert_eq!(bound(&chain, "alice"), key("alice").public());
    assert_eq!(bound(&chain, "bob"), key("bob").public(), "a co-signer's as well");
    // Two keys with one 160-bit id cannot be found; so the account is bound to another one by hand.
    let state = chain.state().clone();
    let mut holding = state.holding(&MEI, &account("alice")).expect("memory does not fail").expect("it is there");
    holding.key = key("mallory").public();
    let mut writes = WriteSet::default();
    writes.holdings.insert((MEI, account("alice")), Some(holding));
    chain.plant(&writes);
    let tx = chain.sign(&["alice"], &[transfer(MEI, account("bob"), 1)]);
    let block = forced(&chain, &[tx]);
    assert_eq!(invalid(judge(&chain, &block)), Invalid::Tx { index: 0, why: Unfit::Key });
    let tx = chain.sign(&["bob", "alice"], &[transfer(MEI, account("carol"), 1)]);
    let block = forced(&chain, &[tx]);
    assert_eq!(invalid(judge(&chain, &block)), Invalid::Tx { index: 0, why: Unfit::Key }, "nor as a co-signer");
    assert_eq!(chain.holding(MEI, account("alice")).locked, Amount(0));
}

use super::MEI;
use leither_harness::pallets::{Call, Error, accounts, orgs};
use leither_harness::{Chain, account, text, transfer};
use leither_types::{Amount, Status};

fn short(have: u128, need: u128) -> Error {
    Error::Accounts(accounts::Error::Short { have: Amount(have), need: Amount(need) })
}

#[test]
fn accounts_1_nothing_is_spent_that_is_locked() {
    let mut chain = Chain::default();
    chain.org_of(&[]);
    let locked = chain.locked(MEI, "alice");
    assert!(locked > 0, "founding locked a deposit");
    let free = chain.free(MEI, "alice");
    let receipt = chain.call("alice", transfer(MEI, account("bob"), free));
    assert_ne!(receipt.status, Status::Done, "all that was free before the fee is more than what is free after it");
    assert_eq!(chain.locked(MEI, "alice"), locked);
    let free = chain.free(MEI, "alice");
    let fee = receipt.fee.0;
    chain.ok("alice", transfer(MEI, account("bob"), free - fee));
    assert_eq!((chain.free(MEI, "alice"), chain.locked(MEI, "alice")), (0, locked), "all but the deposit can be spent");
}

#[test]
fn accounts_1_amounts_that_overflow_are_refused_and_change_nothing() {
    let mut chain = Chain::default();
    for amount in [u128::MAX, u128::MAX - 1, 1 << 96] {
        let before = chain.free(MEI, "bob");
        let fee = chain.call("alice", transfer(MEI, account("carol"), 1)).fee.0;
        let have = chain.free(MEI, "alice") - fee;
        assert_eq!(chain.refused("alice", transfer(MEI, account("bob"), amount)), short(have, amount));
        assert_eq!(chain.free(MEI, "bob"), before);
    }
}

#[test]
fn accounts_2_the_nonce_grows_by_one_a_transaction_refused_or_not() {
    let mut chain = Chain::default();
    let nonce = |chain: &Chain| chain.holding(MEI, account("alice")).nonce;
    chain.ok("alice", transfer(MEI, account("bob"), 1));
    assert_eq!(nonce(&chain), 1);
    chain.refused("alice", transfer(MEI, account("alice"), 1));
    assert_eq!(nonce(&chain), 2, "a refused call uses its nonce");
    chain.all_ok(&["bob", "alice"], &[transfer(MEI, account("carol"), 1)]);
    assert_eq!(nonce(&chain), 2, "who signs behind the first one uses none");
}

#[test]
fn accounts_4_deposits_are_locked_with_the_depositor_and_come_back_in_full() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    let apply = Call::Orgs(orgs::Call::Apply { org, evidence: None, note: text("let me in") });
    for admitted in [false, true] {
        let whole = |chain: &Chain| chain.free(MEI, "bob") + chain.locked(MEI, "bob");
        let before = whole(&chain);
        let mut fees = chain.call("bob", apply.clone()).fee.0;
        let deposit = chain.locked(MEI, "bob");
        assert!(deposit > 0);
        assert_eq!(whole(&chain), before - fees, "a deposit is not taken");
        if admitted {
            chain.ok("alice", Call::Orgs(orgs::Call::Admit { org, who: account("bob") }));
            assert_eq!(chain.member(org, "bob").expect("a member").deposit, Amount(deposit));
            assert_eq!(chain.locked(MEI, "bob"), deposit, "it stays as long as the membership does");
            fees += chain.call("bob", Call::Orgs(orgs::Call::Leave { org })).fee.0;
        } else {
            chain.ok("alice", Call::Orgs(orgs::Call::Withdraw { org, who: account("bob") }));
        }
        assert_eq!((chain.locked(MEI, "bob"), whole(&chain)), (0, before - fees));
    }
}

#[test]
fn accounts_4_who_cannot_pay_the_deposit_stores_nothing() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    let fee = chain.call("bob", transfer(MEI, account("carol"), 1)).fee.0;
    let free = chain.free(MEI, "bob");
    // What is left pays the next fee, but not the deposit for a note of 256 bytes as well.
    chain.ok("bob", transfer(MEI, account("carol"), free - fee - 250_000));
    let apply = Call::Orgs(orgs::Call::Apply { org, evidence: None, note: text(&"x".repeat(256)) });
    assert!(matches!(chain.refused("bob", apply), Error::Accounts(accounts::Error::Short { .. })));
    assert_eq!(chain.locked(MEI, "bob"), 0);
}

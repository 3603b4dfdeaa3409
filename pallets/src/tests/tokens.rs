use super::{MEI, by_vote};
use leither_harness::pallets::{Call, Error, Event, accounts, orgs, tokens};
use leither_harness::{Chain, account, charter, issue, text, tokens_in, transfer};
use leither_types::{Amount, SUPPLY_MAX, TokenId};

fn burn(token: TokenId, amount: u128) -> Call {
    Call::Tokens(tokens::Call::Burn { token, amount: Amount(amount) })
}

fn books(chain: &Chain, token: TokenId) -> (u128, u128) {
    let all = tokens_in(&**chain.state());
    let (_, info) = all.into_iter().find(|(id, _)| *id == token).expect("it is on record");
    (info.issued.0, info.burned.0)
}

#[test]
fn tokens_1_supply_is_what_was_issued_less_what_was_burned() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob"]);
    let tube = TokenId::of_org(&org);
    chain.ok("alice", issue(org, account("bob"), 1_000));
    chain.ok("bob", transfer(tube, account("carol"), 300));
    chain.ok("carol", burn(tube, 100));
    assert_eq!(books(&chain, tube), (1_000, 100));
    assert_eq!((chain.free(tube, "bob"), chain.free(tube, "carol")), (700, 200));
    let (issued, burned) = books(&chain, MEI);
    chain.ok("carol", burn(MEI, 5));
    let (now_issued, now_burned) = books(&chain, MEI);
    assert_eq!(issued, now_issued);
    assert!(now_burned > burned + 5, "the burn and half of its fee");
    assert!(matches!(chain.refused("carol", burn(tube, 201)), Error::Accounts(accounts::Error::Short { .. })));
}

#[test]
fn tokens_1_no_supply_leaves_96_bits() {
    let mut chain = Chain::default();
    let org = chain.found(&["alice"], "tube", orgs::Charter { issuance_cap: Amount(u128::MAX), ..charter(&["alice"], 1) });
    chain.join(org, "bob");
    let full = Error::Tokens(tokens::Error::SupplyFull);
    assert_eq!(chain.refused("alice", issue(org, account("bob"), u128::MAX)), full);
    assert_eq!(chain.refused("alice", issue(org, account("bob"), SUPPLY_MAX.0 + 1)), full);
    chain.ok("alice", issue(org, account("bob"), SUPPLY_MAX.0));
    assert_eq!(chain.refused("alice", issue(org, account("bob"), 1)), full);
    // What was burned does not make room: the index of dividends rests on all that was ever issued.
    chain.ok("bob", burn(TokenId::of_org(&org), 10));
    assert_eq!(chain.refused("alice", issue(org, account("bob"), 1)), full);
}

#[test]
fn tokens_2_a_transfer_is_of_something_to_another_from_what_is_free() {
    let mut chain = Chain::default();
    assert_eq!(chain.refused("alice", transfer(MEI, account("alice"), 1)), Error::Tokens(tokens::Error::ToSelf));
    let unknown = TokenId([9; 20]);
    assert_eq!(chain.refused("alice", transfer(unknown, account("bob"), 1)), Error::Tokens(tokens::Error::Unknown));
    assert_eq!(chain.refused("alice", burn(unknown, 1)), Error::Tokens(tokens::Error::Unknown));
    for nothing in [transfer(MEI, account("bob"), 0), burn(MEI, 0)] {
        assert_eq!(nothing.check(), Err(Error::Tokens(tokens::Error::Nothing)), "refused by form");
        let (receipts, unfit) = chain.try_block(&[chain.sign(&["alice"], &[nothing])]);
        assert_eq!((receipts.len(), unfit.len()), (0, 1), "it never stands in a block");
    }
}

#[test]
fn tokens_2_all_calls_of_a_transaction_are_done_or_none() {
    let mut chain = Chain::default();
    let before = (chain.free(MEI, "bob"), chain.free(MEI, "carol"));
    let calls = [transfer(MEI, account("bob"), 5), transfer(MEI, account("carol"), 7), transfer(MEI, account("alice"), 1)];
    chain.all_refused(&["alice"], &calls);
    assert_eq!((chain.free(MEI, "bob"), chain.free(MEI, "carol")), before);
    assert!(!chain.events().iter().any(|event| matches!(event, Event::Tokens(_))), "what was taken back is not told");
    chain.all_ok(&["alice"], &calls[..2]);
    assert_eq!((chain.free(MEI, "bob"), chain.free(MEI, "carol")), (before.0 + 5, before.1 + 7));
}

#[test]
fn tokens_7_a_symbol_names_one_token() {
    let mut chain = Chain::default();
    chain.org_of(&[]);
    let create = |name: &str, symbol: &str| {
        Call::Orgs(orgs::Call::Create { name: text(name), symbol: text(symbol), decimals: 0, charter: charter(&["bob"], 1) })
    };
    let taken = Error::Tokens(tokens::Error::SymbolTaken);
    assert_eq!(chain.refused("bob", create("other", "tube")), taken);
    assert_eq!(chain.refused("bob", create("other", "mei")), taken, "the native one's, too");
    for bad in ["ab", "Tube", "tu be", "t-b", "\u{e9}\u{e9}\u{e9}", ""] {
        assert_eq!(chain.refused("bob", create("other", bad)), Error::Tokens(tokens::Error::SymbolForm), "{bad:?}");
    }
    chain.ok("bob", create("other", "tub"));
    let state = &**chain.state();
    assert_eq!(tokens::views::by_symbol(state, "mei"), Ok(Some(MEI)));
    assert_eq!(tokens::views::by_symbol(state, "far too long a symbol"), Ok(None));
}

#[test]
fn tokens_2_an_organization_pays_by_vote() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    chain.ok("bob", transfer(MEI, org.treasury(), 100));
    let before = chain.free(MEI, "carol");
    assert_eq!(by_vote(&mut chain, org, &[transfer(MEI, account("carol"), 60)]), orgs::Outcome::Done);
    assert_eq!(by_vote(&mut chain, org, &[transfer(MEI, account("carol"), 41)]), orgs::Outcome::Failed);
    assert_eq!(chain.free(MEI, "carol"), before + 60);
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(40));
}

use super::MEI;
use super::dividends::{claim, income};
use leither_harness::pallets::{Event, orgs, tokens};
use leither_harness::{Chain, Setup, account, charter, issue, transfer};
use leither_types::{Amount, List, OrgId, Params, TokenId};

const HOLDERS: [&str; 5] = ["bob", "carol", "dave", "erin", "frank"];
/// PUSH_WEIGHT at a base fee of 1.
const PRICE: u128 = 60_000;

/// Pays out two holders a block from `least` on; the treasury keeps nothing of an income, but has `funds`.
fn pushing(least: u128, funds: u128) -> (Chain, OrgId) {
    paged(2, least, funds)
}

fn paged(pushes_max: u32, least: u128, funds: u128) -> (Chain, OrgId) {
    let params = Params { pushes_max, ..Params::dev() };
    let mut chain = Chain::new(&Setup { params, ..Setup::default() });
    let rules = orgs::Charter { treasury_bp: 0, push_least: Amount(least), ..charter(&["alice"], 1) };
    let org = chain.found(&["alice"], "tube", rules);
    for (n, who) in HOLDERS.iter().enumerate() {
        chain.join(org, who);
        chain.ok("alice", issue(org, account(who), 100 * (n as u128 + 1)));
    }
    if funds > 0 {
        chain.ok("judy", transfer(MEI, org.treasury(), funds));
    }
    (chain, org)
}

fn pushed(chain: &Chain) -> Vec<(leither_types::AccountId, u128)> {
    let claimed = |event: &Event| match event {
        Event::Tokens(tokens::Event::Claimed { holder, amount, .. }) => Some((*holder, amount.0)),
        _ => None,
    };
    chain.events().iter().filter_map(claimed).collect()
}

/// Runs the pay-out to its end; who was paid, block by block.
fn run(chain: &mut Chain) -> Vec<Vec<(leither_types::AccountId, u128)>> {
    let mut pages = Vec::new();
    for _ in 0..12 {
        chain.idle();
        pages.push(pushed(chain));
    }
    while pages.last().is_some_and(Vec::is_empty) {
        pages.pop();
    }
    pages
}

#[test]
fn tokens_6_push_and_claim_pay_the_same() {
    let (mut chain, org) = pushing(1, 10 * PRICE);
    let mut other = chain.clone();
    chain.ok("judy", income(org, MEI, 1_500_000));
    let mut paid: Vec<_> = run(&mut chain).concat();
    paid.sort_unstable();
    other.ok("judy", income(org, MEI, 1_500_000));
    let mut owed: Vec<_> = HOLDERS.iter().map(|who| (account(who), other.claimable(org, MEI, account(who)))).collect();
    owed.sort_unstable();
    assert_eq!(paid, owed);
    assert_eq!(owed.iter().map(|(_, amount)| amount).sum::<u128>(), 1_500_000);
    for who in HOLDERS {
        assert_eq!(chain.claimable(org, MEI, account(who)), 0);
    }
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(5 * PRICE), "each payment was paid for");
}

#[test]
fn tokens_6_a_page_a_block_is_bounded() {
    let (mut chain, org) = pushing(1, 10 * PRICE);
    chain.ok("judy", income(org, MEI, 1_500_000));
    let pages = run(&mut chain);
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
}

#[test]
fn tokens_6_a_treasury_that_cannot_pay_ends_the_push_and_claims_go_on() {
    let (mut chain, org) = pushing(1, 3 * PRICE + 1);
    chain.ok("judy", income(org, MEI, 1_500_000));
    assert_eq!(run(&mut chain).concat().len(), 3, "what the treasury can pay for");
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(1));
    let left: Vec<_> = HOLDERS.into_iter().filter(|who| chain.claimable(org, MEI, account(who)) > 0).collect();
    assert_eq!(left.len(), 2, "whose payment could not be paid for keeps it, whole");
    for who in left {
        chain.ok(who, claim(org, MEI));
    }
    assert_eq!(chain.holding(MEI, tokens::views::pot(&TokenId::of_org(&org))).free, Amount(0));
}

#[test]
fn tokens_6_who_is_owed_less_than_the_least_is_passed_over_not_forgotten() {
    let (mut chain, org) = pushing(300_000, 10 * PRICE);
    chain.ok("judy", income(org, MEI, 1_500_000));
    let paid = run(&mut chain).concat();
    assert_eq!(paid.iter().map(|(_, amount)| *amount).sum::<u128>(), 300_000 + 400_000 + 500_000);
    assert_eq!(chain.claimable(org, MEI, account("carol")), 200_000);
    chain.ok("judy", income(org, MEI, 1_500_000));
    let paid = run(&mut chain).concat();
    assert!(paid.contains(&(account("carol"), 400_000)), "both incomes together: {paid:?}");
}

#[test]
fn tokens_6_who_came_in_the_block_of_the_income_is_pushed_too() {
    let (mut chain, org) = paged(99, 1, 10 * PRICE);
    let tube = TokenId::of_org(&org);
    let txs =
        [chain.sign(&["frank"], &[transfer(tube, account("heidi"), 500)]), chain.sign(&["judy"], &[income(org, MEI, 1_500_000)])];
    chain.block(&txs);
    let mut paid = pushed(&chain);
    paid.extend(run(&mut chain).concat());
    assert!(paid.contains(&(account("heidi"), 500_000)), "{paid:?}");
}

#[test]
fn tokens_6_a_trickle_of_incomes_does_not_keep_the_push_from_the_last_holder() {
    let (mut chain, org) = pushing(1, 100 * PRICE);
    let mut paid = Vec::new();
    for _ in 0..10 {
        chain.ok("judy", income(org, MEI, 1_500_000));
        paid.extend(pushed(&chain));
    }
    for who in HOLDERS {
        assert!(paid.iter().any(|(holder, _)| *holder == account(who)), "{who} was never reached");
    }
    run(&mut chain);
    for who in HOLDERS {
        assert_eq!(chain.claimable(org, MEI, account(who)), 0, "{who}: the last income, too");
    }
}

#[test]
fn tokens_6_pay_outs_take_turns() {
    let (mut chain, first) = pushing(1, 10 * PRICE);
    let second =
        chain.found(&["alice"], "song", orgs::Charter { treasury_bp: 0, push_least: Amount(1), ..charter(&["alice"], 1) });
    chain.ok("judy", transfer(MEI, second.treasury(), 10 * PRICE));
    for who in ["bob", "carol", "dave"] {
        chain.join(second, who);
        chain.ok("alice", issue(second, account(who), 10));
    }
    let both = [chain.sign(&["judy"], &[income(first, MEI, 1_500_000), income(second, MEI, 300_000)])];
    chain.block(&both);
    let mut turns = Vec::new();
    for _ in 0..5 {
        chain.idle();
        let of = |event: &Event| match event {
            Event::Tokens(tokens::Event::Claimed { token, .. }) => Some(*token),
            _ => None,
        };
        turns.extend(chain.events().iter().find_map(of));
    }
    assert_eq!(turns.len(), 5);
    assert_ne!(turns[0], turns[1], "neither waits for the other's end");
    for who in HOLDERS {
        assert_eq!((chain.claimable(first, MEI, account(who)), chain.claimable(second, MEI, account(who))), (0, 0), "{who}");
    }
}

#[test]
fn tokens_6_dust_does_not_burn_a_pushing_treasury() {
    let (mut chain, org) = pushing(1, 10 * PRICE);
    chain.ok("judy", income(org, MEI, 1_500));
    assert_eq!(run(&mut chain).concat(), [], "each payment would cost more than it brings");
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(10 * PRICE));
    assert_eq!(chain.claimable(org, MEI, account("bob")), 100, "who wants it claims it");
    // Erin's share grows to her payment's price to the unit, frank's beyond it; dave's stays below it.
    chain.ok("judy", income(org, MEI, 223_500));
    let mut paid = run(&mut chain).concat();
    paid.sort_unstable_by_key(|(_, amount)| *amount);
    assert_eq!(paid, [(account("erin"), PRICE), (account("frank"), 75_000)]);
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(8 * PRICE));
}

#[test]
fn tokens_6_in_another_token_the_charters_minimum_alone_bounds_the_pushes() {
    let mut chain = Chain::default();
    let song = chain.found(&["alice"], "song", charter(&["alice"], 1));
    let note = TokenId::of_org(&song);
    chain.join(song, "alice");
    chain.ok("alice", issue(song, account("alice"), 1_000));
    let income_tokens = List::new(vec![note]).expect("one");
    let rules = orgs::Charter { treasury_bp: 0, push_least: Amount(3), income_tokens, ..charter(&["alice"], 1) };
    let org = chain.found(&["alice"], "tube", rules);
    for (who, units) in [("bob", 2), ("carol", 3)] {
        chain.join(org, who);
        chain.ok("alice", issue(org, account(who), units));
    }
    chain.ok("judy", transfer(MEI, org.treasury(), 10 * PRICE));
    chain.ok("alice", income(org, note, 5));
    chain.idle();
    assert_eq!(pushed(&chain), [(account("carol"), 3)]);
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(9 * PRICE));
    assert_eq!(chain.claimable(org, note, account("bob")), 2);
}

#[test]
fn tokens_6_rules_by_which_nobody_is_visited_end_the_push() {
    let (mut chain, org) = paged(0, 1, 10 * PRICE);
    chain.ok("judy", income(org, MEI, 1_500_000));
    assert_eq!(tokens::views::has_push(&**chain.state()), Ok(false), "it would be owed for ever");
    assert_eq!(run(&mut chain).concat(), []);
    chain.ok("bob", claim(org, MEI));
}

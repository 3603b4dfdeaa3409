use super::{MEI, by_vote};
use leither_harness::pallets::{Call, Error, Event, accounts, orgs, tokens};
use leither_harness::{Chain, account, charter, issue, text, tokens_in, transfer};
use leither_state::Read;
use leither_types::{Amount, List, OrgId, TokenId};

pub(super) fn income(org: OrgId, token: TokenId, amount: u128) -> Call {
    Call::Orgs(orgs::Call::Income { org, token, amount: Amount(amount), note: text("views") })
}

pub(super) fn claim(org: OrgId, token: TokenId) -> Call {
    Call::Orgs(orgs::Call::Claim { org, token })
}

/// An organization whose whole income is shared, with these units.
pub(super) fn shared(chain: &mut Chain, holders: &[(&str, u128)]) -> OrgId {
    let org = chain.found(&["alice"], "tube", orgs::Charter { treasury_bp: 0, ..charter(&["alice"], 1) });
    for (who, units) in holders {
        chain.join(org, who);
        chain.ok("alice", issue(org, account(who), *units));
    }
    org
}

fn owed(chain: &Chain, org: OrgId, who: &str) -> u128 {
    chain.claimable(org, MEI, account(who))
}

fn pot(org: OrgId) -> leither_types::AccountId {
    tokens::views::pot(&TokenId::of_org(&org))
}

#[test]
fn tokens_3_nothing_is_rounded_away() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[("bob", 1), ("carol", 2)]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        chain.ok("dave", income(org, MEI, 100));
        seen.push((owed(&chain, org, "bob"), owed(&chain, org, "carol")));
    }
    // A third of 100 is never whole, but three thirds are: the remainder was carried, to the last bit.
    assert_eq!(seen, [(33, 66), (66, 133), (100, 200)]);
    assert_eq!(chain.holding(MEI, pot(org)).free, Amount(300));
    chain.ok("bob", claim(org, MEI));
    chain.ok("carol", claim(org, MEI));
    assert_eq!(chain.holding(MEI, pot(org)).free, Amount(0));
}

#[test]
fn tokens_3_fractions_are_kept_over_a_claim() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[("bob", 1), ("carol", 2)]);
    let mut got = 0;
    for _ in 0..3 {
        chain.ok("dave", income(org, MEI, 100));
        got += owed(&chain, org, "bob");
        chain.ok("bob", claim(org, MEI));
    }
    assert_eq!(got, 100, "33 and 33 and 34");
}

#[test]
fn tokens_4_later_units_earn_nothing_from_earlier_income() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[("bob", 10), ("carol", 10)]);
    let tube = TokenId::of_org(&org);
    chain.ok("dave", income(org, MEI, 1_000));
    chain.ok("bob", transfer(tube, account("erin"), 10));
    chain.ok("alice", issue(org, account("carol"), 20));
    assert_eq!((owed(&chain, org, "bob"), owed(&chain, org, "carol"), owed(&chain, org, "erin")), (500, 500, 0));
    chain.ok("dave", income(org, MEI, 4_000));
    assert_eq!((owed(&chain, org, "bob"), owed(&chain, org, "carol"), owed(&chain, org, "erin")), (500, 3_500, 1_000));
    chain.ok("erin", transfer(tube, account("bob"), 4));
    chain.ok("carol", Call::Tokens(tokens::Call::Burn { token: tube, amount: Amount(30) }));
    assert_eq!((owed(&chain, org, "bob"), owed(&chain, org, "carol"), owed(&chain, org, "erin")), (500, 3_500, 1_000));
    chain.ok("dave", income(org, MEI, 10));
    assert_eq!((owed(&chain, org, "bob"), owed(&chain, org, "carol"), owed(&chain, org, "erin")), (504, 3_500, 1_006));
    for who in ["bob", "carol", "erin"] {
        chain.ok(who, claim(org, MEI));
        assert_eq!(chain.refused(who, claim(org, MEI)), Error::Tokens(tokens::Error::NothingAccrued), "once");
    }
    assert_eq!(chain.holding(MEI, pot(org)).free, Amount(0));
}

#[test]
fn tokens_5_the_treasurys_units_earn_nothing() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[("bob", 10), ("carol", 10)]);
    let tube = TokenId::of_org(&org);
    chain.ok("bob", transfer(tube, org.treasury(), 10));
    chain.ok("dave", income(org, MEI, 900));
    assert_eq!((owed(&chain, org, "bob"), owed(&chain, org, "carol")), (0, 900));
    assert_eq!(chain.claimable(org, MEI, org.treasury()), 0, "nor is it told that it could claim");
    // Given out again, the units earn from then on.
    assert_eq!(by_carol(&mut chain, org, transfer(tube, account("bob"), 5)), orgs::Outcome::Done);
    chain.ok("dave", income(org, MEI, 30));
    assert_eq!((owed(&chain, org, "bob"), owed(&chain, org, "carol")), (10, 920));
}

/// Carol has all votes.
fn by_carol(chain: &mut Chain, org: OrgId, call: Call) -> orgs::Outcome {
    let number = chain.org(org).proposals;
    chain.ok("carol", leither_harness::proposal(org, &[call]));
    chain.ok("carol", super::vote(org, number, true));
    match chain.proposal(org, number).stage {
        orgs::Stage::Closed(outcome) => outcome,
        stage => panic!("not closed but {stage:?}"),
    }
}

/// `song`, all of whose 100 units are dave's, and `tube`, whose 10 are bob's and which takes `song`'s token as income.
fn song_and_tube(chain: &mut Chain, song: orgs::Charter) -> (OrgId, OrgId) {
    let song = chain.found(&["alice"], "song", song);
    chain.join(song, "dave");
    chain.ok("alice", issue(song, account("dave"), 100));
    let income_tokens = List::new(vec![MEI, TokenId::of_org(&song)]).expect("two");
    let tube = chain.found(&["alice"], "tube", orgs::Charter { treasury_bp: 0, income_tokens, ..charter(&["alice"], 1) });
    chain.join(tube, "bob");
    chain.ok("alice", issue(tube, account("bob"), 10));
    (song, tube)
}

fn waiting(chain: &Chain, token: TokenId) -> u128 {
    let all = tokens_in(&**chain.state());
    all.into_iter().find(|(id, _)| *id == token).expect("it is on record").1.waiting.0
}

#[test]
fn tokens_5_units_that_wait_in_a_pot_earn_nothing_and_take_nothing_from_the_others() {
    let mut chain = Chain::default();
    let (song, tube) = song_and_tube(&mut chain, orgs::Charter { treasury_bp: 0, ..charter(&["alice"], 1) });
    let note = TokenId::of_org(&song);
    chain.ok("dave", income(tube, note, 40));
    assert_eq!((chain.holding(note, pot(tube)).free, waiting(&chain, note)), (Amount(40), 40));
    for _ in 0..2 {
        chain.ok("judy", income(song, MEI, 600));
    }
    assert_eq!(owed(&chain, song, "dave"), 1_200, "the sixty units that can be owned by somebody share all of it");
    assert_eq!(chain.claimable(song, MEI, pot(tube)), 0);
    chain.ok("bob", claim(tube, note));
    assert_eq!((owed(&chain, song, "bob"), waiting(&chain, note)), (0, 0));
    chain.ok("judy", income(song, MEI, 1_000));
    assert_eq!((owed(&chain, song, "dave"), owed(&chain, song, "bob")), (1_800, 400));
    // What is paid to the pot's address lies there for good, and is counted all the same.
    chain.ok("dave", transfer(note, pot(tube), 10));
    assert_eq!(waiting(&chain, note), 10);
    let short = chain.refused("dave", transfer(note, pot(tube), u128::MAX));
    assert!(matches!(short, Error::Accounts(accounts::Error::Short { .. })), "a user's mistake: {short}");
    chain.ok("judy", income(song, MEI, 900));
    assert_eq!((owed(&chain, song, "dave"), owed(&chain, song, "bob")), (2_300, 800));
    chain.ok("dave", claim(song, MEI));
    chain.ok("bob", claim(song, MEI));
    assert_eq!(chain.holding(MEI, pot(song)).free, Amount(0), "nothing of it is left for nobody");
}

#[test]
fn tokens_5_what_lay_at_a_pots_address_before_its_token_was_founded_breaks_no_count() {
    let mut chain = Chain::default();
    let mut early = chain.clone();
    // Where an organization's pot will be can be foretold: found it on a copy of the chain.
    let foretold = song_and_tube(&mut early, charter(&["alice"], 1)).1;
    let song = chain.found(&["alice"], "song", charter(&["alice"], 1));
    let note = TokenId::of_org(&song);
    chain.join(song, "dave");
    chain.ok("alice", issue(song, account("dave"), 100));
    chain.ok("dave", transfer(note, pot(foretold), 30));
    let income_tokens = List::new(vec![note]).expect("one");
    let tube = chain.found(&["alice"], "tube", orgs::Charter { treasury_bp: 0, income_tokens, ..charter(&["alice"], 1) });
    assert_eq!(tube, foretold);
    chain.join(tube, "bob");
    chain.ok("alice", issue(tube, account("bob"), 10));
    chain.ok("dave", income(tube, note, 40));
    chain.ok("bob", claim(tube, note));
    assert_eq!((chain.free(note, "bob"), waiting(&chain, note)), (40, 0));
    assert_eq!(chain.holding(note, pot(tube)).free, Amount(30));
}

#[test]
fn tokens_5_pushes_pass_pots_over() {
    let mut chain = Chain::default();
    let rules = orgs::Charter { treasury_bp: 0, push_least: Amount(1), ..charter(&["alice"], 1) };
    let (song, tube) = song_and_tube(&mut chain, rules);
    chain.ok("judy", transfer(MEI, song.treasury(), 1_000_000));
    chain.ok("dave", income(tube, TokenId::of_org(&song), 40));
    chain.ok("judy", income(song, MEI, 600_000));
    chain.idle();
    let paid = |event: &Event| match event {
        Event::Tokens(tokens::Event::Claimed { holder, amount, .. }) => Some((*holder, amount.0)),
        _ => None,
    };
    assert_eq!(chain.events().iter().filter_map(paid).collect::<Vec<_>>(), [(account("dave"), 600_000)]);
}

/// Rows of what holders have earned.
fn accruals(chain: &Chain) -> usize {
    chain.state().records(b"ta", None, 99).expect("memory does not fail").len()
}

#[test]
fn tokens_4_who_has_no_units_and_is_owed_nothing_leaves_no_record_and_earns_anew_from_then_on() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[("bob", 10)]);
    let tube = TokenId::of_org(&org);
    chain.join(org, "carol");
    chain.ok("dave", income(org, MEI, 100));
    chain.ok("bob", claim(org, MEI));
    assert_eq!(accruals(&chain), 1, "bob's: he has units");
    chain.ok("bob", transfer(tube, account("carol"), 10));
    assert_eq!(accruals(&chain), 1, "carol's alone");
    chain.ok("dave", income(org, MEI, 100));
    chain.ok("carol", Call::Tokens(tokens::Call::Burn { token: tube, amount: Amount(10) }));
    assert_eq!((accruals(&chain), owed(&chain, org, "carol")), (1, 100), "she is owed what her units earned");
    chain.ok("carol", claim(org, MEI));
    assert_eq!(accruals(&chain), 0);
    for who in ["bob", "carol"] {
        chain.ok("alice", issue(org, account(who), 5));
        assert_eq!(owed(&chain, org, who), 0, "{who} earns nothing from earlier income");
    }
    chain.ok("dave", income(org, MEI, 100));
    assert_eq!((owed(&chain, org, "bob"), owed(&chain, org, "carol")), (50, 50));
}

#[test]
fn tokens_5_without_units_the_income_is_the_treasurys() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[]);
    chain.ok("dave", income(org, MEI, 100));
    assert_eq!((chain.holding(MEI, org.treasury()).free, chain.holding(MEI, pot(org)).free), (Amount(100), Amount(0)));
    chain.join(org, "bob");
    chain.ok("alice", issue(org, account("bob"), 10));
    assert_eq!(owed(&chain, org, "bob"), 0);
    chain.ok("bob", transfer(TokenId::of_org(&org), org.treasury(), 10));
    chain.ok("dave", income(org, MEI, 100));
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(200), "all units are the treasury's own");
}

#[test]
fn tokens_6_what_has_accrued_outlives_the_units() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[("bob", 10)]);
    chain.ok("dave", income(org, MEI, 77));
    chain.ok("bob", transfer(TokenId::of_org(&org), account("erin"), 10));
    chain.ok("bob", Call::Orgs(orgs::Call::Leave { org }));
    chain.pass(400 * 24 * 3_600_000);
    let before = chain.free(MEI, "bob");
    let fee = chain.call("bob", claim(org, MEI)).fee.0;
    assert_eq!(chain.free(MEI, "bob"), before + 77 - fee);
}

#[test]
fn tokens_6_an_organization_claims_by_vote_what_its_treasury_earned() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[("bob", 10)]);
    let other = chain.found(&["alice"], "fund", charter(&["alice"], 1));
    chain.ok("bob", transfer(TokenId::of_org(&org), other.treasury(), 5));
    chain.ok("dave", income(org, MEI, 100));
    assert_eq!(by_vote(&mut chain, other, &[claim(org, MEI)]), orgs::Outcome::Done);
    assert_eq!(chain.holding(MEI, other.treasury()).free, Amount(50));
}

#[test]
fn tokens_4_an_income_in_another_organizations_token_settles_that_ones_dividends() {
    let mut chain = Chain::default();
    let song = chain.found(&["alice"], "song", orgs::Charter { treasury_bp: 0, ..charter(&["alice"], 1) });
    let note = TokenId::of_org(&song);
    chain.join(song, "dave");
    chain.ok("alice", issue(song, account("dave"), 100));
    let mut rules = charter(&["alice"], 1);
    rules.treasury_bp = 0;
    rules.income_tokens = List::new(vec![MEI, note]).expect("two");
    let org = chain.found(&["alice"], "tube", rules);
    chain.join(org, "bob");
    chain.ok("alice", issue(org, account("bob"), 10));
    chain.ok("dave", income(song, MEI, 1_000));
    chain.ok("dave", income(org, note, 40));
    assert_eq!(chain.claimable(song, MEI, account("dave")), 1_000, "earned while all units were dave's");
    assert_eq!(chain.claimable(org, note, account("bob")), 40);
    chain.ok("bob", claim(org, note));
    chain.ok("dave", income(song, MEI, 1_000));
    assert_eq!((chain.claimable(song, MEI, account("dave")), chain.claimable(song, MEI, account("bob"))), (1_600, 400));
}

#[test]
fn tokens_3_a_token_earns_in_eight_tokens_at_most_so_that_all_are_always_settled() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[("alice", 10)]);
    let mut money = vec![MEI];
    for n in 0..8 {
        let mint = chain.found(&["alice"], &format!("coin{n}"), charter(&["alice"], 1));
        let role = orgs::Role::Developer;
        chain.ok("alice", Call::Orgs(orgs::Call::SetRole { org: mint, who: account("alice"), role, granted: true }));
        chain.ok("alice", issue(mint, account("alice"), 100));
        money.push(TokenId::of_org(&mint));
    }
    for (n, token) in money.iter().enumerate() {
        let rules = orgs::Charter { income_tokens: List::new(vec![*token]).expect("one"), ..chain.org(org).charter };
        assert_eq!(by_vote(&mut chain, org, &[Call::Orgs(orgs::Call::Amend { org, charter: rules })]), orgs::Outcome::Done);
        if n < 8 {
            chain.ok("alice", income(org, *token, 10));
        } else {
            let ninth = chain.refused("alice", income(org, *token, 10));
            assert_eq!(ninth, Error::Tokens(tokens::Error::TooManyIncomes));
        }
    }
    // Whoever comes now has earned nothing of any of them.
    chain.ok("alice", transfer(TokenId::of_org(&org), account("bob"), 5));
    for token in &money[..8] {
        assert_eq!(chain.claimable(org, *token, account("bob")), 0, "{token}");
        assert_eq!(chain.claimable(org, *token, account("alice")), 10, "{token}");
    }
}

#[test]
fn org_12_the_charters_share_stays_and_the_rest_is_shared() {
    let mut chain = Chain::default();
    let org = chain.found(&["alice"], "tube", orgs::Charter { treasury_bp: 2_500, ..charter(&["alice"], 1) });
    chain.join(org, "bob");
    chain.ok("alice", issue(org, account("bob"), 10));
    chain.ok("dave", income(org, MEI, 1_001));
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(250), "a quarter, rounded down");
    assert_eq!(owed(&chain, org, "bob"), 751);
    let entries = orgs::views::entries(&**chain.state(), &org, None, 9).expect("memory does not fail");
    let (_, entry) = entries.last().expect("a line");
    let said = matches!(entry.kind, orgs::EntryKind::Income { amount: Amount(1_001), treasury: Amount(250), .. });
    assert!(said, "{entry:?}");
    assert_eq!(entry.tx, chain.blocks.last().expect("a block").txs[0].id(), "it names the transaction that paid");
}

#[test]
fn org_12_only_real_income_in_a_chartered_token_is_recorded() {
    let mut chain = Chain::default();
    let org = shared(&mut chain, &[("bob", 10)]);
    let tube = TokenId::of_org(&org);
    assert_eq!(chain.refused("bob", income(org, tube, 1)), Error::Orgs(orgs::Error::NotIncomeToken));
    assert_eq!(chain.refused("bob", income(org, MEI, 0)), Error::Tokens(tokens::Error::Nothing));
    let lines = chain.org(org).entries;
    assert!(matches!(chain.refused("bob", income(org, MEI, u128::MAX)), Error::Accounts(accounts::Error::Short { .. })));
    assert_eq!(chain.org(org).entries, lines);
}

#[test]
fn org_12_a_treasury_shares_out_what_it_has_and_no_more() {
    let mut chain = Chain::default();
    let org = chain.found(&["alice"], "tube", orgs::Charter { treasury_bp: 5_000, ..charter(&["alice"], 1) });
    chain.ok("dave", transfer(MEI, org.treasury(), 100));
    assert_eq!(
        by_vote(&mut chain, org, &[income(org, MEI, 101)]),
        orgs::Outcome::Failed,
        "it would only have been written down"
    );
    assert_eq!(by_vote(&mut chain, org, &[income(org, MEI, 100)]), orgs::Outcome::Done);
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(100), "without units it keeps all");
}

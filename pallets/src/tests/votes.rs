use super::{MEI, vote};
use leither_harness::pallets::{Call, Error, Event, accounts, orgs, tokens};
use leither_harness::{Chain, Setup, account, charter, issue, proposal, text, transfer};
use leither_types::{Amount, List, OrgId, Params, TokenId};
use orgs::{Outcome, Stage};

fn err(error: orgs::Error) -> Error {
    Error::Orgs(error)
}

fn cast(org: OrgId, yes: bool, weight: u128) -> Call {
    Call::Orgs(orgs::Call::Vote { org, proposal: 0, yes, weight: Some(Amount(weight)) })
}

fn nothing_much(org: OrgId) -> Call {
    Call::Orgs(orgs::Call::SetRole { org, who: account("alice"), role: orgs::Role::Marketing, granted: true })
}

/// Bob 60, carol 40 units; a proposal is open.
fn by_units() -> (Chain, OrgId, TokenId) {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob", "carol"]);
    chain.ok("alice", issue(org, account("bob"), 60));
    chain.ok("alice", issue(org, account("carol"), 40));
    chain.ok("bob", proposal(org, &[nothing_much(org)]));
    (chain, org, TokenId::of_org(&org))
}

#[test]
fn org_9_heads_count_until_the_first_issuance_then_units() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob", "carol"]);
    chain.ok("bob", proposal(org, &[nothing_much(org)]));
    chain.ok("alice", issue(org, account("bob"), 60));
    chain.ok("bob", proposal(org, &[nothing_much(org)]));
    let (heads, units) = (chain.proposal(org, 0), chain.proposal(org, 1));
    assert_eq!((heads.by_units, heads.eligible), (false, Amount(3)), "as it was at the opening");
    assert_eq!((units.by_units, units.eligible), (true, Amount(60)));
    assert_eq!(chain.refused("bob", cast(org, true, 2)), err(orgs::Error::Weight { have: Amount(1) }), "a head is one");
    chain.ok("bob", cast(org, true, 1));
    assert_eq!(chain.locked(TokenId::of_org(&org), "bob"), 0, "heads lock nothing");
}

#[test]
fn org_9_units_issued_after_the_opening_do_not_decide_it() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob"]);
    chain.ok("alice", issue(org, account("bob"), 100));
    chain.join(org, "alice");
    chain.ok("bob", proposal(org, &[nothing_much(org)]));
    chain.ok("alice", issue(org, account("alice"), 51));
    chain.ok("alice", vote(org, 0, true));
    let now = chain.proposal(org, 0);
    assert_eq!((now.eligible, now.yes, now.stage), (Amount(100), Amount(51), Stage::Open), "51 of 151 are no majority");
    let mut unanswered = chain.clone();
    unanswered.pass(61_000);
    unanswered.idle();
    assert_eq!(unanswered.proposal(org, 0).stage, Stage::Closed(Outcome::Rejected), "nor half of all, which is the quorum");
    chain.ok("bob", vote(org, 0, false));
    assert_eq!(chain.proposal(org, 0).stage, Stage::Closed(Outcome::Rejected));
}

#[test]
fn org_9_units_burnt_after_the_opening_are_not_taken_off_the_whole() {
    let (mut chain, org, tube) = by_units();
    chain.ok("bob", burn(tube, 60));
    chain.ok("carol", cast(org, true, 40));
    assert_eq!(chain.proposal(org, 0).stage, Stage::Open, "40 of the 100 at the opening");
}

fn burn(token: TokenId, amount: u128) -> Call {
    Call::Tokens(tokens::Call::Burn { token, amount: Amount(amount) })
}

#[test]
fn org_9_heads_count_again_where_no_units_are_left_to_be_cast() {
    let burnt = |chain: &mut Chain, _: OrgId, tube| drop(chain.ok("bob", burn(tube, 10)));
    let given = |chain: &mut Chain, org: OrgId, tube| drop(chain.ok("bob", transfer(tube, org.treasury(), 10)));
    let in_a_pot = |chain: &mut Chain, _: OrgId, tube| {
        drop(chain.ok("bob", transfer(tube, tokens::views::pot(&tube), 10)));
    };
    let ways: [fn(&mut Chain, OrgId, TokenId); 3] = [burnt, given, in_a_pot];
    for lose in ways {
        let mut chain = Chain::default();
        let org = chain.org_of(&["bob"]);
        chain.ok("alice", issue(org, account("bob"), 10));
        lose(&mut chain, org, TokenId::of_org(&org));
        chain.ok("alice", proposal(org, &[nothing_much(org)]));
        let opened = chain.proposal(org, 0);
        assert_eq!((opened.by_units, opened.eligible), (false, Amount(2)));
        chain.ok("alice", vote(org, 0, true));
        chain.ok("bob", vote(org, 0, true));
        assert_eq!(chain.proposal(org, 0).stage, Stage::Closed(Outcome::Done));
    }
}

#[test]
fn org_9_units_that_wait_in_a_pot_belong_to_no_vote() {
    let mut chain = Chain::default();
    let song = chain.org_of(&["bob", "carol"]);
    let note = TokenId::of_org(&song);
    chain.ok("alice", issue(song, account("bob"), 60));
    chain.ok("alice", issue(song, account("carol"), 40));
    let income_tokens = List::new(vec![note]).expect("one");
    let rules = orgs::Charter { treasury_bp: 0, income_tokens, ..charter(&["alice"], 1) };
    let fund = chain.found(&["alice"], "fund", rules);
    chain.join(fund, "dave");
    chain.ok("alice", issue(fund, account("dave"), 1));
    chain.ok("bob", Call::Orgs(orgs::Call::Income { org: fund, token: note, amount: Amount(30), note: text("") }));
    chain.ok("carol", proposal(song, &[nothing_much(song)]));
    assert_eq!(chain.proposal(song, 0).eligible, Amount(70));
    chain.ok("carol", cast(song, true, 40));
    assert_eq!(chain.proposal(song, 0).stage, Stage::Closed(Outcome::Done));
}

#[test]
fn org_9_units_of_holders_who_are_no_members_count_as_not_cast() {
    let (mut chain, org, tube) = by_units();
    chain.ok("bob", transfer(tube, account("judy"), 60));
    chain.ok("carol", cast(org, true, 40));
    chain.pass(61_000);
    chain.idle();
    assert_eq!(chain.proposal(org, 0).stage, Stage::Closed(Outcome::Rejected), "40 of 100 are below the quorum");
}

#[test]
fn org_9_nobody_votes_above_the_balance() {
    let (mut chain, org, _) = by_units();
    for weight in [61, 1 << 96, u128::MAX] {
        assert_eq!(chain.refused("bob", cast(org, true, weight)), err(orgs::Error::Weight { have: Amount(60) }));
    }
    assert_eq!(chain.refused("bob", cast(org, true, 0)), err(orgs::Error::Weight { have: Amount(60) }));
    assert_eq!(chain.refused("alice", vote(org, 0, true)), err(orgs::Error::Weight { have: Amount(0) }), "no units, no vote");
}

#[test]
fn org_9_units_cast_cannot_be_passed_on_to_vote_again() {
    let (mut chain, org, tube) = by_units();
    chain.ok("bob", cast(org, true, 30));
    assert_eq!((chain.free(tube, "bob"), chain.locked(tube, "bob")), (30, 30));
    let short = Error::Accounts(accounts::Error::Short { have: Amount(30), need: Amount(31) });
    assert_eq!(chain.refused("bob", transfer(tube, account("carol"), 31)), short);
    chain.ok("bob", transfer(tube, account("carol"), 30));
    assert_eq!(chain.refused("carol", cast(org, false, 71)), err(orgs::Error::Weight { have: Amount(70) }));
    chain.ok("carol", cast(org, false, 70));
    let end = chain.proposal(org, 0);
    assert_eq!((end.yes, end.no, end.stage), (Amount(30), Amount(70), Stage::Closed(Outcome::Rejected)));
    assert_eq!((chain.locked(tube, "bob"), chain.locked(tube, "carol")), (0, 0), "the close gives them back");
}

#[test]
fn org_10_one_votes_once() {
    let (mut chain, org, _) = by_units();
    chain.ok("carol", cast(org, true, 10));
    assert_eq!(chain.refused("carol", cast(org, true, 10)), err(orgs::Error::AlreadyVoted));
    assert_eq!(chain.refused("carol", cast(org, false, 10)), err(orgs::Error::AlreadyVoted));
    assert_eq!(chain.proposal(org, 0).yes, Amount(10));
}

#[test]
fn org_10_only_who_was_a_member_at_the_opening_votes() {
    let (mut chain, org, tube) = by_units();
    assert_eq!(chain.refused("dave", vote(org, 0, true)), err(orgs::Error::NotMember));
    chain.join(org, "dave");
    chain.ok("bob", transfer(tube, account("dave"), 60));
    assert_eq!(chain.refused("dave", vote(org, 0, true)), err(orgs::Error::MemberTooLate));
    chain.ok("carol", proposal(org, &[nothing_much(org)]));
    chain.ok("dave", vote(org, 1, true));
}

#[test]
fn org_10_nobody_votes_after_leaving_and_returning_does_not_help() {
    let (mut chain, org, tube) = by_units();
    chain.ok("carol", cast(org, true, 10));
    chain.ok("carol", Call::Orgs(orgs::Call::Leave { org }));
    assert_eq!(chain.refused("carol", vote(org, 0, true)), err(orgs::Error::NotMember));
    chain.join(org, "carol");
    assert_eq!(chain.refused("carol", vote(org, 0, false)), err(orgs::Error::MemberTooLate));
    assert_eq!(chain.locked(tube, "carol"), 10, "what was cast stays cast, and locked");
    chain.pass(61_000);
    chain.idle();
    assert_eq!(chain.locked(tube, "carol"), 0);
}

#[test]
fn org_9_who_left_gets_the_units_back() {
    let (mut chain, org, tube) = by_units();
    chain.ok("carol", cast(org, true, 40));
    chain.ok("carol", Call::Orgs(orgs::Call::Leave { org }));
    chain.pass(61_000);
    chain.idle();
    assert_eq!((chain.free(tube, "carol"), chain.locked(tube, "carol")), (40, 0));
}

#[test]
fn org_9_an_expelled_voters_units_come_back_at_the_close() {
    let (mut chain, org, tube) = by_units();
    chain.ok("carol", cast(org, true, 40));
    chain.ok("alice", Call::Orgs(orgs::Call::Expel { org, who: account("carol") }));
    assert_eq!((chain.locked(MEI, "carol"), chain.locked(tube, "carol")), (0, 40), "what was cast stays cast");
    chain.ok("bob", cast(org, false, 10));
    chain.pass(61_000);
    chain.idle();
    let end = chain.proposal(org, 0);
    assert_eq!((end.yes, end.stage), (Amount(40), Stage::Closed(Outcome::Done)));
    assert_eq!((chain.free(tube, "carol"), chain.locked(tube, "carol")), (40, 0));
}

#[test]
fn org_9_units_come_back_by_pages_and_at_once_for_who_asks() {
    // A sixteenth of this unlocks 32 ballots.
    let params = Params { block_weight_max: 16 * 32 * 40_000, ..Params::dev() };
    let mut chain = Chain::new(&Setup { params, ..Setup::default() });
    chain.trusting = true;
    let org = chain.org_of(&[]);
    let names: Vec<String> = (0..40).map(|n| format!("voter-{n}")).collect();
    for name in &names {
        chain.ok("bob", transfer(TokenId::NATIVE, account(name), 1_000_000_000));
        chain.join(org, name);
        chain.ok("alice", issue(org, account(name), 10));
    }
    let tube = TokenId::of_org(&org);
    let role = orgs::Role::Developer;
    chain.ok("alice", Call::Orgs(orgs::Call::SetRole { org, who: account("alice"), role, granted: true }));
    chain.ok("alice", issue(org, account("alice"), 1));
    chain.ok("alice", proposal(org, &[nothing_much(org)]));
    // None of them alone decides; the quorum of half is not reached before the 21st.
    let votes: Vec<_> = names.iter().map(|name| chain.sign(&[name], &[cast(org, false, 10)])).collect();
    chain.block(&votes);
    let locked = |chain: &Chain| names.iter().filter(|name| chain.locked(tube, name) > 0).count();
    assert_eq!(locked(&chain), 40, "a no of all but one is no decision before the period is over");
    let release = |who: &str| Call::Orgs(orgs::Call::Release { org, proposal: 0, who: account(who) });
    assert_eq!(chain.refused("judy", release(&names[0])), err(orgs::Error::NotOpen), "not while it is open");
    chain.pass(61_000);
    chain.idle();
    assert_eq!(chain.proposal(org, 0).stage, Stage::Closed(Outcome::Rejected));
    assert_eq!(locked(&chain), 8, "what the block has room for, and no more");
    let waiting = names.iter().find(|name| chain.locked(tube, name) > 0).expect("eight wait").clone();
    let events = chain.ok("judy", release(&waiting));
    assert!(events.iter().any(|event| matches!(event, Event::Orgs(orgs::Event::Unlocked { .. }))));
    assert_eq!(locked(&chain), 0, "and the rest by itself in the same block");
    assert_eq!(chain.refused("judy", release(&waiting)), err(orgs::Error::NothingLocked));
}

#[test]
fn org_9_a_proposal_nobody_voted_on_keeps_no_other_waiting() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob"]);
    chain.ok("alice", issue(org, account("bob"), 10));
    for _ in 0..5 {
        chain.ok("bob", proposal(org, &[nothing_much(org)]));
    }
    chain.ok("bob", Call::Orgs(orgs::Call::Vote { org, proposal: 4, yes: true, weight: Some(Amount(1)) }));
    chain.pass(61_000);
    chain.idle();
    assert_eq!(chain.locked(TokenId::of_org(&org), "bob"), 0, "five queued in one block are five unlocked");
}

#[test]
fn org_9_weight_is_spread_over_proposals_not_multiplied() {
    let (mut chain, org, tube) = by_units();
    chain.ok("bob", proposal(org, &[nothing_much(org)]));
    let vote = |proposal, weight| Call::Orgs(orgs::Call::Vote { org, proposal, yes: true, weight: Some(Amount(weight)) });
    chain.ok("carol", vote(0, 25));
    assert_eq!(chain.refused("carol", vote(1, 16)), err(orgs::Error::Weight { have: Amount(15) }));
    chain.ok("carol", vote(1, 15));
    assert_eq!(chain.locked(tube, "carol"), 40);
    assert!(matches!(chain.refused("carol", burn(tube, 1)), Error::Accounts(accounts::Error::Short { .. })));
}

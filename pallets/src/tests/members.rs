use super::{MEI, by_vote};
use leither_harness::pallets::{Call, Error, Event, orgs, tokens};
use leither_harness::{Chain, account, charter, issue, text, transfer};
use leither_types::{Amount, Hash, List, OrgId, Text, TokenId};
use orgs::Call as Do;

fn err(error: orgs::Error) -> Error {
    Error::Orgs(error)
}

fn apply(org: OrgId, evidence: Option<Hash>) -> Call {
    Call::Orgs(Do::Apply { org, evidence, note: text("") })
}

fn admit(org: OrgId, who: &str) -> Call {
    Call::Orgs(Do::Admit { org, who: account(who) })
}

fn sponsor(org: OrgId, who: &str) -> Call {
    Call::Orgs(Do::Sponsor { org, who: account(who) })
}

fn withdraw(org: OrgId, who: &str) -> Call {
    Call::Orgs(Do::Withdraw { org, who: account(who) })
}

fn expel(org: OrgId, who: &str) -> Call {
    Call::Orgs(Do::Expel { org, who: account(who) })
}

fn leave(org: OrgId) -> Call {
    Call::Orgs(Do::Leave { org })
}

fn set_role(org: OrgId, who: &str, granted: bool) -> Call {
    Call::Orgs(Do::SetRole { org, who: account(who), role: orgs::Role::Marketing, granted })
}

fn create(name: &str, symbol: &str, charter: orgs::Charter) -> Call {
    Call::Orgs(Do::Create { name: text(name), symbol: text(symbol), decimals: 0, charter })
}

#[test]
fn org_1_the_founder_is_supervisor_and_member_from_the_start() {
    let mut chain = Chain::default();
    let org = chain.found(&["bob", "carol"], "tube", charter(&["bob", "carol"], 2));
    let now = chain.org(org);
    assert_eq!((now.founder, now.members), (account("bob"), 2));
    let roles = |who: &str| chain.member(org, who).expect("a member").roles.list();
    assert_eq!(roles("bob"), [orgs::Role::Initiator]);
    assert_eq!(roles("carol"), []);
    assert_eq!(chain.member(org, "bob").expect("a member").tx, chain.blocks[0].txs[0].id(), "it names what made it");
}

#[test]
fn org_1_nobody_is_made_a_supervisor_unasked() {
    let mut chain = Chain::default();
    let both = charter(&["alice", "bob"], 1);
    let unasked = err(orgs::Error::Charter { what: 1 });
    assert_eq!(chain.refused("alice", create("org", "tube", both.clone())), unasked);
    assert_eq!(chain.all_refused(&["carol", "alice", "bob"], &[create("org", "tube", both)]), unasked, "the founder is one");
}

#[test]
fn org_2_names_are_unique_and_founding_costs_a_deposit() {
    let mut chain = Chain::default();
    chain.ok("alice", create("demo-tube", "tube", charter(&["alice"], 1)));
    let deposit = chain.locked(MEI, "alice");
    assert!(deposit > 0);
    assert_eq!(chain.refused("bob", create("demo-tube", "song", charter(&["bob"], 1))), err(orgs::Error::NameTaken));
    assert_eq!(chain.locked(MEI, "bob"), 0);
    for bad in ["ab", "Demo", "demo tube", "demo_tube"] {
        assert_eq!(create(bad, "song", charter(&["bob"], 1)).check(), Err(err(orgs::Error::NameForm)), "{bad}");
    }
    let name: Text<32> = text(&"a".repeat(32));
    let long = Call::Orgs(Do::Create { name, symbol: text("song"), decimals: 18, charter: charter(&["bob"], 1) });
    chain.ok("bob", long);
    let fine = Call::Orgs(Do::Create { name: text("abc"), symbol: text("abc"), decimals: 19, charter: charter(&["bob"], 1) });
    assert_eq!(fine.check(), Err(err(orgs::Error::TooMany { max: 18 })));
}

#[test]
fn org_2_a_charter_holds_together() {
    type Spoil = fn(&mut orgs::Charter);
    let twice = |c: &mut orgs::Charter| c.supervisors = List::new(vec![account("bob"); 2]).expect("two");
    let nine = |c: &mut orgs::Charter| {
        let names = (0..9).map(|n| account(&format!("supervisor-{n}")));
        c.supervisors = List::new(names.collect()).expect("at most 16");
        c.threshold = 9;
    };
    let cases: [(u8, Spoil); 17] = [
        (1, |c| c.supervisors = List::default()),
        (1, twice),
        (2, |c| c.threshold = 0),
        (2, |c| c.threshold = 2),
        (2, nine),
        (3, |c| c.join = orgs::JoinPolicy { application: false, sponsorship: false, task: None }),
        (4, |c| c.quorum_bp = 10_001),
        (4, |c| c.treasury_bp = 10_001),
        (5, |c| c.pass_bp = 4_999),
        (5, |c| c.pass_bp = 10_000),
        (6, |c| c.period_ms = 999),
        (6, |c| c.period_ms = 30 * 24 * 3_600_000 + 1),
        (6, |c| c.veto_ms = 30 * 24 * 3_600_000 + 1),
        (6, |c| c.period_ms = u64::MAX),
        (6, |c| c.veto_ms = u64::MAX),
        (7, |c| c.income_tokens = List::default()),
        (7, |c| c.income_tokens = List::new(vec![MEI; 2]).expect("two")),
    ];
    for (what, spoil) in cases {
        let mut spoilt = charter(&["bob"], 1);
        spoil(&mut spoilt);
        assert_eq!(create("org", "tube", spoilt).check(), Err(err(orgs::Error::Charter { what })));
    }
    let mut eight = charter(&["bob"], 1);
    nine(&mut eight);
    eight.threshold = 8;
    assert_eq!(eight.check(), Ok(()), "as many as a transaction has signers, and no more, can sign together");
    let mut chain = Chain::default();
    let unknown = List::new(vec![leither_types::TokenId([9; 20])]).expect("one");
    let rules = orgs::Charter { income_tokens: unknown, ..charter(&["bob"], 1) };
    assert_eq!(chain.refused("bob", create("org", "tube", rules)), err(orgs::Error::Charter { what: 7 }), "it must exist");
    let own = leither_types::TokenId::of_org(&OrgId::derive(&account("bob"), 1, 0));
    let rules = orgs::Charter { income_tokens: List::new(vec![own]).expect("one"), ..charter(&["bob"], 1) };
    assert_eq!(chain.refused("bob", create("org", "tube", rules)), err(orgs::Error::Charter { what: 7 }), "not its own");
}

#[test]
fn org_3_one_joins_only_as_the_charter_allows() {
    let mut chain = Chain::default();
    let ways = |application, sponsorship, task| orgs::JoinPolicy { application, sponsorship, task };
    let task = Hash([3; 32]);
    let found =
        |chain: &mut Chain, symbol: &str, join| chain.found(&["alice"], symbol, orgs::Charter { join, ..charter(&["alice"], 1) });
    let wrong = err(orgs::Error::JoinWay);

    let by_sponsor = found(&mut chain, "spon", ways(false, true, None));
    assert_eq!(chain.refused("bob", apply(by_sponsor, Some(task))), wrong);
    assert_eq!(chain.refused("carol", sponsor(by_sponsor, "bob")), err(orgs::Error::NotMember), "only a member sponsors");
    chain.ok("alice", sponsor(by_sponsor, "bob"));
    chain.ok("bob", apply(by_sponsor, None));
    chain.ok("alice", admit(by_sponsor, "bob"));
    assert_eq!(chain.refused("alice", sponsor(by_sponsor, "bob")), err(orgs::Error::AlreadyMember));

    let by_task = found(&mut chain, "task", ways(false, false, Some(task)));
    assert_eq!(chain.refused("bob", apply(by_task, None)), wrong);
    assert_eq!(chain.refused("bob", apply(by_task, Some(Hash::ZERO))), wrong, "evidence of nothing is none");
    assert_eq!(chain.refused("alice", sponsor(by_task, "bob")), wrong);
    chain.ok("bob", apply(by_task, Some(Hash([4; 32]))));
    let waiting = orgs::views::applications(&**chain.state(), &by_task, None, 9).expect("memory does not fail");
    let evidence: Vec<_> = waiting.iter().map(|(who, application)| (*who, application.evidence)).collect();
    assert_eq!(evidence, [(account("bob"), Some(Hash([4; 32])))], "which the supervisor looks at");
    chain.ok("alice", admit(by_task, "bob"));
    assert!(chain.member(by_task, "bob").is_some());

    let open = found(&mut chain, "open", ways(true, false, None));
    chain.ok("bob", apply(open, None));
    assert_eq!(chain.refused("bob", apply(open, None)), err(orgs::Error::AlreadyApplied));
}

#[test]
fn org_3_an_application_is_withdrawn_by_whom_it_concerns_and_after_a_month_by_anyone() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    chain.ok("bob", apply(org, None));
    assert_eq!(chain.refused("carol", withdraw(org, "bob")), err(orgs::Error::NotSupervisor));
    chain.ok("bob", withdraw(org, "bob"));
    assert_eq!(chain.refused("bob", withdraw(org, "bob")), err(orgs::Error::NoApplication));
    chain.ok("bob", apply(org, None));
    chain.pass(30 * 24 * 3_600_000 + 1_000);
    chain.ok("carol", withdraw(org, "bob"));
    assert_eq!(chain.locked(MEI, "bob"), 0);
}

/// Open to applications and sponsors; dave is a member.
fn sponsored(chain: &mut Chain) -> OrgId {
    let join = orgs::JoinPolicy { application: true, sponsorship: true, task: None };
    let org = chain.found(&["alice"], "tube", orgs::Charter { join, ..charter(&["alice"], 1) });
    chain.join(org, "dave");
    org
}

#[test]
fn org_3_a_sponsor_vouches_for_one_who_has_applied_without_a_record_of_its_own() {
    let mut chain = Chain::default();
    let org = sponsored(&mut chain);
    chain.ok("bob", apply(org, None));
    let locked = chain.locked(MEI, "dave");
    chain.ok("dave", sponsor(org, "bob"));
    let waiting = orgs::views::applications(&**chain.state(), &org, None, 9).expect("memory does not fail");
    assert_eq!(waiting[0].1.sponsor, Some(account("dave")));
    assert_eq!(chain.locked(MEI, "dave"), locked);
    chain.ok("alice", admit(org, "bob"));
    assert_eq!(chain.refused("dave", withdraw(org, "bob")), err(orgs::Error::NoApplication), "nothing is left of it");
}

#[test]
fn org_3_a_sponsorship_has_the_sponsors_deposit_until_it_is_used_or_cleared_away() {
    let mut chain = Chain::default();
    let org = sponsored(&mut chain);
    let (dave, alice) = (chain.locked(MEI, "dave"), chain.locked(MEI, "alice"));
    chain.ok("dave", sponsor(org, "bob"));
    let deposit = chain.locked(MEI, "dave") - dave;
    assert!(deposit > 0);
    // Another member's word takes its place, and the deposit is then that one's.
    chain.ok("alice", sponsor(org, "bob"));
    assert_eq!((chain.locked(MEI, "dave"), chain.locked(MEI, "alice")), (dave, alice + deposit));
    chain.ok("bob", apply(org, None));
    assert_eq!(chain.locked(MEI, "alice"), alice, "the application has its own");
    chain.ok("bob", withdraw(org, "bob"));

    chain.ok("dave", sponsor(org, "bob"));
    assert_eq!(chain.refused("carol", withdraw(org, "bob")), err(orgs::Error::NotSupervisor));
    chain.ok("dave", withdraw(org, "bob"));
    assert_eq!(chain.locked(MEI, "dave"), dave);
    chain.ok("dave", sponsor(org, "bob"));
    chain.pass(30 * 24 * 3_600_000 + 1_000);
    chain.ok("carol", withdraw(org, "bob"));
    assert_eq!(chain.locked(MEI, "dave"), dave, "after a month by anyone");
}

#[test]
fn org_4_only_a_supervisor_admits_and_only_who_applied() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["carol"]);
    assert_eq!(chain.refused("alice", admit(org, "bob")), err(orgs::Error::NoApplication));
    chain.ok("bob", apply(org, None));
    assert_eq!(chain.refused("bob", admit(org, "bob")), err(orgs::Error::NotSupervisor));
    assert_eq!(chain.refused("carol", admit(org, "bob")), err(orgs::Error::NotSupervisor), "a member is not enough");
    chain.ok("alice", admit(org, "bob"));
    assert!(chain.member(org, "bob").is_some());
    let nowhere = OrgId([8; 20]);
    assert_eq!(chain.refused("alice", admit(nowhere, "bob")), err(orgs::Error::Unknown));
}

#[test]
fn org_4_while_heads_decide_k_supervisors_admit_and_then_one_is_enough() {
    let mut chain = Chain::default();
    let both = ["alice", "bob"];
    let org = chain.found(&both, "tube", charter(&both, 2));
    for who in ["carol", "dave", "erin"] {
        chain.ok(who, apply(org, None));
    }
    let few = err(orgs::Error::TooFewSupervisors { have: 1, need: 2 });
    assert_eq!(chain.refused("alice", admit(org, "carol")), few, "its own accounts would be the majority");
    chain.all_ok(&both, &[admit(org, "carol")]);
    let role = orgs::Role::Developer;
    let developer = Call::Orgs(Do::SetRole { org, who: account("carol"), role, granted: true });
    chain.all_ok(&both, &[developer, issue(org, account("carol"), 5)]);
    chain.ok("bob", admit(org, "dave"));
    chain.ok("carol", Call::Tokens(tokens::Call::Burn { token: TokenId::of_org(&org), amount: Amount(5) }));
    assert_eq!(chain.refused("bob", admit(org, "erin")), few, "without units heads decide again");
}

#[test]
fn org_5_nobody_is_admitted_twice() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob"]);
    assert_eq!(chain.refused("alice", admit(org, "bob")), err(orgs::Error::AlreadyMember));
    assert_eq!(chain.refused("bob", apply(org, None)), err(orgs::Error::AlreadyMember));
    assert_eq!(chain.org(org).members, 2);
    chain.ok("bob", leave(org));
    assert_eq!(chain.org(org).members, 1);
    assert_eq!(chain.refused("alice", admit(org, "bob")), err(orgs::Error::NoApplication), "the old one was used up");
    chain.ok("bob", apply(org, None));
    let twice = [admit(org, "bob"), admit(org, "bob")];
    assert_eq!(chain.all_refused(&["alice"], &twice), err(orgs::Error::AlreadyMember), "nor in one transaction");
    assert!(chain.member(org, "bob").is_none());
}

#[test]
fn org_6_roles_are_granted_by_supervisors_and_give_no_power() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob"]);
    assert_eq!(chain.refused("bob", set_role(org, "bob", true)), err(orgs::Error::NotSupervisor));
    assert_eq!(chain.refused("alice", set_role(org, "carol", true)), err(orgs::Error::NotMember));
    for role in orgs::Role::ALL {
        chain.ok("alice", Call::Orgs(Do::SetRole { org, who: account("bob"), role, granted: true }));
    }
    assert_eq!(chain.member(org, "bob").expect("a member").roles.list(), orgs::Role::ALL);
    chain.ok("carol", apply(org, None));
    for powerful in [admit(org, "carol"), set_role(org, "bob", false), expel(org, "alice"), issue(org, account("bob"), 1)] {
        assert_eq!(chain.refused("bob", powerful), err(orgs::Error::NotSupervisor));
    }
    chain.ok("alice", set_role(org, "bob", false));
    assert!(!chain.member(org, "bob").expect("a member").roles.has(orgs::Role::Marketing));
}

#[test]
fn org_6_k_supervisors_sign_together() {
    let mut chain = Chain::default();
    let org = chain.found(&["alice", "bob", "carol"], "tube", charter(&["alice", "bob", "carol"], 2));
    let few = err(orgs::Error::TooFewSupervisors { have: 1, need: 2 });
    assert_eq!(chain.refused("alice", set_role(org, "alice", true)), few);
    assert_eq!(chain.all_refused(&["alice", "dave"], &[set_role(org, "alice", true)]), few);
    chain.all_ok(&["dave", "carol", "bob"], &[set_role(org, "alice", true)]);
}

#[test]
fn org_14_a_supervisor_leaves_only_after_a_vote_has_amended_the_charter() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob"]);
    assert_eq!(chain.refused("alice", leave(org)), err(orgs::Error::IsSupervisor));
    assert_eq!(chain.refused("alice", expel(org, "alice")), err(orgs::Error::IsSupervisor));
    assert_eq!(chain.refused("carol", leave(org)), err(orgs::Error::NotMember));
    let amend = |who: &str| Call::Orgs(Do::Amend { org, charter: charter(&[who], 1) });
    assert_eq!(chain.refused("alice", amend("bob")), err(orgs::Error::OnlyByVote));
    chain.ok("alice", leither_harness::proposal(org, &[amend("dave")]));
    chain.ok("alice", super::vote(org, 0, true));
    chain.ok("bob", super::vote(org, 0, true));
    assert_eq!(chain.proposal(org, 0).stage, orgs::Stage::Closed(orgs::Outcome::Failed), "dave is no member");
    chain.ok("alice", leither_harness::proposal(org, &[amend("bob")]));
    chain.ok("alice", super::vote(org, 1, true));
    chain.ok("bob", super::vote(org, 1, true));
    chain.ok("alice", leave(org));
    assert_eq!(chain.refused("alice", leave(org)), err(orgs::Error::NotMember));
    chain.ok("alice", apply(org, None));
    assert_eq!(chain.refused("alice", admit(org, "alice")), err(orgs::Error::NotSupervisor), "the power went with it");
}

#[test]
fn org_14_who_is_expelled_is_no_member_and_has_the_deposit_back() {
    let mut chain = Chain::default();
    let org = chain.found(&["alice", "bob"], "tube", charter(&["alice", "bob"], 2));
    chain.ok("carol", apply(org, None));
    chain.all_ok(&["alice", "bob"], &[admit(org, "carol")]);
    assert!(chain.locked(MEI, "carol") > 0);
    let few = err(orgs::Error::TooFewSupervisors { have: 1, need: 2 });
    assert_eq!(chain.refused("alice", expel(org, "carol")), few);
    let events = chain.all_ok(&["bob", "alice"], &[expel(org, "carol")]);
    assert!(events.contains(&Event::Orgs(orgs::Event::Left { org, who: account("carol"), expelled: true })));
    assert_eq!((chain.member(org, "carol"), chain.org(org).members), (None, 2));
    assert_eq!(chain.locked(MEI, "carol"), 0);
    assert_eq!(chain.refused("carol", leave(org)), err(orgs::Error::NotMember));
    chain.ok("carol", apply(org, None));
    assert_eq!(by_both(&mut chain, org, admit(org, "carol")), orgs::Outcome::Done, "a vote may take back in");
    assert_eq!(by_both(&mut chain, org, expel(org, "carol")), orgs::Outcome::Done, "and out again");
    assert_eq!(chain.locked(MEI, "carol"), 0);
}

/// Alice and bob decide alone, even where carol is a member.
fn by_both(chain: &mut Chain, org: OrgId, call: Call) -> orgs::Outcome {
    let number = chain.org(org).proposals;
    chain.ok("alice", leither_harness::proposal(org, &[call]));
    chain.ok("alice", super::vote(org, number, true));
    chain.ok("bob", super::vote(org, number, true));
    match chain.proposal(org, number).stage {
        orgs::Stage::Closed(outcome) => outcome,
        stage => panic!("not closed but {stage:?}"),
    }
}

#[test]
fn org_11_members_made_by_vote_name_the_transaction_that_proposed_it() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    chain.ok("bob", apply(org, None));
    let height = chain.blocks.len();
    assert_eq!(by_vote(&mut chain, org, &[admit(org, "bob")]), orgs::Outcome::Done);
    assert_eq!(chain.member(org, "bob").expect("a member").tx, chain.blocks[height].txs[0].id());
    chain.ok("alice", transfer(MEI, org.treasury(), 1));
    chain.ok("alice", leither_harness::proposal(org, &[expel(org, "bob"), transfer(MEI, account("bob"), 2)]));
    chain.ok("alice", super::vote(org, 1, true));
    chain.ok("bob", super::vote(org, 1, true));
    assert_eq!(chain.proposal(org, 1).stage, orgs::Stage::Closed(orgs::Outcome::Failed));
    assert!(chain.member(org, "bob").is_some(), "all or nothing");
    assert_eq!(chain.holding(MEI, org.treasury()).free, Amount(1));
}

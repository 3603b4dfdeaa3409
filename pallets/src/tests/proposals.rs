use super::{MEI, by_vote, vote};
use leither_harness::pallets::{Call, Error, Event, accounts, mimei, orgs};
use leither_harness::{Chain, Setup, account, charter, proposal, text, transfer};
use leither_types::{Amount, CallBytes, Hash, List, OrgId, Params, Status};
use orgs::{Outcome, Stage};

const MEMBERS: [&str; 4] = ["bob", "carol", "dave", "erin"];

fn err(error: orgs::Error) -> Error {
    Error::Orgs(error)
}

/// Alice and four more; a treasury of 100; one open proposal to pay ivan 60 of it.
fn open(rules: orgs::Charter) -> (Chain, OrgId) {
    let mut chain = Chain::default();
    let org = chain.found(&["alice"], "tube", rules);
    MEMBERS.iter().for_each(|who| chain.join(org, who));
    chain.ok("judy", transfer(MEI, org.treasury(), 100));
    chain.ok("bob", proposal(org, &[transfer(MEI, account("ivan"), 60)]));
    (chain, org)
}

fn stage(chain: &Chain, org: OrgId) -> Stage {
    chain.proposal(org, 0).stage
}

/// What bob has locked beside his membership's deposit.
fn bobs_deposit(chain: &Chain, org: OrgId) -> u128 {
    chain.locked(MEI, "bob") - chain.member(org, "bob").expect("a member").deposit.0
}

fn treasury(chain: &Chain, org: OrgId) -> u128 {
    chain.holding(MEI, org.treasury()).free.0
}

fn votes(chain: &mut Chain, org: OrgId, yes: &[&str], no: &[&str]) {
    for who in yes {
        chain.ok(who, vote(org, 0, true));
    }
    for who in no {
        chain.ok(who, vote(org, 0, false));
    }
}

#[test]
fn org_11_a_proposal_that_passes_is_done_at_the_end_of_the_deciding_block() {
    let (mut chain, org) = open(charter(&["alice"], 1));
    let ivan = chain.free(MEI, "ivan");
    votes(&mut chain, org, &["bob", "carol"], &[]);
    assert_eq!(stage(&chain, org), Stage::Open, "two of five are no majority of all");
    votes(&mut chain, org, &["dave"], &[]);
    assert_eq!(stage(&chain, org), Stage::Closed(Outcome::Done), "three of five: the others cannot change it");
    assert_eq!((treasury(&chain, org), chain.free(MEI, "ivan")), (40, ivan + 60));
    assert_eq!(chain.refused("erin", vote(org, 0, false)), err(orgs::Error::NotOpen));
    assert_eq!(bobs_deposit(&chain, org), 0, "the proposer's deposit came back");
    assert!(chain.proposal(org, 0).calls.is_empty());
}

#[test]
fn org_11_who_decides_pays_for_a_vote_and_what_the_vote_does_is_bounded_by_the_block() {
    let params = Params { base_fee_min: Amount(1), ..Params::dev() };
    let mut chain = Chain::new(&Setup { params, ..Setup::default() });
    let org = chain.org_of(&[]);
    chain.ok("judy", transfer(MEI, org.treasury(), 100));
    let opening: Vec<_> = (0..3).map(|_| proposal(org, &[transfer(MEI, account("ivan"), 1)])).collect();
    chain.all_ok(&["alice"], &opening);
    let ballots: Vec<_> = (0..3).map(|n| vote(org, n, true)).collect();
    let tx = chain.sign(&["alice"], &ballots);
    let receipts = chain.block(&[tx]);
    assert_eq!(receipts.len(), 2, "the vote's own, and the block's end's");
    assert!(receipts[0].events.iter().all(|bytes| {
        matches!(leither_harness::pallets::describe_event(bytes), Some(Event::Orgs(orgs::Event::Voted { .. })))
    }));
    assert_eq!(receipts[1].tx, Hash::ZERO);
    assert_eq!(treasury(&chain, org), 97);
}

/// Alice opens `tens` times ten proposals to pay ivan 1, and then decides all of them in one block, in a transaction for each ten.
fn decided_at_once(params: Params, tens: u64) -> (Chain, OrgId) {
    let mut chain = Chain::new(&Setup { params, ..Setup::default() });
    chain.trusting = true;
    let org = chain.org_of(&[]);
    chain.ok("judy", transfer(MEI, org.treasury(), 100));
    for _ in 0..tens {
        let ten: Vec<_> = (0..10).map(|_| proposal(org, &[transfer(MEI, account("ivan"), 1)])).collect();
        chain.all_ok(&["alice"], &ten);
    }
    let votes = |t: u64| {
        let calls: Vec<_> = (0..10).map(|n| vote(org, t * 10 + n, true)).collect();
        let mut plan = chain.plan(&["alice"], &calls);
        plan.nonce += t;
        plan.sign()
    };
    let txs: Vec<_> = (0..tens).map(votes).collect();
    chain.block(&txs);
    (chain, org)
}

#[test]
fn org_11_many_proposals_close_in_one_block() {
    let (chain, org) = decided_at_once(Params::dev(), 6);
    assert_eq!((treasury(&chain, org), chain.org(org).open), (100 - 60, 0));
}

#[test]
fn org_11_a_blocks_end_does_what_an_eighth_of_its_weight_allows_and_the_rest_waits() {
    // A close weighs 30,000, the payment 10,000 and 30,000: ten of them.
    let params = Params { block_weight_max: 8 * 10 * 70_000, ..Params::dev() };
    let (mut chain, org) = decided_at_once(params, 2);
    assert_eq!((treasury(&chain, org), chain.org(org).open), (100 - 10, 10));
    assert_eq!(chain.proposal(org, 9).stage, Stage::Closed(Outcome::Done), "the oldest first");
    chain.idle();
    assert_eq!((treasury(&chain, org), chain.org(org).open), (100 - 20, 0), "none is lost");
}

#[test]
fn org_11_a_proposal_heavier_than_a_blocks_end_is_done_all_the_same() {
    let params = Params { block_weight_max: 600_000, ..Params::dev() };
    let mut chain = Chain::new(&Setup { params, ..Setup::default() });
    let org = chain.org_of(&[]);
    chain.ok("judy", transfer(MEI, org.treasury(), 100));
    let eight = [0; 8].map(|_| transfer(MEI, account("ivan"), 1));
    for _ in 0..2 {
        chain.ok("alice", proposal(org, &eight));
    }
    chain.all_ok(&["alice"], &[vote(org, 0, true), vote(org, 1, true)]);
    assert_eq!(treasury(&chain, org), 100 - 8, "350,000 is more than an eighth of the block, so it goes alone");
    chain.idle();
    assert_eq!(treasury(&chain, org), 100 - 16);
}

#[test]
fn org_11_an_organization_has_at_most_64_open_proposals() {
    let mut chain = Chain::default();
    chain.trusting = true;
    let org = chain.found(&["alice"], "tube", orgs::Charter { veto_ms: 10_000, ..charter(&["alice"], 1) });
    let open = |org| proposal(org, &[transfer(MEI, account("ivan"), 1)]);
    for _ in 0..8 {
        chain.all_ok(&["alice"], &[0; 8].map(|_| open(org)));
    }
    let full = err(orgs::Error::TooManyOpen { max: 64 });
    assert_eq!(chain.refused("alice", open(org)), full);
    assert_eq!(chain.org(org).proposals, 64);
    let other = chain.found(&["judy"], "song", charter(&["judy"], 1));
    chain.ok("judy", open(other));
    // One that has passed is not over before its delay is, or it is vetoed.
    chain.ok("alice", vote(org, 5, true));
    assert_eq!(chain.refused("alice", open(org)), full);
    chain.ok("alice", Call::Orgs(orgs::Call::Veto { org, proposal: 5 }));
    chain.ok("alice", open(org));
    assert_eq!(chain.refused("alice", open(org)), full);
    chain.pass(61_000);
    chain.idle();
    assert_eq!(chain.org(org).open, 0, "time ends them all");
}

#[test]
fn org_11_half_of_the_open_proposals_are_kept_for_supervisors() {
    let mut chain = Chain::default();
    chain.trusting = true;
    let org = chain.org_of(&["bob"]);
    let open = || proposal(org, &[transfer(MEI, account("ivan"), 1)]);
    for _ in 0..4 {
        chain.all_ok(&["bob"], &[0; 8].map(|_| open()));
    }
    assert_eq!(chain.refused("bob", open()), err(orgs::Error::TooManyOpen { max: 32 }));
    chain.ok("alice", open());
    assert_eq!(chain.org(org).open, 33);
}

#[test]
fn org_11_an_open_proposal_is_judged_by_the_charter_at_its_opening() {
    let (mut chain, org) = open(charter(&["alice"], 1));
    let rules = orgs::Charter { quorum_bp: 1_000, pass_bp: 9_000, veto_ms: 10_000, ..charter(&["alice"], 1) };
    chain.ok("bob", proposal(org, &[Call::Orgs(orgs::Call::Amend { org, charter: rules })]));
    for who in ["alice", "bob", "carol"] {
        chain.ok(who, vote(org, 1, true));
    }
    assert_eq!(chain.org(org).charter.quorum_bp, 1_000, "it is in force");
    let mut few = chain.clone();
    votes(&mut few, org, &["bob", "carol"], &[]);
    few.pass(61_000);
    few.idle();
    assert_eq!(stage(&few, org), Stage::Closed(Outcome::Rejected), "two of five would be enough now, but were not then");
    votes(&mut chain, org, &["bob", "carol"], &["alice"]);
    assert_eq!(stage(&chain, org), Stage::Open);
    votes(&mut chain, org, &["dave"], &[]);
    assert_eq!(stage(&chain, org), Stage::Closed(Outcome::Done), "three of four would be too few now; nor is there a delay");
}

#[test]
fn org_9_the_quorum_is_exact() {
    for (cast, passes) in [(2, false), (3, true)] {
        // Half of five is two and a half: two are too few.
        let (mut chain, org) = open(charter(&["alice"], 1));
        votes(&mut chain, org, &[["bob", "carol", "dave"][..cast].as_ref()].concat(), &[]);
        chain.pass(61_000);
        chain.idle();
        let end = if passes { Outcome::Done } else { Outcome::Rejected };
        assert_eq!(stage(&chain, org), Stage::Closed(end), "{cast} of 5");
    }
}

#[test]
fn org_9_a_quorum_of_nothing_still_wants_a_vote() {
    let (mut chain, org) = open(orgs::Charter { quorum_bp: 0, ..charter(&["alice"], 1) });
    let mut other = chain.clone();
    chain.pass(61_000);
    chain.idle();
    assert_eq!(stage(&chain, org), Stage::Closed(Outcome::Rejected));
    votes(&mut other, org, &["bob"], &[]);
    other.pass(61_000);
    other.idle();
    assert_eq!(stage(&other, org), Stage::Closed(Outcome::Done));
}

#[test]
fn org_11_more_than_the_pass_share_of_those_cast_must_be_for_it() {
    let (mut chain, org) = open(charter(&["alice"], 1));
    votes(&mut chain, org, &["bob", "carol"], &["dave", "erin"]);
    assert_eq!(stage(&chain, org), Stage::Open);
    chain.pass(61_000);
    chain.idle();
    assert_eq!(stage(&chain, org), Stage::Closed(Outcome::Rejected), "half is not more than half");

    let (mut chain, org) = open(orgs::Charter { pass_bp: 7_500, ..charter(&["alice"], 1) });
    votes(&mut chain, org, &["bob", "carol", "dave"], &["erin"]);
    chain.pass(61_000);
    chain.idle();
    assert_eq!(stage(&chain, org), Stage::Closed(Outcome::Rejected), "three of four is not more than three quarters");

    let (mut chain, org) = open(orgs::Charter { pass_bp: 9_999, ..charter(&["alice"], 1) });
    votes(&mut chain, org, &["bob", "carol", "dave", "erin", "alice"], &[]);
    assert_eq!(stage(&chain, org), Stage::Closed(Outcome::Done), "all are more than any share");
}

#[test]
fn org_11_time_closes_in_a_block_without_transactions() {
    let (mut chain, org) = open(charter(&["alice"], 1));
    votes(&mut chain, org, &["bob", "carol"], &["dave"]);
    let until = chain.proposal(org, 0).until;
    let mut early = chain.clone();
    early.now = until - 1;
    early.idle();
    assert_eq!(stage(&early, org), Stage::Open);
    chain.now = until;
    let receipts = chain.idle();
    assert_eq!(stage(&chain, org), Stage::Closed(Outcome::Done), "at its very millisecond");
    assert_eq!((receipts.len(), receipts[0].tx, &receipts[0].status), (1, Hash::ZERO, &Status::Done));
    assert_eq!(treasury(&chain, org), 40);
}

#[test]
fn org_11_a_late_vote_is_refused_before_the_block_closes_it() {
    let (mut chain, org) = open(charter(&["alice"], 1));
    chain.now = chain.proposal(org, 0).until;
    assert_eq!(chain.refused("bob", vote(org, 0, true)), err(orgs::Error::NotOpen));
    assert_eq!(stage(&chain, org), Stage::Closed(Outcome::Rejected));
}

#[test]
fn org_11_what_passed_waits_for_the_veto_delay_and_k_supervisors_stop_it() {
    let rules = orgs::Charter { veto_ms: 10_000, ..charter(&["alice"], 1) };
    let (mut chain, org) = open(rules);
    let veto = || Call::Orgs(orgs::Call::Veto { org, proposal: 0 });
    assert_eq!(chain.refused("alice", veto()), err(orgs::Error::NotOpen), "nothing has passed yet");
    votes(&mut chain, org, &["bob", "carol", "dave"], &[]);
    assert_eq!((stage(&chain, org), treasury(&chain, org)), (Stage::Passed, 100));
    assert!(bobs_deposit(&chain, org) > 0, "the deposit waits, too");
    let mut stopped = chain.clone();
    assert_eq!(stopped.refused("bob", veto()), err(orgs::Error::NotSupervisor));
    stopped.ok("alice", veto());
    assert_eq!((stage(&stopped, org), treasury(&stopped, org)), (Stage::Closed(Outcome::Vetoed), 100));
    assert_eq!(stopped.refused("alice", veto()), err(orgs::Error::NotOpen));
    stopped.pass(20_000);
    stopped.idle();
    assert_eq!(treasury(&stopped, org), 100, "a vetoed one never runs");

    let until = chain.proposal(org, 0).until;
    let mut last = chain.clone();
    last.now = until - 1;
    last.ok("alice", veto());
    assert_eq!(stage(&last, org), Stage::Closed(Outcome::Vetoed), "to the last millisecond");
    chain.now = until;
    assert_eq!(chain.refused("alice", veto()), err(orgs::Error::NotOpen), "too late, though the block has not done it yet");
    assert_eq!((stage(&chain, org), treasury(&chain, org)), (Stage::Closed(Outcome::Done), 40));
    assert_eq!(chain.refused("alice", veto()), err(orgs::Error::NotOpen));
}

#[test]
fn org_11_a_failing_call_takes_all_back_and_says_why() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    chain.ok("judy", transfer(MEI, org.treasury(), 100));
    let ivan = chain.free(MEI, "ivan");
    let calls = [transfer(MEI, account("ivan"), 60), transfer(MEI, account("ivan"), 41)];
    assert_eq!(by_vote(&mut chain, org, &calls), Outcome::Failed);
    assert_eq!((treasury(&chain, org), chain.free(MEI, "ivan")), (100, ivan));
    let why = Error::Accounts(accounts::Error::Short { have: Amount(40), need: Amount(41) });
    let closed = Event::Orgs(orgs::Event::Closed { org, proposal: 0, outcome: Outcome::Failed, error: Some(why) });
    assert!(chain.events().contains(&closed), "{:?}", chain.events());
    assert!(!chain.events().iter().any(|event| matches!(event, Event::Tokens(_))), "what was taken back is not told");
    assert_eq!(chain.locked(MEI, "alice"), chain.org(org).deposit.0, "the proposal's deposit came back all the same");
}

#[test]
fn org_11_only_calls_that_an_organization_can_make_are_proposed() {
    let org = OrgId([1; 20]);
    let refused = Err(err(orgs::Error::ProposalCalls));
    let inner = [
        proposal(org, &[transfer(MEI, account("bob"), 1)]),
        vote(org, 0, true),
        Call::Orgs(orgs::Call::Apply { org, evidence: None, note: text("") }),
        Call::Orgs(orgs::Call::Create { name: text("abc"), symbol: text("abc"), decimals: 0, charter: charter(&["bob"], 1) }),
        transfer(MEI, account("bob"), 0),
    ];
    for call in inner {
        assert_eq!(proposal(org, &[call]).check(), refused);
    }
    let raw = |title: &str, calls: Vec<CallBytes>| {
        Call::Orgs(orgs::Call::Propose { org, title: text(title), calls: List::new(calls).expect("at most 8") })
    };
    let fine = transfer(MEI, account("bob"), 1).write().expect("short");
    let mut longer = fine.to_vec();
    longer.push(0);
    assert_eq!(raw("a title", vec![]).check(), refused);
    assert_eq!(raw("  ", vec![fine.clone()]).check(), refused);
    assert_eq!(raw("a title", vec![CallBytes::new(longer).expect("short")]).check(), refused, "trailing bytes");
    assert_eq!(raw("a title", vec![CallBytes::default()]).check(), refused);
    assert_eq!(raw("a title", vec![fine; 8]).check(), Ok(()));
}

#[test]
fn org_11_only_members_propose_and_a_proposal_weighs_what_it_will_do() {
    let (mut chain, org) = open(charter(&["alice"], 1));
    let pay = transfer(MEI, account("ivan"), 1);
    assert_eq!(chain.refused("judy", proposal(org, std::slice::from_ref(&pay))), err(orgs::Error::NotMember));
    assert_eq!(chain.refused("bob", vote(org, 7, true)), err(orgs::Error::NotOpen), "there is no such proposal");
    let one = proposal(org, std::slice::from_ref(&pay)).weight();
    let eight = proposal(org, &[0; 8].map(|_| pay.clone())).weight();
    assert_eq!(eight - one, 7 * (pay.weight() + 30_000));
}

#[test]
fn org_11_an_organization_has_no_power_over_another() {
    let (mut chain, org) = open(charter(&["alice"], 1));
    let mine = chain.found(&["judy"], "mine", charter(&["judy"], 1));
    let amend = Call::Orgs(orgs::Call::Amend { org, charter: charter(&["bob"], 1) });
    let expel = Call::Orgs(orgs::Call::Expel { org, who: account("bob") });
    let veto = Call::Orgs(orgs::Call::Veto { org, proposal: 0 });
    for (n, call) in [amend, expel, veto].into_iter().enumerate() {
        chain.ok("judy", proposal(mine, &[call]));
        chain.ok("judy", vote(mine, n as u64, true));
        assert_eq!(chain.proposal(mine, n as u64).stage, Stage::Closed(Outcome::Failed));
    }
    assert_eq!(chain.org(org).charter, charter(&["alice"], 1));
}

#[test]
fn mimei_1_auto_marks_made_by_proposals_are_new_each_time() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    chain.ok("judy", transfer(MEI, org.treasury(), 1_000_000_000));
    let auto = Call::Mimei(mimei::Call::Create { app: text("tube"), kind: text("file"), mark: text(mimei::MARK_AUTO) });
    // Two proposals opened by one transaction, closed in different blocks, two calls each.
    let twice = proposal(org, &[auto.clone(), auto]);
    chain.all_ok(&["alice"], &[twice.clone(), twice]);
    chain.ok("alice", vote(org, 0, true));
    chain.ok("alice", vote(org, 1, true));
    let made = mimei::views::by_author(&**chain.state(), &org.treasury(), None, 9).expect("memory does not fail");
    assert_eq!(made.len(), 4);
}

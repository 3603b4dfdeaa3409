use super::custom::{Bound, binding, custom, final_puppet, mandate, to_pay};
use super::*;
use leither_harness::pallets::orgs::{self, Error as OrgError, Mandate, Via};
use leither_harness::pallets::streams::{Call as Do, Error as Why, Event as Said, Terms, views};
use leither_harness::transfer;

/// From the next block on for a hundred seconds, by the second.
fn open(bound: &Bound, to: AccountId, coin: Value, is_fixed: bool, from: &str) -> Value {
    let start = bound.stage.chain.next_time();
    json!({ "stream_open": { "to": to.to_string(), "coin": coin, "start": start, "cliff": start, "end": start + 100_000, "step_ms": 1_000,
        "is_fixed": is_fixed, "from": from } })
}

fn cancel(stream: u64, from: &str) -> Value {
    json!({ "stream_cancel": { "stream": stream, "from": from } })
}

fn err(why: Why) -> Error {
    Error::Streams(why)
}

fn issue_vesting(bound: &Bound, to: &str, amount: u128) -> Value {
    let start = bound.stage.chain.next_time();
    json!({ "issue_vesting": { "to": account(to).to_string(), "amount": amount.to_string(), "role": "developer", "reason": "the player",
        "evidence": format!("0x{}", "11".repeat(32)), "start": start, "cliff": start + 50_000, "end": start + 100_000, "step_ms": 1_000 } })
}

fn stands(bound: &Bound, number: u64) -> Option<leither_harness::pallets::streams::Stream> {
    views::stream(&**bound.stage.chain.state(), number).unwrap()
}

#[test]
fn stream_7_a_contract_opens_and_ends_streams_of_its_own() {
    let mut bound = Bound::new(Mandate::default());
    let (puppet, bob) = (bound.puppet, account("bob"));
    let had = bound.stage.has(puppet);
    let paid = open(&bound, bob, to_pay(1_000, "nmei"), false, "own");
    bound.say(paid);
    let one = stands(&bound, 1).unwrap();
    assert_eq!((one.opener, one.depositor, one.contract), (puppet, puppet, None));
    assert_eq!(bound.stage.has(puppet), had - 1_000 - one.deposit.0);
    bound.stage.chain.pass(30_000);
    let before = bound.stage.has(bob);
    bound.say(json!({ "stream_draw": { "stream": 1 } }));
    let drawn = bound.stage.has(bob) - before;
    assert!((300..310).contains(&drawn), "{drawn}");
    assert_eq!(bound.refused(json!({ "stream_draw": { "stream": 2 } })), err(Why::Unknown));
    // What it did is seen by what it asks.
    let asked = bound.ask(json!({ "stream": { "stream": 1 } }));
    assert_eq!(
        (&asked["amount"], &asked["drawn"], &asked["denom"]),
        (&json!("1000"), &json!(drawn.to_string()), &json!("nmei"))
    );
    bound.say(cancel(1, "own"));
    assert_eq!((stands(&bound, 1), bound.stage.has(puppet)), (None, had - (bound.stage.has(bob) - before)));
    // It is paid by somebody, and renounces; what is another's it does not end.
    let start = bound.stage.chain.next_time();
    let terms = Terms {
        to: puppet,
        token: MEI,
        amount: Amount(500),
        start,
        cliff: start,
        end: start + 10_000,
        step_ms: 1_000,
        is_fixed: true,
    };
    bound.stage.chain.ok("carol", Call::Streams(Do::Open(terms.clone())));
    bound.stage.chain.ok("carol", Call::Streams(Do::Open(Terms { to: bob, ..terms })));
    bound.say(cancel(2, "own"));
    assert_eq!(stands(&bound, 2), None);
    assert_eq!(bound.refused(cancel(3, "own")), err(Why::NotAllowed));
    // What form forbids to anybody, it forbids to contracts; and they are told why by a number.
    let nothing = open(&bound, bob, to_pay(0, "nmei"), false, "own");
    assert_eq!(bound.refused(nothing), err(Why::Nothing));
    let told = json!({ "messages": [sub(1, json!({ "custom": cancel(9, "own") }), "error")] });
    bound.stage.chain.ok("dave", execute(puppet, &told));
    assert_eq!(bound.stage.replies(puppet)[0]["result"]["error"], "codespace: streams, code: 0");
}

#[test]
fn stream_7_of_the_treasury_all_is_booked_at_once_and_it_ends_only_what_it_has_opened() {
    let mut bound = Bound::new(mandate(false, 0, 1_000));
    let (org, bob) = (bound.org, account("bob"));
    let treasury = org.treasury();
    bound.stage.chain.ok("alice", transfer(MEI, treasury, 1_000_000_000));
    let paid = open(&bound, bob, to_pay(600, "nmei"), false, "treasury");
    bound.say(paid);
    let one = stands(&bound, 1).unwrap();
    assert_eq!((one.opener, one.depositor, one.contract), (treasury, treasury, Some(bound.puppet)));
    let more = open(&bound, bob, to_pay(401, "nmei"), false, "treasury");
    assert_eq!(bound.refused(more), Error::Orgs(OrgError::OverMandate { left: Amount(400) }));
    let units = bound.stage.chain.org(org).token.to_string();
    let other = open(&bound, bob, to_pay(1, &units), false, "treasury");
    assert_eq!(bound.refused(other), Error::Orgs(OrgError::NoMandate));
    // A vote's own, and one that pays the treasury, are none of its.
    let start = bound.stage.chain.next_time();
    let terms = Terms {
        to: bob,
        token: MEI,
        amount: Amount(500),
        start,
        cliff: start,
        end: start + 100_000,
        step_ms: 1_000,
        is_fixed: false,
    };
    let by_vote = leither_harness::proposal(org, &[Call::Streams(Do::Open(terms.clone()))]);
    bound.stage.chain.ok("alice", by_vote);
    for who in ["alice", "bob"] {
        bound.stage.chain.ok(who, Call::Orgs(orgs::Call::Vote { org, proposal: 0, yes: true, weight: None }));
    }
    bound.stage.chain.idle();
    assert_eq!(stands(&bound, 2).unwrap().opener, treasury);
    bound.stage.chain.ok("carol", Call::Streams(Do::Open(Terms { to: treasury, ..terms })));
    for stream in [2, 3] {
        assert_eq!(bound.refused(cancel(stream, "treasury")), err(Why::NotAllowed));
    }
    assert_eq!(bound.refused(cancel(1, "own")), err(Why::NotAllowed), "as itself it is nobody there");
    bound.say(cancel(1, "treasury"));
    assert_eq!(stands(&bound, 1), None);
    // What was booked stays booked for this epoch.
    let left = bound.ask(json!({ "mandate": { "org": org.to_string() } }));
    assert_eq!(left["spend"], json!([to_pay(400, "nmei")]));
    let fixed = open(&bound, bob, to_pay(400, "nmei"), true, "treasury");
    bound.say(fixed);
    assert_eq!(bound.refused(cancel(4, "treasury")), err(Why::Fixed));
    // Nor does one without a mandate.
    let stranger = bound.stage.born("alice", final_puppet(1));
    for message in [cancel(4, "treasury"), open(&bound, bob, to_pay(1, "nmei"), true, "treasury")] {
        let refused = bound.stage.chain.refused("dave", execute(stranger, &custom(message)));
        assert_eq!(refused, Error::Orgs(OrgError::NoMandate));
    }
}

#[test]
fn stream_8_units_are_issued_that_become_free_over_time() {
    let mut bound = Bound::new(mandate(true, 100, 0));
    let (org, bob) = (bound.org, account("bob"));
    let token = bound.stage.chain.org(org).token;
    // The deposit is the treasury's; while it has nothing, nothing is issued.
    let message = issue_vesting(&bound, "bob", 60);
    assert!(matches!(bound.refused(message), Error::Accounts(_)));
    assert_eq!(bound.stage.chain.holding(token, bob), Default::default());
    bound.stage.chain.ok("alice", transfer(MEI, org.treasury(), 1_000_000_000));
    let mei = bound.stage.chain.holding(MEI, bob);
    let message = issue_vesting(&bound, "bob", 60);
    let events = bound.say(message);
    let said = |event: &Event| matches!(event, Event::Streams(Said::Opened { stream: 1, opener, to, .. }) if *opener == bob && *to == bob);
    assert!(events.iter().any(said), "{events:?}");
    let one = stands(&bound, 1).unwrap();
    assert_eq!((one.opener, one.depositor, one.contract), (bob, org.treasury(), Some(bound.puppet)));
    assert!(one.terms.is_fixed);
    let held = bound.stage.chain.holding(token, bob);
    assert_eq!((held.free, held.locked), (Amount(0), Amount(60)));
    assert_eq!(bound.stage.chain.holding(MEI, bob), mei, "a holder without any would do");
    assert_eq!(bound.stage.chain.holding(MEI, org.treasury()).locked, one.deposit);
    // It stands on the ledger as any issuance, within the cap.
    let entries = orgs::views::entries(&**bound.stage.chain.state(), &org, None, 9).unwrap();
    let orgs::EntryKind::Issuance { via, amount, .. } = &entries[0].1.kind else { panic!("{entries:?}") };
    assert_eq!((*via, *amount), (Via::Contract(bound.puppet), Amount(60)));
    let message = issue_vesting(&bound, "bob", 41);
    assert_eq!(bound.refused(message), Error::Orgs(OrgError::OverMandate { left: Amount(40) }));
    // Nobody ends it, not even who has the mandate; anybody draws.
    assert_eq!(bound.refused(cancel(1, "treasury")), err(Why::NotAllowed));
    assert_eq!(bound.stage.chain.refused("bob", Call::Streams(Do::Cancel { stream: 1 })), err(Why::Fixed));
    assert_eq!(bound.refused(json!({ "stream_draw": { "stream": 1 } })), err(Why::NothingDue));
    bound.stage.chain.now = one.terms.cliff;
    bound.say(json!({ "stream_draw": { "stream": 1 } }));
    assert_eq!(bound.stage.chain.holding(token, bob).free, Amount(30));
    bound.stage.chain.now = one.terms.end;
    bound.say(json!({ "stream_draw": { "stream": 1 } }));
    assert_eq!((bound.stage.chain.holding(token, bob).free, stands(&bound, 1)), (Amount(60), None));
    assert_eq!(bound.stage.chain.holding(MEI, org.treasury()).locked, Amount::ZERO, "the deposit is back");
    // A bad plan issues nothing.
    let mut bad = issue_vesting(&bound, "bob", 10);
    bad["issue_vesting"]["step_ms"] = json!(1);
    assert_eq!(bound.refused(bad), err(Why::Step));
    // Nor does anybody without the mandate issue any.
    bound.stage.chain.ok("alice", binding_by_vote(&bound));
    bound.stage.chain.ok("bob", Call::Orgs(orgs::Call::Vote { org, proposal: 0, yes: true, weight: None }));
    bound.stage.chain.idle();
    let message = issue_vesting(&bound, "bob", 10);
    assert_eq!(bound.refused(message), Error::Orgs(OrgError::NoMandate));
}

/// The mandate ends.
fn binding_by_vote(bound: &Bound) -> Call {
    leither_harness::proposal(bound.org, &[binding(bound.org, None, Mandate::default())])
}

/// STREAM-7: what it asks.
#[test]
fn wasm_13_it_asks_for_streams_of_either_side_page_by_page() {
    let mut bound = Bound::new(Mandate::default());
    let bob = account("bob");
    for _ in 0..3 {
        let paid = open(&bound, bob, to_pay(10, "nmei"), true, "own");
        bound.say(paid);
    }
    let list = |bound: &Bound, payee: Option<AccountId>, opener: Option<AccountId>, after: Option<u64>, limit: Option<u32>| {
        let text = |who: Option<AccountId>| who.map(|who| who.to_string());
        let asked = bound
            .ask(json!({ "streams": { "payee": text(payee), "opener": text(opener), "start_after": after, "limit": limit } }));
        let numbers: Vec<u64> = asked["streams"].as_array().unwrap().iter().map(|one| one["stream"].as_u64().unwrap()).collect();
        (numbers, asked["next"].as_u64())
    };
    assert_eq!(list(&bound, Some(bob), None, None, Some(2)), (vec![1, 2], Some(2)));
    assert_eq!(list(&bound, Some(bob), None, Some(2), Some(2)), (vec![3], None));
    assert_eq!(list(&bound, None, Some(bound.puppet), None, None), (vec![1, 2, 3], None));
    assert_eq!(list(&bound, None, Some(bob), None, None), (vec![], None));
    let (bob, puppet) = (bob.to_string(), bound.puppet.to_string());
    for wrong in [
        json!({ "streams": { "payee": bob, "opener": puppet } }),
        json!({ "streams": {} }),
        json!({ "streams": { "payee": bob.to_uppercase() } }),
        json!({ "stream": { "stream": 4 } }),
    ] {
        assert!(matches!(bound.stage.ask_within(&json!({ "custom": wrong }), GAS), Some(QueryAnswer::Failed(_))));
    }
}

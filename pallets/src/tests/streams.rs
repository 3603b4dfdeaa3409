use super::{MEI, by_vote, vote};
use leither_harness::pallets::streams::{
    AWAY_MS_MAX, Call as Do, Error as Why, Event as Said, LENGTH_MS_MAX, OPEN_MAX, Side, Stream, Terms, views,
};
use leither_harness::pallets::{Call, Error, Event, accounts, orgs, tokens};
use leither_harness::{Chain, Setup, account, issue, proposal, text, transfer};
use leither_types::{AccountId, Amount, Millis, Params, TokenId};
use num_bigint::BigUint;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const SECOND: Millis = 1_000;

fn err(error: Why) -> Error {
    Error::Streams(error)
}

fn draw(stream: u64) -> Call {
    Call::Streams(Do::Draw { stream })
}

fn cancel(stream: u64) -> Call {
    Call::Streams(Do::Cancel { stream })
}

/// From the next block on, for so many seconds, by the second.
fn terms(chain: &Chain, to: AccountId, amount: u128, seconds: u64) -> Terms {
    let start = chain.next_time();
    let end = start + seconds * SECOND;
    Terms { to, token: MEI, amount: Amount(amount), start, cliff: start, end, step_ms: SECOND, is_fixed: false }
}

fn opened(chain: &mut Chain, who: &str, terms: Terms) -> u64 {
    let said = |event: Event| match event {
        Event::Streams(Said::Opened { stream, .. }) => Some(stream),
        _ => None,
    };
    chain.ok(who, Call::Streams(Do::Open(terms))).into_iter().find_map(said).expect("it says its number")
}

fn stream(chain: &Chain, number: u64) -> Option<Stream> {
    views::stream(&**chain.state(), number).expect("memory does not fail")
}

/// Brings a block of this very time.
fn at(chain: &mut Chain, time: Millis) {
    assert!(chain.next_time() <= time);
    chain.now = time;
}

#[test]
fn stream_1_opening_locks_all_of_it_and_a_deposit() {
    let mut chain = Chain::default();
    let free = chain.free(MEI, "alice");
    let terms = terms(&chain, account("bob"), 5_000, 100);
    let number = opened(&mut chain, "alice", terms.clone());
    let open = stream(&chain, number).expect("it is open");
    assert_eq!(
        (open.opener, &open.terms, open.drawn, open.depositor),
        (account("alice"), &terms, Amount::ZERO, account("alice"))
    );
    assert_eq!((open.contract, open.height), (None, chain.blocks.len() as u64));
    assert!(!open.deposit.is_zero());
    assert_eq!(chain.locked(MEI, "alice"), 5_000 + open.deposit.0);
    assert!(chain.free(MEI, "alice") < free - 5_000 - open.deposit.0, "and the fee");
    let refused = chain.refused("alice", transfer(MEI, account("bob"), free - 5_000));
    assert_eq!(
        refused,
        Error::Accounts(accounts::Error::Short { have: Amount(chain.free(MEI, "alice")), need: Amount(free - 5_000) })
    );
    // Nobody locks what there is not, and a token that there is not is nobody's.
    let all = Terms { amount: Amount(u128::MAX), ..terms.clone() };
    assert!(matches!(chain.refused("carol", Call::Streams(Do::Open(all))), Error::Accounts(accounts::Error::Short { .. })));
    let strange = Terms { token: TokenId([9; 20]), ..terms };
    assert!(matches!(
        chain.refused("carol", Call::Streams(Do::Open(strange))),
        Error::Accounts(accounts::Error::Short { .. })
    ));
}

#[test]
fn stream_1_times_step_and_length_are_bounded() {
    let chain = Chain::default();
    let good = terms(&chain, account("bob"), 1, 100);
    let form = |terms: Terms| Call::Streams(Do::Open(terms)).check();
    let (start, end) = (good.start, good.end);
    assert_eq!(form(good.clone()), Ok(()));
    assert_eq!(form(Terms { amount: Amount::ZERO, ..good.clone() }), Err(err(Why::Nothing)));
    for (start, cliff, end) in
        [(start, start, start), (end, end, start), (start, start - 1, end), (start, end + 1, end), (0, 0, LENGTH_MS_MAX + 1)]
    {
        assert_eq!(form(Terms { start, cliff, end, ..good.clone() }), Err(err(Why::Times)));
    }
    assert_eq!(form(Terms { start: 0, cliff: LENGTH_MS_MAX, end: LENGTH_MS_MAX, ..good.clone() }), Ok(()));
    for step_ms in [0, 999, 100 * SECOND + 1] {
        assert_eq!(form(Terms { step_ms, ..good.clone() }), Err(err(Why::Step)));
    }
    assert_eq!(form(Terms { step_ms: 100 * SECOND, ..good }), Ok(()));
}

#[test]
fn stream_1_it_begins_within_a_year_and_is_not_over_yet() {
    let mut chain = Chain::default();
    let to = account("bob");
    let moved = |terms: Terms, start: Millis, end: Millis| Call::Streams(Do::Open(Terms { start, cliff: end, end, ..terms }));
    let now = chain.next_time();
    let good = terms(&chain, to, 1, 100);
    assert_eq!(
        chain.refused("alice", moved(good.clone(), now + AWAY_MS_MAX + 1, now + AWAY_MS_MAX + 100_000)),
        err(Why::Away)
    );
    let now = chain.next_time();
    chain.ok("alice", moved(good.clone(), now + AWAY_MS_MAX, now + AWAY_MS_MAX + 100_000));
    let now = chain.next_time();
    assert_eq!(chain.refused("alice", moved(good.clone(), now - AWAY_MS_MAX - 1, now + 1)), err(Why::Away));
    let now = chain.next_time();
    chain.ok("alice", moved(good.clone(), now - AWAY_MS_MAX, now + 1));
    let now = chain.next_time();
    assert_eq!(chain.refused("alice", moved(good, now - 5_000, now)), err(Why::Away), "over by then");
}

#[test]
fn stream_1_an_account_has_deposits_for_so_many() {
    let mut chain = Chain::default();
    chain.trusting = true;
    let open = Call::Streams(Do::Open(terms(&chain, account("bob"), 1, 1_000_000)));
    let many = vec![open.clone(); 8];
    for _ in 0..OPEN_MAX / 8 {
        chain.all_ok(&["alice"], &many);
    }
    let count = |chain: &Chain| views::count(&**chain.state(), &account("alice")).expect("memory does not fail");
    assert_eq!(count(&chain), OPEN_MAX);
    assert_eq!(chain.refused("alice", open.clone()), err(Why::TooMany { max: OPEN_MAX }));
    chain.ok("carol", open.clone());
    chain.ok("alice", cancel(5));
    chain.ok("alice", open);
    assert_eq!(count(&chain), OPEN_MAX);
    // Lists come page by page.
    let list = |side, who: &str, after, limit| {
        let rows = views::list(&**chain.state(), side, &account(who), after, limit).expect("memory does not fail");
        rows.into_iter().map(|(number, _)| number).collect::<Vec<_>>()
    };
    assert_eq!(list(Side::Opener, "alice", None, 5), [1, 2, 3, 4, 6]);
    assert_eq!(list(Side::Opener, "alice", Some(998), 9), [999, 1_000, 1_002]);
    assert_eq!(list(Side::Payee, "bob", Some(1_000), 9), [1_001, 1_002]);
    assert_eq!(list(Side::Opener, "carol", None, 9), [1_001]);
    assert_eq!(list(Side::Payee, "alice", None, 9), [] as [u64; 0]);
}

#[test]
fn stream_2_nothing_before_the_cliff_whole_steps_after_it_and_all_at_the_end() {
    let (start, day) = (1_000_000, 24 * 3_600 * SECOND);
    let year = Terms {
        to: account("bob"),
        token: MEI,
        amount: Amount(1_000),
        start,
        cliff: start + 90 * day,
        end: start + 365 * day,
        step_ms: 30 * day,
        is_fixed: true,
    };
    let vested = |days: u64| year.vested(start + days * day).0;
    assert_eq!([vested(0), vested(89), vested(90), vested(119), vested(120)], [0, 0, 246, 246, 328]);
    assert_eq!([vested(364), vested(365), vested(9_999)], [986, 1_000, 1_000]);
    assert_eq!((year.vested(0).0, year.vested(start + 365 * day - 1).0), (0, 986));
    assert_eq!(year.next_step(0), Some(start + 90 * day));
    assert_eq!(year.next_step(start + 100 * day), Some(start + 120 * day));
    assert_eq!(year.next_step(start + 361 * day), Some(start + 365 * day), "the last step is shorter");
    assert_eq!(year.next_step(start + 365 * day), None);
    // Products beyond 128 bits are exact.
    let great = Terms { amount: Amount((1 << 96) - 1), cliff: start, end: start + LENGTH_MS_MAX, step_ms: SECOND, ..year };
    let half = great.vested(start + LENGTH_MS_MAX / 2).0;
    assert_eq!(half, ((1u128 << 96) - 1) / 2);
}

#[test]
fn stream_3_anybody_draws_for_the_payee_and_all_draws_together_are_the_amount() {
    let mut chain = Chain::default();
    let had = chain.free(MEI, "bob");
    let terms = terms(&chain, account("bob"), 1_001, 3);
    let (start, number) = (terms.start, opened(&mut chain, "alice", terms));
    let deposit = stream(&chain, number).expect("it is open").deposit.0;
    at(&mut chain, start + 999);
    assert_eq!(chain.refused("carol", draw(number)), err(Why::NothingDue));
    at(&mut chain, start + 1_200);
    let events = chain.ok("carol", draw(number));
    let drawn =
        Said::Drawn { stream: number, opener: account("alice"), to: account("bob"), amount: Amount(333), left: Amount(668) };
    assert!(events.contains(&Event::Streams(drawn)), "{events:?}");
    assert_eq!((chain.free(MEI, "bob") - had, chain.locked(MEI, "alice")), (333, 668 + deposit));
    at(&mut chain, start + 1_999);
    assert_eq!(chain.refused("dave", draw(number)), err(Why::NothingDue), "this step was drawn");
    at(&mut chain, start + 9_000);
    chain.ok("carol", draw(number));
    assert_eq!((chain.free(MEI, "bob") - had, chain.locked(MEI, "alice")), (1_001, 0), "the deposit is back");
    assert_eq!(stream(&chain, number), None);
    assert_eq!(chain.refused("carol", draw(number)), err(Why::Unknown));
    for side in [Side::Payee, Side::Opener] {
        for who in ["alice", "bob"] {
            assert_eq!(views::list(&**chain.state(), side, &account(who), None, 9), Ok(vec![]));
        }
    }
    assert_eq!(views::count(&**chain.state(), &account("alice")), Ok(0));
}

#[test]
fn stream_4_who_opened_it_ends_it_unless_it_is_fixed_and_the_payee_at_any_time() {
    let mut chain = Chain::default();
    let had = chain.free(MEI, "bob");
    let open = terms(&chain, account("bob"), 1_000, 10);
    let number = opened(&mut chain, "alice", open.clone());
    assert_eq!(chain.refused("carol", cancel(number)), err(Why::NotAllowed));
    at(&mut chain, open.start + 4_500);
    let events = chain.ok("alice", cancel(number));
    let (opener, to) = (account("alice"), account("bob"));
    let ended = Said::Cancelled { stream: number, opener, to, by: opener, back: Amount(600) };
    assert!(events.contains(&Event::Streams(ended)), "{events:?}");
    assert_eq!((chain.free(MEI, "bob") - had, chain.locked(MEI, "alice"), stream(&chain, number)), (400, 0, None));
    // Fixed: not by who opened it; the payee renounces.
    let fixed = Terms { is_fixed: true, ..terms(&chain, account("bob"), 1_000, 10) };
    let number = opened(&mut chain, "alice", fixed.clone());
    assert_eq!(chain.refused("alice", cancel(number)), err(Why::Fixed));
    at(&mut chain, fixed.start + 2_000);
    let free = chain.free(MEI, "bob");
    let fee = chain.call("bob", cancel(number)).fee.0;
    assert_eq!((chain.free(MEI, "bob") + fee - free, chain.locked(MEI, "alice"), stream(&chain, number)), (200, 0, None));
    // At once, with nothing due: all of it comes back.
    let late = Terms { cliff: chain.next_time() + 5_000, ..terms(&chain, account("bob"), 1_000, 10) };
    let number = opened(&mut chain, "alice", late);
    let events = chain.ok("alice", cancel(number));
    assert!(!events.iter().any(|event| matches!(event, Event::Streams(Said::Drawn { .. }))), "{events:?}");
    // After the end: all of it is paid.
    let open = terms(&chain, account("bob"), 1_000, 10);
    let number = opened(&mut chain, "alice", open.clone());
    at(&mut chain, open.end);
    let free = chain.free(MEI, "bob");
    chain.ok("alice", cancel(number));
    assert_eq!((chain.free(MEI, "bob") - free, chain.locked(MEI, "alice")), (1_000, 0));
}

#[test]
fn stream_4_an_organization_pays_over_time_by_vote() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    chain.ok("judy", transfer(MEI, org.treasury(), 1_000_000_000));
    let pay = terms(&chain, account("bob"), 1_000, 100);
    assert_eq!(by_vote(&mut chain, org, &[Call::Streams(Do::Open(pay.clone()))]), orgs::Outcome::Done);
    let open = stream(&chain, 1).expect("it is open");
    assert_eq!((open.opener, open.depositor), (org.treasury(), org.treasury()));
    assert_eq!(chain.refused("alice", cancel(1)), err(Why::NotAllowed), "a supervisor is not the treasury");
    at(&mut chain, pay.start + 50_000);
    let had = chain.free(MEI, "bob");
    assert_eq!(by_vote(&mut chain, org, &[cancel(1)]), orgs::Outcome::Done);
    assert!((500..520).contains(&(chain.free(MEI, "bob") - had)));
    assert_eq!(chain.holding(MEI, org.treasury()).locked, Amount::ZERO);
}

#[test]
fn stream_5_ones_own_units_become_free_over_time_and_nobody_ends_that() {
    let mut chain = Chain::default();
    let own = terms(&chain, account("bob"), 1_000, 10);
    assert_eq!(chain.refused("bob", Call::Streams(Do::Open(own))), err(Why::OwnNotFixed));
    let own = Terms { is_fixed: true, ..terms(&chain, account("bob"), 1_000, 10) };
    let number = opened(&mut chain, "bob", own.clone());
    for who in ["bob", "alice"] {
        let why = if who == "bob" { Why::Fixed } else { Why::NotAllowed };
        assert_eq!(chain.refused(who, cancel(number)), err(why));
    }
    at(&mut chain, own.start + 3_000);
    let (free, locked) = (chain.free(MEI, "bob"), chain.locked(MEI, "bob"));
    let events = chain.ok("alice", draw(number));
    assert_eq!((chain.free(MEI, "bob") - free, locked - chain.locked(MEI, "bob")), (300, 300));
    assert!(!events.iter().any(|event| matches!(event, Event::Tokens(tokens::Event::Transferred { .. }))));
    at(&mut chain, own.end);
    chain.ok("alice", draw(number));
    assert_eq!((chain.locked(MEI, "bob"), stream(&chain, number)), (0, None));
}

#[test]
fn stream_6_what_is_locked_earns_and_is_not_cast() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob", "carol"]);
    let tube = TokenId::of_org(&org);
    for who in ["bob", "carol"] {
        chain.ok("alice", issue(org, account(who), 100));
    }
    let give = Terms { token: tube, ..terms(&chain, account("carol"), 80, 1_000) };
    let number = opened(&mut chain, "bob", give.clone());
    let held = chain.holding(tube, account("bob"));
    assert_eq!((held.free, held.locked), (Amount(20), Amount(80)));
    let income = Call::Orgs(orgs::Call::Income { org, token: MEI, amount: Amount(10_000), note: text("ads") });
    chain.ok("judy", income.clone());
    let owed = |chain: &Chain, who: &str| chain.claimable(org, MEI, account(who));
    assert_eq!(owed(&chain, "bob"), owed(&chain, "carol"), "locked units earn for who locked them");
    // Of the vote they belong to the whole, and are not cast.
    let calls = [transfer(MEI, account("ivan"), 1)];
    let open = chain.org(org).proposals;
    chain.ok("bob", proposal(org, &calls));
    let heavy = Call::Orgs(orgs::Call::Vote { org, proposal: open, yes: true, weight: Some(Amount(21)) });
    assert_eq!(chain.refused("bob", heavy), Error::Orgs(orgs::Error::Weight { have: Amount(20) }));
    chain.ok("bob", vote(org, open, true));
    let stands = chain.proposal(org, open);
    assert_eq!((stands.eligible, stands.yes), (Amount(200), Amount(20)));
    // What is drawn earns for the payee from then on.
    at(&mut chain, give.end);
    chain.ok("dave", draw(number));
    let (bob, carol) = (owed(&chain, "bob"), owed(&chain, "carol"));
    chain.ok("judy", income);
    assert_eq!((owed(&chain, "carol") - carol) / (owed(&chain, "bob") - bob), 9, "180 units to 20");
}

#[test]
fn stream_3_a_stream_of_an_unknown_number_is_none() {
    let mut chain = Chain::default();
    for call in [draw(0), draw(1), draw(u64::MAX), cancel(1)] {
        assert_eq!(chain.refused("alice", call), err(Why::Unknown));
    }
}

/// What the test itself knows of a stream: by whole numbers of any length.
struct Known {
    opener: usize,
    to: usize,
    terms: Terms,
    paid: u128,
}

impl Known {
    fn vested(&self, now: Millis) -> u128 {
        let Terms { amount, start, cliff, end, step_ms, .. } = self.terms;
        if now < cliff {
            return 0;
        }
        let mut earning = BigUint::from(now.min(end) - start);
        if now < end {
            earning = &earning / step_ms * step_ms;
        }
        (earning * amount.0 / (end - start)).try_into().expect("a part of the amount")
    }
}

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

fn start() -> &'static (Chain, [TokenId; 2]) {
    static START: OnceLock<(Chain, [TokenId; 2])> = OnceLock::new();
    START.get_or_init(|| {
        let mut chain = Chain::new(&Setup { params: Params::dev(), ..Setup::default() });
        let org = chain.org_of(&["bob", "carol"]);
        for who in ["bob", "carol"] {
            chain.ok("alice", issue(org, account(who), 1_000));
        }
        chain.trusting = true;
        (chain, [MEI, TokenId::of_org(&org)])
    })
}

type Die = (u8, usize, usize, usize, u128, (u64, u64, u64), bool, u64);

fn die() -> impl Strategy<Value = Die> {
    let amount = prop_oneof![3 => 1u128..300, 1 => 1u128..1_000_000];
    let times = (0u64..20_000, 0u64..20_000, 1_000u64..9_000);
    (0u8..10, 0usize..4, 0usize..4, 0usize..2, amount, times, any::<bool>(), 0u64..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// STREAM-1 to STREAM-5: whatever is opened, drawn and ended, payees have what was due by the test's own reckoning, and what is locked is
    /// what is left of all streams and the deposits.
    #[test]
    fn stream_3_whatever_is_done_each_is_paid_what_is_due_and_locks_are_what_is_left(
        blocks in prop::collection::vec((prop::collection::vec(die(), 1..5), 0u64..4_000), 8..30)
    ) {
        let (chain, tokens) = start();
        let mut chain = chain.clone();
        let mut known: BTreeMap<u64, Known> = BTreeMap::new();
        let mut last = 0;
        let before = |chain: &Chain, name: &str| tokens.map(|token| {
            let held = chain.holding(token, account(name));
            (held.free.0 + held.locked.0, held.locked.0)
        });
        let first: Vec<_> = NAMES.iter().map(|name| before(&chain, name)).collect();
        let mut moved: BTreeMap<(usize, usize), i128> = BTreeMap::new();
        for (dice, ms) in blocks {
            chain.pass(ms);
            let now = chain.next_time();
            for (kind, who, to, token, amount, (ahead, length, step_ms), is_fixed, pick) in dice {
                let number = pick.min(last.max(1));
                let call = match kind {
                    0..=4 => {
                        let start = now + ahead - 10_000;
                        let end = start + length + step_ms;
                        let cliff = start + length.min(ahead);
                        let terms = Terms { to: account(NAMES[to]), token: tokens[token], amount: Amount(amount), start, cliff, end, step_ms, is_fixed };
                        Call::Streams(Do::Open(terms))
                    }
                    5..=8 => draw(number),
                    _ => cancel(number),
                };
                let tx = chain.sign(&[NAMES[who]], std::slice::from_ref(&call));
                let (receipts, unfit) = chain.try_block(&[tx]);
                prop_assert!(unfit.is_empty(), "{unfit:?}");
                let done = receipts[0].status == leither_types::Status::Done;
                *moved.entry((who, 0)).or_default() -= receipts[0].fee.0 as i128;
                let now = chain.blocks.last().expect("a block").header.time;
                match call {
                    Call::Streams(Do::Open(terms)) if done => {
                        last += 1;
                        prop_assert!(terms.to != account(NAMES[who]) || terms.is_fixed);
                        known.insert(last, Known { opener: who, to, terms, paid: 0 });
                    }
                    Call::Streams(Do::Draw { stream }) | Call::Streams(Do::Cancel { stream }) => {
                        let ends = matches!(call, Call::Streams(Do::Cancel { .. }));
                        let Some(one) = known.get_mut(&stream) else {
                            prop_assert!(!done, "a stream that is none");
                            continue;
                        };
                        let due = one.vested(now) - one.paid;
                        let may = if ends {
                            one.opener != one.to && (who == one.to || (who == one.opener && !one.terms.is_fixed))
                        } else {
                            due > 0
                        };
                        prop_assert_eq!(done, may, "{:?}", call);
                        if done {
                            one.paid += due;
                            let token = usize::from(one.terms.token != MEI);
                            *moved.entry((one.opener, token)).or_default() -= due as i128;
                            *moved.entry((one.to, token)).or_default() += due as i128;
                            if ends || one.paid == one.terms.amount.0 {
                                known.remove(&stream);
                            }
                        }
                    }
                    _ => {}
                }
            }
            for (n, name) in NAMES.iter().enumerate() {
                let now = before(&chain, name);
                for token in 0..2 {
                    let left: u128 = known.values().filter(|one| one.opener == n && one.terms.token == tokens[token]).map(|one| one.terms.amount.0 - one.paid).sum();
                    let deposits: u128 = known.iter().filter(|(_, one)| one.opener == n && token == 0).map(|(number, _)| stream(&chain, *number).expect("it is open").deposit.0).sum();
                    prop_assert_eq!(now[token].1 - first[n][token].1, left + deposits, "locked with {}", name);
                    let total = first[n][token].0 as i128 + moved.get(&(n, token)).copied().unwrap_or(0);
                    prop_assert_eq!(now[token].0 as i128, total, "what {} has", name);
                }
            }
        }
    }
}

use super::*;
use leither_harness::pallets::tokens::Event as Tokens;
use leither_harness::transfer;

/// More than enough for many times.
const RICH: u128 = 50_000_000_000;

fn custom(message: Value) -> Value {
    json!({ "messages": [sub(1, json!({ "custom": message }), "never")] })
}

fn every_second(id: u32, what: &Value, times: u32, budget: u128) -> Value {
    let budget = budget.to_string();
    custom(
        json!({ "schedule": { "id": id, "msg": base64(what), "at": null, "every_ms": 1_000, "times": times, "gas": 1_000_000_000u64, "budget": budget } }),
    )
}

/// A puppet with money.
fn stage() -> (Stage, AccountId) {
    let mut stage = Stage::new();
    let (puppet, _) = stage.puppets();
    stage.chain.ok("judy", transfer(MEI, puppet, RICH));
    (stage, puppet)
}

fn pulsed(events: &[Event]) -> Vec<(u32, bool)> {
    let one = |event: &Event| match event {
        Event::Wasm(Wasm::Pulsed { id, error, .. }) => Some((*id, error.is_none())),
        _ => None,
    };
    events.iter().filter_map(one).collect()
}

fn over(events: &[Event]) -> Option<u8> {
    events.iter().find_map(|event| match event {
        Event::Wasm(Wasm::ScheduleOver { why, .. }) => Some(*why),
        _ => None,
    })
}

fn locked(stage: &Stage, puppet: AccountId) -> u128 {
    stage.chain.holding(MEI, puppet).locked.0
}

/// A block `ms` later, and what its end told.
fn later(stage: &mut Stage, ms: u64) -> Vec<Event> {
    stage.chain.pass(ms);
    stage.chain.idle();
    stage.chain.events()
}

#[test]
fn wasm_14_a_contract_is_told_by_time_what_it_asked_for_and_pays_for_each_time() {
    let (mut stage, puppet) = stage();
    stage
        .chain
        .ok("alice", execute(puppet, &every_second(0, &json!({ "write": [["told", "yes"]] }), 2, 10_000_000)));
    assert!(locked(&stage, puppet) > 10_000_000, "budget and deposit");
    assert_eq!(stage.kept(puppet, "told"), None);
    let had = stage.has(puppet) + locked(&stage, puppet);
    let events = later(&mut stage, 1_000);
    assert_eq!(pulsed(&events), [(0, true)]);
    assert_eq!(stage.kept(puppet, "told").as_deref(), Some("yes"));
    let burnt = events.iter().find_map(|event| match event {
        Event::Tokens(Tokens::Burned { from, amount, .. }) if *from == puppet => Some(amount.0),
        _ => None,
    });
    let price = burnt.expect("it is paid for, burnt");
    assert_eq!(price, 1_000_000_000 / 500 + 60_000, "at the least base fee");
    assert_eq!(stage.has(puppet) + locked(&stage, puppet), had - price);
    // Not before its time; and what was missed is not made up for.
    assert_eq!(pulsed(&later(&mut stage, 1)), []);
    let events = later(&mut stage, 10_000);
    assert_eq!((pulsed(&events), over(&events)), (vec![(0, true)], Some(0)));
    assert_eq!(locked(&stage, puppet), 0, "what is left is the contract's again");
    assert_eq!(pulsed(&later(&mut stage, 10_000)), []);
}

#[test]
fn wasm_14_what_fails_is_taken_back_and_paid_and_the_third_time_on_end_is_the_last() {
    let (mut stage, puppet) = stage();
    let fails = json!({ "write": [["told", "yes"]], "fail": "no" });
    stage.chain.ok("alice", execute(puppet, &every_second(3, &fails, 100, 100_000_000)));
    let had = stage.has(puppet) + locked(&stage, puppet);
    for time in 1..=3 {
        let events = later(&mut stage, 1_000);
        assert_eq!((pulsed(&events), over(&events)), (vec![(3, false)], (time == 3).then_some(2)));
    }
    assert_eq!((stage.kept(puppet, "told"), locked(&stage, puppet)), (None, 0));
    assert_eq!(stage.has(puppet), had - 3 * 2_060_000);
    // One that runs for ever uses what it may, and no more; a panic likewise.
    for bad in [json!({ "spin": u64::MAX }), json!({ "panic": true })] {
        stage.chain.ok("alice", execute(puppet, &every_second(0, &bad, 1, 100_000_000)));
        let events = later(&mut stage, 1_000);
        assert_eq!((pulsed(&events), over(&events)), (vec![(0, false)], Some(0)));
    }
}

#[test]
fn wasm_14_a_budget_that_does_not_pay_ends_it_and_a_contract_may_give_it_up() {
    let (mut stage, puppet) = stage();
    let nothing = json!({});
    // Of two times' price and a bit.
    stage.chain.ok("alice", execute(puppet, &every_second(0, &nothing, 100, 2 * 2_060_000 + 7)));
    assert_eq!(pulsed(&later(&mut stage, 1_000)).len() + pulsed(&later(&mut stage, 1_000)).len(), 2);
    let events = later(&mut stage, 1_000);
    assert_eq!((pulsed(&events), over(&events), locked(&stage, puppet)), (vec![], Some(1), 0));
    // Given up by a message; by itself while it is told; and another in its place.
    stage.chain.ok("alice", execute(puppet, &every_second(1, &nothing, 100, 10_000_000)));
    let events = stage.chain.ok("alice", execute(puppet, &custom(json!({ "unschedule": { "id": 1 } }))));
    assert_eq!((over(&events), locked(&stage, puppet)), (Some(3), 0));
    let stops = custom(json!({ "unschedule": { "id": 1 } }));
    stage.chain.ok("alice", execute(puppet, &every_second(1, &stops, 100, 10_000_000)));
    let events = later(&mut stage, 1_000);
    assert_eq!((pulsed(&events), over(&events), locked(&stage, puppet)), (vec![(1, true)], Some(3), 0));
    let again = every_second(1, &nothing, 5, 10_000_000);
    stage.chain.ok("alice", execute(puppet, &again));
    let once = locked(&stage, puppet);
    stage.chain.ok("alice", execute(puppet, &again));
    assert_eq!(locked(&stage, puppet), once, "in its place, not beside it");
    let asked = json!({ "custom": { "schedule": { "contract": puppet.to_string(), "id": 1 } } });
    let Some(QueryAnswer::Bytes(bytes)) = stage.ask_within(&asked, GAS) else { panic!() };
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&answer["left"], &answer["budget"], &answer["failures"]), (&json!(5), &json!("10000000"), &json!(0)));
    assert_eq!(views::schedules(&**stage.chain.state(), &puppet).unwrap().len(), 1);
}

#[test]
fn wasm_14_a_schedule_without_measure_is_refused() {
    let (mut stage, puppet) = stage();
    let fine = json!({ "id": 0, "msg": "e30=", "at": null, "every_ms": 1_000, "times": 1, "gas": 1_000_000_000u64, "budget": "10000000" });
    let wrong = [
        ("id", json!(16)),
        ("every_ms", json!(999)),
        ("every_ms", json!(366u64 * 24 * 3_600_000 + 1)),
        ("at", json!(u64::MAX >> 11)),
        ("times", json!(0)),
        ("gas", json!(29_999_999)),
        ("gas", json!(600_000_000u64 / 64 * 500)),
        ("budget", json!("2059999")),
        ("msg", base64(&json!("x".repeat(4_095)))),
    ];
    for (field, value) in wrong {
        let mut schedule = fine.clone();
        schedule[field] = value;
        let why = stage.chain.refused("alice", execute(puppet, &custom(json!({ "schedule": schedule }))));
        assert_eq!(why, refusal(Why::Schedule), "{field}");
    }
    let mut poor = fine.clone();
    poor["budget"] = json!((RICH * 2).to_string());
    let why = stage.chain.refused("alice", execute(puppet, &custom(json!({ "schedule": poor }))));
    assert!(matches!(why, Error::Accounts(_)), "{why:?}");
    stage.chain.ok("alice", execute(puppet, &custom(json!({ "schedule": fine }))));
}

#[test]
fn wasm_14_many_wait_for_their_turn_and_the_oldest_goes_first() {
    let (mut stage, puppet) = stage();
    // Each of a quarter of what a block's end has room for.
    let gas = 600_000_000u64 / 64 * 500 - 60_000 * 500;
    for id in 0..16 {
        let budget = (2 * (gas / 500 + 60_000)).to_string();
        let schedule =
            json!({ "id": id, "msg": "e30=", "at": null, "every_ms": 60_000, "times": 1, "gas": gas, "budget": budget });
        stage.chain.ok("alice", execute(puppet, &custom(json!({ "schedule": schedule }))));
    }
    let mut told = Vec::new();
    let mut events = later(&mut stage, 60_000);
    while !pulsed(&events).is_empty() {
        assert!(pulsed(&events).len() <= 4, "a sixteenth of a block: {events:?}");
        told.extend(pulsed(&events).into_iter().map(|(id, _)| id));
        events = later(&mut stage, 1_000);
    }
    assert_eq!(told, (0..16).collect::<Vec<u32>>());
}

/// The puppet as another code, of which `migrate` is not entered where it takes the place of another one of these.
fn marked(mark: &str) -> Vec<u8> {
    let section = |name: &str, data: &str| {
        let content = [&[name.len() as u8][..], name.as_bytes(), data.as_bytes()].concat();
        [&[0, content.len() as u8][..], &content].concat()
    };
    [PUPPET, &section("cw_migrate_version", "1"), &section("mark", mark)].concat()
}

/// A contract that is told every second, a few times, and has got new code since, which nobody has entered; what cold code costs.
fn with_cold_code(gas: impl FnOnce(u64) -> u64) -> (Stage, AccountId, u64, u64) {
    let mut stage = Stage::new();
    let (former, _) = stage.store("alice", &marked("a"));
    let (code, _) = stage.store("alice", &marked("b"));
    let compiled = u64::from(views::code(&*stage.chain.parent().state, code).unwrap().unwrap().compiled);
    let puppet = stage.born("alice", instantiate(former, &json!({}), 0, None));
    stage.chain.ok("judy", transfer(MEI, puppet, RICH));
    let schedule = json!({ "schedule": { "id": 0, "msg": "e30=", "at": null, "every_ms": 1_000, "times": 9, "gas": gas(compiled * 120), "budget": "1000000000" } });
    stage.chain.ok("alice", execute(puppet, &custom(schedule)));
    (stage, puppet, code, compiled * 120)
}

/// WASM-14 and WASM-15: a time that enters cold code pays for its being read, within its own gas, and makes it warm.
#[test]
fn wasm_15_a_schedule_pays_for_cold_code_as_anybody_does() {
    let (mut stage, puppet, code, cold) = with_cold_code(|_| 4_000_000_000);
    assert!(cold > 100_000_000 && cold < 3_500_000_000, "{cold}");
    let time = |stage: &mut Stage| {
        let events = later(stage, 1_000);
        assert_eq!(pulsed(&events), [(0, true)]);
        ended(&events).0
    };
    let warm = time(&mut stage);
    let moved = stage.chain.ok("alice", migrate(puppet, code, &json!({})));
    assert!(
        ended(&moved).0 < 200_000_000 && stage.contract(puppet).code == code,
        "its new code was not entered: {moved:?}"
    );
    let (first, second) = (time(&mut stage), time(&mut stage));
    assert!(is_near(first - warm, cold) && is_near(second, warm), "{warm}, {first}, {second}; cold code costs {cold}");
}

/// WASM-14 and WASM-15.
#[test]
fn wasm_15_a_schedule_whose_gas_does_not_pay_for_cold_code_fails_and_makes_nothing_warm() {
    let (mut stage, puppet, code, cold) = with_cold_code(|cold| cold);
    let warm = ended(&later(&mut stage, 1_000)).0;
    stage.chain.ok("alice", migrate(puppet, code, &json!({})));
    let had = stage.has(puppet) + locked(&stage, puppet);
    let events = later(&mut stage, 1_000);
    let why = events.iter().find_map(|event| match event {
        Event::Wasm(Wasm::Pulsed { error, .. }) => error.clone(),
        _ => None,
    });
    assert_eq!(why, Some(refusal(Why::OutOfGas)));
    assert_eq!(
        had - stage.has(puppet) - locked(&stage, puppet),
        u128::from(cold.div_ceil(500) + 60_000),
        "and is paid for, as any that fails"
    );
    let (cold_used, warm_used) = (used(&mut stage, puppet), used(&mut stage, puppet));
    assert!(is_near(cold_used - warm_used, cold), "whoever enters it next pays for it: {cold_used}, {warm_used}; {cold}");
    let events = later(&mut stage, 1_000);
    assert!(
        pulsed(&events) == [(0, true)] && is_near(ended(&events).0, warm),
        "by then it is warm, and the schedule's gas will do"
    );
}

/// Block and time are told in words that may differ in length.
fn is_near(gas: u64, to: u64) -> bool {
    gas.abs_diff(to) < 1_000_000
}

fn used(stage: &mut Stage, puppet: AccountId) -> u64 {
    ended(&stage.chain.ok("alice", execute(puppet, &json!({})))).0
}

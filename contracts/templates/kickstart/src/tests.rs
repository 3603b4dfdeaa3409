use crate::msg::{Action, ExecuteMsg, InstantiateMsg, PersonAnswer, QueryMsg, StateAnswer};
use crate::state::Config;
use crate::{ContractError, execute, instantiate, query};
use cosmwasm_std::testing::message_info;
use cosmwasm_std::{Coin, Uint128, from_json};
use leither_sdk::testing::{ORG, Stage, proof};
use leither_sdk::{LeitherMsg, Refusal, Role};
use serde::de::DeserializeOwned;

const DAY: u64 = 24 * 3_600_000;

fn action(name: &str, units: u128, per_person_day: u32, per_day: u32) -> Action {
    Action { name: name.into(), role: Role::DeviceOwner, units: Uint128::new(units), per_person_day, per_day }
}

fn terms() -> InstantiateMsg {
    InstantiateMsg {
        org: ORG.into(),
        begin: Some(DAY),
        end: 101 * DAY,
        pool: Uint128::new(100),
        actions: vec![action("serve", 16, 2, 3), action("invite", 40, 1, 9)],
        halving_ms: None,
    }
}

/// Sam and Sue supervise; Dan and Dot own devices. It is the day on which it begins.
fn stage(terms: InstantiateMsg) -> Stage {
    let mut stage = Stage::new(&["sam", "sue"]);
    ["dan", "dot"].iter().for_each(|name| stage.join(name, &[Role::DeviceOwner]));
    let (env, info) = (stage.env.clone(), stage.by("founder"));
    instantiate(stage.deps.as_mut(), env, info, terms).unwrap();
    stage.at(DAY);
    stage
}

fn say(stage: &mut Stage, by: &str, msg: ExecuteMsg) -> Result<Vec<LeitherMsg>, ContractError> {
    let (env, info) = (stage.env.clone(), stage.by(by));
    let answer = execute(stage.deps.as_mut(), env, info, msg)?;
    Ok(stage.done(&answer))
}

fn credit(stage: &mut Stage, by: &str, who: &str, action: &str, of: u8) -> Result<u128, ContractError> {
    let who = stage.who(who).to_string();
    let due = say(stage, by, ExecuteMsg::Credit { who: who.clone(), action: action.into(), evidence: proof(of) })?;
    let [LeitherMsg::Issue { to, amount, role: Role::DeviceOwner, reason, evidence }] = due.as_slice() else { panic!("{due:?}") };
    assert_eq!((to, reason, evidence), (&who, &format!("kickstart {action}"), &proof(of)));
    Ok(amount.u128())
}

fn refused(stage: &mut Stage, by: &str, who: &str, action: &str, of: u8) -> ContractError {
    let before = state(stage);
    let why = credit(stage, by, who, action, of).unwrap_err();
    assert_eq!(state(stage), before, "{why}");
    why
}

fn ask<T: DeserializeOwned>(stage: &Stage, msg: QueryMsg) -> T {
    from_json(query(stage.deps.as_ref(), stage.env.clone(), msg).unwrap()).unwrap()
}

fn state(stage: &Stage) -> StateAnswer {
    ask(stage, QueryMsg::State {})
}

#[test]
fn what_a_supervisor_credits_is_issued_at_once() {
    let mut stage = stage(terms());
    assert_eq!(credit(&mut stage, "sam", "dan", "serve", 1).unwrap(), 16);
    let told = state(&stage);
    assert_eq!((told.issued.u128(), told.left.u128(), told.ends, told.ended), (16, 84, 101 * DAY, false));
    assert_eq!(told.today.iter().map(|t| (t.action.as_str(), t.count)).collect::<Vec<_>>(), [("serve", 1), ("invite", 0)]);
    let person = |who: &str| -> PersonAnswer { ask(&stage, QueryMsg::Person { who: stage.who(who).into() }) };
    assert_eq!((person("dan").issued.u128(), person("dan").today[0].count), (16, 1));
    // Who is idle has earned nothing.
    assert_eq!((person("dot").issued.u128(), person("dot").today[0].count), (0, 0));
    let config: Config = ask(&stage, QueryMsg::Config {});
    assert_eq!((config.begin, config.end, config.pool.u128()), (DAY, 101 * DAY, 100));
}

#[test]
fn only_supervisors_credit_and_never_themselves() {
    let mut stage = stage(terms());
    assert!(matches!(refused(&mut stage, "dan", "dot", "serve", 1), ContractError::Refused(Refusal::NotSupervisor)));
    stage.join("sam", &[Role::DeviceOwner]);
    assert!(matches!(refused(&mut stage, "sam", "sam", "serve", 1), ContractError::Own));
    assert_eq!(credit(&mut stage, "sue", "sam", "serve", 1).unwrap(), 16);
    // Not even a vote says anything here.
    assert!(matches!(refused(&mut stage, "treasury", "dot", "serve", 2), ContractError::Refused(Refusal::NotSupervisor)));
}

#[test]
fn who_has_not_the_role_and_what_is_not_stipulated_is_not_credited() {
    let mut stage = stage(terms());
    assert!(matches!(refused(&mut stage, "sam", "sue", "serve", 1), ContractError::NotInRole { .. }));
    assert!(matches!(refused(&mut stage, "sam", "stranger", "serve", 1), ContractError::NotInRole { .. }));
    assert!(matches!(refused(&mut stage, "sam", "dan", "sleep", 1), ContractError::NoAction { .. }));
    assert!(matches!(refused(&mut stage, "sam", "dan", "serve", 0), ContractError::Refused(Refusal::Evidence)));
}

#[test]
fn an_evidence_counts_once_whoever_and_whatever_it_is_for() {
    let mut stage = stage(terms());
    credit(&mut stage, "sam", "dan", "serve", 0xab).unwrap();
    assert!(matches!(refused(&mut stage, "sue", "dot", "invite", 0xab), ContractError::Again));
    let (who, evidence) = (stage.who("dot").to_string(), proof(0xab).replace("ab", "AB"));
    let other_case = ExecuteMsg::Credit { who, action: "serve".into(), evidence };
    assert!(matches!(say(&mut stage, "sam", other_case), Err(ContractError::Again)));
    stage.at(50 * DAY);
    assert!(matches!(refused(&mut stage, "sam", "dan", "serve", 0xab), ContractError::Again));
}

#[test]
fn a_day_has_caps_for_a_person_and_for_all() {
    let mut stage = stage(terms());
    stage.at(2 * DAY - 1);
    credit(&mut stage, "sam", "dan", "serve", 1).unwrap();
    credit(&mut stage, "sam", "dan", "serve", 2).unwrap();
    let why = refused(&mut stage, "sam", "dan", "serve", 3);
    assert!(matches!(why, ContractError::PersonCapped { cap: 2, .. }), "{why}");
    credit(&mut stage, "sam", "dot", "serve", 3).unwrap();
    let why = refused(&mut stage, "sam", "dot", "serve", 4);
    assert_eq!(why.to_string(), "serve was credited 3 times today, which is all: tomorrow again");
    stage.at(2 * DAY);
    credit(&mut stage, "sam", "dan", "serve", 4).unwrap();
    assert_eq!(state(&stage).today[0].count, 1);
}

#[test]
fn it_begins_and_ends_by_time() {
    let mut stage = stage(terms());
    stage.at(DAY - 1);
    assert!(matches!(refused(&mut stage, "sam", "dan", "serve", 1), ContractError::TooEarly { begin: DAY }));
    stage.at(101 * DAY - 1);
    credit(&mut stage, "sam", "dan", "serve", 1).unwrap();
    stage.at(101 * DAY);
    assert_eq!(refused(&mut stage, "sam", "dan", "serve", 2).to_string(), "it ended at 8726400000 ms, for ever");
    assert!(state(&stage).ended);
}

#[test]
fn it_ends_by_amount_and_the_last_one_gets_what_is_left() {
    let mut stage = stage(terms());
    assert_eq!(credit(&mut stage, "sam", "dan", "invite", 1).unwrap(), 40);
    assert_eq!(credit(&mut stage, "sam", "dot", "invite", 2).unwrap(), 40);
    assert_eq!(credit(&mut stage, "sam", "dan", "serve", 3).unwrap(), 16);
    assert_eq!(credit(&mut stage, "sam", "dot", "serve", 4).unwrap(), 4);
    let told = state(&stage);
    assert_eq!((told.issued.u128(), told.left.u128(), told.ended), (100, 0, true));
    stage.at(2 * DAY);
    assert!(matches!(refused(&mut stage, "sam", "dan", "serve", 5), ContractError::UsedUp));
}

#[test]
fn rewards_are_halved_until_nothing_is_left_of_them() {
    let mut stage = stage(InstantiateMsg { halving_ms: Some(10 * DAY), pool: Uint128::new(1_000), ..terms() });
    for (n, day, units) in [(1, 10, 16), (2, 11, 8), (3, 21, 4), (4, 31, 2), (5, 41, 1)] {
        stage.at(day * DAY);
        assert_eq!(state(&stage).today[0].units.u128(), units);
        assert_eq!(credit(&mut stage, "sam", "dan", "serve", n).unwrap(), units, "day {day}");
    }
    stage.at(51 * DAY);
    assert!(matches!(refused(&mut stage, "sam", "dan", "serve", 6), ContractError::Nothing { .. }));
    assert_eq!(credit(&mut stage, "sam", "dan", "invite", 6).unwrap(), 1);
    // Ever so many halvings are nothing, and no mistake.
    let config: Config = ask(&stage, QueryMsg::Config {});
    assert_eq!(config.units(&config.actions[0], u64::MAX), Uint128::zero());
}

#[test]
fn what_the_mandate_does_not_let_is_said() {
    let mut stage = stage(terms());
    stage.org.borrow_mut().mandate.issue = Uint128::new(15);
    let why = refused(&mut stage, "sam", "dan", "serve", 1).to_string();
    assert!(why.starts_with("the mandate leaves 15 units in this epoch, and this takes 16"), "{why}");
    stage.org.borrow_mut().mandate.issue = Uint128::new(16);
    credit(&mut stage, "sam", "dan", "serve", 1).unwrap();
    stage.org.borrow_mut().mandate.contract = None;
    assert!(matches!(refused(&mut stage, "sam", "dan", "serve", 2), ContractError::Refused(Refusal::NotNamed)));
}

#[test]
fn what_makes_no_sense_is_refused_at_the_beginning() {
    let change = |change: &dyn Fn(&mut InstantiateMsg)| {
        let mut terms = terms();
        change(&mut terms);
        terms
    };
    let one = |action: Action| change(&move |t| t.actions = vec![action.clone()]);
    let mut stage = Stage::new(&["sam"]);
    stage.at(DAY);
    let mut why = |msg: InstantiateMsg| {
        let (env, info) = (stage.env.clone(), stage.by("founder"));
        instantiate(stage.deps.as_mut(), env, info, msg).unwrap_err()
    };
    for wrong in [
        change(&|t| t.begin = Some(DAY - 1)),
        change(&|t| t.begin = Some(101 * DAY)),
        change(&|t| (t.begin, t.end) = (None, DAY)),
        change(&|t| t.end = (1 + 2 * 366) * DAY + 1),
        change(&|t| t.halving_ms = Some(3_599_999)),
        change(&|t| t.halving_ms = Some(0)),
    ] {
        assert!(matches!(why(wrong.clone()), ContractError::Times), "{wrong:?}");
    }
    for wrong in [0, 1 << 96] {
        assert!(matches!(why(change(&|t| t.pool = Uint128::new(wrong))), ContractError::Pool));
    }
    for wrong in [
        change(&|t| t.actions = Vec::new()),
        change(&|t| t.actions = vec![action("a", 1, 1, 1); 2]),
        change(&|t| t.actions = (0..17).map(|n| action(&format!("a{n}"), 1, 1, 1)).collect()),
        one(action("", 1, 1, 1)),
        one(action("a", 0, 1, 1)),
        one(action("a", 101, 1, 1)),
        one(action("a", 1, 0, 1)),
        one(action("a", 1, 2, 1)),
        one(action("a", 1, 1_001, 2_000)),
        one(action("a", 1, 1, 100_001)),
    ] {
        assert!(matches!(why(wrong.clone()), ContractError::Actions), "{wrong:?}");
    }
}

#[test]
fn where_no_beginning_is_named_it_begins_at_once() {
    let stage = stage(InstantiateMsg { begin: None, ..terms() });
    let config: Config = ask(&stage, QueryMsg::Config {});
    assert_eq!(config.begin, 0);
}

#[test]
fn money_is_refused() {
    let mut stage = stage(terms());
    let paid = message_info(&stage.who("sam"), &[Coin::new(1u128, "nmei")]);
    let (env, who) = (stage.env.clone(), stage.who("dan").to_string());
    let msg = ExecuteMsg::Credit { who, action: "serve".into(), evidence: proof(1) };
    let why = execute(stage.deps.as_mut(), env.clone(), paid.clone(), msg).unwrap_err();
    assert!(matches!(why, ContractError::Refused(Refusal::NotPayable)));
    let why = instantiate(stage.deps.as_mut(), env, paid, terms()).unwrap_err();
    assert!(matches!(why, ContractError::Refused(Refusal::NotPayable)));
}

#[test]
fn nothing_that_it_is_told_changes_its_terms() {
    for told in ["{\"set_pool\":{\"pool\":\"1\"}}", "{\"set_end\":{\"end\":1}}", "{\"set_actions\":{\"actions\":[]}}"] {
        assert!(from_json::<ExecuteMsg>(told.as_bytes()).is_err(), "{told}");
    }
    let begin = br#"{"org":"lthorg1","end":1800000000000,"pool":"100000","halving_ms":2592000000,"actions":[{"name":"serve","role":"device_owner","units":"50","per_person_day":1,"per_day":20}]}"#;
    let begin: InstantiateMsg = from_json(begin).unwrap();
    assert_eq!(begin.actions[0], Action { per_day: 20, ..action("serve", 50, 1, 1) });
    let told = format!(r#"{{"credit":{{"who":"lth1","action":"serve","evidence":"{}"}}}}"#, proof(1));
    from_json::<ExecuteMsg>(told.as_bytes()).unwrap();
    assert_eq!(crate::msg::schemas().map(|(name, _)| name), ["instantiate", "execute", "query"]);
}

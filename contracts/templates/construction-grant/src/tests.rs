use crate::msg::{ExecuteMsg, GrantAnswer, GrantsAnswer, InstantiateMsg, PeriodAnswer, QueryMsg};
use crate::state::{GRANT, MONTH_MS, Stage as Step};
use crate::{ContractError, execute, instantiate, query};
use cosmwasm_std::testing::message_info;
use cosmwasm_std::{Attribute, Coin, Uint128, from_json, to_json_binary};
use leither_sdk::testing::{ORG, Stage, VOTE_MS, proof};
use leither_sdk::{LeitherMsg, ProposalStage, Refusal, Role};
use serde::de::DeserializeOwned;

const HOUR: u64 = 3_600_000;

fn terms() -> InstantiateMsg {
    InstantiateMsg {
        org: ORG.into(),
        roles: vec![Role::Developer, Role::DeviceOwner],
        cap_grant: Uint128::new(300),
        cap_period: Uint128::new(500),
        period_ms: Some(24 * HOUR),
        lapse_ms: Some(2 * HOUR),
    }
}

/// Sam, Sue and Sid supervise; Dev develops.
fn stage() -> Stage {
    let mut stage = Stage::new(&["sam", "sue", "sid"]);
    stage.join("dev", &[Role::Developer]);
    let (env, info) = (stage.env.clone(), stage.by("founder"));
    instantiate(stage.deps.as_mut(), env, info, terms()).unwrap();
    stage
}

fn say(stage: &mut Stage, by: &str, msg: ExecuteMsg) -> Result<(Vec<LeitherMsg>, Vec<Attribute>), ContractError> {
    let (env, info) = (stage.env.clone(), stage.by(by));
    let answer = execute(stage.deps.as_mut(), env, info, msg)?;
    Ok((stage.done(&answer), answer.attributes))
}

fn ok(stage: &mut Stage, by: &str, msg: ExecuteMsg) -> Vec<LeitherMsg> {
    say(stage, by, msg).unwrap().0
}

fn refused(stage: &mut Stage, by: &str, msg: ExecuteMsg) -> ContractError {
    say(stage, by, msg).unwrap_err()
}

fn ask<T: DeserializeOwned>(stage: &Stage, msg: QueryMsg) -> T {
    from_json(query(stage.deps.as_ref(), stage.env.clone(), msg).unwrap()).unwrap()
}

fn one(stage: &Stage, amount: u128) -> ExecuteMsg {
    ExecuteMsg::Recommend {
        to: stage.who("dev").into(),
        amount: Uint128::new(amount),
        role: Role::Developer,
        reason: "the player".into(),
        evidence: proof(1),
    }
}

fn steps(stage: &Stage, amounts: &[u128]) -> ExecuteMsg {
    ExecuteMsg::RecommendMilestones {
        to: stage.who("dev").into(),
        amounts: amounts.iter().map(|amount| Uint128::new(*amount)).collect(),
        role: Role::Developer,
        reason: "the player".into(),
        evidence: proof(2),
    }
}

fn milestone(n: u8, of: u8) -> ExecuteMsg {
    ExecuteMsg::Milestone { id: 0, n, evidence: proof(of) }
}

fn issue(stage: &Stage, amount: u128, reason: &str, of: u8) -> LeitherMsg {
    let (to, reason) = (stage.who("dev").into(), reason.into());
    LeitherMsg::Issue { to, amount: Uint128::new(amount), role: Role::Developer, reason, evidence: proof(of) }
}

fn end_vote(stage: &Stage, number: usize, how: ProposalStage) {
    let now = stage.env.block.time.nanos() / 1_000_000;
    let mut org = stage.org.borrow_mut();
    (org.proposals[number].stage, org.proposals[number].until) = (how, now);
}

#[test]
fn a_recommendation_opens_a_vote_and_what_the_vote_says_issues() {
    let mut stage = stage();
    stage.org.borrow_mut().org.proposals = 0;
    let recommended = one(&stage, 200);
    let opened = ok(&mut stage, "sam", recommended);
    let msg = to_json_binary(&ExecuteMsg::Grant { id: 0 }).unwrap();
    assert_eq!(msg.as_slice(), br#"{"grant":{"id":0}}"#);
    let title = "grant 0: 200 smallest units, the player".into();
    assert_eq!(opened, [LeitherMsg::Propose { title, msg, gas: 1_000_000_000 }]);
    let told: GrantAnswer = ask(&stage, QueryMsg::Grant { id: 0 });
    assert_eq!((told.grant.proposal, told.vote.stage), (0, ProposalStage::Open));
    assert_eq!((told.grant.stage, told.lapses), (Step::Recommended, Some(VOTE_MS + 2 * HOUR)));
    // No vote, no units.
    for who in ["sam", "sue", "dev", "anybody"] {
        assert!(matches!(refused(&mut stage, who, ExecuteMsg::Grant { id: 0 }), ContractError::Refused(Refusal::OnlyByVote)));
        assert!(matches!(refused(&mut stage, who, ExecuteMsg::Issue { id: 0 }), ContractError::Stage { .. }));
    }
    stage.at(VOTE_MS);
    assert_eq!(ok(&mut stage, "treasury", ExecuteMsg::Grant { id: 0 }), [issue(&stage, 200, "the player", 1)]);
    // Once.
    let again = refused(&mut stage, "treasury", ExecuteMsg::Grant { id: 0 });
    assert_eq!(again.to_string(), "grant 0 is issued, and this is done with one that is recommended");
    assert!(matches!(refused(&mut stage, "dev", ExecuteMsg::Issue { id: 0 }), ContractError::Stage { .. }));
    let told: GrantAnswer = ask(&stage, QueryMsg::Grant { id: 0 });
    assert_eq!((told.grant.stage, told.lapses), (Step::Issued, None));
}

#[test]
fn what_there_is_no_room_for_when_the_vote_passes_waits() {
    let mut stage = stage();
    let recommended = one(&stage, 200);
    ok(&mut stage, "sam", recommended);
    stage.org.borrow_mut().mandate.issue = Uint128::new(5);
    let (nothing, said) = say(&mut stage, "treasury", ExecuteMsg::Grant { id: 0 }).unwrap();
    assert_eq!(nothing, []);
    let waits = said.iter().find(|attribute| attribute.key == "waits").unwrap();
    assert!(waits.value.starts_with("the mandate leaves 5 units in this epoch, and this takes 200"), "{waits:?}");
    let why = refused(&mut stage, "anybody", ExecuteMsg::Issue { id: 0 });
    assert!(matches!(why, ContractError::Refused(Refusal::Mandate { .. })), "{why}");
    // Who has lost the role gets nothing until it is given again.
    stage.org.borrow_mut().mandate.issue = Uint128::new(1_000);
    stage.join("dev", &[]);
    assert!(matches!(refused(&mut stage, "anybody", ExecuteMsg::Issue { id: 0 }), ContractError::NotInRole { .. }));
    stage.join("dev", &[Role::Developer]);
    stage.at(HOUR);
    assert_eq!(ok(&mut stage, "anybody", ExecuteMsg::Issue { id: 0 }), [issue(&stage, 200, "the player", 1)]);
    assert!(matches!(refused(&mut stage, "anybody", ExecuteMsg::Issue { id: 0 }), ContractError::Stage { .. }));
}

#[test]
fn a_period_has_a_cap_and_the_next_one_begins_anew() {
    let mut stage = stage();
    for _ in 0..3 {
        let recommended = one(&stage, 200);
        ok(&mut stage, "sam", recommended);
    }
    stage.at(23 * HOUR);
    for id in 0..3 {
        end_vote(&stage, id, ProposalStage::Passed);
    }
    for id in 0..2 {
        assert_eq!(ok(&mut stage, "treasury", ExecuteMsg::Grant { id }).len(), 1);
    }
    assert_eq!(ok(&mut stage, "treasury", ExecuteMsg::Grant { id: 2 }), []);
    let left: PeriodAnswer = ask(&stage, QueryMsg::Period {});
    assert_eq!((left.issued.u128(), left.left.u128(), left.next), (400, 100, 24 * HOUR));
    let why = refused(&mut stage, "dev", ExecuteMsg::Issue { id: 2 }).to_string();
    assert!(why.contains("100 units left in this period, and this takes 200"), "{why}");
    stage.at(24 * HOUR);
    assert_eq!(ok(&mut stage, "dev", ExecuteMsg::Issue { id: 2 }).len(), 1);
    let left: PeriodAnswer = ask(&stage, QueryMsg::Period {});
    assert_eq!((left.issued.u128(), left.left.u128()), (200, 300));
}

#[test]
fn milestones_are_voted_on_together_and_issued_one_by_one_by_who_has_no_part_in_it() {
    let mut stage = stage();
    let recommended = steps(&stage, &[50, 70, 80]);
    let opened = ok(&mut stage, "sam", recommended);
    let title = "grant 0: 200 smallest units in 3 milestones, the player";
    assert!(matches!(&opened[0], LeitherMsg::Propose { title: told, .. } if told == title), "{opened:?}");
    assert!(matches!(refused(&mut stage, "sue", milestone(1, 5)), ContractError::Stage { .. }));
    assert_eq!(ok(&mut stage, "treasury", ExecuteMsg::Grant { id: 0 }), [], "nothing is done yet");
    assert!(matches!(refused(&mut stage, "dev", ExecuteMsg::Issue { id: 0 }), ContractError::Staged { .. }));
    assert!(matches!(refused(&mut stage, "sam", milestone(1, 5)), ContractError::Judge));
    assert!(matches!(refused(&mut stage, "dev", milestone(1, 5)), ContractError::Refused(Refusal::NotSupervisor)));
    let dev = stage.who("dev").to_string();
    stage.org.borrow_mut().org.supervisors.push(dev);
    assert!(matches!(refused(&mut stage, "dev", milestone(1, 5)), ContractError::Judge));
    let why = refused(&mut stage, "sue", milestone(2, 5));
    assert_eq!(why.to_string(), "milestone 1 of 3 is the next one of this grant");
    assert!(matches!(refused(&mut stage, "sue", milestone(1, 0)), ContractError::Refused(Refusal::Evidence)));
    assert_eq!(ok(&mut stage, "sue", milestone(1, 5)), [issue(&stage, 50, "the player, 1 of 3", 5)]);
    assert!(matches!(refused(&mut stage, "sue", milestone(1, 5)), ContractError::Order { next: 2, .. }));
    // Each has its time after the one before, and a vote may say it, too.
    stage.at(2 * HOUR - 1);
    assert_eq!(ok(&mut stage, "sid", milestone(2, 6)), [issue(&stage, 70, "the player, 2 of 3", 6)]);
    stage.at(4 * HOUR - 2);
    assert_eq!(ok(&mut stage, "treasury", milestone(3, 7)), [issue(&stage, 80, "the player, 3 of 3", 7)]);
    assert!(matches!(refused(&mut stage, "sue", milestone(4, 8)), ContractError::Stage { stage: "issued", .. }));
}

#[test]
fn a_grant_lapses_after_its_vote_and_after_its_last_step() {
    let mut stage = stage();
    for _ in 0..2 {
        let recommended = steps(&stage, &[50, 70]);
        ok(&mut stage, "sam", recommended);
    }
    end_vote(&stage, 0, ProposalStage::Rejected);
    stage.at(2 * HOUR);
    let why = refused(&mut stage, "treasury", ExecuteMsg::Grant { id: 0 });
    assert!(matches!(why, ContractError::Lapsed { id: 0, until } if until == 2 * HOUR), "{why}");
    // The other's vote could last a minute more.
    ok(&mut stage, "treasury", ExecuteMsg::Grant { id: 1 });
    stage.at(4 * HOUR);
    let late = ExecuteMsg::Milestone { id: 1, n: 1, evidence: proof(3) };
    assert!(matches!(refused(&mut stage, "sue", late), ContractError::Lapsed { id: 1, .. }));
}

#[test]
fn who_recommended_withdraws_before_the_vote_has_passed_and_a_vote_later() {
    let mut stage = stage();
    for _ in 0..2 {
        let recommended = steps(&stage, &[50, 70]);
        ok(&mut stage, "sam", recommended);
    }
    let withdraw = |id| ExecuteMsg::Withdraw { id };
    for who in ["sue", "dev"] {
        assert!(matches!(refused(&mut stage, who, withdraw(0)), ContractError::NotYours));
    }
    ok(&mut stage, "sam", withdraw(0));
    for (who, msg) in [("treasury", ExecuteMsg::Grant { id: 0 }), ("sam", withdraw(0))] {
        assert!(matches!(refused(&mut stage, who, msg), ContractError::Stage { stage: "withdrawn", .. }));
    }
    ok(&mut stage, "treasury", ExecuteMsg::Grant { id: 1 });
    assert!(matches!(refused(&mut stage, "sam", withdraw(1)), ContractError::NotYours));
    ok(&mut stage, "treasury", withdraw(1));
    let late = ExecuteMsg::Milestone { id: 1, n: 1, evidence: proof(3) };
    assert!(matches!(refused(&mut stage, "sue", late), ContractError::Stage { .. }));
    assert!(matches!(refused(&mut stage, "sam", withdraw(9)), ContractError::NoGrant { id: 9 }));
}

#[test]
fn one_supervisor_has_eight_votes_open_at_a_time_whatever_becomes_of_the_grants() {
    let mut stage = stage();
    for id in 0..8 {
        let recommended = one(&stage, 1);
        ok(&mut stage, "sam", recommended);
        ok(&mut stage, "sam", ExecuteMsg::Withdraw { id });
    }
    end_vote(&stage, 3, ProposalStage::Passed);
    let recommended = one(&stage, 1);
    assert!(matches!(refused(&mut stage, "sam", recommended.clone()), ContractError::TooMany));
    ok(&mut stage, "sue", recommended.clone());
    end_vote(&stage, 3, ProposalStage::Failed);
    ok(&mut stage, "sam", recommended.clone());
    assert!(matches!(refused(&mut stage, "sam", recommended), ContractError::TooMany));
    let page: GrantsAnswer = ask(&stage, QueryMsg::Grants { start_after: Some(7), limit: Some(99) });
    assert_eq!(page.grants.iter().map(|row| (row.id, row.grant.proposal)).collect::<Vec<_>>(), [(8, 8), (9, 9)]);
}

#[test]
fn what_cannot_be_granted_is_not_recommended() {
    let mut stage = stage();
    let wish = |stage: &Stage, change: &dyn Fn(&mut Uint128, &mut Role, &mut String, &mut String)| {
        let (mut amount, mut role, mut reason, mut evidence) =
            (Uint128::new(9), Role::Developer, "the player".to_string(), proof(1));
        change(&mut amount, &mut role, &mut reason, &mut evidence);
        ExecuteMsg::Recommend { to: stage.who("dev").into(), amount, role, reason, evidence }
    };
    let fine = wish(&stage, &|_, _, _, _| {});
    assert!(matches!(refused(&mut stage, "dev", fine.clone()), ContractError::Refused(Refusal::NotSupervisor)));
    let over = wish(&stage, &|amount, _, _, _| *amount = Uint128::new(301));
    let why = refused(&mut stage, "sam", over).to_string();
    assert!(why.contains("1 to 300 units"), "{why}");
    let none = wish(&stage, &|amount, _, _, _| *amount = Uint128::zero());
    assert!(matches!(refused(&mut stage, "sam", none), ContractError::Amount { .. }));
    let role = wish(&stage, &|_, role, _, _| *role = Role::Marketing);
    assert!(matches!(refused(&mut stage, "sam", role), ContractError::Role));
    let other = wish(&stage, &|_, role, _, _| *role = Role::DeviceOwner);
    assert!(matches!(refused(&mut stage, "sam", other), ContractError::NotInRole { .. }));
    for words in [String::new(), "  ".into(), "x".repeat(113)] {
        let words = wish(&stage, &|_, _, reason, _| *reason = words.clone());
        assert!(matches!(refused(&mut stage, "sam", words), ContractError::Reason));
    }
    let zero = wish(&stage, &|_, _, _, evidence| *evidence = proof(0));
    assert!(matches!(refused(&mut stage, "sam", zero), ContractError::Refused(Refusal::Evidence)));
    let (empty, nine) = (steps(&stage, &[]), steps(&stage, &[1; 9]));
    for wrong in [empty, nine] {
        assert!(matches!(refused(&mut stage, "sam", wrong), ContractError::Milestones));
    }
    for wrong in [&[100, 201][..], &[100, 0], &[u128::MAX, 1]] {
        let wrong = steps(&stage, wrong);
        assert!(matches!(refused(&mut stage, "sam", wrong), ContractError::Amount { .. }));
    }
    stage.org.borrow_mut().mandate.contract = None;
    assert!(matches!(refused(&mut stage, "sam", fine), ContractError::Refused(Refusal::NotNamed)));
}

#[test]
fn the_longest_reason_fits_title_and_issuance() {
    let mut stage = stage();
    let reason = "é".repeat(56);
    let (to, role, evidence) = (stage.who("dev").to_string(), Role::Developer, proof(1));
    let amounts = vec![Uint128::one(); 8];
    let opened = ok(&mut stage, "sam", ExecuteMsg::RecommendMilestones { to, amounts, role, reason: reason.clone(), evidence });
    let LeitherMsg::Propose { title, .. } = &opened[0] else { panic!("{opened:?}") };
    assert!(title.len() <= 128 && title.starts_with("grant 0: 8 smallest units in 8 milestones, éé"), "{title}");
    ok(&mut stage, "treasury", ExecuteMsg::Grant { id: 0 });
    let due = ok(&mut stage, "sue", milestone(1, 4));
    assert!(
        matches!(&due[0], LeitherMsg::Issue { reason: told, .. } if *told == format!("{reason}, 1 of 8") && told.len() <= 128)
    );
    assert_eq!(GRANT.load(&stage.deps.storage, 0).unwrap().reason, reason);
}

#[test]
fn what_makes_no_sense_is_refused_at_the_beginning() {
    let mut stage = Stage::new(&["sam"]);
    let change = |change: &dyn Fn(&mut InstantiateMsg)| {
        let mut terms = terms();
        change(&mut terms);
        terms
    };
    let wrong = [
        change(&|t| t.roles = Vec::new()),
        change(&|t| t.roles = vec![Role::Developer; 2]),
        change(&|t| t.cap_grant = Uint128::zero()),
        change(&|t| t.cap_grant = Uint128::new(501)),
        change(&|t| t.cap_period = Uint128::new(1 << 96)),
        change(&|t| t.period_ms = Some(HOUR - 1)),
        change(&|t| t.period_ms = Some(366 * 24 * HOUR + 1)),
        change(&|t| t.lapse_ms = Some(HOUR - 1)),
        change(&|t| t.lapse_ms = Some(90 * 24 * HOUR + 1)),
    ];
    for msg in wrong {
        let (env, info) = (stage.env.clone(), stage.by("founder"));
        let why = instantiate(stage.deps.as_mut(), env, info, msg.clone()).unwrap_err();
        assert!(matches!(why, ContractError::Terms), "{why} for {msg:?}");
    }
}

#[test]
fn money_is_refused() {
    let mut stage = stage();
    let paid = message_info(&stage.who("sam"), &[Coin::new(1u128, "nmei")]);
    let (env, msg) = (stage.env.clone(), one(&stage, 1));
    let why = execute(stage.deps.as_mut(), env.clone(), paid.clone(), msg).unwrap_err();
    assert!(matches!(why, ContractError::Refused(Refusal::NotPayable)));
    let why = instantiate(stage.deps.as_mut(), env, paid, terms()).unwrap_err();
    assert!(matches!(why, ContractError::Refused(Refusal::NotPayable)));
}

#[test]
fn it_understands_what_the_readme_shows() {
    let begin: InstantiateMsg =
        from_json(br#"{"org":"lthorg1","roles":["developer"],"cap_grant":"5000","cap_period":"20000"}"#).unwrap();
    assert_eq!((begin.period_ms, begin.lapse_ms), (None, None));
    assert_eq!(MONTH_MS, 2_592_000_000);
    assert!(from_json::<InstantiateMsg>(br#"{"org":"o","roles":[],"cap_grant":"1","cap_period":"1","cap":"1"}"#).is_err());
    let hash = proof(1);
    for told in [
        format!(r#"{{"recommend":{{"to":"lth1","amount":"500","role":"developer","reason":"the player","evidence":"{hash}"}}}}"#),
        format!(
            r#"{{"recommend_milestones":{{"to":"lth1","amounts":["200","300"],"role":"developer","reason":"the player","evidence":"{hash}"}}}}"#
        ),
        format!(r#"{{"milestone":{{"id":1,"n":1,"evidence":"{hash}"}}}}"#),
        r#"{"issue":{"id":0}}"#.into(),
        r#"{"withdraw":{"id":0}}"#.into(),
    ] {
        from_json::<ExecuteMsg>(told.as_bytes()).unwrap();
    }
    assert_eq!(crate::msg::schemas().map(|(name, _)| name), ["instantiate", "execute", "query"]);
}

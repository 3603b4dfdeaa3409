use crate::msg::{DoneAnswer, ExecuteMsg, InstantiateMsg, PlacesAnswer, QueryMsg, SubmissionAnswer, SubmissionsAnswer, Task};
use crate::state::{CONFIG, NUMBERS, OF, OPEN_MS, SUBMISSION};
use crate::{ContractError, execute, instantiate, query};
use cosmwasm_std::testing::message_info;
use cosmwasm_std::{Coin, Uint128, from_json};
use leither_sdk::testing::{ORG, Stage, proof};
use leither_sdk::{LeitherMsg, Refusal, Role};
use serde::de::DeserializeOwned;

fn task(name: &str, role: Option<Role>, reward: u128, places: u32) -> Task {
    Task { name: name.into(), what: "as it says".into(), role, reward: Uint128::new(reward), places }
}

fn tasks() -> Vec<Task> {
    vec![task("film", Some(Role::ContentProvider), 10, 2), task("greet", None, 0, 9)]
}

fn begin(tasks: Vec<Task>, confirmations: u8, open_ms: Option<u64>) -> InstantiateMsg {
    InstantiateMsg { org: ORG.into(), tasks, confirmations, open_ms }
}

/// Two of three supervisors confirm.
fn stage() -> Stage {
    let mut stage = Stage::new(&["sam", "sue", "sid"]);
    let (env, info) = (stage.env.clone(), stage.by("founder"));
    instantiate(stage.deps.as_mut(), env, info, begin(tasks(), 2, None)).unwrap();
    stage
}

fn say(stage: &mut Stage, by: &str, msg: ExecuteMsg) -> Result<Vec<LeitherMsg>, ContractError> {
    let (env, info) = (stage.env.clone(), stage.by(by));
    let answer = execute(stage.deps.as_mut(), env, info, msg)?;
    Ok(stage.done(&answer))
}

fn ask<T: DeserializeOwned>(stage: &Stage, msg: QueryMsg) -> T {
    from_json(query(stage.deps.as_ref(), stage.env.clone(), msg).unwrap()).unwrap()
}

fn submit(task: &str, of: u8) -> ExecuteMsg {
    ExecuteMsg::Submit { task: task.into(), evidence: proof(of), note: "see there".into() }
}

fn confirm(stage: &Stage, who: &str, task: &str, of: u8) -> ExecuteMsg {
    ExecuteMsg::Confirm { who: stage.who(who).into(), task: task.into(), evidence: proof(of) }
}

fn refused(stage: &mut Stage, by: &str, msg: ExecuteMsg) -> ContractError {
    let before = NUMBERS.may_load(&stage.deps.storage).unwrap();
    let why = say(stage, by, msg).unwrap_err();
    assert_eq!(NUMBERS.may_load(&stage.deps.storage).unwrap(), before, "{why}");
    why
}

#[test]
fn who_does_a_task_is_admitted_with_its_role_and_reward_by_the_last_confirmation() {
    let mut stage = stage();
    say(&mut stage, "gus", submit("film", 7)).unwrap();
    let first = confirm(&stage, "gus", "film", 7);
    assert_eq!(say(&mut stage, "sam", first.clone()).unwrap(), []);
    let gus = stage.who("gus").to_string();
    let due = say(&mut stage, "sue", first).unwrap();
    let issue = LeitherMsg::Issue {
        to: gus.clone(),
        amount: Uint128::new(10),
        role: Role::ContentProvider,
        reason: "task film".into(),
        evidence: proof(7),
    };
    let role = LeitherMsg::SetRole { who: gus.clone(), role: Role::ContentProvider, granted: true };
    assert_eq!(due, [LeitherMsg::Admit { who: gus.clone() }, role, issue]);
    let done: DoneAnswer = ask(&stage, QueryMsg::Done { who: gus.clone() });
    assert_eq!(done.done.iter().map(|row| row.task.as_str()).collect::<Vec<_>>(), ["film"]);
    let places: PlacesAnswer = ask(&stage, QueryMsg::Places { task: "film".into() });
    assert_eq!((places.taken, places.places), (1, 2));
    // A member's next task admits nobody, and this one gives nothing else either.
    say(&mut stage, "gus", submit("greet", 8)).unwrap();
    let next = confirm(&stage, "gus", "greet", 8);
    say(&mut stage, "sid", next.clone()).unwrap();
    assert_eq!(say(&mut stage, "sam", next).unwrap(), []);
    assert!(matches!(refused(&mut stage, "gus", submit("greet", 9)), ContractError::DoneBefore { .. }));
    // Nothing is kept of what is judged.
    assert_eq!(OF.may_load(&stage.deps.storage, &stage.who("gus")).unwrap(), None);
    assert_eq!(NUMBERS.load(&stage.deps.storage).unwrap().outsiders, 0);
}

#[test]
fn a_member_who_has_the_role_gets_the_reward_alone() {
    let mut stage = stage();
    stage.join("mia", &[Role::ContentProvider]);
    say(&mut stage, "mia", submit("film", 1)).unwrap();
    let it = confirm(&stage, "mia", "film", 1);
    say(&mut stage, "sam", it.clone()).unwrap();
    stage.org.borrow_mut().mandate.members = false;
    let due = say(&mut stage, "sue", it).unwrap();
    assert!(matches!(due.as_slice(), [LeitherMsg::Issue { .. }]), "{due:?}");
}

#[test]
fn only_current_supervisors_count_each_once_and_nobody_for_themselves() {
    let mut stage = stage();
    say(&mut stage, "gus", submit("film", 7)).unwrap();
    let it = confirm(&stage, "gus", "film", 7);
    assert!(matches!(refused(&mut stage, "gus", it.clone()), ContractError::Refused(Refusal::NotSupervisor)));
    say(&mut stage, "sam", it.clone()).unwrap();
    let why = refused(&mut stage, "sam", it.clone());
    assert_eq!(why.to_string(), "you have confirmed this already; it takes 1 more");
    // Sam is a supervisor no more: what he said does not count with Sue's.
    let sam = stage.who("sam").to_string();
    stage.org.borrow_mut().org.supervisors.retain(|who| *who != sam);
    assert_eq!(say(&mut stage, "sue", it.clone()).unwrap(), []);
    assert!(matches!(refused(&mut stage, "sam", it.clone()), ContractError::Refused(Refusal::NotSupervisor)));
    assert_eq!(say(&mut stage, "sid", it).unwrap().len(), 3);
    say(&mut stage, "sue", submit("greet", 8)).unwrap();
    let own = confirm(&stage, "sue", "greet", 8);
    assert!(matches!(refused(&mut stage, "sue", own), ContractError::Own));
}

#[test]
fn what_is_confirmed_is_what_was_looked_at() {
    let mut stage = stage();
    say(&mut stage, "gus", submit("film", 7)).unwrap();
    let seen = confirm(&stage, "gus", "film", 7);
    let gus = stage.who("gus").to_string();
    assert!(matches!(refused(&mut stage, "gus", submit("film", 8)), ContractError::Submitted { .. }));
    say(&mut stage, "gus", ExecuteMsg::Withdraw { task: "film".into() }).unwrap();
    assert!(matches!(refused(&mut stage, "sam", seen.clone()), ContractError::NotOpen { .. }));
    say(&mut stage, "gus", submit("film", 8)).unwrap();
    let why = refused(&mut stage, "sam", seen);
    assert!(why.to_string().contains(&proof(8)), "{why}");
    // Any supervisor ends it, with a reason; then it may be submitted anew.
    let decline = |why: &str| ExecuteMsg::Decline { who: gus.clone(), task: "film".into(), why: why.into() };
    assert!(matches!(refused(&mut stage, "gus", decline("no")), ContractError::Refused(Refusal::NotSupervisor)));
    for wrong in [String::new(), "x".repeat(257)] {
        assert!(matches!(refused(&mut stage, "sid", decline(&wrong)), ContractError::Why));
    }
    say(&mut stage, "sid", decline("too short a film")).unwrap();
    assert!(matches!(refused(&mut stage, "sid", decline("again")), ContractError::NotOpen { .. }));
    assert!(matches!(
        refused(&mut stage, "gus", ExecuteMsg::Withdraw { task: "film".into() }),
        ContractError::NotOpen { .. }
    ));
    say(&mut stage, "gus", submit("film", 9)).unwrap();
}

#[test]
fn what_the_mandate_does_not_let_is_said_and_nothing_is_judged() {
    let mut stage = stage();
    say(&mut stage, "gus", submit("film", 7)).unwrap();
    let it = confirm(&stage, "gus", "film", 7);
    say(&mut stage, "sam", it.clone()).unwrap();
    let mandate = stage.org.borrow().mandate.clone();
    stage.org.borrow_mut().mandate.issue = Uint128::new(5);
    let why = refused(&mut stage, "sue", it.clone()).to_string();
    assert!(why.starts_with("the mandate leaves 5 units in this epoch, and this takes 10"), "{why}");
    stage.org.borrow_mut().mandate = mandate.clone();
    stage.org.borrow_mut().mandate.members = false;
    assert!(matches!(refused(&mut stage, "sue", it.clone()), ContractError::Refused(Refusal::NotOverMembers)));
    stage.org.borrow_mut().mandate.contract = Some("another".into());
    assert!(matches!(refused(&mut stage, "sue", it.clone()), ContractError::Refused(Refusal::NotNamed)));
    // Sue can say it again when there is room.
    stage.org.borrow_mut().mandate = mandate;
    assert_eq!(say(&mut stage, "sue", it).unwrap().len(), 3);
}

#[test]
fn places_are_counted_when_it_is_confirmed() {
    let mut stage = stage();
    for (n, who) in ["a", "b", "c"].into_iter().enumerate() {
        say(&mut stage, who, submit("film", n as u8 + 1)).unwrap();
    }
    for (n, who) in ["a", "b"].into_iter().enumerate() {
        let it = confirm(&stage, who, "film", n as u8 + 1);
        say(&mut stage, "sam", it.clone()).unwrap();
        say(&mut stage, "sue", it).unwrap();
    }
    let late = confirm(&stage, "c", "film", 3);
    let why = refused(&mut stage, "sam", late);
    assert_eq!(why.to_string(), "all 2 places of the task film are taken");
    assert!(matches!(refused(&mut stage, "d", submit("film", 4)), ContractError::NoPlace { places: 2, .. }));
}

#[test]
fn a_submission_lapses_and_makes_room() {
    let mut stage = stage();
    say(&mut stage, "gus", submit("film", 7)).unwrap();
    stage.at(OPEN_MS);
    let it = confirm(&stage, "gus", "film", 7);
    assert!(matches!(refused(&mut stage, "sam", it), ContractError::NotOpen { .. }));
    let gus = stage.who("gus").to_string();
    let open: SubmissionAnswer = ask(&stage, QueryMsg::Submission { who: gus, task: "film".into() });
    assert_eq!(open.open, None);
    // One by somebody else clears it away.
    say(&mut stage, "ann", submit("film", 8)).unwrap();
    assert_eq!(OF.may_load(&stage.deps.storage, &stage.who("gus")).unwrap(), None);
    let numbers = NUMBERS.load(&stage.deps.storage).unwrap();
    assert_eq!((numbers.first, numbers.next, numbers.outsiders), (1, 2, 1));
}

#[test]
fn open_submissions_are_bounded_by_person_and_all_together() {
    let mut stage = stage();
    let many: Vec<Task> = (0..6).map(|n| task(&format!("t{n}"), None, 0, 5_000)).collect();
    let set = ExecuteMsg::SetTasks { tasks: many, confirmations: None };
    say(&mut stage, "treasury", set).unwrap();
    for n in 0..4 {
        say(&mut stage, "gus", submit(&format!("t{n}"), 1)).unwrap();
    }
    assert!(matches!(refused(&mut stage, "gus", submit("t4", 1)), ContractError::TooManyOfOne));
    for n in 4..1_000 {
        say(&mut stage, &format!("free{n}"), submit("t0", 1)).unwrap();
    }
    // A flood of free accounts keeps no member out, and no guest of a member's.
    assert!(matches!(refused(&mut stage, "late", submit("t0", 1)), ContractError::TooMany));
    stage.join("mia", &[]);
    say(&mut stage, "mia", submit("t0", 1)).unwrap();
    let (late, mia) = (stage.who("late").to_string(), stage.who("mia").to_string());
    stage.org.borrow_mut().sponsors.insert(late, mia);
    say(&mut stage, "late", submit("t0", 1)).unwrap();
    assert_eq!(NUMBERS.load(&stage.deps.storage).unwrap().outsiders, 1_000);
    // What has lapsed keeps nobody out: each that comes clears away more than it adds, and anybody clears away the rest.
    stage.at(OPEN_MS);
    for n in 0..3 {
        say(&mut stage, &format!("new{n}"), submit("t0", 1)).unwrap();
    }
    assert_eq!(NUMBERS.load(&stage.deps.storage).unwrap().outsiders, 997);
    for _ in 0..34 {
        say(&mut stage, "anybody", ExecuteMsg::Clear {}).unwrap();
    }
    let numbers = NUMBERS.load(&stage.deps.storage).unwrap();
    assert_eq!((numbers.first, numbers.next, numbers.outsiders), (1_002, 1_005, 3));
}

#[test]
fn where_members_submissions_lie_before_them_lapsed_ones_are_cleared_by_anybody() {
    let mut stage = stage();
    say(&mut stage, "treasury", ExecuteMsg::SetTasks { tasks: vec![task("t", None, 0, 5_000)], confirmations: None }).unwrap();
    for n in 0..3 {
        stage.join(&format!("m{n}"), &[]);
        say(&mut stage, &format!("m{n}"), submit("t", 1)).unwrap();
    }
    for n in 0..1_000 {
        say(&mut stage, &format!("free{n}"), submit("t", 1)).unwrap();
    }
    stage.at(OPEN_MS);
    // The chain takes back what was cleared with a refusal; here it stays, and does not matter.
    assert!(matches!(say(&mut stage, "late", submit("t", 1)), Err(ContractError::TooMany)));
    say(&mut stage, "anybody", ExecuteMsg::Clear {}).unwrap();
    assert_eq!(NUMBERS.load(&stage.deps.storage).unwrap().outsiders, 971);
    say(&mut stage, "late", submit("t", 1)).unwrap();
}

#[test]
fn a_page_looks_at_thirty_and_says_where_to_go_on() {
    let mut stage = stage();
    let set = ExecuteMsg::SetTasks { tasks: vec![task("t", None, 0, 99)], confirmations: None };
    say(&mut stage, "treasury", set).unwrap();
    for n in 0..40 {
        say(&mut stage, &format!("w{n}"), submit("t", 1)).unwrap();
    }
    say(&mut stage, "w3", ExecuteMsg::Withdraw { task: "t".into() }).unwrap();
    let page = |start_after| -> SubmissionsAnswer { ask(&stage, QueryMsg::Submissions { start_after, limit: None }) };
    let first = page(None);
    assert_eq!((first.submissions.len(), first.next), (29, Some(29)));
    let second = page(first.next);
    assert_eq!((second.submissions.len(), second.submissions[0].number, second.next), (10, 30, None));
    assert_eq!(page(Some(u64::MAX)).submissions, []);
}

#[test]
fn a_vote_alone_changes_the_tasks_and_what_was_submitted_for_other_terms_is_made_anew() {
    let mut stage = stage();
    say(&mut stage, "gus", submit("film", 7)).unwrap();
    say(&mut stage, "ann", submit("greet", 8)).unwrap();
    let dearer = ExecuteMsg::SetTasks {
        tasks: vec![task("film", Some(Role::Marketing), 900, 2), task("greet", None, 0, 1)],
        confirmations: None,
    };
    assert!(matches!(refused(&mut stage, "sam", dearer.clone()), ContractError::Refused(Refusal::OnlyByVote)));
    say(&mut stage, "treasury", dearer).unwrap();
    let it = confirm(&stage, "gus", "film", 7);
    assert!(matches!(refused(&mut stage, "sam", it.clone()), ContractError::Changed { .. }));
    say(&mut stage, "gus", submit("film", 7)).unwrap();
    say(&mut stage, "sam", it).unwrap();
    // Other words or places leave it as it was.
    let same = confirm(&stage, "ann", "greet", 8);
    say(&mut stage, "sam", same.clone()).unwrap();
    say(&mut stage, "treasury", ExecuteMsg::SetTasks { tasks: vec![task("film", None, 0, 1)], confirmations: None }).unwrap();
    assert!(matches!(refused(&mut stage, "sue", same), ContractError::NoTask { .. }));
    for wrong in [Vec::new(), vec![task("a", None, 1, 1)]] {
        let set = ExecuteMsg::SetTasks { tasks: wrong, confirmations: None };
        assert!(matches!(refused(&mut stage, "treasury", set), ContractError::Tasks));
    }
}

#[test]
fn what_makes_no_sense_is_refused_at_the_beginning() {
    let mut stage = Stage::new(&["sam", "sue"]);
    let many: Vec<Task> = (0..17).map(|n| task(&format!("t{n}"), None, 0, 1)).collect();
    let (mut silent, mut wordy) = (task("a", None, 0, 1), task("a", None, 0, 1));
    (silent.what, wordy.what) = (String::new(), "x".repeat(257));
    let over = task("a", Some(Role::Developer), 1 << 96, 1);
    let wrong = [
        begin(Vec::new(), 1, None),
        begin(many, 1, None),
        begin(vec![task("a", None, 0, 1), task("a", None, 0, 1)], 1, None),
        begin(vec![task("", None, 0, 1)], 1, None),
        begin(vec![task("a", None, 5, 1)], 1, None),
        begin(vec![task("a", None, 0, 0)], 1, None),
        begin(vec![silent], 1, None),
        begin(vec![wordy], 1, None),
        begin(vec![over], 1, None),
        begin(tasks(), 0, None),
        begin(tasks(), 3, None),
        begin(tasks(), 9, None),
        begin(tasks(), 1, Some(3_599_999)),
        begin(tasks(), 1, Some(90 * 24 * 3_600_000 + 1)),
    ];
    for msg in wrong {
        let (env, info) = (stage.env.clone(), stage.by("founder"));
        let why = instantiate(stage.deps.as_mut(), env, info, msg.clone()).unwrap_err();
        let told = matches!(why, ContractError::Tasks | ContractError::Confirmations | ContractError::OpenFor);
        assert!(told, "{why} for {msg:?}");
    }
}

#[test]
fn money_is_refused_and_so_are_evidence_and_notes_that_are_none() {
    let mut stage = stage();
    let paid = message_info(&stage.who("gus"), &[Coin::new(1u128, "nmei")]);
    let env = stage.env.clone();
    let why = execute(stage.deps.as_mut(), env.clone(), paid.clone(), submit("film", 1)).unwrap_err();
    assert!(matches!(why, ContractError::Refused(Refusal::NotPayable)));
    let why = instantiate(stage.deps.as_mut(), env, paid, begin(tasks(), 1, None)).unwrap_err();
    assert!(matches!(why, ContractError::Refused(Refusal::NotPayable)));
    let with = |evidence: String, note: String| ExecuteMsg::Submit { task: "film".into(), evidence, note };
    assert!(matches!(refused(&mut stage, "gus", with(proof(0), String::new())), ContractError::Refused(Refusal::Evidence)));
    assert!(matches!(refused(&mut stage, "gus", with(proof(1), "x".repeat(257))), ContractError::Note));
    assert!(matches!(refused(&mut stage, "gus", submit("fly", 1)), ContractError::NoTask { .. }));
    // Upper case is the same hash, and is kept in the one form.
    say(&mut stage, "gus", with(proof(0xab).to_uppercase().replace('X', "x"), String::new())).unwrap();
    assert_eq!(SUBMISSION.load(&stage.deps.storage, 0).unwrap().evidence, proof(0xab));
    let it = confirm(&stage, "gus", "film", 0xab);
    say(&mut stage, "sam", it).unwrap();
}

#[test]
fn it_understands_what_the_readme_shows() {
    let begin = br#"{"org":"lthorg1","confirmations":2,"tasks":[{"name":"first-film","what":"Publish a film of your own.","role":"content_provider","reward":"100","places":50}]}"#;
    let begin: InstantiateMsg = from_json(begin).unwrap();
    assert_eq!((begin.tasks[0].reward, begin.open_ms), (Uint128::new(100), None));
    let bare: Task = from_json(br#"{"name":"greet","what":"Say hello.","places":1}"#).unwrap();
    assert_eq!((bare.role, bare.reward), (None, Uint128::zero()));
    assert!(from_json::<Task>(br#"{"name":"greet","what":"Say hello.","places":1,"prize":"1"}"#).is_err());
    let hash = proof(1);
    for told in [
        format!(r#"{{"submit":{{"task":"first-film","evidence":"{hash}"}}}}"#),
        format!(r#"{{"confirm":{{"who":"lth1","task":"first-film","evidence":"{hash}"}}}}"#),
        r#"{"decline":{"who":"lth1","task":"first-film","why":"No film there."}}"#.into(),
        r#"{"withdraw":{"task":"first-film"}}"#.into(),
    ] {
        from_json::<ExecuteMsg>(told.as_bytes()).unwrap();
    }
    assert!(CONFIG.may_load(&stage().deps.storage).unwrap().is_some());
    assert_eq!(crate::msg::schemas().map(|(name, _)| name), ["instantiate", "execute", "query"]);
}

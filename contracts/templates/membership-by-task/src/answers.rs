use crate::kept;
use crate::msg::{DoneAnswer, DoneRow, PlacesAnswer, Row, SubmissionAnswer, SubmissionsAnswer};
use crate::state::{CONFIG, DONE, NUMBERS, SUBMISSION, TAKEN};
use cosmwasm_std::{Deps, Env, StdError, StdResult};
use leither_sdk::{LeitherQuery, now_ms, page};

/// How often a task was done.
pub fn places(deps: Deps<LeitherQuery>, name: &str) -> StdResult<PlacesAnswer> {
    let config = CONFIG.load(deps.storage)?;
    let places = config.task(name).map_err(|e| StdError::msg(e.to_string()))?.places;
    Ok(PlacesAnswer { places, taken: TAKEN.may_load(deps.storage, name)?.unwrap_or(0) })
}

/// An open one.
pub fn submission(deps: Deps<LeitherQuery>, env: &Env, who: &str, task: &str) -> StdResult<SubmissionAnswer> {
    let open = kept::open(deps.storage, &deps.api.addr_validate(who)?, task, now_ms(env))?;
    Ok(SubmissionAnswer { open: open.map(|(number, submission)| Row { number, submission }) })
}

/// Open ones, oldest first.
pub fn submissions(
    deps: Deps<LeitherQuery>,
    env: &Env,
    start_after: Option<u64>,
    limit: Option<u32>,
) -> StdResult<SubmissionsAnswer> {
    let kept = NUMBERS.may_load(deps.storage)?.unwrap_or_default();
    let numbers = page(kept.first..kept.next, start_after, limit);
    let next = numbers.clone().last().filter(|last| last.saturating_add(1) < kept.next);
    let mut submissions = Vec::new();
    for number in numbers {
        let found = SUBMISSION.may_load(deps.storage, number)?.filter(|submission| submission.until > now_ms(env));
        submissions.extend(found.map(|submission| Row { number, submission }));
    }
    Ok(SubmissionsAnswer { submissions, next })
}

/// Which of the tasks somebody has done.
pub fn done(deps: Deps<LeitherQuery>, who: &str) -> StdResult<DoneAnswer> {
    let who = deps.api.addr_validate(who)?;
    let mut done = Vec::new();
    for task in CONFIG.load(deps.storage)?.tasks {
        let at = DONE.may_load(deps.storage, (&who, &task.name))?;
        done.extend(at.map(|at| DoneRow { task: task.name, at }));
    }
    Ok(DoneAnswer { who, done })
}

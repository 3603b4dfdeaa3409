use crate::Answer;
use crate::error::ContractError;
use crate::kept;
use crate::state::{CONFIG, DONE, Submission, TAKEN, TEXT_BYTES_MAX};
use cosmwasm_std::{DepsMut, Env, MessageInfo, Response, to_json_binary};
use leither_sdk::{Leither, LeitherQuery, evidence, now_ms};

/// Open submissions of one person.
const OF_ONE_MAX: usize = 4;
/// Open submissions of those who are neither members nor vouched for: accounts cost nothing, and a flood of them must keep nobody else out.
const OUTSIDERS_MAX: u32 = 1_000;
/// Numbers that each submission looks through for lapsed ones: more than one, so that they become fewer.
const CLEARED: usize = 2;
const CLEARED_AT_ONCE: usize = 30;

/// Somebody has done a task.
pub fn submit(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, name: &str, shown: &str, note: String) -> Answer {
    let (config, now, who) = (CONFIG.load(deps.storage)?, now_ms(env), &info.sender);
    let task = config.task(name)?;
    let evidence = evidence(shown)?;
    if note.len() > TEXT_BYTES_MAX {
        return Err(ContractError::Note);
    }
    if DONE.may_load(deps.storage, (who, name))?.is_some() {
        return Err(ContractError::DoneBefore { who: who.to_string(), task: name.into() });
    }
    if TAKEN.may_load(deps.storage, name)?.unwrap_or(0) >= task.places {
        return Err(ContractError::NoPlace { task: name.into(), places: task.places });
    }
    let mut own = 0;
    for (number, before) in kept::of(deps.storage, who)? {
        // What nobody could confirm any more makes room.
        let can_be_judged = before.until > now && config.tasks.iter().any(|task| before.is_of(task));
        if !can_be_judged {
            kept::remove(deps.storage, number, &before)?;
        } else if before.task == name {
            return Err(ContractError::Submitted { task: name.into() });
        } else {
            own += 1;
        }
    }
    if own >= OF_ONE_MAX {
        return Err(ContractError::TooManyOfOne);
    }
    let known = Leither::new(&deps.querier).member(&config.org, who.as_str())?;
    let outsider = !known.member && known.sponsor.is_none();
    if kept::clear(deps.storage, now, CLEARED)? >= OUTSIDERS_MAX && outsider {
        return Err(ContractError::TooMany);
    }
    let number = kept::add(
        deps.storage,
        &Submission {
            who: who.clone(),
            task: name.into(),
            role: task.role,
            what: task.what.clone(),
            reward: task.reward,
            evidence: evidence.clone(),
            note,
            until: now.saturating_add(config.open_ms),
            outsider,
            confirmed: Vec::new(),
        },
    )?;
    Ok(Response::new()
        .set_data(to_json_binary(&number)?)
        .add_attribute("action", "submit")
        .add_attribute("task", name)
        .add_attribute("who", who)
        .add_attribute("evidence", evidence))
}

/// Who submitted takes it back.
pub fn withdraw(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, task: &str) -> Answer {
    let open = kept::open(deps.storage, &info.sender, task, now_ms(env))?;
    let (number, own) = open.ok_or_else(|| ContractError::NotOpen { who: info.sender.to_string(), task: task.into() })?;
    kept::remove(deps.storage, number, &own)?;
    Ok(Response::new()
        .add_attribute("action", "withdraw")
        .add_attribute("task", task)
        .add_attribute("who", &info.sender))
}

/// Anybody clears away what has lapsed.
pub fn clear(deps: DepsMut<LeitherQuery>, env: &Env) -> Answer {
    kept::clear(deps.storage, now_ms(env), CLEARED_AT_ONCE)?;
    Ok(Response::new().add_attribute("action", "clear"))
}

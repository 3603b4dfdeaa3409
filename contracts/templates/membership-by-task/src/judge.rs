use crate::Answer;
use crate::error::ContractError;
use crate::kept;
use crate::state::{CONFIG, Config, DONE, SUBMISSION, Submission, TAKEN, TEXT_BYTES_MAX};
use cosmwasm_std::{Addr, Deps, DepsMut, Env, MessageInfo, Response, Storage};
use leither_sdk::{Leither, LeitherMsg, LeitherQuery, Refusal, evidence, now_ms};

/// An open submission and its number, or a refusal.
fn found(storage: &dyn Storage, env: &Env, who: &Addr, task: &str) -> Result<(u64, Submission), ContractError> {
    let open = kept::open(storage, who, task, now_ms(env))?;
    open.ok_or_else(|| ContractError::NotOpen { who: who.to_string(), task: task.into() })
}

/// A supervisor has looked at it. The last one that is needed has it done.
pub fn confirm(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, who: &str, name: &str, seen: &str) -> Answer {
    let (config, who) = (CONFIG.load(deps.storage)?, deps.api.addr_validate(who)?);
    let org = Leither::new(&deps.querier).org(&config.org)?;
    org.require_supervisor(&info.sender)?;
    let (number, mut submission) = found(deps.storage, env, &who, name)?;
    if info.sender == who {
        return Err(ContractError::Own);
    }
    // Else what is withdrawn and submitted anew would be confirmed unseen.
    if evidence(seen)? != submission.evidence {
        return Err(ContractError::OtherEvidence { evidence: submission.evidence });
    }
    let task = config.task(name)?;
    if !submission.is_of(task) {
        return Err(ContractError::Changed { task: name.into() });
    }
    let taken = TAKEN.may_load(deps.storage, name)?.unwrap_or(0);
    if taken >= task.places {
        return Err(ContractError::NoPlace { task: name.into(), places: task.places });
    }
    submission.confirmed.retain(|by| org.has_supervisor(by));
    let need = usize::from(config.confirmations);
    if submission.confirmed.contains(&info.sender) {
        return Err(ContractError::Twice { missing: need.saturating_sub(submission.confirmed.len()) });
    }
    submission.confirmed.push(info.sender.clone());
    let have = submission.confirmed.len();
    let mut response = Response::new()
        .add_attribute("action", "confirm")
        .add_attribute("task", name)
        .add_attribute("who", &who)
        .add_attribute("confirmed", format!("{have} of {need}"));
    if have < need {
        SUBMISSION.save(deps.storage, number, &submission)?;
        return Ok(response);
    }
    response = response.add_messages(due(deps.as_ref(), env, &config, &submission)?);
    kept::remove(deps.storage, number, &submission)?;
    DONE.save(deps.storage, (&who, name), &now_ms(env))?;
    TAKEN.save(deps.storage, name, &taken.saturating_add(1))?;
    Ok(response)
}

/// What its doer gets: the chain does all of it or nothing. What the mandate does not let is said before.
fn due(deps: Deps<LeitherQuery>, env: &Env, config: &Config, submission: &Submission) -> Result<Vec<LeitherMsg>, ContractError> {
    let chain = Leither::new(&deps.querier);
    let who = submission.who.to_string();
    let (mandate, known) = (chain.mandate(&config.org)?, chain.member(&config.org, &who)?);
    mandate.require(&env.contract.address, submission.reward)?;
    let granted = submission.role.filter(|role| !known.has(*role));
    if !mandate.members && (!known.member || granted.is_some()) {
        return Err(Refusal::NotOverMembers.into());
    }
    let mut due = Vec::new();
    if !known.member {
        due.push(LeitherMsg::Admit { who: who.clone() });
    }
    if let Some(role) = granted {
        due.push(LeitherMsg::SetRole { who: who.clone(), role, granted: true });
    }
    if let Some(role) = submission.role.filter(|_| !submission.reward.is_zero()) {
        let (reason, evidence) = (format!("task {}", submission.task), submission.evidence.clone());
        due.push(LeitherMsg::Issue { to: who, amount: submission.reward, role, reason, evidence });
    }
    Ok(due)
}

/// A supervisor ends it.
pub fn decline(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, who: &str, task: &str, why: &str) -> Answer {
    let (config, who) = (CONFIG.load(deps.storage)?, deps.api.addr_validate(who)?);
    Leither::new(&deps.querier).org(&config.org)?.require_supervisor(&info.sender)?;
    if !(1..=TEXT_BYTES_MAX).contains(&why.len()) {
        return Err(ContractError::Why);
    }
    let (number, submission) = found(deps.storage, env, &who, task)?;
    kept::remove(deps.storage, number, &submission)?;
    Ok(Response::new()
        .add_attribute("action", "decline")
        .add_attribute("task", task)
        .add_attribute("who", who)
        .add_attribute("why", why))
}

//! Who does a stipulated task is admitted, gets its role and its reward, once supervisors confirm it (R45, R46).
//!
//! The founders stipulate tasks, and how many supervisors confirm what was done. Who is no member applies to the organization, and submits the
//! hash of what shows the work to the contract; members do tasks too, for role and reward. With the last confirmation the contract admits,
//! gives the role and issues the reward: all of it or nothing. Only supervisors of that moment count, and nobody confirms their own.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod answers;
mod error;
mod judge;
mod kept;
pub mod msg;
/// What it keeps.
pub mod state;
mod submit;
#[cfg(test)]
mod tests;

pub use error::ContractError;

use cosmwasm_std::{Binary, Deps, DepsMut, Env, MessageInfo, Response, StdResult, to_json_binary};
use leither_sdk::{Leither, LeitherMsg, LeitherQuery, Refusal, take_no_money};
use msg::{ExecuteMsg, InstantiateMsg, QueryMsg, Task};
use state::Config;

type Answer = Result<Response<LeitherMsg>, ContractError>;

/// Begins with the stipulated tasks.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(deps: DepsMut<LeitherQuery>, _env: Env, info: MessageInfo, msg: InstantiateMsg) -> Answer {
    take_no_money(&info)?;
    let org = Leither::new(&deps.querier).org(&msg.org)?;
    if !state::CONFIRMATIONS.contains(&msg.confirmations) || usize::from(msg.confirmations) > org.supervisors.len() {
        return Err(ContractError::Confirmations);
    }
    let open_ms = msg.open_ms.unwrap_or(state::OPEN_MS);
    if !state::OPENS_MS.contains(&open_ms) {
        return Err(ContractError::OpenFor);
    }
    let (treasury, tasks) = (deps.api.addr_validate(&org.treasury)?, state::checked(msg.tasks)?);
    let config = Config { org: msg.org, treasury, tasks, confirmations: msg.confirmations, open_ms };
    state::CONFIG.save(deps.storage, &config)?;
    Ok(Response::new())
}

/// Does what somebody asks for.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(deps: DepsMut<LeitherQuery>, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Answer {
    take_no_money(&info)?;
    match msg {
        ExecuteMsg::Submit { task, evidence, note } => submit::submit(deps, &env, &info, &task, &evidence, note),
        ExecuteMsg::Withdraw { task } => submit::withdraw(deps, &env, &info, &task),
        ExecuteMsg::Confirm { who, task, evidence } => judge::confirm(deps, &env, &info, &who, &task, &evidence),
        ExecuteMsg::Decline { who, task, why } => judge::decline(deps, &env, &info, &who, &task, &why),
        ExecuteMsg::Clear {} => submit::clear(deps, &env),
        ExecuteMsg::SetTasks { tasks, confirmations } => set_tasks(deps, &info, tasks, confirmations),
    }
}

fn set_tasks(deps: DepsMut<LeitherQuery>, info: &MessageInfo, tasks: Vec<Task>, confirmations: Option<u8>) -> Answer {
    let mut config = state::CONFIG.load(deps.storage)?;
    if info.sender != config.treasury {
        return Err(Refusal::OnlyByVote.into());
    }
    config.tasks = state::checked(tasks)?;
    config.confirmations = confirmations.unwrap_or(config.confirmations);
    let supervisors = Leither::new(&deps.querier).org(&config.org)?.supervisors.len();
    if !state::CONFIRMATIONS.contains(&config.confirmations) || usize::from(config.confirmations) > supervisors {
        return Err(ContractError::Confirmations);
    }
    state::CONFIG.save(deps.storage, &config)?;
    Ok(Response::new().add_attribute("action", "set_tasks"))
}

/// Answers.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps<LeitherQuery>, env: Env, msg: QueryMsg) -> StdResult<Binary> {
    match msg {
        QueryMsg::Config {} => to_json_binary(&state::CONFIG.load(deps.storage)?),
        QueryMsg::Places { task } => to_json_binary(&answers::places(deps, &task)?),
        QueryMsg::Submission { who, task } => to_json_binary(&answers::submission(deps, &env, &who, &task)?),
        QueryMsg::Submissions { start_after, limit } => to_json_binary(&answers::submissions(deps, &env, start_after, limit)?),
        QueryMsg::Done { who } => to_json_binary(&answers::done(deps, &who)?),
    }
}

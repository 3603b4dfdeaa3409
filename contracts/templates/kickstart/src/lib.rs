//! A start-up incentive with an end, by time and by amount, that is fixed when it begins and that nothing changes (R54).
//!
//! Supervisors credit actions of others, and each is rewarded at once, in units, in the role that it is stipulated for: nothing accrues by
//! itself, so who is idle or absent earns nothing. Each evidence counts once. Actions are capped by person and day, and by day. Rewards may be
//! halved as time goes on. When the pool is used up, or its time is over, it has ended for ever.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod credit;
mod error;
pub mod msg;
/// What it keeps.
pub mod state;
#[cfg(test)]
mod tests;

pub use error::ContractError;

use cosmwasm_std::{Binary, Deps, DepsMut, Env, MessageInfo, Response, StdResult, to_json_binary};
use leither_sdk::{Leither, LeitherMsg, LeitherQuery, now_ms, take_no_money};
use msg::{ExecuteMsg, InstantiateMsg, QueryMsg};
use state::Config;

type Answer = Result<Response<LeitherMsg>, ContractError>;

/// Begins with what is fixed for good.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(deps: DepsMut<LeitherQuery>, env: Env, info: MessageInfo, msg: InstantiateMsg) -> Answer {
    take_no_money(&info)?;
    Leither::new(&deps.querier).org(&msg.org)?;
    let now = now_ms(&env);
    let InstantiateMsg { org, begin, end, pool, actions, halving_ms } = msg;
    let config = Config { org, begin: begin.unwrap_or(now), end, pool, actions, halving_ms };
    state::CONFIG.save(deps.storage, &config.checked(now)?)?;
    Ok(Response::new())
}

/// Does what somebody asks for.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(deps: DepsMut<LeitherQuery>, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Answer {
    take_no_money(&info)?;
    let ExecuteMsg::Credit { who, action, evidence } = msg;
    credit::credit(deps, &env, &info, &who, &action, &evidence)
}

/// Answers.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps<LeitherQuery>, env: Env, msg: QueryMsg) -> StdResult<Binary> {
    match msg {
        QueryMsg::Config {} => to_json_binary(&state::CONFIG.load(deps.storage)?),
        QueryMsg::State {} => to_json_binary(&credit::state(deps, &env)?),
        QueryMsg::Person { who } => to_json_binary(&credit::person(deps, &env, &who)?),
    }
}

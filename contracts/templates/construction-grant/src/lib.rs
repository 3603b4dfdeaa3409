//! What somebody built is rewarded when a supervisor recommends it and a vote has passed: no vote, no units (R51).
//!
//! A recommendation opens a vote of the organization on the message `grant` to this contract, which the organization alone can say. Then the
//! units are issued, at once or by milestones that another supervisor reports. Caps for one grant and for a period are stipulated. Where a cap or
//! the mandate has no room left when the vote passes, what was granted waits for the next period or epoch, until it lapses.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod answers;
mod error;
mod issue;
pub mod msg;
mod recommend;
/// What it keeps.
pub mod state;
#[cfg(test)]
mod tests;

pub use error::ContractError;

use cosmwasm_std::{Binary, Deps, DepsMut, Env, MessageInfo, Response, StdResult, to_json_binary};
use leither_sdk::{Leither, LeitherMsg, LeitherQuery, take_no_money};
use msg::{ExecuteMsg, InstantiateMsg, QueryMsg};
use recommend::Wish;
use state::Config;

type Answer = Result<Response<LeitherMsg>, ContractError>;

/// Begins with the stipulated caps.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(deps: DepsMut<LeitherQuery>, _env: Env, info: MessageInfo, msg: InstantiateMsg) -> Answer {
    take_no_money(&info)?;
    let org = Leither::new(&deps.querier).org(&msg.org)?;
    let config = Config {
        org: msg.org,
        treasury: deps.api.addr_validate(&org.treasury)?,
        roles: msg.roles,
        cap_grant: msg.cap_grant,
        cap_period: msg.cap_period,
        period_ms: msg.period_ms.unwrap_or(state::MONTH_MS),
        lapse_ms: msg.lapse_ms.unwrap_or(state::MONTH_MS),
    };
    state::CONFIG.save(deps.storage, &config.checked()?)?;
    Ok(Response::new())
}

/// Does what somebody asks for.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(deps: DepsMut<LeitherQuery>, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Answer {
    take_no_money(&info)?;
    match msg {
        ExecuteMsg::Recommend { to, amount, role, reason, evidence } => {
            let wish = Wish { to, amounts: vec![amount], staged: false, role, reason, evidence };
            recommend::recommend(deps, &env, &info, wish)
        }
        ExecuteMsg::RecommendMilestones { to, amounts, role, reason, evidence } => {
            recommend::recommend(deps, &env, &info, Wish { to, amounts, staged: true, role, reason, evidence })
        }
        ExecuteMsg::Grant { id } => issue::grant(deps, &env, &info, id),
        ExecuteMsg::Issue { id } => issue::issue(deps, &env, id),
        ExecuteMsg::Milestone { id, n, evidence } => issue::milestone(deps, &env, &info, id, n, &evidence),
        ExecuteMsg::Withdraw { id } => recommend::withdraw(deps, &env, &info, id),
    }
}

/// Answers.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps<LeitherQuery>, env: Env, msg: QueryMsg) -> StdResult<Binary> {
    match msg {
        QueryMsg::Config {} => to_json_binary(&state::CONFIG.load(deps.storage)?),
        QueryMsg::Period {} => to_json_binary(&answers::period(deps, &env)?),
        QueryMsg::Grant { id } => to_json_binary(&answers::grant(deps, id)?),
        QueryMsg::Grants { start_after, limit } => to_json_binary(&answers::grants(deps, start_after, limit)?),
    }
}

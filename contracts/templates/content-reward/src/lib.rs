//! A value event (somebody pays for a content) is divided among all who made it possible, in the block in which it happens (R52).
//!
//! The founders stipulate steps, each with its share and the role that one must have to be paid for it. A step's payees are *fixed*, or those
//! that the content's owner *recorded* for it, by weight, or the *host* that served it. Who is no longer a member in the step's role is not
//! paid; a step without payees falls to the organization's treasury. All is given out, to the last unit.
//!
//! Money comes with the event, or by vouchers: a payer keeps an escrow here and signs, for each content and host, what it owes in all.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod contents;
mod error;
mod escrow;
pub mod msg;
/// What it keeps.
pub mod state;
mod value;

pub use error::ContractError;

use cosmwasm_std::{Binary, Deps, DepsMut, Env, MessageInfo, Response, StdResult, to_json_binary};
use leither_sdk::{Leither, LeitherMsg, LeitherQuery};
use msg::{ExecuteMsg, InstantiateMsg, QueryMsg};
use state::Config;

type Answer = Result<Response<LeitherMsg>, ContractError>;

/// Begins with the stipulated steps.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(deps: DepsMut<LeitherQuery>, _env: Env, _info: MessageInfo, msg: InstantiateMsg) -> Answer {
    let org = Leither::new(&deps.querier).org(&msg.org)?;
    let config = Config {
        org: msg.org,
        treasury: deps.api.addr_validate(&org.treasury)?,
        steps: state::checked(deps.api, msg.steps)?,
        notice_ms: msg.notice_ms.unwrap_or(state::NOTICE_MS),
        ads: None,
    };
    if !state::NOTICES_MS.contains(&config.notice_ms) {
        return Err(ContractError::NoticeForm);
    }
    state::CONFIG.save(deps.storage, &config)?;
    Ok(Response::new())
}

/// Does what somebody asks for.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(mut deps: DepsMut<LeitherQuery>, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Answer {
    match msg {
        ExecuteMsg::Record { content, step, who, weight } => contents::record(deps, &info, &content, &step, &who, weight),
        ExecuteMsg::Value { content, host } => value::paid(deps.as_ref(), &info, &content, host.as_deref()),
        ExecuteMsg::Deposit {} => escrow::deposit(deps, &info),
        ExecuteMsg::Withdraw { coin } => escrow::withdraw(deps, &env, &info, coin),
        ExecuteMsg::Take { denom } => escrow::take(deps, &env, &info, &denom),
        ExecuteMsg::Redeem { vouchers } => escrow::redeem(&mut deps, &env, &info, &vouchers),
        ExecuteMsg::SetSteps { steps } => {
            let steps = state::checked(deps.api, steps)?;
            by_vote(deps, &info, "set_steps", |config| config.steps = steps)
        }
        ExecuteMsg::SetAds { contract } => {
            let ads = contract.map(|text| deps.api.addr_validate(&text)).transpose()?;
            by_vote(deps, &info, "set_ads", |config| config.ads = ads)
        }
    }
}

/// The organization changes what was stipulated.
fn by_vote(deps: DepsMut<LeitherQuery>, info: &MessageInfo, action: &str, change: impl FnOnce(&mut Config)) -> Answer {
    let mut config = state::CONFIG.load(deps.storage)?;
    if info.sender != config.treasury {
        return Err(ContractError::OnlyByVote);
    }
    change(&mut config);
    state::CONFIG.save(deps.storage, &config)?;
    Ok(Response::new().add_attribute("action", action))
}

/// Answers.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps<LeitherQuery>, _env: Env, msg: QueryMsg) -> StdResult<Binary> {
    match msg {
        QueryMsg::Config {} => to_json_binary(&state::CONFIG.load(deps.storage)?),
        QueryMsg::Content { content } => to_json_binary(&contents::recorded(deps.storage, &content)?),
        QueryMsg::Shares { content, host } => to_json_binary(&value::preview(deps, &content, host.as_deref())?),
        QueryMsg::Escrow { who, denom } => to_json_binary(&escrow::held(deps, &who, &denom)?),
        QueryMsg::Redeemed { who, content, host, denom } => {
            to_json_binary(&escrow::redeemed(deps, &who, &content, &host, &denom)?)
        }
    }
}

//! An advertiser's escrow pays for views, through content-reward, in the block in which they are reported (R52, R56).
//!
//! A view counts when its viewer signed it. A free account is no viewer. Who is:
//! - a *member* of the organization: whom its supervisors admitted;
//! - whoever has *credit*: a guest whose invitation a member paid for, or who paid for contents by vouchers himself. Each unit that was paid lets
//!   so much be earned by ads, and no more, that a ring of a content's makers, hosts and guests gets back less than it paid:
//!   `s * (1 + c) < 1`, where `s` is what steps by content and host get, and `c` the credit a unit gives. It is checked at the beginning and with
//!   each guest's view. Vouchers give credit in the one ad campaign that content-reward names, by vote. The steps' fixed payees, whom the founders
//!   stipulated, are trusted not to belong to a ring.
//!
//! Views are capped by viewer and day of block time. Who made, serves or is stipulated to earn by a content is no viewer of it.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod campaigns;
mod error;
mod guests;
pub mod msg;
mod report;
/// What it keeps.
pub mod state;

pub use error::ContractError;

use cosmwasm_std::{Binary, Deps, DepsMut, Env, MessageInfo, Response, StdResult, to_json_binary};
use leither_content_reward::msg::QueryMsg as RewardQuery;
use leither_content_reward::state::Config as RewardConfig;
use leither_sdk::{LeitherMsg, LeitherQuery};
use msg::{ExecuteMsg, InstantiateMsg, QueryMsg};
use state::Config;

type Answer = Result<Response<LeitherMsg>, ContractError>;

/// Begins beside a content-reward contract.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(deps: DepsMut<LeitherQuery>, _env: Env, _info: MessageInfo, msg: InstantiateMsg) -> Answer {
    let reward = deps.api.addr_validate(&msg.reward)?;
    let stipulated: RewardConfig = deps.querier.query_wasm_smart(&reward, &RewardQuery::Config {})?;
    let credit_bp = msg.credit_bp.unwrap_or(state::CREDIT_BP);
    if guests::ring_earns(&stipulated.steps, credit_bp) {
        return Err(ContractError::Ring { credit: credit_bp });
    }
    let config = Config { org: stipulated.org, treasury: stipulated.treasury, reward, credit_bp };
    state::CONFIG.save(deps.storage, &config)?;
    Ok(Response::new())
}

/// Does what somebody asks for.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(mut deps: DepsMut<LeitherQuery>, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Answer {
    match msg {
        ExecuteMsg::Create { per_view, per_day, contents, ends } => {
            campaigns::create(deps, &env, &info, per_view, per_day, contents, ends)
        }
        ExecuteMsg::Fund { campaign } => campaigns::fund(deps, &env, &info, campaign),
        ExecuteMsg::Close { campaign } => campaigns::close(deps, &env, &info, campaign),
        ExecuteMsg::Invite { who } => guests::invite(deps, &info, &who),
        ExecuteMsg::Report { campaign, views } => report::report(&mut deps, &env, &info, campaign, &views),
    }
}

/// Answers.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps<LeitherQuery>, env: Env, msg: QueryMsg) -> StdResult<Binary> {
    match msg {
        QueryMsg::Config {} => to_json_binary(&state::CONFIG.load(deps.storage)?),
        QueryMsg::Campaign { campaign } => to_json_binary(&state::CAMPAIGN.load(deps.storage, campaign)?),
        QueryMsg::Campaigns { start_after, limit } => to_json_binary(&campaigns::list(deps, start_after, limit)?),
        QueryMsg::Viewer { campaign, who } => to_json_binary(&report::viewer(deps, &env, campaign, &who)?),
    }
}

//! Income divided by lines that the founders stipulate: to named payees by weight, to the members in a role (equally, or by the units they
//! hold), to those who hold the organization's units, to the treasury. All is given out, to the last unit.
//!
//! Money comes with the message from anybody, or from the treasury within the mandate, when a supervisor says so. A line whose payees are all
//! gone falls to the treasury.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod lines;
pub mod msg;

pub use error::ContractError;

use cosmwasm_std::{Addr, Binary, Coin, Deps, DepsMut, Env, MessageInfo, Response, StdError, StdResult, Uint128, to_json_binary};
use leither_sdk::{Item, Leither, LeitherMsg, LeitherQuery, Source, WHOLE_BP};
use lines::Division;
use msg::{Config, ExecuteMsg, InstantiateMsg, QueryMsg, SharesAnswer};

type Answer = Result<Response<LeitherMsg>, ContractError>;

const CONFIG: Item<Config> = Item::new("config");

/// Begins with the stipulated lines.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn instantiate(deps: DepsMut<LeitherQuery>, _env: Env, _info: MessageInfo, msg: InstantiateMsg) -> Answer {
    let org = Leither::new(&deps.querier).org(&msg.org)?;
    let treasury = deps.api.addr_validate(&org.treasury)?;
    let config = Config { org: msg.org, treasury, denom: org.denom, lines: lines::checked(deps.api, msg.lines)? };
    CONFIG.save(deps.storage, &config)?;
    Ok(Response::new())
}

/// Does what somebody asks for.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn execute(deps: DepsMut<LeitherQuery>, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Answer {
    let mut config = CONFIG.load(deps.storage)?;
    let me = &env.contract.address;
    match msg {
        ExecuteMsg::Distribute {} => {
            if info.funds.is_empty() {
                return Err(ContractError::NoMoney);
            }
            let division = lines::division(deps.as_ref(), &config, me)?;
            info.funds.iter().try_fold(Response::new(), |response, coin| give(response, &config, me, &division, coin))
        }
        ExecuteMsg::DistributeTreasury { coin } => {
            if !info.funds.is_empty() {
                return Err(ContractError::NotPayable);
            }
            let org = Leither::new(&deps.querier).org(&config.org)?;
            if info.sender != config.treasury && !org.supervisors.contains(&info.sender.to_string()) {
                return Err(ContractError::OnlySupervisors);
            }
            let division = lines::division(deps.as_ref(), &config, me)?;
            let spent = Response::new().add_message(LeitherMsg::Spend { to: me.to_string(), coin: coin.clone() });
            give(spent, &config, me, &division, &coin)
        }
        ExecuteMsg::SetLines { lines } => {
            if info.sender != config.treasury {
                return Err(ContractError::OnlyByVote);
            }
            config.lines = lines::checked(deps.api, lines)?;
            CONFIG.save(deps.storage, &config)?;
            Ok(Response::new().add_attribute("action", "set_lines"))
        }
    }
}

/// One kind of money: by shares, and what is the unit holders' as income.
fn give(response: Response<LeitherMsg>, config: &Config, me: &Addr, division: &Division, coin: &Coin) -> Answer {
    let amount = Uint128::try_from(coin.amount).map_err(StdError::from)?;
    let mut response = response.add_attribute("action", "distribute").add_attribute("coin", coin.to_string());
    // As the chain divides: this contract's own share stays here, and is the whole units of it, unless it is the only one.
    let kept = match division.shares.as_slice() {
        [only] if only.to == me.as_str() => amount,
        _ => amount.multiply_ratio(division.holders_bp, WHOLE_BP),
    };
    if kept < amount {
        let (coin, shares) = (coin.clone(), division.shares.clone());
        response = response.add_message(LeitherMsg::Split { coin, shares, from: Source::Own });
    }
    if !kept.is_zero() {
        let coin = Coin::new(kept, &coin.denom);
        response = response.add_message(LeitherMsg::Income { org: config.org.clone(), coin, note: "revenue-share".into() });
    }
    Ok(response)
}

/// Answers.
#[cfg_attr(not(feature = "library"), cosmwasm_std::entry_point)]
pub fn query(deps: Deps<LeitherQuery>, env: Env, msg: QueryMsg) -> StdResult<Binary> {
    let config = CONFIG.load(deps.storage)?;
    match msg {
        QueryMsg::Config {} => to_json_binary(&config),
        QueryMsg::Shares {} => {
            let division = lines::division(deps, &config, &env.contract.address).map_err(|e| StdError::msg(e.to_string()))?;
            to_json_binary(&SharesAnswer { shares: division.shares, holders_bp: division.holders_bp })
        }
    }
}

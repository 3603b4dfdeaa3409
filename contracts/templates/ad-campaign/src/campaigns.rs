use crate::Answer;
use crate::error::ContractError;
use crate::msg::{CampaignsAnswer, Row};
use crate::state::{CAMPAIGN, CAMPAIGNS, Campaign};
use cosmwasm_std::{BankMsg, Coin, Deps, DepsMut, Env, MessageInfo, Response, StdError, StdResult, Uint128};
use leither_sdk::{DAY_MS, Leither, LeitherQuery, now_ms, page};

const CONTENTS_MAX: usize = 32;
/// Of less, rounding would give the first payee more than its share is worth.
const LEAST: Uint128 = Uint128::new(10_000);
const PER_DAY_MAX: u32 = 1_000;
const DAYS_MAX: u64 = 90;

/// The one kind of money that came along.
pub fn money(info: &MessageInfo) -> Result<(String, Uint128), ContractError> {
    let [coin] = info.funds.as_slice() else { return Err(ContractError::Funds) };
    Ok((coin.denom.clone(), Uint128::try_from(coin.amount).map_err(StdError::from)?))
}

/// Opens one.
pub fn create(
    deps: DepsMut<LeitherQuery>,
    env: &Env,
    info: &MessageInfo,
    per_view: Uint128,
    per_day: u32,
    contents: Vec<String>,
    ends: u64,
) -> Answer {
    let (denom, left) = money(info)?;
    if left < per_view {
        return Err(ContractError::Funds);
    }
    let now = now_ms(env);
    let in_time = ends > now && ends <= now.saturating_add(DAYS_MAX * DAY_MS);
    if per_view < LEAST || !(1..=PER_DAY_MAX).contains(&per_day) || contents.len() > CONTENTS_MAX || !in_time {
        return Err(ContractError::Terms);
    }
    for content in &contents {
        Leither::new(&deps.querier).mimei(content)?;
    }
    let number = CAMPAIGNS.may_load(deps.storage)?.unwrap_or(0);
    let next = number.checked_add(1).ok_or(ContractError::Terms)?;
    let campaign = Campaign { advertiser: info.sender.clone(), denom, left, per_view, per_day, contents, ends, views: 0 };
    CAMPAIGN.save(deps.storage, number, &campaign)?;
    CAMPAIGNS.save(deps.storage, &next)?;
    let data = cosmwasm_std::to_json_binary(&number)?;
    Ok(Response::new().set_data(data).add_attribute("action", "create").add_attribute("campaign", number.to_string()))
}

/// One that is there.
pub fn found(deps: Deps<LeitherQuery>, campaign: u64) -> Result<Campaign, ContractError> {
    CAMPAIGN.may_load(deps.storage, campaign)?.ok_or(ContractError::NoCampaign { campaign })
}

/// More money of its kind.
pub fn fund(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, number: u64) -> Answer {
    let mut campaign = found(deps.as_ref(), number)?;
    let (denom, more) = money(info)?;
    if denom != campaign.denom {
        return Err(ContractError::Funds);
    }
    if campaign.ends <= now_ms(env) {
        return Err(ContractError::Ended);
    }
    campaign.left = campaign.left.checked_add(more).map_err(StdError::from)?;
    CAMPAIGN.save(deps.storage, number, &campaign)?;
    Ok(Response::new().add_attribute("action", "fund").add_attribute("campaign", number.to_string()))
}

/// What is left goes back.
pub fn close(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, number: u64) -> Answer {
    if !info.funds.is_empty() {
        return Err(ContractError::NotPayable);
    }
    let mut campaign = found(deps.as_ref(), number)?;
    if info.sender != campaign.advertiser || now_ms(env) < campaign.ends || campaign.left.is_zero() {
        return Err(ContractError::NotClosable);
    }
    let amount = vec![Coin::new(campaign.left, &campaign.denom)];
    campaign.left = Uint128::zero();
    CAMPAIGN.save(deps.storage, number, &campaign)?;
    Ok(Response::new()
        .add_message(BankMsg::Send { to_address: info.sender.to_string(), amount })
        .add_attribute("action", "close")
        .add_attribute("campaign", number.to_string()))
}

/// In order.
pub fn list(deps: Deps<LeitherQuery>, start_after: Option<u64>, limit: Option<u32>) -> StdResult<CampaignsAnswer> {
    let all = CAMPAIGNS.may_load(deps.storage)?.unwrap_or(0);
    let numbers = page(0..all, start_after, limit);
    let row = |campaign| Ok(Row { campaign, terms: CAMPAIGN.load(deps.storage, campaign)? });
    Ok(CampaignsAnswer { campaigns: numbers.map(row).collect::<StdResult<_>>()? })
}

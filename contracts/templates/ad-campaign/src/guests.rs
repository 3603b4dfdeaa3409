use crate::Answer;
use crate::campaigns::money;
use crate::error::ContractError;
use crate::state::{CONFIG, Config, EARNED, INVITED};
use cosmwasm_std::{Addr, BankMsg, Deps, DepsMut, MessageInfo, Response, StdError, StdResult, Uint128};
use leither_content_reward::msg::{EscrowAnswer, QueryMsg as RewardQuery};
use leither_sdk::{Leither, LeitherMsg, LeitherQuery, WHOLE_BP};

/// A member pays for a guest. The money goes to the treasury, and not to unit holders: some of it would come back to a ring that has units.
pub fn invite(deps: DepsMut<LeitherQuery>, info: &MessageInfo, who: &str) -> Answer {
    let config = CONFIG.load(deps.storage)?;
    let who = deps.api.addr_validate(who)?;
    let (denom, paid) = money(info)?;
    let chain = Leither::new(&deps.querier);
    let by = chain.member(&config.org, info.sender.as_str())?;
    if !by.member || chain.member(&config.org, who.as_str())?.member {
        return Err(ContractError::Invitation);
    }
    let before = INVITED.may_load(deps.storage, (&who, &denom))?.unwrap_or_default();
    INVITED.save(deps.storage, (&who, &denom), &before.checked_add(paid).map_err(StdError::from)?)?;
    let response: Response<LeitherMsg> = Response::new();
    Ok(response
        .add_message(BankMsg::Send { to_address: config.treasury.into(), amount: info.funds.clone() })
        .add_attribute("action", "invite")
        .add_attribute("who", who))
}

/// What ads may still be earned by the views of somebody who is no member.
pub fn credit(deps: Deps<LeitherQuery>, config: &Config, who: &Addr, denom: &str) -> StdResult<Uint128> {
    let ask = RewardQuery::Escrow { who: who.to_string(), denom: denom.into() };
    let escrow: EscrowAnswer = deps.querier.query_wasm_smart(&config.reward, &ask)?;
    let invited = INVITED.may_load(deps.storage, (who, denom))?.unwrap_or_default();
    let paid = escrow.paid.checked_add(invited)?;
    let whole = paid.multiply_ratio(config.credit_bp, WHOLE_BP);
    let earned = EARNED.may_load(deps.storage, (who, denom))?.unwrap_or_default();
    Ok(whole.checked_sub(earned).unwrap_or_default())
}

use crate::Answer;
use crate::error::ContractError;
use crate::msg::{By, ContentAnswer, Recorded};
use crate::state::{CONFIG, PAYEES_MAX, RECORDED};
use cosmwasm_std::{DepsMut, MessageInfo, Response, StdResult, Storage};
use leither_sdk::{Leither, LeitherQuery};

/// Who made a content, as its owner says.
pub fn record(deps: DepsMut<LeitherQuery>, info: &MessageInfo, content: &str, step: &str, who: &str, weight: u32) -> Answer {
    if !info.funds.is_empty() {
        return Err(ContractError::NotPayable);
    }
    let config = CONFIG.load(deps.storage)?;
    let stipulated = config.steps.iter().find(|s| s.name == step && s.by == By::Content {});
    let stipulated = stipulated.ok_or_else(|| ContractError::NoStep { step: step.into() })?;
    let chain = Leither::new(&deps.querier);
    if chain.mimei(content)?.owner != info.sender.as_str() {
        return Err(ContractError::NotOwner);
    }
    let who = deps.api.addr_validate(who)?;
    let mut recorded = RECORDED.may_load(deps.storage, content)?.unwrap_or_default();
    recorded.retain(|r| !(r.step == step && r.who == who));
    if weight > 0 {
        if !chain.member(&config.org, who.as_str())?.has(stipulated.role) {
            return Err(ContractError::NotInRole { who: who.into(), step: step.into() });
        }
        if recorded.iter().filter(|r| r.step == step).count() >= PAYEES_MAX {
            return Err(ContractError::TooMany);
        }
        recorded.push(Recorded { step: step.into(), who: who.clone(), weight });
    }
    RECORDED.save(deps.storage, content, &recorded)?;
    Ok(Response::new()
        .add_attribute("action", "record")
        .add_attribute("content", content)
        .add_attribute("step", step)
        .add_attribute("who", who)
        .add_attribute("weight", weight.to_string()))
}

/// Who was recorded.
pub fn recorded(storage: &dyn Storage, content: &str) -> StdResult<ContentAnswer> {
    Ok(ContentAnswer { recorded: RECORDED.may_load(storage, content)?.unwrap_or_default() })
}

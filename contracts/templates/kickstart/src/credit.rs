use crate::Answer;
use crate::error::ContractError;
use crate::msg::{PersonAnswer, StateAnswer, Today};
use crate::state::{CONFIG, COUNTED, Config, Count, HAD, ISSUED, OF_ALL, OF_ONE};
use cosmwasm_std::{Deps, DepsMut, Env, MessageInfo, Response, StdError, StdResult, Uint128};
use leither_sdk::{DAY_MS, Leither, LeitherMsg, LeitherQuery, evidence, now_ms};

/// Rewards an action at once.
pub fn credit(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, who: &str, name: &str, shown: &str) -> Answer {
    let (config, now) = (CONFIG.load(deps.storage)?, now_ms(env));
    let issued = ISSUED.may_load(deps.storage)?.unwrap_or_default();
    let left = left(&config, issued);
    if now < config.begin {
        return Err(ContractError::TooEarly { begin: config.begin });
    }
    if now >= config.end {
        return Err(ContractError::Ended { end: config.end });
    }
    if left.is_zero() {
        return Err(ContractError::UsedUp);
    }
    let (chain, who, evidence) = (Leither::new(&deps.querier), deps.api.addr_validate(who)?, evidence(shown)?);
    chain.org(&config.org)?.require_supervisor(&info.sender)?;
    if info.sender == who {
        return Err(ContractError::Own);
    }
    let action = config.actions.iter().find(|action| action.name == name);
    let action = action.ok_or_else(|| ContractError::NoAction { action: name.into() })?;
    if !chain.member(&config.org, who.as_str())?.has(action.role) {
        return Err(ContractError::NotInRole { who: who.into(), action: name.into() });
    }
    if COUNTED.may_load(deps.storage, &evidence)?.is_some() {
        return Err(ContractError::Again);
    }
    let day = now / DAY_MS;
    let of_one = OF_ONE.may_load(deps.storage, (&who, name))?.unwrap_or_default().on(day);
    if of_one >= action.per_person_day {
        let (who, action, cap) = (who.into(), name.into(), action.per_person_day);
        return Err(ContractError::PersonCapped { who, action, cap });
    }
    let of_all = OF_ALL.may_load(deps.storage, name)?.unwrap_or_default().on(day);
    if of_all >= action.per_day {
        return Err(ContractError::Capped { action: name.into(), cap: action.per_day });
    }
    // The last one gets what is left.
    let amount = config.units(action, now).min(left);
    if amount.is_zero() {
        return Err(ContractError::Nothing { action: name.into() });
    }
    chain.mandate(&config.org)?.require(&env.contract.address, amount)?;
    let had = HAD.may_load(deps.storage, &who)?.unwrap_or_default();
    let add = |sum: Uint128| sum.checked_add(amount).map_err(StdError::from);
    COUNTED.save(deps.storage, &evidence, &now)?;
    OF_ONE.save(deps.storage, (&who, name), &Count { day, count: of_one.saturating_add(1) })?;
    OF_ALL.save(deps.storage, name, &Count { day, count: of_all.saturating_add(1) })?;
    ISSUED.save(deps.storage, &add(issued)?)?;
    HAD.save(deps.storage, &who, &add(had)?)?;
    Ok(Response::new()
        .add_attribute("action", "credit")
        .add_attribute("credited", name)
        .add_attribute("who", &who)
        .add_attribute("units", amount)
        .add_message(LeitherMsg::Issue {
            to: who.into(),
            amount,
            role: action.role,
            reason: format!("kickstart {name}"),
            evidence,
        }))
}

fn left(config: &Config, issued: Uint128) -> Uint128 {
    config.pool.checked_sub(issued).unwrap_or_default()
}

/// By action: how often today, and what it gives now.
fn today(config: &Config, env: &Env, count: impl Fn(&str) -> StdResult<Option<Count>>) -> StdResult<Vec<Today>> {
    let (now, mut rows) = (now_ms(env), Vec::new());
    for action in &config.actions {
        let count = count(&action.name)?.unwrap_or_default().on(now / DAY_MS);
        rows.push(Today { action: action.name.clone(), count, units: config.units(action, now) });
    }
    Ok(rows)
}

/// How far it is.
pub fn state(deps: Deps<LeitherQuery>, env: &Env) -> StdResult<StateAnswer> {
    let config = CONFIG.load(deps.storage)?;
    let issued = ISSUED.may_load(deps.storage)?.unwrap_or_default();
    let (left, ends) = (left(&config, issued), config.end);
    let today = today(&config, env, |action| OF_ALL.may_load(deps.storage, action))?;
    Ok(StateAnswer { issued, left, ends, ended: ends <= now_ms(env) || left.is_zero(), today })
}

/// What somebody has had.
pub fn person(deps: Deps<LeitherQuery>, env: &Env, who: &str) -> StdResult<PersonAnswer> {
    let (config, who) = (CONFIG.load(deps.storage)?, deps.api.addr_validate(who)?);
    let today = today(&config, env, |action| OF_ONE.may_load(deps.storage, (&who, action)))?;
    Ok(PersonAnswer { issued: HAD.may_load(deps.storage, &who)?.unwrap_or_default(), today })
}

use crate::Answer;
use crate::error::ContractError;
use crate::recommend::found;
use crate::state::{CONFIG, Config, GRANT, Grant, PERIOD, Stage};
use cosmwasm_std::{Deps, DepsMut, Env, MessageInfo, Response, StdError, StdResult};
use leither_sdk::{Leither, LeitherMsg, LeitherQuery, Refusal, evidence, now_ms};

/// When it lapses: so long after its vote was over, or after its last step.
pub fn lapses(deps: Deps<LeitherQuery>, config: &Config, grant: &Grant) -> StdResult<Option<u64>> {
    let from = match grant.stage {
        Stage::Recommended => Leither::new(&deps.querier).proposal(&config.org, grant.proposal)?.until,
        Stage::Granted => grant.since,
        Stage::Issued | Stage::Withdrawn => return Ok(None),
    };
    Ok(Some(from.saturating_add(config.lapse_ms)))
}

/// One of this stage that has not lapsed.
fn live(deps: Deps<LeitherQuery>, env: &Env, config: &Config, id: u64, wanted: Stage) -> Result<Grant, ContractError> {
    let grant = found(deps, id)?;
    if grant.stage != wanted {
        return Err(ContractError::Stage { id, stage: grant.stage.word(), wanted: wanted.word() });
    }
    match lapses(deps, config, &grant)? {
        Some(until) if until <= now_ms(env) => Err(ContractError::Lapsed { id, until }),
        _ => Ok(grant),
    }
}

/// A vote has said so. What there is no room for now waits.
pub fn grant(mut deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, id: u64) -> Answer {
    let config = CONFIG.load(deps.storage)?;
    if info.sender != config.treasury {
        return Err(Refusal::OnlyByVote.into());
    }
    let mut grant = live(deps.as_ref(), env, &config, id, Stage::Recommended)?;
    (grant.stage, grant.since) = (Stage::Granted, now_ms(env));
    GRANT.save(deps.storage, id, &grant)?;
    let said = Response::new().add_attribute("action", "grant").add_attribute("grant", id.to_string());
    if grant.staged {
        return Ok(said);
    }
    let shown = grant.evidence.clone();
    match pay(&mut deps, env, &config, id, grant, shown) {
        Ok(issue) => Ok(said.add_message(issue)),
        Err(ContractError::Std(broken)) => Err(broken.into()),
        Err(why) => Ok(said.add_attribute("waits", why.to_string())),
    }
}

/// What waited for room.
pub fn issue(mut deps: DepsMut<LeitherQuery>, env: &Env, id: u64) -> Answer {
    let config = CONFIG.load(deps.storage)?;
    let grant = live(deps.as_ref(), env, &config, id, Stage::Granted)?;
    if grant.staged {
        return Err(ContractError::Staged { id });
    }
    let shown = grant.evidence.clone();
    let issue = pay(&mut deps, env, &config, id, grant, shown)?;
    Ok(Response::new().add_message(issue).add_attribute("action", "issue").add_attribute("grant", id.to_string()))
}

/// The next step is done, as somebody without a part in it says.
pub fn milestone(mut deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, id: u64, n: u8, shown: &str) -> Answer {
    let config = CONFIG.load(deps.storage)?;
    let grant = live(deps.as_ref(), env, &config, id, Stage::Granted)?;
    if !grant.staged {
        return Err(ContractError::NotStaged { id });
    }
    if info.sender != config.treasury {
        Leither::new(&deps.querier).org(&config.org)?.require_supervisor(&info.sender)?;
        if info.sender == grant.by || info.sender == grant.to {
            return Err(ContractError::Judge);
        }
    }
    let next = grant.issued.saturating_add(1);
    if n != next {
        return Err(ContractError::Order { next, all: grant.amounts.len() });
    }
    let issue = pay(&mut deps, env, &config, id, grant, evidence(shown)?)?;
    Ok(Response::new()
        .add_message(issue)
        .add_attribute("action", "milestone")
        .add_attribute("grant", id.to_string())
        .add_attribute("milestone", n.to_string()))
}

/// Books the next amount and issues it; where it is refused, nothing is booked.
fn pay(
    deps: &mut DepsMut<LeitherQuery>,
    env: &Env,
    config: &Config,
    id: u64,
    mut grant: Grant,
    evidence: String,
) -> Result<LeitherMsg, ContractError> {
    let (chain, now, all) = (Leither::new(&deps.querier), now_ms(env), grant.amounts.len());
    let amount = grant.amounts.get(usize::from(grant.issued)).copied();
    let amount = amount.ok_or_else(|| StdError::msg("all of it is issued"))?;
    chain.mandate(&config.org)?.require(&env.contract.address, amount)?;
    if !chain.member(&config.org, grant.to.as_str())?.has(grant.role) {
        return Err(ContractError::NotInRole { who: grant.to.into() });
    }
    let (mut period, next) = config.period(deps.storage, now)?;
    let left = config.cap_period.checked_sub(period.issued).unwrap_or_default();
    if left < amount {
        return Err(ContractError::Period { left: left.to_string(), need: amount.to_string(), next });
    }
    period.issued = period.issued.checked_add(amount).map_err(StdError::from)?;
    grant.issued = grant.issued.saturating_add(1);
    grant.since = now;
    if usize::from(grant.issued) == all {
        grant.stage = Stage::Issued;
    }
    PERIOD.save(deps.storage, &period)?;
    GRANT.save(deps.storage, id, &grant)?;
    let step = if grant.staged { format!(", {} of {all}", grant.issued) } else { String::new() };
    let reason = format!("{}{step}", grant.reason);
    Ok(LeitherMsg::Issue { to: grant.to.into(), amount, role: grant.role, reason, evidence })
}

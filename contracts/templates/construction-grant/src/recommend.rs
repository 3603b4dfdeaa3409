use crate::Answer;
use crate::error::ContractError;
use crate::msg::ExecuteMsg;
use crate::state::{CONFIG, Config, GRANT, GRANTS, Grant, Stage, VOTED_ON};
use cosmwasm_std::{Addr, Deps, DepsMut, Env, MessageInfo, Response, StdError, StdResult, Uint128, to_json_binary};
use leither_sdk::{Leither, LeitherMsg, LeitherQuery, ProposalStage, Role, evidence, now_ms};

const REASON_BYTES_MAX: usize = 112;
const TITLE_BYTES_MAX: usize = 128;
const MILESTONES_MAX: usize = 8;
/// Votes of one supervisor at a time: the organization has room for 32 that its contract opens.
const VOTES_MAX: usize = 8;
/// `grant` uses about 600,000,000: a vote must not fail for want of gas.
const GRANT_GAS: u64 = 1_000_000_000;

/// What a supervisor recommends.
pub struct Wish {
    pub to: String,
    pub amounts: Vec<Uint128>,
    pub staged: bool,
    pub role: Role,
    pub reason: String,
    pub evidence: String,
}

/// Keeps it, and opens the vote.
pub fn recommend(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, wish: Wish) -> Answer {
    let config = CONFIG.load(deps.storage)?;
    let chain = Leither::new(&deps.querier);
    let org = chain.org(&config.org)?;
    org.require_supervisor(&info.sender)?;
    // Here for its name alone: how much it leaves when the vote has passed nobody knows.
    chain.mandate(&config.org)?.require(&env.contract.address, Uint128::zero())?;
    let mut voted_on = voted_on(deps.as_ref(), &config, &info.sender)?;
    if voted_on.len() >= VOTES_MAX {
        return Err(ContractError::TooMany);
    }
    let id = GRANTS.may_load(deps.storage)?.unwrap_or(0);
    let grant = Grant {
        by: info.sender.clone(),
        to: deps.api.addr_validate(&wish.to)?,
        role: wish.role,
        reason: wish.reason,
        evidence: evidence(&wish.evidence)?,
        amounts: wish.amounts,
        staged: wish.staged,
        issued: 0,
        stage: Stage::Recommended,
        since: now_ms(env),
        // The message below opens it before anything else can.
        proposal: org.proposals,
    };
    let whole = check(deps.as_ref(), &config, &grant)?;
    voted_on.push(id);
    VOTED_ON.save(deps.storage, &info.sender, &voted_on)?;
    GRANT.save(deps.storage, id, &grant)?;
    let next = id.checked_add(1).ok_or_else(|| StdError::msg("there are no more numbers"))?;
    GRANTS.save(deps.storage, &next)?;
    let msg = to_json_binary(&ExecuteMsg::Grant { id })?;
    Ok(Response::new()
        .add_message(LeitherMsg::Propose { title: title(id, &grant, whole), msg, gas: GRANT_GAS })
        .set_data(to_json_binary(&id)?)
        .add_attribute("action", "recommend")
        .add_attribute("grant", id.to_string())
        .add_attribute("proposal", grant.proposal.to_string()))
}

/// Those of a supervisor's whose votes are not over yet.
fn voted_on(deps: Deps<LeitherQuery>, config: &Config, who: &Addr) -> StdResult<Vec<u64>> {
    let mut open = Vec::new();
    for id in VOTED_ON.may_load(deps.storage, who)?.unwrap_or_default() {
        let vote = Leither::new(&deps.querier).proposal(&config.org, GRANT.load(deps.storage, id)?.proposal)?;
        if matches!(vote.stage, ProposalStage::Open | ProposalStage::Passed) {
            open.push(id);
        }
    }
    Ok(open)
}

/// All that it gives, if it can be granted.
fn check(deps: Deps<LeitherQuery>, config: &Config, grant: &Grant) -> Result<Uint128, ContractError> {
    if !(1..=MILESTONES_MAX).contains(&grant.amounts.len()) {
        return Err(ContractError::Milestones);
    }
    let is_within = |whole: &Uint128| !grant.amounts.contains(&Uint128::zero()) && *whole <= config.cap_grant;
    let whole = grant.whole().ok().filter(is_within);
    let whole = whole.ok_or_else(|| ContractError::Amount { cap: config.cap_grant.to_string() })?;
    if grant.reason.trim().is_empty() || grant.reason.len() > REASON_BYTES_MAX {
        return Err(ContractError::Reason);
    }
    if !config.roles.contains(&grant.role) {
        return Err(ContractError::Role);
    }
    if !Leither::new(&deps.querier).member(&config.org, grant.to.as_str())?.has(grant.role) {
        return Err(ContractError::NotInRole { who: grant.to.to_string() });
    }
    Ok(whole)
}

/// What voters read first: the amount is always whole, a long reason is cut.
fn title(id: u64, grant: &Grant, whole: Uint128) -> String {
    let steps = if grant.staged { format!(" in {} milestones", grant.amounts.len()) } else { String::new() };
    let mut title = format!("grant {id}: {whole} smallest units{steps}, {}", grant.reason);
    title.truncate(title.floor_char_boundary(TITLE_BYTES_MAX));
    title
}

/// Ends it.
pub fn withdraw(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, id: u64) -> Answer {
    let mut grant = found(deps.as_ref(), id)?;
    let may = match grant.stage {
        Stage::Recommended | Stage::Granted if info.sender == CONFIG.load(deps.storage)?.treasury => true,
        Stage::Recommended => info.sender == grant.by,
        Stage::Granted => false,
        stage => return Err(ContractError::Stage { id, stage: stage.word(), wanted: "recommended or granted" }),
    };
    if !may {
        return Err(ContractError::NotYours);
    }
    (grant.stage, grant.since) = (Stage::Withdrawn, now_ms(env));
    GRANT.save(deps.storage, id, &grant)?;
    Ok(Response::new().add_attribute("action", "withdraw").add_attribute("grant", id.to_string()))
}

/// One that is there.
pub fn found(deps: Deps<LeitherQuery>, id: u64) -> Result<Grant, ContractError> {
    GRANT.may_load(deps.storage, id)?.ok_or(ContractError::NoGrant { id })
}

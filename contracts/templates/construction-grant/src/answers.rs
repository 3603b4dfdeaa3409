use crate::issue::lapses;
use crate::msg::{GrantAnswer, GrantsAnswer, PeriodAnswer, Row};
use crate::state::{CONFIG, GRANT, GRANTS};
use cosmwasm_std::{Deps, Env, StdResult};
use leither_sdk::{Leither, LeitherQuery, now_ms, page};

/// What is left in this period.
pub fn period(deps: Deps<LeitherQuery>, env: &Env) -> StdResult<PeriodAnswer> {
    let config = CONFIG.load(deps.storage)?;
    let (period, next) = config.period(deps.storage, now_ms(env))?;
    let left = config.cap_period.checked_sub(period.issued).unwrap_or_default();
    Ok(PeriodAnswer { issued: period.issued, left, next })
}

/// One, and its vote.
pub fn grant(deps: Deps<LeitherQuery>, id: u64) -> StdResult<GrantAnswer> {
    let (config, grant) = (CONFIG.load(deps.storage)?, GRANT.load(deps.storage, id)?);
    let vote = Leither::new(&deps.querier).proposal(&config.org, grant.proposal)?;
    Ok(GrantAnswer { id, vote, lapses: lapses(deps, &config, &grant)?, grant })
}

/// In order.
pub fn grants(deps: Deps<LeitherQuery>, start_after: Option<u64>, limit: Option<u32>) -> StdResult<GrantsAnswer> {
    let all = GRANTS.may_load(deps.storage)?.unwrap_or(0);
    let row = |id| Ok(Row { id, grant: GRANT.load(deps.storage, id)? });
    Ok(GrantsAnswer { grants: page(0..all, start_after, limit).map(row).collect::<StdResult<_>>()? })
}

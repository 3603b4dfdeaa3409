use crate::Answer;
use crate::campaigns::money;
use crate::error::ContractError;
use crate::state::{CONFIG, Config, EARNED, INVITED};
use cosmwasm_std::{Addr, BankMsg, Deps, DepsMut, MessageInfo, Response, StdError, StdResult, Uint128};
use leither_content_reward::msg::{By, EscrowAnswer, QueryMsg as RewardQuery, Step};
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

/// Whether makers, hosts and guests together would get back what they pay, and more: what steps by content and host get of it, and of the ads
/// that it lets be earned.
pub fn ring_earns(steps: &[Step], credit_bp: u16) -> bool {
    let ring: u64 = steps.iter().filter(|s| !matches!(s.by, By::Fixed { .. })).map(|s| u64::from(s.bp)).sum();
    let whole = u64::from(WHOLE_BP);
    ring * (whole + u64::from(credit_bp)) >= whole * whole
}

/// What ads may still be earned by the views of somebody who is no member. Vouchers count where content-reward has named this contract.
pub fn credit(deps: Deps<LeitherQuery>, config: &Config, is_named: bool, who: &Addr, denom: &str) -> StdResult<Uint128> {
    let mut paid = INVITED.may_load(deps.storage, (who, denom))?.unwrap_or_default();
    if is_named {
        let ask = RewardQuery::Escrow { who: who.to_string(), denom: denom.into() };
        let escrow: EscrowAnswer = deps.querier.query_wasm_smart(&config.reward, &ask)?;
        paid = paid.checked_add(escrow.paid)?;
    }
    let whole = paid.multiply_ratio(config.credit_bp, WHOLE_BP);
    let earned = EARNED.may_load(deps.storage, (who, denom))?.unwrap_or_default();
    Ok(whole.checked_sub(earned).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_sdk::Role;

    #[test]
    fn a_ring_is_reckoned_by_what_its_own_steps_get() {
        let step = |bp, by| Step { name: "s".into(), bp, role: Role::Developer, by };
        let fixed = || By::Fixed { payees: Vec::new() };
        let steps = |ring: u16| vec![step(10_000 - ring, fixed()), step(ring - 1, By::Content {}), step(1, By::Host {})];
        // At a credit of a quarter, four fifths come back as the whole.
        assert!(!ring_earns(&steps(7_999), 2_500) && ring_earns(&steps(8_000), 2_500));
        assert!(!ring_earns(&steps(9_999), 0) && ring_earns(&steps(10_000), 0));
    }
}

use crate::Answer;
use crate::error::ContractError;
use crate::msg::{EscrowAnswer, RedeemedAnswer};
use crate::state::{CONFIG, ESCROW, LEAVING, Leaving, PAID, REDEEMED};
use crate::value::{Book, add};
use cosmwasm_std::{Addr, BankMsg, Coin, Deps, DepsMut, Env, MessageInfo, Response, StdError, StdResult, Storage, Uint128};
use leither_sdk::{LeitherQuery, Voucher, now_ms, signer_of};

const VOUCHERS_MAX: usize = 32;

fn amount(coin: &Coin) -> StdResult<Uint128> {
    Uint128::try_from(coin.amount).map_err(StdError::from)
}

fn of(storage: &dyn Storage, who: &Addr, denom: &str) -> StdResult<Uint128> {
    Ok(ESCROW.may_load(storage, (who, denom))?.unwrap_or_default())
}

/// Into the sender's escrow.
pub fn deposit(deps: DepsMut<LeitherQuery>, info: &MessageInfo) -> Answer {
    if info.funds.is_empty() {
        return Err(ContractError::NoMoney);
    }
    let mut response = Response::new().add_attribute("action", "deposit").add_attribute("payer", &info.sender);
    for coin in &info.funds {
        let held = of(deps.storage, &info.sender, &coin.denom)?.checked_add(amount(coin)?).map_err(StdError::from)?;
        ESCROW.save(deps.storage, (&info.sender, &coin.denom), &held)?;
        response = response.add_attribute("coin", coin.to_string());
    }
    Ok(response)
}

fn short(have: Uint128, need: Uint128) -> ContractError {
    ContractError::Escrow { have: have.to_string(), need: need.to_string() }
}

/// Said beforehand, so that who has vouchers can redeem them.
pub fn withdraw(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, coin: Coin) -> Answer {
    if !info.funds.is_empty() {
        return Err(ContractError::NotPayable);
    }
    let (need, have) = (amount(&coin)?, of(deps.storage, &info.sender, &coin.denom)?);
    if need > have || need.is_zero() {
        return Err(short(have, need));
    }
    let from = now_ms(env).saturating_add(CONFIG.load(deps.storage)?.notice_ms);
    LEAVING.save(deps.storage, (&info.sender, &coin.denom), &Leaving { amount: need, from })?;
    Ok(Response::new().add_attribute("action", "withdraw").add_attribute("coin", coin.to_string()))
}

/// What is left of it when the notice is over.
pub fn take(deps: DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, denom: &str) -> Answer {
    let key = (&info.sender, denom);
    let leaving = LEAVING.may_load(deps.storage, key)?.filter(|l| l.from <= now_ms(env));
    let leaving = leaving.ok_or(ContractError::Notice)?;
    LEAVING.remove(deps.storage, key)?;
    let have = of(deps.storage, &info.sender, denom)?;
    let taken = leaving.amount.min(have);
    ESCROW.save(deps.storage, key, &have.checked_sub(taken).map_err(StdError::from)?)?;
    let response = Response::new().add_attribute("action", "take");
    if taken.is_zero() {
        return Ok(response);
    }
    let amount = vec![Coin::new(taken, denom)];
    Ok(response.add_message(BankMsg::Send { to_address: info.sender.to_string(), amount }))
}

/// Each pays what it promises beyond what was paid before. One that is wrong refuses all.
pub fn redeem(deps: &mut DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, vouchers: &[Voucher]) -> Answer {
    if !info.funds.is_empty() {
        return Err(ContractError::NotPayable);
    }
    if vouchers.is_empty() || vouchers.len() > VOUCHERS_MAX {
        return Err(ContractError::Vouchers);
    }
    let config = CONFIG.load(deps.storage)?;
    let mut due = Vec::new();
    for (place, voucher) in vouchers.iter().enumerate() {
        let wrong = |why: String| ContractError::Voucher { place, why };
        let text = voucher.text(&env.block.chain_id, env.contract.address.as_str());
        let payer = signer_of(deps.api, &text, &voucher.signature, &voucher.key).map_err(|e| wrong(e.to_string()))?;
        deps.api.addr_validate(&voucher.host).map_err(|e| wrong(e.to_string()))?;
        let owed = book(deps.storage, &payer, voucher).map_err(|e| wrong(e.to_string()))?;
        due.push((payer, voucher, owed));
    }
    let mut book = Book::new(deps.as_ref(), config);
    let mut response = Response::new().add_attribute("action", "redeem");
    for (payer, voucher, owed) in due {
        let shares = book.shares(&voucher.content, Some(&voucher.host))?;
        let coin = Coin::new(owed, &voucher.denom);
        response = add(response, &voucher.content, Some(&voucher.host), coin, shares).add_attribute("payer", payer);
    }
    Ok(response)
}

/// What a voucher adds to what was paid, taken from its payer's escrow.
fn book(storage: &mut dyn Storage, payer: &Addr, voucher: &Voucher) -> Result<Uint128, ContractError> {
    let Voucher { content, host, denom, total, .. } = voucher;
    let key = (payer, denom.as_str(), (content.as_str(), host.as_str()));
    let before = REDEEMED.may_load(storage, key)?.unwrap_or_default();
    let owed = total.checked_sub(before).unwrap_or_default();
    if owed.is_zero() {
        return Err(StdError::msg(format!("it promises {total}, and {before} was paid already")).into());
    }
    let have = of(storage, payer, denom)?;
    let rest = have.checked_sub(owed).map_err(|_| short(have, owed))?;
    ESCROW.save(storage, (payer, denom), &rest)?;
    REDEEMED.save(storage, key, total)?;
    let paid = PAID.may_load(storage, (payer, denom))?.unwrap_or_default();
    PAID.save(storage, (payer, denom), &paid.checked_add(owed).map_err(StdError::from)?)?;
    Ok(owed)
}

/// What a payer keeps here.
pub fn held(deps: Deps<LeitherQuery>, who: &str, denom: &str) -> StdResult<EscrowAnswer> {
    let who = deps.api.addr_validate(who)?;
    let leaving = LEAVING.may_load(deps.storage, (&who, denom))?;
    Ok(EscrowAnswer {
        held: of(deps.storage, &who, denom)?,
        leaving: leaving.as_ref().map(|l| l.amount).unwrap_or_default(),
        from: leaving.map(|l| l.from),
        paid: PAID.may_load(deps.storage, (&who, denom))?.unwrap_or_default(),
    })
}

/// What vouchers have paid.
pub fn redeemed(deps: Deps<LeitherQuery>, who: &str, content: &str, host: &str, denom: &str) -> StdResult<RedeemedAnswer> {
    let who = deps.api.addr_validate(who)?;
    let total = REDEEMED.may_load(deps.storage, (&who, denom, (content, host)))?.unwrap_or_default();
    Ok(RedeemedAnswer { total })
}

use crate::Answer;
use crate::error::ContractError;
use crate::msg::{EscrowAnswer, RedeemedAnswer};
use crate::state::{CONFIG, ESCROW, LEAVING, Leaving, PAID, REDEEMED};
use crate::value::{Book, add};
use cosmwasm_std::{Addr, BankMsg, Coin, Deps, DepsMut, Env, MessageInfo, Response, StdError, StdResult, Storage, Uint128};
use leither_sdk::{LeitherQuery, Voucher, now_ms, signer_of};

const VOUCHERS_MAX: usize = 25;
/// Of less, rounding would give the first payee more than its share is worth.
const LEAST: Uint128 = Uint128::new(10_000);

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
        // What was announced was said of what was there.
        LEAVING.remove(deps.storage, (&info.sender, &coin.denom))?;
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
    let (now, notice) = (now_ms(env), CONFIG.load(deps.storage)?.notice_ms);
    // No longer than the notice: else who announced once could take all back before anybody redeems, at any time.
    let is_due = |leaving: &Leaving| leaving.from <= now && now < leaving.from.saturating_add(notice);
    let leaving = LEAVING.may_load(deps.storage, key)?.filter(is_due);
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

/// Each pays what it promises beyond what was paid before. One that promises no more is passed over: anybody may have redeemed it. One that is
/// wrong refuses all.
pub fn redeem(deps: &mut DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, vouchers: &[Voucher]) -> Answer {
    if !info.funds.is_empty() {
        return Err(ContractError::NotPayable);
    }
    if vouchers.is_empty() || vouchers.len() > VOUCHERS_MAX {
        return Err(ContractError::Vouchers);
    }
    let config = CONFIG.load(deps.storage)?;
    let (mut due, mut paid_already) = (Vec::new(), None);
    for (place, voucher) in vouchers.iter().enumerate() {
        let wrong = |why: String| ContractError::Voucher { place, why };
        let text = voucher.text(&env.block.chain_id, env.contract.address.as_str());
        let payer = signer_of(deps.api, &text, &voucher.signature, &voucher.key).map_err(|e| wrong(e.to_string()))?;
        deps.api.addr_validate(&voucher.host).map_err(|e| wrong(e.to_string()))?;
        match book(deps.storage, &payer, voucher).map_err(|e| wrong(e.to_string()))? {
            Some(owed) => due.push((payer, voucher, owed)),
            None => paid_already = Some(place),
        }
    }
    if let (Some(place), true) = (paid_already, due.is_empty()) {
        return Err(ContractError::Voucher { place, why: "what it promises was paid already".into() });
    }
    let mut book = Book::new(deps.as_ref(), config);
    let mut response = Response::new().add_attribute("action", "redeem");
    for (payer, voucher, owed) in due {
        let shares = book.shares(&voucher.content, Some(&voucher.host))?;
        let coin = Coin::new(owed, &voucher.denom);
        response = add(response, &voucher.content, Some(&voucher.host), &payer, coin, shares);
    }
    Ok(response)
}

/// What a voucher adds to what was paid, taken from its payer's escrow.
fn book(storage: &mut dyn Storage, payer: &Addr, voucher: &Voucher) -> Result<Option<Uint128>, ContractError> {
    let Voucher { content, host, denom, total, .. } = voucher;
    let key = (payer, denom.as_str(), (content.as_str(), host.as_str()));
    let before = REDEEMED.may_load(storage, key)?.unwrap_or_default();
    let owed = total.checked_sub(before).unwrap_or_default();
    if owed.is_zero() {
        return Ok(None);
    }
    if owed < LEAST {
        return Err(StdError::msg(format!("it promises {owed} more: {LEAST} is the least")).into());
    }
    let have = of(storage, payer, denom)?;
    let rest = have.checked_sub(owed).map_err(|_| short(have, owed))?;
    ESCROW.save(storage, (payer, denom), &rest)?;
    REDEEMED.save(storage, key, total)?;
    let paid = PAID.may_load(storage, (payer, denom))?.unwrap_or_default();
    PAID.save(storage, (payer, denom), &paid.checked_add(owed).map_err(StdError::from)?)?;
    Ok(Some(owed))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Config;
    use cosmwasm_std::testing::{MockApi, MockQuerier, MockStorage, message_info, mock_env};
    use cosmwasm_std::{OwnedDeps, Timestamp};
    use std::marker::PhantomData;

    type Stage = OwnedDeps<MockStorage, MockApi, MockQuerier<LeitherQuery>, LeitherQuery>;

    fn stage() -> Stage {
        let querier = MockQuerier::new(&[]);
        let mut deps =
            OwnedDeps { storage: MockStorage::new(), api: MockApi::default(), querier, custom_query_type: PhantomData };
        let config = Config {
            org: "lthorg1".into(),
            treasury: Addr::unchecked("treasury"),
            steps: Vec::new(),
            notice_ms: 60_000,
            ads: None,
        };
        CONFIG.save(&mut deps.storage, &config).unwrap();
        deps
    }

    fn at(ms: u64) -> Env {
        let mut env = mock_env();
        env.block.time = Timestamp::from_nanos(ms * 1_000_000);
        env
    }

    fn held(stage: &Stage, who: &Addr) -> u128 {
        of(&stage.storage, who, "nmei").unwrap().u128()
    }

    #[test]
    fn an_escrow_is_taken_back_after_its_notice_and_no_longer_than_that_lasted() {
        let mut stage = stage();
        let who = stage.api.addr_make("payer");
        let paid = message_info(&who, &[Coin::new(100u128, "nmei")]);
        let free = message_info(&who, &[]);
        deposit(stage.as_mut(), &paid).unwrap();
        let part = || Coin::new(60u128, "nmei");
        assert!(matches!(
            withdraw(stage.as_mut(), &at(0), &free, Coin::new(101u128, "nmei")),
            Err(ContractError::Escrow { .. })
        ));
        assert!(matches!(withdraw(stage.as_mut(), &at(0), &paid, part()), Err(ContractError::NotPayable)));
        withdraw(stage.as_mut(), &at(1_000), &free, part()).unwrap();
        for early_or_late in [60_999, 121_000] {
            assert!(matches!(take(stage.as_mut(), &at(early_or_late), &free, "nmei"), Err(ContractError::Notice)));
        }
        let answer = take(stage.as_mut(), &at(61_000), &free, "nmei").unwrap();
        assert_eq!((answer.messages.len(), held(&stage, &who)), (1, 40));
        assert!(matches!(take(stage.as_mut(), &at(61_000), &free, "nmei"), Err(ContractError::Notice)), "once");
        // What vouchers have taken since is not there to be taken back, and a deposit ends the notice.
        withdraw(stage.as_mut(), &at(1_000), &free, Coin::new(40u128, "nmei")).unwrap();
        deposit(stage.as_mut(), &paid).unwrap();
        assert!(matches!(take(stage.as_mut(), &at(61_000), &free, "nmei"), Err(ContractError::Notice)));
        assert_eq!(held(&stage, &who), 140);
    }
}

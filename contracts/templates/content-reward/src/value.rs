use crate::Answer;
use crate::error::ContractError;
use crate::msg::{By, Recorded, SharesAnswer, Step};
use crate::state::{CONFIG, Config, RECORDED};
use cosmwasm_std::{Addr, Coin, Deps, Event, MessageInfo, Response, StdResult};
use leither_sdk::{Leither, LeitherMsg, LeitherQuery, Share, Source, add_share, divide_bp};
use std::collections::BTreeMap;

/// A value event with its money.
pub fn paid(deps: Deps<LeitherQuery>, info: &MessageInfo, content: &str, host: Option<&str>) -> Answer {
    if info.funds.is_empty() {
        return Err(ContractError::NoMoney);
    }
    let shares = Book::new(deps, CONFIG.load(deps.storage)?).shares(content, host)?;
    let one = |response, coin: &Coin| add(response, content, host, &info.sender, coin.clone(), shares.clone());
    Ok(info.funds.iter().fold(Response::new(), one))
}

/// The message that pays, and a word of it.
pub fn add(
    response: Response<LeitherMsg>,
    content: &str,
    host: Option<&str>,
    payer: &Addr,
    coin: Coin,
    shares: Vec<Share>,
) -> Response<LeitherMsg> {
    response
        .add_event(
            Event::new("value")
                .add_attribute("content", content)
                .add_attribute("host", host.unwrap_or_default())
                .add_attribute("coin", coin.to_string())
                .add_attribute("payer", payer),
        )
        .add_message(LeitherMsg::Split { coin, shares, from: Source::Own })
}

/// What a value event would pay now.
pub fn preview(deps: Deps<LeitherQuery>, content: &str, host: Option<&str>) -> StdResult<SharesAnswer> {
    Ok(SharesAnswer { shares: Book::new(deps, CONFIG.load(deps.storage)?).shares(content, host)? })
}

/// Reckons shares; each member is asked after once.
pub struct Book<'a> {
    deps: Deps<'a, LeitherQuery>,
    config: Config,
    /// By account: its roles as a bit each.
    roles: BTreeMap<String, u8>,
}

impl<'a> Book<'a> {
    pub fn new(deps: Deps<'a, LeitherQuery>, config: Config) -> Self {
        Self { deps, config, roles: BTreeMap::new() }
    }

    /// One whole, in the order of the steps: the first gets what no share divides.
    pub fn shares(&mut self, content: &str, host: Option<&str>) -> StdResult<Vec<Share>> {
        let recorded = RECORDED.may_load(self.deps.storage, content)?.unwrap_or_default();
        let steps = self.config.steps.clone();
        let mut shares = Vec::new();
        let mut unpaid = 0;
        for step in &steps {
            let payees = self.payees(step, &recorded, host)?;
            if payees.is_empty() {
                unpaid += step.bp;
                continue;
            }
            let weights: Vec<u32> = payees.iter().map(|(_, weight)| *weight).collect();
            for ((who, _), bp) in payees.iter().zip(divide_bp(step.bp, &weights)) {
                add_share(&mut shares, who, bp);
            }
        }
        if unpaid > 0 {
            add_share(&mut shares, self.config.treasury.as_str(), unpaid);
        }
        Ok(shares)
    }

    /// Those who did the step and still are members in its role.
    fn payees(&mut self, step: &Step, recorded: &[Recorded], host: Option<&str>) -> StdResult<Vec<(String, u32)>> {
        let named: Vec<(String, u32)> = match &step.by {
            By::Fixed { payees } => payees.iter().map(|payee| (payee.who.clone(), payee.weight)).collect(),
            By::Content {} => {
                let of_step = recorded.iter().filter(|r| r.step == step.name);
                of_step.map(|r| (r.who.to_string(), r.weight)).collect()
            }
            By::Host {} => host.map(|host| (host.to_string(), 1)).into_iter().collect(),
        };
        let mut payees = Vec::new();
        for (who, weight) in named {
            if self.has_role(&who, step)? {
                payees.push((who, weight));
            }
        }
        Ok(payees)
    }

    fn has_role(&mut self, who: &str, step: &Step) -> StdResult<bool> {
        let known = self.roles.get(who).copied();
        let roles = match known {
            Some(roles) => roles,
            None => {
                let member = Leither::new(&self.deps.querier).member(&self.config.org, who)?;
                let roles = member.roles.iter().fold(0, |bits, role| bits | 1 << *role as u8);
                self.roles.insert(who.into(), roles);
                roles
            }
        };
        Ok(roles & 1 << step.role as u8 != 0)
    }
}

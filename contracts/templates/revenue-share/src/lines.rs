use crate::error::ContractError;
use crate::msg::{Config, Line, To, Weigh};
use cosmwasm_std::{Addr, Api, Deps, StdError, Uint128};
use leither_sdk::{Leither, LeitherQuery, Role, SHARES_MAX, Share, add_share, are_names, are_payees, divide_bp, is_whole};

const LINES_MAX: usize = 16;
const PAYEES_MAX: usize = 32;
const MEMBERS_MAX: usize = 48;
/// Members of an organization that are looked through for a role.
const LOOKED_AT_MAX: u32 = 2_000;

/// What an income is divided by.
pub struct Division {
    /// One whole.
    pub shares: Vec<Share>,
    /// What of it is the unit holders': the contract's own share.
    pub holders_bp: u16,
}

/// Lines that make sense together.
pub fn checked(api: &dyn Api, lines: Vec<Line>) -> Result<Vec<Line>, ContractError> {
    let to_holders = lines.iter().filter(|line| line.to == To::Holders {}).count();
    if !are_names(lines.iter().map(|line| line.name.as_str()), LINES_MAX) || to_holders > 1 {
        return Err(ContractError::Lines);
    }
    if !is_whole(lines.iter().map(|line| &line.bp)) {
        return Err(ContractError::Shares { sum: lines.iter().map(|line| u32::from(line.bp)).sum() });
    }
    for line in &lines {
        let To::Payees { payees, .. } = &line.to else { continue };
        if !are_payees(api, payees, PAYEES_MAX)? {
            return Err(ContractError::Payees { line: line.name.clone() });
        }
    }
    Ok(lines)
}

/// Who gets what now. The unit holders' part comes last: what no share divides is the first one's.
pub fn division(deps: Deps<LeitherQuery>, config: &Config, me: &Addr) -> Result<Division, ContractError> {
    let mut shares = Vec::new();
    let (mut holders_bp, mut treasury) = (0, 0);
    for line in &config.lines {
        let payees = match &line.to {
            To::Payees { role, payees } => {
                let mut paid = Vec::new();
                for payee in payees {
                    if has_role(deps, config, &payee.who, *role)? {
                        paid.push((payee.who.clone(), payee.weight));
                    }
                }
                paid
            }
            To::Role { role, by } => members(deps, config, line, *role, *by)?,
            To::Holders {} => {
                holders_bp = line.bp;
                continue;
            }
            To::Treasury {} => Vec::new(),
        };
        let weights: Vec<u32> = payees.iter().map(|(_, weight)| *weight).collect();
        if weights.iter().all(|weight| *weight == 0) {
            treasury += line.bp;
            continue;
        }
        for ((who, _), bp) in payees.iter().zip(divide_bp(line.bp, &weights)) {
            add_share(&mut shares, who, bp);
        }
    }
    if treasury > 0 {
        add_share(&mut shares, config.treasury.as_str(), treasury);
    }
    if holders_bp > 0 {
        add_share(&mut shares, me.as_str(), holders_bp);
    }
    if shares.len() > SHARES_MAX {
        return Err(ContractError::Shared);
    }
    Ok(Division { shares, holders_bp })
}

fn has_role(deps: Deps<LeitherQuery>, config: &Config, who: &str, role: Option<Role>) -> Result<bool, ContractError> {
    match role {
        Some(role) => Ok(Leither::new(&deps.querier).member(&config.org, who)?.has(role)),
        None => Ok(true),
    }
}

fn members(
    deps: Deps<LeitherQuery>,
    config: &Config,
    line: &Line,
    role: Role,
    by: Weigh,
) -> Result<Vec<(String, u32)>, ContractError> {
    let chain = Leither::new(&deps.querier);
    // Each page of 30 is paid for: of more than this a call's gas would come to its end.
    if chain.org(&config.org)?.members > LOOKED_AT_MAX {
        return Err(ContractError::TooLarge { line: line.name.clone() });
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = chain.members(&config.org, Some(role), after)?;
        found.extend(page.members.into_iter().map(|row| row.who));
        if found.len() > MEMBERS_MAX {
            return Err(ContractError::TooMany { line: line.name.clone() });
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    match by {
        Weigh::Heads => Ok(found.into_iter().map(|who| (who, 1)).collect()),
        Weigh::Units => {
            let mut held = Vec::new();
            for who in &found {
                let coin = deps.querier.query_balance(who, &config.denom)?;
                held.push(Uint128::try_from(coin.amount).map_err(StdError::from)?.u128());
            }
            let shift = shift(held.iter().copied().max().unwrap_or(0));
            // Brought below 2^32 together: the greatest keeps 32 bits.
            Ok(found.into_iter().zip(held.into_iter().map(|units| (units >> shift) as u32)).collect())
        }
    }
}

/// How far amounts are shifted so that the greatest has 32 bits at most.
fn shift(most: u128) -> u32 {
    (u128::BITS - most.leading_zeros()).saturating_sub(u32::BITS)
}

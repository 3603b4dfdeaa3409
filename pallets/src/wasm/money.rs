//! What money is called in contracts, and how it moves with their messages.

use super::gas::{PAYMENT_GAS, payment};
use super::run::{Go, Halt, Run};
use super::{Coin, Error};
use crate::{accounts, tokens};
use leither_types::{AccountId, Amount, TokenId};
use leither_vm::abi;
use std::collections::BTreeMap;

/// The native token's smallest unit.
const NATIVE: &str = "nmei";

/// A token as contracts name it.
pub fn denom(token: &TokenId) -> String {
    if *token == TokenId::NATIVE { NATIVE.into() } else { token.to_string() }
}

/// The token of a name, if it is written as [`denom`] writes it.
pub fn token(denom: &str) -> Option<TokenId> {
    if denom == NATIVE {
        return Some(TokenId::NATIVE);
    }
    denom.parse().ok().filter(|token: &TokenId| *token != TokenId::NATIVE && token.to_string() == denom)
}

/// Each token once, and some of it.
pub fn is_sound(coins: &[Coin]) -> bool {
    coins
        .iter()
        .enumerate()
        .all(|(n, coin)| !coin.amount.is_zero() && coins.iter().take(n).all(|other| other.token != coin.token))
}

/// What a contract's message says of money.
pub fn coins(written: &[abi::Coin]) -> Go<Vec<Coin>> {
    let coin = |coin: &abi::Coin| Some(Coin { token: token(&coin.denom)?, amount: Amount::new(coin.amount.0) });
    // As wasmd adds them up: nothing of a kind is left out, twice of one is one sum, and they are in the order of their names.
    let mut sums: BTreeMap<String, Coin> = BTreeMap::new();
    for written in written {
        let coin = coin(written).ok_or(Error::Funds)?;
        let sum = sums.entry(written.denom.clone()).or_insert(Coin { amount: Amount::ZERO, ..coin });
        sum.amount = sum.amount.plus(coin.amount).ok_or(accounts::Error::Overflow).map_err(Halt::refused)?;
    }
    Ok(sums.into_values().filter(|coin| !coin.amount.is_zero()).collect())
}

/// As contracts are told, in the order of the names.
pub fn written(coins: &[Coin]) -> Vec<abi::Coin> {
    let mut written: Vec<abi::Coin> =
        coins.iter().map(|coin| abi::Coin { denom: denom(&coin.token), amount: abi::Number(coin.amount.0) }).collect();
    written.sort_by(|a, b| a.denom.cmp(&b.denom));
    written
}

impl Run<'_, '_> {
    /// From what is free. To oneself nothing moves, but it has to be there.
    pub fn pay(&mut self, from: &AccountId, to: &AccountId, coins: &[Coin]) -> Go<()> {
        for coin in coins {
            self.charge(payment(&coin.token))?;
            if from == to {
                let have = self.ctx.state.holding(&coin.token, from)?.free;
                if have < coin.amount {
                    return Err(Halt::refused(accounts::Error::Short { have, need: coin.amount }));
                }
                continue;
            }
            tokens::pay(self.ctx, &coin.token, from, to, coin.amount)?;
        }
        Ok(())
    }

    /// For good.
    pub fn burn(&mut self, from: &AccountId, coins: &[Coin]) -> Go<()> {
        for coin in coins {
            self.charge(PAYMENT_GAS)?;
            tokens::burn(self.ctx, &coin.token, from, coin.amount)?;
        }
        Ok(())
    }
}

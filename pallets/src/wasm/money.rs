//! What money is called in contracts, and how it moves with their messages.

use super::gas::PAYMENT_GAS;
use super::run::{Go, Halt, Run};
use super::{Coin, Error};
use crate::{accounts, tokens};
use leither_types::{AccountId, Amount, TokenId};
use leither_vm::abi;

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
    let coins: Option<Vec<Coin>> = written.iter().map(coin).collect();
    coins.filter(|coins| is_sound(coins)).ok_or(Halt::refused(Error::Funds))
}

/// As contracts are told.
pub fn written(coins: &[Coin]) -> Vec<abi::Coin> {
    coins.iter().map(|coin| abi::Coin { denom: denom(&coin.token), amount: abi::Number(coin.amount.0) }).collect()
}

impl Run<'_, '_> {
    /// From what is free. To oneself nothing moves, but it has to be there.
    pub fn pay(&mut self, from: &AccountId, to: &AccountId, coins: &[Coin]) -> Go<()> {
        for coin in coins {
            self.charge(PAYMENT_GAS)?;
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

//! What is known of tokens.

use super::dividends::{self, Index};
use super::{Accrual, Symbol, TokenInfo, keys};
use leither_state::{Fault, Holding, Overlay, Read};
use leither_types::{AccountId, Amount, TokenId};

/// A token in a committed state.
pub fn token(state: &dyn Read, id: &TokenId) -> Result<Option<TokenInfo>, Fault> {
    keys::TOKEN.read(state, id)
}

/// A token under construction.
pub fn info(state: &Overlay, id: &TokenId) -> Result<Option<TokenInfo>, Fault> {
    keys::TOKEN.get(state, id)
}

/// Which token has this symbol.
pub fn by_symbol(state: &dyn Read, symbol: &str) -> Result<Option<TokenId>, Fault> {
    match Symbol::new(symbol) {
        Some(symbol) => keys::SYMBOL.read(state, &symbol),
        None => Ok(None),
    }
}

/// What `holder` could claim of `income` for its units of `token`, in smallest units of the income token.
pub fn claimable(state: &dyn Read, token: &TokenId, holder: &AccountId, income: &TokenId) -> Result<Amount, Fault> {
    // TOKENS-5.
    let org = keys::TOKEN.read(state, token)?.and_then(|info| info.org);
    if org.is_some_and(|org| org.treasury() == *holder) || keys::POT.read(state, holder)?.is_some() {
        return Ok(Amount::ZERO);
    }
    let index = keys::INDEX.read(state, &(*token, *income))?.unwrap_or_default();
    let accrual = keys::ACCRUAL.read(state, &(*token, *holder, *income))?.unwrap_or_else(Accrual::default);
    whole(&accrual, &index, &state.holding(token, holder)?.unwrap_or_default())
}

/// Whole units that have accrued to a holding.
fn whole(accrual: &Accrual, index: &Index, holding: &Holding) -> Result<Amount, Fault> {
    let units = holding.total().ok_or_else(|| Fault::Corrupt("a holding beyond 128 bits".into()))?;
    dividends::settled(accrual, index, units).map(|a| a.whole())
}

/// The same in a state under construction.
pub(crate) fn claimable_now(state: &Overlay, token: &TokenId, holder: &AccountId, income: &TokenId) -> Result<Amount, Fault> {
    let org = keys::TOKEN.get(state, token)?.and_then(|info| info.org);
    if org.is_some_and(|org| org.treasury() == *holder) || dividends::is_pot(state, holder)? {
        return Ok(Amount::ZERO);
    }
    let index = keys::INDEX.get(state, &(*token, *income))?.unwrap_or_default();
    let accrual = keys::ACCRUAL.get(state, &(*token, *holder, *income))?.unwrap_or_default();
    whole(&accrual, &index, &state.holding(token, holder)?)
}

/// The record's key behind a token, for a proof.
pub fn token_key(id: &TokenId) -> Vec<u8> {
    keys::TOKEN.key(id)
}

/// Every income token that has ever moved an index of `token`.
pub fn incomes(state: &dyn Read, token: &TokenId) -> Result<Vec<TokenId>, Fault> {
    Ok(keys::INDEX
        .list(state, token, None, dividends::INCOMES_MAX)?
        .into_iter()
        .map(|((_, income), _)| income)
        .collect())
}

/// Whether holders are being paid, page by page.
pub fn has_push(state: &dyn Read) -> Result<bool, Fault> {
    Ok(!keys::PUSH.list(state, &(), None, 1)?.is_empty())
}

/// Where income waits to be claimed: an account that nobody has a key to.
pub fn pot(token: &TokenId) -> AccountId {
    dividends::pot(token)
}

/// What a unit has earned in each income token, times 2^128, as a decimal number.
pub fn indices(state: &dyn Read, token: &TokenId) -> Result<Vec<(TokenId, String)>, Fault> {
    Ok(keys::INDEX
        .list(state, token, None, 16)?
        .into_iter()
        .map(|((_, income), index)| (income, index.decimal()))
        .collect())
}

/// Ids of tokens under construction, in order.
pub fn ids(state: &Overlay, after: Option<&TokenId>, limit: usize) -> Result<Vec<TokenId>, Fault> {
    Ok(keys::TOKEN.scan(state, &(), after, limit)?.into_iter().map(|(id, _)| id).collect())
}

/// Tokens in id order.
pub fn tokens(state: &dyn Read, after: Option<&TokenId>, limit: usize) -> Result<Vec<(TokenId, TokenInfo)>, Fault> {
    keys::TOKEN.list(state, &(), after, limit)
}

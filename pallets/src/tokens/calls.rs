use super::types::is_symbol;
use super::{Error, Event, TokenInfo, dividends, keys};
use crate::{Ctx, Stop, accounts};
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Amount, SUPPLY_MAX, Text, TokenId, Weight};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// What can be done with tokens.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Pays from the actor's free units.
    #[codec(index = 0)]
    Transfer {
        /// Which token.
        token: TokenId,
        /// To whom.
        to: AccountId,
        /// How many smallest units, at least 1.
        amount: Amount,
        /// For the reader; at most 128 bytes.
        memo: Text<128>,
    },
    /// Destroys free units of the actor.
    #[codec(index = 1)]
    Burn {
        /// Which token.
        token: TokenId,
        /// How many smallest units, at least 1.
        amount: Amount,
    },
}

impl Call {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Call::Transfer { amount, .. } | Call::Burn { amount, .. } if amount.is_zero() => Err(Error::Nothing),
            _ => Ok(()),
        }
    }

    pub(crate) fn weight(&self) -> Weight {
        match self {
            Call::Transfer { token: TokenId::NATIVE, .. } => 10_000,
            // Dividends of both sides are settled in up to four income tokens.
            Call::Transfer { .. } => 60_000,
            Call::Burn { .. } => 40_000,
        }
    }
}

/// Does a call.
pub fn apply(ctx: &mut Ctx<'_>, call: &Call) -> Result<(), Stop> {
    let actor = ctx.actor();
    match call {
        Call::Transfer { token, to, amount, .. } => pay(ctx, token, &actor, to, *amount),
        Call::Burn { token, amount } => burn(ctx, token, &actor, *amount),
    }
}

/// TOKENS-2: moves free units; dividends of both sides are settled first (TOKENS-4).
pub fn pay(ctx: &mut Ctx<'_>, token: &TokenId, from: &AccountId, to: &AccountId, amount: Amount) -> Result<(), Stop> {
    if amount.is_zero() {
        return Err(Error::Nothing.into());
    }
    if from == to {
        return Err(Error::ToSelf.into());
    }
    if *token == TokenId::NATIVE {
        accounts::take(ctx.state, token, from, amount)?;
        accounts::add(ctx.state, token, to, amount)?;
    } else {
        move_units(ctx, token, from, to, amount)?;
    }
    ctx.emit(Event::Transferred { token: *token, from: *from, to: *to, amount });
    Ok(())
}

/// An organization's units change hands. Nobody pays out of a pot but a claim, so only what goes into one is counted here (TOKENS-5).
fn move_units(ctx: &mut Ctx<'_>, token: &TokenId, from: &AccountId, to: &AccountId, amount: Amount) -> Result<(), Stop> {
    let mut info = keys::TOKEN.get(ctx.state, token)?.ok_or(Error::Unknown)?;
    dividends::settle(ctx.state, token, &info, from)?;
    dividends::settle(ctx.state, token, &info, to)?;
    accounts::take(ctx.state, token, from, amount)?;
    accounts::add(ctx.state, token, to, amount)?;
    dividends::forget(ctx.state, token, from)?;
    if dividends::is_pot(ctx.state, to)? {
        info.waiting = info.waiting.plus(amount).ok_or_else(broken)?;
        keys::TOKEN.put(ctx.state, token, &info);
    }
    Ok(())
}

/// Destroys free units.
pub(crate) fn burn(ctx: &mut Ctx<'_>, token: &TokenId, from: &AccountId, amount: Amount) -> Result<(), Stop> {
    let mut info = keys::TOKEN.get(ctx.state, token)?.ok_or(Error::Unknown)?;
    dividends::settle(ctx.state, token, &info, from)?;
    accounts::take(ctx.state, token, from, amount)?;
    dividends::forget(ctx.state, token, from)?;
    info.burned = info.burned.plus(amount).ok_or_else(broken)?;
    keys::TOKEN.put(ctx.state, token, &info);
    ctx.emit(Event::Burned { token: *token, from: *from, amount });
    Ok(())
}

/// TOKENS-1: makes units. Who may, for what reason and with what evidence, the caller has settled and recorded.
pub(crate) fn issue(ctx: &mut Ctx<'_>, token: &TokenId, to: &AccountId, amount: Amount) -> Result<(), Stop> {
    if amount.is_zero() {
        return Err(Error::Nothing.into());
    }
    let mut info = keys::TOKEN.get(ctx.state, token)?.ok_or(Error::Unknown)?;
    dividends::settle(ctx.state, token, &info, to)?;
    // What was ever issued stays below the cap, too: the index arithmetic of dividends rests on it.
    info.issued = info.issued.plus(amount).filter(|sum| *sum <= SUPPLY_MAX).ok_or(Error::SupplyFull)?;
    accounts::add(ctx.state, token, to, amount)?;
    keys::TOKEN.put(ctx.state, token, &info);
    ctx.emit(Event::Issued { token: *token, to: *to, amount });
    Ok(())
}

/// TOKENS-7: names an organization's new token.
pub(crate) fn create(ctx: &mut Ctx<'_>, token: &TokenId, info: &TokenInfo) -> Result<(), Stop> {
    if !is_symbol(&info.symbol) {
        return Err(Error::SymbolForm.into());
    }
    if keys::SYMBOL.has(ctx.state, &info.symbol)? {
        return Err(Error::SymbolTaken.into());
    }
    keys::SYMBOL.put(ctx.state, &info.symbol, token);
    keys::POT.put(ctx.state, &dividends::pot(token), token);
    keys::TOKEN.put(ctx.state, token, info);
    Ok(())
}

/// The native token at genesis.
pub(crate) fn begin(state: &mut Overlay, issued: Amount) -> Option<()> {
    let symbol = Text::new("mei")?;
    let info = TokenInfo { org: None, symbol: symbol.clone(), decimals: 9, issued, burned: Amount::ZERO, waiting: Amount::ZERO };
    keys::SYMBOL.put(state, &symbol, &TokenId::NATIVE);
    keys::TOKEN.put(state, &TokenId::NATIVE, &info);
    Some(())
}

/// Books units of `mei` as burned that were already taken from payers: the burnt part of a block's fees.
pub(crate) fn burn_fee(state: &mut Overlay, amount: Amount) -> Result<(), Fault> {
    let mut info = keys::TOKEN.get(state, &TokenId::NATIVE)?.ok_or_else(broken)?;
    info.burned = info.burned.plus(amount).ok_or_else(broken)?;
    keys::TOKEN.put(state, &TokenId::NATIVE, &info);
    Ok(())
}

/// Locks or unlocks units for a vote. The total stays, so no dividend has to be settled.
pub(crate) fn change_locked(ctx: &mut Ctx<'_>, token: &TokenId, of: &AccountId, amount: Amount, lock: bool) -> Result<(), Stop> {
    if lock { accounts::lock(ctx.state, token, of, amount) } else { Ok(accounts::unlock(ctx.state, token, of, amount)?) }
}

fn broken() -> Fault {
    Fault::Corrupt("a token's totals do not fit".into())
}

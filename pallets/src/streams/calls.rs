use super::types::{AWAY_MS_MAX, OPEN_MAX};
use super::{Error, Event, Stream, Terms, keys};
use crate::{Ctx, Origin, Stop, accounts, tokens};
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Amount, TokenId, Weight};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// What a record's deposit counts beside the record: its places in two lists.
const LISTED_BYTES: usize = 2 * 30;

/// What can be done with streams.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// STREAM-1: locks units of the actor, to be paid over time.
    #[codec(index = 0)]
    Open(Terms),
    /// STREAM-3: pays the payee what is due; anybody may cause it.
    #[codec(index = 1)]
    Draw {
        /// Its number.
        #[serde(with = "leither_types::json::decimal")]
        stream: u64,
    },
    /// STREAM-4: pays what is due, and frees the rest.
    #[codec(index = 2)]
    Cancel {
        /// Its number.
        #[serde(with = "leither_types::json::decimal")]
        stream: u64,
    },
}

impl Call {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Call::Open(terms) => terms.check(),
            Call::Draw { .. } | Call::Cancel { .. } => Ok(()),
        }
    }

    pub(crate) fn weight(&self) -> Weight {
        match self {
            // Record, two lists, counters, two locks.
            Call::Open(_) => 150_000,
            // A payment of units, whose dividends are settled; perhaps the last.
            Call::Draw { .. } | Call::Cancel { .. } => 150_000,
        }
    }
}

/// Does a call.
pub fn apply(ctx: &mut Ctx<'_>, call: &Call) -> Result<(), Stop> {
    match call {
        Call::Open(terms) => {
            let opener = ctx.actor();
            open(ctx, terms, &opener, &opener)
        }
        Call::Draw { stream } => draw(ctx, *stream),
        Call::Cancel { stream } => cancel(ctx, *stream),
    }
}

/// STREAM-1: locks free units of `opener`, and the record's deposit of `depositor`. Who may, the caller has settled.
pub(crate) fn open(ctx: &mut Ctx<'_>, terms: &Terms, opener: &AccountId, depositor: &AccountId) -> Result<(), Stop> {
    terms.check()?;
    let now = ctx.block.time;
    if terms.start.abs_diff(now) > AWAY_MS_MAX || terms.end <= now {
        return Err(Error::Away.into());
    }
    if terms.to == *opener && !terms.is_fixed {
        return Err(Error::OwnNotFixed.into());
    }
    let count = keys::COUNT.get(ctx.state, depositor)?.unwrap_or(0);
    let more = count.checked_add(1).filter(|more| *more <= OPEN_MAX).ok_or(Error::TooMany { max: OPEN_MAX })?;
    tokens::change_locked(ctx, &terms.token, opener, terms.amount, true)?;
    let last = keys::STREAMS.get(ctx.state)?.unwrap_or(0);
    let number = last.checked_add(1).ok_or_else(|| Fault::Corrupt("more streams than numbers".into()))?;
    let contract = match ctx.origin {
        Origin::Contract { contract, mandate: Some(_) } => Some(contract),
        _ => None,
    };
    let mut stream = Stream {
        opener: *opener,
        terms: terms.clone(),
        drawn: Amount::ZERO,
        depositor: *depositor,
        deposit: Amount::ZERO,
        contract,
        height: ctx.block.height,
        tx: ctx.tx.id,
    };
    let bytes = stream.encoded_size().saturating_add(LISTED_BYTES);
    stream.deposit = accounts::deposit(ctx.state, depositor, bytes, ctx.block.params.byte_deposit)?;
    keys::STREAMS.put(ctx.state, &number);
    keys::STREAM.put(ctx.state, &number, &stream);
    keys::BY_PAYEE.put(ctx.state, &(terms.to, number), &());
    keys::BY_OPENER.put(ctx.state, &(*opener, number), &());
    keys::COUNT.put(ctx.state, depositor, &more);
    ctx.emit(Event::Opened { stream: number, opener: *opener, to: terms.to, token: terms.token, amount: terms.amount });
    Ok(())
}

fn require(ctx: &Ctx<'_>, number: u64) -> Result<Stream, Stop> {
    keys::STREAM.get(ctx.state, &number)?.ok_or(Error::Unknown.into())
}

/// STREAM-3.
fn draw(ctx: &mut Ctx<'_>, number: u64) -> Result<(), Stop> {
    let mut stream = require(ctx, number)?;
    if stream.due(ctx.block.time).is_zero() {
        return Err(Error::NothingDue.into());
    }
    let left = pay_due(ctx, number, &mut stream)?;
    if left.is_zero() {
        return Ok(close(ctx.state, number, &stream)?);
    }
    keys::STREAM.put(ctx.state, &number, &stream);
    Ok(())
}

/// STREAM-4.
fn cancel(ctx: &mut Ctx<'_>, number: u64) -> Result<(), Stop> {
    let mut stream = require(ctx, number)?;
    require_end(ctx, &stream)?;
    let back = pay_due(ctx, number, &mut stream)?;
    tokens::change_locked(ctx, &stream.terms.token, &stream.opener, back, false)?;
    close(ctx.state, number, &stream)?;
    let by = ctx.actor();
    ctx.emit(Event::Cancelled { stream: number, opener: stream.opener, to: stream.terms.to, by, back });
    Ok(())
}

/// STREAM-4, STREAM-5, STREAM-7: who acts may end it.
fn require_end(ctx: &Ctx<'_>, stream: &Stream) -> Result<(), Error> {
    let who = ctx.actor();
    // A mandate neither renounces what the treasury is paid, nor ends what a vote has opened.
    let may = match ctx.origin {
        Origin::Contract { contract, mandate: Some(_) } => who == stream.opener && stream.contract == Some(contract),
        _ => who == stream.opener || who == stream.terms.to,
    };
    if !may {
        return Err(Error::NotAllowed);
    }
    if stream.is_own() || (stream.terms.is_fixed && who == stream.opener) { Err(Error::Fixed) } else { Ok(()) }
}

/// Pays what is due, if anything is, and says what is still locked.
fn pay_due(ctx: &mut Ctx<'_>, number: u64, stream: &mut Stream) -> Result<Amount, Stop> {
    let broken = || Fault::Corrupt(format!("stream {number} has paid more than it holds"));
    let (opener, to, token) = (stream.opener, stream.terms.to, stream.terms.token);
    let amount = stream.due(ctx.block.time);
    stream.drawn = stream.drawn.plus(amount).ok_or_else(broken)?;
    let left = stream.terms.amount.minus(stream.drawn).ok_or_else(broken)?;
    if !amount.is_zero() {
        tokens::change_locked(ctx, &token, &opener, amount, false)?;
        if !stream.is_own() {
            tokens::pay(ctx, &token, &opener, &to, amount)?;
        }
        ctx.emit(Event::Drawn { stream: number, opener, to, amount, left });
    }
    Ok(left)
}

/// The record goes, and the deposit comes back.
fn close(state: &mut Overlay, number: u64, stream: &Stream) -> Result<(), Fault> {
    keys::STREAM.remove(state, &number);
    keys::BY_PAYEE.remove(state, &(stream.terms.to, number));
    keys::BY_OPENER.remove(state, &(stream.opener, number));
    match keys::COUNT.get(state, &stream.depositor)?.unwrap_or(0).checked_sub(1) {
        None => return Err(Fault::Corrupt(format!("stream {number} is counted nowhere"))),
        Some(0) => keys::COUNT.remove(state, &stream.depositor),
        Some(count) => keys::COUNT.put(state, &stream.depositor, &count),
    }
    accounts::unlock(state, &TokenId::NATIVE, &stream.depositor, stream.deposit)
}

//! What is known of streams.

use super::{Event, Side, Stream, keys};
use leither_state::{Fault, Map, Overlay, Read};
use leither_types::AccountId;

/// An open stream of a committed state.
pub fn stream(state: &dyn Read, number: u64) -> Result<Option<Stream>, Fault> {
    keys::STREAM.read(state, &number)
}

/// One of a state under construction.
pub(crate) fn stream_now(state: &Overlay, number: u64) -> Result<Option<Stream>, Fault> {
    keys::STREAM.get(state, &number)
}

/// Somebody's open streams in the order of their numbers.
pub fn list(
    state: &dyn Read,
    side: Side,
    who: &AccountId,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, Stream)>, Fault> {
    let after = after.map(|number| (*who, number));
    let rows = index(side).list(state, who, after.as_ref(), limit)?;
    rows.into_iter().map(|((_, number), ())| there(number, stream(state, number)?)).collect()
}

/// The same of a state under construction.
pub(crate) fn list_now(
    state: &Overlay,
    side: Side,
    who: &AccountId,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, Stream)>, Fault> {
    let after = after.map(|number| (*who, number));
    let rows = index(side).scan(state, who, after.as_ref(), limit)?;
    rows.into_iter().map(|((_, number), ())| there(number, stream_now(state, number)?)).collect()
}

fn index(side: Side) -> Map<(AccountId, u64), ()> {
    match side {
        Side::Payee => keys::BY_PAYEE,
        Side::Opener => keys::BY_OPENER,
    }
}

fn there(number: u64, stream: Option<Stream>) -> Result<(u64, Stream), Fault> {
    let stream = stream.ok_or_else(|| Fault::Corrupt(format!("stream {number} is on a list, and gone")))?;
    Ok((number, stream))
}

/// How many open streams somebody has deposits for.
pub fn count(state: &dyn Read, depositor: &AccountId) -> Result<u32, Fault> {
    Ok(keys::COUNT.read(state, depositor)?.unwrap_or(0))
}

/// Whose history an event belongs to.
pub fn concerns(event: &Event) -> Vec<AccountId> {
    match event {
        Event::Opened { opener, to, .. } | Event::Drawn { opener, to, .. } => vec![*opener, *to],
        Event::Cancelled { opener, to, by, .. } => vec![*opener, *to, *by],
    }
}

//! Streams of contracts: their own, and within the mandate their organization's (STREAM-7, STREAM-8).

use super::custom::As;
use super::gas::{GAS_PER_WEIGHT, LOOKUP_GAS, RECORD_GAS};
use super::host::World;
use super::money;
use super::queries::{Answer, Meter, json};
use super::run::{Go, Halt, Run};
use crate::Call;
use crate::orgs::{self, Role};
use crate::streams::{self, Side, Stream, Terms};
use leither_types::{AccountId, Hash, Millis, Text};
use leither_vm::abi::custom::{Source, StreamAnswer, StreamsAnswer};
use leither_vm::abi::{QueryAnswer, Uint128};
use leither_vm::address_of;

/// Streams that one question looks at.
const STREAMS_PAGE: u32 = 30;

impl Run<'_, '_> {
    /// STREAM-7: of the treasury's money all of it is booked at once.
    pub fn open_stream(&mut self, contract: &AccountId, terms: Terms, from: Source) -> Go<()> {
        match from {
            Source::Own => self.call(contract, As::Itself, |_| Call::Streams(streams::Call::Open(terms))),
            Source::Treasury => {
                self.charge(RECORD_GAS.saturating_add(opening(&terms)))?;
                self.as_its_org(contract, |ctx, org| {
                    orgs::book_spending(ctx, &org, &terms.token, terms.amount)?;
                    streams::open(ctx, &terms, &org.treasury(), &org.treasury())
                })
            }
        }
    }

    /// STREAM-4, STREAM-7: a mandate's own are told apart by the pallet.
    pub fn cancel_stream(&mut self, contract: &AccountId, stream: u64, from: Source) -> Go<()> {
        let by = match from {
            Source::Own => As::Itself,
            Source::Treasury => As::ItsOrg,
        };
        self.call(contract, by, |_| Call::Streams(streams::Call::Cancel { stream }))
    }

    /// STREAM-8: issued as any (ORG-7, ORG-16), and locked in the same message. The receiver may have no `mei` at all.
    pub fn issue_vesting(&mut self, contract: &AccountId, terms: Terms, role: Role, reason: Text<128>, evidence: Hash) -> Go<()> {
        let (to, amount) = (terms.to, terms.amount);
        terms.check().map_err(Halt::refused)?;
        self.call(contract, As::ItsOrg, |org| Call::Orgs(orgs::Call::Issue { org, to, amount, role, reason, evidence }))?;
        self.charge(opening(&terms))?;
        self.as_its_org(contract, |ctx, org| streams::open(ctx, &terms, &to, &org.treasury()))
    }
}

/// WASM-10: what anybody pays for it.
fn opening(terms: &Terms) -> u64 {
    Call::Streams(streams::Call::Open(terms.clone())).weight().saturating_mul(GAS_PER_WEIGHT)
}

fn answered(number: u64, stream: &Stream, now: Millis) -> StreamAnswer {
    let terms = &stream.terms;
    StreamAnswer {
        stream: number,
        opener: stream.opener.to_string(),
        to: terms.to.to_string(),
        denom: money::denom(&terms.token),
        amount: Uint128::new(terms.amount.0),
        drawn: Uint128::new(stream.drawn.0),
        vested: Uint128::new(terms.vested(now).0),
        start: terms.start,
        cliff: terms.cliff,
        end: terms.end,
        step_ms: terms.step_ms,
        is_fixed: terms.is_fixed,
    }
}

/// One.
pub fn stream(world: &World, number: u64) -> Answer {
    match world.state.look(|state| streams::views::stream_now(state, number))? {
        Some(stream) => json(&answered(number, &stream, world.block.time)),
        None => Ok(QueryAnswer::Failed("there is no such stream".into())),
    }
}

/// Those of one side.
pub fn list(
    world: &World,
    (payee, opener): (Option<&str>, Option<&str>),
    after: Option<u64>,
    limit: Option<u32>,
    meter: &mut Meter,
) -> Answer {
    let (side, who) = match (payee, opener) {
        (Some(payee), None) => (Side::Payee, address_of(payee)),
        (None, Some(opener)) => (Side::Opener, address_of(opener)),
        _ => return Ok(QueryAnswer::Failed("a payee or an opener is named, one of the two".into())),
    };
    let Some(who) = who else { return Ok(QueryAnswer::Failed("there is no such account".into())) };
    let limit = limit.unwrap_or(STREAMS_PAGE).clamp(1, STREAMS_PAGE);
    // Its place on the list, and the record.
    meter.charge(LOOKUP_GAS.saturating_mul(2).saturating_mul(u64::from(limit)))?;
    let rows = world.state.look(|state| streams::views::list_now(state, side, &who, after, limit as usize))?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|(number, _)| *number);
    let streams = rows.iter().map(|(number, stream)| answered(*number, stream, world.block.time)).collect();
    json(&StreamsAnswer { streams, next })
}

//! stream_*: money that is paid over time.

use super::wallet::{page, place};
use super::{At, Node, fault};
use leither_pallets::streams::{self, Side, Stream};
use leither_rpc_api::*;
use leither_rpc_server::Answer;

impl Node {
    pub(super) fn stream(&self, at: &At, number: u64) -> Answer<StreamView> {
        let stream = streams::views::stream(&*at.state, number).map_err(fault)?;
        let unknown = || {
            let sentence = format!(
                "no stream {number} is open: all of it was drawn, it was ended, or there never was one; `account_getHistory` has what was paid"
            );
            ApiError::new(Reason::UnknownStream, sentence)
        };
        self.stream_view(at, number, &stream.ok_or_else(unknown)?)
    }

    pub(super) fn streams(&self, at: &At, ask: &ListStreams) -> Answer<Page<StreamView>> {
        let (side, who) = match (ask.payee, ask.opener) {
            (Some(payee), None) => (Side::Payee, payee.0),
            (None, Some(opener)) => (Side::Opener, opener.0),
            _ => return Err(ApiError::params("either `payee` or `opener` is given")),
        };
        let limit = Limit::of(ask.limit);
        let after = place::<u64>(&ask.after)?;
        let mut rows = Vec::new();
        for (number, stream) in streams::views::list(&*at.state, side, &who, after, limit + 1).map_err(fault)? {
            rows.push((number, self.stream_view(at, number, &stream)?));
        }
        Ok(page(rows, limit, at.head.height, u64::to_string))
    }

    fn stream_view(&self, at: &At, number: u64, stream: &Stream) -> Answer<StreamView> {
        let terms = &stream.terms;
        let token = self.token_info(at, &terms.token)?;
        let now = at.head.time;
        Ok(StreamView {
            stream: number.into(),
            opener: stream.opener.into(),
            to: terms.to.into(),
            token: terms.token.into(),
            symbol: token.symbol.to_string(),
            decimals: token.decimals,
            amount: terms.amount.into(),
            drawn: stream.drawn.into(),
            due: stream.due(now).into(),
            start: terms.start.into(),
            cliff: terms.cliff.into(),
            end: terms.end.into(),
            step_ms: terms.step_ms.into(),
            next: terms.next_step(now).map(Into::into),
            is_fixed: terms.is_fixed,
            depositor: stream.depositor.into(),
            deposit: stream.deposit.into(),
            contract: stream.contract.map(Into::into),
            created: stream.height.into(),
            tx: stream.tx.into(),
            height: at.head.height.into(),
        })
    }
}

//! tx_trace: a final transaction once more, watched.

use super::changes::changes;
use super::recorder::Recorder;
use super::{Node, fault, show};
use leither_executor::replay;
use leither_pallets::{BlockInfo, params};
use leither_rpc_api::*;
use leither_rpc_server::Answer;
use leither_state::Fault;
use leither_types::{Hash, Height};
use std::sync::Arc;

impl Node {
    /// TRACE-3: on the state before its block, by the code that the block was executed with.
    pub(super) fn traced(&self, id: &Hash) -> Answer<Trace> {
        let Some((height, index)) = self.store.tx(id).map_err(fault)? else {
            return Err(match self.engine.pending(id) {
                Some(_) => ApiError::new(Reason::TxUnknown, "the transaction is in no block yet: ask again once it is final"),
                None => Self::unknown_tx(id),
            });
        };
        let (block, receipts) = self.opened(height)?;
        let place = index as usize;
        let (Some(txs), Some(receipt)) = (block.txs.get(..=place), receipts.get(place)) else {
            return Err(fault(Fault::Corrupt(format!("the place of {id}"))));
        };
        let before = height.saturating_sub(1);
        let state = self.store.state_at(before).map_err(fault)?.map_err(|oldest| beyond(height, oldest))?;
        // What came since may push the state out while it is read.
        let or_gone =
            |failed: Fault| if failed == Fault::Stale { beyond(height, height.saturating_add(1)) } else { fault(failed) };
        let info = BlockInfo {
            chain: self.chain_id(),
            height,
            time: block.header.time,
            params: params::views::params(&*state).map_err(or_gone)?,
            contracts: self.engine.tip().next.contracts.clone(),
        };
        let recorder = Arc::new(Recorder::default());
        let replayed = replay(state.clone(), &info, txs, recorder.clone()).map_err(or_gone)?;
        let replayed = replayed.ok_or_else(|| Self::unknown_tx(id))?;
        let differs = (replayed.receipt != *receipt).then(|| {
            tracing::error!(%id, height, "a replay came to another receipt than the block: this machine is at fault");
            show::receipt(&replayed.receipt)
        });
        let changes = changes(&*state, &replayed.before, &replayed.after).map_err(|error| match super::is_stale(&error) {
            true => beyond(height, height.saturating_add(1)),
            false => error,
        })?;
        let (steps, more) = recorder.told();
        let receipt = show::receipt(receipt);
        Ok(Trace { tx: (*id).into(), height: height.into(), index, receipt, differs, steps, more, changes })
    }
}

/// The state before the block is not kept; the oldest one that is, is after `oldest`.
fn beyond(height: Height, oldest: Height) -> ApiError {
    let from = oldest.saturating_add(1);
    let sentence = format!(
        "the state before block {height} is not kept here any more, only those before block {from} and later ones: trace a transaction soon after it is \
         final, or run a node with more in `trace.memory`; what was kept goes when a node starts"
    );
    ApiError::new(Reason::Pruned, sentence).with("from", from.to_string())
}

//! A transaction of a final block once more, for whoever wants to see what happened inside.

use crate::form;
use crate::run::run_checked;
use leither_pallets::wasm::Watch;
use leither_pallets::{BlockInfo, params};
use leither_state::{Fault, Overlay, Read, WriteSet};
use leither_types::{Receipt, SignedTx};
use std::sync::Arc;

/// What a replay came to.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The transaction's receipt: that of the block, or this machine is at fault.
    pub receipt: Receipt,
    /// What the block had written before it.
    pub before: WriteSet,
    /// The same and what it wrote itself.
    pub after: WriteSet,
}

/// TRACE-1: does the first transactions of a final block once more on the state before it, with the code of [`crate::execute`]; `watch` hears of the
/// last one alone. Signatures were checked when the block became final. Nothing where there is no transaction.
pub fn replay(
    state: Arc<dyn Read>,
    block: &BlockInfo,
    txs: &[SignedTx],
    watch: Arc<dyn Watch>,
) -> Result<Option<Replayed>, Fault> {
    let Some((last, former)) = txs.split_last() else { return Ok(None) };
    let mut overlay = Overlay::new(state);
    let base_fee = params::views::base_fee(&overlay)?;
    let unfit =
        |why: &dyn std::fmt::Display| Fault::Corrupt(format!("a transaction of a final block does not fit into it: {why}"));
    let run = |overlay: &mut Overlay, block: &BlockInfo, tx: &SignedTx| {
        let content = form::content(tx, &block.chain).map_err(|why| unfit(&why))?;
        run_checked(overlay, block, base_fee, tx, &content)?.map_err(|why| unfit(&why))
    };
    for tx in former {
        run(&mut overlay, block, tx)?;
    }
    let before = overlay.writes().clone();
    let watched = BlockInfo { contracts: block.contracts.watched(watch), ..block.clone() };
    let receipt = run(&mut overlay, &watched, last)?.receipt;
    Ok(Some(Replayed { receipt, before, after: overlay.into_writes() }))
}

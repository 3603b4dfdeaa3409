use super::{Ctx, Driver, apart};
use crate::codec::{SYNC_BATCH, SYNC_BYTES_MAX};
use crate::error::NodeFault;
use crate::node::Node;
use arc_malachitebft_app_channel::app::types::sync::RawDecidedValue;
use leither_consensus::BlockHeight;
use leither_consensus::wire::WireCommit;
use leither_types::Height;
use std::ops::RangeInclusive;

impl Driver {
    /// Blocks with their certificates, for a validator that lags behind (ENGINE-6).
    pub(super) async fn decided_values(
        &self,
        range: RangeInclusive<BlockHeight>,
    ) -> Result<Vec<RawDecidedValue<Ctx>>, NodeFault> {
        let node = self.node.clone();
        apart(move || read(&node, range.start().0, range.end().0)).await?
    }
}

impl Driver {
    /// The lowest height that this node can still serve.
    pub(super) async fn lowest(&self) -> Result<Height, NodeFault> {
        let node = self.node.clone();
        apart(move || Ok(node.store.lowest()?)).await?
    }
}

/// What the store has of the range, from its start and without a gap, within the bounds of an answer.
fn read(node: &Node, from: Height, to: Height) -> Result<Vec<RawDecidedValue<Ctx>>, NodeFault> {
    let last = to.min(node.tip().head.height).min(from.saturating_add(SYNC_BATCH as u64 - 1));
    let mut values = Vec::new();
    let mut room = SYNC_BYTES_MAX / 2;
    for height in from.max(1)..=last {
        let (Some(block), Some(certificate)) = (node.store.block_bytes(height)?, node.store.certificate(height)?) else { break };
        // One block is always sent, whatever its size.
        match room.checked_sub(block.len()) {
            None if !values.is_empty() => break,
            left => room = left.unwrap_or_default(),
        }
        values.push(RawDecidedValue::new(block.into(), WireCommit(certificate).into_engine()));
    }
    Ok(values)
}

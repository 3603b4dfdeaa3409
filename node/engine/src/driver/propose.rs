use super::{Candidate, Ctx, Driver, apart, local, send};
use crate::error::NodeFault;
use crate::node::{Node, Tip, now};
use crate::pacing::Pace;
use arc_malachitebft_app_channel::app::engine::util::streaming::StreamContent;
use arc_malachitebft_app_channel::app::types::LocallyProposedValue;
use arc_malachitebft_app_channel::app::types::core::Round;
use arc_malachitebft_app_channel::app::types::streaming::{StreamId, StreamMessage};
use arc_malachitebft_app_channel::{NetworkMsg, Reply};
use bytes::Bytes;
use leither_consensus::{Head, cut, round_of};
use leither_executor::{Draft, build, contracts_max};
use leither_failpoints::hit;
use leither_pool::Wanted;
use leither_types::{BLOCK_TXS_MAX, Hash, Height, ValidatorId};
use parity_scale_codec::Encode;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Driver {
    /// propose: a block of what waits, kept on disk before anyone hears of it (ENGINE-1).
    pub(super) async fn propose(
        &mut self,
        height: Height,
        round: Round,
        timeout: Duration,
        reply: Reply<LocallyProposedValue<Ctx>>,
    ) -> Result<(), NodeFault> {
        let tip = self.node.tip();
        let Some(me) = self.node.me().filter(|_| height == tip.next_height()) else {
            tracing::warn!(height, next = tip.next_height(), "asked for a block that this node cannot make");
            return Ok(());
        };
        let number = round_of(round);
        let mine = |(_, c): &(&Hash, &Candidate)| c.block.header.proposer == me;
        // After a restart the very block that was proposed before: another one would be a second signature for this round. In a later
        // round of this node the one that came too late for the last, unless it was empty.
        let same = self.ready.iter().filter(mine).find(|(_, c)| c.rounds.contains(&number));
        let late = || self.ready.iter().filter(mine).find(|(_, c)| !c.block.txs.is_empty());
        let before = same.or_else(late).map(|(id, _)| *id);
        let id = match before {
            Some(id) => {
                self.note_round(id, number).await?;
                id
            }
            None => {
                let (node, pace, begun) = (self.node.clone(), self.pace, Instant::now());
                let (id, candidate) = apart(move || make(&node, &tip, &pace, me, number)).await??;
                let (txs, took) = (candidate.block.txs.len(), begun.elapsed());
                tracing::debug!(height, round = number, %id, txs, ?took, "propose");
                if took > timeout {
                    tracing::warn!(height, round = number, txs, ?took, ?timeout, "the block came too late for its round");
                }
                self.keep(id, candidate);
                id
            }
        };
        hit("engine/proposed");
        send(reply, local(height, round, id));
        self.publish(&id, number, None);
        Ok(())
    }

    /// Notes on disk that a block that is kept is proposed in this round, too.
    async fn note_round(&mut self, id: Hash, round: u32) -> Result<(), NodeFault> {
        let Some(candidate) = self.ready.get_mut(&id) else { return Ok(()) };
        if candidate.rounds.insert(round) {
            let (node, height, bytes) = (self.node.clone(), candidate.block.header.height, candidate.bytes.clone());
            apart(move || node.store.put_undecided(height, round, &id, &bytes)).await??;
        }
        Ok(())
    }

    /// Sends a block that was proposed before again, as it is proposed again.
    pub(super) async fn restream(
        &mut self,
        height: Height,
        round: Round,
        valid_round: Round,
        id: &Hash,
    ) -> Result<(), NodeFault> {
        if !self.ready.contains_key(id) {
            self.reload(height, id).await?;
        }
        self.publish(id, round_of(round), valid_round.as_u32());
        Ok(())
    }

    /// Sends a block's parts to the others. The engine's swarm takes them one by one, so this does not wait for it.
    fn publish(&mut self, id: &Hash, round: u32, pol_round: Option<u32>) {
        let Some(candidate) = self.ready.get(id) else {
            tracing::warn!(%id, "a block that is to be sent is not there");
            return;
        };
        let tip = self.node.tip();
        let (Some(signer), Some(me)) = (&self.signer, self.node.me()) else { return };
        if tip.is_alone(Some(me)) && !self.has_peers {
            return;
        }
        let bytes = candidate.bytes.clone();
        let height = candidate.block.header.height;
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let head = Head { height, round, pol_round, publisher: me, block: *id, len };
        let parts = match cut(head, signer.head(&head), &bytes) {
            Ok(parts) => parts,
            Err(unfit) => return tracing::error!(%id, %unfit, "a block that cannot be sent"),
        };
        self.stream = self.stream.wrapping_add(1);
        // Unlike any other of this node, after a restart, too: the time is in it.
        let name = StreamId::new(Bytes::from((height, round, self.stream, now()).encode()));
        let network = self.network.clone();
        tokio::spawn(async move {
            for (sequence, part) in (0..).zip(parts) {
                let message = StreamMessage::new(name.clone(), sequence, StreamContent::Data(part));
                if network.send(NetworkMsg::PublishProposalPart(message)).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Builds on the tip and keeps the block.
fn make(node: &Node, tip: &Tip, pace: &Pace, me: ValidatorId, round: u32) -> Result<(Hash, Candidate), NodeFault> {
    let time = pace.stamp(tip.head.time, now());
    let params = &tip.next.params;
    let wanted = Wanted {
        txs: BLOCK_TXS_MAX,
        bytes: params.block_bytes_max as usize,
        weight: params.block_weight_max,
        contracts: contracts_max(params),
        base_fee: tip.base_fee,
        now: time,
    };
    let candidates = node.pool().best(&wanted);
    let draft = Draft { time, proposer: me, evidence: node.evidence() };
    let (block, outcome, unfit) = build(&tip.parent, &draft, &candidates, &node.verified)?;
    if !unfit.is_empty() {
        let mut pool = node.pool();
        for (tx, why) in unfit {
            tracing::debug!(%tx, %why, "left out of the block and dropped from the pool");
            pool.remove(&tx);
        }
    }
    let id = block.id();
    let bytes = Bytes::from(block.encode());
    Ok((id, keep_on_disk(node, round, &id, Candidate::new(Arc::new(block), bytes, outcome))?))
}

/// ENGINE-1: writes a good block down before anyone hears what this node thinks of it, so that a restart can go on with it.
pub(super) fn keep_on_disk(node: &Node, round: u32, id: &Hash, mut candidate: Candidate) -> Result<Candidate, NodeFault> {
    let height = candidate.block.header.height;
    if !node.store.put_undecided(height, round, id, &candidate.bytes)? {
        // Only after dozens of failed rounds. Should this node also crash in this very height, the others send it the block.
        tracing::warn!(height, round, block = %id, "too many blocks of this height are kept already; this one is not");
    }
    candidate.rounds.insert(round);
    Ok(candidate)
}

use super::{Candidate, Ctx, Driver, apart};
use crate::error::NodeFault;
use crate::feed::Committed;
use crate::node::{Node, Tip, now};
use crate::pacing::Pace;
use arc_malachitebft_app_channel::app::types::core::CommitCertificate;
use leither_consensus::certificate;
use leither_failpoints::hit;
use leither_pallets::mimei;
use leither_state::Fault;
use leither_store::{Commit, VersionRow};
use leither_types::{Certificate, MimeiId};
use parity_scale_codec::Encode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

impl Driver {
    /// commit: what was decided becomes the head, on disk before anyone is told (ENGINE-3).
    pub(super) async fn commit(&mut self, decided: &CommitCertificate<Ctx>) -> Result<(), NodeFault> {
        hit("engine/decided");
        let (height, id) = (decided.height.0, decided.value_id);
        let certificate = certificate(decided).map_err(|e| Fault::Corrupt(e.to_string()))?;
        if !self.ready.contains_key(&id) && !self.reload(height, &id).await? {
            return Err(NodeFault::Missing { height, block: id, wal: self.node.wal.clone() });
        }
        let missing = || NodeFault::Missing { height, block: id, wal: self.node.wal.clone() };
        let candidate = self.ready.remove(&id).ok_or_else(missing)?;
        let (txs, weight) = (candidate.block.txs.len(), candidate.outcome.weight);
        let (node, begun) = (self.node.clone(), Instant::now());
        let tip = apart(move || commit_block(&node, candidate, certificate, None)).await??;
        tracing::info!(height, block = %id, txs, weight, took = ?begun.elapsed(), "commit");
        self.pace = Pace::new(&tip.next.params).learn(txs, weight);
        self.ready.clear();
        self.looked.clear();
        self.streams.forget_up_to(height);
        self.node.passed(height);
        self.early.retain(|early| early.height > height);
        if self.synced != height {
            self.node.syncing.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// commit: on disk, then as the tip, then for the pool and all who listen. Whoever begins the engine anew sets `stop` and waits for the lock:
/// behind it nothing is written any more.
pub(crate) fn commit_block(
    node: &Node,
    candidate: Candidate,
    certificate: Certificate,
    stop: Option<&AtomicBool>,
) -> Result<Arc<Tip>, NodeFault> {
    let _writing = node.writing.lock().unwrap_or_else(PoisonError::into_inner);
    let before = node.tip();
    if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
        return Ok(before);
    }
    record(node, &candidate, certificate.clone())?;
    hit("engine/recorded");
    let tip = node.renew_tip()?;
    {
        let mut pool = node.pool();
        pool.committed(candidate.block.txs.iter());
        pool.expire(now());
    }
    notify(node, candidate, certificate);
    hit("engine/notified");
    if (before.validators.set(), before.after.set()) != (tip.validators.set(), tip.after.set()) {
        node.role.notify_one();
    }
    Ok(tip)
}

/// record: block, state, receipts and certificate, in one atomic write.
fn record(node: &Node, candidate: &Candidate, certificate: Certificate) -> Result<(), NodeFault> {
    let outcome = &candidate.outcome;
    let made = mimei::views::backed_up(&candidate.block.header, &outcome.writes, &outcome.receipts);
    let row = |(mimei, version): (MimeiId, mimei::Version)| VersionRow { mimei, number: version.number, bytes: version.encode() };
    let versions: Vec<VersionRow> = made.into_iter().map(row).collect();
    node.store.commit(&Commit {
        block: &candidate.block,
        certificate: &certificate,
        writes: &outcome.writes,
        receipts: &outcome.receipts,
        touched: &outcome.touched,
        versions: &versions,
        next_set: &outcome.validators,
    })?;
    Ok(())
}

/// notify: tells whoever listens.
fn notify(node: &Node, candidate: Candidate, certificate: Certificate) {
    let header = candidate.block.header.clone();
    // The outcome is this block's alone by now, so nothing is copied.
    let receipts = Arc::try_unwrap(candidate.outcome).map_or_else(|shared| shared.receipts.clone(), |own| own.receipts);
    node.feed.notify(Arc::new(Committed {
        height: header.height,
        id: certificate.block,
        header,
        block: candidate.block,
        receipts: Arc::new(receipts),
        certificate,
    }));
}

//! Compiles code while the transaction that stores it waits for its block (ENGINE-18): the block then finds it compiled. Nothing depends on that: what is
//! not compiled by then, the block compiles.

use crate::node::Node;
use leither_pallets::wasm::views;
use leither_types::{AccountId, Hash, SignedTx};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// Codes that may wait; who comes then is compiled by its block.
const WAITING_MAX: usize = 4;

/// One code: who uploaded it, its checksum, in how many pieces.
type Code = (AccountId, Hash, u16);

/// Where the transactions that the pool takes are shown.
#[derive(Clone)]
pub struct Ahead(SyncSender<Code>);

impl Ahead {
    /// Starts the thread. It ends when nobody holds on to the other end.
    pub fn start(node: Arc<Node>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (codes, queue) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new().name("compile".into()).spawn(move || compile(&node, &queue))?;
        Ok((Self(codes), thread))
    }

    /// A transaction is in the pool.
    pub fn show(&self, tx: &SignedTx) {
        let Some(who) = tx.tx.signers.iter().next() else { return };
        for (code, pieces) in views::to_be_stored(&tx.tx.calls) {
            if self.0.try_send((*who, code, pieces)).is_err() {
                tracing::debug!(%code, "code is not compiled ahead: others are");
            }
        }
    }
}

fn compile(node: &Node, queue: &Receiver<Code>) {
    while let Ok((who, code, pieces)) = queue.recv() {
        let tip = node.tip();
        // What came with the same block is not there yet; what a commit overtakes is compiled by its block. A machine that fails here fails there.
        if let Ok(Some(wasm)) = views::uploaded(&*tip.parent.state, &who, &code, pieces)
            && let Err(error) = tip.next.contracts.engine.store(&wasm)
        {
            tracing::debug!(%code, %error, "uploaded code was looked at ahead of its block");
        }
    }
}

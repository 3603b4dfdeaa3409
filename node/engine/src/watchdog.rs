//! Sees that the engine lives. After a failure of its write-ahead log it hangs on purpose; a process that hangs helps nobody, so it ends
//! here with advice.

use crate::error::NodeFault;
use crate::node::Node;
use arc_malachitebft_app_channel::app::engine::util::events::{Event, TxEvent};
use arc_malachitebft_app_channel::app::types::core::{Validity, ValueOrigin};
use arc_malachitebft_app_channel::{ConsensusRequest, NetworkRequest};
use leither_consensus::Leither;
use leither_types::Height;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// How often the swarm is asked.
const LOOK: Duration = Duration::from_secs(2);
/// How often, in looks, the consensus actor is asked.
const ASK_EVERY: u32 = 15;
/// An answer takes no longer, whatever the load.
const ANSWER: Duration = Duration::from_secs(30);
/// Actors that are gone may be on their way back.
const GRACE: Duration = Duration::from_secs(1);
/// A lone validator is this much late with its heartbeat before it is given up.
const LATE: Duration = Duration::from_secs(60);

/// Hears of everything that other validators have begun, and of a write-ahead log that cannot be used.
pub async fn hear(node: Arc<Node>, events: TxEvent<Leither>) {
    let mut events = events.subscribe();
    let bft = |why: String| NodeFault::Bft { why, wal: node.wal.clone() };
    loop {
        match events.recv().await {
            Ok(Event::Received(message)) => {
                let height = message.height().0;
                if height > node.tip().head.height {
                    node.call(height);
                }
            }
            // ENGINE-9: only told once the certificate was verified and names this very block.
            Ok(Event::ReceivedProposedValue(value, ValueOrigin::Sync)) if value.validity == Validity::Invalid => {
                node.fail(NodeFault::Diverged { height: value.height.0, block: value.value.0 });
            }
            Ok(Event::WalCorrupted(e)) => node.fail(bft(format!("its write-ahead log is damaged: {e}"))),
            Ok(Event::WalResetError(e)) => node.fail(bft(format!("its write-ahead log cannot be begun: {e}"))),
            // The guard refused a signature while the log was replayed: the engine is begun anew, and follows.
            Ok(Event::WalReplayError(_)) if node.abstains_in(node.tip().next_height()) => return,
            Ok(Event::WalReplayError(e)) => node.fail(bft(format!("its write-ahead log cannot be replayed: {e}"))),
            // What was missed is sent again by whoever waits.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Asks the engine's actors whether they are there, for ever.
pub async fn watch(node: Arc<Node>, net: mpsc::Sender<NetworkRequest>, consensus: mpsc::Sender<ConsensusRequest<Leither>>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = 0u32;
    let mut last: (Height, Instant) = (node.tip().head.height, Instant::now());
    loop {
        ticks.tick().await;
        match timeout(ANSWER, NetworkRequest::dump_state(&net)).await {
            Ok(Ok(Some(swarm))) => node.peers.store(swarm.peers.len(), Ordering::Relaxed),
            Ok(Ok(None)) => {}
            Ok(Err(e)) => return gone(&node, format!("its swarm: {e}")).await,
            Err(_) => return gone(&node, "its swarm does not answer".into()).await,
        }
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(ASK_EVERY) {
            match timeout(ANSWER, ConsensusRequest::dump_state(&consensus)).await {
                Ok(Ok(_)) => {}
                Ok(Err(e)) => return gone(&node, e.to_string()).await,
                Err(_) => return gone(&node, "it does not answer".into()).await,
            }
        }
        let tip = node.tip();
        if tip.head.height != last.0 {
            last = (tip.head.height, Instant::now());
        }
        let heartbeat = Duration::from_millis(tip.next.params.heartbeat_ms.max(tip.next.params.pulse_ms));
        let silent = last.1.elapsed();
        if tip.is_alone(node.me()) && silent > heartbeat + LATE {
            return node.fail(NodeFault::Stuck { seconds: silent.as_secs() });
        }
    }
}

/// Actors that are being begun anew are no failure: then this task is ended before it can say so.
async fn gone(node: &Node, why: String) {
    sleep(GRACE).await;
    node.fail(NodeFault::Bft { why, wal: node.wal.clone() });
}

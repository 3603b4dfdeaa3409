//! ENGINE-11: a node that is no validator takes its blocks from the data swarm, each with its certificate, and believes the certificate
//! alone: who sends a block proves nothing. The same code executes and commits it as in a validator.

use crate::driver::{Cause, Judgement, commit_block, judge_block};
use crate::error::NodeFault;
use crate::join::Trusted;
use crate::node::{Alarm, Node, Tip};
use leither_failpoints::hit;
use leither_net::{Net, Offence, PeerId, PeerInfo, Request, Response};
use leither_types::{Block, Certificate, Height, decode_within};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Blocks asked for at once.
const BATCH: u32 = 64;
/// Nobody has more: so soon it is asked again, for a pulse that must come.
const PAUSE_MAX: Duration = Duration::from_millis(400);
/// A peer that failed is left alone for so long.
const REST: Duration = Duration::from_secs(5);
/// How often it is looked whether a validator lags.
const LAG_LOOK: Duration = Duration::from_secs(2);
/// The engine's own sync is given so long.
const LAG_PATIENCE: Duration = Duration::from_secs(15);
/// A node that gets no more blocks at once has caught up.
const CAUGHT_UP: usize = 2;
/// Peers that keep no block old enough are given so long to be joined by one that does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows until it is ended or the node has to stop. Nothing is committed once `stop` is set, though a block may be under way.
pub async fn run(node: Arc<Node>, net: Arc<Net>, trusted: Option<Trusted>, stop: Arc<AtomicBool>) {
    let _alarm = Alarm(node.clone(), "the task that follows the chain");
    let mut resting: BTreeMap<PeerId, Instant> = BTreeMap::new();
    let mut lost = Lost::default();
    for attempt in 0usize.. {
        resting.retain(|_, since| since.elapsed() < REST);
        let peers = net.peers_known().await;
        let next = node.tip().next_height();
        lost.look(&peers, next);
        let Some((peer, claims)) = choose(&peers, next, &resting, attempt) else {
            caught_up(&node);
            sleep(PAUSE_MAX).await;
            continue;
        };
        let took = match net.ask(peer, Request::Blocks { from: next, count: BATCH }).await {
            Ok(Response::Blocks(blocks)) if !blocks.is_empty() => {
                let blocks = blocks.into_vec().into_iter().map(|(bytes, certificate)| (bytes.into_vec(), certificate)).collect();
                take_in(&node, trusted, blocks, stop.clone()).await
            }
            // Who says that it is ahead and gives nothing shall not be asked again at once: it would hold this node where it is.
            Ok(Response::Blocks(_) | Response::None) if claims => {
                resting.insert(peer, Instant::now());
                continue;
            }
            // It has none yet.
            Ok(Response::Blocks(_) | Response::None) => Ok(Took { blocks: 0, offence: None }),
            Ok(_) => {
                resting.insert(peer, Instant::now());
                continue;
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "no blocks from this peer");
                resting.insert(peer, Instant::now());
                continue;
            }
        };
        match took {
            Ok(Took { blocks, offence: None }) => {
                // Who is asked for 64 blocks and has two is where the chain is.
                if blocks <= CAUGHT_UP {
                    caught_up(&node);
                } else {
                    node.syncing.store(true, Ordering::Relaxed);
                }
                if blocks == 0 {
                    sleep(pause(&node)).await;
                }
            }
            Ok(Took { offence: Some(offence), .. }) => {
                tracing::warn!(%peer, height = node.tip().next_height(), %offence, "blocks refused; another peer is asked");
                net.report(peer, offence).await;
            }
            Err(fault) => return node.fail(fault),
        }
    }
}

/// A validator that followed for a while votes again.
fn caught_up(node: &Node) {
    node.syncing.store(false, Ordering::Relaxed);
    if node.lags.swap(false, Ordering::Relaxed) {
        node.role.notify_one();
    }
}

/// Beside a validator's engine: it has a sync of its own, but only from peers in the consensus swarm. Where the chain goes on and the engine
/// does not, the node follows until it has caught up; where nobody keeps what it lacks, it needs a snapshot.
pub async fn watch_lag(node: Arc<Node>, net: Arc<Net>) {
    let mut lost = Lost::default();
    let mut stood = (node.tip().next_height(), Instant::now());
    loop {
        sleep(LAG_LOOK).await;
        let next = node.tip().next_height();
        let peers = net.peers_known().await;
        lost.look(&peers, next);
        if next != stood.0 {
            stood = (next, Instant::now());
        }
        if stood.1.elapsed() < LAG_PATIENCE || !peers.iter().any(|peer| peer.height >= next) {
            continue;
        }
        // Anybody can say that it is ahead. That the chain is, the next block's certificate shows: it alone makes a validator stop voting.
        if has_gone_on(&node, &net, &peers, next).await {
            tracing::warn!(
                height = next,
                "the chain goes on and this validator's consensus swarm does not bring the next block: it follows for now"
            );
            node.lags.store(true, Ordering::Relaxed);
            node.role.notify_one();
            return;
        }
        stood.1 = Instant::now();
    }
}

async fn has_gone_on(node: &Node, net: &Net, peers: &[PeerInfo], next: Height) -> bool {
    for peer in peers.iter().filter(|peer| peer.height >= next && peer.lowest <= next) {
        let Ok(Response::Blocks(blocks)) = net.ask(peer.id, Request::Blocks { from: next, count: 1 }).await else { continue };
        let tip = node.tip();
        let Some((_, certificate)) = blocks.first().filter(|_| tip.next_height() == next) else { continue };
        if certificate.height == next && certificate.is_valid(&node.chain, tip.validators.set()) {
            return true;
        }
    }
    false
}

/// Since when nobody seems to keep what this node lacks.
#[derive(Default)]
struct Lost(Option<Instant>);

impl Lost {
    /// Tells the owner what may help, once in a while. No more than that: anybody can say that it is ahead and keeps nothing.
    fn look(&mut self, peers: &[PeerInfo], next: Height) {
        let Some(lowest) = forgotten(peers, next) else {
            self.0 = None;
            return;
        };
        if self.0.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            self.0 = Some(Instant::now());
            tracing::warn!(
                height = next.saturating_sub(1),
                lowest,
                "no peer that says it is ahead keeps the next block: if this lasts, start this node again with `--sync snapshot`"
            );
        }
    }
}

/// The lowest height that is kept by those who say that they are ahead, where all of them, and all others, have forgotten the next block.
fn forgotten(peers: &[PeerInfo], next: Height) -> Option<Height> {
    let has_it = peers.iter().any(|peer| peer.lowest <= next);
    let ahead = peers.iter().filter(|peer| peer.height >= next);
    ahead.map(|peer| peer.lowest).min().filter(|_| !has_it)
}

fn pause(node: &Node) -> Duration {
    Duration::from_millis(node.tip().next.params.pulse_ms / 4).clamp(Duration::from_millis(20), PAUSE_MAX)
}

/// Of those that have the next block, or may have it soon, one, and whether it says that it has it; who does before who does not. They take
/// turns from attempt to attempt, so that no single one can hold this node back.
fn choose(peers: &[PeerInfo], next: Height, resting: &BTreeMap<PeerId, Instant>, attempt: usize) -> Option<(PeerId, bool)> {
    let fit: Vec<&PeerInfo> = peers.iter().filter(|peer| peer.lowest <= next && !resting.contains_key(&peer.id)).collect();
    let ahead: Vec<&&PeerInfo> = fit.iter().filter(|peer| peer.height >= next).collect();
    match ahead.len() {
        0 => fit.get(attempt % fit.len().max(1)).map(|peer| (peer.id, false)),
        some => ahead.get(attempt % some).map(|peer| (peer.id, true)),
    }
}

/// What became of blocks from a peer.
struct Took {
    /// So many were committed.
    blocks: usize,
    /// Why the next was not.
    offence: Option<Offence>,
}

async fn take_in(
    node: &Arc<Node>,
    trusted: Option<Trusted>,
    blocks: Vec<(Vec<u8>, Certificate)>,
    stop: Arc<AtomicBool>,
) -> Result<Took, NodeFault> {
    let node = node.clone();
    let work = move || {
        let mut took = Took { blocks: 0, offence: None };
        for (bytes, certificate) in blocks {
            let tip = node.tip();
            if stop.load(Ordering::Relaxed) {
                break;
            }
            match take_one(&node, &tip, trusted, bytes, certificate, &stop)? {
                Ok(()) => took.blocks += 1,
                Err(offence) => {
                    took.offence = Some(offence);
                    break;
                }
            }
        }
        Ok(took)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| NodeFault::Stopped("a thread that executes blocks"))?
}

fn take_one(
    node: &Node,
    tip: &Tip,
    trusted: Option<Trusted>,
    bytes: Vec<u8>,
    certificate: Certificate,
    stop: &AtomicBool,
) -> Result<Result<(), Offence>, NodeFault> {
    let block: Block = match decode_within(&bytes, leither_types::BLOCK_BYTES_MAX) {
        Ok(block) => block,
        Err(_) => return Ok(Err(Offence::BadBlock)),
    };
    let (id, height) = (block.id(), tip.next_height());
    if block.header.chain != node.chain {
        return Ok(Err(Offence::WrongChain));
    }
    if block.header.height != height {
        return Ok(Err(Offence::Gap));
    }
    let names = certificate.height == height && certificate.block == id;
    if !names || !certificate.is_valid(&node.chain, tip.validators.set()) {
        return Ok(Err(Offence::BadCertificate));
    }
    drop(block);
    if trusted.is_some_and(|trusted| trusted.height == height && trusted.block != id) {
        return Err(NodeFault::NotTrusted { height, block: id });
    }
    match judge_block(node, tip, &Cause::Decided, id, bytes.into())? {
        Judgement::Good(good) => {
            let (txs, begun) = (good.1.txs(), Instant::now());
            commit_block(node, good.1, certificate, Some(stop))?;
            hit("engine/followed");
            tracing::info!(height, block = %id, txs, took = ?begun.elapsed(), "commit");
            Ok(Ok(()))
        }
        // Its content is not what the certified header commits to: the sender's doing.
        Judgement::Junk(_) => Ok(Err(Offence::BadBlock)),
        // ENGINE-9.
        Judgement::Bad(why) => {
            tracing::error!(height, block = %id, %why, "a final block is invalid here");
            Err(NodeFault::Diverged { height, block: id })
        }
        // The clock is not asked of a decided block.
        Judgement::NotYet => Err(NodeFault::Stopped("the judge of decided blocks")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(height: Height, lowest: Height) -> PeerInfo {
        PeerInfo {
            id: PeerId::random(),
            address: "/ip4/127.0.0.1/tcp/1".parse().unwrap(),
            outbound: true,
            height,
            lowest,
            software: String::new(),
        }
    }

    /// ENGINE-11.
    #[test]
    fn a_peer_that_is_ahead_and_keeps_the_block_is_asked() {
        let peers = [peer(4, 1), peer(9, 1), peer(9, 8)];
        let none = BTreeMap::new();
        let all: Vec<_> = (0..2).filter_map(|attempt| choose(&peers, 5, &none, attempt)).collect();
        assert_eq!(all, [(peers[1].id, true), (peers[1].id, true)], "the third has forgotten it");
        assert_eq!(choose(&peers, 9, &BTreeMap::from([(peers[1].id, Instant::now())]), 0), Some((peers[2].id, true)));
        assert_eq!(choose(&peers[..1], 5, &none, 3), Some((peers[0].id, false)), "nobody is ahead: the next may come any moment");
        assert_eq!(choose(&[], 5, &none, 0), None);
        let two = [peer(9, 1), peer(u64::MAX, 1)];
        let turns: Vec<_> = (0..4).filter_map(|attempt| choose(&two, 5, &none, attempt)).map(|(id, _)| id).collect();
        assert_eq!(turns, [two[0].id, two[1].id, two[0].id, two[1].id], "a liar has no more than its turn");
    }

    #[test]
    fn history_is_forgotten_only_where_nobody_keeps_it() {
        assert_eq!(forgotten(&[peer(900, 500)], 10), Some(500));
        assert_eq!(forgotten(&[peer(900, 500), peer(900, 1)], 10), None);
        assert_eq!(forgotten(&[peer(u64::MAX, u64::MAX), peer(9, 1)], 10), None, "a liar beside an honest peer that is level");
        assert_eq!(forgotten(&[peer(5, 1)], 10), None, "nobody is ahead");
    }
}

//! ENGINE-11: a node that is no validator takes its blocks from the data swarm, each with its certificate, and believes the certificate
//! alone: who sends a block proves nothing. The same code executes and commits it as in a validator.

use crate::driver::{Cause, Judgement, commit_block, judge_block};
use crate::error::NodeFault;
use crate::join::Trusted;
use crate::node::{Alarm, Node, Tip};
use crate::records::{Failure, Records};
use leither_failpoints::hit;
use leither_net::{Net, Offence, PeerInfo, Request, Response};
use leither_types::{Block, Certificate, Height, decode_within};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Blocks asked for at once.
const BATCH: u32 = 64;
/// Nobody has more: so soon it is asked again, for a pulse that must come.
const PAUSE_MAX: Duration = Duration::from_millis(400);
/// How often it is looked whether a validator lags.
const LAG_LOOK: Duration = Duration::from_secs(2);
/// The engine's own sync is given so long.
const LAG_PATIENCE: Duration = Duration::from_secs(15);
/// A node that gets no more blocks at once has caught up.
const CAUGHT_UP: usize = 2;
/// Who takes so long for a few blocks holds this node back.
const SLOW: Duration = Duration::from_secs(3);
/// Peers that keep no block old enough are given so long to be joined by one that does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows until it is ended or the node has to stop. Nothing is committed once `stop` is set, though a block may be under way.
pub async fn run(node: Arc<Node>, net: Arc<Net>, trusted: Option<Trusted>, stop: Arc<AtomicBool>) {
    let _alarm = Alarm(node.clone(), "the task that follows the chain");
    let mut records = Records::default();
    let mut lost = Lost::default();
    for attempt in 0usize.. {
        let peers = net.peers_known().await;
        let next = node.tip().next_height();
        lost.look(&peers, next);
        records.tidy(&peers, Instant::now());
        let Some((peer, claims)) = choose(&peers, next, &records, attempt) else {
            if !records.is_owed(Instant::now()) {
                caught_up(&node);
            }
            sleep(PAUSE_MAX).await;
            continue;
        };
        let asked = Instant::now();
        let took = match net.ask(peer.id, Request::Blocks { from: next, count: BATCH }).await {
            Ok(Response::Blocks(blocks)) if !blocks.is_empty() => {
                let came = asked.elapsed();
                let blocks = blocks.into_vec().into_iter().map(|(bytes, certificate)| (bytes.into_vec(), certificate)).collect();
                let took = take_in(&node, trusted, blocks, stop.clone()).await;
                match &took {
                    Ok(took) if took.blocks > CAUGHT_UP || (took.blocks > 0 && came < SLOW) => records.gave(peer.id),
                    _ => records.failed(peer, Failure::Empty),
                }
                took
            }
            // Who says that it is ahead and gives nothing shall not be asked again at once: it would hold this node where it is.
            Ok(Response::Blocks(_) | Response::None) if claims => {
                records.failed(peer, Failure::Empty);
                continue;
            }
            // It has none yet.
            Ok(Response::Blocks(_) | Response::None) => Ok(Took { blocks: 0, offence: None }),
            Ok(_) => {
                records.failed(peer, Failure::Silent);
                continue;
            }
            Err(error) => {
                tracing::debug!(peer = %peer.id, %error, "no blocks from this peer");
                records.failed(peer, Failure::Silent);
                continue;
            }
        };
        match took {
            Ok(Took { blocks, offence: None }) => {
                // Who is asked for 64 blocks and has two is where the chain is.
                if blocks > CAUGHT_UP {
                    node.syncing.store(true, Ordering::Relaxed);
                } else if blocks > 0 || !records.is_owed(Instant::now()) {
                    caught_up(&node);
                }
                if blocks == 0 {
                    sleep(pause(&node)).await;
                }
            }
            Ok(Took { offence: Some(offence), .. }) => {
                tracing::warn!(peer = %peer.id, height = node.tip().next_height(), %offence, "blocks refused; another peer is asked");
                net.report(peer.id, offence).await;
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
    let _alarm = Alarm(node.clone(), "the task that sees whether this validator lags");
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
    let mut ahead: Vec<_> = peers.iter().filter(|peer| peer.height >= next && peer.lowest <= next).collect();
    // Whom the user named first: however many others keep silent, they cost no time.
    ahead.sort_by_key(|peer| !peer.outbound);
    for peer in ahead {
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
/// turns; and every second attempt is for those whom the user named or who gave blocks before, so that however many say that they are ahead and
/// give nothing, they hold this node back for no longer than one of them can keep silent.
fn choose<'a>(peers: &'a [PeerInfo], next: Height, records: &Records, attempt: usize) -> Option<(&'a PeerInfo, bool)> {
    let now = Instant::now();
    let fit = || peers.iter().filter(|peer| peer.lowest <= next && !records.rests(peer, now));
    let proven: Vec<&PeerInfo> = fit().filter(|peer| peer.outbound || records.has_given(&peer.id)).collect();
    let fit = if attempt.is_multiple_of(2) && !proven.is_empty() { proven } else { fit().collect() };
    let ahead: Vec<&&PeerInfo> = fit.iter().filter(|peer| peer.height >= next).collect();
    let turn = attempt / 2;
    match ahead.len() {
        0 => fit.get(turn % fit.len().max(1)).map(|peer| (*peer, false)),
        some => ahead.get(turn % some).map(|peer| (**peer, true)),
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
    use crate::records::{REST_MAX, REST_MIN};
    use leither_net::PeerId;

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

    fn chosen(peers: &[PeerInfo], next: Height, records: &Records, attempt: usize) -> Option<(PeerId, bool)> {
        choose(peers, next, records, attempt).map(|(peer, claims)| (peer.id, claims))
    }

    /// ENGINE-11.
    #[test]
    fn a_peer_that_is_ahead_and_keeps_the_block_is_asked() {
        let peers = [peer(4, 1), peer(9, 1), peer(9, 8)];
        let mut records = Records::default();
        let all: Vec<_> = (0..3).filter_map(|attempt| chosen(&peers, 5, &records, attempt)).collect();
        assert_eq!(all, [(peers[1].id, true); 3], "the third has forgotten it");
        assert_eq!(
            chosen(&peers[..1], 5, &records, 3),
            Some((peers[0].id, false)),
            "nobody is ahead: the next may come any moment"
        );
        assert_eq!(chosen(&[], 5, &records, 0), None);
        let two = [peer(9, 1), peer(u64::MAX, 1)];
        let turns: Vec<_> =
            (0..4).map(|n| 2 * n).filter_map(|attempt| chosen(&two, 5, &records, attempt)).map(|(id, _)| id).collect();
        assert_eq!(turns, [two[0].id, two[1].id, two[0].id, two[1].id], "a liar has no more than its turn");
        records.failed(&peers[1], Failure::Silent);
        assert_eq!(chosen(&peers, 9, &records, 0), Some((peers[2].id, true)));
    }

    #[test]
    fn strangers_who_say_that_they_are_ahead_take_no_more_than_every_second_attempt() {
        let mut peers: Vec<_> = (0..40).map(|_| PeerInfo { outbound: false, ..peer(u64::MAX, 1) }).collect();
        let friend = PeerInfo { outbound: false, ..peer(9, 1) };
        peers.push(friend.clone());
        let mut records = Records::default();
        records.gave(friend.id);
        let asked = (0..40).filter(|attempt| chosen(&peers, 5, &records, *attempt) == Some((friend.id, true))).count();
        assert_eq!(asked, 20);
    }

    #[test]
    fn who_fails_again_and_again_rests_longer_and_who_gives_does_not_rest() {
        let (named, stranger) = (peer(9, 1), PeerInfo { outbound: false, ..peer(9, 1) });
        let mut records = Records::default();
        let mut rests = |peer: &PeerInfo| {
            let before = Instant::now();
            records.failed(peer, Failure::Empty);
            (records.0[&peer.id].until - before).as_secs()
        };
        assert_eq!((0..9).map(|_| rests(&stranger)).collect::<Vec<_>>(), [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!((0..6).map(|_| rests(&named)).collect::<Vec<_>>(), [5, 10, 20, 40, 60, 60]);
        let now = Instant::now();
        assert!(records.rests(&stranger, now) && !records.is_owed(now), "it gave an answer");
        records.failed(&named, Failure::Silent);
        let spoke = PeerInfo { height: 10, ..named.clone() };
        let later = Instant::now() + REST_MIN;
        assert!(records.rests(&named, later) && !records.rests(&spoke, later), "it tells of new blocks, so it is there");
        assert!(records.is_owed(now) && !records.is_owed(now + 2 * REST_MIN), "it may be ahead and could not say so");
        records.tidy(&[], now + 10 * REST_MIN);
        assert!(records.rests(&stranger, now + 10 * REST_MIN), "to come again makes nobody forget");
        records.gave(stranger.id);
        assert!(!records.rests(&stranger, Instant::now()) && records.has_given(&stranger.id));
        records.tidy(&[], now + 3 * REST_MAX);
        assert!(records.0.is_empty());
    }

    #[test]
    fn history_is_forgotten_only_where_nobody_keeps_it() {
        assert_eq!(forgotten(&[peer(900, 500)], 10), Some(500));
        assert_eq!(forgotten(&[peer(900, 500), peer(900, 1)], 10), None);
        assert_eq!(forgotten(&[peer(u64::MAX, u64::MAX), peer(9, 1)], 10), None, "a liar beside an honest peer that is level");
        assert_eq!(forgotten(&[peer(5, 1)], 10), None, "nobody is ahead");
    }
}

//! The engine's questions and this node's answers.
//!
//! ```text
//! ConsensusReady ─> next height          GetValue ─> propose: pool -> build -> keep -> answer, parts to the others
//! ReceivedProposalPart ─> streams ─> execute: decode, time, signatures, execute, keep -> valid | invalid
//! Decided ─> commit: store, pool, tip, feed -> ack      Finalized ─> hold until the pace says go -> next height
//! ProcessSyncedValue ─> execute                         GetDecidedValues ─> store
//! ```
//! One task answers, one question at a time, as the engine asks them; all that takes long runs on a thread of its own. Only the answer
//! to `Finalized` may wait, as the engine goes on serving while it does.

mod commit;
mod evidence;
mod execute;
mod propose;
mod serve;

pub(crate) use commit::commit_block;
pub(crate) use execute::{Cause, Judgement, judge_block};

use crate::error::NodeFault;
use crate::node::{Alarm, Node, Tip, now};
use crate::pacing::{Load, Pace, Step};
use crate::streams::Streams;
use arc_malachitebft_app_channel::app::engine::host::{HeightParams, Next};
use arc_malachitebft_app_channel::app::types::core::{Round, Validity};
use arc_malachitebft_app_channel::app::types::{LocallyProposedValue, ProposedValue};
use arc_malachitebft_app_channel::{AppMsg, NetworkMsg, Reply};
use bytes::Bytes;
use leither_consensus::{Address, BlockHeight, Leither, Signer, Value, round_of, timeouts};
use leither_executor::Outcome;
use leither_failpoints::hit;
use leither_types::{Block, Hash, Height, ValidatorId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Blocks of one height that are kept ready in memory; more are on disk.
const READY_MAX: usize = 8;
/// Blocks of a height that has not begun that are kept.
const EARLY_MAX: usize = 4;

type Ctx = Leither;

/// A block of the next height that was executed and found good.
pub(crate) struct Candidate {
    block: Arc<Block>,
    /// Its encoding, made or received once.
    bytes: Bytes,
    outcome: Arc<Outcome>,
    /// The rounds in which it was seen.
    rounds: BTreeSet<u32>,
}

impl Candidate {
    /// How many transactions it has.
    pub(crate) fn txs(&self) -> usize {
        self.block.txs.len()
    }

    fn new(block: Arc<Block>, bytes: Bytes, outcome: Outcome) -> Self {
        Self { block, bytes, outcome: Arc::new(outcome), rounds: BTreeSet::new() }
    }
}

/// A block that came before its parent was decided.
struct Early {
    height: Height,
    round: u32,
    pol_round: Option<u32>,
    block: Hash,
    bytes: Bytes,
}

/// What waits for the pace.
enum Held {
    /// The start after a restart: only a lone validator waits with it.
    Start(Reply<(BlockHeight, HeightParams<Ctx>)>),
    /// The next height.
    Next(Reply<Next<Ctx>>),
}

/// Answers the engine.
pub struct Driver {
    node: Arc<Node>,
    /// Signs the heads of parts; nothing where this node is no validator.
    signer: Option<Signer>,
    network: mpsc::Sender<NetworkMsg<Ctx>>,
    /// Whether other nodes can reach this one: then it does not wait with its start.
    has_peers: bool,
    streams: Streams,
    ready: BTreeMap<Hash, Candidate>,
    early: Vec<Early>,
    /// How many blocks of each round of this height were looked at.
    looked: BTreeMap<u32, u32>,
    held: Option<Held>,
    pace: Pace,
    /// When the last pulse began.
    began: Instant,
    /// The round that the engine is in, and its height.
    round: (Height, u32),
    /// Numbers the streams of this run.
    stream: u32,
    /// The last height that was taken from another node's history.
    synced: Height,
}

impl Driver {
    /// A driver at the store's head.
    pub fn new(node: Arc<Node>, signer: Option<Signer>, network: mpsc::Sender<NetworkMsg<Ctx>>, has_peers: bool) -> Self {
        let tip = node.tip();
        let idle = Duration::from_millis(now().saturating_sub(tip.head.time));
        let began = Instant::now();
        Self {
            pace: Pace::new(&tip.next.params),
            // A machine that was booted after the last pulse knows no earlier instant; then a pulse is due as on a fresh start.
            began: began.checked_sub(idle).unwrap_or(began),
            node,
            signer,
            network,
            has_peers,
            streams: Streams::default(),
            ready: BTreeMap::new(),
            early: Vec::new(),
            looked: BTreeMap::new(),
            held: None,
            round: (0, 0),
            stream: 0,
            synced: 0,
        }
    }

    /// Answers until the engine is gone or the node has to stop.
    pub async fn run(mut self, mut questions: mpsc::Receiver<AppMsg<Ctx>>) {
        let node = self.node.clone();
        let _alarm = Alarm(node.clone(), "the task that answers the BFT engine");
        let mut fault = node.fault();
        loop {
            let wait = self.advance();
            tokio::select! {
                question = questions.recv() => match question {
                    Some(question) => {
                        if let Err(fault) = self.answer(question).await {
                            node.fail(fault);
                        }
                    }
                    None => break,
                },
                _ = node.stir.notified() => {}
                _ = tokio::time::sleep(wait) => {}
                () = failed(&mut fault) => break,
            }
        }
    }

    async fn answer(&mut self, question: AppMsg<Ctx>) -> Result<(), NodeFault> {
        match question {
            AppMsg::ConsensusReady { reply } => self.start(reply),
            AppMsg::StartedRound { height, round, proposer, role, reply_value } => {
                tracing::debug!(%height, %round, %proposer, ?role, "round");
                self.round = (height.0, round_of(round));
                let known = self.known_blocks(height.0, round).await?;
                send(reply_value, known);
            }
            AppMsg::GetValue { height, round, timeout, reply } => self.propose(height.0, round, timeout, reply).await?,
            AppMsg::ReceivedProposalPart { from, published_by, part, reply } => {
                let value = self.part(published_by.unwrap_or(from), part).await?;
                send(reply, value);
            }
            AppMsg::RestreamProposal { height, round, valid_round, value_id, .. } => {
                self.restream(height.0, round, valid_round, &value_id).await?;
            }
            AppMsg::Decided { certificate, reply, .. } => {
                self.commit(&certificate).await?;
                hit("engine/unanswered");
                send(reply, ());
            }
            AppMsg::Finalized { certificate, evidence, reply, .. } => {
                let proofs = evidence::proofs(&evidence);
                let node = self.node.clone();
                if !proofs.is_empty() {
                    apart(move || proofs.into_iter().try_for_each(|proof| node.accuse(proof))).await??;
                }
                // Only what the engine has verified is told here; a certificate without a form changes nothing.
                if let Ok(wider) = leither_consensus::certificate(&certificate) {
                    self.node.widen(wider);
                }
                self.held = Some(Held::Next(reply));
            }
            AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply } => {
                let outcome = self.synced_value(height.0, round, proposer, value_bytes).await?;
                send(reply, outcome);
            }
            AppMsg::GetDecidedValues { range, reply } => {
                let values = self.decided_values(range).await?;
                send(reply, values);
            }
            AppMsg::GetHistoryMinHeight { reply } => send(reply, BlockHeight(self.lowest().await?)),
            // Vote extensions are switched off; the engine does not ask.
            AppMsg::ExtendVote { reply, .. } => send(reply, None),
            AppMsg::VerifyVoteExtensions { reply, .. } => send(reply, Vec::new()),
        }
        Ok(())
    }

    /// PACE-8: begins at once where other nodes may be ahead; a lone validator begins with its next pulse.
    fn start(&mut self, reply: Reply<(BlockHeight, HeightParams<Ctx>)>) {
        let tip = self.node.tip();
        if tip.is_alone(self.node.me()) && !self.has_peers {
            self.held = Some(Held::Start(reply));
        } else {
            self.began = Instant::now();
            send(reply, (BlockHeight(tip.next_height()), height_params(&tip)));
        }
    }

    /// Lets a waiting height begin when its time has come. Says for how long there is nothing to do.
    fn advance(&mut self) -> Duration {
        const LONG: Duration = Duration::from_secs(3600);
        if self.held.is_none() {
            return LONG;
        }
        let tip = self.node.tip();
        let follows = !self.node.votes(&tip);
        let behind = self.synced > 0 && self.synced == tip.head.height;
        let step = if follows || behind {
            // PACE-8: who does not vote disturbs nobody, and who catches up must not wait.
            Step::Now
        } else {
            let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let called = self.node.called.load(Ordering::Relaxed) >= tip.next_height();
            let load = self.node.load();
            let work_in = tip.due.map(|due| due.saturating_sub(now()));
            match self.pace.step(since, load, called, work_in) {
                Step::Now if load.txs > 0 && !called && !self.node.has_ready(&tip.next.params) => {
                    self.pace.step(since, Load::default(), false, work_in)
                }
                step => step,
            }
        };
        match step {
            Step::After(wait) => wait,
            Step::Now => {
                self.began = Instant::now();
                let height = BlockHeight(tip.next_height());
                match self.held.take() {
                    Some(Held::Start(reply)) => send(reply, (height, height_params(&tip))),
                    Some(Held::Next(reply)) => send(reply, Next::Start(height, height_params(&tip))),
                    None => {}
                }
                LONG
            }
        }
    }

    /// Keeps a good block ready; the one that was not seen for the most rounds leaves first, and is on disk.
    fn keep(&mut self, id: Hash, candidate: Candidate) {
        if self.ready.len() >= READY_MAX && !self.ready.contains_key(&id) {
            let oldest = self.ready.iter().min_by_key(|(_, c)| c.rounds.last().copied()).map(|(id, _)| *id);
            oldest.and_then(|id| self.ready.remove(&id));
        }
        let rounds = candidate.rounds.clone();
        self.ready.entry(id).or_insert(candidate).rounds.extend(rounds);
    }
}

/// Waits until the node has to stop.
async fn failed(fault: &mut watch::Receiver<Option<NodeFault>>) {
    let _ = fault.wait_for(Option::is_some).await;
}

/// Nobody may be waiting any more, as when a round has passed in the meantime; that is no failure.
fn send<T>(reply: Reply<T>, value: T) {
    let _ = reply.send(value);
}

/// STAKING-6: the engine takes in late votes until the height is as old as the next one must wait for anyway (PACE-6), so that a slow
/// validator is paid and not missed. Alone there are none.
fn height_params(tip: &Tip) -> HeightParams<Ctx> {
    let params = &tip.next.params;
    let target = (tip.validators.set().len() > 1).then(|| Duration::from_millis(params.pulse_min_ms.min(params.pulse_ms)));
    HeightParams::new(tip.validators.clone(), timeouts(params), target)
}

fn local(height: Height, round: Round, id: Hash) -> LocallyProposedValue<Ctx> {
    LocallyProposedValue::new(BlockHeight(height), round, Value(id))
}

fn proposed(
    height: Height,
    round: Round,
    valid_round: Round,
    proposer: ValidatorId,
    id: Hash,
    validity: Validity,
) -> ProposedValue<Ctx> {
    ProposedValue { height: BlockHeight(height), round, valid_round, proposer: Address(proposer), value: Value(id), validity }
}

/// Runs what takes long on a thread of its own.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, NodeFault> {
    tokio::task::spawn_blocking(work).await.map_err(|_| NodeFault::Stopped("a thread that executes blocks"))
}

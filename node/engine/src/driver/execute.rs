use super::propose::keep_on_disk;
use super::{Candidate, Ctx, Driver, EARLY_MAX, Early, apart, proposed};
use crate::error::NodeFault;
use crate::node::{Node, Tip, now};
use crate::pacing::{Pace, Timing, timing};
use crate::streams::Whole;
use arc_malachitebft_app_channel::app::engine::host::SyncedValueOutcome;
use arc_malachitebft_app_channel::app::types::core::{Round, Validity};
use arc_malachitebft_app_channel::app::types::streaming::StreamMessage;
use arc_malachitebft_app_channel::app::types::{PeerId, ProposedValue};
use bytes::Bytes;
use leither_consensus::{Address, Head, Part, round_of};
use leither_executor::{Refused, execute};
use leither_failpoints::hit;
use leither_types::{BLOCK_BYTES_MAX, Block, Hash, Height, Signature, SignedTx, ValidatorId, decode_within, sign};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A block that is stamped a little too far ahead of this clock is waited for; the engine waits with it.
const WAIT_MAX: Duration = Duration::from_millis(250);

/// Blocks of one round that are looked at.
const BLOCKS_A_ROUND: u32 = 2;

/// Why a block is looked at.
pub(crate) enum Cause {
    /// It is proposed. `turn`: by who has to be its author; nothing where it is proposed again.
    Proposed { pace: Pace, author: Option<ValidatorId>, round: u32 },
    /// It was found good before, here or by two thirds: the clock is not asked, and it need not be kept.
    Decided,
}

/// What this node thinks of a block.
pub(crate) enum Judgement {
    Good(Box<(Hash, Candidate)>),
    /// No node can find it good.
    Bad(String),
    /// Not the block that was announced, or none: its publisher's fault, of which the block's id says nothing.
    Junk(String),
    /// Not now, perhaps later.
    NotYet,
}

impl Driver {
    /// Takes in a part; where it completes a block, says what this node thinks of that.
    pub(super) async fn part(
        &mut self,
        publisher: PeerId,
        message: StreamMessage<Part>,
    ) -> Result<Option<ProposedValue<Ctx>>, NodeFault> {
        let (id, Some(part)) = (message.stream_id, message.content.into_data()) else { return Ok(None) };
        let tip = self.node.tip();
        let round = if self.round.0 == tip.next_height() { self.round.1 } else { 0 };
        let accept = |head: &Head, signature: &Signature| is_timely(&tip, round, head) && is_from_proposer(&tip, head, signature);
        match self.streams.add(tip.next_height(), publisher, id, part, &accept) {
            Ok(None) => Ok(None),
            Ok(Some(whole)) => self.whole(&tip, whole).await,
            Err(refused) => {
                tracing::debug!(%publisher, %refused, "stream dropped");
                Ok(None)
            }
        }
    }

    async fn whole(&mut self, tip: &Tip, whole: Whole) -> Result<Option<ProposedValue<Ctx>>, NodeFault> {
        let Head { height, round, pol_round, block, .. } = whole.head;
        let early = Early { height, round, pol_round, block, bytes: whole.bytes.into() };
        self.node.call(height);
        if height > tip.next_height() {
            // Its parent is not decided here yet. It is looked at when its height begins; whether it is a block at all, now.
            let bytes = early.bytes.clone();
            let decoded = apart(move || decode_within::<Block>(&bytes, BLOCK_BYTES_MAX).ok().filter(is_whole)).await?;
            if decoded.is_some_and(|found| found.id() == block) {
                self.come_early(early);
            }
            return Ok(None);
        }
        self.judge(early).await
    }

    /// Is judged when its height, or the next round, begins. One a round: a proposer has no more.
    fn come_early(&mut self, early: Early) {
        let is_new = self.early.iter().all(|other| (other.height, other.round) != (early.height, early.round));
        if is_new && self.early.len() < EARLY_MAX {
            self.early.push(early);
        }
    }

    fn unlook(&mut self, round: u32) {
        if let Some(looked) = self.looked.get_mut(&round) {
            *looked = looked.saturating_sub(1);
        }
    }

    /// What this node thinks of a block of the next height.
    async fn judge(&mut self, early: Early) -> Result<Option<ProposedValue<Ctx>>, NodeFault> {
        let Early { height, round, pol_round, block: announced, bytes } = early;
        let say =
            |validity, proposer| Some(proposed(height, Round::new(round), Round::from(pol_round), proposer, announced, validity));
        if let Some(known) = self.ready.get_mut(&announced) {
            known.rounds.insert(round);
            return Ok(say(Validity::Valid, known.block.header.proposer));
        }
        let tip = self.node.tip();
        let proposer = tip.validators.proposer(height, round).id();
        let cause = Cause::Proposed { pace: self.pace, author: pol_round.is_none().then_some(proposer), round };
        // CONS-7: a proposer has one block a round. Of one that has several, two are looked at, lest it keep this node busy with them.
        let looked = self.looked.entry(round).or_default();
        if *looked >= BLOCKS_A_ROUND {
            tracing::warn!(height, round, %proposer, "more blocks of one round than an honest proposer has");
            return Ok(None);
        }
        *looked += 1;
        let (node, again) = (self.node.clone(), bytes.clone());
        Ok(match apart(move || judge_block(&node, &tip, &cause, announced, bytes)).await?? {
            Judgement::Good(good) => {
                let (id, candidate) = *good;
                let proposer = candidate.block.header.proposer;
                self.keep(id, candidate);
                hit("engine/judged");
                say(Validity::Valid, proposer)
            }
            Judgement::NotYet => {
                self.unlook(round);
                self.come_early(Early { height, round, pol_round, block: announced, bytes: again });
                None
            }
            Judgement::Bad(why) => {
                tracing::warn!(height, round, block = %announced, %proposer, %why, "invalid block");
                say(Validity::Invalid, proposer)
            }
            Judgement::Junk(why) => {
                // Anybody can send another's signed head with content of his own: that uses up nothing of the proposer's.
                self.unlook(round);
                tracing::warn!(height, round, block = %announced, %proposer, %why, "not the block that was announced");
                None
            }
        })
    }

    /// The blocks of a round that this node holds already: those that came early, and after a restart those on disk.
    pub(super) async fn known_blocks(&mut self, height: Height, round: Round) -> Result<Vec<ProposedValue<Ctx>>, NodeFault> {
        let mut values = Vec::new();
        if height != self.node.tip().next_height() {
            return Ok(values);
        }
        let (now_due, later) = mem::take(&mut self.early).into_iter().partition(|early| early.height == height);
        self.early = later;
        for early in now_due {
            values.extend(self.judge(early).await?);
        }
        let number = round_of(round);
        let node = self.node.clone();
        for kept in apart(move || node.store.undecided(height, number)).await?? {
            if let Some(known) = self.ready.get(&kept.id) {
                let proposer = known.block.header.proposer;
                values.push(proposed(height, round, Round::Nil, proposer, kept.id, Validity::Valid));
            } else if self.reload(height, &kept.id).await? {
                values.extend(self.ready.get_mut(&kept.id).map(|known| {
                    known.rounds.insert(number);
                    proposed(height, round, Round::Nil, known.block.header.proposer, kept.id, Validity::Valid)
                }));
            }
        }
        Ok(values)
    }

    /// Brings a block back from disk into memory. It was found good before it was kept, so the clock is not asked again.
    pub(super) async fn reload(&mut self, height: Height, id: &Hash) -> Result<bool, NodeFault> {
        let (node, id) = (self.node.clone(), *id);
        let work = move || {
            let Some(kept) = node.store.undecided_by_id(height, &id)? else { return Ok(None) };
            let tip = node.tip();
            match judge_block(&node, &tip, &Cause::Decided, id, kept.bytes.into())? {
                Judgement::Good(good) => Ok(Some(good)),
                Judgement::Bad(why) | Judgement::Junk(why) => {
                    tracing::warn!(height, block = %id, %why, "a block that was kept is of no use any more");
                    Ok::<_, NodeFault>(None)
                }
                Judgement::NotYet => Ok(None),
            }
        };
        let Some(good) = apart(work).await?? else { return Ok(false) };
        let (id, candidate) = *good;
        self.keep(id, candidate);
        Ok(true)
    }

    /// ENGINE-6: a block from another node's history, with a certificate that the engine has verified.
    pub(super) async fn synced_value(
        &mut self,
        height: Height,
        round: Round,
        proposer: Address,
        bytes: Bytes,
    ) -> Result<SyncedValueOutcome<Ctx>, NodeFault> {
        let tip = self.node.tip();
        if height != tip.next_height() {
            return Ok(SyncedValueOutcome::LocalTransientError);
        }
        let Ok(block) = decode_within::<Block>(&bytes, BLOCK_BYTES_MAX) else { return Ok(SyncedValueOutcome::PeerFault) };
        let id = block.id();
        let say = |validity| SyncedValueOutcome::Verdict(proposed(height, round, Round::Nil, proposer.0, id, validity));
        self.synced = height;
        self.node.syncing.store(true, Ordering::Relaxed);
        if self.ready.contains_key(&id) {
            return Ok(say(Validity::Valid));
        }
        let node = self.node.clone();
        // ENGINE-1: the engine notes in its log that it has this block, and after a crash asks nobody for it again.
        let judged = apart(move || {
            let judged = judge_block(&node, &tip, &Cause::Decided, id, bytes.clone())?;
            if matches!(judged, Judgement::Good(_)) {
                node.store.put_synced(height, &id, &bytes)?;
            }
            Ok::<_, NodeFault>(judged)
        })
        .await??;
        Ok(match judged {
            Judgement::Good(good) => {
                let (id, candidate) = *good;
                self.keep(id, candidate);
                say(Validity::Valid)
            }
            Judgement::Bad(why) if self.node.tip().next_height() == height => {
                // Whether two thirds did decide it, the engine finds out next: ENGINE-9.
                tracing::warn!(height, block = %id, %why, "a block of another node's history is invalid");
                say(Validity::Invalid)
            }
            Judgement::Junk(_) => SyncedValueOutcome::PeerFault,
            _ => SyncedValueOutcome::LocalTransientError,
        })
    }
}

/// CONS-7: whether a head is of a round that can come soon. A validator owns rounds of any number, and a block for each would bury the
/// one that is voted on.
fn is_timely(tip: &Tip, round: u32, head: &Head) -> bool {
    let now = if head.height == tip.next_height() { round } else { 0 };
    head.round <= now.saturating_add(1)
}

/// CONS-7: whether a stream's head is signed by the proposer of its round, in the next height or the one after it.
fn is_from_proposer(tip: &Tip, head: &Head, signature: &Signature) -> bool {
    let Some(voters) = tip.voters(head.height) else { return false };
    let turn = voters.proposer(head.height, head.round);
    turn.id() == head.publisher && head.is_signed_by(&tip.parent.chain, turn.key(), signature)
}

/// execute, with all that comes before it (ENGINE-2).
pub(crate) fn judge_block(node: &Node, tip: &Tip, cause: &Cause, announced: Hash, bytes: Bytes) -> Result<Judgement, NodeFault> {
    let block: Block = match decode_within(&bytes, BLOCK_BYTES_MAX) {
        Ok(block) => block,
        Err(e) => return Ok(Judgement::Junk(e.to_string())),
    };
    if block.id() != announced || block.header.height != tip.next_height() {
        return Ok(Judgement::Junk("its id or height is another".into()));
    }
    if !is_whole(&block) {
        return Ok(Judgement::Junk("its header is of another block's content".into()));
    }
    if let Cause::Proposed { pace, author, .. } = cause {
        if author.is_some_and(|author| author != block.header.proposer) {
            return Ok(Judgement::Junk("it names another proposer".into()));
        }
        match timing(pace, tip.head.time, &block.header, now()) {
            Timing::Good => {}
            Timing::TooEarly => return Ok(Judgement::Bad("its time is too close to its parent's".into())),
            Timing::TooLate(ahead) if ahead <= WAIT_MAX => std::thread::sleep(ahead),
            Timing::TooLate(ahead) => {
                tracing::warn!(
                    height = block.header.height,
                    ?ahead,
                    "block from the future: check this clock and its proposer's"
                );
                return Ok(Judgement::NotYet);
            }
        }
    }
    verify_signatures(node, &block);
    match execute(&tip.parent, &block, &node.verified) {
        Ok(outcome) => {
            let candidate = Candidate::new(Arc::new(block), bytes, outcome);
            Ok(Judgement::Good(Box::new(match cause {
                Cause::Proposed { round, .. } => (announced, keep_on_disk(node, *round, &announced, candidate)?),
                Cause::Decided => (announced, candidate),
            })))
        }
        Err(Refused::Invalid(why)) => Ok(Judgement::Bad(why.to_string())),
        Err(Refused::Fault(fault)) => Err(fault.into()),
    }
}

/// Whether the content is the one that the header, and with it the id, commits to. Else whoever passed it on has changed it, and it says
/// nothing of the block of that id.
fn is_whole(block: &Block) -> bool {
    block.header.txs_root == Block::txs_root(&block.txs)
        && block.header.evidence_root == Block::evidence_root(&block.evidence)
        && block.header.last_certificate == block.last_certificate.hash()
}

/// ENGINE-4: verifies in one batch what is not remembered. What fails here is left to `execute`, which says which it is.
fn verify_signatures(node: &Node, block: &Block) {
    let hashes: Vec<Hash> = block.txs.iter().map(SignedTx::full_hash).collect();
    let fresh: Vec<(&SignedTx, Hash, Vec<u8>)> = node
        .verified
        .unknown(&hashes)
        .into_iter()
        .filter_map(|place| {
            let tx = block.txs.get(place)?;
            Some((tx, *hashes.get(place)?, tx.tx.sign_bytes()))
        })
        .collect();
    let claims: Vec<_> = fresh.iter().flat_map(|(tx, _, message)| tx.claims(message)).collect();
    if claims.is_empty() {
        return;
    }
    let mut verdicts = sign::verify_batch(&claims, rand::rngs::OsRng).into_iter();
    let good = fresh.iter().filter_map(|(tx, hash, _)| {
        let count = tx.witnesses.len();
        (verdicts.by_ref().take(count).filter(|fine| *fine).count() == count).then_some(*hash)
    });
    let good: Vec<Hash> = good.collect();
    node.verified.remember(good);
}

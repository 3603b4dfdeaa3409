//! The chain's half of a simulated node: pool, executor and disk, as `node/engine` puts them together.

use crate::disk::{Decided, Disk};
use crate::plan::Bug;
use crate::villains::Villain;
use arc_malachitebft_core_consensus::ProposedValue;
use arc_malachitebft_core_types as bft;
use bft::{CommitCertificate, Round, Validity};
use leither_consensus::{Address, Assembly, BlockHeight, Head, Leither, Part, Signer, Validators, Value, certificate, cut};
use leither_executor::{Draft, Outcome, Refused, Verified, admissible, build, check_form, execute, weight};
use leither_pallets::{BlockInfo, params, staking};
use leither_pool::{Entry, Limits, Pool, Wanted};
use leither_state::{Fault, Overlay};
use leither_types::{BLOCK_BYTES_MAX, BLOCK_TXS_MAX, Block, Hash, Height, Millis, SignedTx, ValidatorId, codec};
use parity_scale_codec::Encode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A block may be stamped so far ahead of the clock of who checks it.
const AHEAD_MS_MAX: u64 = 500;
/// Proposals are kept for so many heights ahead.
const HEIGHTS_AHEAD: u64 = 10;

/// Why a node stops: the sentence that an operator would read.
pub type Stopped = String;

/// Pool, executor and disk of one node.
pub struct App {
    chain: Hash,
    me: ValidatorId,
    signer: Signer,
    /// What outlives a crash.
    pub disk: Disk,
    /// Who votes on the next block.
    pub validators: Validators,
    pool: Pool,
    verified: Seen,
    /// The parts of proposals, as they can be sent again, by height, round and block.
    parts: BTreeMap<(Height, u32, Hash), Vec<Part>>,
    outcomes: BTreeMap<Hash, Outcome>,
    villain: Option<Box<dyn Villain>>,
    bug: Option<Bug>,
}

/// Whose signatures this node has checked.
#[derive(Default)]
struct Seen(BTreeSet<Hash>);

impl Verified for Seen {
    fn is_verified(&self, full_hash: &Hash) -> bool {
        self.0.contains(full_hash)
    }
}

impl App {
    /// On what the disk holds.
    pub fn new(signer: Signer, disk: Disk, villain: Option<Box<dyn Villain>>, bug: Option<Bug>) -> Result<Self, Stopped> {
        let set = staking::views::set(&*disk.state()).map_err(|e| e.to_string())?;
        let validators = Validators::new(set).map_err(|e| e.to_string())?;
        Ok(Self {
            chain: *signer.chain(),
            me: ValidatorId::of_key(&signer.public()),
            signer,
            disk,
            validators,
            pool: Pool::new(Limits::default()),
            verified: Seen::default(),
            parts: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            villain,
            bug,
        })
    }

    /// The height under way.
    pub fn next_height(&self) -> Height {
        self.disk.height() + 1
    }

    /// admit: form, signatures, state, pool, as the node's ingress does. Says whether the pool has it now and whether that is news.
    pub fn admit(&mut self, bytes: &[u8], now: Millis) -> Result<(bool, bool), Stopped> {
        let fault = |e: Fault| e.to_string();
        let Ok(tx) = check_form(bytes, &self.chain) else { return Ok((false, false)) };
        if self.pool.get(&tx.id()).is_some() {
            return Ok((true, false));
        }
        let message = tx.tx.sign_bytes();
        if !tx.claims(&message).iter().all(|claim| claim.key.verify(claim.message, &claim.signature)) {
            return Ok((false, false));
        }
        let Some(weight) = weight(&tx.tx) else { return Ok((false, false)) };
        let state = self.disk.state();
        let info = BlockInfo {
            chain: self.chain,
            height: self.next_height(),
            time: now,
            params: params::views::params(&*state).map_err(fault)?,
        };
        let base_fee = params::views::base_fee_at(&*state).map_err(fault)?;
        let (next, can_pay) = match admissible(&Overlay::new(state), &info, base_fee, &tx, weight).map_err(fault)? {
            Ok(known) => known,
            Err(_) => return Ok((false, false)),
        };
        let entry = Entry { can_pay, ..Entry::new(Arc::new(tx), weight) };
        let hash = entry.full_hash;
        let is_in = self.pool.insert(entry, next).is_in();
        if is_in {
            self.verified.0.insert(hash);
        }
        Ok((is_in, is_in))
    }

    /// propose: a block on the head, from the pool's best; after a crash the same one as before.
    pub fn propose(&mut self, height: Height, round: u32, now: Millis) -> Result<(Hash, Vec<Part>), Stopped> {
        let known = self.disk.built.get(&(height, round)).copied();
        if let Some((id, bytes)) = known.and_then(|id| Some((id, self.disk.undecided.get(&(height, id))?.clone()))) {
            return Ok((id, self.publish(height, round, None, id, &bytes)?));
        }
        let fault = |e: Fault| e.to_string();
        let parent = self.disk.parent();
        let rules = params::views::params(&*parent.state).map_err(fault)?;
        let wanted = Wanted {
            txs: BLOCK_TXS_MAX,
            bytes: rules.block_bytes_max as usize,
            weight: rules.block_weight_max,
            base_fee: params::views::base_fee_at(&*parent.state).map_err(fault)?,
            now,
        };
        let mut candidates = self.pool.best(&wanted);
        if let Some(villain) = &mut self.villain {
            candidates = villain.choose(candidates);
        }
        let draft = Draft { time: now, proposer: self.me, evidence: Vec::new() };
        let (mut block, outcome, unfit) = build(&parent, &draft, &candidates, &self.verified).map_err(fault)?;
        for (tx, _) in unfit {
            self.pool.remove(&tx);
        }
        if let Some(villain) = &mut self.villain {
            block = villain.bend(block);
        }
        let (id, bytes) = (block.id(), block.encode());
        self.outcomes.insert(id, outcome);
        self.disk.undecided.insert((height, id), bytes.clone());
        self.disk.built.insert((height, round), id);
        Ok((id, self.publish(height, round, None, id, &bytes)?))
    }

    /// The parts of a block that is proposed again: signed anew if this node proposes it, else as they came.
    pub fn restream(&mut self, height: Height, round: u32, pol_round: Option<u32>, id: Hash) -> Result<Vec<Part>, Stopped> {
        if let Some(parts) = self.parts.get(&(height, round, id)) {
            return Ok(parts.clone());
        }
        let mine = self.validators.proposer(height, round).id() == self.me;
        match self.disk.undecided.get(&(height, id)).cloned() {
            Some(bytes) if mine => self.publish(height, round, pol_round, id, &bytes),
            _ => Ok(Vec::new()),
        }
    }

    fn publish(&mut self, height: Height, round: u32, pol: Option<u32>, id: Hash, bytes: &[u8]) -> Result<Vec<Part>, Stopped> {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let head = Head { height, round, pol_round: pol, publisher: self.me, block: id, len };
        let parts = cut(head, self.signer.head(&head), bytes).map_err(|e| e.to_string())?;
        self.parts.insert((height, round, id), parts.clone());
        Ok(parts)
    }

    /// Takes in a proposal's parts. Gives what is found of it once its height is under way; parts that make no block of their round's
    /// proposer are dropped.
    pub fn receive(&mut self, parts: Vec<Part>, now: Millis) -> Result<Option<ProposedValue<Leither>>, Stopped> {
        let mut assembly = Assembly::default();
        let mut whole = None;
        for part in parts.iter().cloned() {
            match assembly.add(part) {
                Ok(bytes) => whole = bytes.or(whole),
                Err(_) => return Ok(None),
            }
        }
        let (Some(bytes), Some((head, signature))) = (whole, assembly.head().copied()) else { return Ok(None) };
        let publisher = self.validators.proposer(head.height, head.round);
        let signed = publisher.id() == head.publisher && head.is_signed_by(&self.chain, publisher.key(), &signature);
        let near = (self.next_height()..self.next_height() + HEIGHTS_AHEAD).contains(&head.height);
        let block = codec::decode_within::<Block>(&bytes, BLOCK_BYTES_MAX).ok().filter(|b| b.id() == head.block);
        let fits = block.is_some_and(|b| b.header.height == head.height);
        if !signed || !near || !fits {
            return Ok(None);
        }
        self.disk.undecided.insert((head.height, head.block), bytes);
        self.parts.insert((head.height, head.round, head.block), parts);
        self.disk.heads.insert((head.height, head.round, head.pol_round, head.publisher, head.block));
        if head.height != self.next_height() {
            return Ok(None);
        }
        self.judge(head.height, head.round, head.pol_round, head.publisher, head.block, now).map(Some)
    }

    /// All that this node holds of a round: said again when the round begins.
    pub fn held(&mut self, height: Height, round: u32, now: Millis) -> Result<Vec<ProposedValue<Leither>>, Stopped> {
        let heads: Vec<_> = self.disk.heads.iter().filter(|head| (head.0, head.1) == (height, round)).copied().collect();
        heads.into_iter().map(|(height, round, pol, by, id)| self.judge(height, round, pol, by, id, now)).collect()
    }

    /// A block that came with its certificate, from another node's history.
    pub fn synced(
        &mut self,
        bytes: &[u8],
        round: u32,
        by: ValidatorId,
        now: Millis,
    ) -> Result<Option<ProposedValue<Leither>>, Stopped> {
        let Ok(block) = codec::decode_within::<Block>(bytes, BLOCK_BYTES_MAX) else { return Ok(None) };
        let (height, id) = (block.header.height, block.id());
        self.disk.undecided.insert((height, id), bytes.to_vec());
        self.judge(height, round, None, by, id, now).map(Some)
    }

    fn judge(
        &mut self,
        height: Height,
        round: u32,
        pol: Option<u32>,
        by: ValidatorId,
        id: Hash,
        now: Millis,
    ) -> Result<ProposedValue<Leither>, Stopped> {
        let valid = self.bug == Some(Bug::AcceptsUnexecuted) || self.is_valid(height, id, now)?;
        Ok(ProposedValue {
            height: BlockHeight(height),
            round: Round::new(round),
            valid_round: Round::from(pol),
            proposer: Address(by),
            value: Value(id),
            validity: Validity::from_bool(valid),
        })
    }

    fn is_valid(&mut self, height: Height, id: Hash, now: Millis) -> Result<bool, Stopped> {
        if self.outcomes.contains_key(&id) {
            return Ok(true);
        }
        let Some(block) = self.undecided(height, id) else { return Ok(false) };
        if block.header.time > now.saturating_add(AHEAD_MS_MAX) {
            return Ok(false);
        }
        match execute(&self.disk.parent(), &block, &self.verified) {
            Ok(outcome) => {
                self.outcomes.insert(id, outcome);
                Ok(true)
            }
            Err(Refused::Invalid(_)) => Ok(false),
            Err(Refused::Fault(fault)) => Err(fault.to_string()),
        }
    }

    fn undecided(&self, height: Height, id: Hash) -> Option<Block> {
        codec::decode_trusted(self.disk.undecided.get(&(height, id))?).ok()
    }

    /// commit, record: the decided block becomes the head, and the pool follows.
    pub fn commit(&mut self, decided: &CommitCertificate<Leither>) -> Result<(), Stopped> {
        let certificate = certificate(decided).map_err(|e| e.to_string())?;
        let (height, id) = (certificate.height, certificate.block);
        let block = self.undecided(height, id).ok_or(format!("decided block {id} of height {height}, which is not here"))?;
        let mut outcome = match self.outcomes.remove(&id) {
            Some(outcome) => outcome,
            None => execute(&self.disk.parent(), &block, &self.verified).map_err(|e| format!("decided block {id}: {e}"))?,
        };
        if self.bug == Some(Bug::ReceiptsOrder) {
            outcome.receipts.reverse();
        }
        self.pool.committed(block.txs.iter());
        self.pool.expire(block.header.time);
        for tx in &block.txs {
            self.verified.0.remove(&SignedTx::full_hash(tx));
        }
        let decided = Decided { block, certificate, receipts: outcome.receipts };
        self.disk.commit(decided, &outcome.writes).map_err(|e| e.to_string())?;
        self.outcomes.clear();
        self.parts.retain(|(of, ..), _| *of > height);
        self.validators = Validators::new(outcome.validators).map_err(|e| e.to_string())?;
        Ok(())
    }
}

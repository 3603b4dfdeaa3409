//! The chain's half of a simulated node: pool, executor and disk, as `node/engine` puts them together.

use crate::checks::Checks;
use crate::disk::{Decided, Disk};
use crate::hands::QUEUE;
use crate::plan::Bug;
use crate::villains::Villain;
use arc_malachitebft_core_consensus::ProposedValue;
use arc_malachitebft_core_types as bft;
use bft::{CommitCertificate, Round, Validity};
use leither_consensus::{Address, Assembly, BlockHeight, Head, Leither, Part, Signer, Validators, Value, certificate, cut};
use leither_executor::{Draft, Outcome, Parent, Refused, admissible, build, check_form, contracts_max, execute};
use leither_pallets::{BlockInfo, params, staking};
use leither_pool::{Entry, Limits, Pool, Wanted};
use leither_state::{Fault, HoldingProof, Overlay};
use leither_types::{
    AccountId, BLOCK_BYTES_MAX, BLOCK_TXS_MAX, Block, Certificate, Evidence, Hash, Height, Millis, SignedTx, TokenId,
    VALIDATORS_MAX, ValidatorId, ValidatorSet, codec,
};
use parity_scale_codec::Encode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A block may be stamped so far ahead of the clock of who checks it.
const AHEAD_MS_MAX: u64 = 500;
/// Proposals are kept of the height under way and so many after it, and of rounds no further ahead than this (CONS-7).
const AHEAD: (u64, u32) = (1, 1);
/// Blocks of one round that are looked at: an honest proposer has one.
const BLOCKS_A_ROUND: usize = 2;

/// Why a node stops: the sentence that an operator would read.
pub type Stopped = String;

/// Pool, executor and disk of one node.
pub struct App {
    chain: Hash,
    /// By the key that it votes with, or would.
    pub me: ValidatorId,
    /// With that key.
    pub signer: Signer,
    /// With each of its keys.
    signers: Vec<Signer>,
    /// What outlives a crash.
    pub disk: Disk,
    /// Who voted on the newest block.
    pub voted: Validators,
    /// Who votes on the next block.
    pub validators: Validators,
    /// Who votes on the block after it.
    after: Validators,
    /// The newest block's certificate with the votes that came late: this node's next proposal pays and misses by it.
    wider: Option<Certificate>,
    /// Whether its blocks accuse whom it can prove to have signed twice.
    accuses: bool,
    /// The height and round under way.
    pub round: (Height, u32),
    pool: Pool,
    checks: Checks,
    /// The parts of proposals, as they can be sent again, by height, round and block.
    parts: BTreeMap<(Height, u32, Hash), Vec<Part>>,
    outcomes: BTreeMap<Hash, Outcome>,
    /// A villain's other block of a round.
    seconds: BTreeMap<(Height, u32), (Hash, Vec<Part>)>,
    pub(crate) villain: Option<Box<dyn Villain>>,
    bug: Option<Bug>,
}

/// How a node is other than a plain one.
#[derive(Default)]
pub(crate) struct Manner {
    /// Who acts in it.
    pub villain: Option<Box<dyn Villain>>,
    /// A planted mistake.
    pub bug: Option<Bug>,
    /// Whether its blocks accuse.
    pub accuses: bool,
}

/// How much a node keeps because others told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load {
    /// Messages for later heights.
    pub queued: usize,
    /// Blocks that are not decided.
    pub blocks: usize,
    /// Mentions of blocks in rounds.
    pub mentions: usize,
}

/// Undecided blocks, and mentions of blocks, that a node may come to hold: two a round of this height and the next, for more rounds than a
/// run has ever needed for a height.
const BLOCKS_MAX: usize = 200;

impl Load {
    /// Whether others have made a node keep more than its bounds allow.
    pub fn is_too_much(&self) -> bool {
        self.queued > QUEUE.0 * QUEUE.1 || self.blocks.max(self.mentions) > BLOCKS_MAX
    }
}

impl App {
    /// On what the disk holds, with these keys.
    pub(crate) fn new(signers: Vec<Signer>, disk: Disk, checks: Checks, manner: Manner) -> Result<Self, Stopped> {
        let state = disk.state();
        let engine = |set: Result<ValidatorSet, Fault>| {
            set.map_err(|e| e.to_string()).and_then(|set| Validators::new(set).map_err(|e| e.to_string()))
        };
        let signer = signers.first().cloned().ok_or("a machine without a key")?;
        let Manner { villain, bug, accuses } = manner;
        let mut app = Self {
            chain: *signer.chain(),
            me: ValidatorId::of_key(&signer.public()),
            signer,
            signers,
            round: (disk.height() + 1, 0),
            voted: engine(staking::views::set_before(&*state))?,
            validators: engine(staking::views::set(&*state))?,
            after: engine(staking::views::set_after(&*state))?,
            wider: None,
            accuses,
            disk,
            pool: Pool::new(Limits::default()),
            checks,
            parts: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            seconds: BTreeMap::new(),
            villain,
            bug,
        };
        app.choose_key();
        Ok(app)
    }

    /// Takes the key that votes on the next height, else on the one after it, else keeps what it has. Says whether that is another one.
    pub fn choose_key(&mut self) -> bool {
        let seated = |set: &Validators| {
            self.signers.iter().find(|signer| set.seat(&ValidatorId::of_key(&signer.public())).is_some()).cloned()
        };
        let Some(signer) = seated(&self.validators).or_else(|| seated(&self.after)) else { return false };
        let (me, before) = (ValidatorId::of_key(&signer.public()), self.me);
        self.me = me;
        self.signer = signer;
        me != before
    }

    /// What the next block stands on, its certificate as wide as this node knows it.
    fn parent(&self) -> Parent {
        let mut parent = self.disk.parent();
        if let Some(wider) = &self.wider {
            parent.certificate = wider.clone();
        }
        parent
    }

    /// Late votes for the newest block came in.
    pub fn widen(&mut self, certificate: Certificate) {
        let known = self.disk.parent().certificate;
        let same = (certificate.height, certificate.round, certificate.block) == (known.height, known.round, known.block);
        if same && certificate.signatures.len() > known.signatures.len() {
            self.wider = Some(certificate);
        }
    }

    /// EVIDENCE-3: keeps a proof for this node's next blocks. Villains keep none against themselves.
    pub fn accuse(&mut self, proof: Evidence) {
        let known = &mut self.disk.evidence;
        let own = self.villain.is_some() && proof.offender() == self.me;
        if !own && known.len() < VALIDATORS_MAX && known.iter().all(|other| other.offender() != proof.offender()) {
            known.push(proof);
        }
    }

    /// Drops what convicts nobody any more.
    fn forgive(&mut self) -> Result<(), Fault> {
        let (state, time, mut kept) = (self.disk.state(), self.disk.parent().time, Vec::new());
        for proof in self.disk.evidence.drain(..) {
            if staking::check_evidence(&*state, &self.chain, time, std::slice::from_ref(&proof))?.is_ok() {
                kept.push(proof);
            }
        }
        self.disk.evidence = kept;
        Ok(())
    }

    /// What a block of this node says of itself.
    fn draft(&self, time: Millis) -> Draft {
        let evidence = if self.accuses { self.disk.evidence.clone() } else { Vec::new() };
        Draft { time, proposer: self.me, evidence }
    }

    /// The signatures of this run.
    pub(crate) fn checks(&self) -> &Checks {
        &self.checks
    }

    /// The height under way.
    pub fn next_height(&self) -> Height {
        self.disk.height() + 1
    }

    /// admit: form, signatures, state, pool, as the node's ingress does. Says whether the pool has it now and whether that is news.
    pub fn admit(&mut self, bytes: &[u8], now: Millis) -> Result<(bool, bool), Stopped> {
        let fault = |e: Fault| e.to_string();
        let Ok((tx, weights)) = check_form(bytes, &self.chain) else { return Ok((false, false)) };
        if self.pool.get(&tx.id()).is_some() {
            return Ok((true, false));
        }
        if !self.checks.tx(&tx) {
            return Ok((false, false));
        }
        let state = self.disk.state();
        let info = BlockInfo {
            chain: self.chain,
            height: self.next_height(),
            time: now,
            params: params::views::params(&*state).map_err(fault)?,
            contracts: Default::default(),
        };
        let base_fee = params::views::base_fee_at(&*state).map_err(fault)?;
        let (next, can_pay) = match admissible(&Overlay::new(state), &info, base_fee, &tx, weights.all).map_err(fault)? {
            Ok(known) => known,
            Err(_) => return Ok((false, false)),
        };
        let entry = Entry { can_pay, contracts: weights.contracts, ..Entry::new(Arc::new(tx), weights.all) };
        let is_in = self.pool.insert(entry, next).is_in();
        Ok((is_in, is_in))
    }

    /// propose: a block on the head, from the pool's best; after a crash the same one as before.
    pub fn propose(&mut self, height: Height, round: u32, now: Millis) -> Result<(Hash, Vec<Part>), Stopped> {
        let known = self.disk.built.get(&(height, round)).copied();
        if let Some((id, bytes)) = known.and_then(|id| Some((id, self.disk.undecided.get(&(height, id))?.clone()))) {
            return Ok((id, self.publish(height, round, None, id, &bytes)?));
        }
        let fault = |e: Fault| e.to_string();
        let parent = self.parent();
        let rules = params::views::params(&*parent.state).map_err(fault)?;
        let wanted = Wanted {
            txs: BLOCK_TXS_MAX,
            bytes: rules.block_bytes_max as usize,
            weight: rules.block_weight_max,
            contracts: contracts_max(&rules),
            base_fee: params::views::base_fee_at(&*parent.state).map_err(fault)?,
            now,
        };
        let mut candidates = self.pool.best(&wanted);
        if let Some(villain) = &mut self.villain {
            candidates = villain.choose(candidates);
        }
        let draft = self.draft(now);
        let (mut block, mut outcome, unfit) = build(&parent, &draft, &candidates, &self.checks).map_err(fault)?;
        for (tx, _) in unfit {
            self.pool.remove(&tx);
        }
        if self.bug == Some(Bug::PaysTwice) {
            self.pay_twice(&parent, &mut outcome)?;
            block.header.state_root = outcome.state_root;
        }
        if let Some(villain) = &mut self.villain {
            block = villain.bend(block);
        }
        if self.villain.as_ref().is_some_and(|villain| villain.builds_two()) {
            self.build_second(height, round, &block, &candidates)?;
        }
        let (id, bytes) = (block.id(), block.encode());
        self.outcomes.insert(id, outcome);
        self.disk.undecided.insert((height, id), bytes.clone());
        self.disk.built.insert((height, round), id);
        Ok((id, self.publish(height, round, None, id, &bytes)?))
    }

    /// Another good block of the same round, a millisecond later.
    fn build_second(&mut self, height: Height, round: u32, first: &Block, candidates: &[Arc<SignedTx>]) -> Result<(), Stopped> {
        let draft = self.draft(first.header.time.saturating_add(1));
        let (block, ..) = build(&self.parent(), &draft, candidates, &self.checks).map_err(|e| e.to_string())?;
        let (id, bytes) = (block.id(), block.encode());
        self.disk.undecided.insert((height, id), bytes.clone());
        let parts = self.publish(height, round, None, id, &bytes)?;
        self.seconds.insert((height, round), (id, parts));
        Ok(())
    }

    /// A villain's other block of a round, if it has one.
    pub fn second(&self, height: Height, round: u32) -> Option<&(Hash, Vec<Part>)> {
        self.seconds.get(&(height, round))
    }

    /// The blocks of a round that this node has.
    pub fn blocks_of(&self, height: Height, round: u32) -> Vec<Hash> {
        let range = (height, round, Hash([0; 32]))..=(height, round, Hash([0xff; 32]));
        self.parts.range(range).map(|((.., id), _)| *id).collect()
    }

    /// What this node keeps because others told it; the queue is the engine's.
    pub fn load(&self) -> Load {
        Load { queued: 0, blocks: self.disk.undecided.len(), mentions: self.disk.heads.len().max(self.parts.len()) }
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
        let signature = self.signer.head(&head);
        self.checks.made(&self.signer.public(), &head.sign_bytes(&self.chain), &signature);
        let parts = cut(head, signature, bytes).map_err(|e| e.to_string())?;
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
        if !self.is_timely(&head) {
            return Ok(None);
        }
        let voters = if head.height == self.next_height() { &self.validators } else { &self.after };
        let publisher = voters.proposer(head.height, head.round);
        let signed =
            publisher.id() == head.publisher && self.checks.verify(publisher.key(), &head.sign_bytes(&self.chain), &signature);
        let block = codec::decode_within::<Block>(&bytes, BLOCK_BYTES_MAX).ok().filter(|b| b.id() == head.block);
        let fits = block.is_some_and(|b| b.header.height == head.height);
        if !signed || !fits {
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

    /// CONS-7: whether a block is of a round that can come soon, and not one too many of it.
    fn is_timely(&self, head: &Head) -> bool {
        let (height, round) = if head.height == self.round.0 { self.round } else { (self.next_height(), 0) };
        let near = head.height.checked_sub(height).is_some_and(|ahead| ahead <= AHEAD.0);
        let known = self.blocks_of(head.height, head.round);
        near && head.round <= round.saturating_add(AHEAD.1) && (known.len() < BLOCKS_A_ROUND || known.contains(&head.block))
    }

    /// All that this node holds of a round: said again when the round begins.
    pub fn held(&mut self, height: Height, round: u32, now: Millis) -> Result<Vec<ProposedValue<Leither>>, Stopped> {
        let heads: Vec<_> = self.disk.heads.iter().filter(|head| (head.0, head.1) == (height, round)).copied().collect();
        heads.into_iter().map(|(height, round, pol, by, id)| self.judge(height, round, pol, by, id, now)).collect()
    }

    /// ENGINE-6: a block that came with its certificate, from another node's history. Two thirds have taken it: what this node's clock says
    /// of it counts no more.
    pub fn synced(&mut self, bytes: &[u8], round: u32, by: ValidatorId) -> Result<Option<ProposedValue<Leither>>, Stopped> {
        let Ok(block) = codec::decode_within::<Block>(bytes, BLOCK_BYTES_MAX) else { return Ok(None) };
        let (height, id) = (block.header.height, block.id());
        self.disk.undecided.insert((height, id), bytes.to_vec());
        self.judge(height, round, None, by, id, Millis::MAX).map(Some)
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
        match self.execute(&block) {
            Ok(outcome) => {
                self.outcomes.insert(id, outcome);
                Ok(true)
            }
            Err(Refused::Invalid(_)) => Ok(false),
            Err(Refused::Fault(fault)) => Err(fault.to_string()),
        }
    }

    /// execute: with all signatures looked up where another node has verified them already.
    fn execute(&self, block: &Block) -> Result<Outcome, Refused> {
        let mut parent = self.parent();
        for tx in &block.txs {
            self.checks.tx(tx);
        }
        // The certificate in the block may have other signers than the one that this node holds. It is the executor's to judge; only
        // where all of its signatures are known to be good, and enough, is it taken for the one that needs no second look.
        let certificate = &block.last_certificate;
        if *certificate != parent.certificate && self.checks.is_proof(&parent, certificate)? {
            parent.certificate = certificate.clone();
        }
        if self.bug == Some(Bug::PaysTwice) {
            return self.execute_twice(parent, block);
        }
        execute(&parent, block, &self.checks)
    }

    fn undecided(&self, height: Height, id: Hash) -> Option<Block> {
        codec::decode_trusted(self.disk.undecided.get(&(height, id))?).ok()
    }

    /// What a light client is told of an account's `mei`.
    pub fn prove(&self, id: &AccountId) -> HoldingProof {
        match self.bug {
            Some(Bug::ForgesAbsence) => self.forged_absence(id),
            _ => self.disk.state().ledger().prove_holding(&TokenId::NATIVE, id),
        }
    }

    /// commit, record: the decided block becomes the head, and the pool follows.
    pub fn commit(&mut self, decided: &CommitCertificate<Leither>) -> Result<(), Stopped> {
        let certificate = certificate(decided).map_err(|e| e.to_string())?;
        let (height, id) = (certificate.height, certificate.block);
        let block = self.undecided(height, id).ok_or(format!("decided block {id} of height {height}, which is not here"))?;
        let mut outcome = match self.outcomes.remove(&id) {
            Some(outcome) => outcome,
            None => self.execute(&block).map_err(|e| format!("decided block {id}: {e}"))?,
        };
        if self.bug == Some(Bug::ReceiptsOrder) {
            outcome.receipts.reverse();
        }
        self.pool.committed(block.txs.iter());
        self.pool.expire(block.header.time);
        let decided = Decided { block, certificate, receipts: outcome.receipts };
        self.disk.commit(decided, &outcome.writes).map_err(|e| e.to_string())?;
        self.outcomes.clear();
        self.parts.retain(|(of, ..), _| *of > height);
        self.seconds.retain(|(of, _), _| *of > height);
        self.round = (height + 1, 0);
        self.wider = None;
        self.forgive().map_err(|e| e.to_string())?;
        self.voted = self.validators.clone();
        if self.bug != Some(Bug::KeepsStaleSet) {
            self.move_on(outcome.validators)?;
        }
        Ok(())
    }

    /// Who votes next, and after that.
    fn move_on(&mut self, next: ValidatorSet) -> Result<(), Stopped> {
        let engine = |set: ValidatorSet| Validators::new(set).map_err(|e| e.to_string());
        if next != *self.validators.set() {
            self.validators = engine(next)?;
        }
        let after = staking::views::set_after(&*self.disk.state()).map_err(|e| e.to_string())?;
        if after != *self.after.set() {
            self.after = engine(after)?;
        }
        Ok(())
    }
}

use crate::form::{self, Content, Weights};
use crate::run::{run_tx, touched_by, write_events};
use crate::validity::{Unfit, Verified};
use leither_pallets::wasm::Contracts;
use leither_pallets::{BlockInfo, Ctx, Ending, Event, Origin, TxInfo, end_block, params, staking};
use leither_state::{Fault, Overlay, Read, WriteSet};
use leither_types::{
    AccountId, Amount, BLOCK_TXS_MAX, BLOCK_VERSION, Block, Certificate, EVENTS_MAX, EVIDENCE_MAX, Evidence, Hash, Header,
    Height, List, Millis, Params, Receipt, SignedTx, Status, TxId, ValidatorId, ValidatorSet, Weight, list_root,
};
use parity_scale_codec::Encode;
use std::sync::Arc;

/// What a block stands on.
#[derive(Clone)]
pub struct Parent {
    /// The chain's id.
    pub chain: Hash,
    /// The parent's number; 0 is genesis.
    pub height: Height,
    /// The parent's id; the zero hash at genesis.
    pub id: Hash,
    /// The parent's time.
    pub time: Millis,
    /// That the parent is final; [`Certificate::genesis`] at genesis.
    pub certificate: Certificate,
    /// The state after the parent.
    pub state: Arc<dyn Read>,
    /// What runs contracts.
    pub contracts: Contracts,
}

/// What a proposer adds of its own.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its clock, in ms. Where that is too early for the parent, the block bears the earliest time that is not.
    pub time: Millis,
    /// Its name.
    pub proposer: ValidatorId,
    /// What it knows of misbehaviour; what does not convince is left out.
    pub evidence: Vec<Evidence>,
}

/// What a block does.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// To the state.
    pub writes: WriteSet,
    /// The state's root after it.
    pub state_root: Hash,
    /// One a transaction, in order; one more, of the zero id, where the block's end did something.
    pub receipts: Vec<Receipt>,
    /// Who votes on the next block.
    pub validators: ValidatorSet,
    /// Whose histories it belongs to: (index of the receipt, account).
    pub touched: Vec<(u32, AccountId)>,
    /// What its transactions weigh together.
    pub weight: Weight,
}

/// Why a block cannot stand (EXEC-2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A field of the header is not what parent and content make it.
    #[error("the header's {0} is wrong")]
    Header(&'static str),
    /// The parent's certificate does not prove it final.
    #[error("the parent's certificate is not valid")]
    Certificate,
    /// EVIDENCE-2.
    #[error("evidence {index}: {why}")]
    Evidence {
        /// Which.
        index: usize,
        /// Why.
        why: staking::Unconvincing,
    },
    /// Too long or too heavy.
    #[error("the block exceeds its bound of {0}")]
    TooBig(&'static str),
    /// A transaction that cannot stand in it.
    #[error("transaction {index}: {why}")]
    Tx {
        /// Which.
        index: usize,
        /// Why.
        why: Unfit,
    },
}

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The block's fault: every node refuses it.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// This machine's (EXEC-3).
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn check(fine: bool, what: &'static str) -> Result<(), Invalid> {
    if fine { Ok(()) } else { Err(Invalid::Header(what)) }
}

/// Applies `block` to `parent` (EXEC-1).
pub fn execute(parent: &Parent, block: &Block, verified: &dyn Verified) -> Result<Outcome, Refused> {
    let header = &block.header;
    let set = staking::views::set(&*parent.state)?;
    let params = params::views::params(&*parent.state)?;
    check_header(parent, block, &set, &params)?;
    if let Err((index, why)) = staking::check_evidence(&*parent.state, &parent.chain, parent.time, &block.evidence)? {
        return Err(Invalid::Evidence { index, why }.into());
    }
    let mut fold = Fold::new(parent, header.time, params)?;
    // BLOCK-6, here and for the weight.
    if block.encoded_size() > fold.info.params.block_bytes_max as usize {
        return Err(Invalid::TooBig("bytes").into());
    }
    for (index, tx) in block.txs.iter().enumerate() {
        let unfit = |why| Invalid::Tx { index, why };
        let content = form::content(tx, &parent.chain).map_err(|why| unfit(why.into()))?;
        if let Err(why) = fold.push(tx, &content, verified)? {
            return Err(unfit(why).into());
        }
        if fold.weight > fold.info.params.block_weight_max {
            return Err(Invalid::TooBig("weight").into());
        }
        if fold.contracts > contracts_max(&fold.info.params) {
            return Err(Invalid::TooBig("contracts").into());
        }
    }
    let outcome = fold.finish(&block.last_certificate, &block.evidence, &header.proposer)?;
    // BLOCK-3.
    check(header.receipts_root == receipts_root(&outcome.receipts), "receipts root")?;
    // BLOCK-4.
    check(header.next_validators == outcome.validators.hash(), "next validators")?;
    check(header.state_root == outcome.state_root, "state root")?;
    Ok(outcome)
}

/// BLOCK-7: gas is a bound on time that rests on measurements; half of a block rests on nothing of the kind.
pub fn contracts_max(params: &Params) -> Weight {
    params.block_weight_max / 2
}

/// PACE-6: the earliest time that a block on this parent may bear, by the parent's rules. However soon a proposer's turn comes, a block is
/// no closer to the one before.
fn earliest(parent: &Parent, params: &Params) -> Millis {
    parent.time.saturating_add(params.pulse_min_ms.min(params.pulse_ms).max(1))
}

/// What parent and content make of a header, and that the parent is final.
fn check_header(parent: &Parent, block: &Block, set: &ValidatorSet, params: &Params) -> Result<(), Refused> {
    let header = &block.header;
    // BLOCK-1.
    check(header.version == BLOCK_VERSION, "version")?;
    check(header.chain == parent.chain, "chain")?;
    check(header.height == parent.height.wrapping_add(1), "height")?;
    check(header.parent == parent.id, "parent")?;
    check(header.time > parent.time && header.time >= earliest(parent, params), "time")?;
    // BLOCK-2.
    check(set.get(&header.proposer).is_some(), "proposer")?;
    // BLOCK-4, and in `execute` what only execution shows.
    check(header.validators == set.hash(), "validators")?;
    // BLOCK-3; the receipts' root in `execute`.
    check(header.evidence_root == Block::evidence_root(&block.evidence), "evidence root")?;
    check(header.last_certificate == block.last_certificate.hash(), "last certificate")?;
    check(header.txs_root == Block::txs_root(&block.txs), "transactions root")?;
    // BLOCK-5.
    let certificate = &block.last_certificate;
    let fine = if parent.height == 0 {
        *certificate == Certificate::genesis()
    } else {
        // The very certificate that this node holds needs no second look.
        certificate.height == parent.height
            && certificate.block == parent.id
            && (*certificate == parent.certificate
                || certificate.is_valid(&parent.chain, &staking::views::set_before(&*parent.state)?))
    };
    if fine { Ok(()) } else { Err(Invalid::Certificate.into()) }
}

/// Makes a block of `candidates`, in their order, as many as fit. Also says which are unfit, to be dropped from the pool.
pub fn build(
    parent: &Parent,
    draft: &Draft,
    candidates: &[Arc<SignedTx>],
    verified: &dyn Verified,
) -> Result<(Block, Outcome, Vec<(TxId, Unfit)>), Fault> {
    let set = staking::views::set(&*parent.state)?;
    let params = params::views::params(&*parent.state)?;
    let time = draft.time.max(earliest(parent, &params));
    let mut fold = Fold::new(parent, time, params)?;
    let mut unfit = Vec::new();
    let mut txs = Vec::new();
    // Header and certificate come before the transactions.
    let evidence = convincing(parent, &draft.evidence)?;
    let fixed = parent.certificate.encoded_size() + evidence.encoded_size() + HEADER_BYTES_MAX;
    let empty = (fold.info.params.block_bytes_max as usize).saturating_sub(fixed);
    let mut room = empty;
    for tx in candidates {
        let bytes = tx.encoded_size();
        let content = match form::content(tx, &parent.chain) {
            Ok(content) => content,
            Err(why) => {
                unfit.push((tx.id(), why.into()));
                continue;
            }
        };
        let (Weights { all: weight, contracts }, contracts_max) = (content.weights, contracts_max(&fold.info.params));
        if bytes > empty || weight > fold.info.params.block_weight_max || contracts > contracts_max {
            // BLOCK-6: no block has room for it; it shall not keep others out of this one.
            continue;
        }
        let heavy = fold.weight.saturating_add(weight) > fold.info.params.block_weight_max
            || fold.contracts.saturating_add(contracts) > contracts_max;
        if bytes > room || heavy || txs.len() >= BLOCK_TXS_MAX {
            break;
        }
        match fold.push(tx, &content, verified)? {
            Ok(()) => {
                room -= bytes;
                txs.push(SignedTx::clone(tx));
            }
            Err(why) => unfit.push((tx.id(), why)),
        }
    }
    let outcome = fold.finish(&parent.certificate, &evidence, &draft.proposer)?;
    let header = Header {
        version: BLOCK_VERSION,
        chain: parent.chain,
        height: parent.height.checked_add(1).ok_or_else(|| Fault::Corrupt("no height is left".into()))?,
        time,
        parent: parent.id,
        proposer: draft.proposer,
        state_root: outcome.state_root,
        txs_root: Block::txs_root(&txs),
        receipts_root: receipts_root(&outcome.receipts),
        evidence_root: Block::evidence_root(&evidence),
        last_certificate: parent.certificate.hash(),
        validators: set.hash(),
        next_validators: outcome.validators.hash(),
    };
    let txs = List::new(txs).ok_or_else(|| Fault::Corrupt("more transactions than a block holds".into()))?;
    Ok((Block { header, last_certificate: parent.certificate.clone(), txs, evidence }, outcome, unfit))
}

/// EVIDENCE-2: of what a proposer knows, what may stand in a block: in its order, as much as fits.
fn convincing(parent: &Parent, known: &[Evidence]) -> Result<List<Evidence, EVIDENCE_MAX>, Fault> {
    let mut chosen: Vec<Evidence> = Vec::new();
    for proof in known {
        if chosen.len() >= EVIDENCE_MAX {
            break;
        }
        chosen.push(proof.clone());
        if staking::check_evidence(&*parent.state, &parent.chain, parent.time, &chosen)?.is_err() {
            chosen.pop();
        }
    }
    List::new(chosen).ok_or_else(|| Fault::Corrupt("more evidence than a block holds".into()))
}

/// A header's fixed size is less than this.
const HEADER_BYTES_MAX: usize = 512;

/// The root over receipts, for the header.
pub(crate) fn receipts_root(receipts: &[Receipt]) -> Hash {
    list_root(&receipts.iter().map(Receipt::hash).collect::<Vec<_>>())
}

/// A block under way.
struct Fold {
    state: Overlay,
    info: BlockInfo,
    base_fee: Amount,
    receipts: Vec<Receipt>,
    touched: Vec<(u32, AccountId)>,
    fees: Amount,
    weight: Weight,
    /// BLOCK-7.
    contracts: Weight,
}

impl Fold {
    fn new(parent: &Parent, time: Millis, params: Params) -> Result<Self, Fault> {
        let state = Overlay::new(parent.state.clone());
        let base_fee = params::views::base_fee(&state)?;
        let info = BlockInfo {
            chain: parent.chain,
            height: parent.height.wrapping_add(1),
            time,
            params,
            contracts: parent.contracts.clone(),
        };
        Ok(
            Self {
                state,
                info,
                base_fee,
                receipts: Vec::new(),
                touched: Vec::new(),
                fees: Amount::ZERO,
                weight: 0,
                contracts: 0,
            },
        )
    }

    fn push(&mut self, tx: &SignedTx, content: &Content, verified: &dyn Verified) -> Result<Result<(), Unfit>, Fault> {
        let ran = match run_tx(&mut self.state, &self.info, self.base_fee, tx, content, verified)? {
            Ok(ran) => ran,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let broken = || Fault::Corrupt("fees beyond the supply".into());
        self.fees = self.fees.plus(ran.receipt.fee).ok_or_else(broken)?;
        self.weight = self.weight.saturating_add(ran.receipt.weight);
        self.contracts = self.contracts.saturating_add(content.weights.contracts);
        let index = self.receipts.len() as u32;
        self.touched.extend(ran.touched.into_iter().map(|who| (index, who)));
        self.receipts.push(ran.receipt);
        Ok(Ok(()))
    }

    fn finish(mut self, certificate: &Certificate, evidence: &[Evidence], proposer: &ValidatorId) -> Result<Outcome, Fault> {
        let empty = self.receipts.is_empty();
        let mut events: Vec<Event> = Vec::new();
        let mut ctx = Ctx {
            state: &mut self.state,
            block: &self.info,
            tx: TxInfo::default(),
            origin: Origin::Signed(&[]),
            proposal: 0,
            events: &mut events,
            created: 0,
        };
        let ending = Ending { fees: self.fees, used: self.weight, certificate, evidence, proposer, empty };
        end_block(&mut ctx, &ending)?;
        // The end of a block may do much; its events fill as many receipts as they need.
        for page in events.chunks(EVENTS_MAX) {
            let index = self.receipts.len() as u32;
            let mut touched: Vec<AccountId> = page.iter().flat_map(touched_by).collect();
            touched.sort_unstable();
            touched.dedup();
            self.touched.extend(touched.into_iter().map(|who| (index, who)));
            self.receipts.push(Receipt {
                tx: Hash::ZERO,
                status: Status::Done,
                weight: 0,
                fee: Amount::ZERO,
                events: write_events(page)?,
            });
        }
        let validators = staking::views::next_set(&self.state)?;
        let state_root = self.state.root()?;
        Ok(Outcome {
            writes: self.state.into_writes(),
            state_root,
            receipts: self.receipts,
            validators,
            touched: self.touched,
            weight: self.weight,
        })
    }
}

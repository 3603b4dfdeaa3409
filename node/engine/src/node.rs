//! What the engine's threads share: the tip, the pool, what was verified, the feed, and whether the node has to stop.

use crate::cache::VerifiedCache;
use crate::error::{NodeFault, StartError};
use crate::feed::Feed;
use crate::pacing::Load;
use leither_consensus::Validators;
use leither_executor::{Parent, contracts_max};
use leither_pallets::wasm::Contracts;
use leither_pallets::{BlockInfo, params, staking, work_due};
use leither_pool::{Pool, Wanted};
use leither_store::{Head, Store};
use leither_types::{Amount, Certificate, Evidence, Hash, Height, Millis, Params, VALIDATORS_MAX, ValidatorId};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};

/// The newest committed height and the rules for the next, read once a commit.
#[derive(Clone)]
pub struct Tip {
    /// The head.
    pub head: Arc<Head>,
    /// What the next block stands on.
    pub parent: Parent,
    /// The next block, were it made at the head's time.
    pub next: BlockInfo,
    /// The price of a unit of weight in the next block.
    pub base_fee: Amount,
    /// Who votes on the next block.
    pub validators: Validators,
    /// STAKING-9: who votes on the one after it.
    pub after: Validators,
    /// From which block time on a block's end has work of its own to do.
    pub due: Option<Millis>,
}

/// Shared by all of the engine.
pub struct Node {
    /// The chain's id.
    pub chain: Hash,
    /// STAKING-11: the newest rules that it plays by.
    rules_max: u32,
    /// What runs contracts.
    contracts: Contracts,
    /// This node as a validator: by which of its consensus keys, if it has any.
    me: RwLock<Option<ValidatorId>>,
    /// Where the engine's write-ahead log lies.
    pub wal: PathBuf,
    /// The database.
    pub store: Store,
    /// What has good signatures.
    pub verified: VerifiedCache,
    /// Who wants to know of commits.
    pub feed: Feed,
    /// Something has changed that the pace depends on.
    pub stir: Notify,
    /// The highest height that another validator was seen to have begun.
    pub called: AtomicU64,
    /// SIGN-5: this node signs nothing in heights up to this one, as it no longer knows all that it signed there. 0: it signs in all.
    abstain: AtomicU64,
    /// It has begun or ceased to abstain, or the set of validators changes.
    pub role: Notify,
    /// How often it has begun to: the engine that asked for the signature is of no use after that, whatever came meanwhile.
    pub refusals: AtomicU64,
    /// Held while a block is written: who begins the engine anew waits for it.
    pub writing: Mutex<()>,
    /// Peers in the consensus swarm.
    pub peers: AtomicUsize,
    /// Whether the last block came from another node's history.
    pub syncing: AtomicBool,
    /// ENGINE-11: the chain has gone on without this validator, and its swarm does not bring it what it lacks.
    pub lags: AtomicBool,
    /// What this node saw of misbehaviour that no block has punished yet.
    evidence: Mutex<Vec<Evidence>>,
    pool: Mutex<Pool>,
    tip: RwLock<Arc<Tip>>,
    fault: watch::Sender<Option<NodeFault>>,
}

/// Stops the node when the thread or task that holds it panics: half a node is none.
pub struct Alarm(pub Arc<Node>, pub &'static str);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(NodeFault::Stopped(self.1));
        }
    }
}

/// The clock: what blocks are stamped with and judged by.
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Tip {
    /// Reads the store, for a program that plays by rules up to `known`.
    pub fn read(chain: Hash, store: &Store, known: u32, contracts: Contracts) -> Result<Self, StartError> {
        let head = store.head()?;
        let state = store.snapshot()?;
        let rules = params::views::params(&*state)?;
        let base_fee = params::views::base_fee_at(&*state)?;
        // STAKING-11: whoever goes on by rules that it does not know decides otherwise than the rest.
        if !staking::knows_rules(rules.version) || rules.version > known {
            return Err(StartError::Rules { version: rules.version, known });
        }
        let validators = Validators::new(staking::views::set(&*state)?)?;
        let after = Validators::new(staking::views::set_after(&*state)?)?;
        let due = work_due(&*state)?;
        let next = BlockInfo { chain, height: head.height.saturating_add(1), time: head.time, params: rules, contracts };
        let parent = Parent {
            chain,
            height: head.height,
            id: head.id,
            time: head.time,
            certificate: head.certificate.clone(),
            state,
            contracts: next.contracts.clone(),
        };
        Ok(Self { head, parent, next, base_fee, validators, after, due })
    }

    /// The next height.
    pub fn next_height(&self) -> Height {
        self.next.height
    }

    /// Who votes on this height: the next one, or its successor.
    pub fn voters(&self, height: Height) -> Option<&Validators> {
        match height.checked_sub(self.next_height())? {
            0 => Some(&self.validators),
            1 => Some(&self.after),
            _ => None,
        }
    }

    /// Whether no other validator is needed for a block.
    pub fn is_alone(&self, me: Option<ValidatorId>) -> bool {
        self.validators.set().len() == 1 && me.is_some_and(|me| self.validators.seat(&me).is_some())
    }
}

impl Node {
    /// Puts the shared things together.
    pub fn new(
        chain: Hash,
        me: Option<ValidatorId>,
        wal: PathBuf,
        store: Store,
        pool: Pool,
        rules_max: u32,
        contracts: Contracts,
    ) -> Result<Self, StartError> {
        let tip = Tip::read(chain, &store, rules_max, contracts.clone())?;
        let evidence = store.evidence()?;
        Ok(Self {
            chain,
            rules_max,
            contracts,
            me: RwLock::new(me),
            wal,
            store,
            verified: VerifiedCache::default(),
            feed: Feed::default(),
            stir: Notify::new(),
            called: AtomicU64::new(0),
            abstain: AtomicU64::new(0),
            role: Notify::new(),
            refusals: AtomicU64::new(0),
            writing: Mutex::new(()),
            peers: AtomicUsize::new(0),
            syncing: AtomicBool::new(false),
            lags: AtomicBool::new(false),
            evidence: Mutex::new(evidence),
            pool: Mutex::new(pool),
            tip: RwLock::new(Arc::new(tip)),
            fault: watch::channel(None).0,
        })
    }

    /// The newest committed height and the rules for the next.
    pub fn tip(&self) -> Arc<Tip> {
        self.tip.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves the tip to what the store has now.
    pub fn renew_tip(&self) -> Result<Arc<Tip>, NodeFault> {
        let tip = Tip::read(self.chain, &self.store, self.rules_max, self.contracts.clone()).map_err(|e| match e {
            StartError::State(fault) => NodeFault::State(fault),
            StartError::Rules { version, known } => NodeFault::Rules { version, known },
            other => NodeFault::State(leither_state::Fault::Corrupt(other.to_string())),
        })?;
        let tip = Arc::new(tip);
        *self.tip.write().unwrap_or_else(PoisonError::into_inner) = tip.clone();
        self.forgive(&tip)?;
        Ok(tip)
    }

    /// Late votes for the head: the next block of this node pays whoever gave them, too, and counts no miss against them.
    pub fn widen(&self, certificate: Certificate) {
        let mut tip = self.tip.write().unwrap_or_else(PoisonError::into_inner);
        let known = &tip.parent.certificate;
        let is_wider = (certificate.height, certificate.round, certificate.block) == (known.height, known.round, known.block)
            && certificate.signatures.len() > known.signatures.len();
        if is_wider {
            let mut wider = Tip::clone(&tip);
            wider.parent.certificate = certificate;
            *tip = Arc::new(wider);
        }
    }

    /// This node as a validator.
    pub fn me(&self) -> Option<ValidatorId> {
        *self.me.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it votes by this key.
    pub fn vote_as(&self, me: Option<ValidatorId>) {
        *self.me.write().unwrap_or_else(PoisonError::into_inner) = me;
    }

    /// What the next proposal of this node accuses of.
    pub fn evidence(&self) -> Vec<Evidence> {
        self.evidence.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// EVIDENCE-3: keeps what was seen, on disk, until a block has punished it. One deed of an offender is enough.
    pub fn accuse(&self, proof: Evidence) -> Result<(), NodeFault> {
        let mut known = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= VALIDATORS_MAX || known.iter().any(|other| other.offender() == proof.offender()) {
            return Ok(());
        }
        self.store.put_evidence(&proof)?;
        known.push(proof);
        Ok(())
    }

    /// Drops what convicts nobody any more.
    fn forgive(&self, tip: &Tip) -> Result<(), NodeFault> {
        let mut known = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut kept, state) = (Vec::new(), &*tip.parent.state);
        for proof in known.drain(..) {
            match staking::check_evidence(state, &self.chain, tip.head.time, std::slice::from_ref(&proof))? {
                Ok(()) => kept.push(proof),
                Err((_, why)) => {
                    tracing::info!(validator = %proof.offender(), %why, "evidence dropped");
                    self.store.forget_evidence(&proof)?;
                }
            }
        }
        *known = kept;
        Ok(())
    }

    /// The pool. A thread that failed while it held the lock may have left it inconsistent, so that is a fault of the whole node.
    pub fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(|poisoned| {
            self.fail(NodeFault::Stopped("a thread that held the pool"));
            poisoned.into_inner()
        })
    }

    /// What is in the pool.
    pub fn load(&self) -> Load {
        let pool = self.pool();
        Load { txs: pool.len(), bytes: pool.bytes() }
    }

    /// Whether anything in the pool could enter a block now or when the price falls. What waits for another nonce could not: it must not
    /// drive the chain. What finds the price too high does: only pulses lower it.
    pub fn has_ready(&self, params: &Params) -> bool {
        let wanted = Wanted {
            txs: 1,
            bytes: params.block_bytes_max as usize,
            weight: params.block_weight_max,
            contracts: contracts_max(params),
            base_fee: params.base_fee_min,
            now: now(),
        };
        !self.pool().best(&wanted).is_empty()
    }

    /// Signs nothing from now on before this height is over.
    pub fn abstain_up_to(&self, height: Height) {
        tracing::warn!(
            height,
            "this node abstains until the others have passed this height: it may have signed in it what it no longer knows. Where they cannot \
             pass it without this one, and less than a third of the power lost its log, start it with --vote-again"
        );
        self.abstain.fetch_max(height, Ordering::Relaxed);
        self.refusals.fetch_add(1, Ordering::Relaxed);
        self.role.notify_one();
    }

    /// The height up to which this node signs nothing, while it lasts.
    pub fn abstains_up_to(&self) -> Option<Height> {
        let until = self.abstain.load(Ordering::Relaxed);
        (until >= self.tip().next_height()).then_some(until)
    }

    /// Whether this node must not sign in this height.
    pub fn abstains_in(&self, height: Height) -> bool {
        self.abstain.load(Ordering::Relaxed) >= height
    }

    /// A height is over.
    pub fn passed(&self, height: Height) {
        if self.abstain.load(Ordering::Relaxed) == height {
            tracing::info!(height, "this node votes again");
            self.role.notify_one();
        }
    }

    /// Whether this node votes on the next block.
    pub fn votes(&self, tip: &Tip) -> bool {
        self.me().is_some_and(|me| tip.validators.seat(&me).is_some()) && !self.abstains_in(tip.next_height())
    }

    /// Another validator has begun this height. Only the next one and its successor can be meant: the engine tells of messages before it
    /// has looked at their signatures.
    pub fn call(&self, height: Height) {
        if height > self.tip().next_height().saturating_add(1) {
            return;
        }
        if self.called.fetch_max(height, Ordering::Relaxed) < height {
            self.stir.notify_one();
        }
    }

    /// Stops the node. The first reason stands.
    pub fn fail(&self, fault: NodeFault) {
        self.fault.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                tracing::error!(%fault, "the node has to stop");
                *known = Some(fault);
            }
            first
        });
    }

    /// Why the node has to stop, if it has to.
    pub fn fault(&self) -> watch::Receiver<Option<NodeFault>> {
        self.fault.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_pool::Limits;
    use leither_types::{
        AccountId, GENESIS_VERSION, Genesis, GenesisHead, SecretKey, Text, Validator, ValidatorSet, Vote, VoteKind,
    };

    fn key(n: u8) -> SecretKey {
        SecretKey::from_seed(&[n; 32])
    }

    fn genesis() -> Genesis {
        let seat = |n: u8| Validator { key: key(n).public(), power: 1, operator: AccountId([n; 20]) };
        let head = GenesisHead {
            version: GENESIS_VERSION,
            name: Text::new("leither-test").unwrap(),
            time: 1_000,
            validators: ValidatorSet::new((1..=3).map(seat).collect()).unwrap(),
            params: Params::dev(),
            dev: true,
            allocations: Hash::ZERO,
            origin: None,
        };
        Genesis::new(head, Vec::new()).unwrap()
    }

    fn open(dir: &std::path::Path) -> Node {
        let genesis = genesis();
        let initial = || leither_executor::genesis_state(&genesis).map_err(|e| leither_state::Fault::Corrupt(e.to_string()));
        let store = Store::open(&dir.join("data"), &genesis.head, &initial).unwrap();
        let pool = Pool::new(Limits::default());
        Node::new(genesis.chain(), None, dir.join("wal"), store, pool, leither_types::RULES_VERSION, Contracts::default())
            .unwrap()
    }

    /// Validator `n` voted for two blocks in this round.
    fn twice(chain: &Hash, n: u8, round: u32) -> Evidence {
        let vote = |block: u8| {
            let validator = ValidatorId::of_key(&key(n).public());
            let vote = Vote { kind: VoteKind::Prevote, height: 1, round, block: Some(Hash([block; 32])), validator };
            let signature = key(n).sign(&vote.sign_bytes(chain));
            (vote, signature)
        };
        Evidence::votes(vote(1), vote(2))
    }

    #[test]
    fn evidence_3_what_was_seen_is_kept_over_a_restart_one_proof_an_offender() {
        let dir = tempfile::tempdir().unwrap();
        let node = open(dir.path());
        let chain = node.chain;
        let (first, other) = (twice(&chain, 1, 0), twice(&chain, 2, 0));
        for proof in [first.clone(), twice(&chain, 1, 1), first.clone(), other.clone()] {
            node.accuse(proof).unwrap();
        }
        assert_eq!(node.evidence(), [first.clone(), other.clone()]);
        drop(node);
        let again = open(dir.path()).evidence();
        assert!(again.len() == 2 && again.contains(&first) && again.contains(&other), "{again:?}");
    }

    #[test]
    fn evidence_3_what_convicts_nobody_is_dropped_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let node = open(dir.path());
        let good = twice(&node.chain, 1, 0);
        // Nobody here has ever bound the ninth key.
        for proof in [twice(&node.chain, 9, 0), good.clone()] {
            node.accuse(proof).unwrap();
        }
        node.renew_tip().unwrap();
        assert_eq!(node.evidence(), std::slice::from_ref(&good));
        drop(node);
        assert_eq!(open(dir.path()).evidence(), [good]);
    }
}

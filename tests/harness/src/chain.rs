use crate::{Memory, NAMES, Plan, account, audit, charter, key, text};
use leither_executor::{Draft, NobodyVerified, Outcome, Parent, Unfit, Verified, build, execute};
use leither_pallets::wasm::Contracts;
use leither_pallets::{
    BlockInfo, Call, Error, Event, describe_error, describe_event, genesis_state, orgs, params, staking, tokens,
};
use leither_state::{Holding, Read, WriteSet};
use leither_types::{
    AccountId, Allocation, Amount, Block, Certificate, CommitSig, Evidence, GENESIS_VERSION, Genesis, GenesisHead, Hash, List,
    Millis, MimeiId, OrgId, Params, Receipt, SignedTx, Status, TokenId, TxId, Validator, ValidatorId, ValidatorSet,
};
use std::sync::Arc;

/// What a chain starts with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The rules' numbers.
    pub params: Params,
    /// Each validator's power; the n-th has the key of `validator-n` and the operator account of `operator-n`.
    pub powers: Vec<u64>,
    /// What each of the ten has, in smallest units of `mei`.
    pub funds: Amount,
    /// What runs contracts.
    pub contracts: Contracts,
}

impl Default for Setup {
    fn default() -> Self {
        Self { params: Params::dev(), powers: vec![1], funds: Amount(1_000_000_000_000_000), contracts: Contracts::default() }
    }
}

/// A chain of blocks in memory.
#[derive(Clone)]
pub struct Chain {
    /// Where it started.
    pub genesis: Genesis,
    /// All blocks so far.
    pub blocks: Vec<Block>,
    /// What the latest block did.
    pub last: Option<Outcome>,
    /// The next block's time, unless that is too early for its parent.
    pub now: Millis,
    /// Which validators sign certificates, by number, if they are in the set; all at first.
    pub signing: Vec<usize>,
    /// Which validator proposes.
    pub proposer: usize,
    /// What the next proposer knows of misbehaviour.
    pub evidence: Vec<Evidence>,
    /// Whether signatures are taken as verified: for speed, where they are not what is tested.
    pub trusting: bool,
    parent: Parent,
    state: Arc<Memory>,
}

/// Takes every signature as good.
struct AllVerified;

impl Verified for AllVerified {
    fn is_verified(&self, _: &Hash) -> bool {
        true
    }
}

const GENESIS_TIME: Millis = 1_700_000_000_000;

impl Default for Chain {
    fn default() -> Self {
        Self::new(&Setup::default())
    }
}

impl Chain {
    /// A dev chain at its genesis.
    pub fn new(setup: &Setup) -> Self {
        let validator = |(n, power): (usize, &u64)| Validator {
            key: key(&format!("validator-{n}")).public(),
            power: *power,
            operator: account(&format!("operator-{n}")),
        };
        let validators = ValidatorSet::new(setup.powers.iter().enumerate().map(validator).collect());
        let head = GenesisHead {
            version: GENESIS_VERSION,
            name: text("harness"),
            time: GENESIS_TIME,
            validators: validators.expect("the test's validators are a set"),
            params: setup.params.clone(),
            dev: true,
            allocations: Hash::ZERO,
            origin: None,
        };
        let allocation = |name: &&str| Allocation {
            account: account(name),
            amount: setup.funds,
            reason: text("to be spent by tests"),
            evidence: Hash([1; 32]),
        };
        let genesis = Genesis::new(head, NAMES.iter().map(allocation).collect()).expect("ten allocations");
        let writes = genesis_state(&genesis).expect("the test's genesis is one");
        let state = Arc::new(Memory::of(&writes));
        let parent = Parent {
            chain: genesis.chain(),
            height: 0,
            id: Hash::ZERO,
            time: GENESIS_TIME,
            certificate: Certificate::genesis(),
            state: state.clone(),
            contracts: setup.contracts.clone(),
        };
        let signing = (0..setup.powers.len()).collect();
        let now = GENESIS_TIME;
        let chain = Self {
            genesis,
            blocks: Vec::new(),
            last: None,
            now,
            signing,
            proposer: 0,
            evidence: Vec::new(),
            trusting: false,
            parent,
            state,
        };
        audit(&chain.state);
        chain
    }

    /// Another chain of the same people, at its height 0.
    pub(crate) fn with_parent(&self, genesis: Genesis, parent: Parent, state: Arc<Memory>) -> Self {
        let now = genesis.head.time;
        let chain = Self { genesis, blocks: Vec::new(), last: None, now, evidence: Vec::new(), parent, state, ..self.clone() };
        audit(&chain.state);
        chain
    }

    /// What the next block stands on.
    pub fn parent(&self) -> &Parent {
        &self.parent
    }

    /// The state now: a snapshot that later blocks do not change.
    pub fn state(&self) -> &Arc<Memory> {
        &self.state
    }

    /// The chain's id.
    #[allow(clippy::misnamed_getters)]
    pub fn id(&self) -> Hash {
        self.parent.chain
    }

    /// Lets time pass: the next block is that much later.
    pub fn pass(&mut self, ms: Millis) {
        self.now = self.next_time() + ms;
    }

    /// The time that the next block will state: PACE-6.
    pub fn next_time(&self) -> Millis {
        let params = &self.genesis.head.params;
        self.now.max(self.parent.time + params.pulse_min_ms.min(params.pulse_ms).max(1))
    }

    /// What the next block is judged by.
    pub fn next_info(&self) -> BlockInfo {
        BlockInfo {
            chain: self.id(),
            height: self.parent.height + 1,
            time: self.next_time(),
            params: params::views::params(&*self.state).expect("memory does not fail"),
            contracts: self.parent.contracts.clone(),
        }
    }

    /// A proposer's draft for the next block.
    pub fn draft(&self) -> Draft {
        Draft { time: self.next_time(), proposer: validator(self.proposer), evidence: self.evidence.clone() }
    }

    /// A fit transaction, to be signed or spoilt.
    pub fn plan(&self, signers: &[&str], calls: &[Call]) -> Plan {
        let nonce = signers.first().map_or(0, |first| self.holding(TokenId::NATIVE, account(first)).nonce);
        Plan::new(signers, calls, self.id(), nonce, self.next_time() + 60_000)
    }

    /// The same, signed.
    pub fn sign(&self, signers: &[&str], calls: &[Call]) -> SignedTx {
        self.plan(signers, calls).sign()
    }

    /// Builds the next block without committing it; also says what was unfit.
    pub fn propose(&self, txs: &[SignedTx]) -> (Block, Outcome, Vec<(TxId, Unfit)>) {
        let txs: Vec<_> = txs.iter().cloned().map(Arc::new).collect();
        build(&self.parent, &self.draft(), &txs, self.verified()).expect("memory does not fail")
    }

    /// Makes, executes, commits and audits a block of these transactions, all of which must be fit. Gives their receipts, and those of
    /// the block's end.
    pub fn block(&mut self, txs: &[SignedTx]) -> Vec<Receipt> {
        let (receipts, unfit) = self.try_block(txs);
        assert!(unfit.is_empty(), "unfit: {unfit:?}");
        receipts
    }

    /// The same, where some may be unfit: they are left out.
    pub fn try_block(&mut self, txs: &[SignedTx]) -> (Vec<Receipt>, Vec<(TxId, Unfit)>) {
        let (block, built, unfit) = self.propose(txs);
        let outcome = execute(&self.parent, &block, self.verified()).expect("what was built executes");
        assert_eq!(outcome.writes, built.writes, "EXEC-4: build and execute write the same");
        assert_eq!(outcome.receipts, built.receipts, "EXEC-4: build and execute say the same");
        self.commit(block, outcome);
        let receipts = self.last.as_ref().map(|last| last.receipts.clone()).unwrap_or_default();
        (receipts, unfit)
    }

    /// Makes a block final: its writes are the state, the signing validators' certificate its proof.
    pub fn commit(&mut self, block: Block, outcome: Outcome) {
        let id = block.id();
        let voting = self.set();
        // The parent's own handle is let go first, so that the state is written in place unless a snapshot is held.
        self.parent.state = Arc::new(Memory::default());
        Arc::make_mut(&mut self.state).commit(&outcome.writes);
        assert_eq!(self.state.root(), block.header.state_root, "the header states the root after the block");
        let certificate = self.certify(&voting, block.header.height, id);
        assert!(certificate.is_valid(&self.id(), &voting), "the signing validators are enough");
        self.parent = Parent {
            chain: self.parent.chain,
            height: block.header.height,
            id,
            time: block.header.time,
            certificate,
            state: self.state.clone(),
            contracts: self.parent.contracts.clone(),
        };
        self.blocks.push(block);
        self.last = Some(outcome);
        audit(&self.state);
    }

    /// Who votes on the next block.
    pub fn set(&self) -> ValidatorSet {
        staking::views::set(&*self.state).expect("memory does not fail")
    }

    /// A certificate by those of `voting` that sign.
    pub fn certify(&self, voting: &ValidatorSet, height: u64, block: Hash) -> Certificate {
        let mut certificate = Certificate { height, round: 0, block, signatures: List::default() };
        let sign = |n: &usize| {
            let key = key(&format!("validator-{n}"));
            let validator = ValidatorId::of_key(&key.public());
            CommitSig { validator, signature: key.sign(&certificate.claim_message(&self.parent.chain, validator)) }
        };
        let seated = |n: &&usize| voting.get(&validator(**n)).is_some();
        let mut signatures: Vec<_> = self.signing.iter().filter(seated).map(sign).collect();
        signatures.sort_by_key(|commit| commit.validator);
        certificate.signatures = List::new(signatures).expect("at most 64 validators");
        certificate
    }

    /// Changes the state past all rules, as no block could: for what tests cannot otherwise bring about.
    pub fn plant(&mut self, writes: &WriteSet) {
        self.parent.state = Arc::new(Memory::default());
        Arc::make_mut(&mut self.state).commit(writes);
        self.parent.state = self.state.clone();
    }

    /// A block without transactions.
    pub fn idle(&mut self) -> Vec<Receipt> {
        self.block(&[])
    }

    /// One transaction of these signers in a block of its own.
    pub fn run(&mut self, signers: &[&str], calls: &[Call]) -> Receipt {
        let tx = self.sign(signers, calls);
        self.block(&[tx]).into_iter().next().expect("a transaction has a receipt")
    }

    /// One call of one account in a block of its own.
    pub fn call(&mut self, who: &str, call: Call) -> Receipt {
        self.run(&[who], &[call])
    }

    /// The same, which must be done. Gives the events, those of the block's end included.
    pub fn ok(&mut self, who: &str, call: Call) -> Vec<Event> {
        self.all_ok(&[who], &[call])
    }

    /// Calls of several signers, which must be done.
    pub fn all_ok(&mut self, signers: &[&str], calls: &[Call]) -> Vec<Event> {
        let receipt = self.run(signers, calls);
        assert_eq!(receipt.status, Status::Done, "refused: {:?}", error_of(&receipt));
        self.events()
    }

    /// One call that must be refused. Gives the reason.
    pub fn refused(&mut self, who: &str, call: Call) -> Error {
        self.all_refused(&[who], &[call])
    }

    /// Calls of several signers of which one must be refused. Gives the reason.
    pub fn all_refused(&mut self, signers: &[&str], calls: &[Call]) -> Error {
        let receipt = self.run(signers, calls);
        error_of(&receipt).expect("it was not refused")
    }

    /// All events of the latest block.
    pub fn events(&self) -> Vec<Event> {
        let receipts = self.last.iter().flat_map(|last| &last.receipts);
        receipts.flat_map(|receipt| &receipt.events).map(|bytes| describe_event(bytes).expect("an event")).collect()
    }

    fn verified(&self) -> &'static dyn Verified {
        if self.trusting { &AllVerified } else { &NobodyVerified }
    }

    /// What somebody holds.
    pub fn holding(&self, token: TokenId, who: AccountId) -> Holding {
        self.state.holding(&token, &who).expect("memory does not fail").unwrap_or_default()
    }

    /// What somebody of this name can spend.
    pub fn free(&self, token: TokenId, name: &str) -> u128 {
        self.holding(token, account(name)).free.0
    }

    /// What somebody of this name cannot spend.
    pub fn locked(&self, token: TokenId, name: &str) -> u128 {
        self.holding(token, account(name)).locked.0
    }

    /// Founds an organization with this charter; all its supervisors sign.
    pub fn found(&mut self, supervisors: &[&str], symbol: &str, charter: orgs::Charter) -> OrgId {
        let name = text(&format!("org-{symbol}"));
        let events =
            self.all_ok(supervisors, &[Call::Orgs(orgs::Call::Create { name, symbol: text(symbol), decimals: 0, charter })]);
        let created = events.into_iter().find_map(|event| match event {
            Event::Orgs(orgs::Event::Created { org, .. }) => Some(org),
            _ => None,
        });
        created.expect("it was created")
    }

    /// An organization that alice supervises, with these further members, all of them developers.
    pub fn org_of(&mut self, members: &[&str]) -> OrgId {
        let org = self.found(&["alice"], "tube", charter(&["alice"], 1));
        members.iter().for_each(|who| self.join(org, who));
        org
    }

    /// Applies and is admitted by alice, unless a member already, and becomes a developer.
    pub fn join(&mut self, org: OrgId, who: &str) {
        if self.member(org, who).is_none() {
            self.ok(who, Call::Orgs(orgs::Call::Apply { org, evidence: None, note: text("") }));
            self.ok("alice", Call::Orgs(orgs::Call::Admit { org, who: account(who) }));
        }
        let role = orgs::Role::Developer;
        self.ok("alice", Call::Orgs(orgs::Call::SetRole { org, who: account(who), role, granted: true }));
    }

    /// An organization as it stands.
    pub fn org(&self, org: OrgId) -> orgs::Org {
        orgs::views::org(&*self.state, &org).expect("memory does not fail").expect("it is there")
    }

    /// A membership as it stands.
    pub fn member(&self, org: OrgId, who: &str) -> Option<orgs::Member> {
        orgs::views::member(&*self.state, &org, &account(who)).expect("memory does not fail")
    }

    /// A proposal as it stands.
    pub fn proposal(&self, org: OrgId, number: u64) -> orgs::Proposal {
        let after = number.checked_sub(1);
        let rows = orgs::views::proposals(&*self.state, &org, after, 1).expect("memory does not fail");
        let (found, proposal) = rows.into_iter().next().expect("it is there");
        assert_eq!(found, number, "it is there");
        proposal
    }

    /// What somebody could claim.
    pub fn claimable(&self, org: OrgId, income: TokenId, who: AccountId) -> u128 {
        tokens::views::claimable(&*self.state, &TokenId::of_org(&org), &who, &income).expect("memory does not fail").0
    }

    /// A MiMei's head.
    pub fn head(&self, id: &MimeiId) -> leither_pallets::mimei::Head {
        leither_pallets::mimei::views::head(&*self.state, id).expect("memory does not fail").expect("it is there")
    }
}

/// The validator of this number.
fn validator(n: usize) -> ValidatorId {
    ValidatorId::of_key(&key(&format!("validator-{n}")).public())
}

/// Why a transaction was refused.
fn error_of(receipt: &Receipt) -> Option<Error> {
    match &receipt.status {
        Status::Done => None,
        Status::Failed(failure) => Some(describe_error(&failure.error).expect("an error")),
    }
}

//! Values that are the same for ever: what golden files describe and what fuzzing starts from.

use leither_pallets::{Call, Error, Event, accounts, mimei, orgs, staking, streams, tokens, wasm};
use leither_types::*;
use parity_scale_codec::Encode;

/// The n-th sample key: its seed is 32 times this byte.
pub fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// The account of the n-th sample key.
pub fn account(n: u8) -> AccountId {
    AccountId::of_key(&key(n).public())
}

/// A hash that looks like one.
pub fn hash(name: &str) -> Hash {
    tagged("leither/sample", &[name.as_bytes()])
}

/// A text of a sample; all are short.
pub fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).expect("samples fit")
}

/// A list of a sample.
pub fn list<T, const MAX: usize>(items: Vec<T>) -> List<T, MAX> {
    List::new(items).unwrap_or_else(|| panic!("samples fit"))
}

/// The organization that account 1 founded with its first transaction.
pub fn org() -> OrgId {
    OrgId::derive(&account(1), 0, 0)
}

/// A MiMei of account 1.
pub fn mimei_id() -> MimeiId {
    MimeiId::derive(&account(1), "demo", "file", "readme")
}

/// A content id as the chain keeps it: CIDv1, raw, sha2-256 of nothing.
pub fn content() -> ContentId {
    let digest = "0x01551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    digest.parse().expect("hex")
}

/// Four validators with powers 4, 3, 2, 1, whose keys are 101 to 104.
pub fn validators() -> ValidatorSet {
    let one = |n: u8| Validator { key: key(100 + n).public(), power: u64::from(5 - n), operator: account(n) };
    ValidatorSet::new((1..=4).map(one).collect()).expect("four fit validators")
}

/// Rules of the sample chain. Not [`Params::standard`]: tuning those must not rename the chain that every other sample is of.
pub fn params() -> Params {
    Params {
        version: 2,
        pulse_ms: 1_000,
        pulse_min_ms: 200,
        heartbeat_ms: 60_000,
        propose_timeout_ms: 500,
        vote_timeout_ms: 400,
        epoch_ms: 1_800_000,
        publicity_ms: 86_400_000,
        block_weight_max: 200_000_000,
        block_bytes_max: 2_097_152,
        base_fee_min: Amount::new(1),
        byte_deposit: Amount::new(1_000),
        emission: Amount::ZERO,
        pushes_max: 256,
        pledge_min: Amount::new(100_000_000_000),
        pledge_unit: Amount::new(1_000_000_000),
        unbonding_ms: 604_800_000,
        jail_ms: 600_000,
        misses_max: 60,
        slash_permille: 50,
        validators_max: 64,
    }
}

/// A chain with two allocations.
pub fn genesis() -> Genesis {
    let head = GenesisHead {
        version: GENESIS_VERSION,
        name: text("leither-sample"),
        time: 1_767_225_600_000,
        validators: validators(),
        params: params(),
        dev: false,
        allocations: Hash::ZERO,
        origin: None,
    };
    let one = |n: u8, units| Allocation {
        account: account(n),
        amount: Amount::new(units),
        reason: text("work before the start"),
        evidence: hash("evidence"),
    };
    Genesis::new(head, vec![one(1, 1_000_000_000), one(2, 2_500_000_000)]).expect("two allocations")
}

/// The sample chain, recovered after its 99th block to the first and the third of its validators.
pub fn recovered() -> GenesisHead {
    let old = genesis();
    let kept = old.head.validators.iter().step_by(2).cloned().collect();
    let validators = ValidatorSet::new(kept).expect("two fit validators");
    let secret = |seat: &Validator| (101..=104).map(key).find(|secret| secret.public() == seat.key).expect("a sample's key");
    let sign = |seat: &Validator| secret(seat).sign(&recovery_bytes(&old.chain(), &seat.operator, &seat.key));
    let origin = Origin {
        chain: old.chain(),
        height: 99,
        block: hash("block"),
        state_root: hash("state"),
        first_root: hash("first state"),
        possessions: list(validators.iter().map(sign).collect()),
    };
    let allocations = Genesis::root(&[]);
    let time = old.head.time + 86_400_000;
    GenesisHead { version: GENESIS_RECOVERED, time, validators, allocations, origin: Some(origin), ..old.head }
}

/// The id of the sample chain.
pub fn chain() -> Hash {
    genesis().chain()
}

fn charter() -> orgs::Charter {
    orgs::Charter {
        supervisors: list(vec![account(1), account(2)]),
        threshold: 2,
        join: orgs::JoinPolicy { application: true, sponsorship: true, task: Some(hash("task")) },
        quorum_bp: 2_000,
        pass_bp: 5_000,
        period_ms: 86_400_000,
        veto_ms: 3_600_000,
        issuance_cap: Amount::new(1_000_000),
        income_tokens: list(vec![TokenId::NATIVE]),
        treasury_bp: 1_000,
        push_least: Amount::new(10_000),
        allowance: Amount::new(50_000),
    }
}

/// A year's pay in monthly steps after three months.
fn terms() -> streams::Terms {
    let (start, day) = (1_767_225_600_000, 86_400_000);
    streams::Terms {
        to: account(2),
        token: TokenId::of_org(&org()),
        amount: Amount::new(5_000_000_000),
        start,
        cliff: start + 90 * day,
        end: start + 365 * day,
        step_ms: 30 * day,
        is_fixed: true,
    }
}

/// One call of every kind.
pub fn calls() -> Vec<Call> {
    let (org, who, token, amount) = (org(), account(2), TokenId::NATIVE, Amount::new(5_000_000_000));
    let mimei = mimei_id();
    let pay = tokens::Call::Transfer { token, to: who, amount, memo: text("for the bread") };
    let inner = Call::Tokens(pay.clone()).write().expect("short");
    let role = orgs::Role::ContentProvider;
    let of_orgs = vec![
        orgs::Call::Create { name: text("demo-tube"), symbol: text("tube"), decimals: 6, charter: charter() },
        orgs::Call::Apply { org, evidence: Some(hash("evidence")), note: text("I make films") },
        orgs::Call::Sponsor { org, who },
        orgs::Call::Admit { org, who },
        orgs::Call::Withdraw { org, who },
        orgs::Call::Leave { org },
        orgs::Call::Expel { org, who },
        orgs::Call::SetRole { org, who, role, granted: true },
        orgs::Call::Issue { org, to: who, amount, role, reason: text("the first film"), evidence: hash("evidence") },
        orgs::Call::Income { org, token, amount, note: text("tickets") },
        orgs::Call::Claim { org, token },
        orgs::Call::Propose { org, title: text("pay the baker"), calls: list(vec![inner]) },
        orgs::Call::Vote { org, proposal: 7, yes: true, weight: Some(amount) },
        orgs::Call::Veto { org, proposal: 7 },
        orgs::Call::Release { org, proposal: 7, who },
        orgs::Call::Amend { org, charter: charter() },
        orgs::Call::CoverFees { org, contract: who, per_use: amount, per_day: amount },
        orgs::Call::CreateToken { org, symbol: text("ticket"), decimals: 0, cap: amount, minter: Some(who) },
        orgs::Call::Mint {
            token: TokenId::further_of(&org, 0),
            to: who,
            amount,
            reason: text("the first film"),
            evidence: hash("evidence"),
        },
        orgs::Call::SetMinter { token: TokenId::further_of(&org, 0), minter: Some(who) },
    ];
    let of_mimei = vec![
        mimei::Call::Create { app: text("demo"), kind: text("file"), mark: text("readme") },
        mimei::Call::Backup { mimei, base: Some(3), content: content() },
        mimei::Call::Release { mimei, number: 4 },
        mimei::Call::Fork { parent: mimei, number: 4, mark: text("mine") },
        mimei::Call::Grant { mimei, who, rights: Some(mimei::Rights(3)) },
        mimei::Call::Grant { mimei, who, rights: None },
        mimei::Call::Refer { from: mimei, to: mimei, add: true },
        mimei::Call::Give { mimei, to: org.treasury() },
        mimei::Call::SetMask { mimei, mask: mimei::Mask(0x0007_0001_0000) },
    ];
    let of_tokens = [pay, tokens::Call::Burn { token, amount }];
    let consensus = key(105);
    let possession = consensus.sign(&possession_bytes(&chain(), &who, &consensus.public()));
    let swarm_possession = key(106).sign(&swarm_bytes(&chain(), &who, &key(106).public()));
    let contact =
        staking::Contact { swarm: key(106).public(), data: key(107).public(), address: text("/ip4/203.0.113.7/tcp/4804") };
    let of_staking = vec![
        staking::Call::Join { key: consensus.public(), possession, contact: contact.clone(), swarm_possession, pledge: amount },
        staking::Call::Raise { amount },
        staking::Call::Leave,
        staking::Call::Unjail,
        staking::Call::Rotate { key: consensus.public(), possession, swarm: key(106).public(), swarm_possession },
        staking::Call::Move { contact, swarm_possession },
        staking::Call::Ready { rules: 2 },
    ];
    let (contract, gas) = (account(9), 2_000_000_000);
    let json = |text: &str| list(text.as_bytes().to_vec());
    let coin = wasm::Coin { token, amount };
    let of_wasm = vec![
        wasm::Call::Upload { code: hash("code"), piece: 1, bytes: list(b"\0asm\x01\0\0\0".to_vec()) },
        wasm::Call::Store { code: hash("code"), pieces: 2 },
        wasm::Call::Discard { code: hash("code") },
        wasm::Call::Instantiate {
            code: 3,
            msg: json("{}"),
            funds: list(vec![coin]),
            label: text("a contract"),
            admin: Some(who),
            salt: Some(list(vec![1, 2, 3])),
            gas,
        },
        wasm::Call::Execute { contract, msg: json("{\"go\":{}}"), funds: list(vec![]), gas },
        wasm::Call::Migrate { contract, code: 4, msg: json("{}"), gas },
        wasm::Call::SetAdmin { contract, admin: None },
        wasm::Call::Bind {
            org,
            contract: Some(wasm::Chosen { contract, code: 3 }),
            mandate: orgs::Mandate { members: true, issue_cap: amount, spend: list(vec![orgs::Limit { token, amount }]) },
        },
    ];
    let of_streams = [streams::Call::Open(terms()), streams::Call::Draw { stream: 7 }, streams::Call::Cancel { stream: 7 }];
    let tokens = of_tokens.into_iter().map(Call::Tokens);
    let three = tokens.chain(of_orgs.into_iter().map(Call::Orgs)).chain(of_mimei.into_iter().map(Call::Mimei));
    let five = three.chain(of_staking.into_iter().map(Call::Staking)).chain(of_wasm.into_iter().map(Call::Wasm));
    five.chain(of_streams.into_iter().map(Call::Streams)).collect()
}

/// One event of every kind.
pub fn events() -> Vec<Event> {
    let (org, who, by, amount) = (org(), account(2), account(1), Amount::new(5_000_000_000));
    let (token, income) = (TokenId::of_org(&org), TokenId::NATIVE);
    let mimei = mimei_id();
    let entry = 9;
    let proposal = 7;
    let error = Some(Error::Tokens(tokens::Error::Nothing));
    let of_tokens = vec![
        tokens::Event::Transferred { token, from: by, to: who, amount },
        tokens::Event::Issued { token, to: who, amount },
        tokens::Event::Burned { token, from: who, amount },
        tokens::Event::Claimed { token, holder: who, income, amount },
        tokens::Event::Shared { token, income, amount, units: Amount::new(1_000) },
    ];
    let of_orgs = vec![
        orgs::Event::Created { org, founder: by, token },
        orgs::Event::Applied { org, who },
        orgs::Event::Sponsored { org, who, by },
        orgs::Event::Admitted { org, who },
        orgs::Event::Left { org, who, expelled: true },
        orgs::Event::RoleSet { org, who, role: orgs::Role::Investor, granted: true },
        orgs::Event::Recorded { org, entry },
        orgs::Event::Proposed { org, proposal, by },
        orgs::Event::Voted { org, proposal, who, yes: true, weight: amount },
        orgs::Event::Passed { org, proposal },
        orgs::Event::Closed { org, proposal, outcome: orgs::Outcome::Failed, error },
        orgs::Event::Unlocked { org, proposal, who, amount },
        orgs::Event::Amended { org },
        orgs::Event::Bound { org, contract: Some(who) },
        orgs::Event::TableSet { org, table: 3 },
        orgs::Event::FeesCovered { org, contract: who, per_use: amount, per_day: amount },
        orgs::Event::TokenMade { org, token: TokenId::further_of(&org, 0), cap: amount, minter: Some(who) },
        orgs::Event::MinterSet { org, token: TokenId::further_of(&org, 0), minter: None },
    ];
    let of_mimei = vec![
        mimei::Event::Created { mimei, author: by, existed: false },
        mimei::Event::BackedUp { mimei, number: 4, content: content(), previous: Some(12) },
        mimei::Event::Released { mimei, number: 4 },
        mimei::Event::Forked { parent: mimei, number: 4, fork: mimei },
        mimei::Event::Granted { mimei, who, rights: Some(mimei::Rights(3)) },
        mimei::Event::Granted { mimei, who, rights: None },
        mimei::Event::Referred { from: mimei, to: mimei, count: 2 },
        mimei::Event::Given { mimei, to: who },
        mimei::Event::MaskSet { mimei, mask: mimei::Mask(0x0007_0001_0000) },
    ];
    let (operator, validator) = (by, ValidatorId::of_key(&key(105).public()));
    let of_staking = vec![
        staking::Event::Paid { operator, amount },
        staking::Event::Burnt { amount },
        staking::Event::Joined { operator, validator, pledge: amount },
        staking::Event::Raised { operator, pledge: amount },
        staking::Event::Leaving { operator },
        staking::Event::Released { operator, amount },
        staking::Event::Jailed { operator, until: 1_767_225_601_000 },
        staking::Event::Unjailed { operator },
        staking::Event::Slashed { operator, validator, height: 7, amount },
        staking::Event::Elected { epoch: 9, validators: 4 },
        staking::Event::Rotating { operator, validator },
        staking::Event::Moved { operator },
        staking::Event::Ready { operator, rules: 2 },
        staking::Event::Rules { version: 2 },
    ];
    let contract = account(9);
    let pair = wasm::Pair { key: text("action"), value: text("transfer") };
    let of_wasm = vec![
        wasm::Event::Stored { code: 3, checksum: hash("code"), existed: false },
        wasm::Event::Instantiated { contract, code: 3, creator: who },
        wasm::Event::Executed { contract, sender: who },
        wasm::Event::Migrated { contract, code: 4 },
        wasm::Event::AdminSet { contract, admin: Some(who) },
        wasm::Event::Told { contract, kind: text("wasm-paid"), attributes: list(vec![pair]) },
        wasm::Event::Ended { contract, gas: 123_456_789, data: Some(list(b"data".to_vec())) },
        wasm::Event::Pulsed { contract, id: 3, error: Some(wasm::Error::OutOfGas.into()) },
        wasm::Event::ScheduleOver { contract, id: 3, why: 1, budget: amount, deposit: amount },
        wasm::Event::Scheduled { contract, id: 3, due: 1_700_000_000_000, budget: amount, deposit: amount },
    ];
    let of_streams = [
        streams::Event::Opened { stream: 7, opener: by, to: who, token, amount },
        streams::Event::Drawn { stream: 7, opener: by, to: who, amount, left: Amount::new(3) },
        streams::Event::Cancelled { stream: 7, opener: by, to: who, by: who, back: amount },
    ];
    let first = of_tokens.into_iter().map(Event::Tokens).chain(of_orgs.into_iter().map(Event::Orgs));
    first
        .chain(of_mimei.into_iter().map(Event::Mimei))
        .chain(of_staking.into_iter().map(Event::Staking))
        .chain(of_wasm.into_iter().map(Event::Wasm))
        .chain(of_streams.into_iter().map(Event::Streams))
        .collect()
}

/// One error of every kind.
pub fn errors() -> Vec<Error> {
    use {accounts::Error as A, mimei::Error as M, orgs::Error as O, staking::Error as S, tokens::Error as T};
    let have = Amount::new(3);
    let of_accounts = [A::Short { have, need: Amount::new(5) }, A::Overflow];
    let of_tokens = [
        T::Unknown,
        T::Nothing,
        T::ToSelf,
        T::SupplyFull,
        T::SymbolTaken,
        T::SymbolForm,
        T::NothingAccrued,
        T::TooManyIncomes,
        T::Shares { sum: 9_999 },
    ];
    let of_orgs = [
        O::Unknown,
        O::NameForm,
        O::NameTaken,
        O::Charter { what: 2 },
        O::NotMember,
        O::NotSupervisor,
        O::TooFewSupervisors { have: 1, need: 2 },
        O::AlreadyMember,
        O::NoApplication,
        O::AlreadyApplied,
        O::JoinWay,
        O::NoReason,
        O::NotInRole,
        O::OverCap { left: have },
        O::OnlyByVote,
        O::NotOpen,
        O::AlreadyVoted,
        O::MemberTooLate,
        O::Weight { have },
        O::IsSupervisor,
        O::NotIncomeToken,
        O::ProposalCalls,
        O::NothingLocked,
        O::TooMany { max: 4 },
        O::NoAllowance,
        O::TooManyOpen { max: 64 },
        O::NoMandate,
        O::OverMandate { left: Amount(40) },
        O::BoundElsewhere,
        O::Mandate,
        O::NotMinter,
        O::OverTokenCap { left: have },
    ];
    let of_mimei = [
        M::Unknown,
        M::NotAllowed,
        M::HeadMoved { last: Some(4) },
        M::NoVersion,
        M::Form,
        M::NoContent,
        M::Reference,
        M::Generation,
        M::Mask,
    ];
    let first = of_accounts.into_iter().map(Error::Accounts).chain(of_tokens.into_iter().map(Error::Tokens));
    let of_staking = [
        S::None,
        S::Already,
        S::Pledge { have, need: Amount::new(5) },
        S::Key,
        S::Possession,
        S::Full { max: 256 },
        S::JailedUntil { until: 1_767_225_601_000 },
        S::NotJailed,
        S::Ejected,
        S::Address,
        S::Rules { wanted: 4, now: 2 },
        S::Rotating,
        S::Swarm,
    ];
    let three = first.chain(of_orgs.into_iter().map(Error::Orgs)).chain(of_mimei.into_iter().map(Error::Mimei));
    use wasm::Error as W;
    let of_wasm = [
        W::NoCode { code: 3 },
        W::NoContract,
        W::NoPiece { piece: 1 },
        W::Checksum,
        W::NotAContract,
        W::Said { text: text("Unauthorized") },
        W::OutOfGas,
        W::Trap,
        W::NoEntry { entry: text("migrate") },
        W::Answer,
        W::Unsupported,
        W::Depth,
        W::NotAdmin,
        W::Form,
        W::AddressTaken,
        W::EventForm,
        W::Funds,
        W::Address,
        W::Gas,
        W::Data,
        W::Events,
        W::ForeignAdmin,
        W::Words,
        W::OtherCode { code: 4 },
        W::ForeignMaker,
        W::Schedule,
    ];
    use streams::Error as P;
    let of_streams = [
        P::Unknown,
        P::Nothing,
        P::Times,
        P::Step,
        P::Away,
        P::NothingDue,
        P::NotAllowed,
        P::Fixed,
        P::OwnNotFixed,
        P::TooMany { max: 1_000 },
    ];
    let five = three.chain(of_staking.into_iter().map(Error::Staking)).chain(of_wasm.into_iter().map(Error::Wasm));
    five.chain(of_streams.into_iter().map(Error::Streams)).collect()
}

/// A transaction of the sample chain that these accounts sign.
pub fn tx(signers: &[u8], payer: Option<AccountId>, nonce: u64, calls: &[Call]) -> SignedTx {
    let tx = Tx {
        version: TX_VERSION,
        chain: chain(),
        signers: list(signers.iter().map(|n| account(*n)).collect()),
        payer,
        nonce,
        valid_until: 1_767_229_200_000,
        max_fee: Amount::new(1_000_000),
        weight_limit: 10_000_000,
        calls: list(calls.iter().map(|call| call.write().expect("short")).collect()),
    };
    let keys: Vec<SecretKey> = signers.iter().map(|n| key(*n)).collect();
    tx.sign(&keys.iter().collect::<Vec<_>>()).expect("at most eight signers")
}

/// Named transactions: the plain transfer, several signers with a sponsor, and the greatest number of calls.
pub fn txs() -> Vec<(&'static str, SignedTx)> {
    let calls = calls();
    vec![
        ("transfer", tx(&[1], None, 0, &calls[..1])),
        ("two signers, an organization pays", tx(&[1, 2], Some(org().treasury()), 1, &calls[2..4])),
        ("eight signers, sixteen calls", tx(&[1, 2, 3, 4, 5, 6, 7, 8], None, u64::MAX, &calls[..16])),
    ]
}

/// Receipts of the first two: one done, one refused.
pub fn receipts() -> Vec<Receipt> {
    let txs = txs();
    let event = |event: &Event| list(event.encode());
    let failure = Failure { call: 1, error: list(errors()[0].encode()) };
    vec![
        Receipt {
            tx: txs[0].1.id(),
            status: Status::Done,
            weight: 35_100,
            fee: Amount::new(35_100),
            events: list(events().iter().take(2).map(event).collect()),
        },
        Receipt {
            tx: txs[1].1.id(),
            status: Status::Failed(failure),
            weight: 90_000,
            fee: Amount::new(90_000),
            events: list(vec![]),
        },
    ]
}

/// The certificate of the block with this id: validators 1 to 3, nine of ten tenths of the power.
pub fn certificate(height: Height, block: Hash) -> Certificate {
    let one = |n: u8| {
        let validator = ValidatorId::of_key(&key(100 + n).public());
        let vote = Vote { kind: VoteKind::Precommit, height, round: 0, block: Some(block), validator };
        CommitSig { validator, signature: key(100 + n).sign(&vote.sign_bytes(&chain())) }
    };
    let mut signatures: Vec<_> = (1..=3).map(one).collect();
    signatures.sort();
    Certificate { height, round: 0, block, signatures: list(signatures) }
}

/// A header with roots over the samples; its state root is a made-up hash.
pub fn header() -> Header {
    let set = validators();
    let signed: Vec<SignedTx> = txs().into_iter().map(|(_, tx)| tx).collect();
    let receipts: Vec<Hash> = receipts().iter().map(Receipt::hash).collect();
    Header {
        version: BLOCK_VERSION,
        chain: chain(),
        height: 2,
        time: 1_767_225_601_000,
        parent: hash("parent"),
        proposer: set.proposer(2, 0).id(),
        state_root: hash("state"),
        txs_root: Block::txs_root(&signed),
        receipts_root: list_root(&receipts),
        evidence_root: Block::evidence_root(&evidence()),
        last_certificate: certificate(1, hash("parent")).hash(),
        validators: set.hash(),
        next_validators: set.hash(),
    }
}

/// A block of all sample transactions.
pub fn block() -> Block {
    let txs = txs().into_iter().map(|(_, tx)| tx).collect();
    Block { header: header(), last_certificate: certificate(1, hash("parent")), txs: list(txs), evidence: list(evidence()) }
}

/// Validator 4 voted for two blocks in one round, and proposed two in another.
pub fn evidence() -> Vec<Evidence> {
    let key = key(104);
    let validator = ValidatorId::of_key(&key.public());
    let vote = |name: &str| {
        let vote = Vote { kind: VoteKind::Prevote, height: 1, round: 0, block: Some(hash(name)), validator };
        let signature = key.sign(&vote.sign_bytes(&chain()));
        (vote, signature)
    };
    let proposal = |name: &str| {
        let proposal = Proposal { height: 1, round: 1, pol_round: None, block: hash(name), proposer: validator };
        let signature = key.sign(&proposal.sign_bytes(&chain()));
        (proposal, signature)
    };
    vec![Evidence::votes(vote("one"), vote("other")), Evidence::proposals(proposal("one"), proposal("other"))]
}

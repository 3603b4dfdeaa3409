//! What a pulse is made of, one piece at a time: `kernels <piece> <rounds> <prepared>`; scripts/kernels counts the instructions of each.
//!
//! Whatever the number of rounds, `prepared` of them are made ready first. So the instructions of N rounds and those of 2N differ by N
//! rounds and nothing else, and nobody has to tell the counter where to begin. `kernels full_block [blocks]` takes times instead.

use leither_executor::{Draft, Parent, Verified, build, execute, genesis_state, weight};
use leither_pallets::{Call, tokens};
use leither_pool::{Entry, Limits, Pool, Verdict};
use leither_state::{Fault, Holding, Ledger, Page, Read, WriteSet};
use leither_types::*;
use parity_scale_codec::Encode;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Accounts that the state holds.
const ACCOUNTS: usize = 100_000;
/// Transfers in a block, and in a batch for the pool.
const TXS: usize = 1_000;
/// Signatures that are verified together, as a node does.
const BATCH: usize = 256;
/// Leaves that change under one root.
const LEAVES: usize = 10_000;
/// Transactions that wait in the pool already.
const WAITING: usize = 20_000;
/// Blocks that are timed where nothing is said.
const BLOCKS: usize = 7;

const TIME: Millis = 1_700_000_000_000;
const FUNDS: Amount = Amount::new(1_000_000_000_000_000);

/// Every signature was verified before.
struct AllVerified;

impl Verified for AllVerified {
    fn is_verified(&self, _: &Hash) -> bool {
        true
    }
}

/// A state as node/store keeps it, but for the disk: holdings in the ledger, records beside it. A root that is asked for stays, as a
/// block's does that is committed then.
struct Flat {
    ledger: Mutex<Ledger>,
    records: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flat {
    fn of(writes: &WriteSet) -> Done<Self> {
        let flat = Self { ledger: Mutex::new(Ledger::new()), records: Mutex::new(BTreeMap::new()) };
        flat.root_after(writes)?;
        flat.settle(writes);
        Ok(flat)
    }

    /// The records of a block whose root was asked for.
    fn settle(&self, writes: &WriteSet) {
        let mut records = locked(&self.records);
        for (key, value) in &writes.records {
            match value {
                Some(value) => drop(records.insert(key.clone(), value.clone())),
                None => drop(records.remove(key)),
            }
        }
    }
}

impl Read for Flat {
    fn holding(&self, token: &TokenId, id: &AccountId) -> Result<Option<Holding>, Fault> {
        Ok(locked(&self.ledger).holding(token, id))
    }

    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(locked(&self.records).get(key).cloned())
    }

    fn records(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, Fault> {
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let records = locked(&self.records);
        let rows = records.range::<[u8], _>((from, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
        Ok(rows.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Page, Fault> {
        if from >= to {
            return Ok(Page::new());
        }
        let row = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        let records = locked(&self.records);
        let rows = records.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        Ok(if backwards { rows.rev().take(limit).map(row).collect() } else { rows.take(limit).map(row).collect() })
    }

    fn root_after(&self, writes: &WriteSet) -> Result<Hash, Fault> {
        let mut ledger = locked(&self.ledger);
        ledger.apply(writes).map_err(|e| Fault::Corrupt(e.to_string()))?;
        Ok(ledger.root())
    }

    fn holders(&self, token: &TokenId, after: Option<&AccountId>, limit: usize) -> Result<Vec<(AccountId, Holding)>, Fault> {
        Ok(locked(&self.ledger).holders(token, after, limit))
    }

    fn supply(&self, token: &TokenId) -> Result<Amount, Fault> {
        Ok(locked(&self.ledger).supply(token))
    }
}

/// What a chain starts with: accounts with keys, who pay, and others, who are paid.
struct World {
    chain: Hash,
    validator: SecretKey,
    payers: Vec<(SecretKey, AccountId)>,
    payees: Vec<AccountId>,
    initial: WriteSet,
}

impl World {
    fn new(payers: usize, payees: usize) -> Done<Self> {
        Self::with(Params::standard(), payers, payees)
    }

    fn with(params: Params, payers: usize, payees: usize) -> Done<Self> {
        let key = |n: usize| SecretKey::from_seed(&tagged("bench/key", &[&(n as u64).to_le_bytes()]).0);
        let validator = key(usize::MAX);
        let operator = AccountId::of_key(&validator.public());
        let set = ValidatorSet::new(vec![Validator { key: validator.public(), power: 1, operator }])?;
        let text = "bench";
        let reason = Text::new(text).ok_or("reason")?;
        let allocation = Allocation { account: operator, amount: FUNDS, reason, evidence: Hash([1; 32]) };
        let head = GenesisHead {
            version: GENESIS_VERSION,
            name: Text::new(text).ok_or("name")?,
            time: TIME,
            validators: set,
            params,
            dev: true,
            allocations: Hash::ZERO,
            origin: None,
        };
        let genesis = Genesis::new(head, vec![allocation]).ok_or("genesis")?;
        let mut initial = genesis_state(&genesis)?;
        let mut fund = |id: AccountId, key: PublicKey| {
            let holding = Holding { free: FUNDS, locked: Amount::ZERO, nonce: 0, key };
            initial.holdings.insert((TokenId::NATIVE, id), Some(holding));
        };
        let with_id = |key: SecretKey| {
            let id = AccountId::of_key(&key.public());
            (key, id)
        };
        let payers: Vec<_> = (0..payers).map(key).map(with_id).collect();
        payers.iter().for_each(|(key, id)| fund(*id, key.public()));
        let strange = |n: usize| PublicKey(tagged("bench/payee", &[&(n as u64).to_le_bytes()]).0);
        let payees: Vec<_> = (0..payees).map(|n| AccountId::of_key(&strange(n))).collect();
        payees.iter().enumerate().for_each(|(n, id)| fund(*id, strange(n)));
        Ok(Self { chain: genesis.chain(), validator, payers, payees, initial })
    }

    /// A standard transfer, to be signed.
    fn draft(&self, from: AccountId, n: usize, nonce: u64) -> Done<Tx> {
        self.paying(from, &[self.payees[(n * 31 + nonce as usize * 17) % self.payees.len()]], nonce)
    }

    /// As many payments as a transaction takes, to accounts that nobody has paid yet.
    fn settling(&self, from: AccountId, nonce: u64) -> Done<Tx> {
        let new = |call: u8| AccountId::of_key(&PublicKey(tagged("bench/new", &[&from.0, &nonce.to_le_bytes(), &[call]]).0));
        self.paying(from, &(0..CALLS_MAX as u8).map(new).collect::<Vec<_>>(), nonce)
    }

    fn paying(&self, from: AccountId, to: &[AccountId], nonce: u64) -> Done<Tx> {
        let transfer = |to: &AccountId| {
            let call =
                tokens::Call::Transfer { token: TokenId::NATIVE, to: *to, amount: Amount::new(1_000), memo: Text::default() };
            Call::Tokens(call).write()
        };
        let calls = to.iter().map(transfer).collect::<Option<Vec<_>>>().ok_or("call")?;
        let mut tx = Tx {
            version: TX_VERSION,
            chain: self.chain,
            signers: List::new(vec![from]).ok_or("signers")?,
            payer: None,
            nonce,
            valid_until: TIME + 3_600_000,
            max_fee: Amount::new(1_000_000_000),
            weight_limit: 0,
            calls: List::new(calls).ok_or("calls")?,
        };
        tx.weight_limit = weight(&tx).ok_or("weight")?;
        Ok(tx)
    }

    /// One transfer each of the first `count` payers.
    fn transfers(&self, count: usize, nonce: u64) -> Done<Vec<Arc<SignedTx>>> {
        self.signed(count, |id, n| self.draft(id, n, nonce))
    }

    fn signed(&self, count: usize, draft: impl Fn(AccountId, usize) -> Done<Tx>) -> Done<Vec<Arc<SignedTx>>> {
        let mut txs = Vec::with_capacity(count);
        for (n, (key, id)) in self.payers.iter().take(count).enumerate() {
            txs.push(Arc::new(draft(*id, n)?.sign(&[key]).ok_or("signers")?));
        }
        Ok(txs)
    }

    fn certify(&self, height: Height, block: Hash) -> Done<Certificate> {
        let mut certificate = Certificate { height, round: 0, block, signatures: List::default() };
        let validator = ValidatorId::of_key(&self.validator.public());
        let signature = self.validator.sign(&certificate.claim_message(&self.chain, validator));
        certificate.signatures = List::new(vec![CommitSig { validator, signature }]).ok_or("certificate")?;
        Ok(certificate)
    }
}

/// A chain that grows by one block after the other.
struct Chain<'a> {
    world: &'a World,
    state: Arc<Flat>,
    parent: Parent,
}

impl<'a> Chain<'a> {
    fn new(world: &'a World) -> Done<Self> {
        let state = Arc::new(Flat::of(&world.initial)?);
        let certificate = Certificate::genesis();
        let parent = Parent {
            chain: world.chain,
            height: 0,
            id: Hash::ZERO,
            time: TIME,
            certificate,
            state: state.clone(),
            contracts: Default::default(),
        };
        Ok(Self { world, state, parent })
    }

    /// Makes a block and goes on from it.
    fn build(&mut self, txs: &[Arc<SignedTx>]) -> Done<Block> {
        let proposer = ValidatorId::of_key(&self.world.validator.public());
        let draft = Draft { time: self.parent.time + 1_000, proposer, evidence: Vec::new() };
        let (block, outcome, unfit) = build(&self.parent, &draft, txs, &AllVerified)?;
        if let Some((_, why)) = unfit.first() {
            return Err(format!("a transfer cannot stand in a block: {why}").into());
        }
        let certificate = self.world.certify(block.header.height, block.id())?;
        self.commit(&block, &outcome.writes, certificate);
        Ok(block)
    }

    /// Executes a block and goes on from it.
    fn execute(&mut self, block: &Block, certificate: Certificate) -> Done {
        let outcome = black_box(execute(&self.parent, black_box(block), &AllVerified)?);
        self.commit(block, &outcome.writes, certificate);
        Ok(())
    }

    fn commit(&mut self, block: &Block, writes: &WriteSet, certificate: Certificate) {
        self.state.settle(writes);
        let Header { height, time, .. } = block.header;
        self.parent = Parent {
            chain: self.world.chain,
            height,
            id: block.id(),
            time,
            certificate,
            state: self.state.clone(),
            contracts: Default::default(),
        };
    }
}

/// The certificate that makes the n-th block final: the next one states it.
fn certificate_of(blocks: &[Block], n: usize) -> Certificate {
    blocks.get(n + 1).map_or_else(Certificate::genesis, |next| next.last_certificate.clone())
}

fn block_of(txs: usize) -> Done<Block> {
    let world = World::new(txs, txs)?;
    let block = Chain::new(&world)?.build(&world.transfers(txs, 0)?)?;
    if block.txs.len() == txs { Ok(block) } else { Err("not all transfers fit into a block".into()) }
}

/// A block's bytes as a peer sends them.
fn decode(rounds: usize, _: usize) -> Done {
    let bytes = block_of(TXS)?.encode();
    for _ in 0..rounds {
        black_box(decode_within::<Block>(black_box(&bytes), BLOCK_BYTES_MAX)?);
    }
    Ok(())
}

/// A block's signatures, with the bytes that were signed.
fn verify(rounds: usize, _: usize) -> Done {
    let block = block_of(TXS)?;
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    for _ in 0..rounds {
        for batch in block.txs.chunks(BATCH) {
            let messages: Vec<Vec<u8>> = batch.iter().map(|tx| tx.tx.sign_bytes()).collect();
            let claims: Vec<_> = batch.iter().zip(&messages).flat_map(|(tx, message)| tx.claims(message)).collect();
            if !sign::verify_batch(&claims, &mut rng).into_iter().all(|fine| fine) {
                return Err("a good signature was refused".into());
            }
        }
    }
    Ok(())
}

/// A block from its decoded form to its outcome, root included; its signatures are known.
fn run(rounds: usize, prepared: usize) -> Done {
    let world = World::new(TXS, ACCOUNTS - TXS)?;
    let mut maker = Chain::new(&world)?;
    let mut blocks = Vec::with_capacity(prepared);
    for nonce in 0..prepared {
        blocks.push(maker.build(&world.transfers(TXS, nonce as u64)?)?);
    }
    let mut chain = Chain::new(&world)?;
    for (n, block) in blocks.iter().take(rounds).enumerate() {
        chain.execute(block, certificate_of(&blocks, n))?;
    }
    Ok(())
}

/// The root after leaves here and there have changed.
fn root(rounds: usize, prepared: usize) -> Done {
    let world = World::new(0, ACCOUNTS)?;
    let state = Flat::of(&world.initial)?;
    let mut batches = Vec::with_capacity(prepared);
    for round in 0..prepared {
        let mut writes = WriteSet::default();
        // Any step without a factor of 10 visits each account once before it comes again.
        for id in (0..LEAVES).map(|n| world.payees[(n * 7_919 + round * 101) % ACCOUNTS]) {
            let free = Amount::new(1_000 + round as u128);
            let holding = Holding { free, locked: Amount::ZERO, nonce: 1 + round as u64, key: PublicKey([9; 32]) };
            writes.holdings.insert((TokenId::NATIVE, id), Some(holding));
        }
        if writes.holdings.len() != LEAVES {
            return Err("a leaf was picked twice".into());
        }
        batches.push(writes);
    }
    for writes in batches.iter().take(rounds) {
        black_box(state.root_after(black_box(writes))?);
    }
    Ok(())
}

/// Transactions of as many accounts into a pool that is not empty.
fn insert(rounds: usize, prepared: usize) -> Done {
    let world = World::new(0, WAITING + prepared * TXS)?;
    let entry = |n: usize| -> Done<Entry> {
        let tx = world.draft(world.payees[n], n, 0)?;
        let weight = tx.weight_limit;
        // The pool looks at no signature.
        let witness = Witness { key: PublicKey([9; 32]), signature: Signature::default() };
        let signed = SignedTx { tx, witnesses: List::new(vec![witness]).ok_or("witnesses")? };
        Ok(Entry::new(Arc::new(signed), weight))
    };
    let mut pool = Pool::new(Limits::default());
    let mut put = |entries: Vec<Entry>| -> Done {
        for entry in entries {
            if pool.insert(black_box(entry), 0) != Verdict::Admitted {
                return Err("the pool refused a transfer".into());
            }
        }
        Ok(())
    };
    put((0..WAITING).map(entry).collect::<Done<Vec<_>>>()?)?;
    let mut batches = Vec::with_capacity(prepared);
    for round in 0..prepared {
        let first = WAITING + round * TXS;
        batches.push((first..first + TXS).map(entry).collect::<Done<Vec<_>>>()?);
    }
    let mut batches = batches.into_iter();
    for entries in batches.by_ref().take(rounds) {
        put(entries)?;
    }
    // Whatever is left is freed neither by few rounds nor by many: else that would be counted, too.
    std::mem::forget((pool, batches));
    Ok(())
}

/// How long the execution of a block lasts that takes no further transaction: of transfers by all bounds, and by weight and number alone; and
/// of payments to new accounts. The design's bar is 150 ms.
fn full_block(blocks: usize) -> Done {
    let standard = Params::standard();
    time_full("of transfers, by all its bounds", standard.clone(), blocks, World::transfers)?;
    // Standard transfers fill the bytes first; other calls may fill the weight.
    let unbound = Params { block_bytes_max: u32::MAX, ..standard.clone() };
    time_full("of transfers, by its weight and number alone", unbound, blocks, World::transfers)?;
    let settling = |world: &World, count, nonce| world.signed(count, |id, _| world.settling(id, nonce));
    time_full("of 16 payments each to new accounts, by all its bounds", standard, blocks, settling)
}

fn time_full(what: &str, params: Params, blocks: usize, txs: impl Fn(&World, usize, u64) -> Done<Vec<Arc<SignedTx>>>) -> Done {
    let weight_max = params.block_weight_max;
    let world = World::with(params, BLOCK_TXS_MAX, ACCOUNTS - BLOCK_TXS_MAX)?;
    let mut maker = Chain::new(&world)?;
    let mut made = vec![maker.build(&txs(&world, BLOCK_TXS_MAX, 0)?)?];
    let full = made[0].txs.len();
    for nonce in 1..blocks.max(1) {
        made.push(maker.build(&txs(&world, full, nonce as u64)?)?);
    }
    let mut chain = Chain::new(&world)?;
    let mut times = Vec::with_capacity(made.len());
    for (n, block) in made.iter().enumerate() {
        let certificate = certificate_of(&made, n);
        let start = Instant::now();
        chain.execute(block, certificate)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (median, least, most) = (times[times.len() / 2], times[0], times[times.len() - 1]);
    let weight: Weight = made[0].txs.iter().filter_map(|tx| weight(&tx.tx)).sum();
    let bytes = made[0].encoded_size();
    println!("a block full {what}: {full} transactions, {bytes} bytes, weight {weight} of {weight_max}");
    println!("  executed in {median:.1} ms (median of {}; least {least:.1}, most {most:.1}); bar 150 ms", times.len());
    Ok(())
}

fn main() -> Done {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, standard: usize| args.get(n).map_or(Ok(standard), |text| text.parse::<usize>());
    let (rounds, prepared) = (number(1, 1)?, number(2, 1)?);
    if args.first().is_some_and(|piece| piece == "full_block") {
        return full_block(number(1, BLOCKS)?);
    }
    if rounds > prepared {
        return Err("more rounds than are prepared".into());
    }
    match args.first().map(String::as_str) {
        Some("decode") => decode(rounds, prepared),
        Some("verify") => verify(rounds, prepared),
        Some("execute") => run(rounds, prepared),
        Some("root") => root(rounds, prepared),
        Some("insert") => insert(rounds, prepared),
        _ => {
            Err("say what: kernels decode|verify|execute|root|insert <rounds> <prepared>, or kernels full_block [blocks]".into())
        }
    }
}

//! What a pulse costs on disk: `cargo run -p leither-benches --bin store_commit -- [accounts] [pulses] [directory]`.
//!
//! Leaves alone: 10,000 random existing leaves change a pulse. Transfers: 10,000 transactions with their receipts, index and history
//! rows, and 20,000 leaves. Then the restart, with the files in the page cache. Times include the header's root and one synced write;
//! beside the clock's time stands that of this thread on a core, which other load on the machine does not lengthen.

use leither_state::{Fault, Holding, WriteSet};
use leither_store::{Commit, Store};
use leither_types::*;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const BATCH: u64 = 10_000;

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

fn account(n: u64) -> AccountId {
    let mut id = [0; 20];
    id.copy_from_slice(&tagged("bench/account", &[&n.to_le_bytes()]).0[..20]);
    AccountId(id)
}

fn holding(dice: &mut Dice) -> Holding {
    let key = SecretlessKey(dice.roll(u64::MAX)).bytes();
    Holding { free: Amount::new(u128::from(dice.roll(1 << 60)) + 1), locked: Amount::ZERO, nonce: dice.roll(1 << 20), key }
}

/// Bytes in the place of a public key, as little compressible as one.
struct SecretlessKey(u64);

impl SecretlessKey {
    fn bytes(&self) -> PublicKey {
        PublicKey(tagged("bench/key", &[&self.0.to_le_bytes()]).0)
    }
}

fn genesis() -> Result<GenesisHead, Box<dyn Error>> {
    let key = SecretKey::from_seed(&[1; 32]).public();
    let validators = ValidatorSet::new(vec![Validator { key, power: 1, operator: account(0) }])?;
    let name = Text::new("bench").ok_or("name")?;
    let allocations = Genesis::root(&[]);
    let params = Params::dev();
    Ok(GenesisHead { version: GENESIS_VERSION, name, time: 0, validators, params, dev: true, allocations, origin: None })
}

fn transfer(dice: &mut Dice, ids: &[AccountId]) -> Option<SignedTx> {
    let noise = |dice: &mut Dice| tagged("bench/noise", &[&dice.roll(u64::MAX).to_le_bytes()]).0;
    let signer = ids[dice.roll(ids.len() as u64) as usize];
    let call = [noise(dice).as_slice(), &[0; 14]].concat();
    let tx = Tx {
        version: TX_VERSION,
        chain: Hash::ZERO,
        signers: List::new(vec![signer])?,
        payer: None,
        nonce: dice.roll(1 << 20),
        valid_until: 1,
        max_fee: Amount::new(1_000),
        weight_limit: 1_000,
        calls: List::new(vec![Blob::new(call)?])?,
    };
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&noise(dice));
    signature[32..].copy_from_slice(&noise(dice));
    let witness = Witness { key: PublicKey(noise(dice)), signature: Signature(signature) };
    Some(SignedTx { tx, witnesses: List::new(vec![witness])? })
}

/// How long something took, by the clock and on a core.
#[derive(Clone, Copy)]
struct Took {
    clock: Duration,
    core: Duration,
}

/// Time that this thread has run.
fn core_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Took) {
    let (clock, core) = (Instant::now(), core_time());
    let done = act();
    (done, Took { clock: clock.elapsed(), core: core_time().saturating_sub(core) })
}

/// One pulse; gives how long the root and how long the commit took.
fn pulse(store: &Store, writes: &WriteSet, txs: Vec<SignedTx>, touched: &[(u32, AccountId)]) -> Result<(Took, Took), Fault> {
    let head = store.head()?;
    let event = List::new(vec![7; 90]).unwrap_or_default();
    let receipt = |tx: &SignedTx| {
        let events = List::new(vec![event.clone()]).unwrap_or_default();
        Receipt { tx: tx.id(), status: Status::Done, weight: 1_000, fee: Amount::new(1_000), events }
    };
    let receipts: Vec<_> = txs.iter().map(receipt).collect();
    let state = store.snapshot()?;
    let (state_root, root_took) = timed(|| state.root_after(writes));
    let state_root = state_root?;
    let header = Header {
        version: BLOCK_VERSION,
        chain: store.genesis().chain(),
        height: head.height + 1,
        time: head.time + 1,
        parent: head.id,
        proposer: ValidatorId::default(),
        state_root,
        txs_root: Block::txs_root(&txs),
        receipts_root: Hash::ZERO,
        evidence_root: Block::evidence_root(&[]),
        last_certificate: head.certificate.hash(),
        validators: Hash::ZERO,
        next_validators: Hash::ZERO,
    };
    let block = Block {
        header,
        last_certificate: head.certificate.clone(),
        txs: List::new(txs).unwrap_or_default(),
        evidence: List::default(),
    };
    let certificate = Certificate { height: block.header.height, round: 0, block: block.id(), signatures: List::default() };
    let commit = Commit {
        block: &block,
        certificate: &certificate,
        writes,
        receipts: &receipts,
        touched,
        versions: &[],
        next_set: &store.genesis().validators,
    };
    let (done, commit_took) = timed(|| store.commit(&commit));
    done.map(|()| (root_took, commit_took))
}

fn report(name: &str, times: &[(Took, Took)], leaves: u64) {
    for (kind, of) in [("clock", (|t| t.clock) as fn(&Took) -> Duration), ("core", |t| t.core)] {
        let mut all: Vec<_> = times.iter().map(|(root, commit)| of(root) + of(commit)).collect();
        all.sort();
        let n = times.len().max(1) as u32;
        let root = times.iter().map(|t| of(&t.0)).sum::<Duration>() / n;
        let commit = times.iter().map(|t| of(&t.1)).sum::<Duration>() / n;
        let at = |part: usize| all.get(all.len() * part / 100).copied().unwrap_or_default();
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        let us_a_leaf = |d: Duration| d.as_secs_f64() * 1e6 / leaves as f64;
        println!(
            "{name:<10} {kind:<6} ms a pulse: root {:.1} + commit {:.1}, median {:.1}, p95 {:.1}; us a leaf: mean {:.2}, median {:.2}, least {:.2}",
            ms(root),
            ms(commit),
            ms(at(50)),
            ms(at(95)),
            us_a_leaf(root + commit),
            us_a_leaf(at(50)),
            us_a_leaf(at(0)),
        );
    }
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let accounts: u64 = args.next().map_or(Ok(1_000_000), |a| a.parse())?;
    let pulses: u64 = args.next().map_or(Ok(300), |a| a.parse())?;
    let dir = args
        .next()
        .map_or_else(|| std::env::temp_dir().join(format!("leither-bench-{}", std::process::id())), PathBuf::from);
    let done = run(&dir, accounts, pulses);
    // Only what this run made.
    std::fs::remove_dir_all(&dir)?;
    done
}

fn run(dir: &Path, accounts: u64, pulses: u64) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir(dir).map_err(|e| format!("{} must not exist yet: {e}", dir.display()))?;
    let genesis = genesis()?;
    let mut dice = Dice(1);
    let ids: Vec<_> = (0..accounts).map(account).collect();
    let initial = || {
        let mut dice = Dice(2);
        let holdings = ids.iter().map(|id| ((TokenId::NATIVE, *id), Some(holding(&mut dice)))).collect();
        Ok(WriteSet { holdings, records: Default::default() })
    };
    let start = Instant::now();
    let store = Store::open(dir, &genesis, &initial)?;
    println!("created with {accounts} accounts in {:.2} s; resident {} MiB", start.elapsed().as_secs_f64(), resident_mib());

    let some = |dice: &mut Dice, count: u64| {
        let mut writes = WriteSet::default();
        while (writes.holdings.len() as u64) < count.min(accounts) {
            let id = ids[dice.roll(accounts) as usize];
            writes.holdings.insert((TokenId::NATIVE, id), Some(holding(dice)));
        }
        writes
    };
    let mut times = Vec::new();
    for _ in 0..pulses {
        let writes = some(&mut dice, BATCH);
        times.push(pulse(&store, &writes, Vec::new(), &[])?);
    }
    report("leaves", &times, BATCH);
    times.clear();
    for _ in 0..pulses / 4 {
        let writes = some(&mut dice, 2 * BATCH);
        let txs: Option<Vec<_>> = (0..BATCH).map(|_| transfer(&mut dice, &ids)).collect();
        let touched: Vec<_> = (0..BATCH as u32).map(|i| (i, ids[dice.roll(accounts) as usize])).collect();
        times.push(pulse(&store, &writes, txs.ok_or("transfer")?, &touched)?);
    }
    report("transfers", &times, 2 * BATCH);
    println!("resident {} MiB, on disk {} MiB", resident_mib(), store.disk_bytes()? >> 20);
    let head = store.head()?;
    drop(store);
    let (store, took) = timed(|| Store::open(dir, &genesis, &initial));
    assert_eq!(store?.head()?, head);
    let (clock, core) = (took.clock.as_secs_f64(), took.core.as_secs_f64());
    println!("restart at {accounts} accounts in {clock:.2} s ({core:.2} s on a core); resident {} MiB", resident_mib());
    Ok(())
}

//! A chain with one contract on it, and a block that calls it, executed again and again.

use crate::cold::bytes_under;
use crate::contract::{looped, module};
use crate::kinds::Kind;
use crate::making::Making;
use leither_executor::{Parent, Verified, execute, genesis_state};
use leither_harness::pallets::wasm::{Call as Do, Contracts, Event as Wasm};
use leither_harness::pallets::{Call, Event, describe_event};
use leither_harness::{Chain, Setup, text};
use leither_state::WriteSet;
use leither_store::Store;
use leither_types::*;
use leither_vm::WasmEngine;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Of one measured call: a thirtieth of a block.
const BUDGET: u64 = 10_000_000_000;
/// What is timed at once, at least.
const BATCH: Duration = Duration::from_millis(60);
const GAS_MAX: u64 = 150_000_000_000;
const PIECE: usize = 56 * 1024;

struct AllVerified;

impl Verified for AllVerified {
    fn is_verified(&self, _: &Hash) -> bool {
        true
    }
}

/// How long something took, by the clock and of this thread on a core.
#[derive(Clone, Copy)]
pub struct Took {
    pub clock: Duration,
    pub core: Duration,
}

fn core_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

pub fn timed<T>(act: impl FnOnce() -> T) -> (T, Took) {
    let (clock, core) = (Instant::now(), core_time());
    let done = act();
    (done, Took { clock: clock.elapsed(), core: core_time().saturating_sub(core) })
}

pub struct Stage {
    chain: Chain,
    on_disk: bool,
    /// All that was written since nothing.
    writes: WriteSet,
    dir: tempfile::TempDir,
}

impl Stage {
    pub fn new(on_disk: bool, memory: Option<usize>) -> Done<Self> {
        let dir = tempfile::tempdir()?;
        let modules = dir.path().join("modules");
        let engine = match memory {
            Some(bytes) => WasmEngine::open_within(&modules, bytes)?,
            None => WasmEngine::open(&modules)?,
        };
        let mut chain = Chain::new(&Setup { contracts: Contracts::new(Arc::new(engine)), ..Setup::default() });
        chain.trusting = true;
        let writes = genesis_state(&chain.genesis)?;
        Ok(Self { chain, on_disk, writes, dir })
    }

    fn call(&mut self, call: Do) -> Done<Vec<Event>> {
        let events = self.chain.ok("alice", Call::Wasm(call));
        let new = self.chain.last.as_ref().ok_or("a block")?.writes.clone();
        self.writes.holdings.extend(new.holdings);
        self.writes.records.extend(new.records);
        Ok(events)
    }

    pub fn store(&mut self, wasm: &[u8]) -> Done<u64> {
        let code = Hash(leither_vm::sha256(wasm));
        let pieces = wasm.chunks(PIECE).count() as u16;
        for (n, bytes) in wasm.chunks(PIECE).enumerate() {
            let bytes = Blob::new(bytes.to_vec()).ok_or("a piece")?;
            self.call(Do::Upload { code, piece: n as u16, bytes })?;
        }
        let stored = |event: Event| match event {
            Event::Wasm(Wasm::Stored { code, .. }) => Some(code),
            _ => None,
        };
        Ok(self.call(Do::Store { code, pieces })?.into_iter().find_map(stored).ok_or("stored")?)
    }

    pub fn born(&mut self, code: u64) -> Done<AccountId> {
        let msg = Blob::new(b"{}".to_vec()).ok_or("msg")?;
        let made =
            Do::Instantiate { code, msg, funds: List::default(), label: text("bench"), admin: None, salt: None, gas: GAS_MAX };
        // Not what was instantiated: it may have made others in its turn.
        let born = |event: Event| match event {
            Event::Wasm(Wasm::Ended { contract, .. }) => Some(contract),
            _ => None,
        };
        Ok(self.call(made)?.into_iter().find_map(born).ok_or("born")?)
    }

    pub fn contract(&mut self, wat: &str) -> Done<AccountId> {
        let code = self.store(&wat::parse_str(wat)?)?;
        self.born(code)
    }

    /// Executes a block of one call, so often; what it used, and the least that it took.
    pub fn measure(&self, contract: AccountId, repetitions: usize) -> Done<(u64, Took)> {
        let msg = Blob::new(b"{}".to_vec()).ok_or("msg")?;
        let call = Call::Wasm(Do::Execute { contract, msg, funds: List::default(), gas: GAS_MAX });
        let tx = self.chain.sign(&["alice"], &[call]);
        let (block, outcome, _) = self.chain.propose(&[tx]);
        let receipt = outcome.receipts.first().ok_or("a receipt")?;
        if let Status::Failed(failure) = &receipt.status {
            return Err(format!("it failed: {:?}", leither_harness::pallets::describe_error(&failure.error)).into());
        }
        let ended = |event| match event {
            Event::Wasm(Wasm::Ended { gas, .. }) => Some(gas),
            _ => None,
        };
        let gas = receipt.events.iter().filter_map(|bytes| describe_event(bytes)).find_map(ended).ok_or("an end")?;
        let mut parent: Parent = self.chain.parent().clone();
        let store = if self.on_disk { Some(self.opened()?) } else { None };
        if let Some(store) = &store {
            parent.state = store.snapshot()?;
        }
        // A thread's own time is counted in ticks: so many executions at once that they do not matter.
        let once = || execute(&parent, black_box(&block), &AllVerified).map(black_box);
        let (first, took) = timed(once);
        first?;
        let batch = (BATCH.as_nanos() / took.clock.as_nanos().max(1)).clamp(1, 1_000) as u32;
        let mut least: Option<Took> = None;
        for _ in 0..repetitions {
            let (done, took) = timed(|| (0..batch).try_for_each(|_| once().map(drop)));
            done?;
            let so_far = least.unwrap_or(took);
            least = Some(Took { clock: so_far.clock.min(took.clock), core: so_far.core.min(took.core) });
        }
        let Took { clock, core } = least.unwrap_or(Took { clock: took.clock * batch, core: took.core * batch });
        Ok((gas, Took { clock: clock / batch, core: core / batch }))
    }

    /// The same state in RocksDB.
    fn opened(&self) -> Done<Store> {
        let at = self.dir.path().join(format!("store-{}", std::fs::read_dir(self.dir.path())?.count()));
        std::fs::create_dir(&at)?;
        let writes = || Ok(self.writes.clone());
        Ok(Store::open(&at, &self.chain.genesis.head, &writes)?)
    }

    /// As many rounds of a kind as the budget pays for, and what they cost beyond the call itself.
    pub fn looped(mut self, kind: &Kind, repetitions: usize) -> Done<(u64, Took)> {
        let other = if kind.code.contains("OTHER") || kind.parts.contains("OTHER") {
            Some(self.contract(&module(2, "", ""))?)
        } else {
            None
        };
        let build = |rounds: u64| {
            let name = other.map(|id| id.to_string()).unwrap_or_default();
            let parts = format!("{} {}", kind.parts.replace("OTHER", &name), looped(&kind.before, &kind.code, rounds));
            module(kind.pages, &kind.begin, &parts)
        };
        let (none, some) = (self.contract(&build(0))?, self.contract(&build(4))?);
        let (before, began) = self.measure(none, repetitions)?;
        let each = (self.measure(some, 0)?.0 - before).div_ceil(4).max(1);
        let contract = self.contract(&build((BUDGET / each).clamp(1, u64::from(kind.most))))?;
        let (gas, took) = self.measure(contract, repetitions)?;
        let more = |all: Duration, first: Duration| all.saturating_sub(first);
        Ok((gas - before, Took { clock: more(took.clock, began.clock), core: more(took.core, began.core) }))
    }

    /// A contract that sends messages to others.
    pub fn made(mut self, kind: &Making, repetitions: usize) -> Done<(u64, Took)> {
        let mut to = Vec::new();
        for n in 0..kind.codes {
            to.push(self.contract(&(kind.target)(n))?);
        }
        if kind.memory.is_some_and(|memory| bytes_under(self.dir.path()).is_ok_and(|all| all <= memory as u64)) {
            return Err("its codes fit into memory: they would not be read from disk".into());
        }
        let message = |n: usize| {
            let other = to[n % to.len()];
            format!(
                r#"{{"id":1,"msg":{{"wasm":{{"execute":{{"contract_addr":"{other}","msg":"e30=","funds":[]}}}}}},"gas_limit":null,"reply_on":"never"}}"#
            )
        };
        let messages: Vec<String> = (0..kind.messages).map(message).collect();
        let answer = format!(r#"{{"ok":{{"messages":[{}],"attributes":[],"events":[],"data":null}}}}"#, messages.join(","));
        let execute = "(func (export \"execute\") (param i32 i32 i32) (result i32) (i32.const 4096))";
        let driver = module(16, "", &format!("{} {execute}", crate::contract::region(4_096, answer.as_bytes())));
        let driver = self.contract(&driver)?;
        self.measure(driver, repetitions)
    }
}

mod floats;
mod gas;
mod host_calls;
mod hostile;
mod regions;
mod text;
mod unfit;

use super::*;
use crate::INSTANCE_GAS;
use crate::abi::{Addr, BlockInfo, ContractInfo, Env, MessageInfo, QueryAnswer, Timestamp};
use crate::engine::{HostError, Order, Passed};
use leither_types::AccountId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

const GAS: u64 = 10_000_000_000;

/// A contract that others compiled: it comes with the engine's crate.
fn published(name: &str) -> Option<Vec<u8>> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = std::fs::read_dir(home.join("registry/src")).ok()?;
    let found = registries.flatten().find_map(|registry| {
        std::fs::read(registry.path().join("cosmwasm-vm-3.1.0-rc.1/testdata").join(format!("{name}.wasm"))).ok()
    });
    if found.is_none() {
        eprintln!("skipped: the sources of cosmwasm-vm, with its contract {name}, are not in cargo's registry here");
    }
    found
}

type Data = BTreeMap<Vec<u8>, Vec<u8>>;

/// Data in memory. What it is asked for `bank` it answers with what is held; it breaks at the key `broken`.
#[derive(Clone, Default)]
struct Memory {
    data: Arc<Mutex<Data>>,
    breaks: bool,
    /// What a watcher hears, where one is there: lines of the contract, words of the engine.
    heard: Option<Arc<Mutex<Vec<String>>>>,
}

impl Host for Memory {
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        if self.breaks {
            return Err(HostError::Broken("the disk is gone".into()));
        }
        Ok(self.data.lock().unwrap().get(key).cloned())
    }
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<usize, HostError> {
        let before = self.data.lock().unwrap().insert(key.to_vec(), value.to_vec());
        Ok((key.len() + value.len()).saturating_sub(before.map_or(0, |before| key.len() + before.len())))
    }
    fn remove(&mut self, key: &[u8]) -> Result<(), HostError> {
        self.data.lock().unwrap().remove(key);
        Ok(())
    }
    fn first(&mut self, start: Option<&[u8]>, end: Option<&[u8]>, order: Order) -> Result<Passed, HostError> {
        let data = self.data.lock().unwrap();
        let mut within = data
            .iter()
            .filter(|(key, _)| start.is_none_or(|start| key.as_slice() >= start) && end.is_none_or(|end| key.as_slice() < end));
        let found = match order {
            Order::Ascending => within.next(),
            Order::Descending => within.next_back(),
        };
        Ok((found.map(|(key, value)| (key.clone(), value.clone())), 0))
    }
    fn query(&mut self, request: &[u8], _: u64) -> (Result<QueryAnswer, HostError>, u64) {
        let Ok(request) = serde_json::from_slice::<Value>(request) else { return (Ok(QueryAnswer::Malformed), 1) };
        let answer = json!({ "amount": [{ "denom": "nmei", "amount": "5" }] });
        match request.pointer("/bank/all_balances") {
            Some(_) => (Ok(QueryAnswer::Bytes(answer.to_string().into_bytes())), 1_000),
            None => (Ok(QueryAnswer::Unsupported("all but all_balances".into())), 1),
        }
    }
    fn is_watched(&self) -> bool {
        self.heard.is_some()
    }
    fn debug(&mut self, line: &str) {
        self.heard.as_ref().unwrap().lock().unwrap().push(line.into());
    }
    fn failed(&mut self, words: &str) {
        self.heard.as_ref().unwrap().lock().unwrap().push(format!("engine: {words}"));
    }
}

struct Bench {
    engine: WasmEngine,
    host: Memory,
    _dir: tempfile::TempDir,
}

fn human(n: u8) -> String {
    AccountId([n; 20]).to_string()
}

fn env() -> Vec<u8> {
    let block = BlockInfo { height: 7, time: Timestamp::from_nanos(1_700_000_000_000_000_000), chain_id: "leither-test".into() };
    let contract = ContractInfo { address: Addr::unchecked(human(9)) };
    serde_json::to_vec(&Env { block, transaction: None, contract }).unwrap()
}

fn info(sender: u8) -> Vec<u8> {
    serde_json::to_vec(&MessageInfo { sender: Addr::unchecked(human(sender)), funds: vec![] }).unwrap()
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { engine: WasmEngine::open(dir.path()).unwrap(), host: Memory::default(), _dir: dir }
    }

    fn call(&self, code: &Checksum, entry: Entry, sender: u8, msg: &Value, gas: u64) -> Result<Called, Broken> {
        let (env, info, msg) = (env(), info(sender), msg.to_string().into_bytes());
        self.engine.call(&Call { code, entry, env: &env, info: &info, msg: &msg, gas }, Box::new(self.host.clone()))
    }

    fn answer(&self, code: &Checksum, entry: Entry, sender: u8, msg: &Value) -> (Value, u64) {
        let called = self.call(code, entry, sender, msg, GAS).unwrap();
        (serde_json::from_slice(&called.answer.unwrap()).unwrap(), called.gas)
    }
}

fn begin(name: &str) -> Option<(Bench, Module, u64)> {
    let wasm = published(name)?;
    let bench = Bench::new();
    let module = bench.engine.store(&wasm).unwrap();
    let msg = match name.starts_with("hackatom") {
        true => json!({ "verifier": human(1), "beneficiary": human(2) }),
        false => json!({}),
    };
    let (answer, gas) = bench.answer(&module.code, Entry::Instantiate, 1, &msg);
    assert!(answer.get("ok").is_some(), "{name}: {answer}");
    Some((bench, module, gas))
}

#[test]
fn a_contract_by_others_keeps_its_data_asks_and_answers() {
    for name in ["hackatom", "hackatom_1.0", "hackatom_1.2", "hackatom_1.3"] {
        let Some((bench, module, _)) = begin(name) else { return };
        assert!(
            module.has(Entry::Execute) && module.has(Entry::Query) && module.has(Entry::Migrate) && !module.has(Entry::Reply),
            "{name}"
        );
        let (answer, _) = bench.answer(&module.code, Entry::Query, 0, &json!({ "verifier": {} }));
        let answer: Value = serde_json::from_slice(&abi_bytes(&answer["ok"])).unwrap();
        assert_eq!(answer["verifier"], human(1), "{name}");
        let (answer, _) = bench.answer(&module.code, Entry::Execute, 2, &json!({ "release": {} }));
        assert!(answer["error"].is_string(), "{name}: not the verifier: {answer}");
    }
}

fn abi_bytes(base64: &Value) -> Vec<u8> {
    serde_json::from_value::<crate::abi::Binary>(base64.clone()).unwrap().into()
}

/// The verifier releases what the contract holds: it asks for the balance, and answers with a message.
#[test]
fn a_contract_answers_with_messages_that_are_read() {
    let Some((bench, module, _)) = begin("hackatom_1.2") else { return };
    let called = bench.call(&module.code, Entry::Execute, 1, &json!({ "release": {} }), GAS).unwrap();
    let answer: crate::abi::Answer<crate::abi::Response> = serde_json::from_slice(&called.answer.unwrap()).unwrap();
    let crate::abi::Answer::Ok(response) = answer else { panic!("refused") };
    let crate::abi::Message::Bank(crate::abi::BankMsg::Send { to_address, amount }) = &response.messages[0].msg else {
        panic!("no payment")
    };
    assert_eq!((to_address.as_str(), amount[0].amount.0), (human(2).as_str(), 5));
}

// VM-3
#[test]
fn gas_and_answers_are_the_same_whatever_the_caches_hold() {
    let Some(wasm) = published("hackatom") else { return };
    let Some((first, module, gas)) = begin("hackatom") else { return };
    let (again, used) = first.answer(&module.code, Entry::Query, 0, &json!({ "verifier": {} }));
    assert_eq!(first.answer(&module.code, Entry::Query, 0, &json!({ "verifier": {} })), (again.clone(), used), "warm");
    // Another process with the same folder: from its files.
    let files = WasmEngine::open(first._dir.path()).unwrap();
    let first = Bench { engine: files, ..first };
    assert_eq!(first.answer(&module.code, Entry::Query, 0, &json!({ "verifier": {} })), (again.clone(), used), "from files");
    // Another machine, which has only the bytes: it says what is missing, and is given it.
    let second = Bench { host: first.host.clone(), ..Bench::new() };
    let missing = second.call(&module.code, Entry::Query, 0, &json!({ "verifier": {} }), GAS);
    assert_eq!(missing, Err(Broken::Missing(module.code)));
    second.engine.restore(&wasm).unwrap();
    assert_eq!(second.answer(&module.code, Entry::Query, 0, &json!({ "verifier": {} })), (again, used), "compiled anew");
    assert_eq!(begin("hackatom").map(|(_, _, gas)| gas), Some(gas));
}

#[test]
fn what_does_not_end_runs_out_of_gas_and_what_panics_has_a_word_for_it() {
    let Some((bench, module, _)) = begin("cyberpunk") else { return };
    let execute = |msg: Value, gas| bench.call(&module.code, Entry::Execute, 1, &msg, gas).unwrap();
    for name in ["cpu_loop", "storage_loop", "memory_loop"] {
        let called = execute(json!({ name: {} }), GAS);
        assert!(
            matches!(called, Called { gas: GAS, answer: Err(Failure::OutOfGas) }) || name == "memory_loop",
            "{name}: {called:?}"
        );
        assert!(called.answer.is_err(), "{name}: {called:?}");
    }
    for name in ["panic", "unreachable"] {
        let called = execute(json!({ name: {} }), GAS);
        assert!(called.answer == Err(Failure::Trap) && called.gas < GAS, "{name}: {called:?}");
    }
    // It is told that there is no more memory, and says so.
    let full: Value =
        serde_json::from_slice(&execute(json!({ "allocate_large_memory": { "pages": 1_600 } }), GAS).answer.unwrap()).unwrap();
    assert!(full["error"].as_str().is_some_and(|text| text.contains("memory")), "{full}");
    assert_eq!(execute(json!({ "cpu_loop": {} }), 1).gas, 1);
    assert_eq!(execute(json!({ "noop": {} }), INSTANCE_GAS).answer, Err(Failure::OutOfGas));
}

// VM-2
#[test]
fn a_host_that_breaks_is_never_a_contracts_failure() {
    let Some((bench, module, _)) = begin("hackatom") else { return };
    let bench = Bench { host: Memory { breaks: true, ..bench.host.clone() }, ..bench };
    let broken = bench.call(&module.code, Entry::Query, 0, &json!({ "verifier": {} }), GAS);
    assert_eq!(broken, Err(Broken::Machine("the disk is gone".into())));
}

#[test]
fn what_is_no_contract_is_refused() {
    let bench = Bench::new();
    let mut wrong: Vec<Vec<u8>> = vec![vec![], b"\0asm\x01\0\0\0".to_vec(), vec![0xff; 1_000], vec![0; CODE_BYTES_MAX + 1]];
    // Of older interfaces, and one that is damaged.
    wrong.extend(["hackatom_0.7", "hackatom_0.14", "hackatom_0.16", "corrupted"].into_iter().filter_map(published));
    for wasm in wrong {
        let refused = bench.engine.store(&wasm);
        assert!(matches!(refused, Err(StoreError::Refusal(_))), "{} bytes: {refused:?}", wasm.len());
    }
    for fine in ["empty", "floaty_2.0", "ibc_reflect_1.2", "ibc_callbacks", "cyberpunk"] {
        if let Some(wasm) = published(fine) {
            assert!(bench.engine.store(&wasm).is_ok(), "{fine}: {:?}", bench.engine.store(&wasm));
        }
    }
}

// TRACE-1
#[test]
fn who_watches_hears_lines_and_the_engines_words_and_changes_neither_gas_nor_answers() {
    let Some((plain, module, _)) = begin("cyberpunk") else { return };
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let watched = Memory { heard: Some(heard.clone()), ..plain.host.clone() };
    let engine = Some("engine: ");
    for (msg, words) in [("debug", Some("")), ("panic", engine), ("unreachable", engine), ("cpu_loop", engine), ("noop", None)] {
        let json = json!({ msg: {} });
        let before = plain.call(&module.code, Entry::Execute, 1, &json, GAS).unwrap();
        let (env, info, msg) = (env(), info(1), json.to_string().into_bytes());
        let call = Call { code: &module.code, entry: Entry::Execute, env: &env, info: &info, msg: &msg, gas: GAS };
        let after = plain.engine.call(&call, Box::new(watched.clone())).unwrap();
        assert_eq!(before, after, "{json}");
        let lines = std::mem::take(&mut *heard.lock().unwrap());
        match words {
            Some(words) => assert!(lines.iter().any(|line| line.starts_with(words)), "{json}: {lines:?}"),
            None => assert!(lines.is_empty(), "{json}: {lines:?}"),
        }
    }
}

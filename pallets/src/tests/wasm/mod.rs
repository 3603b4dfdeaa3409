//! Contracts: by a puppet that does as it is told (`tests/contracts/puppet`), and by contracts of others.

mod advisories;
mod answers;
mod code;
mod custom;
mod limits;
mod messages;
mod pulses;
mod sequences;
mod streams;
mod trace;

use leither_harness::pallets::wasm::{Call as Do, Coin, Contract, Contracts, Error as Why, Event as Wasm, views};
use leither_harness::pallets::{Call, Error, Event};
use leither_harness::{Chain, Setup, account, text};
use leither_types::{AccountId, Amount, Blob, Hash, List, Params, TokenId};
use leither_vm::WasmEngine;
use leither_vm::abi::QueryAnswer;
use serde_json::{Value, json};
use std::sync::Arc;

const MEI: TokenId = TokenId::NATIVE;
const GAS: u64 = 20_000_000_000;
/// As it was built: what is committed is the test of itself.
const PUPPET: &[u8] = include_bytes!("../../../../tests/contracts/puppet.wasm");
const PIECE: usize = 56 * 1024;

/// A chain with an engine of its own, whose folder goes with it.
struct Stage {
    chain: Chain,
    dir: tempfile::TempDir,
}

fn engine(dir: &tempfile::TempDir) -> Contracts {
    Contracts::new(Arc::new(WasmEngine::open(dir.path()).unwrap()))
}

fn refusal(why: Why) -> Error {
    Error::Wasm(why)
}

fn pieces(wasm: &[u8]) -> (Hash, Vec<Call>) {
    let code = Hash(leither_vm::sha256(wasm));
    let one =
        |(n, bytes): (usize, &[u8])| Call::Wasm(Do::Upload { code, piece: n as u16, bytes: Blob::new(bytes.to_vec()).unwrap() });
    (code, wasm.chunks(PIECE).enumerate().map(one).collect())
}

fn message<const MAX: usize>(msg: &Value) -> Blob<MAX> {
    Blob::new(msg.to_string().into_bytes()).expect("a short message")
}

fn mei(amount: u128) -> Vec<Coin> {
    if amount == 0 { Vec::new() } else { vec![Coin { token: MEI, amount: Amount(amount) }] }
}

fn instantiate(code: u64, msg: &Value, funds: u128, salt: Option<&[u8]>) -> Call {
    Call::Wasm(Do::Instantiate {
        code,
        msg: message(msg),
        funds: List::new(mei(funds)).unwrap(),
        label: text("a contract"),
        admin: Some(account("alice")),
        salt: salt.map(|salt| Blob::new(salt.to_vec()).unwrap()),
        gas: GAS,
    })
}

fn execute_within(contract: AccountId, msg: &Value, funds: u128, gas: u64) -> Call {
    Call::Wasm(Do::Execute { contract, msg: message(msg), funds: List::new(mei(funds)).unwrap(), gas })
}

fn execute(contract: AccountId, msg: &Value) -> Call {
    execute_within(contract, msg, 0, GAS)
}

fn migrate(contract: AccountId, code: u64, msg: &Value) -> Call {
    Call::Wasm(Do::Migrate { contract, code, msg: message(msg), gas: GAS })
}

/// A message to a contract, as another one sends it.
fn to(contract: AccountId, msg: &Value) -> Value {
    json!({ "wasm": { "execute": { "contract_addr": contract.to_string(), "msg": base64(msg), "funds": [] } } })
}

fn base64(msg: &Value) -> Value {
    serde_json::to_value(leither_vm::abi::Binary::new(msg.to_string().into_bytes())).unwrap()
}

fn sub(id: u64, msg: Value, reply_on: &str) -> Value {
    json!({ "id": id, "msg": msg, "gas_limit": null, "reply_on": reply_on, "payload": "" })
}

fn bank(to: AccountId, amount: u128) -> Value {
    json!({ "bank": { "send": { "to_address": to.to_string(), "amount": [{ "denom": "nmei", "amount": amount.to_string() }] } } })
}

/// What a call used, and handed back.
fn ended(events: &[Event]) -> (u64, Option<Vec<u8>>) {
    let end = events.iter().find_map(|event| match event {
        Event::Wasm(Wasm::Ended { gas, data, .. }) => Some((*gas, data.as_ref().map(|data| data.to_vec()))),
        _ => None,
    });
    end.unwrap_or_else(|| panic!("no end: {events:?}"))
}

impl Stage {
    fn new() -> Self {
        Self::with(Params::dev())
    }

    fn with(params: Params) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let setup = Setup { params, contracts: engine(&dir), ..Setup::default() };
        Self { chain: Chain::new(&setup), dir }
    }

    /// Uploads and stores code; its number, and whether it was there.
    fn store(&mut self, who: &str, wasm: &[u8]) -> (u64, bool) {
        let (code, calls) = pieces(wasm);
        let count = calls.len() as u16;
        for call in calls {
            self.chain.ok(who, call);
        }
        let stored = |event: Event| match event {
            Event::Wasm(Wasm::Stored { code, existed, .. }) => Some((code, existed)),
            _ => None,
        };
        let events = self.chain.ok(who, Call::Wasm(Do::Store { code, pieces: count }));
        events.into_iter().find_map(stored).expect("it says which code")
    }

    /// Where the call's own contract is; it may have made others in its turn.
    fn born(&mut self, who: &str, call: Call) -> AccountId {
        let born = |event: Event| match event {
            Event::Wasm(Wasm::Ended { contract, .. }) => Some(contract),
            _ => None,
        };
        self.chain.ok(who, call).into_iter().find_map(born).expect("it says where it is")
    }

    /// Two puppets.
    fn puppets(&mut self) -> (AccountId, AccountId) {
        let (code, _) = self.store("alice", PUPPET);
        let first = self.born("alice", instantiate(code, &json!({}), 1_000, None));
        (first, self.born("alice", instantiate(code, &json!({}), 1_000, None)))
    }

    fn contract(&self, id: AccountId) -> Contract {
        views::contract(&**self.chain.state(), &id).unwrap().expect("it is there")
    }

    fn ask(&self, contract: AccountId, msg: &Value) -> Option<QueryAnswer> {
        let request = json!({ "wasm": { "smart": { "contract_addr": contract.to_string(), "msg": base64(msg) } } });
        self.ask_within(&request, GAS)
    }

    fn ask_within(&self, request: &Value, gas: u64) -> Option<QueryAnswer> {
        let block = self.chain.next_info();
        views::ask(self.chain.state().clone(), &block, request.to_string().as_bytes(), gas).unwrap().answer
    }

    /// What a puppet keeps.
    fn kept(&self, puppet: AccountId, key: &str) -> Option<String> {
        match self.ask(puppet, &json!({ "get": { "key": key } })) {
            Some(QueryAnswer::Bytes(bytes)) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// What it was told of its messages.
    fn replies(&self, puppet: AccountId) -> Vec<Value> {
        let lines = self.kept(puppet, "replies").unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn has(&self, who: AccountId) -> u128 {
        self.chain.holding(MEI, who).free.0
    }
}

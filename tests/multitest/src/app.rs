//! A chain of cw-multi-test whose addresses are those of Leither.

use crate::puppet::{self, Added, Do};
use crate::told;
use cosmwasm_std::testing::MockStorage;
use cosmwasm_std::{
    coins, instantiate2_address, Addr, Api, Binary, BlockInfo, CanonicalAddr, Checksum, Coin, CosmosMsg, Deps, DepsMut, Empty,
    Env, MessageInfo, MigrateInfo, Reply, Response, StdError, StdResult, Storage, Timestamp, WasmMsg,
};
use cw_multi_test::{
    AddressGenerator, App, AppBuilder, AppResponse, BankKeeper, ContractWrapper, DistributionKeeper, Executor, FailingModule,
    GovFailingModule, IbcFailingModule, MockApiBech32m, StakeKeeper, StargateFailing, WasmKeeper,
};
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};

type Chain = App<
    BankKeeper,
    MockApiBech32m,
    MockStorage,
    FailingModule<Added, Added, Empty>,
    WasmKeeper<Added, Added>,
    StakeKeeper,
    DistributionKeeper,
    IbcFailingModule,
    GovFailingModule,
    StargateFailing,
>;

pub const DENOM: &str = "nmei";
/// Accounts of tests/harness. The first two send; what the others have shows who was paid.
const PEOPLE: [(&str, &str); 4] = [
    ("@alice", "lth1pd9qyvfvdjcrme0kxsm73j0u49q7t7r8p5t3he"),
    ("@bob", "lth13jfwr9ak7g5rue4t4q957zqsanlxx8jn66gw4s"),
    ("@dave", "lth1966y9pk75cwexvv946mfg48x3t9jjcxswqqzud"),
    ("@erin", "lth1kf4m06gfhnfds5nxch5kes5d9e2xnj4xrwu0sd"),
];
const PAYEES: [&str; 2] = ["@dave", "@erin"];
/// What each has there.
const FUNDS: u128 = 1_000_000_000_000_000;
/// Instances that have a name.
const INSTANCES: u64 = 24;

fn api() -> MockApiBech32m {
    MockApiBech32m::new("lth")
}

/// The chain's rule: wasmd's, cut to 20 bytes.
fn address(code: u64, instance: u64) -> String {
    let key = [b"wasm\0", &code.to_be_bytes()[..], &instance.to_be_bytes()].concat();
    let hash = Checksum::generate(&[Checksum::generate(b"module").as_slice(), &key].concat());
    human(hash.as_slice()).expect("a hash is long enough").into()
}

fn human(bytes: &[u8]) -> StdResult<Addr> {
    api().addr_humanize(&CanonicalAddr::from(&bytes[..20]))
}

pub fn names() -> BTreeMap<String, String> {
    let people = PEOPLE.iter().map(|(name, address)| (name.to_string(), address.to_string()));
    let numbers = (1..=2).flat_map(|code| (1..=INSTANCES).map(move |instance| (code, instance)));
    people.chain(numbers.map(|(code, n)| (format!("@{code}.{n}"), address(code, n)))).collect()
}

struct Addresses;

impl AddressGenerator for Addresses {
    fn contract_address(&self, _: &dyn Api, _: &mut dyn Storage, code: u64, instance: u64) -> StdResult<Addr> {
        // It counts from 0.
        Ok(Addr::unchecked(address(code, instance + 1)))
    }

    fn predictable_contract_address(
        &self,
        _: &dyn Api,
        _: &mut dyn Storage,
        _: u64,
        _: u64,
        checksum: &[u8],
        creator: &CanonicalAddr,
        salt: &[u8],
    ) -> StdResult<Addr> {
        human(&instantiate2_address(checksum, creator, salt)?)
    }
}

/// Of the contract as it is built, and of the same with a section more: another code that does the same.
pub fn checksums() -> [String; 2] {
    let wasm = include_bytes!("../../contracts/puppet.wasm");
    [&wasm[..], &[&wasm[..], &[0, 2, 1, b'x']].concat()].map(|bytes| Checksum::generate(bytes).to_hex())
}

/// A panic ends its call, as in the VM.
fn caught<T>(act: impl FnOnce() -> StdResult<T>) -> StdResult<T> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(StdError::msg("it panicked")))
}

fn instantiate(deps: DepsMut<Added>, env: Env, info: MessageInfo, msg: Do) -> StdResult<Response<Added>> {
    caught(|| puppet::instantiate(deps.into_empty(), env, info, msg))
}
fn execute(deps: DepsMut<Added>, env: Env, info: MessageInfo, msg: Do) -> StdResult<Response<Added>> {
    caught(|| puppet::execute(deps.into_empty(), env, info, msg))
}
fn reply(deps: DepsMut<Added>, env: Env, reply: Reply) -> StdResult<Response<Added>> {
    caught(|| puppet::reply(deps.into_empty(), env, reply))
}
fn migrate(deps: DepsMut<Added>, env: Env, msg: Do, info: MigrateInfo) -> StdResult<Response<Added>> {
    caught(|| puppet::migrate(deps.into_empty(), env, msg, info))
}
fn sudo(deps: DepsMut<Added>, env: Env, msg: Do) -> StdResult<Response<Added>> {
    caught(|| puppet::sudo(deps.into_empty(), env, msg))
}
fn query(deps: Deps<Added>, env: Env, msg: puppet::Query) -> StdResult<Binary> {
    puppet::query(deps.into_empty(), env, msg)
}
pub struct World {
    chain: Chain,
    contracts: BTreeMap<String, Value>,
    data: BTreeMap<String, BTreeMap<String, Value>>,
    balances: BTreeMap<String, Value>,
}

impl World {
    pub fn new() -> Self {
        let keeper = WasmKeeper::new().with_address_generator(Addresses);
        let people = PEOPLE.map(|(name, address)| (name, Addr::unchecked(address)));
        let mut chain = AppBuilder::new_custom().with_api(api()).with_wasm(keeper).build(|router, _, storage| {
            for (_, who) in &people {
                router.bank.init_balance(storage, who, coins(FUNDS, DENOM)).expect("a balance");
            }
        });
        chain.set_block(BlockInfo { height: 1, time: Timestamp::from_seconds(1_700_000_000), chain_id: "x".into() });
        for checksum in checksums() {
            let code = ContractWrapper::new(execute, instantiate, query).with_reply(reply).with_migrate(migrate).with_sudo(sudo);
            let code = code.with_checksum(Checksum::from_hex(&checksum).expect("a checksum"));
            chain.store_code_with_creator(people[0].1.clone(), Box::new(code));
        }
        Self { chain, contracts: BTreeMap::new(), data: BTreeMap::new(), balances: BTreeMap::new() }
    }

    /// Does a step, and tells what became of it: what changed of all that there is.
    pub fn step(&mut self, step: &Value) -> Value {
        let sender = Addr::unchecked(step["sender"].as_str().expect("a sender"));
        let message: CosmosMsg<Added> = serde_json::from_value(told::sent(&step["do"])).expect("a message");
        let CosmosMsg::Wasm(wasm) = &message else { panic!("steps are messages to contracts") };
        let is_birth = matches!(wasm, WasmMsg::Instantiate { .. } | WasmMsg::Instantiate2 { .. });
        let done = self.chain.execute(sender, message);
        let mut out = json!({ "sender": step["sender"], "do": step["do"], "ok": done.is_ok() });
        match done {
            Ok(AppResponse { events, data }) => {
                out["given"] = told::data(data.as_ref().map(|data| data.as_slice()), is_birth);
                out["events"] = told::events(&events, |kind| kind.starts_with("wasm"));
            }
            Err(error) => out["words"] = json!(told::own_words(&format!("{error:?}"))),
        }
        for (name, now) in [("contracts", self.look_contracts()), ("kept", self.look_data()), ("balances", self.look_balances())]
        {
            if now != json!({}) {
                out[name] = now;
            }
        }
        out
    }

    /// Whose records are looked at: of all instances that a name was made for, and those at salted addresses that events told of.
    fn all(&self) -> Vec<String> {
        let prefix = [&(4u16.to_be_bytes())[..], b"wasm", &(9u16.to_be_bytes())[..], b"contracts"].concat();
        let mut end = prefix.clone();
        *end.last_mut().expect("it is not empty") += 1;
        let rows = self.chain.storage().range(Some(&prefix), Some(&end), cosmwasm_std::Order::Ascending);
        rows.map(|(key, _)| String::from_utf8_lossy(&key[prefix.len()..]).into_owned()).collect()
    }

    fn look_contracts(&mut self) -> Value {
        let mut changed = Map::new();
        for address in self.all() {
            let data = self.chain.contract_data(&Addr::unchecked(&address)).expect("it is there");
            let now = json!({ "code": data.code_id, "creator": data.creator, "admin": data.admin, "label": data.label });
            if self.contracts.insert(address.clone(), now.clone()).as_ref() != Some(&now) {
                changed.insert(address, now);
            }
        }
        changed.into()
    }

    fn look_data(&mut self) -> Value {
        let mut changed = Map::new();
        for address in self.all() {
            let rows = self.chain.dump_wasm_raw(&Addr::unchecked(&address));
            let now: BTreeMap<String, Value> = rows.iter().map(|(key, value)| told::record(key, value)).collect();
            let before = self.data.insert(address.clone(), now.clone()).unwrap_or_default();
            let mut keys: Map<String, Value> = now.into_iter().filter(|(key, value)| before.get(key) != Some(value)).collect();
            let gone = before.keys().filter(|key| !self.data[&address].contains_key(*key));
            keys.extend(gone.map(|key| (key.clone(), Value::Null)));
            if !keys.is_empty() {
                changed.insert(address, keys.into());
            }
        }
        changed.into()
    }

    fn look_balances(&mut self) -> Value {
        let mut changed = Map::new();
        let payees = PEOPLE.iter().filter(|(name, _)| PAYEES.contains(name)).map(|(_, address)| address.to_string());
        for address in self.all().into_iter().chain(payees) {
            let Coin { amount, .. } = self.chain.wrap().query_balance(&address, DENOM).expect("a balance");
            let now = json!(amount.to_string());
            if self.balances.insert(address.clone(), now.clone()).unwrap_or(json!("0")) != now {
                changed.insert(address, now);
            }
        }
        changed.into()
    }
}

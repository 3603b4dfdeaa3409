//! What contracts may ask, and what anybody may ask of a contract. Nothing of it depends on who answers (CWA-2022-001).

use super::gas::{JSON_BYTE_GAS, LOOKUP_GAS, QUERY_GAS, spend};
use super::host::World;
use super::{Code, Contract, custom_queries, keys, money};
use crate::tokens;
use leither_state::Fault;
use leither_types::{AccountId, Amount, TokenId};
use leither_vm::abi::{self, BankQuery, Query, QueryAnswer, StakingQuery, WasmQuery};
use leither_vm::{Call, Checksum, Entry, Failure, HostError, address_of};
use serde::Serialize;
use serde_json::json;

/// WASM-8.
const DEPTH_MAX: u32 = 10;
/// A question may be as long as this, in bytes.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Tokens that are looked through at once.
const TOKENS_PAGE: usize = 32;

/// Gas that a question may use.
pub struct Meter {
    left: u64,
}

impl Meter {
    pub fn charge(&mut self, gas: u64) -> Result<(), HostError> {
        if spend(&mut self.left, gas) { Ok(()) } else { Err(HostError::OutOfGas) }
    }
}

pub type Answer = Result<QueryAnswer, HostError>;

pub fn json<T: Serialize>(value: &T) -> Answer {
    serde_json::to_vec(value).map(QueryAnswer::Bytes).map_err(|e| HostError::Broken(e.to_string()))
}

/// Answers, and says what that used.
pub fn answer(world: &World, request: &[u8], gas: u64, asked: u32) -> (Answer, u64) {
    let mut meter = Meter { left: gas };
    let answer = within(world, request, &mut meter, asked);
    (answer, gas.saturating_sub(meter.left))
}

fn within(world: &World, request: &[u8], meter: &mut Meter, asked: u32) -> Answer {
    meter.charge(QUERY_GAS.saturating_add((request.len() as u64).saturating_mul(JSON_BYTE_GAS)))?;
    if request.len() > REQUEST_BYTES_MAX {
        return Ok(QueryAnswer::Malformed);
    }
    let unsupported = |kind: &str| Ok(QueryAnswer::Unsupported(kind.into()));
    match serde_json::from_slice::<Query>(request) {
        Err(_) => Ok(QueryAnswer::Malformed),
        Ok(Query::Bank(query)) => bank(world, &query, meter),
        Ok(Query::Wasm(query)) => wasm(world, &query, meter, asked),
        Ok(Query::Staking(StakingQuery::BondedDenom {})) => json(&json!({ "denom": money::denom(&TokenId::NATIVE) })),
        Ok(Query::Staking(_)) => unsupported("staking"),
        Ok(Query::Custom(query)) => match serde_json::from_str(query.get()) {
            Ok(query) => custom_queries::answer(world, &query, meter),
            Err(_) => unsupported("custom"),
        },
        Ok(Query::Distribution(_)) => unsupported("distribution"),
        Ok(Query::Stargate(_)) => unsupported("stargate"),
        Ok(Query::Grpc(_)) => unsupported("grpc"),
        Ok(Query::Ibc(_)) => unsupported("ibc"),
    }
}

fn bank(world: &World, query: &BankQuery, meter: &mut Meter) -> Answer {
    let no_address = || Ok(QueryAnswer::Failed("codespace: sdk, code: 7".into()));
    match query {
        BankQuery::Balance { address: text, denom } => {
            let Some(who) = address_of(text) else { return no_address() };
            meter.charge(LOOKUP_GAS)?;
            // What there is no token of nobody has.
            let free = match money::token(denom) {
                Some(token) => world.state.look(|state| state.holding(&token, &who))?.free,
                None => Amount::ZERO,
            };
            json(&json!({ "amount": { "denom": denom, "amount": free.to_string() } }))
        }
        BankQuery::AllBalances { address: text } => {
            let Some(who) = address_of(text) else { return no_address() };
            json(&json!({ "amount": all(world, &who, meter)? }))
        }
        BankQuery::Supply { denom } => {
            meter.charge(LOOKUP_GAS)?;
            let info = match money::token(denom) {
                Some(token) => world.state.look(|state| tokens::views::info(state, &token))?,
                None => None,
            };
            let supply = info.and_then(|info| info.issued.minus(info.burned)).unwrap_or(Amount::ZERO);
            json(&json!({ "amount": { "denom": denom, "amount": supply.to_string() } }))
        }
        BankQuery::DenomMetadata(_) | BankQuery::AllDenomMetadata(_) => Ok(QueryAnswer::Unsupported("denom metadata".into())),
    }
}

/// All that somebody has: no list of it is kept, so every token is looked at, and paid for.
fn all(world: &World, who: &AccountId, meter: &mut Meter) -> Result<Vec<abi::Coin>, HostError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = world.state.look(|state| tokens::views::ids(state, after.as_ref(), TOKENS_PAGE))?;
        for token in &page {
            meter.charge(LOOKUP_GAS)?;
            let free = world.state.look(|state| state.holding(token, who))?.free;
            if !free.is_zero() {
                found.push(abi::Coin { denom: money::denom(token), amount: abi::Number(free.0) });
            }
        }
        match page.last() {
            Some(last) if page.len() == TOKENS_PAGE => after = Some(*last),
            _ => return Ok(found),
        }
    }
}

fn found(world: &World, contract: &AccountId) -> Result<Option<(Contract, Code)>, HostError> {
    world.state.look(|state| {
        let Some(instance) = keys::CONTRACT.get(state, contract)? else { return Ok(None) };
        let lost = || Fault::Corrupt(format!("the code of contract {contract} is gone"));
        let code = keys::CODE.get(state, &instance.code)?.ok_or_else(lost)?;
        Ok(Some((instance, code)))
    })
}

fn wasm(world: &World, query: &WasmQuery, meter: &mut Meter, asked: u32) -> Answer {
    meter.charge(LOOKUP_GAS)?;
    let of = |text: &String| -> Result<Option<(AccountId, Contract, Code)>, HostError> {
        let Some(contract) = address_of(text) else { return Ok(None) };
        Ok(found(world, &contract)?.map(|(instance, code)| (contract, instance, code)))
    };
    match query {
        WasmQuery::Smart { contract_addr, msg } => match of(contract_addr)? {
            Some((contract, _, code)) => smart(world, &contract, &code, msg, meter, asked),
            None => Ok(QueryAnswer::NoContract(contract_addr.clone())),
        },
        // Whoever is no contract has no data, as in wasmd.
        WasmQuery::Raw { contract_addr, key } => match address_of(contract_addr) {
            Some(contract) => {
                let key = keys::data_key(&contract, key);
                let value = world.state.look(|state| state.record(&key))?.unwrap_or_default();
                meter.charge((value.len() as u64).saturating_mul(JSON_BYTE_GAS))?;
                Ok(QueryAnswer::Bytes(value))
            }
            None => Ok(QueryAnswer::NoContract(contract_addr.clone())),
        },
        WasmQuery::ContractInfo { contract_addr } => match of(contract_addr)? {
            Some((_, instance, _)) => json(&json!({
                "code_id": instance.code,
                "creator": instance.creator.to_string(),
                "admin": instance.admin.map(|admin| admin.to_string()),
                "pinned": false,
                "ibc_port": null,
                "ibc2_port": null,
            })),
            None => Ok(QueryAnswer::NoContract(contract_addr.clone())),
        },
        WasmQuery::CodeInfo { code_id } => match world.state.look(|state| keys::CODE.get(state, code_id))? {
            Some(code) => json(&json!({
                "code_id": code_id,
                "creator": code.owner.to_string(),
                "checksum": Checksum(code.checksum.0).to_string(),
            })),
            None => Ok(QueryAnswer::NoCode(*code_id)),
        },
        WasmQuery::RawRange(_) => Ok(QueryAnswer::Unsupported("raw_range".into())),
    }
}

/// Asks a contract. WASM-7: of its failure only its own words are told, or a number.
fn smart(world: &World, contract: &AccountId, code: &Code, msg: &[u8], meter: &mut Meter, asked: u32) -> Answer {
    let failed = |code: u32| Ok(QueryAnswer::Failed(format!("codespace: wasm, code: {code}")));
    if asked >= DEPTH_MAX {
        return failed(31);
    }
    if !code.has(Entry::Query) {
        return failed(9);
    }
    let env = super::run::env(&world.block, contract);
    let checksum = Checksum(code.checksum.0);
    let call = Call { code: &checksum, entry: Entry::Query, env: &env, info: &[], msg, gas: meter.left };
    let called = world.enter(code, contract, &call, asked.saturating_add(1)).map_err(|fault| world.state.fail(fault))?;
    meter.charge(called.gas)?;
    let bytes = match called.answer {
        Ok(bytes) => bytes,
        Err(Failure::OutOfGas) => return Err(HostError::OutOfGas),
        Err(_) => return failed(9),
    };
    meter.charge((bytes.len() as u64).saturating_mul(JSON_BYTE_GAS))?;
    match serde_json::from_slice::<abi::Answer<abi::Binary>>(&bytes) {
        Ok(abi::Answer::Ok(answer)) => Ok(QueryAnswer::Bytes(answer.into())),
        Ok(abi::Answer::Error(text)) => Ok(QueryAnswer::Failed(format!("{text}: query wasm contract failed"))),
        Err(_) => failed(9),
    }
}

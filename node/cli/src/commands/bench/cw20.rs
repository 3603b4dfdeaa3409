//! A token kept by a contract, for `bench transfers --cw20`: stored, made and funded before the load begins.

use super::fleet::{Fleet, key};
use super::founder::{Founder, bytes, fault};
use crate::exit::{Done, Failure};
use leither_pallets::Call;
use leither_pallets::wasm::Call as WasmCall;
use leither_types::{AccountId, List};
use serde_json::{Value, json};
use std::path::Path;

/// As many accounts as one message of the instance's beginning has room for.
pub const ACCOUNTS_MAX: usize = 500;

/// The contract, and what one transfer may use.
#[derive(Clone, Copy)]
pub struct Cw20 {
    contract: AccountId,
    gas: u64,
}

impl Cw20 {
    /// One transfer.
    pub fn call(&self, to: &AccountId) -> Option<Call> {
        transfer(self.contract, to, self.gas)
    }
}

fn transfer(contract: AccountId, to: &AccountId, gas: u64) -> Option<Call> {
    let msg = json!({ "transfer": { "recipient": to.to_string(), "amount": "1000" } });
    Some(Call::Wasm(WasmCall::Execute { contract, msg: bytes(&msg)?, funds: List::default(), gas }))
}

/// Stores the code, makes an instance in which each account has as much, and finds out what a transfer uses.
pub async fn set_up(fleet: &Fleet, file: &Path, accounts: usize) -> Done<Cw20> {
    let wasm = std::fs::read(file).map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))?;
    let mut founder = Founder::at(fleet, accounts).await?;
    let code = founder.store(&wasm).await?;
    let ids: Vec<AccountId> = (0..accounts).map(|n| AccountId::of_key(&key(n).public())).collect();
    let balances: Vec<Value> = ids.iter().map(|id| json!({ "address": id.to_string(), "amount": "1000000000" })).collect();
    let init = json!({ "name": "bench", "symbol": "BENCH", "decimals": 6, "initial_balances": balances });
    let contract = founder.instantiate(code, &init).await?;
    let second = *ids.get(1).ok_or_else(fault)?;
    let gas = founder.gas_of(|gas| transfer(contract, &second, gas)).await?;
    Ok(Cw20 { contract, gas })
}

//! A token kept by a contract, for `bench transfers --cw20`: stored, made and funded before the load begins.

use super::super::contract::said;
use super::fleet::{Fleet, key};
use super::load;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::now_ms;
use leither_pallets::Call;
use leither_pallets::wasm::{Call as WasmCall, PIECE_BYTES_MAX};
use leither_rpc_api::{Client, RawTx, Receipt, TxStatus, WaitMs, WaitTx, methods};
use leither_types::{AccountId, Amount, Blob, Hash, List, SecretKey, Text};
use leither_vm::sha256;
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

fn bytes<const MAX: usize>(msg: &Value) -> Option<Blob<MAX>> {
    Blob::new(msg.to_string().into_bytes())
}

/// Who sets it up: an account behind those that pay.
struct Founder {
    client: Client,
    chain: Hash,
    key: SecretKey,
    nonce: u64,
}

impl Founder {
    fn signed(&self, key: &SecretKey, nonce: u64, call: &Call) -> Option<RawTx> {
        let until = now_ms().ok()?.saturating_add(3_600_000);
        let ready = load::one(key, self.chain, nonce, until, Amount::new(100_000_000_000), call)?;
        Some(RawTx { raw: ready.raw })
    }

    async fn send(&mut self, call: WasmCall) -> Done<Receipt> {
        let raw = self
            .signed(&self.key, self.nonce, &Call::Wasm(call))
            .ok_or_else(|| Failure::fault("a transaction could not be made"))?;
        self.nonce += 1;
        let tx = self.client.call(&methods::TX_SUBMIT, raw).await?.tx;
        let timeout_ms = WaitMs::new(30_000).ok_or_else(|| Failure::fault("a wait beyond its bound"))?;
        let view = self.client.call(&methods::TX_WAIT, WaitTx { tx, timeout_ms }).await?;
        match (view.status, view.receipt) {
            (TxStatus::Final | TxStatus::Settled, Some(receipt)) => Ok(receipt),
            (_, receipt) => {
                let why = receipt.and_then(|receipt| receipt.failure).map_or("it is not final".into(), |failure| failure.message);
                Err(Failure::new(Exit::Refused, format!("the contract could not be set up: {why}")))
            }
        }
    }
}

fn told(receipt: &Receipt, event: &str, field: &str) -> Done<String> {
    let found = said(receipt, event, field).and_then(|value| value.as_str().map(str::to_string));
    found.ok_or_else(|| Failure::fault(format!("the node tells no {field} of what was {event}")))
}

/// Stores the code, makes an instance in which each account has as much, and finds out what a transfer uses.
pub async fn set_up(fleet: &Fleet, file: &Path, accounts: usize) -> Done<Cw20> {
    let wasm = std::fs::read(file).map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))?;
    let fault = || Failure::fault("a call beyond its bound");
    let mut founder = Founder { client: fleet.client(0).await?, chain: fleet.chain, key: key(accounts), nonce: 0 };
    let code = Hash(sha256(&wasm));
    let pieces = wasm.len().div_ceil(PIECE_BYTES_MAX) as u16;
    for (piece, bytes) in wasm.chunks(PIECE_BYTES_MAX).enumerate() {
        let bytes = Blob::new(bytes.to_vec()).ok_or_else(fault)?;
        founder.send(WasmCall::Upload { code, piece: piece as u16, bytes }).await?;
    }
    let stored = founder.send(WasmCall::Store { code, pieces }).await?;
    let number = told(&stored, "stored", "code")?.parse().map_err(Failure::fault)?;
    let ids: Vec<AccountId> = (0..accounts).map(|n| AccountId::of_key(&key(n).public())).collect();
    let balances: Vec<Value> = ids.iter().map(|id| json!({ "address": id.to_string(), "amount": "1000000000" })).collect();
    let init = json!({ "name": "bench", "symbol": "BENCH", "decimals": 6, "initial_balances": balances });
    let born = WasmCall::Instantiate {
        code: number,
        msg: bytes(&init).ok_or_else(fault)?,
        funds: List::default(),
        label: Text::new("bench").ok_or_else(fault)?,
        admin: None,
        salt: None,
        gas: 140_000_000_000,
    };
    let contract = told(&founder.send(born).await?, "instantiated", "contract")?.parse()?;
    let (first, second) = (ids.first().ok_or_else(fault)?, ids.get(1).ok_or_else(fault)?);
    let trial = transfer(contract, second, 10_000_000_000).ok_or_else(fault)?;
    let raw = founder.signed(&key(0), 0, &trial).ok_or_else(fault)?;
    let would = founder.client.call(&methods::TX_SIMULATE, raw).await?;
    let receipt = would.receipt.ok_or_else(|| Failure::fault(format!("no transfer of {first} can be tried")))?;
    let used: u64 = told(&receipt, "ended", "gas")?.parse().map_err(Failure::fault)?;
    Ok(Cw20 { contract, gas: used.saturating_add(used / 10) })
}

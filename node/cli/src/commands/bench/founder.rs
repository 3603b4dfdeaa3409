//! Who sets a contract up before a load begins: an account behind those that pay.

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
use serde_json::Value;

/// For an instance: its first message may be long.
const BIRTH_GAS: u64 = 140_000_000_000;
/// For a trial run of what the load consists of.
const TRIAL_GAS: u64 = 10_000_000_000;

pub fn fault() -> Failure {
    Failure::fault("a call beyond its bound")
}

/// Signs and sends, one after the other.
pub struct Founder {
    client: Client,
    chain: Hash,
    key: SecretKey,
    nonce: u64,
}

/// JSON as a call carries it.
pub fn bytes<const MAX: usize>(msg: &Value) -> Option<Blob<MAX>> {
    Blob::new(msg.to_string().into_bytes())
}

impl Founder {
    /// The account of this number.
    pub async fn at(fleet: &Fleet, number: usize) -> Done<Self> {
        Ok(Self { client: fleet.client(0).await?, chain: fleet.chain, key: key(number), nonce: 0 })
    }

    pub fn account(&self) -> AccountId {
        AccountId::of_key(&self.key.public())
    }

    fn signed(&self, key: &SecretKey, nonce: u64, call: &Call) -> Option<RawTx> {
        let until = now_ms().ok()?.saturating_add(3_600_000);
        let ready = load::one(key, self.chain, nonce, until, Amount::new(100_000_000_000), call)?;
        Some(RawTx { raw: ready.raw })
    }

    pub async fn send(&mut self, call: Call) -> Done<Receipt> {
        let raw = self.signed(&self.key, self.nonce, &call).ok_or_else(|| Failure::fault("a transaction could not be made"))?;
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

    /// Stores code; its number.
    pub async fn store(&mut self, wasm: &[u8]) -> Done<u64> {
        let code = Hash(sha256(wasm));
        let pieces = wasm.len().div_ceil(PIECE_BYTES_MAX) as u16;
        for (piece, bytes) in wasm.chunks(PIECE_BYTES_MAX).enumerate() {
            let bytes = Blob::new(bytes.to_vec()).ok_or_else(fault)?;
            self.send(Call::Wasm(WasmCall::Upload { code, piece: piece as u16, bytes })).await?;
        }
        let stored = self.send(Call::Wasm(WasmCall::Store { code, pieces })).await?;
        told(&stored, "stored", "code")?.parse().map_err(Failure::fault)
    }

    /// Makes an instance.
    pub async fn instantiate(&mut self, code: u64, init: &Value) -> Done<AccountId> {
        let born = WasmCall::Instantiate {
            code,
            msg: bytes(init).ok_or_else(fault)?,
            funds: List::default(),
            label: Text::new("bench").ok_or_else(fault)?,
            admin: None,
            salt: None,
            gas: BIRTH_GAS,
        };
        // The call's own: what was instantiated last may be one that it made in its turn.
        Ok(told(&self.send(Call::Wasm(born)).await?, "ended", "contract")?.parse()?)
    }

    /// What one call of the load uses, as the first account makes it, and a tenth more.
    pub async fn gas_of(&self, call: impl Fn(u64) -> Option<Call>) -> Done<u64> {
        let trial = call(TRIAL_GAS).ok_or_else(fault)?;
        let raw = self.signed(&key(0), 0, &trial).ok_or_else(fault)?;
        let would = self.client.call(&methods::TX_SIMULATE, raw).await?;
        let receipt = would.receipt.ok_or_else(|| Failure::fault("no call of the load can be tried"))?;
        if let Some(failure) = &receipt.failure {
            return Err(Failure::new(Exit::Refused, format!("a call of the load is refused: {}", failure.message)));
        }
        let used: u64 = told(&receipt, "ended", "gas")?.parse().map_err(Failure::fault)?;
        Ok(used.saturating_add(used / 10))
    }
}

/// What an event of contracts in a receipt says.
fn told(receipt: &Receipt, event: &str, field: &str) -> Done<String> {
    let found = said(receipt, event, field).and_then(|value| value.as_str().map(str::to_string));
    found.ok_or_else(|| Failure::fault(format!("the node tells no {field} of what was {event}")))
}

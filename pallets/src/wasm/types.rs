use super::trace::Watch;
use leither_types::{AccountId, Amount, Blob, Hash, Height, Millis, Text, TokenId, TxId};
use leither_vm::{Engine, Entry, NoEngine};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What runs contracts.
#[derive(Clone)]
pub struct Contracts {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Whether this is a trial, of which nothing may stay: anybody can ask for one.
    pub is_trial: bool,
    /// TRACE-1: who watches, if anybody does.
    pub watch: Option<Arc<dyn Watch>>,
}

impl Contracts {
    /// By this engine.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, is_trial: false, watch: None }
    }

    /// The same for a trial.
    pub fn trial(&self) -> Self {
        Self { engine: self.engine.clone(), is_trial: true, watch: None }
    }

    /// The same, watched.
    pub fn watched(&self, watch: Arc<dyn Watch>) -> Self {
        Self { watch: Some(watch), ..self.clone() }
    }
}

impl Default for Contracts {
    fn default() -> Self {
        Self::new(Arc::new(NoEngine))
    }
}

impl fmt::Debug for Contracts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contracts")
    }
}

/// Code that contracts run by.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Code {
    /// sha256 of its bytes.
    pub checksum: Hash,
    /// Who stored it, and whose deposit it is.
    pub owner: AccountId,
    /// How long it is.
    pub bytes: u32,
    /// About how long its compiled form is: WASM-15.
    pub compiled: u32,
    /// In how many pieces it is kept.
    pub pieces: u16,
    /// A bit for each entry that it has.
    pub entries: u8,
    /// What its author calls the version of its stored data.
    pub migrate_version: Option<u64>,
    /// Locked with the owner.
    pub deposit: Amount,
}

impl Code {
    /// Whether it can be entered there.
    pub fn has(&self, entry: Entry) -> bool {
        self.entries & (1 << entry as u8) != 0
    }
}

/// A piece of code that is being uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Piece {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Locked with who uploads.
    pub deposit: Amount,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Contract {
    /// The number of its code.
    #[serde(with = "leither_types::json::decimal")]
    pub code: u64,
    /// Who made it.
    pub creator: AccountId,
    /// WASM-6: who may give it new code.
    pub admin: Option<AccountId>,
    /// For people.
    pub label: Text<128>,
    /// Block of its making.
    #[serde(with = "leither_types::json::decimal")]
    pub height: Height,
    /// The transaction that made it.
    pub tx: TxId,
}

/// WASM-14: what a contract is told by time.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Schedule {
    /// What it is told, in JSON.
    pub msg: Blob<4096>,
    /// WASM-3: the most gas of one time.
    pub gas: u64,
    /// From one time to the next.
    pub every_ms: Millis,
    /// How often still.
    pub left: u32,
    /// The next block time.
    pub due: Millis,
    /// What pays for it; locked with the contract.
    pub budget: Amount,
    /// For this record; locked with the contract.
    pub deposit: Amount,
    /// How often it failed on end.
    pub failures: u8,
    /// The transaction that made it.
    pub tx: TxId,
}

/// A contract, and the code that it is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
pub struct Chosen {
    /// Which.
    pub contract: AccountId,
    /// The number of its code.
    #[serde(with = "leither_types::json::decimal")]
    pub code: u64,
}

/// Money that goes along with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
pub struct Coin {
    /// Of which token.
    pub token: TokenId,
    /// How many smallest units.
    pub amount: Amount,
}

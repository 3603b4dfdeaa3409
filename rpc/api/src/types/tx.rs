use super::{Account, StateChanges};
use crate::{Bytes, Hash32, U64, U128};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// A call as its pallet describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallView {
    /// Which part of the rules, e.g. `tokens`.
    pub pallet: String,
    /// Which of its verbs, e.g. `transfer`.
    pub call: String,
    /// With what.
    pub args: Value,
}

/// An event as its pallet describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    /// Which part of the rules.
    pub pallet: String,
    /// What happened.
    pub event: String,
    /// The values.
    pub args: Value,
}

/// A call's refusal as its pallet describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailureView {
    /// Which call of the transaction, from 0.
    pub call: u8,
    /// Which part of the rules.
    pub pallet: String,
    /// The stable name of the error.
    pub error: String,
    /// The values behind it.
    pub args: Value,
    /// What happened and what to do, in a sentence.
    pub message: String,
}

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// Whether every call was done. If not, all were taken back; fee and nonce are kept.
    pub done: bool,
    /// Why not.
    pub failure: Option<FailureView>,
    /// Weight that was charged.
    pub weight: U64,
    /// Fee that was taken, in smallest units of `mei`.
    pub fee: U128,
    /// What happened, in order.
    pub events: Vec<EventView>,
}

/// A transaction, decoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TxBody {
    /// Its id: the hash of the signed payload.
    pub id: Hash32,
    /// The format's version.
    pub version: u8,
    /// The chain that it was signed for.
    pub chain: Hash32,
    /// Who acts; the first one's nonce counts.
    pub signers: Vec<Account>,
    /// Who pays the fee.
    pub payer: Account,
    /// The first signer's nonce.
    pub nonce: U64,
    /// Block time in ms after which it is void.
    pub valid_until: U64,
    /// The most that may be taken as fee.
    pub max_fee: U128,
    /// The most weight that may be used.
    pub weight_limit: U64,
    /// What to do, all or nothing.
    pub calls: Vec<CallView>,
    /// The signers' keys and signatures, in the signers' order.
    pub witnesses: Vec<WitnessView>,
    /// All of it in SCALE.
    pub raw: Bytes,
}

/// A signer's key and signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WitnessView {
    /// The ed25519 public key.
    pub key: Hash32,
    /// The ed25519 signature.
    pub signature: Bytes,
}

/// A transaction in a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockTx {
    /// Its place in the block, from 0.
    pub index: u32,
    /// The transaction.
    pub tx: TxBody,
    /// What it did.
    pub receipt: Receipt,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TxStatus {
    /// In the pool, in no final block yet.
    Pending,
    /// In a final block, and every call was done.
    Final,
    /// Final for longer than the publicity period.
    Settled,
    /// In a final block, but its calls were taken back.
    Failed,
}

/// A transaction and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TxView {
    /// How far it is.
    pub status: TxStatus,
    /// The block's number, once it is in one.
    pub height: Option<U64>,
    /// The block's id.
    pub block: Option<Hash32>,
    /// The block's time, in ms since 1970.
    pub time: Option<U64>,
    /// Its place in the block.
    pub index: Option<u32>,
    /// The transaction.
    pub tx: TxBody,
    /// What it did, once it is in a block.
    pub receipt: Option<Receipt>,
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RawTx {
    /// In SCALE; at most 64 KiB.
    pub raw: Bytes,
}

/// A transaction was taken into the pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Submitted {
    /// Its id.
    pub tx: Hash32,
}

/// Transactions in one `tx_submitBatch` at most.
pub const BATCH_TXS_MAX: usize = 1_000;

/// 1 to 1,000 signed transactions in SCALE.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RawTxs(Vec<Bytes>);

impl RawTxs {
    /// Unless there are too many or none.
    pub fn new(txs: Vec<Bytes>) -> Option<Self> {
        (1..=BATCH_TXS_MAX).contains(&txs.len()).then_some(Self(txs))
    }

    /// The transactions.
    pub fn into_vec(self) -> Vec<Bytes> {
        self.0
    }
}

struct RawTxsVisitor;

impl<'de> Visitor<'de> for RawTxsVisitor {
    type Value = RawTxs;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 to {BATCH_TXS_MAX} transactions as 0x-hex")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawTxs, A::Error> {
        // Stops at the bound, before the rest is even read.
        let mut txs = Vec::new();
        while let Some(tx) = seq.next_element()? {
            if txs.len() == BATCH_TXS_MAX {
                return Err(A::Error::custom(format_args!("more than {BATCH_TXS_MAX} transactions: send them in several calls")));
            }
            txs.push(tx);
        }
        RawTxs::new(txs).ok_or_else(|| A::Error::custom("no transaction was given"))
    }
}

impl<'de> Deserialize<'de> for RawTxs {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_seq(RawTxsVisitor)
    }
}

impl JsonSchema for RawTxs {
    fn schema_name() -> Cow<'static, str> {
        "RawTxs".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<Bytes>();
        json_schema!({ "type": "array", "minItems": 1, "maxItems": BATCH_TXS_MAX, "items": items })
    }
}

/// Many signed transactions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RawTxBatch {
    /// Each in SCALE.
    pub raws: RawTxs,
}

/// What became of one transaction of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BatchItem {
    /// It was taken into the pool.
    Taken(Submitted),
    /// It was not.
    Refused {
        /// Why.
        error: Refusal,
    },
}

/// A refusal inside an answer: what an error object of JSON-RPC says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// The error's code.
    pub code: i32,
    /// The sentence.
    pub message: String,
    /// `reason`, and values behind it.
    pub data: Map<String, Value>,
}

impl From<crate::ApiError> for Refusal {
    fn from(error: crate::ApiError) -> Self {
        let data = match error.data() {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        Self { code: error.reason.code(), message: error.message, data }
    }
}

/// How long `tx_wait` may wait at most.
pub const WAIT_MS_MAX: u32 = 60_000;

/// How long to wait, 0 to 60,000 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WaitMs(u32);

impl WaitMs {
    /// Unless it is too long.
    pub fn new(ms: u32) -> Option<Self> {
        (ms <= WAIT_MS_MAX).then_some(Self(ms))
    }

    /// In ms.
    pub fn ms(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for WaitMs {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let ms = u64::deserialize(d)?;
        let wait = u32::try_from(ms).ok().and_then(WaitMs::new);
        wait.ok_or_else(|| D::Error::custom(format_args!("{ms} ms where at most {WAIT_MS_MAX} are allowed: wait again after it")))
    }
}

impl JsonSchema for WaitMs {
    fn schema_name() -> Cow<'static, str> {
        "WaitMs".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": WAIT_MS_MAX })
    }
}

/// Which transaction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetTx {
    /// Its id.
    pub tx: Hash32,
}

/// Which transaction, and how long to wait for it to be in a final block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitTx {
    /// Its id. It need not be known to the node yet.
    pub tx: Hash32,
    /// In ms; after that the answer tells how far it is by then.
    pub timeout_ms: WaitMs,
}

/// What a transaction would do in the next block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Simulation {
    /// Its id.
    pub tx: Hash32,
    /// The final height on whose state it was run.
    pub height: U64,
    /// What it would do, by the very code that blocks are executed with. Nothing where it could not enter a block at all.
    pub receipt: Option<Receipt>,
    /// What it would change, its fee included. Nothing where it could not enter a block at all.
    pub changes: Option<StateChanges>,
    /// Why it could not enter a block, signatures left aside.
    pub refusal: Option<Refusal>,
    /// What a unit of weight costs now.
    pub base_fee: U128,
}

/// What a transaction says, for people to read before they sign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Description {
    /// The transaction, decoded.
    pub tx: TxBody,
    /// One sentence a call, then fee and expiry.
    pub lines: Vec<String>,
}

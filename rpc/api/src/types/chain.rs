use super::{BlockTx, TokenKey, ValidatorKey};
use crate::{BlockRef, Bytes, Hash32, U64, U128};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

/// No parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoParams {}

/// The chain that this node keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChainInfo {
    /// The network's name.
    pub name: String,
    /// The chain's id: the genesis hash, which every signature names.
    pub chain: Hash32,
    /// Whether this is a throw-away development chain.
    pub dev: bool,
    /// The newest final block's height; 0 before the first.
    pub height: U64,
    /// The newest final block's time, in ms since 1970.
    pub time: U64,
    /// What one unit of weight costs in the next block, in smallest units of `mei`.
    pub base_fee: U128,
    /// The native token.
    pub native: NativeToken,
    /// The rules' numbers in force.
    pub params: ChainParams,
}

/// The token in which fees are paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NativeToken {
    /// Its id.
    pub token: TokenKey,
    /// Its short name.
    pub symbol: String,
    /// Decimal places of a whole unit.
    pub decimals: u8,
}

/// The rules' numbers in force. Times are in ms of block time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChainParams {
    /// The rules' version.
    pub version: u32,
    /// Time between pulses under load.
    pub pulse_ms: U64,
    /// No two pulses are closer.
    pub pulse_min_ms: U64,
    /// Without transactions a pulse comes only so often.
    pub heartbeat_ms: U64,
    /// How long a proposer has.
    pub propose_timeout_ms: U64,
    /// How long a round waits for votes.
    pub vote_timeout_ms: U64,
    /// The election cycle.
    pub epoch_ms: U64,
    /// After this, `final` becomes `settled`.
    pub publicity_ms: U64,
    /// A block's calls weigh no more together.
    pub block_weight_max: U64,
    /// A block is no longer, in bytes.
    pub block_bytes_max: u32,
    /// The base fee never falls below this.
    pub base_fee_min: U128,
    /// The refundable deposit for each byte that is stored for good.
    pub byte_deposit: U128,
    /// New `mei` for each pulse that is not empty.
    pub emission: U128,
    /// The most accounts that one block pays dividends to by itself.
    pub pushes_max: u32,
    /// The least pledge that makes a candidate, in smallest units of `mei`.
    pub pledge_min: U128,
    /// So many smallest units of `mei` pledged are one unit of power.
    pub pledge_unit: U128,
    /// A pledge comes back so long after its validator has left the set.
    pub unbonding_ms: U64,
    /// How long a jailed validator stays so at least.
    pub jail_ms: U64,
    /// A validator is jailed that has missed so many pulses, and more than half of them.
    pub misses_max: u32,
    /// What signing twice costs, in thousandths of the pledge.
    pub slash_permille: u32,
    /// Validators at one time.
    pub validators_max: u32,
}

/// Which block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetHeader {
    /// By height, by id, or `latest`.
    pub block: BlockRef,
}

/// A block's header: its hash is the block's id, and what validators voted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// The block's id.
    pub id: Hash32,
    /// The block's number.
    pub height: U64,
    /// In ms since 1970.
    pub time: U64,
    /// The header's version.
    pub version: u8,
    /// The chain's id.
    pub chain: Hash32,
    /// The parent's id.
    pub parent: Hash32,
    /// Who proposed it.
    pub proposer: ValidatorKey,
    /// The state after this block.
    pub state_root: Hash32,
    /// Over the transactions.
    pub txs_root: Hash32,
    /// Over the receipts.
    pub receipts_root: Hash32,
    /// Over evidence of misbehaviour.
    pub evidence_root: Hash32,
    /// The parent's certificate that this block pays.
    pub last_certificate: Hash32,
    /// Who voted on this block.
    pub validators: Hash32,
    /// Who votes on the next.
    pub next_validators: Hash32,
    /// The header in SCALE: blake3 over it, tagged, is `id`.
    pub raw: Bytes,
}

/// The proof that a block is final: votes of more than two thirds of the power.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// Of which height.
    pub height: U64,
    /// In which round it was decided.
    pub round: u32,
    /// The block's id.
    pub block: Hash32,
    /// One a validator, at most 64.
    pub signatures: Vec<CertificateSignature>,
    /// The certificate in SCALE.
    pub raw: Bytes,
}

/// One validator's vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateSignature {
    /// Who signed.
    pub validator: ValidatorKey,
    /// The ed25519 signature.
    pub signature: Bytes,
}

/// A header and why it is final.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FinalHeader {
    /// The header.
    pub header: Header,
    /// The votes on it.
    pub certificate: Certificate,
}

/// Transactions in one answer of `chain_getBlock` where nothing is said.
pub const BLOCK_TXS_DEFAULT: u32 = 500;
/// Transactions in one answer of `chain_getBlock` at most.
pub const BLOCK_TXS_MAX: u32 = 2_000;

/// How many transactions of a block to answer at most, 1 to 2,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BlockTxLimit(u32);

impl BlockTxLimit {
    /// Unless it is out of range.
    pub fn new(txs: u32) -> Option<Self> {
        (1..=BLOCK_TXS_MAX).contains(&txs).then_some(Self(txs))
    }

    /// The number that was asked for.
    pub fn of(limit: Option<BlockTxLimit>) -> usize {
        limit.map_or(BLOCK_TXS_DEFAULT, |limit| limit.0) as usize
    }
}

impl<'de> Deserialize<'de> for BlockTxLimit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let txs = u64::deserialize(d)?;
        let limit = u32::try_from(txs).ok().and_then(BlockTxLimit::new);
        limit.ok_or_else(|| D::Error::custom(format_args!("{txs} where 1 to {BLOCK_TXS_MAX} are allowed")))
    }
}

impl JsonSchema for BlockTxLimit {
    fn schema_name() -> Cow<'static, str> {
        "BlockTxLimit".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": 1,
            "maximum": BLOCK_TXS_MAX,
            "description": format!("How many transactions to answer at most; {BLOCK_TXS_DEFAULT} where nothing is said."),
        })
    }
}

/// Which block, and which of its transactions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetBlock {
    /// By height, by id, or `latest`.
    pub block: BlockRef,
    /// The first transaction to answer; 0 where nothing is said.
    pub from: Option<u32>,
    /// How many transactions to answer at most.
    pub limit: Option<BlockTxLimit>,
}

/// A final block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The votes on it.
    pub certificate: Certificate,
    /// All transactions that the block holds.
    pub tx_count: u32,
    /// The transactions from `from` on, with their receipts.
    pub txs: Vec<BlockTx>,
    /// What to pass as `from` for the rest; nothing where these were the last.
    pub next: Option<u32>,
    /// What happened after the last transaction: proposals done, dividends pushed, fees divided. Comes with the last part.
    pub end: Vec<super::EventView>,
}

/// From where on to be told of pulses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Subscribe {
    /// The first height to be told of: resume one after the last that was seen. The next pulse where nothing is said.
    pub from: Option<U64>,
    /// Whether each pulse lists its transactions' ids; it does not where nothing is said.
    pub txs: Option<bool>,
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// The next final pulse. Heights come one after the other; what is left out is announced as `lagged` first.
    Pulse(Pulse),
    /// The reader was too slow, or asked for pulses that this node no longer keeps: these were left out.
    Lagged {
        /// The first height left out.
        missed_from: U64,
        /// The last height left out.
        missed_to: U64,
    },
}

/// A final block in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pulse {
    /// Its number.
    pub height: U64,
    /// Its id.
    pub id: Hash32,
    /// Its time, in ms since 1970.
    pub time: U64,
    /// Who proposed it.
    pub proposer: ValidatorKey,
    /// The state after it.
    pub state_root: Hash32,
    /// How many transactions it holds.
    pub tx_count: u32,
    /// Their ids in order, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txs: Option<Vec<Hash32>>,
}

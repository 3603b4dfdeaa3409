use leither_types::{AccountId, Amount, GENESIS_VERSION, Genesis, Hash, Height, Params, PublicKey, Signature, json::decimal};
use serde::{Deserialize, Serialize};

/// The readable form of a genesis: ids in bech32m, hashes in hex, numbers of 64 bits and more as decimal texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisFile {
    /// The chain's id, where the content can start a chain. Checked when it stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Hash>,
    /// The form's version.
    pub version: u8,
    /// The network's name.
    pub name: String,
    /// The time of height 0 in ms since 1970.
    #[serde(with = "decimal")]
    pub time_ms: u64,
    /// Whether it is a throw-away chain with public keys.
    pub dev: bool,
    /// Of a recovered chain: whose state it goes on from. Each validator then has its proof of possession.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<OriginForm>,
    /// The rules' numbers.
    pub params: ParamsForm,
    /// Who keeps the books from height 1 on.
    pub validators: Vec<ValidatorForm>,
    /// `mei` that exists from the start.
    pub allocations: Vec<AllocationForm>,
}

/// One validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorForm {
    /// The consensus key.
    pub key: PublicKey,
    /// Voting power.
    #[serde(with = "decimal")]
    pub power: u64,
    /// Who receives its part of the fees.
    pub operator: AccountId,
    /// Of a recovered chain: by this key, for this seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub possession: Option<Signature>,
}

/// Whose state a recovered chain goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginForm {
    /// The old chain's id.
    pub chain: Hash,
    /// Its last height that counts.
    #[serde(with = "decimal")]
    pub height: Height,
    /// The id of the block of that height.
    pub block: Hash,
    /// The state after it: that of the snapshot which the new chain is made of.
    pub state_root: Hash,
    /// The state at height 0 of the new chain.
    pub first_root: Hash,
}

/// One issuance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationForm {
    /// To whom.
    pub account: AccountId,
    /// In smallest units of `mei`.
    pub amount: Amount,
    /// For what.
    pub reason: String,
    /// Hash of the evidence.
    pub evidence: Hash,
}

/// [`Params`], readable. Two structs rather than one with two faces: this one may learn a comment or an older spelling, that one's bytes
/// are frozen. The two conversions below name every field, so that none can be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ParamsForm {
    pub version: u32,
    #[serde(with = "decimal")]
    pub pulse_ms: u64,
    #[serde(with = "decimal")]
    pub pulse_min_ms: u64,
    #[serde(with = "decimal")]
    pub heartbeat_ms: u64,
    #[serde(with = "decimal")]
    pub propose_timeout_ms: u64,
    #[serde(with = "decimal")]
    pub vote_timeout_ms: u64,
    #[serde(with = "decimal")]
    pub epoch_ms: u64,
    #[serde(with = "decimal")]
    pub publicity_ms: u64,
    #[serde(with = "decimal")]
    pub block_weight_max: u64,
    pub block_bytes_max: u32,
    pub base_fee_min: Amount,
    pub byte_deposit: Amount,
    pub emission: Amount,
    pub pushes_max: u32,
    pub pledge_min: Amount,
    pub pledge_unit: Amount,
    #[serde(with = "decimal")]
    pub unbonding_ms: u64,
    #[serde(with = "decimal")]
    pub jail_ms: u64,
    pub misses_max: u32,
    pub slash_permille: u32,
    pub validators_max: u32,
}

impl GenesisFile {
    pub(super) fn empty(name: &str, time_ms: u64, dev: bool) -> Self {
        let params = if dev { Params::dev() } else { Params::standard() };
        Self {
            chain: None,
            version: GENESIS_VERSION,
            name: name.into(),
            time_ms,
            dev,
            origin: None,
            params: ParamsForm::from(&params),
            validators: Vec::new(),
            allocations: Vec::new(),
        }
    }
}

impl From<&Genesis> for GenesisFile {
    fn from(genesis: &Genesis) -> Self {
        let Genesis { head, allocations } = genesis;
        // The proofs stand in the set's order.
        let mut proofs = head.origin.iter().flat_map(|origin| origin.possessions.iter().copied());
        let validator = |v: &leither_types::Validator| ValidatorForm {
            key: v.key,
            power: v.power,
            operator: v.operator,
            possession: proofs.next(),
        };
        let origin = |o: &leither_types::Origin| OriginForm {
            chain: o.chain,
            height: o.height,
            block: o.block,
            state_root: o.state_root,
            first_root: o.first_root,
        };
        let allocation = |a: &leither_types::Allocation| AllocationForm {
            account: a.account,
            amount: a.amount,
            reason: a.reason.to_string(),
            evidence: a.evidence,
        };
        Self {
            chain: Some(genesis.chain()),
            version: head.version,
            name: head.name.to_string(),
            time_ms: head.time,
            dev: head.dev,
            origin: head.origin.as_ref().map(origin),
            params: ParamsForm::from(&head.params),
            validators: head.validators.iter().map(validator).collect(),
            allocations: allocations.iter().map(allocation).collect(),
        }
    }
}

impl From<&Params> for ParamsForm {
    fn from(params: &Params) -> Self {
        let Params {
            version,
            pulse_ms,
            pulse_min_ms,
            heartbeat_ms,
            propose_timeout_ms,
            vote_timeout_ms,
            epoch_ms,
            publicity_ms,
            block_weight_max,
            block_bytes_max,
            base_fee_min,
            byte_deposit,
            emission,
            pushes_max,
            pledge_min,
            pledge_unit,
            unbonding_ms,
            jail_ms,
            misses_max,
            slash_permille,
            validators_max,
        } = params.clone();
        Self {
            version,
            pulse_ms,
            pulse_min_ms,
            heartbeat_ms,
            propose_timeout_ms,
            vote_timeout_ms,
            epoch_ms,
            publicity_ms,
            block_weight_max,
            block_bytes_max,
            base_fee_min,
            byte_deposit,
            emission,
            pushes_max,
            pledge_min,
            pledge_unit,
            unbonding_ms,
            jail_ms,
            misses_max,
            slash_permille,
            validators_max,
        }
    }
}

impl From<&ParamsForm> for Params {
    fn from(form: &ParamsForm) -> Self {
        let ParamsForm {
            version,
            pulse_ms,
            pulse_min_ms,
            heartbeat_ms,
            propose_timeout_ms,
            vote_timeout_ms,
            epoch_ms,
            publicity_ms,
            block_weight_max,
            block_bytes_max,
            base_fee_min,
            byte_deposit,
            emission,
            pushes_max,
            pledge_min,
            pledge_unit,
            unbonding_ms,
            jail_ms,
            misses_max,
            slash_permille,
            validators_max,
        } = form.clone();
        Self {
            version,
            pulse_ms,
            pulse_min_ms,
            heartbeat_ms,
            propose_timeout_ms,
            vote_timeout_ms,
            epoch_ms,
            publicity_ms,
            block_weight_max,
            block_bytes_max,
            base_fee_min,
            byte_deposit,
            emission,
            pushes_max,
            pledge_min,
            pledge_unit,
            unbonding_ms,
            jail_ms,
            misses_max,
            slash_permille,
            validators_max,
        }
    }
}

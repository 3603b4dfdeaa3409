use crate::{AccountId, Amount, Hash, List, Millis, Origin, Text, ValidatorSet, Weight, hash_of, list_root};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, EncodeLike, Error, Input, Output};

/// The version of a [`GenesisHead`] that begins with nothing but its allocations.
pub const GENESIS_VERSION: u8 = 1;
/// The version of one that goes on from another chain's state: the only one with an [`Origin`].
pub const GENESIS_RECOVERED: u8 = 2;
/// The newest version of the rules that this program can play by; older ones, too (STAKING-11).
pub const RULES_VERSION: u32 = 2;

/// The rules' numbers. They live in the state from genesis on, so that a block is judged by its parent's state alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Params {
    /// Rules' version.
    pub version: u32,
    /// Time between pulses under load, in ms.
    pub pulse_ms: u64,
    /// No two pulses are closer than this, in ms.
    pub pulse_min_ms: u64,
    /// Without transactions a pulse comes only so often, in ms.
    pub heartbeat_ms: u64,
    /// How long a proposer has, in ms.
    pub propose_timeout_ms: u64,
    /// How long a round waits for votes, in ms.
    pub vote_timeout_ms: u64,
    /// The election cycle, in ms of block time.
    pub epoch_ms: u64,
    /// `final` becomes `settled` after this, in ms of block time.
    pub publicity_ms: u64,
    /// A block's calls weigh no more than this together.
    pub block_weight_max: Weight,
    /// A block's bytes (at most [`crate::BLOCK_BYTES_MAX`]).
    pub block_bytes_max: u32,
    /// The price of one unit of weight never falls below this, in smallest units of `mei`.
    pub base_fee_min: Amount,
    /// A refundable deposit for each byte that a call stores for good, in smallest units of `mei`.
    pub byte_deposit: Amount,
    /// New `mei` for a pulse that is not empty; 0 means none ever.
    pub emission: Amount,
    /// Pages of automatic dividend pay-outs in a block: the most accounts that one block pays.
    pub pushes_max: u32,
    /// The least pledge that makes a candidate, in smallest units of `mei`.
    pub pledge_min: Amount,
    /// So many smallest units of `mei` pledged are one unit of power.
    pub pledge_unit: Amount,
    /// A pledge comes back so long after its validator has left the set, in ms of block time.
    pub unbonding_ms: u64,
    /// How long a jailed validator stays so at least, in ms of block time.
    pub jail_ms: u64,
    /// A validator is jailed that has missed so many pulses of an epoch, and more than half of them.
    pub misses_max: u32,
    /// What signing twice costs, in thousandths of the pledge.
    pub slash_permille: u32,
    /// Validators at one time (at most [`crate::VALIDATORS_MAX`]).
    pub validators_max: u32,
}

impl Params {
    /// The rules of a new network.
    pub fn standard() -> Self {
        Self {
            version: RULES_VERSION,
            pulse_ms: 1_000,
            pulse_min_ms: 200,
            heartbeat_ms: 60_000,
            propose_timeout_ms: 500,
            vote_timeout_ms: 400,
            epoch_ms: 30 * 60_000,
            publicity_ms: 24 * 3_600_000,
            block_weight_max: 600_000_000,
            block_bytes_max: crate::BLOCK_BYTES_MAX as u32,
            base_fee_min: Amount::new(1),
            byte_deposit: Amount::new(1_000),
            emission: Amount::ZERO,
            pushes_max: 2_000,
            pledge_min: Amount::new(100_000_000_000),
            pledge_unit: Amount::new(1_000_000_000),
            unbonding_ms: 7 * 24 * 3_600_000,
            jail_ms: 10 * 60_000,
            misses_max: 60,
            slash_permille: 50,
            validators_max: crate::VALIDATORS_MAX as u32,
        }
    }

    /// The rules of a throw-away chain on a developer's machine: all that takes days elsewhere takes seconds.
    pub fn dev() -> Self {
        Self { publicity_ms: 10_000, epoch_ms: 60_000, unbonding_ms: 120_000, jail_ms: 10_000, ..Self::standard() }
    }
}

/// `mei` that exists from the start: an issuance event like any other, with its reason and evidence (D9: no pre-sale path).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Allocation {
    /// To whom.
    pub account: AccountId,
    /// How much, in smallest units.
    pub amount: Amount,
    /// For what.
    pub reason: Text<128>,
    /// Hash of the evidence.
    pub evidence: Hash,
}

/// What the chain's name is the hash of.
///
/// Its bytes are its fields in order, the origin last and only where the version says that there is one: so chains that begin with
/// nothing have the bytes that they had before there were recoveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisHead {
    /// [`GENESIS_VERSION`] or [`GENESIS_RECOVERED`].
    pub version: u8,
    /// The network's name, e.g. `leither-dev`.
    pub name: Text<64>,
    /// The time of height 0, in ms.
    pub time: Millis,
    /// Who keeps the books from height 1 on.
    pub validators: ValidatorSet,
    /// The rules' numbers.
    pub params: Params,
    /// Whether this is a throw-away chain with public keys; it is part of the name, so no real chain is one.
    pub dev: bool,
    /// Over the allocations, in order.
    pub allocations: Hash,
    /// RECOVER-1: whose state the chain goes on from.
    pub origin: Option<Origin>,
}

impl Encode for GenesisHead {
    fn encode_to<O: Output + ?Sized>(&self, dest: &mut O) {
        let Self { version, name, time, validators, params, dev, allocations, origin } = self;
        version.encode_to(dest);
        (name, time, validators, params, dev, allocations).encode_to(dest);
        // No `Some` before it: the version says whether it is there.
        if let Some(origin) = origin {
            origin.encode_to(dest);
        }
    }
}

impl EncodeLike for GenesisHead {}

impl Decode for GenesisHead {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let version = u8::decode(input)?;
        let (name, time, validators, params, dev, allocations): (_, _, ValidatorSet, _, _, _) = Decode::decode(input)?;
        if !validators.is_sound() {
            return Err("a founder's key that may not be bound".into());
        }
        let origin = (version == GENESIS_RECOVERED).then(|| Origin::decode(input)).transpose()?;
        Ok(Self { version, name, time, validators, params, dev, allocations, origin })
    }
}

impl DecodeWithMemTracking for GenesisHead {}

/// The start of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Genesis {
    /// What the chain's name is the hash of.
    pub head: GenesisHead,
    /// What `head.allocations` commits to.
    pub allocations: List<Allocation, 1_048_576>,
}

impl GenesisHead {
    /// The chain's id: the genesis hash that every signature on this chain names.
    pub fn chain(&self) -> Hash {
        hash_of("leither/genesis/v1", self)
    }

    /// Whether it has an origin exactly where its version says so.
    pub fn is_consistent(&self) -> bool {
        match self.version {
            GENESIS_VERSION => self.origin.is_none(),
            GENESIS_RECOVERED => self.origin.is_some(),
            _ => false,
        }
    }
}

impl Genesis {
    /// Fills in the root over `allocations`. Nothing where there are too many.
    pub fn new(mut head: GenesisHead, allocations: Vec<Allocation>) -> Option<Self> {
        head.allocations = Self::root(&allocations);
        Some(Self { head, allocations: List::new(allocations)? })
    }

    /// The root over a list of allocations.
    pub fn root(allocations: &[Allocation]) -> Hash {
        list_root(&allocations.iter().map(|a| hash_of("leither/allocation/v1", a)).collect::<Vec<_>>())
    }

    /// The chain's id.
    pub fn chain(&self) -> Hash {
        self.head.chain()
    }
}

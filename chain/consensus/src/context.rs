use crate::{Part, Proposal, Vote, Zip215, round_of};
use arc_malachitebft_core_types as bft;
use bft::{NilOrVal, Round};
use leither_types::{Hash, Height, Params, PublicKey, ValidatorId, ValidatorSet, VoteKind};
use std::{fmt, sync::Arc, time::Duration};

/// The engine's type parameter: which types this chain runs consensus on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leither;

/// A validator's name, as the engine wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub ValidatorId);

/// A block's number, as the engine wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockHeight(pub Height);

/// CONS-1: what is voted on is a block's id. The block itself travels as parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub Hash);

/// A validator, as the engine wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    address: Address,
    key: PublicKey,
    power: u64,
}

/// The validators of a height, cheap to clone: the engine does so often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    set: ValidatorSet,
    seats: Vec<Seat>,
    total: u64,
}

/// Why a validator set cannot run consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorsError {
    /// The engine counts power in 64 bits and triples it.
    #[error("the validators' power adds up to {0}; consensus can count to {max}: give each less", max = u64::MAX / 3)]
    TooPowerful(u128),
}

impl Validators {
    /// The engine's view of `set`.
    pub fn new(set: ValidatorSet) -> Result<Self, ValidatorsError> {
        let sum = set.total_power();
        let total = u64::try_from(sum).ok().filter(|t| *t <= u64::MAX / 3).ok_or(ValidatorsError::TooPowerful(sum))?;
        // CONS-4: the set's own order, power descending then id ascending, is the one that the engine asks for.
        let seats = set.iter().map(|v| Seat { address: Address(v.id()), key: v.key, power: v.power }).collect();
        Ok(Self(Arc::new(Inner { set, seats, total })))
    }

    /// The chain's view.
    pub fn set(&self) -> &ValidatorSet {
        &self.0.set
    }

    /// Who proposes at this height, in this round.
    pub fn proposer(&self, height: Height, round: u32) -> &Seat {
        let key = self.0.set.proposer(height, round).key;
        // The proposer is one of the set, and a set is never empty.
        self.0.seats.iter().find(|seat| seat.key == key).unwrap_or(&self.0.seats[0])
    }

    /// The seat of this validator.
    pub fn seat(&self, id: &ValidatorId) -> Option<&Seat> {
        self.0.seats.iter().find(|seat| seat.address.0 == *id)
    }
}

impl Seat {
    /// Whose it is.
    pub fn id(&self) -> ValidatorId {
        self.address.0
    }

    /// The consensus key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// How long the engine waits, by the chain's parameters. A round that fails makes the next ones wait longer.
pub fn timeouts(params: &Params) -> bft::LinearTimeouts {
    let propose = Duration::from_millis(params.propose_timeout_ms);
    let vote = Duration::from_millis(params.vote_timeout_ms);
    bft::LinearTimeouts {
        propose,
        propose_delta: propose / 2,
        prevote: vote,
        prevote_delta: vote / 2,
        precommit: vote,
        precommit_delta: vote / 2,
        rebroadcast: propose + vote + vote,
        max_timeout: Duration::from_secs(30),
    }
}

impl bft::Context for Leither {
    type Address = Address;
    type Height = BlockHeight;
    type ProposalPart = Part;
    type Proposal = Proposal;
    type Validator = Seat;
    type ValidatorSet = Validators;
    type Timeouts = bft::LinearTimeouts;
    type Value = Value;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = Zip215;

    fn select_proposer<'a>(&self, set: &'a Validators, height: BlockHeight, round: Round) -> &'a Seat {
        set.proposer(height.0, round.as_u32().unwrap_or_default())
    }

    fn new_proposal(&self, height: BlockHeight, round: Round, value: Value, pol_round: Round, address: Address) -> Proposal {
        Proposal { height, round: round_of(round), value, pol_round: pol_round.as_u32(), proposer: address }
    }

    fn new_prevote(&self, height: BlockHeight, round: Round, value: NilOrVal<Hash>, address: Address) -> Vote {
        Vote { kind: VoteKind::Prevote, height, round: round_of(round), value, validator: address }
    }

    fn new_precommit(&self, height: BlockHeight, round: Round, value: NilOrVal<Hash>, address: Address) -> Vote {
        Vote { kind: VoteKind::Precommit, height, round: round_of(round), value, validator: address }
    }
}

impl bft::Address for Address {}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl bft::Height for BlockHeight {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

impl fmt::Display for BlockHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl bft::Value for Value {
    type Id = Hash;

    fn id(&self) -> Hash {
        self.0
    }
}

impl bft::Validator<Leither> for Seat {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    fn voting_power(&self) -> u64 {
        self.power
    }
}

impl bft::ValidatorSet<Leither> for Validators {
    fn count(&self) -> usize {
        self.0.seats.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.0.total
    }

    fn get_by_address(&self, address: &Address) -> Option<&Seat> {
        self.seat(&address.0)
    }

    fn get_by_index(&self, index: usize) -> Option<&Seat> {
        self.0.seats.get(index)
    }
}

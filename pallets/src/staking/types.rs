use leither_types::{AccountId, Amount, Height, Millis, PublicKey, Text, json};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// What stands behind a validator or candidate.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Stake {
    /// The consensus key.
    pub key: PublicKey,
    /// How others reach it; nothing for a founder that has not said so.
    pub contact: Option<Contact>,
    /// Locked with the operator.
    pub pledge: Amount,
    /// Power by genesis, beside that of the pledge.
    #[serde(with = "json::decimal")]
    pub granted: u64,
    /// How it stands with the set.
    pub standing: Standing,
    /// Which key takes over at the next election.
    pub next_key: Option<NextKey>,
    /// The newest rules that its operator is ready for.
    pub ready: u32,
    /// What it has shown so far.
    pub service: Service,
}

/// STAKING-13: whether a validator has shown that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// It was never elected, so there is nothing that it could be punished for.
    #[codec(index = 0)]
    Fresh,
    /// Elected for the first time, or again after jail, and in no certificate since.
    #[codec(index = 1)]
    Probation,
    /// It signed a block.
    #[codec(index = 2)]
    Proven,
}

/// Where a validator is found. The keys are the swarms' own: their hashes are the peer ids.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, serde::Deserialize)]
pub struct Contact {
    /// Its name in the consensus swarm.
    pub swarm: PublicKey,
    /// Its name in the data swarm.
    pub data: PublicKey,
    /// Where its consensus swarm listens, as a multiaddr without the peer id; empty: it only dials out.
    pub address: Text<128>,
}

/// How a stake stands with the set of validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Takes part in every election.
    #[codec(index = 0)]
    Active,
    /// STAKING-6: out, until its operator asks for it again, not before this block time.
    #[codec(index = 1)]
    Jailed {
        /// In ms.
        #[serde(with = "json::decimal")]
        until: Millis,
    },
    /// STAKING-5: on its way out. The time of release is set once it has left the set.
    #[codec(index = 2)]
    Leaving {
        /// In ms of block time.
        release: Option<Millis>,
    },
    /// STAKING-7: it signed twice, and is out for good.
    #[codec(index = 3)]
    Ejected {
        /// When what is left of the pledge comes back, in ms of block time.
        #[serde(with = "json::decimal")]
        release: Millis,
    },
}

/// A key that will take over.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct NextKey {
    /// The consensus key.
    pub key: PublicKey,
    /// The name in the consensus swarm that goes with it.
    pub swarm: PublicKey,
}

/// Whose a consensus key is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Owner {
    /// The stake's operator.
    pub operator: AccountId,
    /// The key in full, for evidence.
    pub key: PublicKey,
    /// Whether it was convicted of something already.
    pub convicted: bool,
    /// STAKING-10: block time from which on nothing that it signs counts as evidence, once it votes no more.
    pub until: Option<Millis>,
}

impl Owner {
    /// Of a key that is bound just now.
    pub(super) fn of(operator: AccountId, key: PublicKey) -> Self {
        Self { operator, key, convicted: false, until: None }
    }
}

/// Pulses that a validator missed, over as many epochs as it missed more than half of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Missed {
    /// In all of them.
    pub count: u32,
    /// Pulses of those before this epoch.
    pub pulses: u64,
}

/// STAKING-12: what absence took out of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Absent {
    /// Whose validator.
    pub operator: AccountId,
    /// Its power then.
    pub power: u64,
    /// Block time until which it counts.
    pub until: Millis,
}

/// An election cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Epoch {
    /// `floor(block time / epoch_ms)` at its election.
    #[serde(with = "json::decimal")]
    pub number: u64,
    /// The block that ended with its election.
    #[serde(with = "json::decimal")]
    pub elected_at: Height,
}

use leither_types::{Amount, Millis};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// Why a validator's call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// The operator has no stake, or it is on its way out.
    #[codec(index = 0)]
    #[error("this account has no validator; `leither validator join` pledges one")]
    None,
    /// It has one.
    #[codec(index = 1)]
    #[error("this account has a validator already")]
    Already,
    /// STAKING-3.
    #[codec(index = 2)]
    #[error("the pledge would be {have} smallest units of mei, at least {need} are needed")]
    Pledge {
        /// What it would be.
        have: Amount,
        /// The least.
        need: Amount,
    },
    /// STAKING-3: another's, once used, or of small order.
    #[codec(index = 3)]
    #[error("this consensus key cannot be used: it was used before, or anyone could sign for it")]
    Key,
    /// STAKING-3.
    #[codec(index = 4)]
    #[error("the proof of possession is not by this consensus key, for this account, on this chain")]
    Possession,
    /// The roster is full.
    #[codec(index = 5)]
    #[error("there are {max} candidates already, none of whom was never elected and has pledged less: pledge more, or wait")]
    Full {
        /// How many there may be.
        max: u32,
    },
    /// STAKING-6.
    #[codec(index = 6)]
    #[error("jailed until {until} ms of block time")]
    JailedUntil {
        /// When it may come back.
        until: Millis,
    },
    /// It is not in jail.
    #[codec(index = 7)]
    #[error("this validator is not in jail")]
    NotJailed,
    /// STAKING-7.
    #[codec(index = 8)]
    #[error("this validator signed twice, and is out for good")]
    Ejected,
    /// Not a multiaddr of printable characters.
    #[codec(index = 9)]
    #[error("an address is empty or begins with `/`, in printable ASCII, without a peer id")]
    Address,
    /// STAKING-11.
    #[codec(index = 10)]
    #[error("rules {wanted} cannot be next: {now} are in force")]
    Rules {
        /// What was announced.
        wanted: u32,
        /// What is in force.
        now: u32,
    },
    /// One key change an epoch.
    #[codec(index = 11)]
    #[error("another key takes over at the next election already")]
    Rotating,
    /// STAKING-15.
    #[codec(index = 12)]
    #[error("the proof is not by this swarm key, for this account, on this chain")]
    Swarm,
}

use leither_types::Text;
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// What of a contract's own words a receipt keeps.
pub const SAID_BYTES_MAX: usize = 200;

/// Why a call of contracts was refused.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// No such code.
    #[codec(index = 0)]
    #[error("there is no code {code}")]
    NoCode {
        /// Its number.
        #[serde(with = "leither_types::json::decimal")]
        code: u64,
    },
    /// No such contract.
    #[codec(index = 1)]
    #[error("there is no such contract")]
    NoContract,
    /// Not all of it was uploaded.
    #[codec(index = 2)]
    #[error("piece {piece} of the code is missing: upload it first")]
    NoPiece {
        /// Which.
        piece: u16,
    },
    /// The pieces together have another sha256.
    #[codec(index = 3)]
    #[error("what was uploaded has another sha256: discard it, and upload it again")]
    Checksum,
    /// It does not pass the checks.
    #[codec(index = 4)]
    #[error("this is no contract that can run here; `leither contract check` says what is wrong with it")]
    NotAContract,
    /// The contract's own refusal.
    #[codec(index = 5)]
    #[error("the contract refuses: {text}")]
    Said {
        /// In its own words, cut where they are long.
        text: Text<SAID_BYTES_MAX>,
    },
    /// WASM-3.
    #[codec(index = 6)]
    #[error("the contract ran out of gas: allow more with --gas")]
    OutOfGas,
    /// It panicked or broke the interface.
    #[codec(index = 7)]
    #[error("the contract came to a bad end")]
    Trap,
    /// It has no such entry.
    #[codec(index = 8)]
    #[error("the contract has no entry `{entry}`")]
    NoEntry {
        /// Which.
        entry: Text<16>,
    },
    /// Its answer is none.
    #[codec(index = 9)]
    #[error("the contract's answer cannot be read, or is longer than 256 KiB")]
    Answer,
    /// It wants what this chain does not do.
    #[codec(index = 10)]
    #[error("the contract wants what this chain does not do")]
    Unsupported,
    /// WASM-8.
    #[codec(index = 11)]
    #[error("contracts call one another more than 100 deep")]
    Depth,
    /// WASM-6.
    #[codec(index = 12)]
    #[error("only the contract's admin may do this; an organization that is admin does it by vote")]
    NotAdmin,
    /// Empty or too long.
    #[codec(index = 13)]
    #[error("a label is 1 to 128 bytes, a salt 1 to 64")]
    Form,
    /// Somebody has it.
    #[codec(index = 14)]
    #[error("this address is taken: choose another salt")]
    AddressTaken,
    /// An event that no receipt has room for.
    #[codec(index = 15)]
    #[error("the contract tells an event that is empty, too long, or named as only the chain names them")]
    EventForm,
    /// A token that there is not, or one named twice.
    #[codec(index = 16)]
    #[error("money is named by `nmei` or a token's id, each once, at least 1 of it")]
    Funds,
    /// In the contract's message.
    #[codec(index = 17)]
    #[error("the contract names an address that is none")]
    Address,
    /// More gas than any block has, or less than an instance takes.
    #[codec(index = 18)]
    #[error("gas is 50,000,000 to 150,000,000,000")]
    Gas,
    /// More than a receipt keeps.
    #[codec(index = 19)]
    #[error("the contract hands back more than 2,048 bytes")]
    Data,
    /// More than a receipt keeps.
    #[codec(index = 20)]
    #[error("the call leaves more than 256 events: do it in several")]
    Events,
    /// WASM-11.
    #[codec(index = 21)]
    #[error("a consensus contract has no admin but its organization's treasury, or none: name that with `contract set-admin`")]
    ForeignAdmin,
    /// In a message of a contract.
    #[codec(index = 22)]
    #[error("a word in the contract's message is too long, or is no hash")]
    Words,
    /// WASM-11.
    #[codec(index = 23)]
    #[error("the contract has other code by now, number {code}: look at it, and choose it anew")]
    OtherCode {
        /// What it has.
        code: u64,
    },
    /// WASM-11.
    #[codec(index = 24)]
    #[error("a contract without an admin is bound to an organization of which its maker is a member")]
    ForeignMaker,
    /// WASM-14.
    #[codec(index = 25)]
    #[error(
        "a schedule has a number of 0 to 15, at most 4,096 bytes to tell, 1 s to 366 days from one time to the next and until the first, one time at least, 50,000,000 gas to a 64th of a block, and a budget for its first time"
    )]
    Schedule,
}

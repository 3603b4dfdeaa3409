use cosmwasm_std::StdError;
use leither_sdk::Refusal;
use thiserror::Error;

/// Why something was refused.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the sentences say it
pub enum ContractError {
    #[error("{0}")]
    Std(#[from] StdError),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("it begins now or later, ends after that and within 2 years from now; rewards are halved each hour at most")]
    Times,
    #[error("a pool of 1 unit at least, and below 2^96")]
    Pool,
    #[error(
        "1 to 16 actions, each with a name of its own of 1 to 32 bytes, 1 unit at least and not more than the pool, and 1 to 1000 times a day and person, 1 to 100000 times a day, which is not less"
    )]
    Actions,
    #[error("there is no action {action}: the contract's configuration lists them")]
    NoAction { action: String },
    #[error("it begins at {begin} ms")]
    TooEarly { begin: u64 },
    #[error("it ended at {end} ms, for ever")]
    Ended { end: u64 },
    #[error("the pool is used up, for ever")]
    UsedUp,
    #[error("the reward of {action} has been halved to nothing")]
    Nothing { action: String },
    #[error("nobody credits themselves: another supervisor does")]
    Own,
    #[error("{who} is no member in the role of the action {action}: a supervisor gives it first")]
    NotInRole { who: String, action: String },
    #[error("this evidence has counted already, and counts once")]
    Again,
    #[error("{who} has had {action} {cap} times today, which is all: tomorrow again")]
    PersonCapped { who: String, action: String, cap: u32 },
    #[error("{action} was credited {cap} times today, which is all: tomorrow again")]
    Capped { action: String, cap: u32 },
}

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
    #[error(
        "1 to 8 roles, each once; a cap for one grant of 1 unit at least, and one for a period that is not below it and below 2^96; a period of an hour to 366 days; grants lapse after an hour to 90 days"
    )]
    Terms,
    #[error("no grant is made in this role: the contract's configuration lists those in which one is")]
    Role,
    #[error("{who} is no member in the role that the grant is for: a supervisor gives it first")]
    NotInRole { who: String },
    #[error("a reason of 1 to 112 bytes")]
    Reason,
    #[error("1 to 8 milestones")]
    Milestones,
    #[error("a grant is of 1 to {cap} units, in each of its milestones 1 at least")]
    Amount { cap: String },
    #[error("8 of your recommendations are being voted on: wait until one of the votes is over")]
    TooMany,
    #[error("there is no grant {id}")]
    NoGrant { id: u64 },
    #[error("grant {id} is {stage}, and this is done with one that is {wanted}")]
    Stage { id: u64, stage: &'static str, wanted: &'static str },
    #[error("grant {id} lapsed at {until} ms: recommend it anew")]
    Lapsed { id: u64, until: u64 },
    #[error("grant {id} has milestones: `milestone` issues them, one by one")]
    Staged { id: u64 },
    #[error("grant {id} has no milestones: `issue` issues it")]
    NotStaged { id: u64 },
    #[error("milestone {next} of {all} is the next one of this grant")]
    Order { next: u8, all: usize },
    #[error("a milestone is reported by a supervisor who neither recommended the grant nor gets it, or by a vote")]
    Judge,
    #[error("only who recommended it withdraws it, before it is granted; later a vote does")]
    NotYours,
    #[error(
        "grants have {left} units left in this period, and this takes {need}: issue it when the next one has begun, at {next} ms"
    )]
    Period { left: String, need: String, next: u64 },
}

use cosmwasm_std::StdError;
use thiserror::Error;

/// Why something was refused.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the sentences say it
pub enum ContractError {
    #[error("{0}")]
    Std(#[from] StdError),
    #[error("the steps' shares are {sum} together, and must be 10000, in 1/10000")]
    Shares { sum: u32 },
    #[error("1 to 16 steps, each with a name of its own of 1 to 32 bytes")]
    Steps,
    #[error("step {step}: 1 to 8 fixed payees, each once and with a weight")]
    Payees { step: String },
    #[error("all that may be paid at once are more than {max}: a step by content counts for 8")]
    TooManyPaid { max: usize },
    #[error("the notice is a minute to 30 days")]
    NoticeForm,
    #[error("there is no step {step} whose payees are recorded")]
    NoStep { step: String },
    #[error("only the owner of the content records who made it")]
    NotOwner,
    #[error("{who} is no member with the role of the step {step}")]
    NotInRole { who: String, step: String },
    #[error("at most 8 are recorded for one step of a content")]
    TooMany,
    #[error("nothing came with the message: a value event has money")]
    NoMoney,
    #[error("money came with the message, and it takes none")]
    NotPayable,
    #[error("only a vote of the organization may do this")]
    OnlyByVote,
    #[error("{have} is in the escrow, and this takes {need}")]
    Escrow { have: String, need: String },
    #[error(
        "nothing is being withdrawn in this money, its notice is not over yet, or it was over longer ago than it lasted: say it anew"
    )]
    Notice,
    #[error("1 to 25 vouchers")]
    Vouchers,
    #[error("voucher {place}: {why}")]
    Voucher { place: usize, why: String },
}

use cosmwasm_std::StdError;
use thiserror::Error;

/// Why something was refused.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the sentences say it
pub enum ContractError {
    #[error("{0}")]
    Std(#[from] StdError),
    #[error("the lines' shares are {sum} together, and must be 10000, in 1/10000")]
    Shares { sum: u32 },
    #[error("1 to 16 lines, each with a name of its own of 1 to 32 bytes; at most one to unit holders")]
    Lines,
    #[error("line {line}: 1 to 32 payees, each once and with a weight")]
    Payees { line: String },
    #[error("line {line}: more than 48 members have the role; name payees, or divide by units through a line to unit holders")]
    TooMany { line: String },
    #[error(
        "line {line}: the organization has more than 2000 members, too many to look for a role among them; name payees, or pay unit holders"
    )]
    TooLarge { line: String },
    #[error("nothing came with the message: there is nothing to divide")]
    NoMoney,
    #[error("money came with the message, and it takes none")]
    NotPayable,
    #[error("only a supervisor may have the treasury's money divided")]
    OnlySupervisors,
    #[error("only a vote of the organization may do this")]
    OnlyByVote,
    #[error("more than 64 are to be paid at once")]
    Shared,
}

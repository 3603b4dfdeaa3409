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
        "1 to 16 tasks, each with a name of its own of 1 to 32 bytes, 1 to 256 bytes of what it is, a place at least, and a role where it has a reward"
    )]
    Tasks,
    #[error("1 to 8 confirmations, and not more than there are supervisors")]
    Confirmations,
    #[error("a submission stays open for an hour to 90 days")]
    OpenFor,
    #[error("there is no task {task}: the contract's configuration lists them")]
    NoTask { task: String },
    #[error("a note is of 256 bytes at most")]
    Note,
    #[error("why it is declined: 1 to 256 bytes")]
    Why,
    #[error("{who} has done the task {task} already, and nobody does it twice")]
    DoneBefore { who: String, task: String },
    #[error("all {places} places of the task {task} are taken")]
    NoPlace { task: String, places: u32 },
    #[error("the task {task} is submitted already: withdraw it to submit it anew")]
    Submitted { task: String },
    #[error("4 of your submissions are open: withdraw one, or wait until one is judged")]
    TooManyOfOne,
    #[error(
        "1000 submissions of outsiders are open: have a member vouch for you, wait until some are judged, or `clear` those that have lapsed"
    )]
    TooMany,
    #[error("{who} has no open submission of the task {task}: it was not made, was judged, withdrawn, or has lapsed")]
    NotOpen { who: String, task: String },
    #[error("nobody confirms what they did themselves")]
    Own,
    #[error("the evidence that was submitted is {evidence}: look at it, and confirm that")]
    OtherEvidence { evidence: String },
    #[error("a vote has changed the task {task} since it was submitted: it has to be submitted anew")]
    Changed { task: String },
    #[error("you have confirmed this already; it takes {missing} more")]
    Twice { missing: usize },
}

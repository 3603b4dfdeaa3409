use cosmwasm_std::StdError;
use thiserror::Error;

/// Why something was refused.
#[derive(Debug, Error)]
#[allow(missing_docs)] // the sentences say it
pub enum ContractError {
    #[error("{0}")]
    Std(#[from] StdError),
    #[error(
        "what steps by content and host get is too much for a credit of {credit}: a ring of viewers and makers could earn by paying itself; lower one of them"
    )]
    Ring { credit: u16 },
    #[error("a campaign is funded with one kind of money, enough for one view at least")]
    Funds,
    #[error(
        "a view pays at least 10000 smallest units, a viewer counts 1 to 1000 times a day, at most 32 contents are named, and it ends within 90 days"
    )]
    Terms,
    #[error("money came with the message, and it takes none")]
    NotPayable,
    #[error("there is no campaign {campaign}")]
    NoCampaign { campaign: u64 },
    #[error("the campaign has ended")]
    Ended,
    #[error("the advertiser closes it, after it has ended")]
    NotClosable,
    #[error("only a member invites, and only a guest is invited")]
    Invitation,
    #[error("1 to 25 views")]
    Views,
    #[error("the campaign has money for {left} more views, and {reported} are reported: report no more than that")]
    RunsDry { left: u64, reported: u64 },
    #[error("view {place}: {why}")]
    View { place: usize, why: Refused },
}

/// Why a view does not count.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum Refused {
    #[error("the signature is not by this key over these words")]
    Signature,
    #[error("it is of another campaign")]
    OtherCampaign,
    #[error("the campaign does not pay for this content")]
    OtherContent,
    #[error("its number has to be above {last}, the last one of this viewer")]
    Again { last: u64 },
    #[error("its number is below 2^53, which every program can count to")]
    Number,
    #[error("with the steps as they are now a ring could earn by guests: only members count")]
    Ring,
    #[error("who made or serves a content, or always earns by it, is no viewer of it")]
    Own,
    #[error("this viewer has counted {cap} times today")]
    Capped { cap: u32 },
    #[error("the viewer is no member, and has credit for {have} where a view pays {need}: a free account is no viewer")]
    Free { have: String, need: String },
    #[error("{0}")]
    Std(StdError),
}

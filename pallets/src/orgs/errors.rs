use leither_types::Amount;
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// Why an organization's call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Error {
    /// No such organization.
    #[codec(index = 0)]
    #[error("there is no such organization")]
    Unknown,
    /// Not `[a-z0-9-]{3,32}`.
    #[codec(index = 1)]
    #[error("an organization's name is 3 to 32 of a-z, 0-9 and -")]
    NameForm,
    /// Another has it.
    #[codec(index = 2)]
    #[error("the name is taken")]
    NameTaken,
    /// A charter that does not hold together.
    #[codec(index = 3)]
    #[error("the charter does not hold together: {}", charter_fault(*.what))]
    Charter {
        /// 1 supervisors, 2 threshold, 3 join, 4 quorum or treasury share, 5 pass, 6 periods, 7 income tokens.
        what: u8,
    },
    /// The actor is no member.
    #[codec(index = 4)]
    #[error("only a member may do this")]
    NotMember,
    /// The actor is no supervisor.
    #[codec(index = 5)]
    #[error("only a supervisor may do this")]
    NotSupervisor,
    /// Too few supervisors signed.
    #[codec(index = 6)]
    #[error("{need} supervisors must sign together, {have} did")]
    TooFewSupervisors {
        /// Who signed.
        have: u8,
        /// The charter's threshold.
        need: u8,
    },
    /// ORG-5.
    #[codec(index = 7)]
    #[error("already a member")]
    AlreadyMember,
    /// Nothing to admit.
    #[codec(index = 8)]
    #[error("there is no application of this account; it must apply first")]
    NoApplication,
    /// One is enough.
    #[codec(index = 9)]
    #[error("there is an application of this account already")]
    AlreadyApplied,
    /// ORG-3.
    #[codec(index = 10)]
    #[error("the charter does not let one join this way: it wants an application, a sponsor or evidence of the task")]
    JoinWay,
    /// ORG-7.
    #[codec(index = 11)]
    #[error("an issuance needs a reason and evidence")]
    NoReason,
    /// ORG-6.
    #[codec(index = 12)]
    #[error("the receiver does not have this role; supervisors grant it first")]
    NotInRole,
    /// ORG-8.
    #[codec(index = 13)]
    #[error("beyond what supervisors may issue in this epoch: {left} is left; a vote may issue more")]
    OverCap {
        /// What may still be issued.
        left: Amount,
    },
    /// Only the organization itself, by vote.
    #[codec(index = 14)]
    #[error("only a vote may do this: propose it")]
    OnlyByVote,
    /// No such proposal, or it is over.
    #[codec(index = 15)]
    #[error("there is no such proposal, or it is not in this stage")]
    NotOpen,
    /// ORG-10.
    #[codec(index = 16)]
    #[error("has voted on this proposal already")]
    AlreadyVoted,
    /// ORG-10.
    #[codec(index = 17)]
    #[error("was no member yet when the proposal was opened")]
    MemberTooLate,
    /// ORG-9.
    #[codec(index = 18)]
    #[error("the weight is beyond what is free to be cast: {have}")]
    Weight {
        /// What is free.
        have: Amount,
    },
    /// ORG-14.
    #[codec(index = 19)]
    #[error("a supervisor cannot leave; a vote first amends the charter")]
    IsSupervisor,
    /// Not in the charter's list.
    #[codec(index = 20)]
    #[error("the charter does not take income in this token")]
    NotIncomeToken,
    /// Calls that do not decode, or that only a person may make.
    #[codec(index = 21)]
    #[error(
        "a proposal has 1 to 8 well-formed calls, none that proposes, votes or applies, and of contracts no more than an eighth of a block"
    )]
    ProposalCalls,
    /// Nothing is locked for this voter.
    #[codec(index = 22)]
    #[error("nothing of this voter is locked here")]
    NothingLocked,
    /// A name, a note or a list beyond its bound.
    #[codec(index = 23)]
    #[error("too many of them: {max} is the bound")]
    TooMany {
        /// The bound.
        max: u32,
    },
    /// ORG-13.
    #[codec(index = 24)]
    #[error("the organization does not pay this fee: no member, or the day's allowance is used up")]
    NoAllowance,
    /// ORG-11.
    #[codec(index = 25)]
    #[error("{max} proposals of this organization are open already: one of them has to end first")]
    TooManyOpen {
        /// The bound.
        max: u32,
    },
    /// ORG-16.
    #[codec(index = 26)]
    #[error("this contract has no mandate for it: an organization gives one when it names its consensus contract")]
    NoMandate,
    /// ORG-16.
    #[codec(index = 27)]
    #[error("beyond the contract's mandate: {left} is left in this epoch")]
    OverMandate {
        /// What is left.
        left: Amount,
    },
    /// ORG-17.
    #[codec(index = 28)]
    #[error("this contract is another organization's")]
    BoundElsewhere,
    /// A kind of money twice.
    #[codec(index = 29)]
    #[error("a mandate limits at most 4 kinds of money, each once")]
    Mandate,
    /// ORG-21.
    #[codec(index = 30)]
    #[error("this token is issued by votes of its organization, and by the contract that was named when it was made")]
    NotMinter,
    /// ORG-21.
    #[codec(index = 31)]
    #[error("beyond what may ever be issued of this token: {left} is left")]
    OverTokenCap {
        /// What may still be issued.
        left: Amount,
    },
}

fn charter_fault(what: u8) -> &'static str {
    match what {
        1 => "1 to 16 supervisors, none twice, all members",
        2 => "the threshold is 1 to the number of supervisors, and at most 8: no transaction has more signers",
        3 => "at least one way to join",
        4 => "quorum and treasury share are at most 10000",
        5 => "pass is 5000 to 9999",
        6 => "the period is 1 s to 30 days, the veto delay at most 30 days",
        _ => "1 to 4 income tokens, none twice, all existing",
    }
}

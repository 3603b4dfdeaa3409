//! Organizations: a charter, members in roles, a treasury, a token whose units are issued for stated work, votes, and income shared out.
//!
//! Who may do what (`spec/orgs.md` has the same table):
//! ```text
//! anyone      create, apply (for oneself), income (paying in), claim (one's own), release (of a voter's units after the close)
//! member      sponsor, propose, vote, leave
//! supervisor  admit once units can be cast, withdraw an application   (one is enough)
//! supervisors admit while heads decide, issue within the epoch's cap, role, expel, veto (k of them, all signing)
//! contract    what its mandate allows (ORG-16): admit, expel, role, issue, spend from the treasury, tables of shares
//! vote        everything that the organization does: any call, run as the organization; amend and uncapped issue only so
//! ```
//! - ORG-1: the founder is supervisor and member from the start (R44).
//! - ORG-2: a name and a symbol are unique, and creating costs a deposit.
//! - ORG-3: one joins by application, by a member's sponsorship or by a task, as the charter allows; a supervisor confirms (R45).
//! - ORG-4: only supervisors (or a vote) admit: k of them while heads decide, one once units do.
//! - ORG-5: nobody is admitted twice.
//! - ORG-6: economic roles make eligible for pay and give no power (R46).
//! - ORG-7: every issuance names a reason, evidence, a role, and what allowed it (R50, R51).
//! - ORG-8: supervisors issue at most the charter's cap in an epoch; a cap of 0 means by vote alone.
//! - ORG-9: votes count units where there are any to be cast, else heads; units cast are locked until the proposal closes (R48).
//! - ORG-10: only who was a member when a proposal was opened, and still is, votes on it, once.
//! - ORG-11: a proposal that passes, by the rules at its opening, runs its calls as the organization, all or nothing, after the veto delay.
//! - ORG-12: of an income the charter's share stays in the treasury, the rest goes to the unit holders (R55).
//! - ORG-13: the organization may pay its members' fees, up to a daily allowance each.
//! - ORG-14: a supervisor neither leaves nor is expelled before a vote has amended the charter: an organization is never without them.
//! - ORG-15: the consensus contract is named by vote; by the founders alone, all signing, while nobody else is a member and nothing is issued.
//! - ORG-16: what it does as the organization stays within the mandate that it was given with, each epoch; issuances are recorded as any.
//! - ORG-17: a contract is at most one organization's.
//! - ORG-18: a table of shares is one whole, and everybody can read it.
//! - ORG-19: its contract may open proposals that send it a message; the organization proposes them, as one of the members' half.
//! - ORG-20: the organization pays the fees of whoever executes a contract that a vote has named for it, up to limits of a day.
//! - ORG-21: further tokens cast no votes and earn nothing; each unit has a reason and evidence, and all of them a bound.

mod ballots;
mod calls;
mod charter;
mod contract;
mod errors;
mod events;
mod further;
mod keys;
mod members;
mod money;
mod proposals;
mod sponsor;
mod types;
pub mod views;

pub(crate) use ballots::unlock_page;
pub use calls::{Call, apply};
pub use charter::{Charter, JoinPolicy};
pub(crate) use contract::{bind, book_spending, set_table};
pub use errors::Error;
pub use events::Event;
pub(crate) use proposals::close_due;
pub use sponsor::{Sponsor, charge_sponsor, may_pay_for};
pub use types::{
    Application, Ballot, Binding, Cover, Entry, EntryKind, Limit, Mandate, Member, Org, Outcome, PROPOSAL_CALLS_MAX, Proposal,
    Role, Roles, Sponsorship, Stage, Terms, Via,
};

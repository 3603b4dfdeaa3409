use super::msg::{Role, Share};
use cosmwasm_std::{CustomQuery, Uint128};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a contract can ask beside what every CosmWasm chain answers: `QueryRequest::Custom`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LeitherQuery {
    /// [`OrgAnswer`].
    Org {
        /// Which.
        org: String,
    },
    /// [`OrgOfAnswer`]: whose consensus contract this is.
    OrgOf {
        /// Which contract.
        contract: String,
    },
    /// [`MandateAnswer`]: what an organization's contract may still do in this epoch.
    Mandate {
        /// Whose.
        org: String,
    },
    /// [`MemberAnswer`].
    Member {
        /// Where.
        org: String,
        /// Who.
        who: String,
    },
    /// [`MembersAnswer`]: in the order of the accounts. Each row that is looked at costs gas.
    Members {
        /// Where.
        org: String,
        /// Those with this role alone.
        role: Option<Role>,
        /// Those after this account.
        start_after: Option<String>,
        /// Rows that are looked at: 1 to 30, 30 where it is not given.
        limit: Option<u32>,
    },
    /// [`TableAnswer`].
    Table {
        /// Whose.
        org: String,
        /// Which.
        table: u32,
    },
    /// [`ProposalAnswer`].
    Proposal {
        /// Whose.
        org: String,
        /// Which, from 0.
        proposal: u64,
    },
    /// [`ScheduleAnswer`].
    Schedule {
        /// Whose.
        contract: String,
        /// Which.
        id: u32,
    },
    /// [`TokenAnswer`].
    Token {
        /// Which.
        denom: String,
    },
    /// [`DividendAnswer`]: what a holder of an organization's units has earned and not yet taken.
    Dividend {
        /// Whose units.
        org: String,
        /// Who holds them.
        who: String,
        /// In which money.
        denom: String,
    },
    /// [`StreamAnswer`]: an open one.
    Stream {
        /// Its number.
        stream: u64,
    },
    /// [`StreamsAnswer`]: open ones in the order of their numbers. Each row that is looked at costs gas.
    Streams {
        /// Those that pay this account; either this or `opener`.
        payee: Option<String>,
        /// Those that this account has opened.
        opener: Option<String>,
        /// Those after this number.
        start_after: Option<u64>,
        /// Rows: 1 to 30, 30 where it is not given.
        limit: Option<u32>,
    },
    /// [`MimeiAnswer`].
    Mimei {
        /// Which.
        mimei: String,
    },
    /// [`RightAnswer`]: what somebody may do with a MiMei.
    MimeiRight {
        /// With which.
        mimei: String,
        /// Who.
        who: String,
    },
}

impl CustomQuery for LeitherQuery {}

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrgAnswer {
    /// Its name.
    pub name: String,
    /// What its token is called among money.
    pub denom: String,
    /// The account that holds its money.
    pub treasury: String,
    /// Its consensus contract.
    pub contract: Option<String>,
    /// How many members.
    pub members: u32,
    /// Units that earn and can be cast.
    pub units: Uint128,
    /// Who confirms members.
    pub supervisors: Vec<String>,
    /// What it takes income in.
    pub income: Vec<String>,
    /// How many proposals there were: the next one's number.
    pub proposals: u64,
}

/// What a contract is told by time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleAnswer {
    /// Block time in ms of the next time; nothing where there is no such schedule.
    pub due: Option<u64>,
    /// How often still.
    pub left: u32,
    /// What is left to pay for it.
    pub budget: Uint128,
    /// How often it failed on end.
    pub failures: u8,
}

/// How far a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProposalStage {
    /// Votes are taken.
    Open,
    /// It passed, and may still be stopped.
    Passed,
    /// What it wanted was done.
    Done,
    /// It passed, but what it wanted was refused.
    Failed,
    /// Too few votes, or too few for it.
    Rejected,
    /// Supervisors stopped it.
    Vetoed,
}

/// A proposal, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProposalAnswer {
    /// Who opened it; the treasury where the contract did.
    pub by: String,
    /// What for.
    pub title: String,
    /// How far it is.
    pub stage: ProposalStage,
    /// Block time in ms at which the stage ends, or ended.
    pub until: u64,
    /// Weight for it.
    pub yes: Uint128,
    /// Weight against.
    pub no: Uint128,
}

/// Whose consensus contract it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrgOfAnswer {
    /// None's.
    pub org: Option<String>,
}

/// What may still be spent of one kind of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpendLeft {
    /// Which.
    pub denom: String,
    /// Smallest units.
    pub amount: Uint128,
}

/// What an organization's contract may still do in this epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MandateAnswer {
    /// Which contract; nobody's mandate lets nobody do anything.
    pub contract: Option<String>,
    /// Whether it admits, expels and gives roles.
    pub members: bool,
    /// Units that it may issue.
    pub issue: Uint128,
    /// What it may take out of the treasury.
    pub spend: Vec<SpendLeft>,
}

/// Somebody, as an organization knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberAnswer {
    /// Whether a member.
    pub member: bool,
    /// In which roles.
    pub roles: Vec<Role>,
    /// Block time of the admission, in ms.
    pub since: Option<u64>,
    /// Which member vouches for this guest.
    pub sponsor: Option<String>,
}

impl MemberAnswer {
    /// Whether a member in this role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberRow {
    /// Who.
    pub who: String,
    /// In which roles.
    pub roles: Vec<Role>,
}

/// Members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MembersAnswer {
    /// Those that were looked at and asked for.
    pub members: Vec<MemberRow>,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}

/// Shares that are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableAnswer {
    /// None where there is no such table.
    pub shares: Vec<Share>,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenAnswer {
    /// Whose; the native one is nobody's.
    pub org: Option<String>,
    /// Its short name.
    pub symbol: String,
    /// Decimal places of a whole unit.
    pub decimals: u8,
    /// All that was ever issued, in smallest units.
    pub issued: Uint128,
    /// All that was ever burned.
    pub burned: Uint128,
    /// All that may ever be issued, of a further token (ORG-21).
    pub cap: Option<Uint128>,
    /// Which contract issues it.
    pub minter: Option<String>,
}

/// What can be claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DividendAnswer {
    /// Smallest units.
    pub amount: Uint128,
}

/// Money that is paid over time; times in ms as blocks count them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamAnswer {
    /// Its number.
    pub stream: u64,
    /// With whom it is locked.
    pub opener: String,
    /// Who is paid.
    pub to: String,
    /// In which money.
    pub denom: String,
    /// Smallest units in all.
    pub amount: Uint128,
    /// What was paid.
    pub drawn: Uint128,
    /// What is due by now, paid or not.
    pub vested: Uint128,
    /// From when on it is earned.
    pub start: u64,
    /// Nothing is due before.
    pub cliff: u64,
    /// When all of it is due.
    pub end: u64,
    /// It is earned by steps of so many ms.
    pub step_ms: u64,
    /// Who opened it cannot end it.
    pub is_fixed: bool,
}

/// Streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamsAnswer {
    /// Those that were asked for.
    pub streams: Vec<StreamAnswer>,
    /// Where to go on; nothing at the end.
    pub next: Option<u64>,
}

/// A MiMei.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MimeiAnswer {
    /// Who made it.
    pub author: String,
    /// Who writes and grants.
    pub owner: String,
    /// The newest version's number.
    pub last: Option<u64>,
    /// The newest version's content id, `0x` and hex digits.
    pub content: Option<String>,
    /// The version that readers shall open.
    pub release: Option<u64>,
}

/// What somebody may do with a MiMei.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RightAnswer {
    /// Whether the owner, who may all.
    pub owner: bool,
    /// A mask: 1 back up, 2 release, 4 refer; by itself or with a group.
    pub rights: u64,
}

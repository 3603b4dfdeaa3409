//! What it is told and asked.

use crate::state::Grant;
use cosmwasm_std::Uint128;
use leither_sdk::{ProposalAnswer, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How it begins. Nothing of it changes later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Whose contract it is.
    pub org: String,
    /// In which roles grants are made: 1 to 8.
    pub roles: Vec<Role>,
    /// The most that one grant can be, its milestones together, in smallest units of the organization's token.
    pub cap_grant: Uint128,
    /// The most that is issued in a period, by all grants.
    pub cap_period: Uint128,
    /// How long a period is, in ms of block time: an hour to 366 days; 30 days where it is not given. They follow one another since 1970.
    pub period_ms: Option<u64>,
    /// How long after its vote a grant can be issued, and after that a milestone after the one before, in ms of block time: an hour to 90 days;
    /// 30 days where it is not given.
    pub lapse_ms: Option<u64>,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExecuteMsg {
    /// A supervisor recommends a grant for what somebody built; a vote on it is opened. The treasury has the vote's deposit.
    Recommend {
        /// To whom: a member in the role.
        to: String,
        /// In smallest units.
        amount: Uint128,
        /// In which role.
        role: Role,
        /// For what: 1 to 112 bytes.
        reason: String,
        /// A hash of what shows the work: `0x` and 64 hex digits, not all 0.
        evidence: String,
    },
    /// The same for what somebody will build, step by step. The vote is on all of it.
    RecommendMilestones {
        /// To whom: a member in the role.
        to: String,
        /// What each milestone gives, in order, in smallest units: 1 to 8.
        amounts: Vec<Uint128>,
        /// In which role.
        role: Role,
        /// For what: 1 to 112 bytes.
        reason: String,
        /// A hash of the plan, which says what the milestones are.
        evidence: String,
    },
    /// It has been voted for: the organization alone, which the vote has say this. It is issued in the same block, or by `issue` as soon as there is
    /// room.
    Grant {
        /// Which.
        id: u64,
    },
    /// Issues what was granted and could not be issued at once: anybody.
    Issue {
        /// Which.
        id: u64,
    },
    /// Issues the next milestone of what was granted: a supervisor who neither recommended it nor gets it, or a vote.
    Milestone {
        /// Of which grant.
        id: u64,
        /// Which: the next one, from 1.
        n: u8,
        /// A hash of what shows it.
        evidence: String,
    },
    /// Ends a grant: who recommended it, before it is granted; a vote also later.
    Withdraw {
        /// Which.
        id: u64,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QueryMsg {
    /// What was stipulated.
    Config {},
    /// What is left in this period.
    Period {},
    /// One grant, and its vote.
    Grant {
        /// Which.
        id: u64,
    },
    /// Grants in order.
    Grants {
        /// Those after this one.
        start_after: Option<u64>,
        /// 1 to 30.
        limit: Option<u32>,
    },
}

/// What is left in this period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct PeriodAnswer {
    /// Issued in it, in smallest units.
    pub issued: Uint128,
    /// What may still be.
    pub left: Uint128,
    /// Block time in ms at which the next one begins.
    pub next: u64,
}

/// A grant, and its vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct GrantAnswer {
    /// Its number.
    pub id: u64,
    /// What it is.
    pub grant: Grant,
    /// How its vote stands.
    pub vote: ProposalAnswer,
    /// Block time in ms at which it lapses; while the vote is open, if that ends when it can last. None where it has ended.
    pub lapses: Option<u64>,
}

/// A grant and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Row {
    /// Its number.
    pub id: u64,
    /// What it is.
    pub grant: Grant,
}

/// Grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct GrantsAnswer {
    /// In order.
    pub grants: Vec<Row>,
}

/// The JSON schemas of what it begins with, is told and is asked.
pub fn schemas() -> [(&'static str, schemars::schema::RootSchema); 3] {
    [
        ("instantiate", schemars::schema_for!(InstantiateMsg)),
        ("execute", schemars::schema_for!(ExecuteMsg)),
        ("query", schemars::schema_for!(QueryMsg)),
    ]
}

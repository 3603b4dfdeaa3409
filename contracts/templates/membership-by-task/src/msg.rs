//! What it is told and asked.

use cosmwasm_std::{Addr, Uint128};
use leither_sdk::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Whose contract it is.
    pub org: String,
    /// What can be done: 1 to 16.
    pub tasks: Vec<Task>,
    /// How many supervisors confirm a submission: 1 to 8.
    pub confirmations: u8,
    /// How long a submission stays open, in ms of block time: an hour to 90 days; 30 days where it is not given.
    pub open_ms: Option<u64>,
}

/// Something that can be done for the organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Task {
    /// What it is called: 1 to 32 bytes.
    pub name: String,
    /// What is to be done: 1 to 256 bytes.
    pub what: String,
    /// The role that who did it gets.
    pub role: Option<Role>,
    /// Units of the organization, in smallest units, that are issued for it in that role; none where it is not given.
    #[serde(default)]
    pub reward: Uint128,
    /// How often it can be done, all told: 1 at least. It counts on where a vote changes a task and keeps its name.
    pub places: u32,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExecuteMsg {
    /// Says that the sender has done a task. Who is no member applies to the organization besides.
    Submit {
        /// Which.
        task: String,
        /// A hash of what shows it: `0x` and 64 hex digits, not all 0.
        evidence: String,
        /// Where to find it, or what else supervisors should know: 256 bytes at most.
        #[serde(default)]
        note: String,
    },
    /// Takes back an open submission of the sender's.
    Withdraw {
        /// Of which task.
        task: String,
    },
    /// A supervisor confirms an open submission of somebody else. With the last confirmation that is needed its doer is admitted, gets the
    /// role and the reward.
    Confirm {
        /// Whose.
        who: String,
        /// Of which task.
        task: String,
        /// What was looked at: the evidence that was submitted.
        evidence: String,
    },
    /// A supervisor ends an open submission. Its doer may submit anew.
    Decline {
        /// Whose.
        who: String,
        /// Of which task.
        task: String,
        /// Why: 1 to 256 bytes.
        why: String,
    },
    /// Clears away what has lapsed, of the 30 oldest numbers: anybody. Each submission does it for two.
    Clear {},
    /// Other tasks: the organization alone, by vote. A submission whose task is another then has to be made anew.
    SetTasks {
        /// As at the beginning.
        tasks: Vec<Task>,
        /// How many supervisors confirm from now on; as many as before where it is not given.
        confirmations: Option<u8>,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QueryMsg {
    /// What was stipulated.
    Config {},
    /// How often a task was done.
    Places {
        /// Which.
        task: String,
    },
    /// An open submission.
    Submission {
        /// Whose.
        who: String,
        /// Of which task.
        task: String,
    },
    /// Open submissions, oldest first.
    Submissions {
        /// Those after this number.
        start_after: Option<u64>,
        /// Numbers that are looked at: 1 to 30.
        limit: Option<u32>,
    },
    /// Which of the tasks somebody has done.
    Done {
        /// Who.
        who: String,
    },
}

/// How often a task was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct PlacesAnswer {
    /// How often it can be done.
    pub places: u32,
    /// How often it was.
    pub taken: u32,
}

/// An open submission and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Row {
    /// Its number.
    pub number: u64,
    /// What it is.
    pub submission: crate::state::Submission,
}

/// An open submission, if there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct SubmissionAnswer {
    /// None where there is none.
    pub open: Option<Row>,
}

/// Open submissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct SubmissionsAnswer {
    /// Those of the numbers that were looked at which are open.
    pub submissions: Vec<Row>,
    /// Where to go on; nothing at the end.
    pub next: Option<u64>,
}

/// A task that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct DoneRow {
    /// Which.
    pub task: String,
    /// Block time of the last confirmation, in ms.
    pub at: u64,
}

/// What somebody has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct DoneAnswer {
    /// Who.
    pub who: Addr,
    /// In the order of the tasks that are stipulated now.
    pub done: Vec<DoneRow>,
}

/// The JSON schemas of what it begins with, is told and is asked.
pub fn schemas() -> [(&'static str, schemars::schema::RootSchema); 3] {
    [
        ("instantiate", schemars::schema_for!(InstantiateMsg)),
        ("execute", schemars::schema_for!(ExecuteMsg)),
        ("query", schemars::schema_for!(QueryMsg)),
    ]
}

//! What it is told and asked.

use cosmwasm_std::Uint128;
use leither_sdk::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How it begins. No message changes anything of it, not even one that a vote says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Whose contract it is.
    pub org: String,
    /// Block time in ms since 1970 at which it begins; at once where it is not given.
    pub begin: Option<u64>,
    /// Block time in ms at which it ends: within 2 years from now.
    pub end: u64,
    /// All that is ever issued, in smallest units of the organization's token: 1 at least, below 2^96.
    pub pool: Uint128,
    /// What is rewarded: 1 to 16.
    pub actions: Vec<Action>,
    /// Rewards are halved each time that so much block time has passed since the beginning, in ms: an hour at least; never where it is not given.
    pub halving_ms: Option<u64>,
}

/// Something that is rewarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Action {
    /// What it is called: 1 to 32 bytes.
    pub name: String,
    /// The role that one must have to be rewarded for it.
    pub role: Role,
    /// What it gives at the beginning, in smallest units: 1 to the pool.
    pub units: Uint128,
    /// How often it is credited to one person in a day of block time (UTC): 1 to 1,000.
    pub per_person_day: u32,
    /// How often it is credited in a day, to all together: not less, and at most 100,000.
    pub per_day: u32,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExecuteMsg {
    /// A supervisor credits an action of somebody else, which is rewarded at once.
    Credit {
        /// Whose: a member in the action's role.
        who: String,
        /// Which.
        action: String,
        /// A hash of what shows it: `0x` and 64 hex digits, not all 0. Each counts once, whoever's and for whatever it is.
        evidence: String,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QueryMsg {
    /// What was stipulated.
    Config {},
    /// How far it is.
    State {},
    /// What somebody has had of it.
    Person {
        /// Who.
        who: String,
    },
}

/// How often an action was credited today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Today {
    /// Which.
    pub action: String,
    /// How often.
    pub count: u32,
    /// What it gives now, in smallest units.
    pub units: Uint128,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct StateAnswer {
    /// All that was issued, in smallest units.
    pub issued: Uint128,
    /// What is left in the pool.
    pub left: Uint128,
    /// Block time in ms at which it ends.
    pub ends: u64,
    /// Whether it has, by time or because the pool is used up.
    pub ended: bool,
    /// Of all persons, by action.
    pub today: Vec<Today>,
}

/// What somebody has had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct PersonAnswer {
    /// All that was issued to this person, in smallest units.
    pub issued: Uint128,
    /// By action.
    pub today: Vec<Today>,
}

/// The JSON schemas of what it begins with, is told and is asked.
pub fn schemas() -> [(&'static str, schemars::schema::RootSchema); 3] {
    [
        ("instantiate", schemars::schema_for!(InstantiateMsg)),
        ("execute", schemars::schema_for!(ExecuteMsg)),
        ("query", schemars::schema_for!(QueryMsg)),
    ]
}

//! What it is told and asked.

use cosmwasm_std::{Addr, Coin};
use leither_sdk::{Payee, Role, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Whose contract it is.
    pub org: String,
    /// Who gets what; their shares are one whole.
    pub lines: Vec<Line>,
}

/// A part of every income.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Line {
    /// What it is for.
    pub name: String,
    /// Its share, in 1/10,000.
    pub bp: u16,
    /// Who gets it.
    pub to: To,
}

/// Who gets a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum To {
    /// These, by weight, as far as they have the role, where one is named.
    Payees {
        /// The role they must have.
        role: Option<Role>,
        /// Who, and by which weight.
        payees: Vec<Payee>,
    },
    /// All members with a role, at most 48, of an organization of at most 2,000.
    Role {
        /// Which.
        role: Role,
        /// How they divide it.
        by: Weigh,
    },
    /// Those who hold the organization's units, as a dividend; the charter's share of it stays in the treasury.
    Holders {},
    /// The organization itself.
    Treasury {},
}

/// How members divide a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Weigh {
    /// In equal parts.
    Heads,
    /// By the organization's units that each holds free.
    Units,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExecuteMsg {
    /// Divides the money that comes along.
    Distribute {},
    /// Divides money of the treasury, within the mandate: a supervisor, or a vote.
    DistributeTreasury {
        /// How much.
        coin: Coin,
    },
    /// Other lines: the organization alone, by vote.
    SetLines {
        /// As at the beginning.
        lines: Vec<Line>,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QueryMsg {
    /// What was stipulated.
    Config {},
    /// What each would get now.
    Shares {},
}

/// What was stipulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Config {
    /// Whose contract it is.
    pub org: String,
    /// The account that holds the organization's money, and acts by its votes.
    pub treasury: Addr,
    /// What the organization's token is called among money.
    pub denom: String,
    /// Who gets what.
    pub lines: Vec<Line>,
}

/// What each would get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct SharesAnswer {
    /// One whole; the unit holders' part is the contract's own, which it pays as income.
    pub shares: Vec<Share>,
    /// The unit holders' part.
    pub holders_bp: u16,
}

/// The JSON schemas of what it begins with, is told and is asked.
pub fn schemas() -> [(&'static str, schemars::schema::RootSchema); 3] {
    [
        ("instantiate", schemars::schema_for!(InstantiateMsg)),
        ("execute", schemars::schema_for!(ExecuteMsg)),
        ("query", schemars::schema_for!(QueryMsg)),
    ]
}

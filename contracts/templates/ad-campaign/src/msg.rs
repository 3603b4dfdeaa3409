//! What it is told and asked.

use cosmwasm_std::Uint128;
use leither_sdk::View;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct InstantiateMsg {
    /// The content-reward contract that views are paid through.
    pub reward: String,
    /// What a unit that was paid lets be earned by ads, in 1/10,000; 2,500 where it is not given.
    pub credit_bp: Option<u16>,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExecuteMsg {
    /// Opens a campaign with the money that comes along.
    Create {
        /// What a view pays, in smallest units.
        per_view: Uint128,
        /// How often a viewer counts in a day.
        per_day: u32,
        /// For which MiMei; none named: for all.
        contents: Vec<String>,
        /// Until which block time, in ms.
        ends: u64,
    },
    /// Puts more into a campaign.
    Fund {
        /// Into which.
        campaign: u64,
    },
    /// Gives what is left back to the advertiser, after the end.
    Close {
        /// Which.
        campaign: u64,
    },
    /// A member pays for a guest's credit; the money is the organization's.
    Invite {
        /// Whom.
        who: String,
    },
    /// Pays for views. One that counted before is passed over: anybody may have reported it. One that does not count refuses all.
    Report {
        /// Of which campaign.
        campaign: u64,
        /// 1 to 25, in the order of each viewer's numbers.
        views: Vec<View>,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QueryMsg {
    /// What was stipulated.
    Config {},
    /// One campaign.
    Campaign {
        /// Which.
        campaign: u64,
    },
    /// Campaigns in order.
    Campaigns {
        /// Those after this one.
        start_after: Option<u64>,
        /// 1 to 30.
        limit: Option<u32>,
    },
    /// What somebody is to a campaign.
    Viewer {
        /// Which.
        campaign: u64,
        /// Who.
        who: String,
    },
}

/// Campaigns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct CampaignsAnswer {
    /// In order.
    pub campaigns: Vec<Row>,
}

/// A campaign and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Row {
    /// Its number.
    pub campaign: u64,
    /// What it is.
    pub terms: crate::state::Campaign,
}

/// What somebody is to a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct ViewerAnswer {
    /// Whether a member.
    pub member: bool,
    /// What ads may still be earned by this guest's views, in the campaign's money.
    pub credit: Uint128,
    /// How often it counted today.
    pub today: u32,
}

/// The JSON schemas of what it begins with, is told and is asked.
pub fn schemas() -> [(&'static str, schemars::schema::RootSchema); 3] {
    [
        ("instantiate", schemars::schema_for!(InstantiateMsg)),
        ("execute", schemars::schema_for!(ExecuteMsg)),
        ("query", schemars::schema_for!(QueryMsg)),
    ]
}

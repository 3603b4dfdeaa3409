use cosmwasm_std::{Addr, Uint128};
use leither_sdk::{Item, Map};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where nothing else is said.
pub const CREDIT_BP: u16 = 2_500;

/// What was stipulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Config {
    /// Whose.
    pub org: String,
    /// The account that holds the organization's money.
    pub treasury: Addr,
    /// The content-reward contract.
    pub reward: Addr,
    /// What a unit that was paid lets be earned by ads, in 1/10,000.
    pub credit_bp: u16,
}

/// A campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Campaign {
    /// Whose.
    pub advertiser: Addr,
    /// In which money.
    pub denom: String,
    /// What is left.
    pub left: Uint128,
    /// What a view pays.
    pub per_view: Uint128,
    /// How often a viewer counts in a day.
    pub per_day: u32,
    /// For which contents; none: for all.
    pub contents: Vec<String>,
    /// Until which block time, in ms.
    pub ends: u64,
    /// Views that were paid.
    pub views: u64,
}

/// What a viewer did in a campaign.
#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Seen {
    /// Which day.
    pub day: u64,
    /// How often it counted on that day.
    pub count: u32,
}

/// What was stipulated.
pub const CONFIG: Item<Config> = Item::new("config");
/// How many there are.
pub const CAMPAIGNS: Item<u64> = Item::new("campaigns");
/// By number, from 0.
pub const CAMPAIGN: Map<u64, Campaign> = Map::new("campaign");
/// By campaign and viewer.
pub const SEEN: Map<(u64, &Addr), Seen> = Map::new("seen");
/// By campaign, viewer and host: the last view's number. By host, since one host's report must not void another's.
pub const LAST: Map<(u64, &Addr, &str), u64> = Map::new("last");
/// By guest and money: what invitations paid.
pub const INVITED: Map<(&Addr, &str), Uint128> = Map::new("invited");
/// By guest and money: what ads have earned by its views.
pub const EARNED: Map<(&Addr, &str), Uint128> = Map::new("earned");

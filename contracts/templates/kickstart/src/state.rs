use crate::error::ContractError;
use crate::msg::Action;
use cosmwasm_std::{Addr, Uint128};
use leither_sdk::{DAY_MS, HOUR_MS, Item, Map, UNITS_MAX, are_names};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

const LASTS_MS_MAX: u64 = 2 * 366 * DAY_MS;
const ACTIONS_MAX: usize = 16;
const PER_PERSON_DAY: RangeInclusive<u32> = 1..=1_000;
const PER_DAY_MAX: u32 = 100_000;

/// What was stipulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Config {
    /// Whose contract it is.
    pub org: String,
    /// Block time at which it begins, in ms.
    pub begin: u64,
    /// Block time at which it ends, in ms.
    pub end: u64,
    /// All that is ever issued, in smallest units.
    pub pool: Uint128,
    /// What is rewarded.
    pub actions: Vec<Action>,
    /// How long until rewards are halved, each time, in ms of block time.
    pub halving_ms: Option<u64>,
}

/// How often something was done on a day.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Which day, since 1970.
    pub day: u64,
    /// How often.
    pub count: u32,
}

impl Count {
    /// How often on this day.
    pub fn on(self, day: u64) -> u32 {
        if self.day == day { self.count } else { 0 }
    }
}

/// What was stipulated.
pub const CONFIG: Item<Config> = Item::new("config");
/// All that was issued.
pub const ISSUED: Item<Uint128> = Item::new("issued");
/// By action: how often on the last day on which it was.
pub const OF_ALL: Map<&str, Count> = Map::new("of_all");
/// By person and action: the same.
pub const OF_ONE: Map<(&Addr, &str), Count> = Map::new("of_one");
/// By person: all that was issued.
pub const HAD: Map<&Addr, Uint128> = Map::new("had");
/// By evidence: when it counted.
pub const COUNTED: Map<&str, u64> = Map::new("counted");

impl Config {
    /// Terms that make sense at this time.
    pub fn checked(self, now: u64) -> Result<Self, ContractError> {
        let in_time = now <= self.begin && self.begin < self.end && self.end <= now.saturating_add(LASTS_MS_MAX);
        if !in_time || self.halving_ms.is_some_and(|ms| ms < HOUR_MS) {
            return Err(ContractError::Times);
        }
        if self.pool.is_zero() || self.pool > UNITS_MAX {
            return Err(ContractError::Pool);
        }
        let is_sound = |action: &Action| {
            let units = !action.units.is_zero() && action.units <= self.pool;
            let per_day = (action.per_person_day..=PER_DAY_MAX).contains(&action.per_day);
            units && per_day && PER_PERSON_DAY.contains(&action.per_person_day)
        };
        let named = are_names(self.actions.iter().map(|action| action.name.as_str()), ACTIONS_MAX);
        if named && self.actions.iter().all(is_sound) { Ok(self) } else { Err(ContractError::Actions) }
    }

    /// What an action gives at this time.
    pub fn units(&self, action: &Action, now: u64) -> Uint128 {
        let passed = now.saturating_sub(self.begin);
        let halvings = self.halving_ms.and_then(|ms| passed.checked_div(ms)).unwrap_or(0);
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        Uint128::new(action.units.u128().checked_shr(halvings).unwrap_or(0))
    }
}

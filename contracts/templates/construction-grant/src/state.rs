use crate::error::ContractError;
use cosmwasm_std::{Addr, StdError, StdResult, Storage, Uint128};
use leither_sdk::{DAY_MS, HOUR_MS, Item, Map, Role, UNITS_MAX};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// 30 days: a period, and until a grant lapses.
pub const MONTH_MS: u64 = 30 * DAY_MS;
const PERIODS_MS: RangeInclusive<u64> = HOUR_MS..=366 * DAY_MS;
const LAPSES_MS: RangeInclusive<u64> = HOUR_MS..=90 * DAY_MS;
const ROLES: RangeInclusive<usize> = 1..=8;

/// What was stipulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Config {
    /// Whose contract it is.
    pub org: String,
    /// The account that acts by the organization's votes.
    pub treasury: Addr,
    /// In which roles grants are made.
    pub roles: Vec<Role>,
    /// The most that one grant can be, in smallest units.
    pub cap_grant: Uint128,
    /// The most that is issued in a period.
    pub cap_period: Uint128,
    /// How long a period is, in ms of block time.
    pub period_ms: u64,
    /// How long after its vote, or its last milestone, a grant can be issued, in ms of block time.
    pub lapse_ms: u64,
}

/// How far a grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A vote is to decide.
    Recommended,
    /// It was voted for, and not all of it is issued.
    Granted,
    /// All of it is.
    Issued,
    /// It was taken back.
    Withdrawn,
}

impl Stage {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Recommended => "recommended",
            Self::Granted => "granted",
            Self::Issued => "issued",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Grant {
    /// Who recommended it.
    pub by: Addr,
    /// To whom.
    pub to: Addr,
    /// In which role.
    pub role: Role,
    /// For what.
    pub reason: String,
    /// A hash of what shows the work, or of the plan.
    pub evidence: String,
    /// What it gives, milestone by milestone; all at once where it has none.
    pub amounts: Vec<Uint128>,
    /// Whether it has milestones.
    pub staged: bool,
    /// How many of the amounts are issued.
    pub issued: u8,
    /// How far it is.
    pub stage: Stage,
    /// Block time of its last step, in ms.
    pub since: u64,
    /// The number of the proposal that was opened for it.
    pub proposal: u64,
}

/// What was issued in a period.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Which, since 1970.
    pub number: u64,
    /// Smallest units.
    pub issued: Uint128,
}

/// What was stipulated.
pub const CONFIG: Item<Config> = Item::new("config");
/// How many there are.
pub const GRANTS: Item<u64> = Item::new("grants");
/// By number, from 0.
pub const GRANT: Map<u64, Grant> = Map::new("grant");
/// By supervisor: grants whose vote was open when last looked.
pub const VOTED_ON: Map<&Addr, Vec<u64>> = Map::new("voted_on");
/// The last period in which something was issued.
pub const PERIOD: Item<Period> = Item::new("period");

impl Config {
    /// Terms that make sense.
    pub fn checked(self) -> Result<Self, ContractError> {
        let once = self.roles.iter().collect::<BTreeSet<_>>().len() == self.roles.len();
        let roles = once && ROLES.contains(&self.roles.len());
        let caps = !self.cap_grant.is_zero() && self.cap_grant <= self.cap_period && self.cap_period <= UNITS_MAX;
        let times = PERIODS_MS.contains(&self.period_ms) && LAPSES_MS.contains(&self.lapse_ms);
        if roles && caps && times { Ok(self) } else { Err(ContractError::Terms) }
    }

    /// What is issued in the period of this time, and when the next one begins.
    pub fn period(&self, storage: &dyn Storage, now: u64) -> StdResult<(Period, u64)> {
        let number = now.checked_div(self.period_ms).ok_or_else(|| StdError::msg("a period is no time"))?;
        let last = PERIOD.may_load(storage)?.filter(|last| last.number == number);
        let next = number.saturating_add(1).saturating_mul(self.period_ms);
        Ok((last.unwrap_or(Period { number, issued: Uint128::zero() }), next))
    }
}

impl Grant {
    /// All that it gives.
    pub fn whole(&self) -> StdResult<Uint128> {
        Ok(self.amounts.iter().try_fold(Uint128::zero(), |sum, amount| sum.checked_add(*amount))?)
    }
}

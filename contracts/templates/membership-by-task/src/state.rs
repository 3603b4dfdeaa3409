use crate::error::ContractError;
use crate::msg::Task;
use cosmwasm_std::{Addr, Uint128};
use leither_sdk::{DAY_MS, HOUR_MS, Item, Map, Role, UNITS_MAX, are_names};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// 30 days.
pub const OPEN_MS: u64 = 30 * DAY_MS;
/// An hour to 90 days.
pub const OPENS_MS: std::ops::RangeInclusive<u64> = HOUR_MS..=90 * DAY_MS;
/// Supervisors who confirm a submission.
pub const CONFIRMATIONS: std::ops::RangeInclusive<u8> = 1..=8;
/// What a note, a task's description and a reason may have.
pub const TEXT_BYTES_MAX: usize = 256;
const TASKS_MAX: usize = 16;

/// What was stipulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Config {
    /// Whose contract it is.
    pub org: String,
    /// The account that acts by the organization's votes.
    pub treasury: Addr,
    /// What can be done.
    pub tasks: Vec<Task>,
    /// How many supervisors confirm a submission.
    pub confirmations: u8,
    /// How long a submission stays open, in ms of block time.
    pub open_ms: u64,
}

/// What somebody says to have done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Submission {
    /// Who.
    pub who: Addr,
    /// Which task.
    pub task: String,
    /// What was to be done when it was submitted.
    pub what: String,
    /// The task's role then.
    pub role: Option<Role>,
    /// Its reward then.
    pub reward: Uint128,
    /// A hash of what shows it.
    pub evidence: String,
    /// For the supervisors.
    pub note: String,
    /// Block time at which it lapses, in ms.
    pub until: u64,
    /// Whether who submitted it was neither a member nor vouched for by one.
    pub outsider: bool,
    /// Who has confirmed it.
    pub confirmed: Vec<Addr>,
}

impl Submission {
    /// Whether it is of the task as it stands now.
    pub fn is_of(&self, task: &Task) -> bool {
        self.task == task.name && self.what == task.what && self.role == task.role && self.reward == task.reward
    }
}

/// The numbers of submissions: they are given in order, and lapse in that order.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// All before this are judged, withdrawn or cleared away.
    pub first: u64,
    /// The next one's.
    pub next: u64,
    /// How many are kept of those who were neither members nor vouched for by one.
    pub outsiders: u32,
}

/// What was stipulated.
pub const CONFIG: Item<Config> = Item::new("config");
/// Which submissions are kept.
pub const NUMBERS: Item<Numbers> = Item::new("numbers");
/// By number.
pub const SUBMISSION: Map<u64, Submission> = Map::new("submission");
/// By doer: the numbers of what is kept of it.
pub const OF: Map<&Addr, Vec<u64>> = Map::new("of");
/// By doer and task: when it was confirmed.
pub const DONE: Map<(&Addr, &str), u64> = Map::new("done");
/// By task: how often it was done.
pub const TAKEN: Map<&str, u32> = Map::new("taken");

impl Config {
    /// A task that is stipulated.
    pub fn task(&self, name: &str) -> Result<&Task, ContractError> {
        self.tasks.iter().find(|task| task.name == name).ok_or_else(|| ContractError::NoTask { task: name.into() })
    }
}

/// Tasks that make sense.
pub fn checked(tasks: Vec<Task>) -> Result<Vec<Task>, ContractError> {
    let is_sound = |task: &Task| {
        let described = (1..=TEXT_BYTES_MAX).contains(&task.what.len());
        let rewarded = task.reward.is_zero() || (task.role.is_some() && task.reward <= UNITS_MAX);
        described && rewarded && task.places > 0
    };
    if are_names(tasks.iter().map(|task| task.name.as_str()), TASKS_MAX) && tasks.iter().all(is_sound) {
        Ok(tasks)
    } else {
        Err(ContractError::Tasks)
    }
}

use crate::error::ContractError;
use crate::msg::{By, Recorded, Step};
use cosmwasm_std::{Addr, Api, Uint128};
use leither_sdk::{Item, Map, are_names, are_payees, is_whole};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An hour.
pub const NOTICE_MS: u64 = 3_600_000;
/// A minute to 30 days.
pub const NOTICES_MS: std::ops::RangeInclusive<u64> = 60_000..=30 * 24 * 3_600_000;
/// All that one value event may have to pay, the treasury aside: a split takes 64.
const PAID_MAX: usize = 63;
const STEPS_MAX: usize = 16;
/// Payees of one step.
pub const PAYEES_MAX: usize = 8;

/// What was stipulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Config {
    /// Whose contract it is.
    pub org: String,
    /// The account that holds the organization's money, and acts by its votes.
    pub treasury: Addr,
    /// Who is paid for what.
    pub steps: Vec<Step>,
    /// How long before an escrow can be taken back it must be said, in ms of block time.
    pub notice_ms: u64,
    /// The one ad campaign in which vouchers give credit: in two, a unit that was paid would count twice.
    #[serde(default)]
    pub ads: Option<Addr>,
}

/// Money that is to be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Leaving {
    /// How much.
    pub amount: Uint128,
    /// From which block time on, in ms.
    pub from: u64,
}

/// What was stipulated.
pub const CONFIG: Item<Config> = Item::new("config");
/// By MiMei.
pub const RECORDED: Map<&str, Vec<Recorded>> = Map::new("recorded");
/// By payer and money: for vouchers.
pub const ESCROW: Map<(&Addr, &str), Uint128> = Map::new("escrow");
/// By payer and money: what is to be taken back.
pub const LEAVING: Map<(&Addr, &str), Leaving> = Map::new("leaving");
/// By payer, money, content and host: what vouchers have paid.
pub const REDEEMED: Map<(&Addr, &str, (&str, &str)), Uint128> = Map::new("redeemed");
/// By payer and money: the same over all contents.
pub const PAID: Map<(&Addr, &str), Uint128> = Map::new("paid");

/// Steps that make sense together.
pub fn checked(api: &dyn Api, steps: Vec<Step>) -> Result<Vec<Step>, ContractError> {
    if !are_names(steps.iter().map(|step| step.name.as_str()), STEPS_MAX) {
        return Err(ContractError::Steps);
    }
    if !is_whole(steps.iter().map(|step| &step.bp)) {
        return Err(ContractError::Shares { sum: steps.iter().map(|step| u32::from(step.bp)).sum() });
    }
    let paid = |step: &Step| match &step.by {
        By::Fixed { payees } => payees.len(),
        By::Content {} => PAYEES_MAX,
        By::Host {} => 1,
    };
    if steps.iter().map(paid).sum::<usize>() > PAID_MAX {
        return Err(ContractError::TooManyPaid { max: PAID_MAX });
    }
    for step in &steps {
        let By::Fixed { payees } = &step.by else { continue };
        if !are_payees(api, payees, PAYEES_MAX)? {
            return Err(ContractError::Payees { step: step.name.clone() });
        }
    }
    Ok(steps)
}

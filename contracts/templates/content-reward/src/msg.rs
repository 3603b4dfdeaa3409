//! What it is told and asked.

use cosmwasm_std::{Addr, Coin, Uint128};
use leither_sdk::{Payee, Role, Share, Voucher};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Whose contract it is.
    pub org: String,
    /// Who is paid for what; their shares are one whole.
    pub steps: Vec<Step>,
    /// How long before an escrow can be taken back it must be said, in ms of block time; an hour where it is not given.
    pub notice_ms: Option<u64>,
}

/// A step of the work that a value event pays for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Step {
    /// What it is called: developer, producer, host, …
    pub name: String,
    /// Its share, in 1/10,000.
    pub bp: u16,
    /// The role that one must have to be paid for it.
    pub role: Role,
    /// Who did it.
    pub by: By,
}

/// How the payees of a step are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum By {
    /// These, whatever the content.
    Fixed {
        /// Who, and by which weight.
        payees: Vec<Payee>,
    },
    /// Those recorded for the content.
    Content {},
    /// Who served it.
    Host {},
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExecuteMsg {
    /// The content's owner says who did a step of it; with a weight of 0 nobody did.
    Record {
        /// A MiMei.
        content: String,
        /// Which step.
        step: String,
        /// Who: a member in the step's role.
        who: String,
        /// How much of the step, beside the others.
        weight: u32,
    },
    /// Pays for a content, with the money that comes along.
    Value {
        /// A MiMei.
        content: String,
        /// Who served it.
        host: Option<String>,
    },
    /// Puts the money that comes along into the sender's escrow.
    Deposit {},
    /// Says that so much of the sender's escrow will be taken back.
    Withdraw {
        /// How much.
        coin: Coin,
    },
    /// Takes it back, when the notice is over, and no longer than it lasted.
    Take {
        /// In which money.
        denom: String,
    },
    /// Pays what vouchers promise beyond what was paid before, from their payers' escrows. One that promises no more is passed over.
    Redeem {
        /// 1 to 25.
        vouchers: Vec<Voucher>,
    },
    /// Other steps: the organization alone, by vote.
    SetSteps {
        /// As at the beginning.
        steps: Vec<Step>,
    },
    /// Names the one ad campaign in which vouchers give credit: the organization alone, by vote.
    SetAds {
        /// Which.
        contract: Option<String>,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum QueryMsg {
    /// What was stipulated.
    Config {},
    /// Who was recorded for a content.
    Content {
        /// A MiMei.
        content: String,
    },
    /// What each would get of a value event now.
    Shares {
        /// A MiMei.
        content: String,
        /// Who serves it.
        host: Option<String>,
    },
    /// What a payer keeps here.
    Escrow {
        /// Who.
        who: String,
        /// In which money.
        denom: String,
    },
    /// What a payer's vouchers for a content and host have paid.
    Redeemed {
        /// Who.
        who: String,
        /// A MiMei.
        content: String,
        /// Who serves it.
        host: String,
        /// In which money.
        denom: String,
    },
}

/// Somebody recorded for a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Recorded {
    /// For which step.
    pub step: String,
    /// Who.
    pub who: Addr,
    /// How much of the step, beside the others.
    pub weight: u32,
}

/// Who was recorded for a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct ContentAnswer {
    /// In the order of recording.
    pub recorded: Vec<Recorded>,
}

/// What each gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct SharesAnswer {
    /// One whole; the first gets what is left over, too.
    pub shares: Vec<Share>,
}

/// What a payer keeps here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct EscrowAnswer {
    /// For vouchers.
    pub held: Uint128,
    /// Said to be taken back; vouchers take from it until then.
    pub leaving: Uint128,
    /// Block time from which it can be taken, in ms.
    pub from: Option<u64>,
    /// All that this payer's vouchers have ever paid.
    pub paid: Uint128,
}

/// What vouchers have paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct RedeemedAnswer {
    /// In smallest units.
    pub total: Uint128,
}

/// The JSON schemas of what it begins with, is told and is asked.
pub fn schemas() -> [(&'static str, schemars::schema::RootSchema); 3] {
    [
        ("instantiate", schemars::schema_for!(InstantiateMsg)),
        ("execute", schemars::schema_for!(ExecuteMsg)),
        ("query", schemars::schema_for!(QueryMsg)),
    ]
}

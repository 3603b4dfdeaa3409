use cosmwasm_std::{Binary, Coin, CosmosMsg, CustomMsg, Uint128};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// 100 %, in 1/10,000.
pub const WHOLE_BP: u16 = 10_000;
/// Shares of one split.
pub const SHARES_MAX: usize = 64;

/// Economic roles in an organization: what one may be paid for. They give no power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Had the idea.
    Initiator,
    /// Put money in.
    Investor,
    /// Wrote the software.
    Developer,
    /// Makes what people come for.
    ContentProvider,
    /// Serves it.
    ServiceProvider,
    /// Lends the machine.
    DeviceOwner,
    /// Keeps it running.
    Operations,
    /// Makes it known.
    Marketing,
}

/// A part of what is split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Whose.
    pub to: String,
    /// In 1/10,000.
    pub bp: u16,
}

/// Whose money it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The contract's.
    Own,
    /// The treasury's of its organization, within the mandate.
    Treasury,
}

/// What a contract can have done beside what every CosmWasm chain does: `CosmosMsg::Custom`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LeitherMsg {
    /// Issues units of its organization's token for work done, within the mandate's cap an epoch.
    Issue {
        /// To a member who has the role.
        to: String,
        /// Smallest units.
        amount: Uint128,
        /// As whom the work was done.
        role: Role,
        /// For what: 1 to 128 bytes.
        reason: String,
        /// A hash of the evidence; not zero.
        evidence: String,
    },
    /// The same for units that become free over time: they are the receiver's at once and earn, but can be spent and cast only step by step.
    /// Nobody ends it. The deposit of the record is the treasury's, and comes back.
    IssueVesting {
        /// To a member who has the role.
        to: String,
        /// Smallest units.
        amount: Uint128,
        /// As whom the work was done.
        role: Role,
        /// For what: 1 to 128 bytes.
        reason: String,
        /// A hash of the evidence; not zero.
        evidence: String,
        /// From when on they become free, in ms as blocks count them.
        start: u64,
        /// None is free before.
        cliff: u64,
        /// When all are free.
        end: u64,
        /// They become free by steps of so many ms, at least 1,000.
        step_ms: u64,
    },
    /// Pays from its organization's treasury, within the mandate's limit an epoch.
    Spend {
        /// To whom.
        to: String,
        /// What.
        coin: Coin,
    },
    /// Admits who has applied.
    Admit {
        /// Whom.
        who: String,
    },
    /// Ends a membership.
    Expel {
        /// Whose.
        who: String,
    },
    /// Grants or takes a role.
    SetRole {
        /// Whose.
        who: String,
        /// Which.
        role: Role,
        /// Given or taken.
        granted: bool,
    },
    /// Opens a vote of its organization on whether it shall send this contract a message, as the organization (ORG-19). The treasury's is the
    /// deposit, which comes back.
    Propose {
        /// What for: 1 to 128 bytes.
        title: String,
        /// What the contract is told, by the treasury, once the vote has passed.
        msg: Binary,
        /// The most gas that it may use then.
        gas: u64,
    },
    /// Keeps shares under a number of its organization, for everybody to see; an empty list removes them.
    SetTable {
        /// 0 to 63.
        table: u32,
        /// Together [`WHOLE_BP`].
        shares: Vec<Share>,
    },
    /// Divides money to the last unit: each gets the whole units of its share, the first besides what is left over.
    Split {
        /// What.
        coin: Coin,
        /// Together [`WHOLE_BP`]; at most [`SHARES_MAX`].
        shares: Vec<Share>,
        /// Whose money.
        from: Source,
    },
    /// The same by a table of its organization.
    SplitByTable {
        /// What.
        coin: Coin,
        /// Which.
        table: u32,
        /// Whose money.
        from: Source,
    },
    /// Has this contract's `sudo` told a message by time, in blocks' ends (WASM-14), in place of what stands under the number. Each time costs
    /// its gas at the base fee then, burnt, out of the budget; three failures on end end it. What is left of the budget comes back.
    Schedule {
        /// 0 to 15.
        id: u32,
        /// What it is told: at most 4,096 bytes of JSON.
        msg: Binary,
        /// Block time in ms of the first time; not given: once the interval is over.
        at: Option<u64>,
        /// From one time to the next in ms: 1,000 to 366 days. What was missed is not made up for.
        every_ms: u64,
        /// How often.
        times: u32,
        /// The most gas of one time.
        gas: u64,
        /// Smallest units of the native token, of the contract's own.
        budget: Uint128,
    },
    /// Gives a schedule up.
    Unschedule {
        /// Which.
        id: u32,
    },
    /// The organization pays the fees of whoever executes this contract (ORG-20), up to limits of a day; 0 a day ends it. A day's limit is at
    /// most what the mandate lets it spend of the native token in an epoch.
    CoverFees {
        /// Of one transaction: smallest units of the native token.
        per_use: Uint128,
        /// Of all together.
        per_day: Uint128,
    },
    /// Makes a further token of its organization (ORG-21), which this contract issues. The treasury's is the deposit.
    TokenCreate {
        /// `[a-z0-9]{3,12}`, unique.
        symbol: String,
        /// At most 18.
        decimals: u8,
        /// All that may ever be issued, in smallest units.
        cap: Uint128,
    },
    /// Issues units of a further token of which this contract is the minter.
    TokenMint {
        /// Which.
        denom: String,
        /// To whom.
        to: String,
        /// Smallest units.
        amount: Uint128,
        /// For what: 1 to 128 bytes.
        reason: String,
        /// A hash of the evidence; not zero.
        evidence: String,
    },
    /// Locks money that is paid over time. The treasury's is booked in full, within the mandate's limit of this epoch. The payee may end it at
    /// any time, and so may who opens it unless it is fixed: what is due then is paid, the rest is free again.
    StreamOpen {
        /// To whom; to oneself only what is fixed.
        to: String,
        /// What in all.
        coin: Coin,
        /// From when on it is earned, in ms as blocks count them.
        start: u64,
        /// Nothing is due before.
        cliff: u64,
        /// When all of it is due.
        end: u64,
        /// It is earned by steps of so many ms, at least 1,000.
        step_ms: u64,
        /// Who opens it cannot end it.
        is_fixed: bool,
        /// Whose money.
        from: Source,
    },
    /// Ends a stream that the contract opened or is paid by; for the treasury, one that the contract opened for it.
    StreamCancel {
        /// Its number.
        stream: u64,
        /// As whom.
        from: Source,
    },
    /// Has a stream pay its payee what is due; anybody may.
    StreamDraw {
        /// Its number.
        stream: u64,
    },
    /// Pays the contract's money to an organization as income: the charter's share to the treasury, the rest to those who hold its units.
    Income {
        /// To which.
        org: String,
        /// What: one of the charter's income tokens.
        coin: Coin,
        /// What it is for, at most 128 bytes.
        note: String,
    },
    /// Takes what the contract's own units of an organization have earned.
    Claim {
        /// Of which organization.
        org: String,
        /// In which money.
        denom: String,
    },
    /// Says which version of a MiMei readers shall open; the contract owns it, or has the right.
    MimeiRelease {
        /// Of which.
        mimei: String,
        /// Which version.
        number: u64,
    },
    /// Grants one account rights on a MiMei that the contract owns, or denies them (0), whatever the account's groups may.
    MimeiGrant {
        /// On which.
        mimei: String,
        /// To whom.
        who: String,
        /// A mask: 1 back up, 2 release, 4 refer; none takes the entry away, so that what its groups may holds.
        rights: Option<u64>,
    },
    /// Says what whole groups may with a MiMei that the contract owns.
    MimeiMask {
        /// With which.
        mimei: String,
        /// Bits 0 to 15 of it are the rights of anybody, 16 to 31 of the owning organization's members, 32 to 47 of its supervisors.
        mask: u64,
    },
    /// Gives a MiMei that the contract owns to another owner.
    MimeiGive {
        /// Which.
        mimei: String,
        /// To whom.
        to: String,
    },
}

impl CustomMsg for LeitherMsg {}

impl From<LeitherMsg> for CosmosMsg<LeitherMsg> {
    fn from(msg: LeitherMsg) -> Self {
        CosmosMsg::Custom(msg)
    }
}

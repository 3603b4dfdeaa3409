use super::{Account, CallView, OrgKey, TokenBalance, TokenKey};
use crate::{Cursor, Hash32, Limit, OrgRef, U64, U128};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetOrg {
    /// By name or id.
    pub org: OrgRef,
}

/// Which organization, and which part of a list of its.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetOrgPage {
    /// By name or id.
    pub org: OrgRef,
    /// The last page's `next`.
    pub after: Option<Cursor>,
    /// How many to answer at most.
    pub limit: Option<Limit>,
}

/// Which part of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetPage {
    /// The last page's `next`.
    pub after: Option<Cursor>,
    /// How many to answer at most.
    pub limit: Option<Limit>,
}

/// An organization in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrgSummary {
    /// Its id.
    pub org: OrgKey,
    /// Its unique name.
    pub name: String,
    /// Its token's short name.
    pub symbol: String,
    /// How many members.
    pub members: u32,
}

/// An organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrgView {
    /// Its id.
    pub org: OrgKey,
    /// Its unique name.
    pub name: String,
    /// Its token.
    pub token: TokenKey,
    /// Its token's short name.
    pub symbol: String,
    /// Decimal places of a whole unit of it.
    pub decimals: u8,
    /// Who founded it.
    pub founder: Account,
    /// When, and by which transaction.
    pub created: Origin,
    /// What was stipulated.
    pub charter: CharterView,
    /// How many members.
    pub members: u32,
    /// Lines in its ledger.
    pub ledger_entries: U64,
    /// Proposals so far.
    pub proposals: U64,
    /// The account that its treasury is.
    pub treasury: Account,
    /// What the treasury has.
    pub treasury_balances: Vec<TokenBalance>,
    /// All units of its token that there are.
    pub supply: U128,
    /// All that were ever issued.
    pub issued: U128,
    /// All that were ever burned.
    pub burned: U128,
    /// What its units have earned, by income token.
    pub dividends: Vec<super::DividendIndex>,
    /// Its consensus contract.
    pub contract: Option<BindingView>,
    /// Further tokens of it.
    pub further_tokens: Vec<TokenKey>,
    /// Contracts whose users' fees it pays.
    pub covers: Vec<CoverView>,
    /// The final height at which this was read.
    pub height: U64,
}

/// Whose fees an organization pays: those of whoever executes a contract. In smallest units of `mei`, a day of block time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoverView {
    /// Which contract.
    pub contract: Account,
    /// At most for one transaction.
    pub per_use: U128,
    /// At most for all together.
    pub per_day: U128,
    /// What was paid today.
    pub paid: U128,
}

/// An organization's consensus contract, and what it may do as the organization. Amounts are in smallest units, an epoch's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BindingView {
    /// Which.
    pub contract: Account,
    /// The block since which it is.
    pub since: U64,
    /// The transaction that named it, or opened the proposal that did.
    pub tx: Hash32,
    /// Whether it admits, expels and gives roles.
    pub members: bool,
    /// Units that it may issue.
    pub issue_cap: U128,
    /// What of that is left.
    pub issue_left: U128,
    /// What it may take out of the treasury.
    pub spend: Vec<SpendView>,
    /// Shares that it keeps for everybody to see.
    pub tables: Vec<TableView>,
}

/// A limit on one kind of money.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpendView {
    /// Which.
    pub token: TokenKey,
    /// How much in an epoch.
    pub limit: U128,
    /// What of it is left in this one.
    pub left: U128,
}

/// Shares under a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableView {
    /// The number.
    pub table: u32,
    /// One whole.
    pub shares: Vec<ShareView>,
}

/// A part of what is split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShareView {
    /// Whose.
    pub to: Account,
    /// In 1/10,000.
    pub bp: u16,
}

/// The signed transaction and the block that made a thing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The transaction.
    pub tx: Hash32,
    /// Its block.
    pub height: U64,
}

/// What an organization stipulates. Times are in ms of block time, shares in 1/10,000, amounts in smallest units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CharterView {
    /// Who confirms members and issues within the cap.
    pub supervisors: Vec<Account>,
    /// How many of them must sign together.
    pub threshold: u8,
    /// How one becomes a member.
    pub join: JoinView,
    /// Votes cast, of all that could be, for a vote to count.
    pub quorum_bp: u16,
    /// Votes for, of those cast, to pass: more than this.
    pub pass_bp: u16,
    /// How long a proposal is open.
    pub period_ms: U64,
    /// How long supervisors may veto what has passed.
    pub veto_ms: U64,
    /// What supervisors may issue in an epoch without a vote.
    pub issuance_cap: U128,
    /// In which tokens income is taken.
    pub income_tokens: Vec<TokenKey>,
    /// What of an income stays in the treasury.
    pub treasury_bp: u16,
    /// Dividends are pushed from this amount on; 0: only claimed.
    pub push_least: U128,
    /// What the organization pays of a member's fees in a day.
    pub allowance: U128,
}

/// The ways into an organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JoinView {
    /// Anyone may apply.
    pub application: bool,
    /// Whom a member sponsors may apply.
    pub sponsorship: bool,
    /// Who did the task of this hash may apply.
    pub task: Option<Hash32>,
}

/// A member, in account order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemberView {
    /// Who.
    pub account: Account,
    /// Whether the charter names this member a supervisor.
    pub supervisor: bool,
    /// What the member may be paid for.
    pub roles: Vec<RoleView>,
    /// Block time of the admission, in ms since 1970.
    pub since: U64,
    /// What admitted the member.
    pub admitted: Origin,
    /// Units of the organization's token, locked ones included.
    pub units: U128,
}

/// Economic roles: what one may be paid for. They give no power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleView {
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

/// A line of an organization's ledger, in order of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerEntry {
    /// Its number.
    pub number: U64,
    /// The signed transaction in which it happened.
    pub tx: Hash32,
    /// Its block.
    pub height: U64,
    /// Its block's time, in ms since 1970.
    pub time: U64,
    /// What it was.
    #[serde(flatten)]
    pub entry: LedgerLine,
}

/// What a ledger line tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LedgerLine {
    /// Units were issued.
    Issuance {
        /// To whom.
        to: Account,
        /// How many.
        amount: U128,
        /// As whom.
        role: RoleView,
        /// For what.
        reason: String,
        /// Hash of the evidence.
        evidence: Hash32,
        /// The proposal that allowed it; supervisors, or the contract, where there is none.
        proposal: Option<U64>,
        /// The consensus contract that issued it, within its mandate.
        contract: Option<Account>,
    },
    /// Money came in and was shared.
    Income {
        /// Who paid.
        from: Account,
        /// In which token.
        token: TokenKey,
        /// How much in all.
        amount: U128,
        /// What of it stayed in the treasury.
        treasury: U128,
        /// What it was for.
        note: String,
    },
    /// Units of a further token were issued.
    Minted {
        /// Of which.
        token: TokenKey,
        /// To whom.
        to: Account,
        /// How many.
        amount: U128,
        /// For what.
        reason: String,
        /// Hash of the evidence.
        evidence: Hash32,
        /// The proposal that allowed it.
        proposal: Option<U64>,
        /// The contract that did, being its minter.
        contract: Option<Account>,
    },
}

/// How far a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProposalStage {
    /// Votes are taken.
    Open,
    /// It passed, and waits for the veto delay.
    Passed,
    /// It passed and its calls were done.
    Done,
    /// It passed, but a call was refused; nothing was done.
    Failed,
    /// Too few votes, or too few for it.
    Rejected,
    /// Supervisors stopped it.
    Vetoed,
}

/// A proposal, in order of opening.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProposalView {
    /// Its number.
    pub number: U64,
    /// Who proposed.
    pub by: Account,
    /// What for.
    pub title: String,
    /// What the organization would do.
    pub calls: Vec<CallView>,
    /// How far it is.
    pub stage: ProposalStage,
    /// Block time at which the stage ends by itself, in ms since 1970.
    pub until: U64,
    /// Whether weight is units; else heads.
    pub by_units: bool,
    /// All weight there was at the opening.
    pub eligible: U128,
    /// Weight for it.
    pub yes: U128,
    /// Weight against.
    pub no: U128,
    /// The transaction that opened it.
    pub tx: Hash32,
}

/// A wish to join, in account order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApplicationView {
    /// Who wishes to join.
    pub account: Account,
    /// The member who vouched.
    pub sponsor: Option<Account>,
    /// That the task was done.
    pub evidence: Option<Hash32>,
    /// A word to the supervisors.
    pub note: String,
    /// After this block time it may be cleared away, in ms since 1970.
    pub expires: U64,
}

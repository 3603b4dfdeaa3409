use super::Charter;
use leither_types::{AccountId, Amount, CallBytes, Hash, Height, List, Millis, OrgId, Text, TokenId, TxId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// Calls in one proposal.
pub const PROPOSAL_CALLS_MAX: usize = 8;

/// Economic roles: what one may be paid for (R46). They give no power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
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

impl Role {
    /// All, in order.
    pub const ALL: [Role; 8] = [
        Role::Initiator,
        Role::Investor,
        Role::Developer,
        Role::ContentProvider,
        Role::ServiceProvider,
        Role::DeviceOwner,
        Role::Operations,
        Role::Marketing,
    ];
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Roles(pub u8);

impl Roles {
    /// Whether the role is in it.
    pub fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// With or without the role.
    pub fn with(self, role: Role, granted: bool) -> Self {
        let bit = 1 << role as u8;
        Self(if granted { self.0 | bit } else { self.0 & !bit })
    }

    /// The roles in order.
    pub fn list(self) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| self.has(*role)).collect()
    }
}

impl Serialize for Roles {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.list().serialize(to)
    }
}

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Org {
    /// `[a-z0-9-]{3,32}`, unique.
    pub name: Text<32>,
    /// Its token.
    pub token: TokenId,
    /// Who founded it, and whose deposit it is.
    pub founder: AccountId,
    /// Locked with the founder.
    pub deposit: Amount,
    /// What was stipulated.
    pub charter: Charter,
    /// How many members.
    pub members: u32,
    /// Ledger entries so far.
    #[serde(with = "leither_types::json::decimal")]
    pub entries: u64,
    /// Proposals so far.
    #[serde(with = "leither_types::json::decimal")]
    pub proposals: u64,
    /// ORG-11: proposals that are not closed yet.
    pub open: u32,
    /// ORG-9: whether a unit was ever issued.
    pub issued: bool,
    /// The epoch that `issued_now` belongs to.
    #[serde(with = "leither_types::json::decimal")]
    pub epoch: u64,
    /// ORG-8: what supervisors issued in that epoch.
    pub issued_now: Amount,
    /// Block of its creation.
    #[serde(with = "leither_types::json::decimal")]
    pub height: Height,
    /// The transaction that created it.
    pub tx: TxId,
}

/// A limit on one kind of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Which.
    pub token: TokenId,
    /// Smallest units.
    pub amount: Amount,
}

/// ORG-20: whose fees the organization pays because they execute a contract, in smallest units of `mei`, a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Cover {
    /// At most for one transaction.
    pub per_use: Amount,
    /// At most for all together.
    pub per_day: Amount,
}

/// ORG-16: what a consensus contract may do as the organization, beyond what every contract may for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mandate {
    /// Admit who has applied, expel, give and take roles.
    pub members: bool,
    /// Units that it may issue in an epoch, in smallest units.
    pub issue_cap: Amount,
    /// What it may take out of the treasury in an epoch; each kind of money once.
    pub spend: List<Limit, 4>,
}

impl Mandate {
    /// What is spent of each limit where an epoch begins.
    pub(crate) fn unspent(&self) -> List<Amount, 4> {
        // As many as limits, which are as few.
        List::new(vec![Amount::ZERO; self.spend.len()]).unwrap_or_default()
    }

    /// Whether each kind of money stands in it once.
    pub(crate) fn is_sound(&self) -> bool {
        let mut tokens: Vec<_> = self.spend.iter().map(|limit| limit.token).collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens.len() == self.spend.len()
    }
}

/// A consensus contract and what it has used of its mandate.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Binding {
    /// Which one.
    pub contract: AccountId,
    /// What it may.
    pub mandate: Mandate,
    /// The epoch that `issued` and `spent` belong to.
    #[serde(with = "leither_types::json::decimal")]
    pub epoch: u64,
    /// Units that it issued in that epoch.
    pub issued: Amount,
    /// What it spent in that epoch, in the order of the mandate's limits.
    pub spent: List<Amount, 4>,
    /// Block of the binding.
    #[serde(with = "leither_types::json::decimal")]
    pub since: Height,
    /// The transaction that bound it, or opened the proposal that did.
    pub tx: TxId,
}

impl Binding {
    /// As it stands in this epoch: with a new one all begins anew.
    pub(crate) fn in_epoch(mut self, epoch: u64) -> Self {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.issued = Amount::ZERO;
            self.spent = self.mandate.unspent();
        }
        self
    }

    /// What may still be issued in its epoch.
    pub fn issue_left(&self) -> Amount {
        self.mandate.issue_cap.minus(self.issued).unwrap_or(Amount::ZERO)
    }

    /// What may still be spent in its epoch of the limit at this place.
    pub fn spend_left(&self, place: usize) -> Amount {
        let limit = self.mandate.spend.get(place).map_or(Amount::ZERO, |limit| limit.amount);
        self.spent.get(place).and_then(|spent| limit.minus(*spent)).unwrap_or(Amount::ZERO)
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Member {
    /// What one is paid for.
    pub roles: Roles,
    /// Block time of the admission.
    #[serde(with = "leither_types::json::decimal")]
    pub since: Millis,
    /// Proposals opened before this number were opened before the admission: ORG-10.
    #[serde(with = "leither_types::json::decimal")]
    pub votes_from: u64,
    /// Block of the admission.
    #[serde(with = "leither_types::json::decimal")]
    pub height: Height,
    /// The transaction that admitted.
    pub tx: TxId,
    /// Locked with the member as long as one is: what the application had locked. A supervisor from the start has the founder's.
    pub deposit: Amount,
}

/// A member's word for a guest who has not applied yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Sponsorship {
    /// Who vouches.
    pub by: AccountId,
    /// After this block time anyone may clear it away.
    #[serde(with = "leither_types::json::decimal")]
    pub expires: Millis,
    /// Locked with the sponsor.
    pub deposit: Amount,
}

/// A wish to join.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Application {
    /// Who vouched.
    pub sponsor: Option<AccountId>,
    /// That the task was done.
    pub evidence: Option<Hash>,
    /// A word to the supervisors.
    pub note: Text<256>,
    /// After this block time it may be cleared away.
    #[serde(with = "leither_types::json::decimal")]
    pub expires: Millis,
    /// Locked with the applicant.
    pub deposit: Amount,
}

/// What allowed an issuance (ORG-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// k supervisors signed the transaction.
    Supervisors,
    /// A proposal passed.
    Proposal(#[serde(with = "leither_types::json::decimal")] u64),
    /// The consensus contract did, within its mandate.
    Contract(AccountId),
}

/// A line of the organization's ledger.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Entry {
    /// Its block.
    #[serde(with = "leither_types::json::decimal")]
    pub height: Height,
    /// Its block's time.
    #[serde(with = "leither_types::json::decimal")]
    pub time: Millis,
    /// The signed transaction that did it; for what a proposal did, the one that opened it.
    pub tx: TxId,
    /// What it was.
    #[serde(flatten)]
    pub kind: EntryKind,
}

/// What a ledger line tells.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Units were issued.
    Issuance {
        /// To whom.
        to: AccountId,
        /// How many.
        amount: Amount,
        /// As whom.
        role: Role,
        /// For what.
        reason: Text<128>,
        /// Hash of the evidence.
        evidence: Hash,
        /// What allowed it.
        via: Via,
    },
    /// Money came in and was shared.
    Income {
        /// Who paid.
        from: AccountId,
        /// In which token.
        token: TokenId,
        /// How much in all.
        amount: Amount,
        /// What stayed in the treasury.
        treasury: Amount,
        /// What it was for.
        note: Text<128>,
    },
    /// ORG-21: units of a further token were issued.
    Minted {
        /// Of which.
        token: TokenId,
        /// To whom.
        to: AccountId,
        /// How many.
        amount: Amount,
        /// For what.
        reason: Text<128>,
        /// Hash of the evidence.
        evidence: Hash,
        /// What allowed it.
        via: Via,
    },
}

/// ORG-21: what a further token was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Terms {
    /// Whose.
    pub org: OrgId,
    /// All that may ever be issued.
    pub cap: Amount,
    /// Which contract issues it; nothing: votes alone.
    pub minter: Option<AccountId>,
    /// Locked with the treasury.
    pub deposit: Amount,
}

/// How far a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Votes are taken.
    Open,
    /// It passed, and waits for the veto delay.
    Passed,
    /// It is over.
    Closed(Outcome),
}

/// How a proposal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its calls were done.
    Done,
    /// It passed, but a call was refused; nothing was done. The event says why.
    Failed,
    /// Too few votes, or too few for it.
    Rejected,
    /// Supervisors stopped it.
    Vetoed,
}

/// A list of calls that the organization shall do, and the votes on it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Proposal {
    /// Who proposed, and whose deposit it is.
    pub by: AccountId,
    /// What for.
    pub title: Text<128>,
    /// What to do.
    pub calls: List<CallBytes, PROPOSAL_CALLS_MAX>,
    /// How far it is.
    pub stage: Stage,
    /// Block time at which the stage ends by itself.
    pub until: Millis,
    /// Whether weight is units (ORG-9); else heads.
    pub by_units: bool,
    /// All weight there was at the opening.
    pub eligible: Amount,
    /// The charter's quorum at the opening: a vote is judged by the rules it was opened under.
    pub quorum_bp: u16,
    /// Its pass share.
    pub pass_bp: u16,
    /// Its veto delay.
    pub veto_ms: u64,
    /// Weight for it.
    pub yes: Amount,
    /// Weight against.
    pub no: Amount,
    /// Locked with the proposer until the close.
    pub deposit: Amount,
    /// The transaction that opened it.
    pub tx: TxId,
}

/// A vote that was cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Ballot {
    /// For or against.
    pub yes: bool,
    /// Heads: 1. Units: as many, locked until the close.
    pub weight: Amount,
    /// Units that are locked for it.
    pub locked: Amount,
}

/// Which organization and proposal.
pub(crate) type ProposalKey = (OrgId, u64);

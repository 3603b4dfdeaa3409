use super::types::{Outcome, Role};
use leither_types::{AccountId, Amount, OrgId, TokenId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// What happened to an organization.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are named as in the call that caused them
pub enum Event {
    /// Founded.
    #[codec(index = 0)]
    Created { org: OrgId, founder: AccountId, token: TokenId },
    /// Someone asks to join.
    #[codec(index = 1)]
    Applied { org: OrgId, who: AccountId },
    /// A member vouches.
    #[codec(index = 2)]
    Sponsored { org: OrgId, who: AccountId, by: AccountId },
    /// Confirmed.
    #[codec(index = 3)]
    Admitted { org: OrgId, who: AccountId },
    /// Gone, by themselves or expelled.
    #[codec(index = 4)]
    Left { org: OrgId, who: AccountId, expelled: bool },
    /// A role was granted or taken.
    #[codec(index = 5)]
    RoleSet { org: OrgId, who: AccountId, role: Role, granted: bool },
    /// A ledger line was written; units were issued or income shared.
    #[codec(index = 6)]
    Recorded {
        org: OrgId,
        #[serde(with = "leither_types::json::decimal")]
        entry: u64,
    },
    /// A proposal was opened.
    #[codec(index = 7)]
    Proposed {
        org: OrgId,
        #[serde(with = "leither_types::json::decimal")]
        proposal: u64,
        by: AccountId,
    },
    /// A vote was cast; units are locked.
    #[codec(index = 8)]
    Voted {
        org: OrgId,
        #[serde(with = "leither_types::json::decimal")]
        proposal: u64,
        who: AccountId,
        yes: bool,
        weight: Amount,
    },
    /// It passed and waits for the veto delay.
    #[codec(index = 9)]
    Passed {
        org: OrgId,
        #[serde(with = "leither_types::json::decimal")]
        proposal: u64,
    },
    /// It is over. Why it failed: the pallet's error, SCALE.
    #[codec(index = 10)]
    Closed {
        org: OrgId,
        #[serde(with = "leither_types::json::decimal")]
        proposal: u64,
        outcome: Outcome,
        error: Option<crate::Error>,
    },
    /// A voter's units are free again.
    #[codec(index = 11)]
    Unlocked {
        org: OrgId,
        #[serde(with = "leither_types::json::decimal")]
        proposal: u64,
        who: AccountId,
        amount: Amount,
    },
    /// The charter changed.
    #[codec(index = 12)]
    Amended { org: OrgId },
    /// The consensus contract was named, or there is none any more.
    #[codec(index = 13)]
    Bound { org: OrgId, contract: Option<AccountId> },
    /// The contract keeps other shares under this number.
    #[codec(index = 14)]
    TableSet { org: OrgId, table: u32 },
    /// ORG-20.
    #[codec(index = 15)]
    FeesCovered { org: OrgId, contract: AccountId, per_use: Amount, per_day: Amount },
    /// ORG-21.
    #[codec(index = 16)]
    TokenMade { org: OrgId, token: TokenId, cap: Amount, minter: Option<AccountId> },
    /// ORG-21.
    #[codec(index = 17)]
    MinterSet { org: OrgId, token: TokenId, minter: Option<AccountId> },
}

impl From<Event> for crate::Event {
    fn from(event: Event) -> Self {
        Self::Orgs(event)
    }
}

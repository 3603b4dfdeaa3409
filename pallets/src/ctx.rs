use crate::Event;
use crate::wasm::Contracts;
use leither_state::Overlay;
use leither_types::{AccountId, Hash, Height, Millis, OrgId, Params, TxId};

/// The block that a call runs in.
#[derive(Clone, Debug)]
pub struct BlockInfo {
    /// The chain's id.
    pub chain: Hash,
    /// Its number.
    pub height: Height,
    /// Its time in ms.
    pub time: Millis,
    /// The rules' numbers, from the parent's state.
    pub params: Params,
    /// What runs contracts.
    pub contracts: Contracts,
}

impl BlockInfo {
    /// Which election cycle the block lies in.
    pub fn epoch(&self) -> u64 {
        self.time / self.params.epoch_ms.max(1)
    }
}

/// The transaction that a call stands in.
#[derive(Clone, Copy, Debug, Default)]
pub struct TxInfo {
    /// Its name; the zero hash where a block's end acts.
    pub id: TxId,
    /// The first signer's nonce.
    pub nonce: u64,
}

/// Who acts.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// These accounts signed, the first one leading.
    Signed(&'a [AccountId]),
    /// An organization, by its vote or its supervisors' proposal.
    Org(OrgId),
    /// A contract: for the organization whose mandate it has, or for itself.
    Contract {
        /// Which.
        contract: AccountId,
        /// For whom.
        mandate: Option<OrgId>,
    },
}

/// What a call may see and touch.
pub struct Ctx<'a> {
    /// The state under construction.
    pub state: &'a mut Overlay,
    /// The block.
    pub block: &'a BlockInfo,
    /// The transaction.
    pub tx: TxInfo,
    /// Who acts.
    pub origin: Origin<'a>,
    /// Which of the organization's proposals is being done, where one is.
    pub proposal: u64,
    /// What has happened in this transaction so far.
    pub events: &'a mut Vec<Event>,
    /// Things created in this transaction so far: makes their ids differ.
    pub created: u16,
}

impl Ctx<'_> {
    /// The account that acts: the first signer, or the organization's treasury.
    pub fn actor(&self) -> AccountId {
        match self.origin {
            // A transaction without signers is refused by form, long before.
            Origin::Signed(signers) => signers.first().copied().unwrap_or_default(),
            Origin::Org(org) | Origin::Contract { mandate: Some(org), .. } => org.treasury(),
            Origin::Contract { contract, mandate: None } => contract,
        }
    }

    /// Whether this account signed.
    pub fn has_signed(&self, who: &AccountId) -> bool {
        matches!(self.origin, Origin::Signed(signers) if signers.contains(who))
    }

    /// Whether the organization itself acts.
    pub fn acts_as(&self, org: &OrgId) -> bool {
        matches!(self.origin, Origin::Org(o) if o == *org)
    }

    /// The contract that acts for the organization by a mandate, where one does. What the mandate allows is not said here.
    pub fn mandated(&self, org: &OrgId) -> Option<AccountId> {
        match self.origin {
            Origin::Contract { contract, mandate: Some(o) } if o == *org => Some(contract),
            _ => None,
        }
    }

    /// Records an event.
    pub fn emit(&mut self, event: impl Into<Event>) {
        self.events.push(event.into());
    }

    /// A number for the next thing created in this transaction.
    pub fn next_index(&mut self) -> u16 {
        let index = self.created;
        self.created = self.created.wrapping_add(1);
        index
    }
}

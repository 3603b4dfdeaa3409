use super::types::{Cover, PROPOSAL_CALLS_MAX, Role};
use super::{Charter, Error, further, members, money, proposals};
use crate::{Ctx, Stop};
use leither_types::{AccountId, Amount, CallBytes, Hash, List, OrgId, Text, TokenId, Weight};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// What can be done with organizations.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// ORG-1: founds one; the first signer is founder and becomes a member with the role initiator.
    #[codec(index = 0)]
    Create {
        /// `[a-z0-9-]{3,32}`, unique.
        name: Text<32>,
        /// The token's symbol, `[a-z0-9]{3,12}`, unique.
        symbol: Text<12>,
        /// The token's decimal places, at most 18.
        decimals: u8,
        /// What is stipulated.
        charter: Charter,
    },
    /// ORG-3: asks to join.
    #[codec(index = 1)]
    Apply {
        /// Where.
        org: OrgId,
        /// That the charter's task was done.
        evidence: Option<Hash>,
        /// A word to the supervisors.
        note: Text<256>,
    },
    /// ORG-3: a member vouches for a guest.
    #[codec(index = 2)]
    Sponsor {
        /// Where.
        org: OrgId,
        /// For whom.
        who: AccountId,
    },
    /// ORG-4: confirms an application: a supervisor, or k of them while heads decide.
    #[codec(index = 3)]
    Admit {
        /// Where.
        org: OrgId,
        /// Whom.
        who: AccountId,
    },
    /// Takes an application off the list: the applicant, a supervisor, or anyone after it expired. Where there is none, a sponsorship:
    /// its sponsor, a supervisor, or anyone after it expired.
    #[codec(index = 4)]
    Withdraw {
        /// Where.
        org: OrgId,
        /// Whose application, or who was vouched for.
        who: AccountId,
    },
    /// ORG-14: ends one's membership.
    #[codec(index = 5)]
    Leave {
        /// Which.
        org: OrgId,
    },
    /// Ends another's membership: k supervisors or a vote.
    #[codec(index = 6)]
    Expel {
        /// Where.
        org: OrgId,
        /// Whose.
        who: AccountId,
    },
    /// ORG-6: grants or takes an economic role: k supervisors or a vote.
    #[codec(index = 7)]
    SetRole {
        /// Where.
        org: OrgId,
        /// Whose.
        who: AccountId,
        /// Which.
        role: Role,
        /// Given or taken.
        granted: bool,
    },
    /// ORG-7, ORG-8: issues units for work done.
    #[codec(index = 8)]
    Issue {
        /// Whose token.
        org: OrgId,
        /// To which member.
        to: AccountId,
        /// How many smallest units.
        amount: Amount,
        /// As whom the member did the work.
        role: Role,
        /// For what: 1 to 128 bytes.
        reason: Text<128>,
        /// Hash of the evidence; not zero.
        evidence: Hash,
    },
    /// ORG-12: pays income to the organization.
    #[codec(index = 9)]
    Income {
        /// To which.
        org: OrgId,
        /// In one of the charter's income tokens.
        token: TokenId,
        /// How many smallest units.
        amount: Amount,
        /// What it is for.
        note: Text<128>,
    },
    /// Takes one's dividend.
    #[codec(index = 10)]
    Claim {
        /// Of which organization.
        org: OrgId,
        /// In which income token.
        token: TokenId,
    },
    /// Opens a proposal.
    #[codec(index = 11)]
    Propose {
        /// Where.
        org: OrgId,
        /// What for; 1 to 128 bytes.
        title: Text<128>,
        /// What the organization shall do; 1 to 8 calls.
        calls: List<CallBytes, PROPOSAL_CALLS_MAX>,
    },
    /// ORG-9, ORG-10: votes.
    #[codec(index = 12)]
    Vote {
        /// Where.
        org: OrgId,
        /// On which.
        proposal: u64,
        /// For or against.
        yes: bool,
        /// Units to cast; nothing said: all that are free. Where heads count it must be absent.
        weight: Option<Amount>,
    },
    /// Stops what has passed, within the veto delay: k supervisors.
    #[codec(index = 13)]
    Veto {
        /// Where.
        org: OrgId,
        /// Which.
        proposal: u64,
    },
    /// Unlocks a voter's units of a closed proposal before their turn comes by itself.
    #[codec(index = 14)]
    Release {
        /// Where.
        org: OrgId,
        /// Of which.
        proposal: u64,
        /// Whose.
        who: AccountId,
    },
    /// Changes the charter: a vote alone.
    #[codec(index = 15)]
    Amend {
        /// Whose.
        org: OrgId,
        /// The new one.
        charter: Charter,
    },
    /// ORG-20: pays the fees of whoever executes a contract, up to limits of a day: a vote, or its consensus contract for itself.
    #[codec(index = 16)]
    CoverFees {
        /// Who pays.
        org: OrgId,
        /// Whose users.
        contract: AccountId,
        /// At most for one transaction, in smallest units of `mei`.
        per_use: Amount,
        /// At most for all; 0 ends it.
        per_day: Amount,
    },
    /// ORG-21: makes a further token: a vote, or the consensus contract, which is its minter then.
    #[codec(index = 17)]
    CreateToken {
        /// Whose.
        org: OrgId,
        /// `[a-z0-9]{3,12}`, unique.
        symbol: Text<12>,
        /// Decimal places, at most 18.
        decimals: u8,
        /// All that may ever be issued, in smallest units.
        cap: Amount,
        /// Which contract issues it; nothing: votes alone.
        minter: Option<AccountId>,
    },
    /// ORG-21: issues units of a further token: a vote, or its minter.
    #[codec(index = 18)]
    Mint {
        /// Which.
        token: TokenId,
        /// To whom.
        to: AccountId,
        /// How many smallest units.
        amount: Amount,
        /// For what: 1 to 128 bytes.
        reason: Text<128>,
        /// Hash of the evidence; not zero.
        evidence: Hash,
    },
    /// ORG-21: names another minter of a further token, or none: a vote.
    #[codec(index = 19)]
    SetMinter {
        /// Of which.
        token: TokenId,
        /// Which contract; nothing: votes alone.
        minter: Option<AccountId>,
    },
}

/// A token's decimal places.
const DECIMALS_MAX: u8 = 18;

impl Call {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Call::Create { name, charter, decimals, .. } => {
                if !is_name(name) {
                    return Err(Error::NameForm);
                }
                if *decimals > DECIMALS_MAX {
                    return Err(Error::TooMany { max: u32::from(DECIMALS_MAX) });
                }
                charter.check()
            }
            Call::Amend { charter, .. } => charter.check(),
            Call::CreateToken { decimals, .. } if *decimals > DECIMALS_MAX => {
                Err(Error::TooMany { max: u32::from(DECIMALS_MAX) })
            }
            Call::Mint { reason, evidence, .. } if reason.trim().is_empty() || *evidence == Hash::ZERO => Err(Error::NoReason),
            Call::Issue { reason, evidence, .. } if reason.trim().is_empty() || *evidence == Hash::ZERO => Err(Error::NoReason),
            Call::Propose { title, calls, .. } => proposals::check(title, calls),
            _ => Ok(()),
        }
    }

    pub(crate) fn weight(&self) -> Weight {
        match self {
            Call::Create { .. } | Call::Amend { .. } => 200_000,
            Call::Issue { .. } | Call::Income { .. } | Call::Claim { .. } | Call::CreateToken { .. } | Call::Mint { .. } => {
                150_000
            }
            // What a proposal does is paid by who proposes it; it may run in a block's end.
            Call::Propose { calls, .. } => 150_000 + calls.iter().map(proposals::weight).fold(0, Weight::saturating_add),
            _ => 80_000,
        }
    }
}

fn is_name(name: &str) -> bool {
    (3..=32).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

/// Does a call.
pub fn apply(ctx: &mut Ctx<'_>, call: &Call) -> Result<(), Stop> {
    match call {
        Call::Create { name, symbol, decimals, charter } => members::create(ctx, name, symbol, *decimals, charter),
        Call::Apply { org, evidence, note } => members::apply(ctx, org, *evidence, note),
        Call::Sponsor { org, who } => members::sponsor(ctx, org, who),
        Call::Admit { org, who } => members::admit(ctx, org, who),
        Call::Withdraw { org, who } => members::withdraw(ctx, org, who),
        Call::Leave { org } => members::leave(ctx, org),
        Call::Expel { org, who } => members::expel(ctx, org, who),
        Call::SetRole { org, who, role, granted } => members::set_role(ctx, org, who, *role, *granted),
        Call::Issue { org, to, amount, role, reason, evidence } => {
            money::issue(ctx, org, &money::Work { to, amount: *amount, role: *role, reason, evidence })
        }
        Call::Income { org, token, amount, note } => money::income(ctx, org, token, *amount, note),
        Call::Claim { org, token } => money::claim(ctx, org, token),
        Call::Propose { org, title, calls } => proposals::propose(ctx, org, title, calls),
        Call::Vote { org, proposal, yes, weight } => proposals::vote(ctx, &(*org, *proposal), *yes, *weight),
        Call::Veto { org, proposal } => proposals::veto(ctx, &(*org, *proposal)),
        Call::Release { org, proposal, who } => super::ballots::release(ctx, &(*org, *proposal), who),
        Call::Amend { org, charter } => members::amend(ctx, org, charter),
        Call::CreateToken { org, symbol, decimals, cap, minter } => further::create(ctx, org, symbol, *decimals, *cap, *minter),
        Call::SetMinter { token, minter } => further::set_minter(ctx, token, *minter),
        Call::Mint { token, to, amount, reason, evidence } => {
            further::mint(ctx, token, &further::Grant { to, amount: *amount, reason, evidence })
        }
        Call::CoverFees { org, contract, per_use, per_day } => {
            super::sponsor::cover(ctx, org, contract, Cover { per_use: *per_use, per_day: *per_day })
        }
    }
}

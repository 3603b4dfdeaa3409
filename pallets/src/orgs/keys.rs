use super::types::{Application, Ballot, Binding, Cover, Entry, Member, Org, Proposal, ProposalKey, Sponsorship, Terms};
use crate::tokens::{SHARES_MAX, Share};
use leither_state::Map;
use leither_types::{AccountId, Amount, List, OrgId, Text, TokenId};

/// Every organization.
pub const ORG: Map<OrgId, Org> = Map::new(b"oo");
/// Who has a name.
pub const NAME: Map<Text<32>, OrgId> = Map::new(b"on");
/// Whose token it is.
pub const OF_TOKEN: Map<TokenId, OrgId> = Map::new(b"ot");
/// Members.
pub const MEMBER: Map<(OrgId, AccountId), Member> = Map::new(b"om");
/// Wishes to join.
pub const APPLICATION: Map<(OrgId, AccountId), Application> = Map::new(b"oa");
/// Who vouches for whom: (organization, guest).
pub const SPONSOR: Map<(OrgId, AccountId), Sponsorship> = Map::new(b"os");
/// The ledger: issuances and incomes by number.
pub const ENTRY: Map<(OrgId, u64), Entry> = Map::new(b"ol");
/// Proposals by number.
pub const PROPOSAL: Map<ProposalKey, Proposal> = Map::new(b"op");
/// Stages that end by themselves: (block time, organization, proposal).
pub const DUE: Map<(u64, OrgId, u64), ()> = Map::new(b"od");
/// Votes cast: (organization and proposal, voter).
pub const BALLOT: Map<(OrgId, u64, AccountId), Ballot> = Map::new(b"ob");
/// Closed proposals whose voters' units are being unlocked.
pub const UNLOCKING: Map<ProposalKey, ()> = Map::new(b"ou");
/// ORG-13: (organization, member) -> (day, paid on that day).
pub const ALLOWANCE: Map<(OrgId, AccountId), (u64, Amount)> = Map::new(b"of");
/// ORG-15: its consensus contract.
pub const BINDING: Map<OrgId, Binding> = Map::new(b"oc");
/// ORG-17: whose consensus contract it is.
pub const OF_CONTRACT: Map<AccountId, OrgId> = Map::new(b"oi");
/// ORG-18: shares that its contract keeps, by number.
pub const TABLE: Map<(OrgId, u32), List<Share, SHARES_MAX>> = Map::new(b"oh");
/// ORG-20: (organization, contract) whose users' fees it pays.
pub const COVER: Map<(OrgId, AccountId), Cover> = Map::new(b"ox");
/// ORG-20: (organization, contract) -> (day, paid on that day).
pub const COVERED: Map<(OrgId, AccountId), (u64, Amount)> = Map::new(b"oy");
/// ORG-19: proposals of an organization that its contract opened and that are not closed yet.
pub const BY_CONTRACT: Map<OrgId, u32> = Map::new(b"oq");
/// ORG-21: further tokens, by number.
pub const FURTHER: Map<(OrgId, u32), TokenId> = Map::new(b"ok");
/// ORG-21: what a further token was made with.
pub const TERMS: Map<TokenId, Terms> = Map::new(b"oe");

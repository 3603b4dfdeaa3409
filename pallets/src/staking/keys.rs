use super::types::{Absent, Epoch, Missed, Owner, Stake};
use leither_state::{Item, Map};
use leither_types::{AccountId, List, ValidatorId, ValidatorSet};

/// Who votes on the next block.
pub const SET: Item<ValidatorSet> = Item::new(b"sv");
/// Who voted on the newest block: its certificate is theirs.
pub const BEFORE: Item<ValidatorSet> = Item::new(b"sb");
/// Who votes on the block after the next.
pub const AFTER: Item<ValidatorSet> = Item::new(b"sa");
/// The election cycle under way.
pub const EPOCH: Item<Epoch> = Item::new(b"se");
/// What stands behind each validator and candidate, by its operator.
pub const STAKE: Map<AccountId, Stake> = Map::new(b"ss");
/// All operators whose stakes are under election or wait for release, in order of their ids.
pub const ROSTER: Item<List<AccountId, { super::ROSTER_MAX }>> = Item::new(b"sr");
/// Every consensus key that was ever bound, for as long as the chain lasts: no key serves twice.
pub const OWNER: Map<ValidatorId, Owner> = Map::new(b"sk");
/// What an operator's validator missed.
pub const MISSES: Map<AccountId, Missed> = Map::new(b"sm");
/// STAKING-13: operators of the elected that are on probation, in order of their ids.
pub const PROBATION: Item<List<AccountId, { leither_types::VALIDATORS_MAX }>> = Item::new(b"sp");
/// STAKING-12: who was jailed not long ago and is not back, in order of their ids.
pub const ABSENT: Item<List<Absent, { super::ROSTER_MAX }>> = Item::new(b"sj");

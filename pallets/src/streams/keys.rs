use super::types::Stream;
use leither_state::{Item, Map};
use leither_types::AccountId;

/// How many were ever opened: the newest one's number.
pub const STREAMS: Item<u64> = Item::new(b"rn");
/// Open ones.
pub const STREAM: Map<u64, Stream> = Map::new(b"rs");
/// Those that pay somebody.
pub const BY_PAYEE: Map<(AccountId, u64), ()> = Map::new(b"rp");
/// Those with whose opener it is locked.
pub const BY_OPENER: Map<(AccountId, u64), ()> = Map::new(b"ro");
/// How many somebody has deposits for; none: no record.
pub const COUNT: Map<AccountId, u32> = Map::new(b"rc");

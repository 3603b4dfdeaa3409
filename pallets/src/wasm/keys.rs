use super::types::{Code, Contract, Piece, Schedule};
use leither_state::{Item, Map};
use leither_types::{AccountId, Hash};

/// How many codes there are: the next one's number is one more.
pub const CODES: Item<u64> = Item::new(b"wn");
/// Code by number, from 1.
pub const CODE: Map<u64, Code> = Map::new(b"wc");
/// The number of a checksum.
pub const NUMBER: Map<Hash, u64> = Map::new(b"wh");
/// Code's bytes: (checksum, piece).
pub const PIECE: Map<(Hash, u16), Vec<u8>> = Map::new(b"wp");
/// What is being uploaded: (who, checksum, piece).
pub const PENDING: Map<(AccountId, Hash, u16), Piece> = Map::new(b"wu");
/// How many instances were made.
pub const INSTANCES: Item<u64> = Item::new(b"wi");
/// An instance by address.
pub const CONTRACT: Map<AccountId, Contract> = Map::new(b"wa");
/// The instances of a code: (code, address).
pub const BY_CODE: Map<(u64, AccountId), ()> = Map::new(b"wb");
/// WASM-14: (contract, number).
pub const SCHEDULE: Map<(AccountId, u32), Schedule> = Map::new(b"ws");
/// WASM-14: (block time, contract, number).
pub const DUE: Map<(u64, AccountId, u32), ()> = Map::new(b"wt");
/// WASM-15: the place of a code, by its checksum, in the line of those that were made warm.
pub const WARM: Map<Hash, u64> = Map::new(b"ww");
/// WASM-15: how long that line is, in bytes.
pub const WARMED: Item<u64> = Item::new(b"wl");
/// A contract's data: its address, then its own keys. Not read by this map, but by [`data_key`].
const DATA: Map<AccountId, ()> = Map::new(b"wd");

/// Where a contract keeps what it calls `key`.
pub fn data_key(contract: &AccountId, key: &[u8]) -> Vec<u8> {
    let mut whole = DATA.key(contract);
    whole.extend_from_slice(key);
    whole
}

/// What [`data_key`] was made of.
pub fn data_of(key: &[u8]) -> Option<(AccountId, &[u8])> {
    let (id, own) = key.strip_prefix(DATA.key(&AccountId::default()).get(..2)?)?.split_at_checked(20)?;
    Some((AccountId(id.try_into().ok()?), own))
}

/// The first key that lies behind all data of a contract; nothing where there is none.
pub fn data_end(contract: &AccountId) -> Option<Vec<u8>> {
    let mut end = DATA.key(contract);
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

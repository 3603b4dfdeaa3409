use super::dividends::{Accrual, Index};
use super::pushes::Push;
use super::types::{Symbol, TokenInfo};
use leither_state::{Item, Map};
use leither_types::{AccountId, TokenId};

/// Every token.
pub const TOKEN: Map<TokenId, TokenInfo> = Map::new(b"tt");
/// TOKENS-7: who has a symbol.
pub const SYMBOL: Map<Symbol, TokenId> = Map::new(b"ts");
/// TOKENS-5: accounts that are pots, and whose holders' income waits there.
pub const POT: Map<AccountId, TokenId> = Map::new(b"tw");
/// (token, income token): what a unit has earned so far.
pub const INDEX: Map<(TokenId, TokenId), Index> = Map::new(b"ti");
/// (token, holder, income token): what a holder has earned and not yet taken. None where there are neither units nor anything owed.
pub const ACCRUAL: Map<(TokenId, AccountId, TokenId), Accrual> = Map::new(b"ta");
/// (token, income token): pay-outs under way.
pub const PUSH: Map<(TokenId, TokenId), Push> = Map::new(b"tp");
/// The pay-out that was served last: the next one in key order is served next, so that none waits for ever.
pub const PUSHED: Item<(TokenId, TokenId)> = Item::new(b"tq");

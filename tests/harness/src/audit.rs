use crate::Memory;
use leither_pallets::tokens::{TokenInfo, views};
use leither_state::Read;
use leither_types::{Amount, TokenId, codec};
use std::collections::BTreeMap;

/// Every token that is on record.
pub fn tokens_in(state: &dyn Read) -> Vec<(TokenId, TokenInfo)> {
    // As a stranger would: from the spec's page of keys (prefix `tt`, then the token's 20 bytes).
    let prefix = &views::token_key(&TokenId::NATIVE)[..2];
    let rows = state.records(prefix, None, usize::MAX).expect("memory does not fail");
    let token = |(key, value): (Vec<u8>, Vec<u8>)| {
        let id = TokenId(key[2..].try_into().expect("20 bytes"));
        (id, codec::decode_trusted(&value).expect("a token's record"))
    };
    rows.into_iter().map(token).collect()
}

/// TOKENS-1, by plain addition: of each token the holdings together, the tree's own sum, and issued - burned are one number, and nobody
/// holds a token that is not on record.
pub fn audit(state: &Memory) {
    let mut held: BTreeMap<TokenId, u128> = BTreeMap::new();
    for ((token, _), holding) in state.holdings() {
        *held.entry(*token).or_default() += holding.free.0 + holding.locked.0;
    }
    for (token, info) in tokens_in(state) {
        let sum = held.remove(&token).unwrap_or_default();
        let supply = info.supply().expect("never burns more than was issued");
        assert_eq!(Amount(sum), supply, "holdings of {} against issued - burned", &*info.symbol);
        assert_eq!(state.supply(&token).expect("memory does not fail"), supply, "the tree's sum of {}", &*info.symbol);
    }
    assert!(held.is_empty(), "held, but of no token on record: {held:?}");
}

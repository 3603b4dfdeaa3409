//! What changes between two states, as the API shows it.

use super::fault;
use super::wallet::balance;
use leither_pallets::{record_kind, tokens, wasm};
use leither_rpc_api::*;
use leither_rpc_server::Answer;
use leither_state::{Fault, Holding, Read, WriteSet};
use leither_types::{AccountId, TokenId};
use std::collections::BTreeMap;

/// A state: a committed one and what was written over it.
struct Over<'a> {
    below: &'a dyn Read,
    writes: &'a WriteSet,
}

impl Over<'_> {
    fn holding(&self, key: &(TokenId, AccountId)) -> Result<Holding, Fault> {
        match self.writes.holdings.get(key) {
            Some(written) => Ok(written.unwrap_or_default()),
            None => Ok(self.below.holding(&key.0, &key.1)?.unwrap_or_default()),
        }
    }

    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        match self.writes.records.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.below.record(key),
        }
    }
}

/// RPC-21: what `after` changes of the state that `before` makes of the committed one `below`; what is written as it was is no change.
pub(super) fn changes(below: &dyn Read, before: &WriteSet, after: &WriteSet) -> Answer<StateChanges> {
    let former = Over { below, writes: before };
    let mut told = StateChanges::default();
    let mut rows = 0usize;
    let mut has_room = || {
        rows = rows.saturating_add(1);
        rows <= CHANGES_MAX
    };
    let mut symbols: BTreeMap<TokenId, String> = BTreeMap::new();
    for (key, now) in &after.holdings {
        let (was, now) = (former.holding(key).map_err(fault)?, now.unwrap_or_default());
        if was == now || !has_room() {
            continue;
        }
        let (token, account) = key;
        if !symbols.contains_key(token) {
            symbols.insert(*token, symbol(below, token)?);
        }
        let symbol = symbols.get(token).cloned().unwrap_or_default();
        let (before, after) = (balance(&was), balance(&now));
        told.balances
            .push(BalanceChange { account: (*account).into(), token: (*token).into(), symbol, before, after });
    }
    let mut kinds: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for (key, now) in &after.records {
        let was = former.record(key).map_err(fault)?;
        if was == *now {
            continue;
        }
        match wasm::views::data_of(key) {
            Some((contract, own)) if has_room() => told.data.push(DataChange {
                contract: contract.into(),
                key: Bytes(own.to_vec()),
                key_text: key_text(own),
                before: was.map(|was| excerpt(&was, CHANGE_BYTES_MAX)),
                after: now.as_ref().map(|now| excerpt(now, CHANGE_BYTES_MAX)),
            }),
            Some(_) => {}
            None => {
                let (written, removed) = kinds.entry(record_kind(key)).or_default();
                let count = if now.is_some() { written } else { removed };
                *count = count.saturating_add(1);
            }
        }
    }
    let counted = kinds.into_iter();
    told.records = counted.map(|(kind, (written, removed))| RecordChanges { kind: kind.into(), written, removed }).collect();
    told.more = u32::try_from(rows.saturating_sub(CHANGES_MAX)).unwrap_or(u32::MAX);
    Ok(told)
}

/// A token that the transaction itself makes has none yet.
fn symbol(state: &dyn Read, token: &TokenId) -> Answer<String> {
    if *token == TokenId::NATIVE {
        return Ok(crate::amounts::NATIVE_SYMBOL.into());
    }
    let info = tokens::views::token(state, token).map_err(fault)?;
    Ok(info.map(|info| info.symbol.to_string()).unwrap_or_default())
}

/// The first `most` bytes, as text where all that there are can be printed.
pub(super) fn excerpt(bytes: &[u8], most: usize) -> Excerpt {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    match printed(bytes) {
        Some(text) => Excerpt { bytes: length, text: Some(cut(text, most).into()), hex: None },
        None => Excerpt { bytes: length, text: None, hex: Some(Bytes(bytes.iter().take(most).copied().collect())) },
    }
}

/// As much as there is room for, whole characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

fn printed(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

/// A key, or its parts: libraries put two bytes of length before each but the last.
fn key_text(key: &[u8]) -> Option<String> {
    if let Some(text) = printed(key) {
        return Some(text.into());
    }
    let (mut parts, mut rest) = (Vec::new(), key);
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let Some((part, behind)) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { break };
        parts.push(printed(part)?);
        rest = behind;
    }
    parts.push(printed(rest)?);
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_state::{Ledger, Page};
    use leither_types::{Amount, Hash};

    struct Nothing;

    impl Read for Nothing {
        fn holding(&self, _: &TokenId, _: &AccountId) -> Result<Option<Holding>, Fault> {
            Ok(None)
        }
        fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
            Ok((key == b"om-there").then(|| b"so".to_vec()))
        }
        fn records(&self, _: &[u8], _: Option<&[u8]>, _: usize) -> Result<Page, Fault> {
            Ok(Page::new())
        }
        fn range(&self, _: &[u8], _: &[u8], _: usize, _: bool) -> Result<Page, Fault> {
            Ok(Page::new())
        }
        fn root_after(&self, _: &WriteSet) -> Result<Hash, Fault> {
            Ok(Ledger::new().root())
        }
        fn holders(&self, _: &TokenId, _: Option<&AccountId>, _: usize) -> Result<Vec<(AccountId, Holding)>, Fault> {
            Ok(Vec::new())
        }
        fn supply(&self, _: &TokenId) -> Result<Amount, Fault> {
            Ok(Amount::ZERO)
        }
    }

    fn has(free: u128) -> Option<Holding> {
        Some(Holding { free: Amount(free), ..Holding::default() })
    }

    /// RPC-21.
    #[test]
    fn changes_are_told_with_what_was_before_and_nothing_that_stays() {
        let (a, b, contract) = (AccountId([1; 20]), AccountId([2; 20]), AccountId([3; 20]));
        let (mut before, mut after) = (WriteSet::default(), WriteSet::default());
        before.holdings.insert((TokenId::NATIVE, a), has(9));
        before.holdings.insert((TokenId::NATIVE, b), has(5));
        after.holdings.insert((TokenId::NATIVE, a), has(7));
        after.holdings.insert((TokenId::NATIVE, b), has(5));
        let key = |own: &[u8]| wasm::views::data_key(&contract, own);
        after.records.insert(key(b"greeting"), Some(b"hello".to_vec()));
        after.records.insert(key(b"\0\x07balancebob"), None);
        before.records.insert(key(b"\0\x07balancebob"), Some(vec![0xff; 600]));
        after.records.insert(b"om-there".to_vec(), Some(b"so".to_vec()));
        after.records.insert(b"om-new".to_vec(), Some(b"x".to_vec()));
        after.records.insert(b"ot-new".to_vec(), Some(b"x".to_vec()));
        before.records.insert(b"mh-old".to_vec(), Some(b"x".to_vec()));
        after.records.insert(b"mh-old".to_vec(), None);
        let told = changes(&Nothing, &before, &after).unwrap();
        assert_eq!(told.balances.len(), 1);
        let row = &told.balances[0];
        assert_eq!((row.account.0, row.symbol.as_str(), row.before.free.0, row.after.free.0), (a, "mei", 9, 7));
        assert_eq!(told.data.len(), 2);
        let (gone, new) = (&told.data[0], &told.data[1]);
        assert_eq!((gone.key_text.as_deref(), gone.after.clone()), (Some("balance/bob"), None));
        let was = gone.before.clone().unwrap();
        assert_eq!((was.bytes, was.text, was.hex.unwrap().0.len()), (600, None, CHANGE_BYTES_MAX));
        assert_eq!((new.key_text.as_deref(), new.before.clone()), (Some("greeting"), None));
        assert_eq!(new.after.clone().unwrap(), Excerpt { bytes: 5, text: Some("hello".into()), hex: None });
        let kinds: Vec<_> = told.records.iter().map(|row| (row.kind.as_str(), row.written, row.removed)).collect();
        assert_eq!(kinds, [("mimei", 0, 1), ("orgs", 2, 0)]);
        assert_eq!(told.more, 0);
    }

    /// RPC-21.
    #[test]
    fn rows_are_bounded_and_the_rest_is_counted() {
        let mut after = WriteSet::default();
        for n in 0..300u32 {
            let key = wasm::views::data_key(&AccountId([3; 20]), &n.to_be_bytes());
            after.records.insert(key, Some(b"x".to_vec()));
        }
        after.holdings.insert((TokenId::NATIVE, AccountId([1; 20])), has(7));
        let told = changes(&Nothing, &WriteSet::default(), &after).unwrap();
        assert_eq!((told.balances.len(), told.data.len(), told.more), (1, CHANGES_MAX - 1, 45));
    }

    #[test]
    fn text_is_cut_at_whole_characters_and_what_cannot_be_printed_is_hex() {
        assert_eq!(excerpt("grün".as_bytes(), 3), Excerpt { bytes: 5, text: Some("gr".into()), hex: None });
        assert_eq!(excerpt(b"a\nb", 2), Excerpt { bytes: 3, text: None, hex: Some(Bytes(b"a\n".to_vec())) });
        assert_eq!(key_text(b"\0\x02ab\0\x01cd").as_deref(), Some("ab/c/d"));
        assert_eq!(key_text(b"\xff\xffab"), None);
    }
}

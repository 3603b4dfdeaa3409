//! All state as one root: a balance tree a token, a tree over the tokens, a tree of records.

use crate::tree::{Change, Key, Leaf, Scratch, Tree, TreeError};
use crate::{Holding, HoldingProof, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX, RecordProof, WriteSet, proof};
use leither_types::{AccountId, Amount, Hash, TokenId, tagged};
use std::collections::BTreeMap;

/// Why the ledger refuses; it is then as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// All holdings of a token together would exceed [`leither_types::SUPPLY_MAX`].
    #[error("the supply of {0} would exceed 2^96-1 smallest units; issue less")]
    Supply(TokenId),
    /// A record's key or value is longer than it may be.
    #[error("a record of {key} + {value} bytes: at most {RECORD_KEY_BYTES_MAX} + {RECORD_BYTES_MAX} are allowed")]
    RecordTooLong {
        /// Bytes of the key.
        key: usize,
        /// Bytes of the value.
        value: usize,
    },
    /// One leaf given twice.
    #[error("one leaf is given twice: the stored leaves are damaged, restore them from a snapshot")]
    Twice,
    /// A leaf given that would say nothing.
    #[error("{1} has an empty leaf of {0}: the stored leaves are damaged, restore them from a snapshot")]
    Vacant(TokenId, AccountId),
    /// A tree has no room left.
    #[error("a tree is full: it holds at most 2^31-1 leaves")]
    Full,
    /// An undo record of another state.
    #[error("the undo record is not that of the latest change; take changes back in reverse order")]
    NotLatest,
}

impl LedgerError {
    fn of(error: TreeError, token: TokenId) -> Self {
        match error {
            TreeError::Sum => Self::Supply(token),
            TreeError::Twice => Self::Twice,
            TreeError::Full => Self::Full,
        }
    }
}

/// LEDGER-9: where a record stands in the tree of records.
pub fn record_key_hash(key: &[u8]) -> Hash {
    tagged("leither/record-key/v1", &[key])
}

/// LEDGER-9: what a record's leaf commits to.
pub fn record_commitment(value: &[u8]) -> Hash {
    tagged("leither/record/v1", &[value])
}

/// LEDGER-8: what a token's leaf in the tree over the tokens commits to.
pub(crate) fn token_commitment(root: &Hash, supply: u128) -> Hash {
    tagged("leither/balances/v1", &[&root.0, &supply.to_le_bytes()])
}

/// LEDGER-10: the state root over the tree of tokens and the tree of records.
pub(crate) fn state_root(tokens: &Hash, records: &Hash) -> Hash {
    tagged("leither/state/v1", &[&tokens.0, &records.0])
}

/// A 160-bit id as a key.
pub(crate) fn padded(id: &[u8; 20]) -> Key {
    let mut key = [0; 32];
    key[..20].copy_from_slice(id);
    key
}

fn account(key: &Key) -> AccountId {
    let mut id = [0; 20];
    id.copy_from_slice(&key[..20]);
    AccountId(id)
}

/// One token's holders: the tree, and the holdings beside its leaves, by slot.
#[derive(Default)]
struct Balances {
    tree: Tree,
    holdings: Vec<Holding>,
}

static NO_HOLDERS: Tree = Tree::new();

type HoldingChange = ((TokenId, AccountId), Option<Holding>);

/// What [`Ledger::apply`] replaced; [`Ledger::undo`] puts it back.
#[derive(Clone, Debug)]
pub struct Undo {
    after: Hash,
    holdings: Vec<HoldingChange>,
    records: Vec<Change>,
}

impl Undo {
    /// What the changed holdings were, sorted by token and holder.
    pub fn holdings(&self) -> &[((TokenId, AccountId), Option<Holding>)] {
        &self.holdings
    }
}

/// The state's commitment, and all holdings with it. Values of records are not kept here.
#[derive(Default)]
pub struct Ledger {
    balances: BTreeMap<TokenId, Balances>,
    tokens: Tree,
    records: Tree,
    scratch: Scratch,
}

impl Ledger {
    /// With nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// From all stored leaves; sorted input is fastest. The root then shows whether they are the right ones.
    pub fn load(
        holdings: impl IntoIterator<Item = (TokenId, AccountId, Holding)>,
        records: impl IntoIterator<Item = (Hash, Hash)>,
    ) -> Result<Self, LedgerError> {
        let mut holdings: Vec<_> = holdings.into_iter().collect();
        if !holdings.is_sorted_by_key(|(token, id, _)| (*token, *id)) {
            holdings.sort_unstable_by_key(|(token, id, _)| (*token, *id));
        }
        let mut ledger = Self::new();
        let mut tokens = Vec::new();
        for group in holdings.chunk_by(|a, b| a.0 == b.0) {
            let mut leaves = Vec::with_capacity(group.len());
            for (token, id, holding) in group {
                if holding.is_vacant() {
                    return Err(LedgerError::Vacant(*token, *id));
                }
                let sum = holding.total().ok_or(LedgerError::Supply(*token))?.0;
                leaves.push(Leaf { key: padded(&id.0), commitment: holding.commitment(id), sum });
            }
            let token = group[0].0;
            let tree = Tree::load(leaves).map_err(|e| LedgerError::of(e, token))?;
            tokens.push(Leaf { key: padded(&token.0), commitment: token_commitment(&tree.root(), tree.sum()), sum: 0 });
            let holdings = group.iter().map(|(_, _, holding)| *holding).collect();
            ledger.balances.insert(token, Balances { tree, holdings });
        }
        let of = |e| LedgerError::of(e, TokenId::NATIVE);
        ledger.tokens = Tree::load(tokens).map_err(of)?;
        let records = records.into_iter().map(|(key, commitment)| Leaf { key: key.0, commitment, sum: 0 }).collect();
        ledger.records = Tree::load(records).map_err(of)?;
        Ok(ledger)
    }

    /// LEDGER-11: applies a block's writes, all or none. A vacant holding removes its leaf.
    pub fn apply(&mut self, writes: &WriteSet) -> Result<Undo, LedgerError> {
        let vacant = |holding: &Holding| !holding.is_vacant();
        let holdings: Vec<_> = writes.holdings.iter().map(|(key, holding)| (*key, holding.filter(vacant))).collect();
        let mut records = Vec::with_capacity(writes.records.len());
        for (key, value) in &writes.records {
            let len = value.as_ref().map_or(0, Vec::len);
            if key.len() > RECORD_KEY_BYTES_MAX || len > RECORD_BYTES_MAX {
                return Err(LedgerError::RecordTooLong { key: key.len(), value: len });
            }
            let to = value.as_ref().map(|value| (record_commitment(value), 0));
            records.push(Change { key: record_key_hash(key).0, to });
        }
        records.sort_unstable_by_key(|change| change.key);
        self.change(&holdings, &records)
    }

    /// LEDGER-6: takes the latest change back; the one before it can then be taken back as well.
    pub fn undo(&mut self, undo: Undo) -> Result<(), LedgerError> {
        if undo.after != self.root() {
            return Err(LedgerError::NotLatest);
        }
        self.change(&undo.holdings, &undo.records).map(drop)
    }

    fn change(&mut self, holdings: &[HoldingChange], records: &[Change]) -> Result<Undo, LedgerError> {
        // First all that can fail, then all that changes.
        let mut plans = Vec::new();
        for group in holdings.chunk_by(|a, b| a.0.0 == b.0.0) {
            let token = group[0].0.0;
            let changes = leaf_changes(group).ok_or(LedgerError::Supply(token))?;
            let tree = self.balances.get(&token).map_or(&NO_HOLDERS, |balances| &balances.tree);
            let plan = tree.plan(&changes).map_err(|e| LedgerError::of(e, token))?;
            plans.push((token, group, changes, plan));
        }
        let of = |e| LedgerError::of(e, TokenId::NATIVE);
        let records_plan = self.records.plan(records).map_err(of)?;
        if self.tokens.len() + plans.len() > crate::tree::LEAVES_MAX {
            return Err(LedgerError::Full);
        }

        let mut was = Vec::with_capacity(holdings.len());
        let mut tokens = Vec::with_capacity(plans.len());
        for (token, group, changes, plan) in plans {
            let balances = self.balances.entry(token).or_default();
            let slots = balances.tree.commit(&changes, &plan, &mut self.scratch);
            balances.holdings.resize(balances.tree.slots(), Holding::default());
            for ((key, holding), slot) in group.iter().zip(slots) {
                let place = slot.and_then(|slot| balances.holdings.get_mut(slot as usize));
                let old = place.map(|place| std::mem::replace(place, holding.unwrap_or_default()));
                // Free slots hold vacant holdings, and no leaf does: an old one is vacant where the leaf is new.
                was.push((*key, old.filter(|old| !old.is_vacant())));
            }
            let to = (!balances.tree.is_empty()).then(|| (token_commitment(&balances.tree.root(), balances.tree.sum()), 0));
            if to.is_none() {
                self.balances.remove(&token);
            }
            tokens.push(Change { key: padded(&token.0), to });
        }
        let plan = self.tokens.plan(&tokens).map_err(of)?;
        self.tokens.commit(&tokens, &plan, &mut self.scratch);
        let old = |(i, change): (usize, &Change)| Change { key: change.key, to: self.records.found(&records_plan, i) };
        let records_were = records.iter().enumerate().map(old).collect();
        self.records.commit(records, &records_plan, &mut self.scratch);
        Ok(Undo { after: self.root(), holdings: was, records: records_were })
    }

    /// The state root, as headers state it.
    pub fn root(&self) -> Hash {
        state_root(&self.tokens.root(), &self.records.root())
    }

    /// What `id` holds of `token`.
    pub fn holding(&self, token: &TokenId, id: &AccountId) -> Option<Holding> {
        let balances = self.balances.get(token)?;
        let slot = balances.tree.slot(&padded(&id.0))?;
        balances.holdings.get(slot as usize).copied()
    }

    /// At most `limit` holders of `token` with an id greater than `after`, in id order.
    pub fn holders(&self, token: &TokenId, after: Option<&AccountId>, limit: usize) -> Vec<(AccountId, Holding)> {
        let Some(balances) = self.balances.get(token) else { return Vec::new() };
        let after = after.map(|id| padded(&id.0));
        let row = |slot: u32| Some((account(balances.tree.key_of(slot)), *balances.holdings.get(slot as usize)?));
        balances.tree.slots_after(after.as_ref()).filter_map(row).take(limit).collect()
    }

    /// All that there is of `token`, by its tree's own sum.
    pub fn supply(&self, token: &TokenId) -> Amount {
        Amount(self.balances.get(token).map_or(0, |balances| balances.tree.sum()))
    }

    /// Proof of what `id` holds of `token`, nothing included, under the present root.
    pub fn prove_holding(&self, token: &TokenId, id: &AccountId) -> HoldingProof {
        let holders = self
            .balances
            .get(token)
            .map(|balances| proof::HolderPart { holding: self.holding(token, id), path: balances.tree.prove(&padded(&id.0)) });
        HoldingProof { holder: holders, token: self.tokens.prove(&padded(&token.0)), records: self.records.root() }
    }

    /// Proof of the record of `key`, whose value, if it has one, the caller has stored: with another value than the present one the
    /// proof will not verify.
    pub fn prove_record(&self, key: &[u8], value: Option<Vec<u8>>) -> RecordProof {
        let path = self.records.prove(&record_key_hash(key).0);
        RecordProof { value: value.and_then(leither_types::List::new), path, tokens: self.tokens.root() }
    }
}

fn leaf_changes(group: &[HoldingChange]) -> Option<Vec<Change>> {
    let change = |((_, id), holding): &HoldingChange| {
        let to = match holding {
            Some(holding) => Some((holding.commitment(id), holding.total()?.0)),
            None => None,
        };
        Some(Change { key: padded(&id.0), to })
    };
    group.iter().map(change).collect()
}

use crate::Holding;
use leither_types::{AccountId, Amount, Hash, TokenId};
use std::collections::BTreeMap;

/// A machine's failure: this node stops, no receipt tells of it, other nodes go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The disk or the database failed.
    #[error("storage failed: {0}")]
    Storage(String),
    /// What was read cannot have been written by this program, or an invariant does not hold.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The snapshot's height has been overtaken; ask again from a new one. Never seen by a block's execution.
    #[error("the snapshot is out of date")]
    Stale,
}

/// Records as listed: key and value, in key order.
pub type Page = Vec<(Vec<u8>, Vec<u8>)>;

/// A state that can be read: a committed one, or one under construction.
pub trait Read: Send + Sync {
    /// What `id` holds of `token`.
    fn holding(&self, token: &TokenId, id: &AccountId) -> Result<Option<Holding>, Fault>;

    /// The record of this key.
    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault>;

    /// At most `limit` records whose key starts with `prefix` and is greater than `after`, in key order.
    fn records(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, Fault>;

    /// At most `limit` records from the key `from` on and before `to`, in key order, or from the end backwards.
    fn range(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Page, Fault>;

    /// The state root after `writes`. The state itself stays as it is.
    fn root_after(&self, writes: &WriteSet) -> Result<Hash, Fault>;

    /// At most `limit` holders of `token` with an id greater than `after`, in id order.
    fn holders(&self, token: &TokenId, after: Option<&AccountId>, limit: usize) -> Result<Vec<(AccountId, Holding)>, Fault>;

    /// All that there is of `token`, by the tree's own sum.
    fn supply(&self, token: &TokenId) -> Result<Amount, Fault>;
}

/// What a block changes; `None` removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteSet {
    /// Leaves of balance trees.
    pub holdings: BTreeMap<(TokenId, AccountId), Option<Holding>>,
    /// Records.
    pub records: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl WriteSet {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.holdings.is_empty() && self.records.is_empty()
    }
}

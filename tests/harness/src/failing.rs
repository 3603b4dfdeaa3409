use leither_state::{Fault, Holding, Page, Read, WriteSet};
use leither_types::{AccountId, Amount, Hash, TokenId};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A state whose disk fails at one read and answers again afterwards, so that a failure which was swallowed shows as an answer.
pub struct Failing {
    inner: Arc<dyn Read>,
    left: AtomicI64,
}

impl Failing {
    /// Answers `good` reads, fails at the next, answers all others.
    pub fn after(good: u32, inner: Arc<dyn Read>) -> Self {
        Self { inner, left: AtomicI64::new(i64::from(good)) }
    }

    /// Whether the read that was to fail has come.
    pub fn has_failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn step(&self) -> Result<(), Fault> {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 { Err(Fault::Storage("the disk is gone".into())) } else { Ok(()) }
    }
}

impl Read for Failing {
    fn holding(&self, token: &TokenId, id: &AccountId) -> Result<Option<Holding>, Fault> {
        self.step()?;
        self.inner.holding(token, id)
    }
    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.step()?;
        self.inner.record(key)
    }
    fn records(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, Fault> {
        self.step()?;
        self.inner.records(prefix, after, limit)
    }
    fn range(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Page, Fault> {
        self.step()?;
        self.inner.range(from, to, limit, backwards)
    }
    fn root_after(&self, writes: &WriteSet) -> Result<Hash, Fault> {
        self.step()?;
        self.inner.root_after(writes)
    }
    fn holders(&self, token: &TokenId, after: Option<&AccountId>, limit: usize) -> Result<Vec<(AccountId, Holding)>, Fault> {
        self.step()?;
        self.inner.holders(token, after, limit)
    }
    fn supply(&self, token: &TokenId) -> Result<Amount, Fault> {
        self.step()?;
        self.inner.supply(token)
    }
}

//! GW-13: blocks in memory are counted, over all answers: those that are being looked at have a place each, those that may be asked for
//! again are in the cache. No answer holds one for as long as its reader takes.

use super::cache::{Cache, Known};
use super::quota::Quota;
use crate::config::Config;
use async_trait::async_trait;
use bytes::Bytes;
use leither_kit::Cid;
use leither_kit::block::BLOCK_BYTES_MAX;
use leither_kit::source::{Source, SourceError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The node's source, for all answers.
pub(crate) struct Pool {
    source: Arc<dyn Source>,
    cache: Mutex<Cache>,
    places: Arc<Semaphore>,
    wait: Duration,
}

impl Pool {
    pub(crate) fn new(source: Arc<dyn Source>, config: &Config) -> Self {
        let cache = Mutex::new(Cache::new(config.cache_bytes));
        Self { source, cache, places: Arc::new(Semaphore::new(config.blocks_max)), wait: config.block_wait }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a block, which is not waited for long: others are given back soon.
    async fn place(&self, cid: &Cid) -> Result<OwnedSemaphorePermit, SourceError> {
        match timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(SourceError::Timeout(*cid)),
        }
    }

    async fn cached(&self, cid: &Cid) -> Option<Bytes> {
        let known = self.cache().get(cid, Instant::now());
        match known {
            Known::Here(bytes) => return Some(bytes),
            Known::Nothing => return None,
            Known::Once => {}
        }
        // What its owner has removed is not served any more.
        let is_here = self.source.has(cid).await;
        let (now, mut cache) = (Instant::now(), self.cache());
        cache.renew(cid, is_here, now);
        match cache.get(cid, now) {
            Known::Here(bytes) => Some(bytes),
            Known::Once | Known::Nothing => None,
        }
    }

    async fn fetch(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        timeout(self.wait, self.source.block(cid)).await.unwrap_or(Err(SourceError::Timeout(*cid)))
    }
}

/// The node's source, as one request sees it.
pub(crate) struct Counted {
    pool: Arc<Pool>,
    quota: Option<Quota>,
    /// Something that was not here came.
    served: AtomicBool,
    local: bool,
}

/// A block and its place: given back when the last reader of the bytes is through.
struct Held {
    bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn held(bytes: Bytes, place: OwnedSemaphorePermit) -> Bytes {
    Bytes::from_owner(Held { bytes, _place: place })
}

impl Counted {
    /// `local`: what is not here already is not found. `quota`: of whom it is asked for; nobody's has no end.
    pub(crate) fn new(pool: Arc<Pool>, quota: Option<Quota>, local: bool) -> Self {
        Self { pool, quota, served: AtomicBool::new(false), local }
    }

    /// A block that is here by now, and its place.
    async fn look(&self, cid: &Cid, place: OwnedSemaphorePermit) -> Result<Bytes, OwnedSemaphorePermit> {
        let found = self.pool.source.here(std::slice::from_ref(cid), BLOCK_BYTES_MAX).await;
        let Some(bytes) = found.into_iter().next() else { return Err(place) };
        self.pool.cache().put(cid, &bytes, Instant::now());
        Ok(held(bytes, place))
    }

    /// GW-15: has the network bring it. Who has had something of what he asks for is not broken off for what others behind his address do.
    async fn bring(&self, cid: &Cid) -> Result<(), SourceError> {
        let Some(quota) = &self.quota else { return self.pool.fetch(cid).await.map(drop) };
        let is_counted = quota.take();
        if !is_counted && !self.served.load(Ordering::Relaxed) {
            return Err(SourceError::TooMany(*cid));
        }
        // Who goes away before it comes has asked all the same.
        drop(self.pool.fetch(cid).await?);
        self.served.store(true, Ordering::Relaxed);
        if is_counted {
            quota.give_back();
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Counted {
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        // Who asks whether it is here asks the source.
        if !self.local
            && let Some(bytes) = self.pool.cached(cid).await
        {
            return Ok(bytes);
        }
        match self.look(cid, self.pool.place(cid).await?).await {
            Ok(bytes) => return Ok(bytes),
            Err(_) if self.local => return Err(SourceError::NotFound(*cid)),
            // Waiting for the network holds no place: else a few that nobody has would stop all.
            Err(place) => drop(place),
        }
        self.bring(cid).await?;
        match self.look(cid, self.pool.place(cid).await?).await {
            Ok(bytes) => Ok(bytes),
            // A source that does not keep what it fetched fetches it again.
            Err(place) => Ok(held(self.pool.fetch(cid).await?, place)),
        }
    }

    async fn has(&self, cid: &Cid) -> bool {
        leither_kit::block::inline(cid).is_some() || self.pool.source.has(cid).await
    }

    /// KIT-13: for CARs, whose blocks are not asked for again soon: past the cache.
    async fn here(&self, cids: &[Cid], bytes_max: usize) -> Vec<Bytes> {
        let Some(first) = cids.first() else { return Vec::new() };
        let Ok(place) = self.pool.place(first).await else { return Vec::new() };
        let mut found = self.pool.source.here(cids, bytes_max).await;
        if let Some(first) = found.first_mut() {
            // The others are small.
            *first = held(std::mem::take(first), place);
        }
        found
    }
}

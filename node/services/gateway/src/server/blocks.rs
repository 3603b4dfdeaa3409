//! GW-13: blocks in memory are counted, over all answers.

use async_trait::async_trait;
use bytes::Bytes;
use leither_kit::Cid;
use leither_kit::source::{Source, SourceError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The node's source, as one answer sees it.
pub(crate) struct Counted {
    inner: Arc<dyn Source>,
    places: Arc<Semaphore>,
    wait: Duration,
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

impl Counted {
    /// `local`: what is not here already is not found.
    pub(crate) fn new(inner: Arc<dyn Source>, places: Arc<Semaphore>, wait: Duration, local: bool) -> Self {
        Self { inner, places, wait, local }
    }

    async fn fetch(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        timeout(self.wait, self.inner.block(cid)).await.unwrap_or(Err(SourceError::Timeout(*cid)))
    }
}

#[async_trait]
impl Source for Counted {
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        if !self.inner.has(cid).await {
            if self.local {
                return Err(SourceError::NotFound(*cid));
            }
            // Waiting for the network holds no place, and what came is read again with one: else a few that nobody has would stop all.
            drop(self.fetch(cid).await?);
        }
        let place = timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(SourceError::Timeout(*cid)) };
        let bytes = self.fetch(cid).await?;
        Ok(Bytes::from_owner(Held { bytes, _place: place }))
    }

    async fn has(&self, cid: &Cid) -> bool {
        leither_kit::block::inline(cid).is_some() || self.inner.has(cid).await
    }
}

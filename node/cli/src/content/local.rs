use async_trait::async_trait;
use hyper::body::Bytes;
use leither_kit::Cid;
use leither_kit::source::{Source, SourceError};
use leither_storage::ContentStore;
use tokio::task::spawn_blocking;

/// The node's own store as a source. What lies behind it (the swarm) is put behind it by whoever has one.
pub struct Local {
    store: ContentStore,
}

impl Local {
    /// Over a store.
    pub fn new(store: ContentStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Source for Local {
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        let (store, wanted) = (self.store.clone(), *cid);
        // It may come from disk.
        let found = spawn_blocking(move || store.get(&wanted)).await.map_err(|e| SourceError::Other(e.to_string()))?;
        match found {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(SourceError::NotFound(*cid)),
            Err(error) => Err(SourceError::Other(error.to_string())),
        }
    }

    async fn has(&self, cid: &Cid) -> bool {
        let (store, wanted) = (self.store.clone(), *cid);
        spawn_blocking(move || store.has(&wanted)).await.is_ok_and(|found| found.unwrap_or(false))
    }
}

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

    /// KIT-13: another thread is asked once for all of them.
    async fn here(&self, cids: &[Cid], bytes_max: usize) -> Vec<Bytes> {
        let (store, wanted) = (self.store.clone(), cids.to_vec());
        // A store that fails says why when it is asked for the block.
        spawn_blocking(move || together(&store, &wanted, bytes_max)).await.unwrap_or_default()
    }
}

fn together(store: &ContentStore, cids: &[Cid], bytes_max: usize) -> Vec<Bytes> {
    let (mut found, mut left) = (Vec::new(), bytes_max as u64);
    for cid in cids {
        if !found.is_empty() {
            // One that is too long is not even read.
            let rest = store.size(cid).ok().flatten().and_then(|size| left.checked_sub(size));
            let Some(rest) = rest else { break };
            left = rest;
        }
        let Ok(Some(bytes)) = store.get(cid) else { break };
        found.push(bytes);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_kit::multihash::Multihash;
    use leither_storage::content::Profile;
    use leither_storage::{Config, Root};

    #[tokio::test]
    async fn kit_13_blocks_come_in_one_go_up_to_the_first_that_is_missing_or_too_many_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
        let add = |text: &str| {
            let path = dir.path().join(text);
            std::fs::write(&path, text).unwrap();
            store.add(&path, Profile::default(), &Root::Pin(text.into()), 0, &mut |_| ()).unwrap().cid
        };
        let (first, second, third) = (add("first"), add("second"), add("third"));
        let absent = Cid::new_v1(0x55, Multihash::wrap(0x12, &[7; 32]).unwrap());
        let local = Local::new(store);
        assert_eq!(local.here(&[first, second, third], 100).await, ["first", "second", "third"]);
        assert_eq!(local.here(&[first, second, third], 10).await, ["first", "second"], "six bytes beside the first, not eleven");
        assert_eq!(local.here(&[second, absent, third], 100).await, ["second"]);
        assert_eq!(local.here(&[first], 0).await, ["first"], "the first, whatever its length");
        assert!(local.here(&[absent, first], 100).await.is_empty() && local.here(&[], 100).await.is_empty());
    }
}

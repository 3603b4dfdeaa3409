//! What the content swarm reads of this node: blocks, and which versions are here.

use hyper::body::Bytes;
use leither_bitswap::{BlockStore, StoreError};
use leither_kit::Cid;
use leither_routing::{Desk, Held};
use leither_storage::{ContentStore, StorageError};
use leither_types::MimeiId;

/// The store, as the swarm sees it.
pub(super) struct Shelf {
    store: ContentStore,
}

impl Shelf {
    /// Over a store.
    pub fn new(store: ContentStore) -> Self {
        Self { store }
    }
}

/// An id of a kind that is not kept names nothing that is here: that is no fault of this machine.
fn read<T>(cid: &Cid, found: Result<Option<T>, StorageError>) -> Result<Option<T>, StoreError> {
    match found {
        Ok(found) => Ok(found),
        Err(StorageError::Block(_) | StorageError::Node { .. }) => Ok(None),
        Err(error) => Err(StoreError { cid: Box::new(*cid), why: error.to_string() }),
    }
}

impl BlockStore for Shelf {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreError> {
        read(cid, self.store.get(cid))
    }

    fn size(&self, cid: &Cid) -> Result<Option<usize>, StoreError> {
        let size = read(cid, self.store.size(cid))?;
        Ok(size.and_then(|size| usize::try_from(size).ok()))
    }
}

impl Desk for Shelf {
    fn held(&self, mimei: &[u8; 20]) -> Option<Held> {
        match self.store.newest(&MimeiId(*mimei)) {
            // Whatever a root names is here whole (STORAGE-2).
            Ok(newest) => newest.map(|(version, kept)| Held { version, cid: kept.cid }),
            Err(error) => {
                tracing::warn!(%error, "a peer asked which version is here, and the store could not say");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_kit::multihash::Multihash;
    use leither_storage::content::Profile;
    use leither_storage::{Config, Root};

    #[test]
    fn the_swarm_sees_whole_versions_and_blocks_and_no_fault_in_a_strange_id() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "text").unwrap();
        let cid = store.add(&path, Profile::default(), &Root::Pin("x".into()), 0, &mut |_| ()).unwrap().cid;
        let me = MimeiId([7; 20]);
        for number in [0, 3] {
            store.backup(&me, number, &cid, Profile::default()).unwrap();
        }
        let shelf = Shelf::new(store);
        assert_eq!(shelf.get(&cid).unwrap().unwrap(), "text");
        assert_eq!(shelf.size(&cid).unwrap(), Some(4));
        let held = shelf.held(&me.0).unwrap();
        assert_eq!((held.version, held.cid), (3, cid));
        assert!(shelf.held(&[8; 20]).is_none());
        let strange = Cid::new_v1(0x55, Multihash::wrap(0x11, &[0; 20]).unwrap());
        assert_eq!((shelf.get(&strange).unwrap(), shelf.size(&strange).unwrap()), (None, None));
    }
}

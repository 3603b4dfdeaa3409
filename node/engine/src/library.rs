//! What this node gives to those who follow or join: blocks with certificates, changes of the set, snapshots, and the genesis.

use leither_net::Library;
use leither_state::Fault;
use leither_store::snapshots::{check_origin, list_snapshots, read_chunk};
use leither_store::{Manifest, Store};
use leither_types::{Certificate, Handover, Hash, Height};
use parity_scale_codec::Encode;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the list of snapshots is believed: whoever asks must not make this node read its disk each time.
const SHELF_AGE: Duration = Duration::from_secs(10);

/// In the directory of snapshots, that of the old chain with which a recovered one begins (RECOVER-7).
pub const ORIGIN_FOLDER: &str = "origin";

/// Serves from the store and the directory of snapshots.
pub struct StoreLibrary {
    store: Store,
    snapshots: PathBuf,
    genesis: Vec<u8>,
    /// All manifests with their heights, the newest first, and since when.
    shelf: Mutex<(Option<Instant>, Vec<(Height, Vec<u8>)>)>,
}

impl StoreLibrary {
    /// `genesis` is served as it is.
    pub fn new(store: Store, snapshots: PathBuf, genesis: Vec<u8>) -> Self {
        Self { store, snapshots, genesis, shelf: Mutex::default() }
    }

    /// The newest snapshots; one place is kept for the state that a recovered chain began with.
    fn offers(&self) -> Vec<Manifest> {
        let genesis = self.store.genesis();
        let chain = genesis.chain();
        let mut offers: Vec<Manifest> = list_snapshots(&self.snapshots).into_iter().map(|(_, manifest)| manifest).collect();
        offers.retain(|manifest| manifest.chain == chain);
        if genesis.origin.is_some() {
            let first = list_snapshots(&self.snapshots.join(ORIGIN_FOLDER)).into_iter().map(|(_, manifest)| manifest);
            let first: Vec<Manifest> = first.filter(|manifest| check_origin(genesis, manifest).is_ok()).take(1).collect();
            offers.truncate(leither_net::MANIFESTS_MAX.saturating_sub(first.len()));
            offers.extend(first);
        }
        offers.truncate(leither_net::MANIFESTS_MAX);
        offers
    }

    /// What the store has of the range, from its start and without a gap. One block is always given, whatever its size.
    fn range(&self, from: Height, count: u32, bytes_max: usize) -> Result<Vec<(Vec<u8>, Certificate)>, Fault> {
        let head = self.store.head()?.height;
        let from = from.max(1);
        let last = head.min(from.saturating_add(u64::from(count.saturating_sub(1))));
        let mut blocks = Vec::new();
        let mut room = bytes_max;
        if from < self.store.lowest()? {
            return Ok(blocks);
        }
        for height in from..=last {
            let (Some(block), Some(certificate)) = (self.store.block_bytes(height)?, self.store.certificate(height)?) else {
                break;
            };
            match room.checked_sub(block.len()) {
                None if !blocks.is_empty() => break,
                left => room = left.unwrap_or_default(),
            }
            blocks.push((block, certificate));
        }
        Ok(blocks)
    }
}

impl Library for StoreLibrary {
    fn hello(&self) -> (Height, Height) {
        let height = self.store.head().map_or(0, |head| head.height);
        (height, self.store.lowest().unwrap_or(height.saturating_add(1)))
    }

    fn genesis(&self) -> Option<Vec<u8>> {
        Some(self.genesis.clone())
    }

    fn handovers(&self, from: Height, max: usize) -> Option<Vec<Handover>> {
        self.store.handovers(from.saturating_sub(1), max).ok()
    }

    fn blocks(&self, from: Height, count: u32, bytes_max: usize) -> Option<Vec<(Vec<u8>, Certificate)>> {
        self.range(from, count, bytes_max).ok()
    }

    fn manifests(&self) -> Option<Vec<Vec<u8>>> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.0.is_none_or(|since| since.elapsed() > SHELF_AGE) {
            let own = self.store.genesis().chain();
            // Blocks follow the old chain's snapshot from height 1 on.
            let height = |manifest: &Manifest| if manifest.chain == own { manifest.height } else { 0 };
            let all = self.offers().into_iter();
            *shelf = (Some(Instant::now()), all.map(|manifest| (height(&manifest), manifest.encode())).collect());
        }
        // Who begins at one needs the blocks after it: without them it is of no use.
        let lowest = self.store.lowest().ok()?;
        let goes_on = shelf.1.iter().filter(|(height, _)| height.saturating_add(1) >= lowest);
        Some(goes_on.take(leither_net::MANIFESTS_MAX).map(|(_, manifest)| manifest.clone()).collect())
    }

    fn chunk(&self, hash: &Hash) -> Option<Vec<u8>> {
        let origin = || read_chunk(&self.snapshots.join(ORIGIN_FOLDER), hash);
        read_chunk(&self.snapshots, hash).or_else(|| self.store.genesis().origin.as_ref().and_then(|_| origin()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::join::begin_from;
    use leither_executor::recovered_state;
    use leither_solo::{genesis, grow, key, open};
    use leither_store::SnapshotError;
    use leither_types::{GENESIS_RECOVERED, Genesis, GenesisHead, List, Origin, recovery_bytes};

    fn recovered(store: &Store) -> Genesis {
        let (head, state) = (store.head().unwrap(), store.snapshot().unwrap());
        let last = head.header.clone().unwrap();
        let old = genesis().head;
        let seat = old.validators.iter().next().unwrap().clone();
        let proof = key().sign(&recovery_bytes(&last.chain, &seat.operator, &seat.key));
        let mut origin = Origin {
            chain: last.chain,
            height: last.height,
            block: last.id(),
            state_root: last.state_root,
            first_root: Hash::ZERO,
            possessions: List::new(vec![proof]).unwrap(),
        };
        let head = GenesisHead { version: GENESIS_RECOVERED, time: last.time + 1, ..old };
        let provisional = GenesisHead { origin: Some(origin.clone()), ..head.clone() };
        let writes = recovered_state(state.clone(), &provisional, &last).unwrap();
        origin.first_root = state.root_after(&writes).unwrap();
        Genesis::new(GenesisHead { origin: Some(origin), ..head }, Vec::new()).unwrap()
    }

    #[test]
    fn recover_7_a_peer_offers_the_state_that_its_chain_began_with() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        let old = open(&at("old"), &genesis());
        grow(&old);
        let first = old.write_snapshot(&at("shelf").join(ORIGIN_FOLDER), &|_, _| ()).unwrap();
        let genesis = recovered(&old);
        let mut chunks = |hash: &Hash| read_chunk(&at("shelf").join(ORIGIN_FOLDER), hash).ok_or(SnapshotError::NoChunk(*hash));
        begin_from(&at("new"), &genesis.head, &first, &mut chunks, &|_, _| ()).unwrap();
        let store = open(&at("new"), &genesis);
        let library = StoreLibrary::new(store.clone(), at("shelf"), genesis.encode());
        assert_eq!(library.offers(), std::slice::from_ref(&first));
        let chunk = first.chunks[0].0;
        assert!(library.chunk(&chunk).is_some_and(|bytes| leither_store::snapshots::hash_chunk(&bytes) == chunk));
        for height in 1..=3 {
            grow(&store);
            store.write_snapshot(&at("shelf"), &|_, _| ()).unwrap();
            let offers = library.offers();
            assert_eq!(offers.len(), 2, "{height}");
            assert_eq!((offers[0].chain, offers[0].height), (genesis.chain(), height), "the newest");
            assert_eq!(offers[1], first, "and the first");
        }
        // One of another chain, lying about, is offered to nobody.
        grow(&old);
        old.write_snapshot(&at("shelf"), &|_, _| ()).unwrap();
        assert!(library.offers().iter().all(|offer| offer.chain == genesis.chain() || *offer == first));
        let other = StoreLibrary::new(old.clone(), at("shelf"), Vec::new()).offers();
        assert_eq!(other.iter().map(|offer| offer.chain).collect::<Vec<_>>(), [old.genesis().chain()]);
        let supply = |store: &Store| store.snapshot().unwrap().supply(&leither_types::TokenId::NATIVE).unwrap();
        assert_eq!(supply(&store), supply(&old));
    }
}

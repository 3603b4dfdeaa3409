//! What this node gives to those who follow or join: blocks with certificates, changes of the set, snapshots, and the genesis.

use leither_net::Library;
use leither_state::Fault;
use leither_store::Store;
use leither_store::snapshots::{list_snapshots, read_chunk};
use leither_types::{Certificate, Handover, Hash, Height};
use parity_scale_codec::Encode;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the list of snapshots is believed: whoever asks must not make this node read its disk each time.
const SHELF_AGE: Duration = Duration::from_secs(10);

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
            let all = list_snapshots(&self.snapshots).into_iter();
            *shelf = (Some(Instant::now()), all.map(|(_, manifest)| (manifest.height, manifest.encode())).collect());
        }
        // Who begins at one needs the blocks after it: without them it is of no use.
        let lowest = self.store.lowest().ok()?;
        let goes_on = shelf.1.iter().filter(|(height, _)| height.saturating_add(1) >= lowest);
        Some(goes_on.take(leither_net::MANIFESTS_MAX).map(|(_, manifest)| manifest.clone()).collect())
    }

    fn chunk(&self, hash: &Hash) -> Option<Vec<u8>> {
        read_chunk(&self.snapshots, hash)
    }
}

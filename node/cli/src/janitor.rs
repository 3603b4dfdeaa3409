//! Keeps the disk in order, beside the running node: snapshots every so many epochs, and old blocks gone when the cap comes near
//! (DISK-1 to DISK-3 in spec/store.md).

use crate::commands::snapshot::write_handovers;
use crate::config::Config;
use crate::exit::{Done, Failure};
use leither_engine::Engine;
use leither_pallets::staking;
use leither_state::Fault;
use leither_store::snapshots::{keep_newest, list_snapshots, remove_unfinished};
use leither_store::{Store, to_prune, tree_bytes};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(5);

/// What it needs to know.
pub struct Janitor {
    /// The database.
    pub store: Store,
    /// Where snapshots go; nothing: none are written.
    pub snapshots: Option<PathBuf>,
    /// All that counts against the cap.
    pub home: PathBuf,
    /// One snapshot every so many epochs; 0: never.
    pub every_epochs: u64,
    /// So many are kept.
    pub keep: usize,
    /// Bytes; 0: no cap.
    pub cap: u64,
}

/// What the cap comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is room.
    Enough,
    /// DISK-3: nothing more can go.
    None {
        /// What is taken.
        used: u64,
    },
}

impl Janitor {
    /// Of a node's settings.
    pub fn new(store: Store, home: PathBuf, snapshots: Option<PathBuf>, config: &Config) -> Self {
        Self {
            store,
            snapshots,
            home,
            every_epochs: u64::from(config.snapshots.every_epochs),
            keep: config.snapshots.keep as usize,
            cap: config.disk_cap,
        }
    }

    /// Works until the node ends. A disk whose cap is reached stops the node: `full` is set, with what is taken told in the log.
    pub async fn run(self, engine: Arc<Engine>, full: Arc<AtomicBool>) {
        let janitor = Arc::new(self);
        let first = janitor.clone();
        let _swept = tokio::task::spawn_blocking(move || first.sweep()).await;
        let mut last_epoch = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let tip = engine.tip();
            let epoch = staking::views::epoch(&*tip.parent.state).map(|epoch| epoch.number).ok();
            let is_due = epoch.is_some_and(|epoch| janitor.is_due(epoch, last_epoch));
            if last_epoch.is_none() || is_due {
                last_epoch = epoch.or(last_epoch);
            }
            let work = janitor.clone();
            match tokio::task::spawn_blocking(move || work.tidy(is_due)).await {
                Ok(Ok(Room::Enough)) => {}
                Ok(Ok(Room::None { used })) => {
                    tracing::error!(
                        used,
                        cap = janitor.cap,
                        "the disk cap is reached and no block is left that could go: raise disk.cap, or make room under {}",
                        janitor.home.display()
                    );
                    full.store(true, Ordering::Relaxed);
                    return;
                }
                Ok(Err(fault)) => tracing::warn!(%fault, "the disk could not be tidied; it is tried again"),
                Err(_) => return,
            }
        }
    }

    /// What an earlier run was stopped in the middle of.
    fn sweep(&self) {
        if let Some(dir) = &self.snapshots
            && let Err(error) = remove_unfinished(dir)
        {
            tracing::warn!(%error, "a half-written snapshot could not be removed");
        }
        if let Err(fault) = self.store.finish_prune() {
            tracing::warn!(%fault, "the room of pruned blocks could not be freed");
        }
    }

    /// DISK-1: at the first look of a run only whether one is missing is asked; the epochs that follow are counted.
    fn is_due(&self, epoch: u64, last: Option<u64>) -> bool {
        self.every_epochs > 0 && last.is_some_and(|last| epoch >= last.saturating_add(self.every_epochs))
    }

    /// One round: a snapshot, if it is time for one; then room, if it is needed.
    pub fn tidy(&self, snapshot: bool) -> Result<Room, Fault> {
        if let Some(dir) = self.snapshots.as_ref().filter(|_| snapshot) {
            if let Err(error) = self.write(dir) {
                tracing::warn!(error = error.sentence, "no snapshot was written");
            }
        }
        self.make_room()
    }

    fn write(&self, dir: &Path) -> Done {
        let manifest = self.store.write_snapshot(dir, &|_, _| ()).map_err(Failure::fault)?;
        if let Some((path, _)) = list_snapshots(dir).into_iter().find(|(_, other)| other.id() == manifest.id()) {
            write_handovers(&self.store, &path, &manifest)?;
        }
        keep_newest(dir, self.keep).map(drop).map_err(Failure::fault)
    }

    /// DISK-2, DISK-3.
    fn make_room(&self) -> Result<Room, Fault> {
        if self.cap == 0 {
            return Ok(Room::Enough);
        }
        let used = tree_bytes(&self.home).map_err(|e| Fault::Storage(e.to_string()))?;
        let (base, head) = (self.store.lowest()?, self.store.head()?.height);
        if let Some(keep_from) = to_prune(self.cap, used, base, head, self.store.bytes_a_block()?) {
            let pruned = self.store.prune(keep_from)?;
            tracing::info!(from = pruned.from, to = pruned.to, freed = pruned.bytes, "old blocks went: the disk cap came near");
            return Ok(Room::Enough);
        }
        Ok(if used > self.cap { Room::None { used } } else { Room::Enough })
    }
}

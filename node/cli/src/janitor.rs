//! Keeps the disk in order, beside the running node: snapshots every so many epochs, and old blocks gone when the cap comes near
//! (DISK-1 to DISK-4 in spec/home.md).

use crate::commands::snapshot::create;
use crate::config::Config;
use crate::exit::{Done, Failure};
use leither_engine::Engine;
use leither_pallets::staking;
use leither_state::Fault;
use leither_store::snapshots::{delete_snapshot, keep_newest, list_snapshots, newest_height, remove_unfinished};
use leither_store::{SnapshotError, Store, is_near, to_prune, tree_bytes};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(5);

/// DISK-3: after so many looks in a row above the cap, what is pruned is less than what comes: it does not count as room any more.
const LOOKS_ABOVE: u32 = 12;

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
    /// Looks in a row that found more than the cap.
    above: AtomicU32,
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
            above: AtomicU32::new(0),
        }
    }

    /// Works until `end` is told. A disk whose cap is reached stops the node: `full` is set, with what is taken told in the log.
    pub async fn run(self, engine: Arc<Engine>, full: Arc<AtomicBool>, end: Arc<Notify>) {
        let janitor = Arc::new(self);
        let first = janitor.clone();
        let _swept = tokio::task::spawn_blocking(move || first.sweep()).await;
        // DISK-1: counted from the newest snapshot, so that a node which is started often writes some, too.
        let mut last_epoch = janitor.epoch_of_newest(&engine);
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = end.notified() => return,
            }
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
                // The panic has been told; who waits for this task's end stops the node.
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

    fn epoch_of_newest(&self, engine: &Engine) -> Option<u64> {
        let newest = list_snapshots(self.snapshots.as_ref()?).into_iter().next()?;
        Some(newest.1.header.time / engine.tip().next.params.epoch_ms.max(1))
    }

    /// DISK-1: without any snapshot the first look of a run notes the epoch; from there they are counted.
    fn is_due(&self, epoch: u64, last: Option<u64>) -> bool {
        self.every_epochs > 0 && last.is_some_and(|last| epoch >= last.saturating_add(self.every_epochs))
    }

    /// One round: a snapshot, if it is time for one; then room, if it is needed.
    pub fn tidy(&self, snapshot: bool) -> Result<Room, Fault> {
        if let Some(dir) = self.snapshots.as_ref().filter(|_| snapshot)
            && let Err(error) = self.write(dir)
        {
            tracing::warn!(error = error.sentence, "no snapshot was written");
        }
        self.make_room()
    }

    fn write(&self, dir: &Path) -> Done {
        create(&self.store, dir)?;
        keep_newest(dir, self.keep).map(drop).map_err(Failure::fault)
    }

    /// DISK-2, DISK-3: what is missed least goes first. Blocks up to the newest snapshot; snapshots before it; and where more than the cap is
    /// taken, that one, too, since it holds the blocks after it.
    fn make_room(&self) -> Result<Room, Fault> {
        if self.cap == 0 {
            return Ok(Room::Enough);
        }
        let used = tree_bytes(&self.home).map_err(|e| Fault::Storage(e.to_string()))?;
        let above = if used > self.cap { self.above.load(Ordering::Relaxed).saturating_add(1) } else { 0 };
        self.above.store(above, Ordering::Relaxed);
        let (base, head) = (self.store.lowest()?, self.store.head()?.height);
        let wanted = to_prune(self.cap, used, base, head, self.store.bytes_a_block()?);
        let newest = self.snapshots.as_deref().and_then(newest_height);
        let allowed = wanted.map(|to| newest.map_or(to, |newest| to.min(newest.saturating_add(1))));
        if let Some(keep_from) = allowed.filter(|keep_from| *keep_from > base) {
            let pruned = self.store.prune(keep_from)?;
            tracing::info!(from = pruned.from, to = pruned.to, freed = pruned.bytes, "old blocks went: the disk cap came near");
            if above < LOOKS_ABOVE {
                return Ok(Room::Enough);
            }
        }
        if is_near(self.cap, used) && self.drop_snapshots(used > self.cap)? {
            self.above.store(0, Ordering::Relaxed);
            return Ok(Room::Enough);
        }
        Ok(if used > self.cap { Room::None { used } } else { Room::Enough })
    }

    /// Deletes all snapshots but the newest or, where there is none but that and `all`, that one. Says whether any went.
    fn drop_snapshots(&self, all: bool) -> Result<bool, Fault> {
        let Some(dir) = &self.snapshots else { return Ok(false) };
        let fault = |error: SnapshotError| Fault::Storage(error.to_string());
        let mut gone = keep_newest(dir, 1).map_err(fault)?;
        if let Some((newest, _)) = list_snapshots(dir).into_iter().next().filter(|_| all && gone.is_empty()) {
            delete_snapshot(&newest).map_err(fault)?;
            gone.push(newest);
        }
        for snapshot in &gone {
            tracing::info!(snapshot = %snapshot.display(), "a snapshot went: the disk cap came near");
        }
        Ok(!gone.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_solo::{genesis, grow, open};
    use leither_types::Height;

    /// A home whose chain has so many blocks, kept by this janitor.
    fn at_height(height: Height, cap: u64, every_epochs: u64) -> (tempfile::TempDir, Janitor) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir.path().join("data"), &genesis());
        (0..height).for_each(|_| grow(&store));
        let home = dir.path().to_path_buf();
        let snapshots = Some(home.join("snapshots"));
        (dir, Janitor { store, snapshots, home, every_epochs, keep: 2, cap, above: AtomicU32::new(0) })
    }

    #[test]
    fn disk_1_a_snapshot_is_due_so_many_epochs_after_the_last_or_after_the_start_of_the_run() {
        let (_dir, mut janitor) = at_height(0, 0, 3);
        assert!(!janitor.is_due(9, None), "the first look only notes the epoch");
        assert!(!janitor.is_due(11, Some(9)));
        assert!(janitor.is_due(12, Some(9)) && janitor.is_due(40, Some(9)));
        janitor.every_epochs = 0;
        assert!(!janitor.is_due(40, Some(9)));
    }

    #[test]
    fn disk_1_a_snapshot_is_written_with_its_handovers_and_the_newest_stay() {
        let (dir, janitor) = at_height(1, 0, 1);
        let shelf = dir.path().join("snapshots");
        assert_eq!(janitor.tidy(false).unwrap(), Room::Enough);
        assert!(list_snapshots(&shelf).is_empty(), "it was not due");
        for height in 1..=4 {
            assert_eq!(janitor.tidy(true).unwrap(), Room::Enough);
            let found = list_snapshots(&shelf);
            assert_eq!(found.first().map(|(_, manifest)| manifest.height), Some(height));
            assert!(found.iter().all(|(path, _)| path.join("handovers.scale").exists()));
            assert!(found.len() <= janitor.keep, "{}", found.len());
            grow(&janitor.store);
        }
    }

    #[test]
    fn disk_2_old_blocks_go_when_the_cap_comes_near_and_none_before() {
        let (dir, mut janitor) = at_height(300, u64::MAX, 0);
        assert_eq!((janitor.tidy(false).unwrap(), janitor.store.lowest().unwrap()), (Room::Enough, 1));
        // All that is there is nine tenths of it.
        janitor.cap = tree_bytes(dir.path()).unwrap() / 9 * 10;
        assert_eq!(janitor.tidy(false).unwrap(), Room::Enough);
        let lowest = janitor.store.lowest().unwrap();
        assert!(lowest > 1 && lowest <= 201, "{lowest}: the hundred newest stay");
    }

    #[test]
    fn disk_2_blocks_after_the_newest_snapshot_stay_for_who_begins_there() {
        let (dir, mut janitor) = at_height(120, u64::MAX, 1);
        assert_eq!(janitor.tidy(true).unwrap(), Room::Enough);
        (120..400).for_each(|_| grow(&janitor.store));
        // So much too much that all but the hundred newest would go.
        janitor.cap = 1;
        assert_eq!(janitor.tidy(false).unwrap(), Room::Enough);
        assert_eq!(janitor.store.lowest().unwrap(), 121);
        assert_eq!(newest_height(&dir.path().join("snapshots")), Some(120));
    }

    #[test]
    fn disk_3_snapshots_go_before_the_node_stops_the_newest_last() {
        let (dir, mut janitor) = at_height(250, u64::MAX, 1);
        let shelf = dir.path().join("snapshots");
        for _ in 0..2 {
            assert_eq!(janitor.tidy(true).unwrap(), Room::Enough);
            grow(&janitor.store);
        }
        let heights = || list_snapshots(&shelf).iter().map(|(_, manifest)| manifest.height).collect::<Vec<_>>();
        assert_eq!(heights(), [251, 250]);
        janitor.cap = 1;
        let mut seen = vec![(janitor.store.lowest().unwrap(), heights())];
        while janitor.tidy(false).unwrap() == Room::Enough {
            seen.push((janitor.store.lowest().unwrap(), heights()));
            assert!(seen.len() < 9, "{seen:?}");
        }
        // First the blocks that nobody needs, then the older snapshot, then the newer one.
        assert_eq!(seen, [(1, vec![251, 250]), (153, vec![251, 250]), (153, vec![251]), (153, vec![])]);
    }

    #[test]
    fn disk_3_a_chain_that_grows_faster_than_its_blocks_go_does_not_outgrow_the_cap() {
        let (_dir, mut janitor) = at_height(150, u64::MAX, 0);
        janitor.cap = 1;
        let mut looks = 0;
        while janitor.tidy(false).unwrap() == Room::Enough {
            grow(&janitor.store);
            looks += 1;
            assert!(looks < LOOKS_ABOVE, "there was a block to be pruned each time");
        }
        assert_eq!(looks, LOOKS_ABOVE - 1);
    }

    #[test]
    fn disk_4_when_the_node_ends_no_snapshot_is_begun_and_no_room_freed() {
        let (dir, mut janitor) = at_height(300, u64::MAX, 1);
        janitor.store.end_long_work();
        janitor.cap = 1;
        assert_eq!(janitor.tidy(true).unwrap(), Room::Enough);
        assert!(list_snapshots(&dir.path().join("snapshots")).is_empty());
        // What the prune took out, the next start frees.
        assert_eq!((janitor.store.lowest().unwrap(), janitor.store.finish_prune().unwrap()), (201, false));
    }

    #[test]
    fn disk_3_a_cap_that_nothing_can_keep_is_told_and_none_is_no_cap() {
        let (dir, mut janitor) = at_height(3, 0, 0);
        assert_eq!(janitor.tidy(false).unwrap(), Room::Enough, "a cap of 0 is none");
        janitor.cap = tree_bytes(dir.path()).unwrap() / 2;
        assert!(matches!(janitor.tidy(false).unwrap(), Room::None { used } if used > janitor.cap));
        assert_eq!(janitor.store.lowest().unwrap(), 1);
    }
}

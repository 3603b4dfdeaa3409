//! Gives the disk back what content took that is gone, in the background (STORAGE-10).

use leither_storage::{ContentStore, StorageError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

/// So much may be dead, with half of what is needed.
const SLACK_BYTES: u64 = 256 << 20;
/// From the end of one compaction to the next.
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// ... where the last one failed, or the folder is still too large: somebody reads what is gone, or the disk has no room.
const VAIN_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

/// Whether the folder is still too large after a compaction; nothing where there was no need of one.
type Ended = Result<Option<bool>, StorageError>;

pub(super) struct Compactor {
    store: ContentStore,
    /// Bytes that may be dead.
    slack: u64,
    /// Before this none begins.
    due: Instant,
    work: Option<JoinHandle<Ended>>,
    /// No other step begins.
    over: Arc<AtomicBool>,
}

impl Compactor {
    pub fn new(store: ContentStore) -> Self {
        Self { store, slack: SLACK_BYTES, due: Instant::now(), work: None, over: Arc::default() }
    }

    /// Begins, where it is time and the folder has grown too large, and does not wait for the end. `full`: the disk's cap leaves nothing free.
    pub async fn look(&mut self, full: bool) {
        self.hear().await;
        if self.work.is_none() && self.due <= Instant::now() {
            let (store, slack, over) = (self.store.clone(), self.slack, self.over.clone());
            self.work = Some(spawn_blocking(move || compact(&store, slack, full, &over)));
        }
    }

    /// What became of the last one, if it has ended.
    async fn hear(&mut self) {
        if let Some(work) = self.work.take_if(|work| work.is_finished()) {
            match work.await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(still_loose))) => self.due = Instant::now() + if still_loose { VAIN_PAUSE } else { PAUSE },
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the content database could not be compacted; it is tried again in six hours");
                    self.due = Instant::now() + VAIN_PAUSE;
                }
                Err(error) => {
                    tracing::error!(%error, "what compacts the content database failed");
                    self.due = Instant::now() + VAIN_PAUSE;
                }
            }
        }
    }
}

impl Drop for Compactor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn compact(store: &ContentStore, slack: u64, full: bool, over: &AtomicBool) -> Ended {
    let full = full || store.is_tight()?;
    if !store.room()?.is_loose(slack, full) {
        return Ok(None);
    }
    let done = store.compact(&mut |_| !over.load(Ordering::Relaxed))?;
    tracing::info!(before = done.before, after = done.after, steps = done.steps, "content database compacted");
    Ok(Some(store.room()?.is_loose(slack, full)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_storage::config::{GRACE_MS, Space};
    use leither_storage::content::Profile;
    use leither_storage::{Config, Kept, Root};
    use std::path::Path;

    /// A disk of which content may take less than it leaves free.
    fn tight(_: &Path) -> std::io::Result<Space> {
        Ok(Space { free: 600 << 20, all: 100 << 30 })
    }

    /// Waits for the end of what began, and hears of it.
    async fn ended(compactor: &mut Compactor) {
        while compactor.work.as_ref().is_some_and(|work| !work.is_finished()) {
            tokio::task::yield_now().await;
        }
        compactor.hear().await;
    }

    /// Adds a file of so many bytes and lets go of it.
    fn pass(store: &ContentStore, dir: &Path, n: u8, bytes: usize) {
        let path = dir.join("file");
        let text: Vec<u8> =
            (0..bytes).map(|at| (at >> 8).to_le_bytes()[0] ^ (at >> 16).to_le_bytes()[0].wrapping_add(n)).collect();
        std::fs::write(&path, text).unwrap();
        let root = Root::Pin("passing".into());
        store.add(&path, Profile::default(), &root, 0, &mut |_| ()).unwrap();
        store.release(&root, 0).unwrap();
    }

    #[tokio::test]
    async fn storage_10_the_node_compacts_by_itself_and_then_pauses_and_leaves_the_trash() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
        let mut compactor = Compactor::new(store.clone());
        compactor.slack = 1 << 20;
        let begun = compactor.due;
        for n in 0..4 {
            pass(&store, dir.path(), n, 3 << 20);
        }
        compactor.look(false).await;
        ended(&mut compactor).await;
        assert_eq!(compactor.due, begun, "all is in the trash, and needed there");
        let trash = store.trash(None, 10).unwrap();
        assert_eq!(trash.len(), 4);
        let kept = Kept { cid: trash[0].cid, profile: Profile::default(), generation: 0 };
        store.keep(&Root::Pin("again".into()), kept, 0).unwrap();
        while store.purge(GRACE_MS, 1000).unwrap().more {}
        pass(&store, dir.path(), 9, 1000);
        let before = store.room().unwrap();
        assert!(before.is_loose(1 << 20, false), "{before:?}");
        compactor.look(false).await;
        ended(&mut compactor).await;
        let after = store.room().unwrap();
        assert!(!after.is_loose(1 << 20, false) && after.needed == before.needed, "{before:?}, {after:?}");
        assert_eq!(store.trash(None, 10).unwrap().len(), 1, "what is in the trash stays");
        assert!(store.verify(true).unwrap().wrong.is_empty());
        assert!(compactor.due > Instant::now());
        compactor.look(true).await;
        assert!(compactor.work.is_none(), "the next one waits");
    }

    #[tokio::test]
    async fn storage_10_what_is_dead_is_given_back_sooner_where_the_disk_is_nearly_full() {
        for (space, is_due) in [(None, false), (Some(tight as fn(&Path) -> std::io::Result<Space>), true)] {
            let dir = tempfile::tempdir().unwrap();
            let store = ContentStore::open(&Config { space, ..Config::new(dir.path().join("content")) }).unwrap();
            let mut compactor = Compactor::new(store.clone());
            compactor.slack = 1 << 20;
            for n in 0..4 {
                pass(&store, dir.path(), n, 3 << 20);
            }
            for (n, tree) in store.trash(None, 3).unwrap().iter().enumerate() {
                let kept = Kept { cid: tree.cid, profile: Profile::default(), generation: 0 };
                store.keep(&Root::Pin(n.to_string()), kept, 0).unwrap();
            }
            while store.purge(GRACE_MS, 1000).unwrap().more {}
            pass(&store, dir.path(), 9, 1000);
            let before = store.room().unwrap();
            assert!(!before.is_loose(1 << 20, false) && before.is_loose(1 << 20, true), "{before:?}");
            let begun = compactor.due;
            compactor.look(false).await;
            ended(&mut compactor).await;
            assert_eq!(compactor.due != begun, is_due, "it was compacted, and pauses now");
        }
    }
}

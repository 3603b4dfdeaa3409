//! What is done by time: the trash, the quota under the disk's cap, and versions of which the chain spoke after the command had ended.

use super::calls::{self, ADDED, NEXT, NEXT_CUR};
use super::follow::Follow;
use super::publish;
use crate::backend::Served;
use crate::wallet::now_ms;
use leither_gateway::{HeadError, Heads, Version};
use leither_storage::config::{PAGE_MAX, STEP_ROWS_MAX};
use leither_storage::{ContentStore, Kept, Root};
use leither_store::tree_bytes;
use leither_types::MimeiId;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(10);
/// After a fault what is announced is compared with what is published again.
const REPAIR_AGAIN: Duration = Duration::from_secs(300);
/// HOLD-5: of the disk's cap, content leaves so many tenths to the chain when it comes near.
const CAP_TENTHS: u64 = 8;
/// Steps of a purge at one look.
const STEPS_MAX: usize = 16;

/// Keeps content in order, beside the running node.
pub(super) struct Keeper {
    pub store: ContentStore,
    pub heads: Arc<Served>,
    /// By what MiMeis are followed and announced.
    pub follow: Follow,
    /// All that counts against the cap.
    pub home: PathBuf,
    /// `storage.quota`
    pub quota: u64,
    /// `disk.cap`
    pub cap: u64,
}

impl Keeper {
    /// Works until the end.
    pub async fn run(self, end: impl Future<Output = ()> + Send) {
        tokio::pin!(end);
        let keeper = Arc::new(self);
        // An earlier run may have been cut off half way.
        let mut repair = Some(Instant::now());
        loop {
            let work = keeper.clone();
            match spawn_blocking(move || work.tidy()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(error, "content could not be tidied; it is tried again"),
                Err(error) => tracing::error!(%error, "what tidies content failed"),
            }
            keeper.settle().await;
            if keeper.follow.book.board.was_doubted() && repair.is_none() {
                repair = Some(Instant::now());
            }
            if repair.is_some_and(|due| due <= Instant::now()) {
                let done = publish::repair(&keeper.follow).await;
                repair = done.is_err().then(|| Instant::now() + REPAIR_AGAIN);
                told(done, "what is announced could not be compared with what is published");
            }
            told(publish::expire(&keeper.follow).await, "what is published no more is still announced");
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = &mut end => return,
            }
        }
    }

    fn tidy(&self) -> Result<(), String> {
        let used = tree_bytes(&self.home).map_err(|e| e.to_string())?;
        let held = self.store.stat().map_err(|e| e.to_string())?.bytes;
        self.store.set_quota(room(self.quota, self.cap, used, held));
        let now = now_ms().map_err(|failure| failure.sentence)?;
        orphans(&self.store, now).map_err(|no| no.message)?;
        for _ in 0..STEPS_MAX {
            if !self.store.purge(now, STEP_ROWS_MAX).map_err(|e| e.to_string())?.more {
                break;
            }
        }
        Ok(())
    }

    /// HOLD-1: a command may end, or be killed, before the chain has answered. Nothing that waits is forgotten.
    async fn settle(&self) {
        for (mimei, next) in self.waiting() {
            let found = self.heads.head(&mimei, Version::Number(next.generation)).await;
            let store = self.store.clone();
            let done = spawn_blocking(move || match found {
                Ok(head) if head.cid == next.cid => {
                    calls::record(&store, &mimei, next.generation, next.cid, next.profile).map(drop)
                }
                Ok(_) => calls::lose(&store, &mimei, &next),
                // Not yet, or not to be asked now.
                Err(HeadError::NoVersion { .. } | HeadError::Unavailable(_) | HeadError::Unknown(_)) => Ok(()),
            });
            if let Ok(Err(no)) = done.await {
                tracing::warn!(%mimei, error = no.message, "a version could not be recorded; it is tried again");
            }
        }
    }

    /// Their pins stand together: `next/` and what follows.
    fn waiting(&self) -> Vec<(MimeiId, Kept)> {
        let mut found = Vec::new();
        for prefix in [NEXT, NEXT_CUR] {
            let page = self.store.roots(Some(&Root::Pin(prefix.into())), PAGE_MAX).unwrap_or_default();
            for (root, kept) in page {
                let Root::Pin(name) = root else { break };
                let Some(id) = name.strip_prefix(prefix) else { break };
                found.extend(id.parse().ok().map(|mimei| (mimei, kept)));
            }
        }
        found
    }
}

fn told(done: calls::Answer<()>, what: &str) {
    if let Err(no) = done {
        tracing::warn!(error = no.message, "{what}; it is tried again");
    }
}

/// HOLD-7: what was added and nobody claimed. Those whose time has come, of the first thousand.
fn orphans(store: &ContentStore, now: u64) -> calls::Answer<()> {
    for (root, kept) in store.roots(Some(&Root::Pin(ADDED.into())), PAGE_MAX)? {
        if !matches!(&root, Root::Pin(name) if name.starts_with(ADDED)) {
            break;
        }
        if calls::is_orphan(&kept, now) {
            calls::disown(store, &kept.cid, kept.generation)?;
        }
    }
    Ok(())
}

/// HOLD-5: what content may take: its own quota, and no more than eight tenths of the cap with all else.
fn room(quota: u64, cap: u64, used: u64, held: u64) -> u64 {
    if cap == 0 {
        return quota;
    }
    let free = (cap / 10).saturating_mul(CAP_TENTHS).saturating_sub(used);
    quota.min(held.saturating_add(free))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_7_what_was_added_and_nobody_claimed_goes_after_ten_minutes() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&leither_storage::Config::new(dir.path().join("content"))).unwrap();
        let added = |text: &str, at: u64| {
            let path = dir.path().join("file");
            std::fs::write(&path, text).unwrap();
            let profile = leither_storage::content::Profile::default();
            let cid = store.add(&path, profile, &Root::Pin("x".into()), 0, &mut |_| ()).unwrap().cid;
            store.keep(&calls::added(&cid), Kept { cid, profile, generation: at }, 0).unwrap();
            cid
        };
        let is_kept = |cid| store.root(&calls::added(cid)).unwrap().is_some();
        let start = 1_000_000_000;
        let (old, new, later) = (added("old", start), added("new", start + 5_000), added("later", start + 2 * calls::ORPHAN_MS));
        orphans(&store, start + calls::ORPHAN_MS - 1).unwrap();
        assert!(is_kept(&old) && is_kept(&new));
        assert!(!is_kept(&later), "the clock was set back: it would stay for years");
        orphans(&store, start + calls::ORPHAN_MS).unwrap();
        assert!(!is_kept(&old) && is_kept(&new));
        // One that was added again since is not let go of by whoever saw the first time.
        assert!(!calls::disown(&store, &new, start).unwrap() && is_kept(&new));
        assert!(calls::disown(&store, &new, start + 5_000).unwrap() && !is_kept(&new));
    }

    #[test]
    fn hold_5_content_leaves_room_for_the_chain() {
        assert_eq!(room(500, 10_000, 100, 50), 500, "far from the cap the quota counts");
        assert_eq!(room(50_000, 10_000, 1_000, 900), 900 + 7_000, "what is free below eight tenths");
        assert_eq!(room(50_000, 10_000, 9_000, 4_000), 4_000, "above them nothing new, and nothing is deleted");
        assert_eq!(room(50_000, 0, 9_000, 4_000), 50_000, "a cap of 0 is none");
    }
}

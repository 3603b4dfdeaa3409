//! What is done by time: the trash, the quota under the disk's cap, the disk's room, and versions of which the chain spoke after the command had ended.

use super::calls::{self, ADDED, NEXT, NEXT_CUR, Waiting};
use super::compactor::Compactor;
use super::follow::Follow;
use super::publish;
use crate::backend::Served;
use crate::wallet::now_ms;
use leither_gateway::{Head, HeadError, Heads, Version};
use leither_storage::config::{PAGE_MAX, STEP_ROWS_MAX};
use leither_storage::{ContentStore, Root};
use leither_store::tree_bytes;
use std::collections::BTreeMap;
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
/// HOLD-1: so long it has to be so that the chain has passed a number and nobody here can tell which tree that is.
const UNTOLD: Duration = Duration::from_secs(60 * 60);
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
        let mut compactor = Compactor::new(keeper.store.clone());
        let mut untold = Untold::new();
        loop {
            let work = keeper.clone();
            match spawn_blocking(move || work.tidy()).await {
                Ok(Ok(full)) => compactor.look(full).await,
                Ok(Err(error)) => tracing::warn!(error, "content could not be tidied; it is tried again"),
                Err(error) => tracing::error!(%error, "what tidies content failed"),
            }
            told(
                settle(&keeper.store, &*keeper.heads, PAGE_MAX, &mut untold, Instant::now()).await,
                "not all that waits to become a version could be looked at",
            );
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

    /// Says whether the cap leaves content nothing free.
    fn tidy(&self) -> Result<bool, String> {
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
        Ok(self.cap > 0 && free(self.cap, used) == 0)
    }
}

/// Pins whose number the chain has passed, and nobody here can tell which tree that is; since when.
type Untold = BTreeMap<Root, Instant>;

/// HOLD-1: a command may end, or be killed, before the chain has answered. Nothing that waits is forgotten, and each is settled by itself; they are
/// looked at page by page.
async fn settle(store: &ContentStore, heads: &dyn Heads, page: usize, untold: &mut Untold, now: Instant) -> calls::Answer<()> {
    let before = std::mem::take(untold);
    for prefix in [NEXT, NEXT_CUR] {
        let mut after = None;
        loop {
            let from = store.clone();
            let look = spawn_blocking(move || calls::waiting_page(&from, prefix, after, page));
            let (found, last) = look.await.map_err(calls::No::fault)??;
            for next in found {
                let head = heads.head(&next.mimei, Version::Number(next.number)).await;
                let mut is_dead = false;
                if matches!(head, Err(HeadError::Unavailable(_))) && has_passed(heads, &next).await {
                    let since = before.get(&next.root).copied().unwrap_or(now);
                    is_dead = now.saturating_duration_since(since) >= UNTOLD;
                    untold.insert(next.root.clone(), since);
                }
                let (mimei, store) = (next.mimei, store.clone());
                match spawn_blocking(move || decide(&store, &next, &head, is_dead)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(no)) => {
                        tracing::warn!(%mimei, error = no.message, "a version could not be recorded; it is tried again");
                    }
                    Err(error) => tracing::error!(%mimei, %error, "what records versions failed"),
                }
            }
            match last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
    }
    Ok(())
}

/// Whether the chain has a newer version than the one that is waited for.
async fn has_passed(heads: &dyn Heads, next: &Waiting) -> bool {
    heads.head(&next.mimei, Version::Last).await.is_ok_and(|last| last.number > next.number)
}

/// The tree that the chain took becomes the version; another lost, and so has one of which it will never be told.
fn decide(store: &ContentStore, next: &Waiting, head: &Result<Head, HeadError>, is_dead: bool) -> calls::Answer<()> {
    match head {
        Err(_) if is_dead => calls::lose(store, next),
        Ok(head) if head.cid == next.cid => calls::record(store, &next.mimei, next.number, next.cid, next.profile).map(drop),
        Ok(_) => calls::lose(store, next),
        // Not yet, or not to be asked now.
        Err(HeadError::NoVersion { .. } | HeadError::Unavailable(_) | HeadError::Unknown(_)) => Ok(()),
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
    quota.min(held.saturating_add(free(cap, used)))
}

fn free(cap: u64, used: u64) -> u64 {
    (cap / 10).saturating_mul(CAP_TENTHS).saturating_sub(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use leither_kit::Cid;
    use leither_storage::Kept;
    use leither_storage::content::Profile;
    use leither_types::MimeiId;
    use std::collections::HashMap;
    use std::path::Path;

    const ME: MimeiId = MimeiId([7; 20]);

    /// Heads that a test sets.
    #[derive(Default)]
    struct Set(HashMap<(MimeiId, u64), Cid>);

    #[async_trait]
    impl Heads for Set {
        async fn head(&self, mimei: &MimeiId, version: Version) -> Result<Head, HeadError> {
            let Version::Number(number) = version else { return Err(HeadError::Unknown(*mimei)) };
            let found = self.0.get(&(*mimei, number));
            found
                .map(|cid| Head { number, cid: *cid, proof: None })
                .ok_or(HeadError::NoVersion { mimei: *mimei, version })
        }
    }

    fn open(dir: &Path) -> ContentStore {
        ContentStore::open(&leither_storage::Config::new(dir.join("content"))).unwrap()
    }

    /// A file in the store, under a pin of its own.
    fn file(store: &ContentStore, dir: &Path, text: &str) -> Cid {
        let path = dir.join("file");
        std::fs::write(&path, text).unwrap();
        let root = Root::Pin(format!("test/{text}"));
        store.add(&path, Profile::default(), &root, 0, &mut |_| ()).unwrap().cid
    }

    fn pins(store: &ContentStore) -> Vec<String> {
        let roots = store.roots(None, 1000).unwrap().into_iter();
        roots.map(|(root, _)| calls::root_text(&root)).filter(|root| !root.starts_with("pin/test/")).collect()
    }

    #[tokio::test]
    async fn hold_1_each_of_those_that_wait_for_one_number_is_settled_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let profile = Profile::default();
        let [took, lost, cur] = ["took", "lost", "cur"].map(|text| file(&store, dir.path(), text));
        calls::expect(&store, &ME, 1, took, profile, false).unwrap();
        calls::expect(&store, &ME, 1, lost, profile, false).unwrap();
        calls::expect(&store, &ME, 1, cur, profile, true).unwrap();
        let waits = pins(&store);
        settle(&store, &Set::default(), PAGE_MAX, &mut Untold::new(), Instant::now()).await.unwrap();
        assert_eq!((waits.len(), pins(&store)), (3, waits), "the chain has not spoken");
        settle(&store, &Set([((ME, 1), took)].into()), PAGE_MAX, &mut Untold::new(), Instant::now()).await.unwrap();
        let mut kept = [format!("pin/conflict/{ME}/{lost}"), format!("pin/conflict/{ME}/{cur}"), format!("version/{ME}/1")];
        kept.sort();
        assert_eq!(pins(&store), kept);
    }

    #[tokio::test]
    async fn hold_1_what_waits_is_looked_at_to_the_last_page_and_so_are_the_pins_of_earlier_nodes() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let cid = file(&store, dir.path(), "tree");
        let ids: Vec<MimeiId> = (0..7).map(|n| MimeiId([n; 20])).collect();
        for id in &ids {
            calls::expect(&store, id, 3, cid, Profile::default(), false).unwrap();
        }
        for prefix in [NEXT, NEXT_CUR] {
            let kept = Kept { cid, profile: Profile::default(), generation: 4 };
            store.keep(&Root::Pin(format!("{prefix}{ME}")), kept, 0).unwrap();
        }
        let mut heads: HashMap<_, _> = ids.iter().map(|id| ((*id, 3), cid)).collect();
        heads.insert((ME, 4), cid);
        settle(&store, &Set(heads), 2, &mut Untold::new(), Instant::now()).await.unwrap();
        let versions: Vec<String> =
            ids.iter().map(|id| (id, 3)).chain([(&ME, 4)]).map(|(id, n)| format!("version/{id}/{n}")).collect();
        assert_eq!(pins(&store), versions);
    }

    /// A chain that has version 3, and whose earlier versions this node cannot tell.
    struct Cut(Cid);

    #[async_trait]
    impl Heads for Cut {
        async fn head(&self, mimei: &MimeiId, version: Version) -> Result<Head, HeadError> {
            match version {
                Version::Last | Version::Number(3) => Ok(Head { number: 3, cid: self.0, proof: None }),
                Version::Number(4..) => Err(HeadError::NoVersion { mimei: *mimei, version }),
                _ => Err(HeadError::Unavailable("its history is not here".into())),
            }
        }
    }

    #[tokio::test]
    async fn hold_1_what_waits_for_a_number_that_was_passed_and_cannot_be_told_is_kept_as_lost_after_an_hour() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let [dead, cur, last, coming] = ["dead", "cur", "last", "coming"].map(|text| file(&store, dir.path(), text));
        let expect = |number, cid, is_cur| calls::expect(&store, &ME, number, cid, Profile::default(), is_cur).unwrap();
        expect(1, dead, false);
        expect(2, cur, true);
        expect(4, coming, false);
        let (heads, start, mut untold) = (Cut(last), Instant::now(), Untold::new());
        let waits = pins(&store);
        settle(&store, &heads, PAGE_MAX, &mut untold, start).await.unwrap();
        settle(&store, &heads, PAGE_MAX, &mut untold, start + UNTOLD - LOOK).await.unwrap();
        assert_eq!((pins(&store), untold.len()), (waits, 2), "a node that starts cannot tell for a while, either");
        // Told in between: the hour begins anew.
        let mut told = untold.clone();
        settle(&store, &Set::default(), PAGE_MAX, &mut told, start + UNTOLD).await.unwrap();
        assert!(told.is_empty());
        settle(&store, &heads, PAGE_MAX, &mut told, start + 2 * UNTOLD).await.unwrap();
        assert_eq!(pins(&store).len(), 3);
        settle(&store, &heads, PAGE_MAX, &mut untold, start + UNTOLD).await.unwrap();
        let mut kept =
            [format!("pin/conflict/{ME}/{dead}"), format!("pin/conflict/{ME}/{cur}"), format!("pin/next/add/{ME}/4/{coming}")];
        kept.sort();
        assert_eq!(pins(&store), kept, "nothing is lost, and what can still come waits");
    }

    #[test]
    fn hold_7_what_was_added_and_nobody_claimed_goes_after_ten_minutes() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let added = |text: &str, at: u64| {
            let path = dir.path().join("file");
            std::fs::write(&path, text).unwrap();
            let profile = Profile::default();
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

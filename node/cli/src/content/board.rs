//! What is announced, and for whom: a key is taken back when the last that needs it is over, and not before.
//!
//! Two MiMeis may have the same tree, and one may be published and followed as well. Whoever publishes, follows or ends that holds the board from
//! before he writes it down until what nobody needs any more is taken back, so that none of them takes back what another has just announced.

use super::calls::{Answer, No};
use super::wants::{Network, What};
use super::{follow, publish, trees};
use leither_kit::Cid;
use leither_routing::Key;
use leither_storage::config::PAGE_MAX;
use leither_storage::{ContentStore, Kept};
use leither_types::MimeiId;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::spawn_blocking;

/// Why a MiMei is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It is published, for a time.
    Published,
    /// It is followed, and a version of it is here.
    Followed,
}

/// A MiMei that is announced with a tree, or two; if it is published, until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub mimei: MimeiId,
    pub cid: Cid,
    /// Of one that is followed: the released version's tree, where that is another.
    pub released: Option<Cid>,
    /// In ms; 0 of one that is followed.
    pub until: u64,
}

impl Use {
    /// What others are told of.
    pub fn whats(&self) -> Vec<What> {
        let released = self.released.filter(|released| *released != self.cid);
        [What::Mimei(self.mimei), What::Tree(self.cid)].into_iter().chain(released.map(What::Tree)).collect()
    }

    /// The same, as it stands in the table of who has what.
    pub fn keys(&self) -> Vec<Key> {
        self.whats().iter().map(What::key).collect()
    }
}

/// HOLD-9: a page of what the store says is announced, behind `after`; and where the next one begins, if there is one.
pub(super) fn page(store: &ContentStore, why: Why, after: Option<&MimeiId>) -> Answer<(Vec<Use>, Option<MimeiId>)> {
    if why == Why::Published {
        let (page, more) = publish::published_page(store, after, PAGE_MAX)?;
        let next = page.last().map(|(id, _)| *id).filter(|_| more);
        let one = |(mimei, kept): (MimeiId, Kept)| Use { mimei, cid: kept.cid, released: None, until: kept.generation };
        return Ok((page.into_iter().map(one).collect(), next));
    }
    let (ids, more) = follow::followed(store, after, PAGE_MAX)?;
    let mut uses = Vec::new();
    for id in &ids {
        if let Some((_, kept)) = store.newest(id)? {
            uses.push(Use { mimei: *id, cid: kept.cid, released: follow::released(store, id)?, until: 0 });
        }
    }
    Ok((uses, ids.last().copied().filter(|_| more)))
}

/// The board: by its types about 250 bytes for each MiMei that is announced.
#[derive(Default)]
pub(super) struct Board {
    uses: Mutex<Uses>,
    /// A change failed half way: what is announced is to be compared with what the store says.
    is_doubted: AtomicBool,
}

impl Board {
    /// For whoever changes something: nobody else does until it is dropped. Read from the store at first, and again after a change that failed.
    pub async fn open(&self, store: &ContentStore) -> Answer<MutexGuard<'_, Uses>> {
        let mut uses = self.uses.lock().await;
        if !uses.is_read {
            // After a start the keeper compares anyway.
            self.is_doubted.fetch_or(uses.is_doubted, Ordering::Relaxed);
            // Two of them at once would take twice the room.
            *uses = Uses::default();
            let store = store.clone();
            *uses = spawn_blocking(move || Uses::read(&store)).await.map_err(No::fault)??;
        }
        Ok(uses)
    }

    /// Whether a change failed half way since this was asked last.
    pub fn was_doubted(&self) -> bool {
        self.is_doubted.swap(false, Ordering::Relaxed)
    }
}

/// A key, in 8 bytes of the 40: two of a million have the same with a chance of one in ten millions, by a key of this run's own; then the one
/// stays announced as long as the other is needed, until the next start.
type Mark = u64;

/// What is remembered of one that is published.
struct Lasting {
    tree: Key,
    until: u64,
}

/// What is remembered of one that is followed.
struct Tended {
    newest: Cid,
    /// Most have none.
    released: Option<Box<Cid>>,
}

impl Tended {
    fn of(now: &Use) -> Self {
        Self { newest: now.cid, released: now.released.map(Box::new) }
    }

    fn of_mimei(&self, mimei: MimeiId) -> Use {
        Use { mimei, cid: self.newest, released: self.released.as_deref().copied(), until: 0 }
    }
}

/// Who needs which keys. There may be a million: of each no more is kept than its ends take.
#[derive(Default)]
pub(super) struct Uses {
    is_read: bool,
    /// Something that was changed here was not written down.
    is_doubted: bool,
    published: HashMap<MimeiId, Lasting>,
    followed: HashMap<MimeiId, Tended>,
    /// HOLD-14: announced for themselves.
    trees: HashSet<Cid>,
    /// When the published ones are over.
    ends: BTreeSet<(u64, MimeiId)>,
    /// How many need a key.
    needed: HashMap<Mark, u32>,
    /// Makes [`Mark`]s.
    marks: RandomState,
}

impl Uses {
    fn read(store: &ContentStore) -> Answer<Self> {
        let mut uses = Self { is_read: true, ..Self::default() };
        for why in [Why::Published, Why::Followed] {
            let mut after = None;
            loop {
                let (found, next) = page(store, why, after.as_ref())?;
                found.into_iter().for_each(|one| drop(uses.set(why, one.mimei, Some(one))));
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        let mut after = None;
        loop {
            let (found, next) = trees::page(store, after.as_ref())?;
            found.into_iter().for_each(|cid| drop(uses.set_tree(cid, true)));
            after = next;
            if after.is_none() {
                return Ok(uses);
            }
        }
    }

    /// For this reason it is announced as that; nothing: no more. Gives what may not be needed any more, for [`Self::take_back`].
    pub fn set(&mut self, why: Why, mimei: MimeiId, now: Option<Use>) -> Vec<Key> {
        let old: Vec<Key> = match why {
            Why::Published => {
                let before = match now {
                    Some(now) => self.published.insert(mimei, Lasting { tree: Key::of_cid(&now.cid), until: now.until }),
                    None => self.published.remove(&mimei),
                };
                if let Some(before) = &before {
                    self.ends.remove(&(before.until, mimei));
                }
                if let Some(now) = now {
                    self.ends.insert((now.until, mimei));
                }
                before.map_or_else(Vec::new, |before| vec![What::Mimei(mimei).key(), before.tree])
            }
            Why::Followed => {
                let before = match &now {
                    Some(now) => self.followed.insert(mimei, Tended::of(now)),
                    None => self.followed.remove(&mimei),
                };
                before.map_or_else(Vec::new, |before| before.of_mimei(mimei).keys())
            }
        };
        now.iter().flat_map(Use::keys).for_each(|key| self.one_more(&key));
        old.iter().for_each(|key| self.one_less(key));
        old
    }

    /// HOLD-14: the same of a tree that is announced for itself, or not any more.
    pub fn set_tree(&mut self, cid: Cid, is_announced: bool) -> Vec<Key> {
        let key = Key::of_cid(&cid);
        if is_announced {
            if self.trees.insert(cid) {
                self.one_more(&key);
            }
            return Vec::new();
        }
        if !self.trees.remove(&cid) {
            return Vec::new();
        }
        self.one_less(&key);
        vec![key]
    }

    fn one_more(&mut self, key: &Key) {
        let count = self.needed.entry(self.marks.hash_one(key)).or_default();
        *count = count.saturating_add(1);
    }

    fn one_less(&mut self, key: &Key) {
        let mark = self.marks.hash_one(key);
        let left = self.needed.get(&mark).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => self.needed.remove(&mark),
            left => self.needed.insert(mark, left),
        };
    }

    /// What is announced of it because it is followed.
    pub fn followed(&self, id: &MimeiId) -> Option<Use> {
        self.followed.get(id).map(|tended| tended.of_mimei(*id))
    }

    /// Whether it is followed, and a version of it announced.
    pub fn follows(&self, id: &MimeiId) -> bool {
        self.followed.contains_key(id)
    }

    /// Whether somebody needs it.
    pub fn needs(&self, key: &Key) -> bool {
        self.needed.contains_key(&self.marks.hash_one(key))
    }

    /// The published ones that are over by then, the first ones first, `most` of them at most.
    pub fn over(&self, now: u64, most: usize) -> Vec<MimeiId> {
        self.ends.iter().take_while(|(end, _)| *end <= now).take(most).map(|(_, id)| *id).collect()
    }

    /// Something that was changed here was not written down: what the store says counts.
    pub fn doubt(&mut self) {
        (self.is_read, self.is_doubted) = (false, true);
    }

    /// HOLD-9: what nobody needs of these is announced no more.
    pub async fn take_back(&mut self, network: &dyn Network, mut keys: Vec<Key>) -> Answer<()> {
        keys.retain(|key| !self.needs(key));
        if keys.is_empty() {
            return Ok(());
        }
        let done = network.forget(keys).await;
        if done.is_err() {
            self.doubt();
        }
        done.map_err(No::fault)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fakes::node;
    use super::*;
    use leither_kit::multihash::Multihash;

    fn tree(n: u8, codec: u64) -> Cid {
        Cid::new_v1(codec, Multihash::wrap(0x12, &[n; 32]).unwrap())
    }

    #[test]
    fn hold_9_a_key_is_needed_as_long_as_somebody_needs_it() {
        let (one, other) = (MimeiId([1; 20]), MimeiId([2; 20]));
        let mut uses = Uses::default();
        let of = |mimei, cid, until| Some(Use { mimei, cid, released: None, until });
        let needs = |uses: &Uses, what: What| uses.needs(&what.key());
        assert!(uses.set(Why::Published, one, of(one, tree(1, 0x70), 50)).is_empty());
        // The same blocks under another codec have the same key.
        uses.set(Why::Published, other, of(other, tree(1, 0x55), 40));
        uses.set(Why::Followed, one, of(one, tree(1, 0x70), 0));
        assert_eq!((uses.over(39, 9), uses.over(50, 9), uses.over(50, 1)), (vec![], vec![other, one], vec![other]));
        assert_eq!(uses.set(Why::Published, one, None), [What::Mimei(one), What::Tree(tree(1, 0x70))].map(|what| what.key()));
        assert!(needs(&uses, What::Mimei(one)), "it is followed");
        // A new version of the one: the other still has the tree of the one before.
        uses.set(Why::Followed, one, of(one, tree(2, 0x70), 0));
        assert!(needs(&uses, What::Tree(tree(1, 0x70))) && needs(&uses, What::Tree(tree(2, 0x70))));
        uses.set(Why::Published, other, of(other, tree(2, 0x70), 90));
        assert!(!needs(&uses, What::Tree(tree(1, 0x70))));
        assert_eq!(uses.over(89, 9), [], "it was prolonged");
        // Of the one an older version is released, whose tree the other had; then the newest is.
        uses.set(Why::Followed, one, Some(Use { mimei: one, cid: tree(2, 0x70), released: Some(tree(1, 0x70)), until: 0 }));
        assert!(needs(&uses, What::Tree(tree(1, 0x70))) && needs(&uses, What::Tree(tree(2, 0x70))));
        uses.set(Why::Followed, one, of(one, tree(2, 0x70), 0));
        assert!(!needs(&uses, What::Tree(tree(1, 0x70))));
        uses.set(Why::Published, other, None);
        uses.set(Why::Published, other, None);
        uses.set(Why::Followed, one, None);
        assert!(uses.needed.is_empty() && uses.ends.is_empty());
    }

    #[tokio::test]
    async fn hold_9_after_a_change_that_failed_all_is_compared_once_more_and_after_a_start_by_the_start_itself() {
        let node = node();
        let board = &node.follow.book.board;
        drop(board.open(node.store()).await.unwrap());
        assert!(!board.was_doubted());
        board.open(node.store()).await.unwrap().doubt();
        drop(board.open(node.store()).await.unwrap());
        assert!(board.was_doubted() && !board.was_doubted());
    }

    #[test]
    fn hold_9_what_is_kept_of_each_that_is_announced_is_small() {
        assert!(size_of::<(MimeiId, Lasting)>() <= 72 && size_of::<(MimeiId, Tended)>() <= 144);
        assert!(size_of::<(Mark, u32)>() <= 16);
    }
}

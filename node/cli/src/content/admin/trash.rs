//! What is in the trash, and how it is taken back.

use super::streams::check_name;
use crate::content::api::{Again, InTrash, Trash};
use crate::content::calls::{self, Answer, No};
use crate::content::follow::profile_of;
use hyper::StatusCode;
use leither_kit::Cid;
use leither_storage::config::GRACE_MS;
use leither_storage::{ContentStore, Kept, Root, StorageError, Trashed};

/// Trees of a page: what goes with each is counted.
const PAGE: usize = 100;
/// SOCK-9: pins of what was taken back.
const TAKEN_BACK: &str = "keep/";

/// `GET /storage/trash`: STORAGE-11. `before` is the `next` of the page before.
pub(super) fn list(store: &ContentStore, before: Option<&str>) -> Answer<Trash> {
    let before = before.map(read_place).transpose()?;
    let found = store.trash_newest(before.as_ref(), PAGE)?;
    let next = found.last().filter(|_| found.len() >= PAGE).map(place_text);
    let view = |trashed: &Trashed| -> Answer<InTrash> {
        let goes = store.goes_with(trashed)?;
        Ok(InTrash {
            cid: trashed.cid.to_string(),
            blocks: goes.blocks.to_string(),
            bytes: goes.bytes.to_string(),
            at_least: goes.at_least,
            since_ms: trashed.due.saturating_sub(GRACE_MS).to_string(),
            goes_ms: trashed.due.to_string(),
        })
    };
    Ok(Trash { items: found.iter().map(view).collect::<Answer<_>>()?, next })
}

fn place_text(trashed: &Trashed) -> String {
    format!("{}/{}", trashed.due, trashed.cid)
}

fn read_place(text: &str) -> Answer<Trashed> {
    let parse = || {
        let (due, cid) = text.split_once('/')?;
        Some(Trashed { due: due.parse().ok()?, cid: cid.parse().ok()? })
    };
    parse().ok_or_else(|| No::usage("this is no place in the trash: give what stands as `next` of a page, as it is"))
}

/// `POST /storage/keep`: a tree that is here gets the pin `keep/NAME`, or `keep/CID`, and no purge takes it.
pub(super) fn keep(store: &ContentStore, cid: Cid, name: Option<String>) -> Answer<Again> {
    name.as_deref().map_or(Ok(()), check_name)?;
    let root = Root::Pin(format!("{TAKEN_BACK}{}", name.unwrap_or_else(|| cid.to_string())));
    let text = calls::root_text(&root);
    let kept = Kept { cid, profile: profile_of(&cid), generation: 0 };
    let was_trash = store.take_back(&root, kept).map_err(|error| match error {
        StorageError::NoBlock(_) => No::absent(format!(
            "{cid} is not here: what is let go of stays in the trash for a day, unless it is purged before; `leither storage fetch {cid}` fetches it, \
             `leither mimei add` makes it of the files"
        )),
        StorageError::Exists(_) => No {
            status: StatusCode::CONFLICT,
            reason: "conflict",
            message: format!("`{text}` keeps another tree; give another name with --pin, or release that one first"),
        },
        other => other.into(),
    })?;
    Ok(Again { cid: cid.to_string(), root: text, was_trash })
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_storage::Config;
    use leither_storage::content::Profile;
    use std::path::Path;

    const NOW: u64 = 1_800_000_000_000;

    fn open(dir: &Path) -> ContentStore {
        ContentStore::open(&Config::new(dir.join("content"))).unwrap()
    }

    /// A directory of two files that was let go of.
    fn gone(store: &ContentStore, dir: &Path, text: &str, at: u64) -> Cid {
        let tree = dir.join(text);
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("one"), text).unwrap();
        std::fs::write(tree.join("two"), format!("{text} {text}")).unwrap();
        let root = Root::Pin("passing".into());
        let cid = store.add(&tree, Profile::default(), &root, 0, &mut |_| ()).unwrap().cid;
        store.release(&root, at).unwrap();
        cid
    }

    #[test]
    fn storage_11_the_trash_is_listed_by_its_trees_what_came_last_first_page_by_page() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let trees: Vec<String> = (0..103).map(|n| gone(&store, dir.path(), &format!("t{n}"), NOW + n).to_string()).collect();
        let first = list(&store, None).unwrap();
        let second = list(&store, first.next.as_deref()).unwrap();
        assert_eq!((first.items.len(), second.items.len(), second.next), (100, 3, None));
        let listed: Vec<&String> = first.items.iter().chain(&second.items).map(|item| &item.cid).collect();
        assert_eq!(listed, trees.iter().rev().collect::<Vec<_>>(), "a tree once, and none of its blocks");
        let last = first.items.first().unwrap();
        assert_eq!((last.blocks.as_str(), last.at_least), ("3", false));
        assert_eq!(last.since_ms, (NOW + 102).to_string());
        assert_eq!(last.goes_ms, (NOW + 102 + GRACE_MS).to_string());
        assert_eq!(list(&store, Some("yesterday")).unwrap_err().reason, "usage");
    }

    #[test]
    fn sock_9_what_is_kept_again_outlasts_the_purge_and_what_is_gone_is_said_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let [one, two, lost] = ["one", "two", "lost"].map(|text| gone(&store, dir.path(), text, NOW));
        let by_id = keep(&store, one, None).unwrap();
        assert_eq!((by_id.root, by_id.was_trash), (format!("pin/keep/{one}"), true));
        let named = keep(&store, two, Some("mine".into())).unwrap();
        assert_eq!((named.root.as_str(), named.was_trash), ("pin/keep/mine", true));
        assert!(!keep(&store, two, Some("mine".into())).unwrap().was_trash, "again: nothing happens");
        assert_eq!(keep(&store, one, Some("mine".into())).unwrap_err().reason, "conflict");
        for name in ["", "a\nb", &"n".repeat(129)] {
            assert_eq!(keep(&store, one, Some(name.into())).unwrap_err().reason, "usage");
        }
        while store.purge(NOW + GRACE_MS, 1000).unwrap().more {}
        assert!(store.has(&one).unwrap() && store.has(&two).unwrap() && !store.has(&lost).unwrap());
        assert_eq!(keep(&store, lost, None).unwrap_err().reason, "absent");
        assert!(list(&store, None).unwrap().items.is_empty());
        let found = store.verify(true).unwrap();
        assert!(found.wrong.is_empty() && found.blocks == 6, "{found:?}");
    }

    #[test]
    fn storage_11_a_full_store_takes_back_what_is_in_its_trash() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let tree = gone(&store, dir.path(), "full", NOW);
        store.set_quota(0);
        assert!(keep(&store, tree, None).unwrap().was_trash, "its bytes were counted all along");
    }
}

//! What is let go of by hand, and what is not, since only this node may have it.

use crate::content::calls::{self, Answer, No};
use crate::content::follow::{self, BY_FOLLOWING};
use crate::content::publish;
use hyper::StatusCode;
use leither_storage::{ContentStore, Kept, Root};
use leither_types::MimeiId;

/// Why a root is not let go of, and what to do instead.
enum Why {
    /// It may be the only copy: `discard` lets go of it all the same.
    Only(String),
    /// Something else stands on it, which comes first.
    Needed(String),
}

/// HOLD-11: whether `discard` has a meaning for it: what may be the only copy.
pub(super) fn may_be_discarded(root: &Root) -> bool {
    match root {
        Root::Cur(_) | Root::Version(..) => true,
        Root::Pin(_) => calls::waits_for(root).is_some() || lost(root).is_some(),
    }
}

/// Whose tree it is, and which, if it is the pin of one that lost a conflict.
fn lost(root: &Root) -> Option<(MimeiId, &str)> {
    let Root::Pin(name) = root else { return None };
    let (id, cid) = name.strip_prefix(calls::LOST)?.split_once('/')?;
    Some((id.parse().ok()?, cid))
}

/// HOLD-11: lets go of a root. What may be the only copy is refused with what to do instead, unless `discard`.
pub(super) fn release(store: &ContentStore, root: &Root, discard: bool) -> Answer<()> {
    let text = calls::root_text(root);
    let Some(kept) = store.root(root)? else { return Err(calls::not_kept(&text)) };
    let refused = |why: String| No {
        status: StatusCode::BAD_REQUEST,
        reason: "refused",
        message: format!("`{text}` is not released: {why}"),
    };
    match (why_kept(store, root, &kept)?, root) {
        (Some(Why::Needed(why)), _) => Err(refused(why)),
        (Some(Why::Only(why)), _) if !discard => Err(refused(why)),
        (_, Root::Cur(id)) => {
            // What it came from says nothing without it.
            let base = Root::Pin(format!("{}{id}", calls::BASE));
            store.release_all(&[root.clone(), base], calls::now()?)?;
            Ok(())
        }
        _ => calls::release(store, &text),
    }
}

fn why_kept(store: &ContentStore, root: &Root, kept: &Kept) -> Answer<Option<Why>> {
    let name = match root {
        Root::Version(id, number) => return why_version(store, id, *number, kept),
        Root::Cur(id) => {
            return Ok(Some(Why::Only(format!(
                "what was changed in this working copy and not backed up is nowhere else; `leither mimei backup {id} --from NAME` makes it a version, `leither mimei restore {id} --discard` goes back to a version, --discard throws the working copy away"
            ))));
        }
        Root::Pin(name) => name,
    };
    if let Some(id) = calls::waits_for(root) {
        return Ok(Some(Why::Only(format!(
            "it waits to become a version of {id}, which may be nowhere else, and ends by itself once the chain has that version; --discard lets go of it where its transaction came to nothing"
        ))));
    }
    if let Some((id, cid)) = lost(root) {
        return Ok(Some(Why::Only(format!(
            "it lost a conflict, is no version and may be nowhere else; `leither mimei get {id}@{cid}` writes it to a directory, --discard lets go of it"
        ))));
    }
    match name.strip_prefix(calls::BASE).and_then(|id| id.parse::<MimeiId>().ok()) {
        // One that was left alone by a working copy that is gone says nothing to anybody.
        Some(id) if store.cur(&id)?.is_some() => Ok(Some(Why::Needed(format!(
            "the next backup has to know what the working copy came from; `leither mimei restore {id} --discard` begins it anew"
        )))),
        _ => Ok(None),
    }
}

/// HOLD-11: of the versions only those go unasked that following brought and that a newer one here has followed: others have them.
fn why_version(store: &ContentStore, id: &MimeiId, number: u64, kept: &Kept) -> Answer<Option<Why>> {
    let is_newest = store.newest(id)?.is_some_and(|(newest, _)| newest == number);
    if follow::is_followed(store, id)? && (is_newest || follow::released(store, id)? == Some(kept.cid)) {
        return Ok(Some(Why::Needed(format!(
            "{id} is provided, and others are told that this version is here; `leither mimei provide {id} --stop` ends that first"
        ))));
    }
    if publish::published(store, id)?.is_some_and(|published| published.cid == kept.cid) {
        return Ok(Some(Why::Needed(format!(
            "it is published, and others are told that it is here; `leither storage release pin/{}{id}` ends that first",
            publish::PUBLISHED
        ))));
    }
    if is_newest || kept.generation != BY_FOLLOWING {
        return Ok(Some(Why::Only(format!(
            "this version may be nowhere else; `leither mimei findprovs {id}` says who has which, --discard lets go of it"
        ))));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_storage::Config;
    use leither_storage::content::Profile;

    const ME: MimeiId = MimeiId([7; 20]);
    const OTHER: MimeiId = MimeiId([8; 20]);

    #[test]
    fn hold_11_what_may_be_nowhere_else_is_not_released_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
        let (tree, profile) = (dir.path().join("tree"), Profile::default());
        std::fs::create_dir(&tree).unwrap();
        let cid = store.add(&tree, profile, &Root::Pin("mine".into()), 0, &mut |_| ()).unwrap().cid;
        calls::record(&store, &ME, 0, cid, profile).unwrap();
        calls::restore(&store, &ME, Some(0), None, None).unwrap();
        let mut edit = store.edit(&ME).unwrap();
        edit.mkdir("changed").unwrap();
        let changed = edit.commit(0).unwrap();
        calls::expect(&store, &ME, 1, changed.cid, profile, true).unwrap();
        calls::expect(&store, &OTHER, 0, cid, profile, false).unwrap();
        let roots = |store: &ContentStore| -> Vec<String> {
            store.roots(None, 1000).unwrap().iter().map(|(root, _)| calls::root_text(root)).collect()
        };
        let pin = |name: &str| Root::Pin(name.into());
        let lost = pin(&format!("conflict/{ME}/{cid}"));
        store.keep(&lost, Kept { cid, profile, generation: 0 }, 0).unwrap();
        let (base, mine, theirs) = (
            pin(&format!("base/{ME}")),
            pin(&format!("next/cur/{ME}/1/{}", changed.cid)),
            pin(&format!("next/add/{OTHER}/0/{cid}")),
        );
        let before = roots(&store);
        for (root, words) in [
            (Root::Cur(ME), "--discard"),
            (base.clone(), "restore"),
            (mine.clone(), "by itself"),
            (theirs.clone(), "by itself"),
            (lost.clone(), "lost a conflict"),
            (Root::Version(ME, 0), "findprovs"),
        ] {
            let no = release(&store, &root, false).unwrap_err();
            assert_eq!(no.reason, "refused", "{root:?}: {}", no.message);
            assert!(no.message.contains(words), "{root:?}: {}", no.message);
        }
        assert_eq!(roots(&store), before, "nothing is gone");
        // All else is its owner's to let go of.
        for name in ["mine", "add/x", "publish/x", "follow/x", "conflict/x/y", "car/x", "base/x", "next/x"] {
            store.keep(&pin(name), Kept { cid, profile, generation: 0 }, 0).unwrap();
            release(&store, &pin(name), false).unwrap();
        }
        for root in [&lost, &Root::Version(ME, 0), &Root::Cur(ME)] {
            release(&store, root, true).unwrap();
        }
        assert_eq!(roots(&store), [&theirs, &mine].map(calls::root_text), "its base went with it");
        release(&store, &mine, true).unwrap();
        release(&store, &theirs, true).unwrap();
        assert!(roots(&store).is_empty());
        assert_eq!(release(&store, &Root::Cur(ME), true).unwrap_err().reason, "absent");
        // One that no working copy needs any more can go.
        store.keep(&base, Kept { cid, profile, generation: 0 }, 0).unwrap();
        release(&store, &base, false).unwrap();
    }

    #[test]
    fn hold_11_of_the_versions_those_go_unasked_that_following_brought_and_a_newer_one_followed() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
        let profile = Profile::default();
        let trees: Vec<_> = (0..4)
            .map(|n| {
                let path = dir.path().join("file");
                std::fs::write(&path, format!("version {n}")).unwrap();
                store.add(&path, profile, &Root::Pin(format!("test/{n}")), 0, &mut |_| ()).unwrap().cid
            })
            .collect();
        for (number, cid) in (0..).zip(&trees) {
            // The first one was made here.
            let generation = if number == 0 { 0 } else { BY_FOLLOWING };
            calls::record_as(&store, &ME, number, Kept { cid: *cid, profile, generation }).unwrap();
        }
        let of = |number| Root::Version(ME, number);
        let refused = |number, discard| {
            let no = release(&store, &of(number), discard).unwrap_err();
            assert_eq!(no.reason, "refused", "{number}");
            no.message
        };
        // It is followed, and version 1 is the released one.
        follow::begin(&store, &[ME], 0).unwrap();
        assert!(follow::note_released(&store, &ME, Some(trees[1]), 0).unwrap());
        for (number, discard) in [(1, false), (1, true), (3, false), (3, true)] {
            assert!(refused(number, discard).contains("provide"), "{number} {discard}");
        }
        assert!(refused(0, false).contains("--discard"), "it was made here");
        release(&store, &of(2), false).unwrap();
        follow::end(&store, &[ME], 0).unwrap();
        // What is published is not let go of, either.
        store.keep(&Root::Pin(format!("publish/{ME}")), Kept { cid: trees[3], profile, generation: 9 }, 0).unwrap();
        assert!(refused(3, true).contains(&format!("pin/publish/{ME}")));
        store.release(&Root::Pin(format!("publish/{ME}")), 0).unwrap();
        assert!(refused(3, false).contains("--discard"), "it is the newest here");
        release(&store, &of(1), false).unwrap();
        release(&store, &of(3), true).unwrap();
        release(&store, &of(0), true).unwrap();
        assert!(store.newest(&ME).unwrap().is_none());
    }
}

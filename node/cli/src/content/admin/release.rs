//! What is let go of by hand, and what is not, since only this node may have it.

use crate::content::calls::{self, Answer, No};
use hyper::StatusCode;
use leither_storage::{ContentStore, Root};
use leither_types::MimeiId;

/// HOLD-11: lets go of a root. What may be nowhere else is refused with what to do instead; a working copy goes with `discard`.
pub(super) fn release(store: &ContentStore, root: &Root, discard: bool) -> Answer<()> {
    let text = calls::root_text(root);
    if store.root(root)?.is_none() {
        return Err(calls::not_kept(&text));
    }
    if let Root::Cur(id) = root
        && discard
    {
        // What it came from says nothing without it.
        let base = Root::Pin(format!("{}{id}", calls::BASE));
        store.release_all(&[root.clone(), base], calls::now()?)?;
        return Ok(());
    }
    match why_kept(store, root)? {
        // Its transaction came to nothing, says its owner.
        Some(_) if discard => calls::release(store, &text),
        Some(why) => {
            Err(No { status: StatusCode::BAD_REQUEST, reason: "refused", message: format!("`{text}` is not released: {why}") })
        }
        None => calls::release(store, &text),
    }
}

/// Why it is not let go of unasked, and what to do instead.
fn why_kept(store: &ContentStore, root: &Root) -> Answer<Option<String>> {
    let name = match root {
        Root::Version(..) => return Ok(None),
        Root::Cur(id) => {
            return Ok(Some(format!(
                "what was changed in this working copy and not backed up is nowhere else; `leither mimei backup {id}` keeps it, `leither mimei restore {id} --discard` goes back to a version, --discard throws the working copy away"
            )));
        }
        Root::Pin(name) => name,
    };
    if let Some(id) = calls::waits_for(root) {
        return Ok(Some(format!(
            "it waits to become a version of {id}, which may be nowhere else, and ends by itself once the chain has that version; --discard lets go of it where its transaction came to nothing"
        )));
    }
    match name.strip_prefix(calls::BASE).and_then(|id| id.parse::<MimeiId>().ok()) {
        // One that was left alone by a working copy that is gone says nothing to anybody.
        Some(id) if store.cur(&id)?.is_some() => Ok(Some(format!(
            "the next backup has to know what the working copy came from; `leither mimei restore {id} --discard` begins it anew"
        ))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_storage::content::Profile;
    use leither_storage::{Config, Kept};

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
        let (base, mine, theirs) = (
            pin(&format!("base/{ME}")),
            pin(&format!("next/cur/{ME}/1/{}", changed.cid)),
            pin(&format!("next/add/{OTHER}/0/{cid}")),
        );
        let before = roots(&store);
        for (root, words) in
            [(Root::Cur(ME), "--discard"), (base.clone(), "restore"), (mine.clone(), "by itself"), (theirs.clone(), "by itself")]
        {
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
        release(&store, &Root::Version(ME, 0), false).unwrap();
        release(&store, &Root::Cur(ME), true).unwrap();
        assert_eq!(roots(&store), [&theirs, &mine].map(calls::root_text), "its base went with it");
        release(&store, &mine, true).unwrap();
        release(&store, &theirs, true).unwrap();
        assert!(roots(&store).is_empty());
        assert_eq!(release(&store, &Root::Cur(ME), true).unwrap_err().reason, "absent");
        // One that no working copy needs any more can go.
        store.keep(&base, Kept { cid, profile, generation: 0 }, 0).unwrap();
        release(&store, &base, false).unwrap();
    }
}

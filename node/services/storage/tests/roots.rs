//! Many roots in one write, and what is left without one.
mod common;

use cid::Cid;
use common::*;
use leither_storage::content::Profile;
use leither_storage::{ContentStore, Kept, Result, Root, StorageError};

/// Puts two leaves and a node over them, and pins the node.
fn add(store: &ContentStore, name: &str, leaves: [&[u8]; 2]) -> Cid {
    let mut session = store.session();
    for leaf in leaves {
        session.put(&raw(leaf), leaf.to_vec()).unwrap();
    }
    let (cid, block) = node(&leaves.map(raw));
    session.put(&cid, block).unwrap();
    session.finish(&pin(name), kept(cid), NOW).unwrap();
    cid
}

#[test]
fn storage_3_many_roots_are_kept_and_released_in_one_write_and_what_is_not_here_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (one, two) = (add(&store, "one", [b"a", b"b"]), add(&store, "two", [b"b", b"c"]));
    let absent = raw(b"absent");
    let many: Vec<(Root, Kept)> = (0..500)
        .map(|n| (pin(&format!("many/{n:03}")), kept([one, two, absent][n % 3])))
        // Named twice: the last word counts.
        .chain([(pin("many/000"), kept(two))])
        .collect();
    let done = store.keep_all(&many, NOW).unwrap();
    assert_eq!(done, many.iter().map(|(_, kept)| kept.cid != absent).collect::<Vec<_>>());
    assert_eq!(store.root(&pin("many/000")).unwrap().unwrap().cid, two);
    assert_eq!(store.root(&pin("many/002")).unwrap(), None);
    check(&store);
    store.release(&pin("one"), NOW).unwrap();
    store.release(&pin("two"), NOW).unwrap();
    assert_eq!(purge(&store, NOW + 2 * DAY), 0, "the many keep it");
    let names: Vec<Root> = many.iter().map(|(root, _)| root.clone()).collect();
    let released = store.release_all(&names, NOW).unwrap();
    assert_eq!((released.iter().filter(|is_there| **is_there).count(), released[500]), (334, false));
    assert_eq!(purge(&store, NOW + DAY), 5);
    check(&store);
}

#[test]
fn storage_12_an_act_is_done_whole_or_with_a_refusal_in_its_middle_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (one, two) = (add(&store, "one", [b"a", b"b"]), add(&store, "two", [b"c", b"d"]));
    store.create_cur(&ME, Profile::V1_2025, Some(&one)).unwrap();
    let before = (store.roots(None, 100).unwrap(), store.stat().unwrap());
    let act = |last: Cid| {
        store.act(NOW, |act| -> Result<Kept> {
            act.record(&ME, 0, kept(two))?;
            let cur = act.set_cur(&ME, 0, &two, Profile::V1_2025)?;
            assert_eq!(act.root(&Root::Cur(ME))?, Some(cur), "it reads what it has changed");
            assert!(act.release(&pin("one"))? && !act.release(&pin("one"))?);
            act.keep(&pin("last"), kept(last))?;
            Ok(cur)
        })
    };
    assert!(matches!(act(raw(b"absent")), Err(StorageError::NoBlock(_))));
    assert_eq!((store.roots(None, 100).unwrap(), store.stat().unwrap()), before);
    assert!(store.trash(None, 10).unwrap().is_empty());
    check(&store);
    let cur = act(two).unwrap();
    assert_eq!((cur.cid, cur.generation, store.cur(&ME).unwrap()), (two, 1, Some(cur)));
    assert_eq!(store.version(&ME, 0).unwrap().map(|kept| kept.cid), Some(two));
    assert_eq!(store.trash(None, 10).unwrap().len(), 1, "what was released can be taken back");
    assert_eq!(purge(&store, NOW + DAY), 3);
    check(&store);
    // By what the working copy is at that moment: the generation has moved.
    assert!(matches!(act(two), Err(StorageError::CurMoved { base: 0, found: 1, .. })));
}

#[test]
fn storage_5_what_is_left_to_the_next_try_is_found_by_it_for_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (cid, block) = node(&[raw(b"a"), raw(b"b")]);
    let put = |blocks: &[(Cid, &[u8])]| {
        let mut session = store.session();
        blocks.iter().for_each(|(cid, bytes)| session.put(cid, bytes.to_vec()).unwrap());
        session
    };
    let whole: [(Cid, &[u8]); 4] = [(raw(b"a"), b"a"), (raw(b"b"), b"b"), (cid, &block), (raw(b"c"), b"c")];
    put(&whole).leave(NOW).unwrap();
    assert_eq!((blocks(&store), purge(&store, NOW + DAY - 1)), (4, 0));
    check(&store);
    // The next try holds what it finds; given up, it takes nothing of its day away.
    let mut session = put(&[]);
    assert!(session.hold(&cid).unwrap() && session.hold(&raw(b"c")).unwrap() && !session.hold(&raw(b"d")).unwrap());
    drop(session);
    assert_eq!((blocks(&store), purge(&store, NOW + DAY - 1)), (4, 0));
    // One that is left, too, begins the day anew, of what it held alone.
    let mut session = put(&[(raw(b"d"), b"d".as_slice())]);
    assert!(session.hold(&cid).unwrap());
    session.leave(NOW + DAY / 2).unwrap();
    assert_eq!((purge(&store, NOW + DAY), blocks(&store)), (1, 4), "`c` went");
    let mut session = put(&[]);
    assert!(session.hold(&cid).unwrap());
    session.finish(&pin("tree"), kept(cid), NOW).unwrap();
    assert_eq!((purge(&store, NOW + 2 * DAY), blocks(&store)), (1, 3), "`d` went, and what got a root stays");
    check(&store);
}

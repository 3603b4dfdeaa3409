//! Many roots in one write.
mod common;

use cid::Cid;
use common::*;
use leither_storage::{ContentStore, Kept, Root};

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

//! Calls about the store as a whole, by the socket.

use super::{Node, node, noise, pins};
use crate::content::api::{Again, Checking, Compacted, Purged, Stat, Trash, Verified, escape};
use crate::exit::Exit;
use leither_kit::Cid;
use leither_kit::source::Source;
use leither_storage::Root;
use leither_storage::content::{self, Profile};

/// A file in the store that somebody let go of a moment ago.
fn released(node: &Node, seed: u64) -> Cid {
    let path = node.file("film", &noise(seed, 3 << 20));
    let root = Root::Pin("test/film".into());
    let cid = node.store.add(&path, Profile::default(), &root, 0, &mut |_| ()).unwrap().cid;
    assert!(node.store.release(&root, crate::wallet::now_ms().unwrap()).unwrap());
    cid
}

#[tokio::test(flavor = "multi_thread")]
async fn sock_7_the_store_is_verified_and_compacted_by_calls_that_answer_in_lines() {
    let node = node(u64::MAX);
    let socket = node.socket().await;
    released(&node, 1);
    let verify = socket.lines::<Verified, Checking>("/storage/verify?hashes=true", |_| ());
    let found = verify.await.unwrap();
    assert_eq!((found.wrong.len(), found.trashed.as_str()), (0, "1"));
    let done = socket.lines::<Compacted, Compacted>("/storage/compact", |_| ()).await.unwrap();
    assert!(done.steps.parse::<u64>().unwrap() > 0 && done.after.parse::<u64>().unwrap() > 3 << 20, "{done:?}");
    assert_eq!(socket.get::<Trash>("/storage/trash").await.unwrap().items.len(), 1, "the trash stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_2_a_tree_whose_first_block_is_here_as_a_file_is_not_here_whole() {
    let node = node(u64::MAX);
    let socket = node.socket().await;
    let tree = node.dir.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("a"), "a").unwrap();
    let mut first = Vec::new();
    let mut sink = |_: &Cid, block: Vec<u8>| {
        first = block;
        Ok(())
    };
    // The root comes last.
    let cid = content::add(&tree, Profile::default(), &mut sink, &mut |_| ()).unwrap().cid;
    assert!(!socket.has_whole(&cid).await);
    let path = node.file("leaf", &first);
    node.store.add(&path, Profile::default(), &Root::Pin("leaf".into()), 0, &mut |_| ()).unwrap();
    assert_eq!(socket.block(&cid).await.unwrap(), first, "it is here by its bytes");
    assert!(!socket.has_whole(&cid).await);
    node.store.add(&tree, Profile::default(), &Root::Pin("tree".into()), 0, &mut |_| ()).unwrap();
    assert!(socket.has_whole(&cid).await);
}

#[tokio::test]
async fn storage_4_what_the_files_take_of_the_disk_is_told_beside_what_counts() {
    let node = node(u64::MAX);
    released(&node, 1);
    let stat: Stat = node.socket().await.get("/storage").await.unwrap();
    let [bytes, disk] = [&stat.bytes, &stat.disk].map(|text| text.parse::<u64>().unwrap());
    assert!(bytes > 3 << 20 && disk > 3 << 20, "{stat:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sock_9_what_was_released_is_found_in_the_trash_and_kept_again() {
    let node = node(u64::MAX);
    let socket = node.socket().await;
    let (one, two) = (released(&node, 1), released(&node, 2));
    let page: Trash = socket.get("/storage/trash").await.unwrap();
    let mut listed: Vec<&str> = page.items.iter().map(|item| item.cid.as_str()).collect();
    let mut wanted = [one.to_string(), two.to_string()];
    listed.sort_unstable();
    wanted.sort_unstable();
    assert_eq!((listed, page.next), (wanted.iter().map(String::as_str).collect(), None));
    let again: Again = socket.post(&format!("/storage/keep?cid={one}&name={}", escape("my film"))).await.unwrap();
    assert_eq!((again.root.as_str(), again.was_trash), ("pin/keep/my film", true));
    assert_eq!(pins(&node.store), ["pin/keep/my film"]);
    assert!(!socket.post::<Again>(&format!("/storage/keep?cid={one}")).await.unwrap().was_trash);
    let purged: Purged = socket.post("/storage/purge?all=true").await.unwrap();
    assert_ne!(purged.blocks, "0");
    assert!(node.store.has(&one).unwrap() && !node.store.has(&two).unwrap());
    let said = socket.post::<Again>(&format!("/storage/keep?cid={two}")).await.unwrap_err();
    assert_eq!((said.reason.as_str(), said.failure.exit), ("absent", Exit::Refused), "{}", said.failure.sentence);
}

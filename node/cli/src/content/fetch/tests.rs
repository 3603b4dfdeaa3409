use super::super::fakes::FakeNet;
use super::super::wants::Network;
use super::*;
use leither_storage::Config;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;
use tempfile::TempDir;

fn store(dir: &TempDir) -> ContentStore {
    ContentStore::open(&Config::new(dir.path().join("content"))).unwrap()
}

fn order(cid: Cid) -> Order {
    Order { cid, root: Root::Pin(format!("t/{cid}")), profile: Profile::default(), patience: Duration::from_millis(400) }
}

async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
}

async fn run(store: &ContentStore, net: &FakeNet, cid: Cid) -> Result<Fetched, FetchError> {
    let mut wants = net.session(Vec::new()).await.unwrap();
    fetch(store, &mut *wants, &order(cid), &watch::Sender::new(Far::default())).await
}

/// A directory of many small files in two levels, and one file of several parts.
fn tree(dir: &Path, files: usize) -> PathBuf {
    let path = dir.join("tree");
    for n in 0..files {
        let below = path.join(format!("d{}", n % 7));
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join(format!("f{n}")), format!("file {n}")).unwrap();
    }
    let film: Vec<u8> = (0..800_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(path.join("film"), film).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_1_a_tree_comes_whole_and_the_next_version_brings_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    let (store, net) = (store(&dir), FakeNet::default());
    let path = tree(dir.path(), 70);
    let (first, count) = net.have(&path, Profile::default());
    let fetched = run(&store, &net, first).await.unwrap();
    assert_eq!((fetched.blocks, fetched.here), (count as u64, 0));
    assert_eq!(store.stat().unwrap().bytes, fetched.bytes);
    assert_eq!(store.root(&order(first).root).unwrap().unwrap().cid, first);
    std::fs::write(path.join("d3/f3"), "changed").unwrap();
    let (second, _) = net.have(&path, Profile::default());
    let asked = net.asked().len();
    let fetched = run(&store, &net, second).await.unwrap();
    assert_eq!(fetched.blocks, 3, "the file, its directory, the root");
    assert_eq!(net.asked().len() - asked, 3, "what is here is not asked for");
    assert_eq!(fetched.here, 7 + 9, "six directories and the film, nine files beside it");
    // Once more: nothing is asked for.
    let fetched = run(&store, &net, second).await.unwrap();
    assert_eq!((fetched.blocks, fetched.here), (0, 1));
    assert_eq!(store.verify(true).unwrap().wrong.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_1_of_a_large_directory_only_the_path_to_what_differs_comes_and_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let (store, net) = (store(&dir), FakeNet::default());
    let path = dir.path().join("large");
    std::fs::create_dir_all(&path).unwrap();
    // Its entries have more than fits one block: it is a trie of shards.
    let files = 6_000;
    (0..files).for_each(|n| std::fs::write(path.join(format!("file-number-{n}")), format!("file {n}")).unwrap());
    let (first, _) = net.have(&path, Profile::default());
    run(&store, &net, first).await.unwrap();
    let text = "changed";
    std::fs::write(path.join("file-number-3000"), text).unwrap();
    let (second, _) = net.have(&path, Profile::default());
    let fetched = run(&store, &net, second).await.unwrap();
    assert!(fetched.blocks >= 3, "the file and shards on two levels: {fetched:?}");
    assert!(fetched.bytes <= text.len() as u64 + (64 << 10), "{fetched:?}");
    assert!(fetched.here < 3 * 256, "a shard has 256 places; of {files} files: {fetched:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_1_trees_of_the_older_profile_come_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let (store, net) = (store(&dir), FakeNet::default());
    let (root, count) = net.have(&tree(dir.path(), 20), Profile::V0_2015);
    assert_eq!(run(&store, &net, root).await.unwrap().blocks, count as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_2_no_more_is_wanted_at_once_than_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let (store, net) = (store(&dir), FakeNet::default());
    let (root, count) = net.have(&tree(dir.path(), 3_000), Profile::default());
    assert!(count > 3_000);
    assert_eq!(run(&store, &net, root).await.unwrap().blocks, count as u64);
    let most = net.0.most.load(SeqCst);
    assert!(most <= FLYING_MAX && most > FLYING_MAX / 2, "{most}");
}

#[test]
fn fetch_2_what_a_tree_says_of_its_leaves_is_not_believed_against_what_came() {
    let cid = |n: u8| Cid::new_v1(codec::RAW, leither_kit::multihash::Multihash::wrap(0x12, &[n; 32]).unwrap());
    let mut flying = Flying::default();
    for n in 0..3 {
        flying.starts(&Job::new(cid(n), Some(0)));
        assert!(flying.lands(&cid(n), 1 << 20));
    }
    assert!(!flying.lands(&cid(9), 5), "it was not on its way");
    let mut count = 0u8;
    while flying.has_room(&Job::new(cid(count), Some(0)), NODES_MAX) {
        flying.starts(&Job::new(cid(count), Some(0)));
        count += 1;
    }
    assert_eq!(count, 16, "they say nothing, and those before had a MiB each");
    assert!(Flying::default().has_room(&Job::new(cid(1), Some(u64::MAX)), 0), "one always may");
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_3_what_does_not_come_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (store, net) = (store(&dir), FakeNet::default());
    let (root, _) = net.have(&tree(dir.path(), 5), Profile::default());
    net.lose(&root).unwrap();
    let failed = run(&store, &net, root).await.unwrap_err();
    assert!(matches!(&failed, FetchError::Stuck { missing, .. } if *missing == root), "{failed}");
    assert_eq!(store.stat().unwrap().blocks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_4_the_next_try_goes_on_from_what_came() {
    let dir = tempfile::tempdir().unwrap();
    let (store, net) = (store(&dir), FakeNet::default());
    let path = tree(dir.path(), 30);
    let (root, count) = net.have(&path, Profile::default());
    let (lost, _) = FakeNet::default().have(&path.join("d3/f3"), Profile::default());
    let bytes = net.lose(&lost).unwrap();
    let failed = run(&store, &net, root).await.unwrap_err();
    assert!(matches!(&failed, FetchError::Stuck { missing, .. } if *missing == lost), "{failed}");
    // All but what is missing, the directory that it lies in, and the root.
    let came = count as u64 - 3;
    until(|| store.stat().unwrap().blocks == came && store.verify(false).unwrap().holds == 0).await;
    let now = crate::wallet::now_ms().unwrap();
    assert_eq!((store.purge(now, 1_000).unwrap().blocks, store.roots(None, 10).unwrap().len()), (0, 0), "it is in the trash");
    net.0.blocks.lock().unwrap().insert(hash_of(&lost), bytes);
    let asked = net.asked().len();
    let fetched = run(&store, &net, root).await.unwrap();
    assert_eq!((fetched.blocks, net.asked().len() - asked), (3, 3), "what came is not fetched again");
    assert!(store.verify(true).unwrap().wrong.is_empty());
    assert!(store.release(&order(root).root, now).unwrap());
    while store.purge(now + 2 * leither_storage::config::GRACE_MS, 1_000).unwrap().more {}
    assert_eq!(store.stat().unwrap().blocks, 0, "and it goes with its root");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quota_ends_it_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (store, net) = (store(&dir), FakeNet::default());
    store.set_quota(1 << 20);
    let (root, _) = net.have(&tree(dir.path(), 5), Profile::default());
    let failed = run(&store, &net, root).await.unwrap_err();
    assert!(matches!(failed, FetchError::Store(StorageError::Quota { .. })), "{failed}");
    // What is full would be full for a day.
    until(|| store.stat().unwrap().blocks == 0).await;
}

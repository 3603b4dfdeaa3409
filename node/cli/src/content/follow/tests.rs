use super::super::fakes::{FakeChain, FakeNet};
use super::*;
use leither_storage::Config;
use std::path::Path;
use tempfile::TempDir;

const ME: MimeiId = MimeiId([7; 20]);
const NOW: u64 = 1_000;

struct Node {
    dir: TempDir,
    store: ContentStore,
    net: FakeNet,
    chain: FakeChain,
    follow: Follow,
}

fn node() -> Node {
    let dir = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
    let (net, chain) = (FakeNet::default(), FakeChain::default());
    let follow =
        Follow { store: store.clone(), chain: Arc::new(chain.clone()), network: Arc::new(net.clone()), book: Arc::default() };
    Node { dir, store, net, chain, follow }
}

fn write(dir: &Path, text: &str) -> std::path::PathBuf {
    let path = dir.join(text);
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("a"), text).unwrap();
    path
}

impl Node {
    /// A tree that others have.
    fn there(&self, text: &str) -> Cid {
        self.net.have(&write(self.dir.path(), text), Profile::default()).0
    }

    fn numbers(&self) -> Vec<u64> {
        self.store.versions(&ME, None, 100).unwrap().iter().map(|(number, _)| *number).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..500 {
            if holds(self) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_what_is_followed_comes_is_a_version_and_is_announced() {
    let node = node();
    begin(&node.store, &ME, NOW).unwrap();
    assert!(is_followed(&node.store, &ME).unwrap());
    assert_eq!(node.store.stat().unwrap().blocks, 0, "the pin itself keeps nothing");
    let end = tokio::sync::Notify::new();
    let running = node.follow.clone().run(async { end.notified().await });
    let test = async {
        let first = node.there("first");
        node.chain.moves(ME, 0, first);
        node.until("the first version", |node| node.net.provided() == [What::Mimei(ME), What::Tree(first)]).await;
        assert_eq!(node.numbers(), [0]);
        assert!(node.store.root(&calls::added(&first)).unwrap().is_none(), "its way here leaves no pin");
        // It was away for some: the newest alone comes, and the released one.
        let (second, third, fourth) = (node.there("second"), node.there("third"), node.there("fourth"));
        node.chain.moves(ME, 1, second);
        node.chain.moves(ME, 2, third);
        node.chain.releases(ME, 1);
        node.chain.moves(ME, 3, fourth);
        node.until("the newest version", |node| node.net.provided().contains(&What::Tree(fourth))).await;
        node.until("the one before is announced no more", |node| !node.net.provided().contains(&What::Tree(first)))
            .await;
        assert!(node.numbers().contains(&3) && node.numbers().contains(&1), "{:?}", node.numbers());
        super::end(&node.store, &ME, NOW).unwrap();
        node.chain.moves(ME, 4, node.there("fifth"));
        sleep(Duration::from_millis(1_500)).await;
        assert!(!node.numbers().contains(&4), "it is followed no more");
        end.notify_one();
    };
    tokio::join!(running, test);
    assert_eq!(node.store.verify(true).unwrap().wrong.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_what_cannot_be_had_is_tried_again_and_a_newer_version_at_once() {
    let node = node();
    begin(&node.store, &ME, NOW).unwrap();
    let (lost, found) = (node.there("lost"), node.there("found"));
    node.net.lose(&lost);
    node.chain.moves(ME, 0, lost);
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    let quick = Duration::from_millis(100);
    let tell = watch::Sender::new(Far::default());
    let no = node.follow.bring_up(&ME, newest, quick, &tell).await.unwrap_err();
    assert!(no.reason == "unreachable" && no.message.contains(&lost.to_string()), "{}", no.message);
    node.chain.moves(ME, 1, found);
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    node.follow.bring_up(&ME, newest, quick, &tell).await.unwrap();
    assert_eq!(node.numbers(), [1]);
    node.net.0.alone.store(true, std::sync::atomic::Ordering::SeqCst);
    node.chain.moves(ME, 2, lost);
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    let no = node.follow.bring_up(&ME, newest, quick, &tell).await.unwrap_err();
    assert!(no.message.contains("nobody is connected"), "{}", no.message);
}

#[test]
fn hold_6_pauses_grow_to_five_minutes_and_end_with_a_newer_version() {
    let (book, start) = (Book::default(), Instant::now());
    let at = |number| Newest { last: Some((number, nothing())), release: None };
    assert!(book.is_due(&ME, &at(0), start));
    let pauses: Vec<u64> = (0..12).map(|_| book.has_failed(ME, at(0), "gone", start).as_secs()).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    assert!(!book.is_due(&ME, &at(0), start + Duration::from_secs(299)));
    assert!(book.is_due(&ME, &at(0), start + Duration::from_secs(300)));
    assert!(book.is_due(&ME, &at(1), start), "another version is another matter");
    assert_eq!(book.failure(&ME).as_deref(), Some("gone"));
    assert_eq!(book.has_failed(ME, at(1), "gone", start).as_secs(), 1);
    book.is_done(ME, at(1));
    assert!(!book.is_due(&ME, &at(1), start) && book.failure(&ME).is_none());
    let released = Newest { release: Some(0), ..at(1) };
    assert!(book.is_due(&ME, &released, start), "another one is released");
}

#[tokio::test]
async fn hold_6_one_at_a_time_brings_a_mimei_up() {
    let book = Book::default();
    let mine = book.entered(ME).await;
    assert!(book.enter(ME).is_none() && book.enter(MimeiId([8; 20])).is_some());
    let waits = tokio::time::timeout(Duration::from_millis(250), book.entered(ME)).await;
    assert!(waits.is_err());
    drop(mine);
    assert!(book.enter(ME).is_some());
}

#[test]
fn hold_6_those_that_are_followed_are_looked_at_in_turns() {
    let node = node();
    let ids: Vec<MimeiId> = (0..25u8).map(|n| MimeiId([n; 20])).collect();
    ids.iter().for_each(|id| begin(&node.store, id, NOW).unwrap());
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let (page, more) = followed(&node.store, after.as_ref(), 10).unwrap();
        seen.extend(page);
        after = seen.last().copied();
        if !more {
            break;
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, ids);
}

#[test]
fn hold_8_of_what_following_brought_the_newest_two_stay_and_the_released_one() {
    let node = node();
    let path = write(node.dir.path(), "tree");
    let cid = node.store.add(&path, Profile::default(), &Root::Pin("x".into()), 0, &mut |_| ()).unwrap().cid;
    for number in [1, 2, 3, 5] {
        record(&node.store, &ME, number, cid, true, NOW).unwrap();
    }
    // Those of who makes versions here are never let go of.
    node.store.backup(&ME, 0, &cid, Profile::default()).unwrap();
    calls::expect(&node.store, &ME, 4, cid, Profile::default(), false).unwrap();
    record(&node.store, &ME, 4, cid, true, NOW).unwrap();
    record(&node.store, &ME, 6, cid, false, NOW).unwrap();
    let_go(&node.store, &ME, Some(1), NOW).unwrap();
    assert_eq!(node.numbers(), [0, 1, 3, 4, 5, 6]);
    let_go(&node.store, &ME, None, NOW).unwrap();
    assert_eq!(node.numbers(), [0, 3, 4, 5, 6]);
}

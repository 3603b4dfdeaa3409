use super::super::fakes::FakeNet;
use super::*;
use leither_kit::multihash::Multihash;
use leither_kit::walk::load;
use leither_storage::content::Profile;
use leither_storage::{Config, ContentStore, Root};
use leither_types::MimeiId;
use std::sync::atomic::Ordering::SeqCst;
use tempfile::TempDir;

struct Node {
    dir: TempDir,
    store: ContentStore,
    net: FakeNet,
    far: Arc<Far>,
}

fn node(patience: Patience) -> Node {
    let dir = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
    let net = FakeNet::default();
    let (far, browse) = with(Local::new(store.clone()), Arc::new(net.clone()), patience);
    tokio::spawn(browse.run(std::future::pending()));
    Node { dir, store, net, far: Arc::new(far) }
}

fn quick(block_ms: u64, alone_ms: u64) -> Patience {
    Patience { block: Duration::from_millis(block_ms), alone: Duration::from_millis(alone_ms), ..PATIENCE }
}

/// A block that nobody has.
fn leaf(n: u32) -> Cid {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&n.to_be_bytes());
    Cid::new_v1(0x55, Multihash::wrap(0x12, &digest).unwrap())
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}");
}

impl Node {
    fn file(&self, name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

#[tokio::test]
async fn far_1_what_is_here_is_not_fetched_and_what_several_ask_for_is_fetched_once() {
    let node = node(PATIENCE);
    let here = node.file("here", b"here");
    let here = node.store.add(&here, Profile::default(), &Root::Pin("x".into()), 0, &mut |_| ()).unwrap().cid;
    assert_eq!(node.far.block(&here).await.unwrap(), "here");
    let (there, _) = node.net.have(&node.file("there", b"there"), Profile::default());
    let bytes = node.net.lose(&there).unwrap();
    let asks: Vec<_> = (0..5)
        .map(|_| {
            let far = node.far.clone();
            tokio::spawn(async move { far.block(&there).await })
        })
        .collect();
    sleep(Duration::from_millis(50)).await;
    assert!(!node.far.has(&there).await, "asking whether it is here fetches nothing");
    node.net.0.blocks.lock().unwrap().insert(hash_of(&there), bytes);
    for ask in asks {
        assert_eq!(ask.await.unwrap().unwrap(), "there");
    }
    assert_eq!(node.net.asked(), [there], "five asked, one was sent");
    node.net.lose(&there);
    assert_eq!(node.far.block(&there).await.unwrap(), "there", "it stays in memory");
    assert!(node.far.has(&there).await && !node.store.has(&there).unwrap(), "and is not kept");
}

#[tokio::test]
async fn far_1_what_does_not_come_is_given_up_and_wanted_no_more() {
    let node = node(quick(300, 60_000));
    let (there, _) = node.net.have(&node.file("there", b"there"), Profile::default());
    node.net.lose(&there);
    assert_eq!(node.far.block(&there).await, Err(SourceError::Timeout(there)));
    for _ in 0..100 {
        if node.net.0.cancelled.lock().unwrap().contains(&there) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("it is still wanted");
}

#[tokio::test]
async fn far_3_the_next_parts_of_a_file_are_fetched_ahead() {
    let node = node(PATIENCE);
    let bytes: Vec<u8> = (0..40u32 << 16).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let (root, count) = node.net.have(&node.file("film", &bytes), Profile::V0_2015);
    assert_eq!(count, 41, "forty parts and a node");
    let parts: Vec<Cid> = load(&*node.far, &root).await.unwrap().node.links().copied().collect();
    assert_eq!(node.net.asked(), [root], "who only looks at it fetches none of it");
    node.far.block(&parts[5]).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(node.net.asked()[1..], parts[5..=5 + AHEAD], "it and the next sixteen");
    node.far.block(&parts[6]).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(node.net.asked()[1..], parts[5..=6 + AHEAD], "one more, and none twice");
}

#[tokio::test]
async fn far_4_where_nobody_is_connected_nobody_waits_long() {
    let node = node(quick(60_000, 100));
    node.net.0.alone.store(true, SeqCst);
    let (there, _) = node.net.have(&node.file("there", b"there"), Profile::default());
    node.net.lose(&there);
    let begin = Instant::now();
    assert_eq!(node.far.block(&there).await, Err(SourceError::NotFound(there)));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn far_3_no_more_blocks_are_open_than_may_be_and_what_nobody_waits_for_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
    let (_far, mut browse) = with(Local::new(store), Arc::new(FakeNet::default()), PATIENCE);
    let mut ask = |n: u32| {
        let (reply, answer) = oneshot::channel();
        (browse.enter(Ask { cid: leaf(n), reply }), answer, browse.open.len())
    };
    let mut waiting: Vec<_> = (0..OPEN_MAX as u32).map(|n| ask(n).1).collect();
    let (turn, mut answer, open) = ask(9_000);
    assert_eq!(answer.try_recv().unwrap(), Err(SourceError::Busy(leaf(9_000))));
    assert!(turn.block.is_empty() && turn.gone.is_empty() && open == OPEN_MAX);
    assert!(ask(5).0.block.is_empty(), "one that is open has its place");
    drop(waiting.remove(7));
    let (turn, _answer, open) = ask(9_001);
    assert_eq!((turn.block, turn.gone, open), (vec![leaf(9_001)], vec![leaf(7)], OPEN_MAX));
}

#[tokio::test]
async fn far_3_who_gets_no_place_is_refused_by_name_and_what_is_in_memory_needs_none() {
    let node = node(Patience { place: Duration::from_millis(50), ..PATIENCE });
    let (there, _) = node.net.have(&node.file("there", b"there"), Profile::default());
    node.far.block(&there).await.unwrap();
    let asks: Vec<_> = (0..ASKED_MAX as u32)
        .map(|n| {
            let far = node.far.clone();
            tokio::spawn(async move { far.block(&leaf(n)).await })
        })
        .collect();
    until("all places are taken", || node.far.places.available_permits() == 0).await;
    assert_eq!(node.far.block(&leaf(9_000)).await, Err(SourceError::Busy(leaf(9_000))));
    assert_eq!(node.far.block(&there).await.unwrap(), "there");
    asks.iter().for_each(tokio::task::JoinHandle::abort);
    let (other, _) = node.net.have(&node.file("other", b"other"), Profile::default());
    until("who has gone gives the place back", || node.far.places.available_permits() > 0).await;
    assert_eq!(node.far.block(&other).await.unwrap(), "other");
}

#[tokio::test]
async fn far_3_what_the_swarm_refuses_is_refused_and_leaves_nothing_behind() {
    let node = node(PATIENCE);
    let (there, _) = node.net.have(&node.file("there", b"there"), Profile::default());
    let refuse = |error: Option<RouteError>| *node.net.0.refuses.lock().unwrap() = error;
    refuse(Some(RouteError::TooMany));
    assert_eq!(node.far.block(&there).await, Err(SourceError::Busy(there)));
    refuse(Some(RouteError::Stopped));
    assert!(matches!(node.far.block(&there).await, Err(SourceError::Other(_))));
    refuse(None);
    assert_eq!(node.far.block(&there).await.unwrap(), "there", "it is wanted anew");
}

#[tokio::test]
async fn far_5_who_is_found_to_have_the_tree_is_asked_and_dialled_where_the_search_says() {
    let node = node(PATIENCE);
    let bytes: Vec<u8> = (0..10u32 << 16).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let (root, _) = node.net.have(&node.file("film", &bytes), Profile::V0_2015);
    let parts: Vec<Cid> = load(&*node.far, &root).await.unwrap().node.links().copied().collect();
    let lost = node.net.lose(&parts[5]).unwrap();
    let provider = Provider { peer: PeerId::random(), addresses: vec!["/ip4/198.51.100.9/tcp/4806".parse().unwrap()] };
    *node.net.0.providers.lock().unwrap() = vec![provider.clone()];
    let far = node.far.clone();
    let part = parts[5];
    let ask = tokio::spawn(async move { far.block(&part).await });
    until("it is dialled", || *node.net.0.dialled.lock().unwrap() == [provider.clone()]).await;
    assert_eq!(*node.net.0.looked_for.lock().unwrap(), [What::Tree(root)], "roots alone are announced");
    assert_eq!(*node.net.0.added.lock().unwrap(), [provider.peer]);
    node.net.0.blocks.lock().unwrap().insert(hash_of(&part), lost.clone());
    assert_eq!(ask.await.unwrap().unwrap(), lost);
}

#[tokio::test]
async fn far_6_of_a_tree_that_is_a_version_of_a_mimei_the_holders_of_that_are_asked_and_of_others_not() {
    let (me, other) = (MimeiId([7; 20]), node(PATIENCE));
    let node = node(PATIENCE);
    let bytes: Vec<u8> = (0..10u32 << 16).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let (root, _) = node.net.have(&node.file("film", &bytes), Profile::V0_2015);
    let block = node.net.lose(&root).unwrap();
    node.far.owners().note(&root, me);
    let far = node.far.clone();
    let ask = tokio::spawn(async move { far.block(&root).await });
    until("the MiMei is looked for", || *node.net.0.looked_for.lock().unwrap() == [What::Mimei(me)]).await;
    assert_eq!(*node.net.0.hunted.lock().unwrap(), [vec![What::Mimei(me).key()]], "its session does so, too");
    node.net.0.blocks.lock().unwrap().insert(hash_of(&root), block.clone());
    assert_eq!(ask.await.unwrap().unwrap(), block);
    // What is below it, too; it was looked for a moment ago.
    let part = *load(&*node.far, &root).await.unwrap().node.links().next().unwrap();
    node.net.lose(&part);
    let far = node.far.clone();
    let ask = tokio::spawn(async move { far.block(&part).await });
    until("the tree is looked for", || node.net.0.looked_for.lock().unwrap().contains(&What::Tree(root))).await;
    assert_eq!(*node.net.0.looked_for.lock().unwrap(), [What::Mimei(me), What::Tree(root)]);
    ask.abort();
    let (there, _) = other.net.have(&other.file("there", b"there"), Profile::default());
    other.far.block(&there).await.unwrap();
    assert_eq!(*other.net.0.hunted.lock().unwrap(), [Vec::<Key>::new()], "of a tree alone nobody knows a MiMei");
}

#[tokio::test]
async fn far_5_a_session_ends_in_time_and_the_next_begins_when_something_is_wanted_with_who_sent_blocks() {
    let node = node(Patience { session: Duration::from_millis(200), ..PATIENCE });
    let sessions = || (node.net.0.begun.load(SeqCst), node.net.0.ended.load(SeqCst));
    let giver = PeerId::random();
    *node.net.0.giver.lock().unwrap() = Some(giver);
    let (first, _) = node.net.have(&node.file("first", b"first"), Profile::default());
    node.far.block(&first).await.unwrap();
    let none_is_left = || matches!(sessions(), (begun, ended) if ended > 0 && begun == ended);
    until("the session ends, and no other begins", none_is_left).await;
    assert!(node.net.0.added.lock().unwrap().is_empty());
    // What is still open is wanted in the next ones, too.
    let (lost, _) = node.net.have(&node.file("lost", b"lost"), Profile::default());
    let bytes = node.net.lose(&lost).unwrap();
    let far = node.far.clone();
    let ask = tokio::spawn(async move { far.block(&lost).await });
    until("it is wanted again", || node.net.asked().iter().filter(|cid| **cid == lost).count() >= 2).await;
    assert_eq!(*node.net.0.added.lock().unwrap(), [giver], "who sent nothing in the last session is not asked for that");
    node.net.0.blocks.lock().unwrap().insert(hash_of(&lost), bytes);
    assert_eq!(ask.await.unwrap().unwrap(), "lost");
}

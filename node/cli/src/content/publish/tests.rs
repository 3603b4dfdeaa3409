use super::super::fakes::{FakeNet, Node, node};
use super::*;
use leither_storage::content::Profile;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

const ME: MimeiId = MimeiId([7; 20]);
const OTHER: MimeiId = MimeiId([8; 20]);
const LONG: u64 = 600_000;

impl Node {
    /// A file that is here, under a pin of its own.
    fn here(&self, text: &str) -> Cid {
        let path = self.dir.path().join(text);
        std::fs::write(&path, text).unwrap();
        self.store().add(&path, Profile::default(), &Root::Pin(format!("test/{text}")), 0, &mut |_| ()).unwrap().cid
    }

    async fn say(&self, id: MimeiId, lifetime_ms: u64) -> Answer<Said> {
        publish(&self.follow, id, lifetime_ms).await
    }

    fn is_published(&self, id: MimeiId) -> bool {
        published(self.store(), &id).unwrap().is_some()
    }
}

async fn over() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

fn sorted(whats: &[What]) -> Vec<Key> {
    let mut keys: Vec<Key> = whats.iter().map(What::key).collect();
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_9_what_is_published_is_announced_until_its_time_is_over() {
    let node = node();
    assert!(node.say(ME, 1_000).await.err().unwrap().message.contains("no version"));
    let path = node.dir.path().join("file");
    std::fs::write(&path, "file").unwrap();
    let there = FakeNet::default().have(&path, Profile::default()).0;
    node.chain.moves(ME, 3, there);
    let no = node.say(ME, 1_000).await.err().unwrap();
    assert!(no.reason == "absent" && no.message.contains("mimei sync"), "{}", no.message);
    assert_eq!(node.here("file"), there);
    for wrong in [0, LIFETIME_MS_MAX + 1] {
        assert_eq!(node.say(ME, wrong).await.err().unwrap().reason, "usage");
    }
    let said = node.say(ME, LONG).await.ok().unwrap();
    assert_eq!((said.written.number, said.written.of.cid, said.mimei.provided.asked), (3, there, 3));
    assert!(!said.mimei.pending && !said.tree.pending);
    assert_eq!(node.net.provided(), [What::Mimei(ME), What::Tree(there)]);
    let version = node.store().version(&ME, 3).unwrap().unwrap();
    assert_eq!((version.cid, version.generation), (there, 0), "it came by no `sync`, and is recorded all the same");
    assert!(node.store().release(&Root::Pin("test/file".into()), 0).unwrap());
    assert!(node.store().has(&there).unwrap() && node.is_published(ME), "it is kept by being published");
    expire(&node.follow).await.unwrap();
    assert_eq!(node.net.provided().len(), 2, "its time is not over");
    node.say(ME, 1).await.ok().unwrap();
    over().await;
    expire(&node.follow).await.unwrap();
    assert!(node.net.provided().is_empty() && !node.is_published(ME));
    // What is followed as well goes on being announced.
    node.say(ME, 1).await.ok().unwrap();
    follow::begin(node.store(), &[ME], 0).unwrap();
    follows(&node.follow, ME, there).await.unwrap();
    over().await;
    expire(&node.follow).await.unwrap();
    assert_eq!((node.net.provided().len(), node.is_published(ME)), (2, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_9_what_is_another_version_here_than_on_chain_is_refused_and_the_rest_goes_on() {
    let node = node();
    let (mine, theirs) = (node.here("mine"), node.here("theirs"));
    node.store().backup(&ME, 0, &mine, Profile::default()).unwrap();
    node.chain.moves(ME, 0, theirs);
    node.chain.moves(OTHER, 0, theirs);
    let both = write_down(&node.follow, vec![ME, OTHER], LONG).await.unwrap();
    assert_eq!(both[0].as_ref().unwrap_err().reason, "conflict");
    assert!(both[1].is_ok() && !node.is_published(ME) && node.is_published(OTHER));
    assert_eq!(node.store().version(&OTHER, 0).unwrap().unwrap().cid, theirs);
    assert_eq!(sorted(&node.net.provided()), sorted(&[What::Mimei(OTHER), What::Tree(theirs)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_9_a_tree_that_two_have_is_announced_until_neither_is() {
    let node = node();
    let (old, new) = (node.here("old"), node.here("new"));
    for id in [ME, OTHER] {
        node.chain.moves(id, 0, old);
        node.say(id, LONG).await.ok().unwrap();
    }
    assert_eq!(node.net.provided(), [What::Mimei(ME), What::Tree(old), What::Mimei(OTHER)]);
    assert_eq!(stop(&node.follow, vec![ME], Why::Published).await.unwrap(), [true]);
    assert_eq!(node.net.provided(), [What::Tree(old), What::Mimei(OTHER)]);
    assert_eq!(stop(&node.follow, vec![ME], Why::Published).await.unwrap(), [false]);
    // The one moves on: the other still has the tree of before.
    node.say(ME, LONG).await.ok().unwrap();
    node.chain.moves(OTHER, 1, new);
    node.say(OTHER, LONG).await.ok().unwrap();
    assert!(node.net.provided().contains(&What::Tree(old)) && node.net.provided().contains(&What::Tree(new)));
    node.chain.moves(ME, 1, new);
    node.say(ME, LONG).await.ok().unwrap();
    assert!(!node.net.provided().contains(&What::Tree(old)));
    // And after a start the same is known.
    let again = node.again();
    stop(&again, vec![OTHER], Why::Published).await.unwrap();
    assert_eq!(sorted(&node.net.provided()), sorted(&[What::Mimei(ME), What::Tree(new)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_9_what_a_run_left_half_done_the_next_start_ends() {
    let node = node();
    let (tree, stray, brought) = (node.here("tree"), node.here("stray"), node.here("brought"));
    let until = calls::now().unwrap() + LONG;
    // Published and not announced; announced and not published; followed, with a version here, and not announced.
    pin_all(node.store(), &[Written { number: 3, of: Use { mimei: ME, cid: tree, released: None, until } }]).unwrap();
    node.net.0.provided.lock().unwrap().extend([What::Mimei(MimeiId([9; 20])), What::Tree(stray)]);
    follow::begin(node.store(), &[OTHER, MimeiId([10; 20])], 0).unwrap();
    node.store().backup(&OTHER, 4, &brought, Profile::default()).unwrap();
    repair(&node.follow).await.unwrap();
    let whole = sorted(&[What::Mimei(ME), What::Tree(tree), What::Mimei(OTHER), What::Tree(brought)]);
    assert_eq!(sorted(&node.net.provided()), whole);
    repair(&node.follow).await.unwrap();
    assert_eq!(sorted(&node.net.provided()), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_9_what_cannot_be_written_down_is_not_published_and_can_be_tried_again() {
    let node = node();
    let tree = node.here("tree");
    node.chain.moves(ME, 0, tree);
    node.net.0.full.store(true, SeqCst);
    let no = node.say(ME, LONG).await.err().unwrap();
    assert_eq!((no.reason, no.message.as_str()), ("unreachable", "the disk is full"));
    assert!(!node.is_published(ME) && node.net.provided().is_empty(), "nothing of it is left");
    node.net.0.full.store(false, SeqCst);
    node.say(ME, LONG).await.ok().unwrap();
    assert_eq!((node.net.provided().len(), node.is_published(ME)), (2, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_9_where_nobody_is_known_it_is_published_all_the_same_and_pending() {
    let node = node();
    node.chain.moves(ME, 0, node.here("tree"));
    node.net.0.alone.store(true, SeqCst);
    let said = node.say(ME, LONG).await.ok().unwrap();
    assert_eq!((said.mimei.provided.asked, said.mimei.pending, said.tree.pending, said.tree.why), (0, true, true, None));
    assert_eq!((node.net.provided().len(), node.is_published(ME)), (2, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_10_thousands_are_published_and_end_though_some_are_refused() {
    let node = node();
    let (tree, absent) = (node.here("tree"), FakeNet::default());
    let path = node.dir.path().join("absent");
    std::fs::write(&path, "absent").unwrap();
    let absent = absent.have(&path, Profile::default()).0;
    let ids: Vec<MimeiId> = (0..2_300_u16).map(|n| MimeiId([n.to_be_bytes(); 10].concat().try_into().unwrap())).collect();
    for (n, id) in ids.iter().enumerate().filter(|(n, _)| n % 100 != 7) {
        node.chain.moves(*id, 0, if n % 100 == 8 { absent } else { tree });
    }
    for part in ids.chunks(1_000) {
        let done = write_down(&node.follow, part.to_vec(), 1).await.unwrap();
        for (n, one) in done.iter().enumerate() {
            match (n % 100, one) {
                (7, Err(no)) => assert!(no.message.contains("no version"), "{}", no.message),
                (8, Err(no)) => assert!(no.message.contains("not on this node"), "{}", no.message),
                (_, done) => assert_eq!(done.as_ref().ok().map(|done| done.number), Some(0)),
            }
        }
    }
    assert_eq!(node.net.provided().len(), 1 + 2_300 - 2 * 23);
    over().await;
    // Also those of an earlier run, beyond the first page.
    let again = node.again();
    expire(&again).await.unwrap();
    assert_eq!((node.net.provided(), published_page(node.store(), None, 9).unwrap()), (vec![], (vec![], false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_10_many_are_followed_from_now_on_and_those_that_the_chain_knows_not_are_named() {
    let node = node();
    let tree = node.here("tree");
    node.chain.moves(ME, 5, tree);
    let done = begin(&node.follow, vec![OTHER, ME]).await.unwrap();
    assert!(done[0].as_ref().is_err_and(|no| no.reason == "absent"));
    assert_eq!(done[1].as_ref().ok(), Some(&Some((5, tree))));
    assert!(follow::is_followed(node.store(), &ME).unwrap() && !follow::is_followed(node.store(), &OTHER).unwrap());
    follows(&node.follow, ME, tree).await.unwrap();
    assert_eq!(stop(&node.follow, vec![OTHER, ME], Why::Followed).await.unwrap(), [false, true]);
    assert!(node.net.provided().is_empty() && !follow::is_followed(node.store(), &ME).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_what_was_ended_and_begun_anew_while_it_was_fetched_is_due_again() {
    let node = node();
    let (tree, book) = (node.here("tree"), &node.follow.book);
    node.chain.moves(ME, 5, tree);
    let newest = node.follow.chain.last(&ME).await.unwrap().unwrap();
    begin(&node.follow, vec![ME]).await.unwrap();
    follows(&node.follow, ME, tree).await.unwrap();
    // The released version is still on its way.
    stop(&node.follow, vec![ME], Why::Followed).await.unwrap();
    begin(&node.follow, vec![ME]).await.unwrap();
    assert!(!is_up(&node.follow, ME, newest).await.unwrap());
    assert!(book.is_due(&ME, &newest, tokio::time::Instant::now()) && node.net.provided().is_empty());
    follows(&node.follow, ME, tree).await.unwrap();
    assert!(is_up(&node.follow, ME, newest).await.unwrap());
    assert!(!book.is_due(&ME, &newest, tokio::time::Instant::now()) && !node.net.provided().is_empty());
}

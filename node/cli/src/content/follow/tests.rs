mod turns;

use super::super::board::Why;
use super::super::cache::hash_of;
use super::super::fakes::{Node, node};
use super::*;
use leither_storage::config::GRACE_MS;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use tokio::task::JoinSet;

const ME: MimeiId = MimeiId([7; 20]);
const NOW: u64 = 1_000;

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
        self.store().versions(&ME, None, 100).unwrap().iter().map(|(number, _)| *number).collect()
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
    begin(node.store(), &[ME], NOW).unwrap();
    assert!(is_followed(node.store(), &ME).unwrap());
    assert_eq!(node.store().stat().unwrap().blocks, 0, "the pin itself keeps nothing");
    let end = tokio::sync::Notify::new();
    let running = node.follow.clone().run(async { end.notified().await });
    let test = async {
        let first = node.there("first");
        node.chain.moves(ME, 0, first);
        node.until("the first version", |node| node.net.provided() == [What::Mimei(ME), What::Tree(first)]).await;
        assert_eq!(node.numbers(), [0]);
        assert!(node.store().root(&calls::added(&first)).unwrap().is_none(), "its way here leaves no pin");
        // It was away for some: the newest alone comes, and the released one.
        let (second, third, fourth) = (node.there("second"), node.there("third"), node.there("fourth"));
        node.chain.moves(ME, 1, second);
        node.chain.moves(ME, 2, third);
        node.chain.releases(ME, 1);
        node.chain.moves(ME, 3, fourth);
        node.until("the newest version", |node| node.net.provided().contains(&What::Tree(fourth))).await;
        node.until("the one before is announced no more", |node| !node.net.provided().contains(&What::Tree(first)))
            .await;
        node.until("the released one is here as well", |node| [1, 3].iter().all(|n| node.numbers().contains(n))).await;
        assert_eq!(super::end(node.store(), &[ME], NOW).unwrap(), [true]);
        node.chain.moves(ME, 4, node.there("fifth"));
        sleep(Duration::from_millis(1_500)).await;
        assert!(!node.numbers().contains(&4), "it is followed no more");
        end.notify_one();
    };
    tokio::join!(running, test);
    assert_eq!(node.store().verify(true).unwrap().wrong.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_what_cannot_be_had_is_tried_again_and_a_newer_version_at_once() {
    let node = node();
    begin(node.store(), &[ME], NOW).unwrap();
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
    node.net.0.alone.store(true, SeqCst);
    node.chain.moves(ME, 2, lost);
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    let no = node.follow.bring_up(&ME, newest, quick, &tell).await.unwrap_err();
    assert!(no.message.contains("nobody is connected"), "{}", no.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_a_tree_whose_first_block_is_a_leaf_of_another_is_fetched_all_the_same() {
    let node = node();
    let tree = node.there("tree");
    let block = node.net.0.blocks.lock().unwrap()[&hash_of(&tree)].clone();
    let path = node.dir.path().join("leaf");
    std::fs::write(&path, &block).unwrap();
    let leaf = node.store().add(&path, Profile::default(), &Root::Pin("leaf".into()), 0, &mut |_| ()).unwrap().cid;
    assert_eq!(leaf.hash(), tree.hash());
    begin(node.store(), &[ME], NOW).unwrap();
    node.chain.moves(ME, 0, tree);
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    node.follow.bring_up(&ME, newest, PATIENCE, &watch::Sender::new(Far::default())).await.unwrap();
    assert_eq!((node.numbers(), node.store().verify(true).unwrap().wrong.len()), (vec![0], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_the_newest_version_and_the_released_one_do_not_wait_for_each_other() {
    let node = node();
    begin(node.store(), &[ME], NOW).unwrap();
    let (released, newest, newer) = (node.there("released"), node.there("newest"), node.there("newer"));
    let [lost, _] = [&released, &newer].map(|cid| node.net.lose(cid).unwrap());
    let bring = async || {
        let newest = node.chain.last(&ME).await.unwrap().unwrap();
        let tell = watch::Sender::new(Far::default());
        node.follow.bring_up(&ME, newest, Duration::from_millis(100), &tell).await.unwrap_err().message
    };
    node.chain.moves(ME, 0, released);
    node.chain.releases(ME, 0);
    node.chain.moves(ME, 1, newest);
    for _ in 0..2 {
        let said = bring().await;
        assert!(said.contains("version 0, the released one") && said.contains(&released.to_string()), "{said}");
        assert_eq!((node.numbers(), node.net.provided()), (vec![1], vec![What::Mimei(ME), What::Tree(newest)]));
    }
    assert_eq!(node.net.asked().iter().filter(|cid| **cid == newest).count(), 1, "what is here is not fetched again");
    node.net.0.blocks.lock().unwrap().insert(hash_of(&released), lost);
    node.chain.moves(ME, 2, newer);
    let said = bring().await;
    assert!(said.contains(&newer.to_string()), "{said}");
    assert_eq!(node.numbers(), [0, 1], "the released one has come");
    assert_eq!(node.net.provided(), [What::Mimei(ME), What::Tree(newest), What::Tree(released)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_the_released_tree_is_announced_beside_the_newest_as_long_as_it_is_released() {
    let node = node();
    begin(node.store(), &[ME], NOW).unwrap();
    let [first, second, third] = ["first", "second", "third"].map(|text| node.there(text));
    let bring = async || {
        let newest = node.chain.last(&ME).await.unwrap().unwrap();
        let tell = watch::Sender::new(Far::default());
        node.follow.bring_up(&ME, newest, PATIENCE, &tell).await.unwrap();
        node.net.provided()
    };
    node.chain.moves(ME, 0, first);
    node.chain.moves(ME, 1, second);
    node.chain.releases(ME, 0);
    assert_eq!(bring().await, [What::Mimei(ME), What::Tree(second), What::Tree(first)]);
    begin(node.store(), &[ME], NOW).unwrap();
    assert_eq!(released(node.store(), &ME).unwrap(), Some(first), "who is asked to follow it again forgets nothing");
    node.chain.moves(ME, 2, third);
    assert_eq!(bring().await, [What::Mimei(ME), What::Tree(first), What::Tree(third)]);
    // A start: what is announced is compared with what the store says.
    let again = Follow { book: Arc::default(), ..node.follow.clone() };
    publish::repair(&again).await.unwrap();
    assert_eq!(node.net.provided(), [What::Mimei(ME), What::Tree(first), What::Tree(third)]);
    node.chain.releases(ME, 2);
    assert_eq!(bring().await, [What::Mimei(ME), What::Tree(third)]);
    node.chain.releases(ME, 1);
    assert_eq!(bring().await, [What::Mimei(ME), What::Tree(third), What::Tree(second)]);
    assert_eq!(publish::stop(&node.follow, vec![ME], Why::Followed).await.unwrap(), [true]);
    assert_eq!(node.net.provided(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_of_whom_a_block_comes_now_and_then_the_turn_is_over_when_others_wait() {
    let node = node();
    let path = node.dir.path().join("slow");
    std::fs::create_dir_all(&path).unwrap();
    (0..20).for_each(|n| std::fs::write(path.join(n.to_string()), format!("file {n}")).unwrap());
    let (cid, _) = node.net.have(&path, Profile::default());
    node.chain.moves(ME, 0, cid);
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    node.net.0.pause_ms.store(60, SeqCst);
    let pace = Duration::from_millis(200);
    node.follow.book.set_others_wait(true);
    node.follow.try_one(ME, newest, pace).await;
    let failure = node.follow.book.failure(&ME).unwrap();
    assert!(failure.contains("wait for their turn") && node.numbers().is_empty(), "{failure}");
    node.follow.book.set_others_wait(false);
    node.follow.try_one(ME, newest, pace).await;
    assert_eq!((node.numbers(), node.follow.book.failure(&ME)), (vec![0], None), "where nobody waits it may take its time");
}

#[test]
fn hold_6_a_turn_lasts_as_long_as_enough_comes() {
    let far = |blocks, bytes, missing| Far { blocks, bytes, missing };
    for (before, now, slow) in [
        (far(0, 0, 1), far(59, 9_999, 1), true),
        (far(100, 0, 1), far(160, 9_999, 1), false),
        (far(100, 0, 1), far(101, PACE_BYTES, 1), false),
        (far(100, 9_999, 1), far(100, 9_999, 0), false),
        (far(100, 9_999, 0), far(3, 99, 1), false),
    ] {
        assert_eq!(is_slow(&before, &now), slow, "{before:?} {now:?}");
    }
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
    let pauses: Vec<u64> = (0..3).map(|_| book.had_no_room(ME, at(1), "full", start).as_secs()).collect();
    assert_eq!(pauses, [1800, 1800, 1800], "what would be thrown away is not fetched every few minutes");
    book.is_done(ME, at(1));
    assert!(!book.is_due(&ME, &at(1), start) && book.failure(&ME).is_none());
    let released = Newest { release: Some((0, None)), ..at(1) };
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
fn hold_8_of_what_following_brought_the_newest_two_stay_and_the_released_one() {
    let node = node();
    let path = write(node.dir.path(), "tree");
    let cid = node.store().add(&path, Profile::default(), &Root::Pin("x".into()), 0, &mut |_| ()).unwrap().cid;
    for number in [1, 2, 3, 5] {
        record(node.store(), &ME, number, cid, true).unwrap();
    }
    // Those of who makes versions here are never let go of.
    node.store().backup(&ME, 0, &cid, Profile::default()).unwrap();
    calls::expect(node.store(), &ME, 4, cid, Profile::default(), false).unwrap();
    record(node.store(), &ME, 4, cid, true).unwrap();
    record(node.store(), &ME, 6, cid, false).unwrap();
    let_go(node.store(), &ME, &[1], NOW).unwrap();
    assert_eq!(node.numbers(), [0, 1, 3, 4, 5, 6]);
    let_go(node.store(), &ME, &[], NOW).unwrap();
    assert_eq!(node.numbers(), [0, 3, 4, 5, 6]);
}

#[test]
fn hold_8_the_chains_newest_stays_where_the_chain_is_behind_what_is_here() {
    let node = node();
    let path = write(node.dir.path(), "tree");
    let cid = node.store().add(&path, Profile::default(), &Root::Pin("x".into()), 0, &mut |_| ()).unwrap().cid;
    (1..=4).for_each(|number| record(node.store(), &ME, number, cid, true).unwrap());
    let_go(node.store(), &ME, &[1], NOW).unwrap();
    assert_eq!(node.numbers(), [1, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_a_version_that_somebody_let_go_of_is_brought_again() {
    let node = node();
    begin(node.store(), &[ME], NOW).unwrap();
    let [first, second] = ["first", "second"].map(|text| node.there(text));
    node.chain.moves(ME, 0, first);
    node.chain.releases(ME, 0);
    node.chain.moves(ME, 1, second);
    for gone in [None, Some(0), Some(1)] {
        if let Some(number) = gone {
            assert!(node.store().release(&Root::Version(ME, number), NOW).unwrap());
            // What brought it let go of a pin of its own, by the clock.
            while node.store().purge(calls::now().unwrap() + GRACE_MS, 1000).unwrap().more {}
        }
        let mut jobs = JoinSet::new();
        node.follow.look(&mut None, &mut jobs).await.unwrap();
        assert_eq!(jobs.len(), 1, "{gone:?}");
        while jobs.join_next().await.is_some() {}
        assert_eq!(node.numbers(), [0, 1], "{gone:?}");
        node.follow.look(&mut None, &mut jobs).await.unwrap();
        assert!(jobs.is_empty(), "what is here is left alone");
    }
    let asked = |cid| node.net.asked().iter().filter(|asked| **asked == cid).count();
    assert_eq!((asked(first), asked(second)), (1, 2), "the released tree was kept by its pin");
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_what_is_stopped_while_it_is_fetched_is_announced_no_more() {
    let node = node();
    begin(node.store(), &[ME], NOW).unwrap();
    let first = node.there("first");
    node.chain.moves(ME, 0, first);
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    let tell = watch::Sender::new(Far::default());
    node.follow.bring_up(&ME, newest, PATIENCE, &tell).await.unwrap();
    assert_eq!(node.net.provided(), [What::Mimei(ME), What::Tree(first)]);
    // One block of the next version comes only once its owner has stopped it.
    let second = node.there("second");
    let block = node.net.lose(&second).unwrap();
    node.chain.moves(ME, 1, second);
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    let stop = async {
        node.until("it is asked for", |node| node.net.asked().contains(&second)).await;
        assert_eq!(publish::stop(&node.follow, vec![ME], Why::Followed).await.unwrap(), [true]);
        node.net.0.blocks.lock().unwrap().insert(hash_of(&second), block);
    };
    let (came, ()) = tokio::join!(node.follow.bring_up(&ME, newest, PATIENCE, &tell), stop);
    came.unwrap();
    assert_eq!(node.numbers(), [0, 1], "it came, and stays");
    assert_eq!(node.net.provided(), [], "and nobody is told of it");
}

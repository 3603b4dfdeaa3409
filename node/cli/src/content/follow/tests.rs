use super::super::board::Why;
use super::super::cache::hash_of;
use super::super::chain::Changed;
use super::super::fakes::{FEED_MAX, Node, node};
use super::turns::{JOBS_MAX, LOOK, LOOK_SOON, Sweep};
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

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_who_has_no_turn_waits_and_is_the_next() {
    let node = node();
    let lost = node.there("lost");
    node.net.lose(&lost);
    let ids: Vec<MimeiId> = (0..=JOBS_MAX as u8).map(|n| MimeiId([n; 20])).collect();
    begin(node.store(), &ids, NOW).unwrap();
    let (last, first) = ids.split_last().unwrap();
    first.iter().for_each(|id| node.chain.moves(*id, 0, lost));
    let (mut after, mut jobs) = (None, JoinSet::new());
    for _ in 0..2 {
        node.follow.look(&mut after, &mut jobs).await.unwrap();
        assert_eq!((jobs.len(), node.follow.book.others_wait()), (JOBS_MAX, false), "who is brought up does not wait");
    }
    node.chain.moves(*last, 0, lost);
    node.follow.look(&mut after, &mut jobs).await.unwrap();
    assert!(node.follow.book.others_wait() && node.follow.book.enter(*last).is_some());
    jobs.shutdown().await;
    node.follow.look(&mut after, &mut jobs).await.unwrap();
    assert!(node.follow.book.enter(*last).is_none(), "its turn has come");
    jobs.shutdown().await;
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
fn hold_6_those_that_are_followed_are_looked_at_in_turns() {
    let node = node();
    let ids: Vec<MimeiId> = (0..25u8).map(|n| MimeiId([n; 20])).collect();
    begin(node.store(), &ids, NOW).unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let (page, more) = followed(node.store(), after.as_ref(), 10).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_what_changed_is_seen_by_its_event_and_what_went_by_unheard_by_a_look_at_all() {
    let node = node();
    let first: Vec<MimeiId> = (0..3).map(|n| MimeiId([n; 20])).collect();
    begin(node.store(), &first, NOW).unwrap();
    let trees = ["one", "two", "three", "four", "five", "six"].map(|text| node.there(text));
    first.iter().zip(trees).for_each(|(id, tree)| node.chain.moves(*id, 0, tree));
    let end = tokio::sync::Notify::new();
    // After the first round nothing is looked at by itself within this test.
    let running = node.follow.clone().run_with(Duration::from_secs(3_600), async { end.notified().await });
    let is = |node: &Node, id: MimeiId, number| node.store().version(&id, number).unwrap().is_some();
    let test = async {
        node.until("all were looked at", |node| first.iter().all(|id| is(node, *id, 0))).await;
        node.chain.moves(first[2], 1, trees[3]);
        node.until("it is seen by its event", |node| is(node, first[2], 1)).await;
        // Somebody follows another one: that is no matter of turns either.
        node.chain.moves(ME, 7, trees[4]);
        publish::begin(&node.follow, vec![ME]).await.unwrap();
        node.until("it is looked at when it is followed", |node| is(node, ME, 7)).await;
        node.chain.moves_unheard(first[0], 1, trees[5]);
        node.follow.hear(&Changed::Missed);
        // Any event wakes it.
        node.chain.tells(first[1]);
        node.until("it is found by a look at all", |node| is(node, first[0], 1)).await;
        end.notify_one();
    };
    tokio::join!(running, test);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_events_are_seen_without_any_look_at_all_and_a_listener_that_lags_has_all_looked_at() {
    let node = node();
    begin(node.store(), &[ME], NOW).unwrap();
    let (mut changes, mut jobs) = (node.chain.changes(), JoinSet::new());
    node.follow.book.heed(&[ME]);
    node.chain.moves(ME, 0, node.there("first"));
    assert!(node.follow.hear(&changes.next().await));
    node.follow.answer(&mut jobs).await.unwrap();
    assert_eq!((jobs.join_next().await.unwrap().unwrap(), node.numbers()), (ME, vec![0]));
    // Of others nothing is kept in mind.
    (0..FEED_MAX as u8).for_each(|n| node.chain.tells(MimeiId([n; 20])));
    for _ in 0..FEED_MAX {
        assert!(node.follow.hear(&changes.next().await));
    }
    assert!(!node.follow.book.is_asked() && !node.follow.book.take_missed());
    (0..=FEED_MAX).for_each(|_| node.chain.tells(ME));
    assert!(node.follow.hear(&changes.next().await));
    assert!(node.follow.book.take_missed(), "the first one went by");
    assert!(!node.follow.hear(&Changed::Ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_a_version_that_comes_while_one_is_fetched_is_the_next() {
    let node = node();
    let (first, second) = (node.there("first"), node.there("second"));
    let block = node.net.lose(&first).unwrap();
    begin(node.store(), &[ME], NOW).unwrap();
    let end = tokio::sync::Notify::new();
    let running = node.follow.clone().run_with(Duration::from_secs(3_600), async { end.notified().await });
    let test = async {
        node.chain.moves(ME, 0, first);
        publish::begin(&node.follow, vec![ME]).await.unwrap();
        node.until("it is asked for", |node| node.net.asked().contains(&first)).await;
        node.chain.moves(ME, 1, second);
        node.net.0.blocks.lock().unwrap().insert(hash_of(&first), block);
        node.until("the newer one", |node| node.numbers() == [0, 1]).await;
        node.until("its tree alone is announced", |node| node.net.provided() == [What::Mimei(ME), What::Tree(second)])
            .await;
        end.notify_one();
    };
    tokio::join!(running, test);
}

#[test]
fn hold_6_what_was_missed_may_be_before_the_place_of_the_round_so_a_whole_one_follows_in_haste() {
    let mut sweep = Sweep::default();
    sweep.hasten();
    sweep.after = Some(ME);
    assert_eq!(sweep.looked(false, true, LOOK), LOOK_SOON);
    assert_eq!(sweep.looked(false, false, LOOK), LOOK, "hands are full");
    sweep.hasten();
    sweep.after = None;
    assert_eq!(sweep.looked(true, true, LOOK), LOOK_SOON, "what is left of this round is over, and the whole one begins");
    assert_eq!(sweep.looked(false, true, LOOK), LOOK_SOON);
    assert_eq!(sweep.looked(true, true, LOOK), LOOK);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_a_round_whose_first_has_no_turn_is_not_over() {
    let node = node();
    let lost = node.there("lost");
    node.net.lose(&lost);
    let mut ids: Vec<MimeiId> = (0..=JOBS_MAX as u8).map(|n| MimeiId([n; 20])).collect();
    // As the pins stand.
    ids.sort_by_key(MimeiId::to_string);
    let (_, rest) = ids.split_first().unwrap();
    begin(node.store(), &ids, NOW).unwrap();
    let (mut after, mut jobs) = (None, JoinSet::new());
    assert!(node.follow.look(&mut after, &mut jobs).await.unwrap(), "there is nothing to do with any of them");
    ids.iter().for_each(|id| node.chain.moves(*id, 0, lost));
    node.follow.book.begin(rest);
    node.follow.answer(&mut jobs).await.unwrap();
    assert_eq!(jobs.len(), JOBS_MAX);
    let is_over = node.follow.look(&mut after, &mut jobs).await.unwrap();
    assert_eq!((is_over, after), (false, None), "{} at work", jobs.len());
    jobs.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_who_was_heard_of_has_the_first_hand_that_is_free() {
    let node = node();
    let lost = node.there("lost");
    node.net.lose(&lost);
    let ids: Vec<MimeiId> = (0..=JOBS_MAX as u8).map(|n| MimeiId([n; 20])).collect();
    let (last, first) = ids.split_last().unwrap();
    begin(node.store(), &ids, NOW).unwrap();
    ids.iter().for_each(|id| node.chain.moves(*id, 0, lost));
    let mut jobs = JoinSet::new();
    node.follow.book.begin(first);
    node.follow.answer(&mut jobs).await.unwrap();
    assert_eq!(jobs.len(), JOBS_MAX);
    node.follow.book.heed(&ids);
    node.follow.hear(&Changed::Heads(vec![*last]));
    node.follow.answer(&mut jobs).await.unwrap();
    assert!(node.follow.book.is_asked() && node.follow.book.enter(*last).is_some(), "all hands are full");
    node.follow.look(&mut None, &mut jobs).await.unwrap();
    assert!(node.follow.book.others_wait());
    jobs.shutdown().await;
    node.follow.answer(&mut jobs).await.unwrap();
    assert!(!node.follow.book.is_asked() && node.follow.book.enter(*last).is_none(), "its turn has come");
    jobs.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_what_has_no_room_here_waits_half_an_hour() {
    let node = node();
    begin(node.store(), &[ME], NOW).unwrap();
    node.chain.moves(ME, 0, node.there("large"));
    node.store().set_quota(0);
    let mut jobs = JoinSet::new();
    node.follow.book.begin(&[ME]);
    node.follow.answer(&mut jobs).await.unwrap();
    assert_eq!(jobs.join_next().await.unwrap().unwrap(), ME);
    assert!(node.follow.book.failure(&ME).unwrap().contains("quota"));
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    let after = |secs| Instant::now() + Duration::from_secs(secs);
    assert!(!node.follow.book.is_due(&ME, &newest, after(1_700)) && node.follow.book.is_due(&ME, &newest, after(1_800)));
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_what_failed_is_tried_again_at_its_time_however_many_have_their_turn_before() {
    let node = node();
    begin(node.store(), &[ME], NOW).unwrap();
    node.chain.moves(ME, 0, node.there("late"));
    let newest = node.chain.last(&ME).await.unwrap().unwrap();
    let mut jobs = JoinSet::new();
    node.follow.book.has_failed(ME, newest, "gone", Instant::now());
    node.follow.answer(&mut jobs).await.unwrap();
    assert!(jobs.is_empty(), "its pause is not over");
    let pause = node.follow.book.has_failed(ME, newest, "gone", Instant::now() - Duration::from_secs(3));
    assert_eq!(pause.as_secs(), 2);
    node.follow.answer(&mut jobs).await.unwrap();
    assert_eq!((jobs.join_next().await.unwrap().unwrap(), node.numbers()), (ME, vec![0]));
    assert!(node.follow.book.failure(&ME).is_none());
}

//! Who is looked at when, and who has the hands that are free.

use super::*;
use crate::content::chain::Changed;
use crate::content::fakes::FEED_MAX;
use crate::content::follow::turns::{JOBS_MAX, LOOK, LOOK_SOON, Sweep};

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

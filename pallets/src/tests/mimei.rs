mod rights;

use super::{MEI, by_vote};
use leither_harness::pallets::{Call, Error, Event, mimei, orgs};
use leither_harness::{Chain, account, text};
use leither_state::Read;
use leither_types::{Blob, ContentId, Hash, MimeiId, hash_of, tagged};
use mimei::{Call as Do, Error as Why, Group, Mask, Right, Rights};
use parity_scale_codec::Encode;
use std::collections::BTreeMap;

fn err(error: Why) -> Error {
    Error::Mimei(error)
}

fn create(mark: &str) -> Call {
    Call::Mimei(Do::Create { app: text("tube"), kind: text("dir"), mark: text(mark) })
}

fn content(n: u8) -> ContentId {
    ContentId(Blob::new(vec![1, 0x55, n]).expect("three bytes"))
}

fn backup(mimei: MimeiId, base: Option<u64>, n: u8) -> Call {
    Call::Mimei(Do::Backup { mimei, base, content: content(n) })
}

fn release(mimei: MimeiId, number: u64) -> Call {
    Call::Mimei(Do::Release { mimei, number })
}

fn grant(mimei: MimeiId, who: &str, rights: &[Right]) -> Call {
    Call::Mimei(Do::Grant { mimei, who: account(who), rights: Some(set(rights)) })
}

/// Takes the entry away.
fn ungrant(mimei: MimeiId, who: &str) -> Call {
    Call::Mimei(Do::Grant { mimei, who: account(who), rights: None })
}

fn set(rights: &[Right]) -> Rights {
    rights.iter().fold(Rights::default(), |all, right| all.with(*right))
}

fn mask(groups: &[(Group, &[Right])]) -> Mask {
    groups.iter().fold(Mask::default(), |mask, (group, rights)| mask.with(*group, set(rights)))
}

fn set_mask(mimei: MimeiId, groups: &[(Group, &[Right])]) -> Call {
    Call::Mimei(Do::SetMask { mimei, mask: mask(groups) })
}

fn refer(from: MimeiId, to: MimeiId, add: bool) -> Call {
    Call::Mimei(Do::Refer { from, to, add })
}

fn fork(parent: MimeiId, number: u64, mark: &str) -> Call {
    Call::Mimei(Do::Fork { parent, number, mark: text(mark) })
}

/// Creates and gives the id and whether it was there before.
fn made(chain: &mut Chain, who: &str, call: Call) -> (MimeiId, bool) {
    let created = |event: Event| match event {
        Event::Mimei(mimei::Event::Created { mimei, existed, .. }) => Some((mimei, existed)),
        _ => None,
    };
    chain.ok(who, call).into_iter().find_map(created).expect("it says what it made")
}

#[test]
fn mimei_1_the_same_four_give_the_same_one() {
    let mut chain = Chain::default();
    let (id, existed) = made(&mut chain, "alice", create("holiday"));
    assert!(!existed);
    assert_eq!(id, MimeiId::derive(&account("alice"), "tube", "dir", "holiday"));
    let deposit = chain.locked(MEI, "alice");
    assert!(deposit > 0);
    assert_eq!(made(&mut chain, "alice", create("holiday")), (id, true));
    assert_eq!(chain.locked(MEI, "alice"), deposit, "one deposit");
    assert_ne!(made(&mut chain, "bob", create("holiday")).0, id, "another author's");
    assert_ne!(made(&mut chain, "alice", create("work")).0, id);
}

#[test]
fn mimei_1_auto_makes_a_new_one_each_time() {
    let mut chain = Chain::default();
    let events = chain.all_ok(&["alice"], &[create(mimei::MARK_AUTO), create(mimei::MARK_AUTO)]);
    chain.ok("alice", create(mimei::MARK_AUTO));
    assert_eq!(events.len(), 3, "two made, and the fee burnt: {events:?}");
    let all = mimei::views::by_author(&**chain.state(), &account("alice"), None, 9).expect("memory does not fail");
    assert_eq!(all.len(), 3);
}

#[test]
fn mimei_1_the_parts_of_an_id_are_texts_without_control_characters() {
    for bad in [create(""), create("a\nb"), create("a\0b"), fork(MimeiId([1; 20]), 0, "")] {
        assert_eq!(bad.check(), Err(err(Why::Form)));
    }
    let empty = Call::Mimei(Do::Backup { mimei: MimeiId([1; 20]), base: None, content: ContentId::default() });
    assert_eq!(empty.check(), Err(err(Why::NoContent)));
}

#[test]
fn mimei_2_a_head_moves_by_compare_and_set() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    let moved = |last| err(Why::HeadMoved { last });
    assert_eq!(chain.refused("alice", backup(id, Some(0), 1)), moved(None), "there is no version yet");
    chain.ok("alice", backup(id, None, 1));
    assert_eq!(chain.refused("alice", backup(id, None, 2)), moved(Some(0)), "a stale head");
    chain.ok("alice", backup(id, Some(0), 2));
    for stale in [None, Some(0), Some(2), Some(u64::MAX)] {
        assert_eq!(chain.refused("alice", backup(id, stale, 3)), moved(Some(1)));
    }
    let last = chain.head(&id).last.expect("a version");
    assert_eq!((last.number, last.content), (1, content(2)), "who was refused changed nothing");
    assert_eq!(chain.refused("alice", backup(MimeiId([1; 20]), None, 1)), err(Why::Unknown));
}

#[test]
fn mimei_2_of_two_writers_in_one_block_the_first_wins() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    chain.ok("alice", grant(id, "bob", &[Right::Backup]));
    let txs = [chain.sign(&["bob"], &[backup(id, None, 7)]), chain.sign(&["alice"], &[backup(id, None, 8)])];
    let receipts = chain.block(&txs);
    assert_eq!(receipts[0].status, leither_types::Status::Done);
    assert_ne!(receipts[1].status, leither_types::Status::Done);
    assert_eq!(chain.head(&id).last.expect("a version").content, content(7));
}

#[test]
fn mimei_2_whoever_may_write_is_told_the_newest_version_and_writes_on_it() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    for who in [account("bob"), org.treasury()] {
        chain.ok("alice", Call::Mimei(Do::Grant { mimei: id, who, rights: Some(Rights(1)) }));
    }
    chain.ok("alice", backup(id, None, 1));
    chain.ok("bob", backup(id, Some(0), 2));
    let Error::Mimei(Why::HeadMoved { last }) = chain.refused("bob", backup(id, Some(0), 3)) else { panic!("another refusal") };
    chain.ok("bob", backup(id, last, 3));
    assert_eq!(by_vote(&mut chain, org, &[backup(id, Some(1), 4)]), orgs::Outcome::Failed);
    let moved = |event: &Event| {
        let expected = Some(err(Why::HeadMoved { last: Some(2) }));
        matches!(event, Event::Orgs(orgs::Event::Closed { error, .. }) if *error == expected)
    };
    assert!(chain.events().iter().any(moved), "an organization is told the same");
    let last = chain.head(&id).last.expect("a version");
    assert_eq!((last.number, last.content), (2, content(3)));
}

#[test]
fn mimei_3_a_stranger_writes_nothing() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    let (own, _) = made(&mut chain, "bob", create("own"));
    chain.ok("alice", backup(id, None, 1));
    let give = Call::Mimei(Do::Give { mimei: id, to: account("bob") });
    let to_all = set_mask(id, &[(Group::Guests, &Right::ALL)]);
    let strange =
        [backup(id, Some(0), 2), release(id, 0), refer(id, own, true), give, to_all, grant(id, "bob", &[Right::Backup])];
    for call in strange {
        assert_eq!(chain.refused("bob", call), err(Why::NotAllowed));
    }
    assert_eq!(chain.head(&id).last.expect("a version").number, 0);
}

#[test]
fn mimei_3_a_right_is_that_right_alone_until_it_is_taken() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    chain.ok("alice", grant(id, "bob", &[Right::Backup]));
    chain.ok("bob", backup(id, None, 1));
    assert_eq!(chain.refused("bob", release(id, 0)), err(Why::NotAllowed));
    assert_eq!(chain.refused("bob", grant(id, "carol", &[Right::Backup])), err(Why::NotAllowed), "only the owner grants");
    chain.ok("alice", grant(id, "bob", &[Right::Release, Right::Refer]));
    chain.ok("bob", release(id, 0));
    assert_eq!(chain.refused("bob", backup(id, Some(0), 1)), err(Why::NotAllowed));
    chain.ok("alice", ungrant(id, "bob"));
    assert_eq!(chain.refused("bob", release(id, 0)), err(Why::NotAllowed));
    assert_eq!(mimei::views::grants(&**chain.state(), &id, None, 9), Ok(vec![]));
}

#[test]
fn mimei_3_a_new_owner_writes_and_the_author_no_longer() {
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    chain.ok("alice", Call::Mimei(Do::Give { mimei: id, to: org.treasury() }));
    assert_eq!(chain.refused("alice", backup(id, None, 1)), err(Why::NotAllowed));
    assert_eq!(by_vote(&mut chain, org, &[backup(id, None, 1), release(id, 0)]), orgs::Outcome::Done);
    let head = chain.head(&id);
    assert_eq!((head.author, head.owner, head.release), (account("alice"), org.treasury(), Some(0)));
    // The mark is still the author's, the MiMei is not: nobody forks into what is another's.
    let (other, _) = made(&mut chain, "alice", create("other"));
    chain.ok("alice", backup(other, None, 1));
    let (empty, _) = made(&mut chain, "alice", create("empty"));
    chain.ok("alice", Call::Mimei(Do::Give { mimei: empty, to: account("bob") }));
    assert_eq!(chain.refused("alice", fork(other, 0, "empty")), err(Why::NotAllowed));
    assert_eq!(chain.head(&empty).parent, None);
}

#[test]
fn mimei_3_what_the_old_owner_granted_ends_with_the_gift() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    let give = |to: &str| Call::Mimei(Do::Give { mimei: id, to: account(to) });
    let granted = |chain: &Chain| mimei::views::grants(&**chain.state(), &id, None, 9).expect("memory does not fail");
    chain.ok("alice", grant(id, "bob", &[Right::Backup]));
    chain.ok("bob", backup(id, None, 1));
    chain.ok("alice", give("carol"));
    assert_eq!(chain.refused("bob", backup(id, Some(0), 2)), err(Why::NotAllowed));
    assert_eq!(granted(&chain), []);
    chain.ok("carol", grant(id, "bob", &[Right::Release]));
    assert_eq!(granted(&chain), [(account("bob"), Rights(2))]);
    chain.ok("bob", release(id, 0));
    assert_eq!(chain.refused("bob", backup(id, Some(0), 2)), err(Why::NotAllowed), "carol has granted no more than this");
    chain.ok("carol", give("alice"));
    for call in [backup(id, Some(0), 2), release(id, 0)] {
        assert_eq!(chain.refused("bob", call), err(Why::NotAllowed), "what alice once granted does not come back with her");
    }
    assert_eq!(chain.head(&id).generation, 2);
}

#[test]
fn mimei_3_grants_are_listed_page_by_page() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    for who in ["bob", "carol", "dave"] {
        chain.ok("alice", grant(id, who, &[Right::Backup]));
    }
    let page =
        |after: Option<&_>, limit| mimei::views::grants(&**chain.state(), &id, after, limit).expect("memory does not fail");
    let all = page(None, 9);
    assert_eq!(all.len(), 3);
    let first = page(None, 2);
    assert_eq!([&first[..], &page(Some(&first[1].0), 2)[..]].concat(), all);
    assert_eq!(page(Some(&all[2].0), 2), []);
    assert_eq!(mimei::views::grants(&**chain.state(), &MimeiId([1; 20]), None, 9), Ok(vec![]));
}

#[test]
fn mimei_4_release_points_at_a_version_that_is_there_and_moves_only_on_command() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    assert_eq!(chain.refused("alice", release(id, 0)), err(Why::NoVersion));
    chain.ok("alice", backup(id, None, 1));
    assert_eq!(chain.refused("alice", release(id, 1)), err(Why::NoVersion));
    chain.ok("alice", release(id, 0));
    chain.ok("alice", backup(id, Some(0), 2));
    assert_eq!(chain.head(&id).release, Some(0));
    chain.ok("alice", release(id, 1));
    chain.ok("alice", release(id, 0));
    assert_eq!(chain.head(&id).release, Some(0), "back, too");
}

#[test]
fn mimei_5_a_fork_points_back_and_leaves_its_parent_alone() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    assert_eq!(chain.refused("bob", fork(id, 0, "mine")), err(Why::NoVersion));
    chain.ok("alice", backup(id, None, 1));
    chain.ok("alice", backup(id, Some(0), 2));
    assert_eq!(
        chain.refused("bob", fork(id, 0, "mine")),
        err(Why::HeadMoved { last: Some(1) }),
        "only `last` is known by content"
    );
    let parent = chain.head(&id);
    let (mine, _) = made(&mut chain, "bob", fork(id, 1, "mine"));
    let head = chain.head(&mine);
    assert_eq!((head.parent, head.owner), (Some((id, 1)), account("bob")));
    assert_eq!(head.last.map(|last| (last.number, last.content)), Some((0, content(2))));
    chain.ok("bob", backup(mine, Some(0), 9));
    assert_eq!(chain.head(&id), parent);
    assert_eq!(chain.refused("bob", fork(id, 1, "mine")), err(Why::HeadMoved { last: Some(1) }), "the mark is in use");
    assert_eq!(
        chain.refused("alice", fork(id, 1, "holiday")),
        err(Why::HeadMoved { last: Some(1) }),
        "nor is it its own fork"
    );
}

#[test]
fn mimei_6_history_is_a_hash_chain_that_anyone_can_recompute() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    let mut history = Hash::ZERO;
    for n in 0..3u8 {
        chain.ok("alice", backup(id, n.checked_sub(1).map(u64::from), n));
        let header = &chain.blocks.last().expect("a block").header;
        // The version's bytes by hand: number, content (a length and bytes), height, time.
        let mut version = u64::from(n).to_le_bytes().to_vec();
        version.extend([3 << 2, 1, 0x55, n]);
        version.extend(header.height.to_le_bytes());
        version.extend(header.time.to_le_bytes());
        history = tagged("leither/mimei-history/v1", &[&history.0, &version]);
        let head = chain.head(&id);
        assert_eq!(head.history, history);
        assert_eq!(tagged("x", &[&version]), hash_of("x", head.last.as_ref().expect("a version")));
    }
}

#[test]
fn mimei_6_each_version_says_where_the_one_before_it_stands() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    let mut heights = vec![None];
    for n in 0..3u8 {
        let events = chain.ok("alice", backup(id, n.checked_sub(1).map(u64::from), n));
        let said = events.iter().find_map(|event| match event {
            Event::Mimei(mimei::Event::BackedUp { previous, .. }) => Some(*previous),
            _ => None,
        });
        assert_eq!(said, heights.last().copied());
        heights.push(Some(chain.blocks.len() as u64));
    }
}

#[test]
fn mimei_6_the_versions_that_blocks_tell_of_lead_to_the_history_that_the_head_states() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    let told = |chain: &Chain| {
        let outcome = chain.last.as_ref().expect("a block");
        mimei::views::backed_up(&chain.blocks.last().expect("a block").header, &outcome.writes, &outcome.receipts)
    };
    chain.ok("alice", backup(id, None, 0));
    let mut all = told(&chain);
    assert_eq!(all.len(), 1);
    chain.all_ok(&["alice"], &[backup(id, Some(0), 1), backup(id, Some(1), 2), release(id, 1)]);
    all.extend(told(&chain));
    assert_eq!(all.len(), 3, "two of one block");
    chain.all_refused(&["alice"], &[backup(id, Some(2), 3), backup(id, Some(2), 4)]);
    assert_eq!(told(&chain), [], "what failed made none");
    chain.ok("alice", release(id, 0));
    assert_eq!(told(&chain), [], "the head changed, its version did not");
    chain.ok("bob", Call::Mimei(Do::Fork { parent: id, number: 2, mark: text("copy") }));
    all.extend(told(&chain));
    let mut found: BTreeMap<MimeiId, (u64, Hash)> = BTreeMap::new();
    for (of, version) in &all {
        let (count, history) = found.entry(*of).or_default();
        *history = mimei::views::history_with(history, *count, &version.encode()).expect("the next version");
        *count += 1;
    }
    assert_eq!(found.values().map(|(count, _)| *count).sum::<u64>(), 4);
    for (of, (count, history)) in &found {
        let record = chain.state().record(&mimei::views::head_key(of)).expect("memory does not fail").expect("a head");
        assert_eq!(mimei::views::stated_history(&record), Some((count - 1, *history)));
    }
    let first = all[0].1.encode();
    assert_eq!(mimei::views::history_with(&Hash::ZERO, 1, &first), None, "it is another number's");
    assert_eq!(mimei::views::history_with(&Hash::ZERO, 0, &first[1..]), None);
    assert_eq!(mimei::views::history_with(&Hash::ZERO, 0, &[&first[..], &[0]].concat()), None);
}

#[test]
fn mimei_7_references_are_counted_at_both_ends() {
    let mut chain = Chain::default();
    let (a, _) = made(&mut chain, "alice", create("a"));
    let (b, _) = made(&mut chain, "bob", create("b"));
    let refers = |chain: &Chain| mimei::views::references(&**chain.state(), &a, None, 9).expect("memory does not fail");
    assert_eq!(chain.refused("alice", refer(a, b, false)), err(Why::Reference));
    assert_eq!(chain.refused("alice", refer(a, MimeiId([1; 20]), true)), err(Why::Unknown));
    chain.ok("alice", refer(a, b, true));
    chain.ok("alice", refer(a, b, true));
    assert_eq!((refers(&chain), chain.head(&b).referenced), (vec![(b, 2)], 2));
    assert_eq!(mimei::views::references(&**chain.state(), &a, Some(&b), 9), Ok(vec![]), "the page after it");
    chain.ok("alice", refer(a, b, false));
    chain.ok("alice", refer(a, b, false));
    assert_eq!((refers(&chain), chain.head(&b).referenced), (vec![], 0));
    chain.ok("alice", refer(a, a, true));
    assert_eq!(chain.head(&a).referenced, 1, "to itself, why not");
}

#[test]
fn mimei_7_references_are_listed_in_pages_in_id_order() {
    let mut chain = Chain::default();
    let (from, _) = made(&mut chain, "alice", create("from"));
    let (other, _) = made(&mut chain, "alice", create("other"));
    let mut wanted = Vec::new();
    for (mark, count) in [("a", 1_u32), ("b", 3), ("c", 2)] {
        let (to, _) = made(&mut chain, "bob", create(mark));
        for _ in 0..count {
            chain.ok("alice", refer(from, to, true));
        }
        wanted.push((to, count));
    }
    wanted.sort();
    chain.ok("alice", refer(other, wanted[0].0, true));
    let page = |after: Option<&MimeiId>, limit| {
        mimei::views::references(&**chain.state(), &from, after, limit).expect("memory does not fail")
    };
    assert_eq!(page(None, 9), wanted, "its own, and nobody else's");
    assert_eq!(page(None, 2), wanted[..2]);
    assert_eq!(page(Some(&wanted[1].0), 2), wanted[2..]);
}

use crate::content::calls::{self, No, next::WAITING_MAX};
use crate::content::tests::{ME, OTHER, open, pins, tree};
use leither_kit::Cid;
use leither_storage::Kept;
use leither_storage::content::Profile;
use leither_types::MimeiId;

#[test]
fn hold_1_what_waits_is_kept_until_it_is_refused() {
    let (dir, store) = open(1 << 30);
    let (mine, theirs) = (tree(&store, dir.path(), "mine"), tree(&store, dir.path(), "theirs"));
    calls::expect(&store, &ME, 0, mine, Profile::default(), false).unwrap();
    let name = |cid: &Cid| format!("pin/next/add/{ME}/0/{cid}");
    assert_eq!(pins(&store), [name(&mine)]);
    let [next]: [calls::Waiting; 1] = calls::waiting(&store, &ME).unwrap().try_into().unwrap();
    assert_eq!((next.cid, next.number, next.is_cur), (mine, 0, false));
    for (number, cid, is_cur) in [(0, theirs, false), (1, mine, false), (0, mine, true)] {
        calls::give_up(&store, &ME, number, &cid, is_cur).unwrap();
        assert_eq!(pins(&store), [name(&mine)], "what another command waits for stays");
    }
    calls::give_up(&store, &ME, 0, &mine, false).unwrap();
    assert!(pins(&store).is_empty());
    // Two commands with the same content: what one gives up the other waits for.
    calls::expect(&store, &ME, 0, mine, Profile::default(), false).unwrap();
    calls::expect(&store, &ME, 0, mine, Profile::default(), false).unwrap();
    calls::give_up(&store, &ME, 0, &mine, false).unwrap();
    assert_eq!(pins(&store), [name(&mine)]);
    calls::give_up(&store, &ME, 0, &mine, false).unwrap();
    assert!(pins(&store).is_empty());
}

#[test]
fn hold_1_trees_that_wait_for_the_same_number_are_all_kept() {
    let (dir, store) = open(1 << 30);
    let profile = Profile::default();
    let [first, second, cur] = ["first", "second", "cur"].map(|text| tree(&store, dir.path(), text));
    calls::expect(&store, &ME, 1, first, profile, false).unwrap();
    calls::expect(&store, &ME, 1, second, profile, false).unwrap();
    calls::expect(&store, &ME, 1, cur, profile, true).unwrap();
    let waits = |cid: Cid| calls::waiting(&store, &ME).unwrap().into_iter().find(|next| next.cid == cid);
    assert!([first, second, cur].into_iter().all(|cid| waits(cid).is_some()));
    calls::record(&store, &ME, 1, first, profile).unwrap();
    assert!(waits(first).is_none() && waits(second).is_some() && waits(cur).is_some(), "these wait for the keeper");
}

#[test]
fn hold_1_of_one_mimei_no_more_than_a_bound_wait() {
    let (dir, store) = open(1 << 30);
    let profile = Profile::default();
    let mine = tree(&store, dir.path(), "mine");
    let numbers = 0..u64::try_from(WAITING_MAX).unwrap();
    for number in numbers.clone() {
        calls::expect(&store, &ME, number, mine, profile, number % 2 == 0).unwrap();
    }
    let no = calls::expect(&store, &ME, numbers.end, mine, profile, true).unwrap_err();
    assert_eq!(no.reason, "conflict", "{}", no.message);
    assert_eq!(pins(&store).len(), WAITING_MAX);
    calls::expect(&store, &ME, 0, mine, profile, true).expect("that one waits already");
    calls::expect(&store, &OTHER, 0, mine, profile, true).expect("another MiMei has room");
    calls::record(&store, &ME, 0, mine, profile).unwrap();
    calls::expect(&store, &ME, numbers.end, mine, profile, true).expect("and so has this one again");
}

#[test]
fn hold_2_a_working_copy_follows_unless_it_was_changed() {
    let (dir, store) = open(1 << 30);
    let trees: Vec<Cid> = ["0", "1", "2"].iter().map(|text| tree(&store, dir.path(), text)).collect();
    let profile = Profile::default();
    calls::record(&store, &ME, 0, trees[0], profile).unwrap();
    assert_eq!(pins(&store), [format!("version/{ME}/0")]);
    calls::restore(&store, &ME, Some(0), None, None).unwrap();
    calls::record(&store, &ME, 1, trees[1], profile).unwrap();
    assert_eq!(store.cur(&ME).unwrap().unwrap().cid, trees[1], "nobody had changed it");
    let mut edit = store.edit(&ME).unwrap();
    edit.mkdir("mine").unwrap();
    let changed = edit.commit(0).unwrap();
    calls::record(&store, &ME, 2, trees[2], profile).unwrap();
    assert_eq!(store.cur(&ME).unwrap().unwrap().cid, changed.cid, "it stays as it is");
    assert_eq!(calls::base(&store, &ME).unwrap().unwrap().0, 1, "and came from the version before");
    // Its own backup: what it came from is that.
    calls::expect(&store, &ME, 3, changed.cid, profile, true).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.mkdir("more").unwrap();
    edit.commit(0).unwrap();
    calls::record(&store, &ME, 3, changed.cid, profile).unwrap();
    calls::record(&store, &ME, 3, changed.cid, profile).unwrap();
    assert_eq!(calls::base(&store, &ME).unwrap().unwrap().0, 3, "though it was changed meanwhile");
    let other = calls::record(&store, &ME, 3, trees[0], profile).unwrap_err();
    assert_eq!(other.reason, "conflict", "a version never changes");
}

#[test]
fn hold_2_an_edit_that_made_the_same_as_a_version_comes_from_that_version() {
    let (dir, store) = open(1 << 30);
    let profile = Profile::default();
    let [first, second] = ["first", "second"].map(|text| tree(&store, dir.path(), text));
    calls::record(&store, &ME, 0, first, profile).unwrap();
    calls::restore(&store, &ME, Some(0), None, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.mkdir("mine").unwrap();
    let same = edit.commit(0).unwrap().cid;
    // Another device made the same edit, and its version came first. Said twice it is the same.
    for _ in 0..2 {
        calls::record(&store, &ME, 1, same, profile).unwrap();
        assert_eq!(calls::base(&store, &ME).unwrap().map(|(number, base)| (number, base.cid)), Some((1, same)));
    }
    calls::record(&store, &ME, 2, second, profile).unwrap();
    assert_eq!(store.cur(&ME).unwrap().unwrap().cid, second, "nobody changed it since, so it follows");
}

#[test]
fn hold_2_a_version_that_was_known_takes_nothing_back() {
    let (dir, store) = open(1 << 30);
    let profile = Profile::default();
    let [old, new] = ["old", "new"].map(|text| tree(&store, dir.path(), text));
    calls::record(&store, &ME, 0, old, profile).unwrap();
    calls::record(&store, &ME, 1, new, profile).unwrap();
    calls::restore(&store, &ME, Some(0), None, Some(1)).unwrap();
    for (number, cid) in [(0, old), (1, new)] {
        calls::record(&store, &ME, number, cid, profile).unwrap();
        assert_eq!(store.cur(&ME).unwrap().unwrap().cid, old, "an older version that was restored stays");
        assert_eq!(calls::base(&store, &ME).unwrap().unwrap().0, 1, "and the newest was seen");
    }
}

#[test]
fn hold_3_a_tree_that_lost_is_kept_under_its_own_name() {
    let (dir, store) = open(1 << 30);
    let mine = tree(&store, dir.path(), "mine");
    calls::expect(&store, &ME, 4, mine, Profile::default(), true).unwrap();
    let [next]: [calls::Waiting; 1] = calls::waiting(&store, &ME).unwrap().try_into().unwrap();
    calls::lose(&store, &next).unwrap();
    assert_eq!(pins(&store), [format!("pin/conflict/{ME}/{mine}")]);
    let lost = calls::local(&store, &ME).unwrap().lost;
    assert_eq!(lost.iter().map(|one| one.root.as_str()).collect::<Vec<_>>(), [format!("pin/conflict/{ME}/{mine}")]);
    assert!(calls::local(&store, &OTHER).unwrap().lost.is_empty(), "each has its own");
    // One that was given up meanwhile has not lost.
    let theirs = tree(&store, dir.path(), "theirs");
    calls::expect(&store, &ME, 4, theirs, Profile::default(), false).unwrap();
    let [next]: [calls::Waiting; 1] = calls::waiting(&store, &ME).unwrap().try_into().unwrap();
    calls::give_up(&store, &ME, 4, &theirs, false).unwrap();
    calls::lose(&store, &next).unwrap();
    assert_eq!(pins(&store).len(), 1);
}

#[test]
fn hold_4_a_working_copy_begins_with_a_version_or_empty() {
    let (dir, store) = open(1 << 30);
    let profile = Profile::default();
    let (old, new) = (tree(&store, dir.path(), "old"), tree(&store, dir.path(), "new"));
    calls::record(&store, &ME, 0, old, profile).unwrap();
    calls::record(&store, &ME, 1, new, profile).unwrap();
    let cur = calls::restore(&store, &ME, Some(0), None, Some(1)).unwrap();
    assert_eq!(cur.cid, old.to_string());
    assert_eq!(
        calls::base(&store, &ME).unwrap().unwrap(),
        (1, Kept { cid: old, profile, generation: 1 }),
        "the newest was seen"
    );
    assert_eq!(calls::restore(&store, &ME, Some(1), Some(7), Some(1)).unwrap_err().reason, "conflict", "another generation");
    calls::restore(&store, &ME, Some(1), Some(0), Some(1)).unwrap();
    let before = store.stat().unwrap();
    assert_eq!(calls::fork(&store, &ME, 1, &OTHER).unwrap().cid, new.to_string());
    assert_eq!(store.stat().unwrap(), before, "not one block is copied");
    assert_eq!(calls::version(&store, &OTHER, 0).unwrap().cid, new.to_string());
    let missing: Result<_, No> = calls::fork(&store, &ME, 9, &MimeiId([9; 20]));
    assert_eq!(missing.unwrap_err().reason, "absent");
}

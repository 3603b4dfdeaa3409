use super::*;

/// Names so long that few of them make a directory of many blocks.
fn long_name(n: usize) -> String {
    format!("{n:06}-{}", "n".repeat(180))
}

fn entries(link: dag::Link, names: impl Iterator<Item = usize>) -> Vec<dag::Entry> {
    let mut entries: Vec<dag::Entry> = names.map(|n| dag::Entry { name: long_name(n), link }).collect();
    entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    entries
}

#[test]
fn cur_5_a_directory_becomes_sharded_and_one_block_again_as_building_it_anew_says() {
    for profile in Profile::ALL {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut tree = tree::Tree::new(&store, profile);
        let link = tree.put(dag::leaf(profile, b"content".to_vec()), 0).unwrap();
        // As far as one block goes.
        let mut most = 0;
        let is_sharded = |tree: &tree::Tree, cid: &Cid| matches!(tree.node(cid).unwrap().0, leither_kit::node::Node::Shard(_));
        let mut here = dir::build(&mut tree, Vec::new()).unwrap();
        for n in 0..2000 {
            here = dir::update(&mut tree, &here.cid, &long_name(n), Some(link)).unwrap();
            tree.settle(&here.cid).unwrap();
            if is_sharded(&tree, &here.cid) {
                most = n;
                break;
            }
        }
        assert!(most > 500);
        // The same by the other writer's code, from a disk.
        let disk = dir.path().join("disk");
        fs::create_dir(&disk).unwrap();
        for n in 0..most {
            fs::write(disk.join(long_name(n)), "content").unwrap();
        }
        let flat = from_scratch(&disk, profile);
        fs::write(disk.join(long_name(most)), "content").unwrap();
        assert_eq!(from_scratch(&disk, profile), here.cid, "{profile}");
        // Up, and down again over the border, step by step.
        let mut names: std::collections::BTreeSet<usize> = (0..=most).collect();
        for n in most + 1..most + 300 {
            here = dir::update(&mut tree, &here.cid, &long_name(n), Some(link)).unwrap();
            tree.settle(&here.cid).unwrap();
            names.insert(n);
        }
        assert_eq!(here, dir::build(&mut tree, entries(link, names.iter().copied())).unwrap());
        for n in (0..names.len()).step_by(2).chain((1..200).step_by(2)) {
            here = dir::update(&mut tree, &here.cid, &long_name(n), None).unwrap();
            tree.settle(&here.cid).unwrap();
            names.remove(&n);
            if n % 10 == 0 {
                assert_eq!(here, dir::build(&mut tree, entries(link, names.iter().copied())).unwrap(), "{profile}: without {n}");
            }
        }
        assert!(!is_sharded(&tree, &here.cid));
        for n in 0..most {
            here = dir::update(&mut tree, &here.cid, &long_name(n), Some(link)).unwrap();
            tree.settle(&here.cid).unwrap();
        }
        for n in most..most + 300 {
            here = dir::update(&mut tree, &here.cid, &long_name(n), None).unwrap();
            tree.settle(&here.cid).unwrap();
        }
        assert_eq!(here.cid, flat, "{profile}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn cur_5_a_sharded_directory_depends_on_what_is_in_it_and_not_on_the_way_there(
        start in 1200usize..1500,
        changes in proptest::collection::vec((0usize..1600, any::<bool>(), any::<bool>()), 0..200),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut tree = tree::Tree::new(&store, Profile::V1_2025);
        let link = tree.put(dag::leaf(Profile::V1_2025, b"one".to_vec()), 0).unwrap();
        let other = tree.put(dag::leaf(Profile::V1_2025, vec![0; 300]), 0).unwrap();
        let mut model: BTreeMap<usize, dag::Link> = (0..start).map(|n| (n, link)).collect();
        let all = |model: &BTreeMap<usize, dag::Link>| {
            let mut all: Vec<dag::Entry> = model.iter().map(|(n, link)| dag::Entry { name: long_name(*n), link: *link }).collect();
            all.sort_by(|a, b| a.name.cmp(&b.name));
            all
        };
        let mut here = dir::build(&mut tree, all(&model)).unwrap();
        for (n, put, which) in changes {
            let to = put.then_some(if which { link } else { other });
            here = dir::update(&mut tree, &here.cid, &long_name(n), to).unwrap();
            match to {
                Some(to) => model.insert(n, to),
                None => model.remove(&n),
            };
            prop_assert_eq!(dir::lookup(&tree, &here.cid, &long_name(n)).unwrap(), to);
        }
        prop_assert_eq!(here, dir::build(&mut tree, all(&model)).unwrap());
        // Pages of any length tell each entry once.
        let mut seen = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = dir::list(&tree, &here.cid, after.as_deref(), 97).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            for entry in page {
                prop_assert!(seen.insert(entry.name, entry.link).is_none());
            }
        }
        let told: BTreeMap<String, dag::Link> = model.iter().map(|(n, link)| (long_name(*n), *link)).collect();
        prop_assert_eq!(seen, told);
    }
}

#[test]
fn cur_6_a_directory_is_listed_in_pages_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    for name in ["b", "a", "Z", "ä"] {
        edit.mkdir(name).unwrap();
    }
    let names = |page: &Page| page.entries.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let first = edit.list("", None, 3).unwrap();
    assert_eq!((names(&first), first.after.as_deref()), (vec!["Z".into(), "a".into(), "b".into()], Some("b")));
    let second = edit.list("", Some("b"), 3).unwrap();
    assert_eq!((names(&second), second.after), (vec!["ä".to_string()], None));
    // Where one page ended may be gone.
    edit.remove("b", false).unwrap();
    assert_eq!(names(&edit.list("", Some("b"), 3).unwrap()), ["ä"]);
    edit.write_at("f", 0, b"").unwrap();
    assert!(matches!(edit.list("f", None, 3), Err(StorageError::Kind { .. })));
    assert!(matches!(edit.mkdir("f/x"), Err(StorageError::Kind { .. })));
    assert!(matches!(edit.write_at("a", 0, b"x"), Err(StorageError::Kind { .. })));
    edit.mkdir("a/in").unwrap();
    assert!(matches!(edit.remove("a", false), Err(StorageError::NotEmpty(_))));
    edit.remove("a", true).unwrap();
    assert!(matches!(edit.stat("a"), Err(StorageError::NoEntry(_))));
}

/// CUR-5, CUR-6: however many entries there are, a name costs the shards on its way, a page one shard an entry at most, a change the shards on
/// its way and the directory above.
#[test]
fn cur_6_a_directory_of_30_000_entries_is_read_and_changed_by_few_blocks() {
    const ENTRIES: usize = 30_000;
    // Shards on the way to a name: two of these would have to share four bytes of their hashes for one more.
    const DEPTH: u64 = 5;
    let dir = tempfile::tempdir().unwrap();
    let name = |n: usize| format!("entry-{n}");
    let profile = Profile::V1_2025;
    let made = {
        let store = open(dir.path());
        let mut tree = tree::Tree::new(&store, profile);
        let link = tree.put(dag::leaf(profile, b"content".to_vec()), 0).unwrap();
        let mut all: Vec<dag::Entry> = (0..ENTRIES).map(|n| dag::Entry { name: name(n), link }).collect();
        all.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        let below = dir::build(&mut tree, all).unwrap();
        let root = tree.put(dag::directory(profile, &[("d", below)]), below.dag_size).unwrap();
        tree.hand_over(&root.cid).unwrap();
        tree.session.finish(&Root::Pin("made".into()), Kept { cid: root.cid, profile, generation: 0 }, NOW).unwrap();
        store.create_cur(&ME, profile, Some(&root.cid)).unwrap();
        store.stat().unwrap().blocks
    };
    assert!(made > 5_000, "{made} blocks: what follows is few of them");
    // Opened anew, so that nothing is known of it from making it.
    let store = open(dir.path());
    let mut edit = store.edit(&ME).unwrap();
    edit.counted();
    for n in (0..ENTRIES).step_by(97) {
        edit.stat(&format!("d/{}", name(n))).unwrap();
        let (read, _) = edit.counted();
        assert!(read <= DEPTH + 3, "{read} blocks to look up {}", name(n));
    }
    assert!(edit.stat("d/none").is_err());
    assert!(edit.counted().0 <= DEPTH + 3, "a name that is not there");
    for limit in [1, 10, 1_000] {
        let mut after: Option<String> = None;
        let mut seen = 0;
        loop {
            let page = edit.list("d", after.as_deref(), limit).unwrap();
            let (read, _) = edit.counted();
            assert!(read <= 3 + 2 * DEPTH + limit as u64, "{read} blocks for a page of {limit}");
            seen += page.entries.len();
            after = page.after;
            if after.is_none() || seen >= 100 * limit {
                break;
            }
        }
        assert_eq!(seen, ENTRIES.min(100 * limit));
    }
    // The first removal counts up to twice the border; from then on it is known how much is there.
    edit.remove(&format!("d/{}", name(0)), false).unwrap();
    let (read, _) = edit.counted();
    assert!(read <= made / 2, "{read} of {made} blocks to measure the directory");
    edit.commit(NOW).unwrap();
    edit.counted();
    for n in (1..ENTRIES).step_by(1_499) {
        let path = format!("d/{}", name(n));
        for change in 0..3 {
            match change {
                0 => edit.remove(&path, false).unwrap(),
                1 => edit.write_at(&path, 0, b"another").unwrap(),
                _ => edit.append(&path, b" and more").unwrap(),
            }
            edit.commit(NOW).unwrap();
            let (read, written) = edit.counted();
            assert!(read <= 2 * DEPTH + 10, "{read} blocks read for change {change} of {path}");
            // The leaf, the shards on the way, the directory above.
            assert!((2..=DEPTH + 2).contains(&written), "{written} blocks written for change {change} of {path}");
        }
    }
    check(&store);
}

#[test]
fn cur_6_a_page_begins_after_a_name_that_is_not_there_in_one_block_or_in_shards() {
    for count in [40, 2_000] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut tree = tree::Tree::new(&store, Profile::V1_2025);
        let link = tree.put(dag::leaf(Profile::V1_2025, b"content".to_vec()), 0).unwrap();
        let here = dir::build(&mut tree, entries(link, 0..count)).unwrap();
        let all: Vec<String> = dir::list(&tree, &here.cid, None, usize::MAX).unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(all.len(), count);
        for at in [0, count / 2, count - 2] {
            let less = dir::update(&mut tree, &here.cid, &all[at], None).unwrap();
            let rest = dir::list(&tree, &less.cid, Some(&all[at]), usize::MAX).unwrap();
            let rest: Vec<String> = rest.into_iter().map(|e| e.name).collect();
            assert_eq!(rest, &all[at + 1..], "after the {at}th of {count}, which is gone");
        }
    }
}

#[test]
fn cur_6_a_page_says_what_each_entry_is_and_has_a_bound_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.mkdir("dir").unwrap();
    edit.write_at("leaf", 0, b"seven..").unwrap();
    edit.write_at("long", 0, &noise(1, 3 << 20)).unwrap();
    edit.symlink("link", "leaf").unwrap();
    edit.mkdir("links").unwrap();
    let target = "t".repeat(4_000);
    for n in 0..100 {
        edit.symlink(&format!("links/{n:03}"), &target).unwrap();
    }
    let kept = edit.commit(NOW).unwrap();
    let view = store.view(&kept.cid, kept.profile);
    let page = view.list_kinds("", None, 4).unwrap();
    let found: Vec<(&str, &Kind)> = page.entries.iter().map(|(name, _, kind)| (name.as_str(), kind)).collect();
    let link = Kind::Symlink("leaf".into());
    let wanted = [("dir", &Kind::Directory), ("leaf", &Kind::File(7)), ("link", &link), ("links", &Kind::Directory)];
    assert_eq!((found.as_slice(), page.after.as_deref()), (wanted.as_slice(), Some("links")));
    let rest = view.list_kinds("", Some("links"), 4).unwrap();
    assert_eq!((rest.entries[0].2.clone(), rest.entries.len(), rest.after), (Kind::File(3 << 20), 1, None));
    let (mut names, mut after, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = view.list_kinds("links", after.as_deref(), 1_000).unwrap();
        names.extend(page.entries.into_iter().map(|(name, _, _)| name));
        (after, pages) = (page.after, pages + 1);
        if after.is_none() {
            break;
        }
    }
    assert_eq!((names, pages), ((0..100).map(|n| format!("{n:03}")).collect(), 2));
}

#[test]
fn cur_6_a_directory_of_empty_levels_that_share_their_blocks_is_refused_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut tree = tree::Tree::new(&store, Profile::V1_2025);
    let mut link = tree.put(dag::shard(Profile::V1_2025, &[]), 0).unwrap();
    for _ in 0..7 {
        let slots: Vec<(u8, &str, dag::Link)> = (0..=255).map(|at| (at, "", link)).collect();
        link = tree.put(dag::shard(Profile::V1_2025, &slots), 0).unwrap();
    }
    assert!(matches!(dir::list(&tree, &link.cid, None, 10), Err(StorageError::TooMuch(_))));
    assert!(dir::lookup(&tree, &link.cid, "x").unwrap().is_none());
    // One level more than a hash has bytes for.
    let slots: Vec<(u8, &str, dag::Link)> = (0..=255).map(|at| (at, "", link)).collect();
    let deep = tree.put(dag::shard(Profile::V1_2025, &slots), 0).unwrap();
    assert!(matches!(dir::update(&mut tree, &deep.cid, "x", Some(link)), Err(StorageError::TooMuch(_))));
}

/// A level of a sharded directory as another writer makes it, with 2^bits places: place, name, link.
fn shard_of(tree: &mut tree::Tree, bits: u32, slots: &[(u64, String, dag::Link)]) -> dag::Link {
    let width = format!("{:X}", (1u64 << bits) - 1).len();
    let slots: Vec<(String, dag::Link)> =
        slots.iter().map(|(place, name, link)| (format!("{place:0width$X}{name}"), *link)).collect();
    let links: Vec<(&str, dag::Link)> = slots.iter().map(|(name, link)| (name.as_str(), *link)).collect();
    let mut data = Vec::new();
    for (tag, n) in [(1, 5), (5, 0x22), (6, 1 << bits)] {
        dag::number(&mut data, tag, n);
    }
    tree.put(dag::node(Profile::V1_2025, &links, &data), 0).unwrap()
}

/// All levels of one.
fn sharded_by_others(tree: &mut tree::Tree, bits: u32, level: u32, link: dag::Link, names: &[String]) -> dag::Link {
    let mut places = BTreeMap::<u64, Vec<String>>::new();
    for name in names {
        let place = (dag::name_hash(name) >> (64 - bits * (level + 1))) & ((1 << bits) - 1);
        places.entry(place).or_default().push(name.clone());
    }
    let mut slots = Vec::new();
    for (place, names) in places {
        match names.as_slice() {
            [name] => slots.push((place, name.clone(), link)),
            names => slots.push((place, String::new(), sharded_by_others(tree, bits, level + 1, link, names))),
        }
    }
    shard_of(tree, bits, &slots)
}

#[test]
fn cur_6_a_directory_that_others_made_with_more_or_fewer_places_is_read_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut tree = tree::Tree::new(&store, Profile::V1_2025);
    let link = tree.put(dag::leaf(Profile::V1_2025, b"content".to_vec()), 0).unwrap();
    let mut names: Vec<String> = (0..700).map(long_name).collect();
    names.sort_by_key(|name| dag::name_hash(name));
    for bits in [3, 4, 10] {
        let here = sharded_by_others(&mut tree, bits, 0, link, &names);
        let mut seen: Vec<String> = Vec::new();
        // Before the empty name there is none.
        let mut after = String::new();
        loop {
            let page = dir::list(&tree, &here.cid, Some(&after), 64).unwrap();
            let Some(last) = page.last() else { break };
            after = last.name.clone();
            seen.extend(page.into_iter().map(|entry| entry.name));
        }
        assert_eq!(seen, names, "2^{bits} places");
        for name in &names {
            assert_eq!(dir::lookup(&tree, &here.cid, name).unwrap(), Some(link), "2^{bits} places");
        }
        assert_eq!(dir::lookup(&tree, &here.cid, "none").unwrap(), None);
        let refused = dir::update(&mut tree, &here.cid, "x", Some(link)).unwrap_err();
        assert!(refused.to_string().contains("256 places"), "{refused}");
    }
}

#[test]
fn cur_6_a_name_that_stands_in_anothers_place_is_passed_over_so_that_pages_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut tree = tree::Tree::new(&store, Profile::V1_2025);
    let link = tree.put(dag::leaf(Profile::V1_2025, b"content".to_vec()), 0).unwrap();
    let mut names: Vec<(u64, String)> = (0..100).map(long_name).map(|name| (dag::name_hash(&name) >> 56, name)).collect();
    names.sort();
    names.dedup_by_key(|(place, _)| *place);
    let (first, second, last) = (&names[0], &names[1], &names[names.len() - 1]);
    // A page that ended with the first one would go on with the second.
    let slots =
        [(second.0, &second.1), (second.0 + 1, &first.1), (last.0, &last.1)].map(|(place, name)| (place, name.clone(), link));
    let here = shard_of(&mut tree, 8, &slots);
    let mut after: Option<String> = None;
    for wanted in [Some(&second.1), Some(&last.1), None] {
        let page = dir::list(&tree, &here.cid, after.as_deref(), 1).unwrap();
        assert_eq!(page.first().map(|entry| &entry.name), wanted);
        after = page.into_iter().next().map(|entry| entry.name);
    }
    assert_eq!(dir::lookup(&tree, &here.cid, &first.1).unwrap(), None, "by its name nobody finds it, either");
}

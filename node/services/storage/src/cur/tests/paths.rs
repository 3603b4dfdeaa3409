use super::*;

const PATHS: [&str; 9] = ["a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "c", "c/x y ü"];

/// What is written to disk for the oracle.
fn write_tree(root: &Path, model: &BTreeMap<String, Option<Vec<u8>>>) {
    let _ = fs::remove_dir_all(root);
    fs::create_dir(root).unwrap();
    for (path, file) in model {
        match file {
            None => fs::create_dir_all(root.join(path)).unwrap(),
            Some(bytes) => fs::write(root.join(path), bytes).unwrap(),
        }
    }
}

#[derive(Clone, Debug)]
enum PathAct {
    Write(usize, u8),
    Mkdir(usize),
    Remove(usize),
    Rename(usize, usize),
    Copy(usize, usize),
}

fn path_acts() -> impl Strategy<Value = Vec<PathAct>> {
    let path = || 0..PATHS.len();
    let act = prop_oneof![
        3 => (path(), any::<u8>()).prop_map(|(p, n)| PathAct::Write(p, n)),
        3 => path().prop_map(PathAct::Mkdir),
        1 => path().prop_map(PathAct::Remove),
        2 => (path(), path()).prop_map(|(a, b)| PathAct::Rename(a, b)),
        2 => (path(), path()).prop_map(|(a, b)| PathAct::Copy(a, b)),
    ];
    proptest::collection::vec(act, 1..30)
}

fn is_below(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cur_4_any_row_of_path_operations_gives_the_tree_that_adding_the_result_gives(profile in profile(), acts in path_acts()) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.create_cur(&ME, profile, None).unwrap();
        let mut edit = store.edit(&ME).unwrap();
        // Path to content; a directory has none.
        let mut model: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
        for act in acts {
            let before = *edit.root();
            let parent_ok = |model: &BTreeMap<String, Option<Vec<u8>>>, path: &str| match path.rsplit_once('/') {
                None => true,
                Some((parent, _)) => model.get(parent) == Some(&None),
            };
            let (done, should) = match act {
                PathAct::Write(p, n) => {
                    let path = PATHS[p];
                    let ok = parent_ok(&model, path) && model.get(path) != Some(&None);
                    if ok {
                        model.entry(path.into()).or_insert(Some(Vec::new())).as_mut().unwrap().push(n);
                    }
                    (edit.append(path, &[n]), ok)
                }
                PathAct::Mkdir(p) => {
                    let ok = parent_ok(&model, PATHS[p]) && !model.contains_key(PATHS[p]);
                    if ok {
                        model.insert(PATHS[p].into(), None);
                    }
                    (edit.mkdir(PATHS[p]), ok)
                }
                PathAct::Remove(p) => {
                    let ok = model.remove(PATHS[p]).is_some();
                    model.retain(|path, _| !is_below(path, PATHS[p]));
                    (edit.remove(PATHS[p], true), ok)
                }
                PathAct::Rename(a, b) => {
                    let (from, to) = (PATHS[a], PATHS[b]);
                    let free = !model.contains_key(to) && parent_ok(&model, to) && !is_below(to, from);
                    let ok = model.contains_key(from) && (from == to || free);
                    if ok && from != to {
                        let moved: Vec<String> = model.keys().filter(|path| *path == from || is_below(path, from)).cloned().collect();
                        for path in moved {
                            let file = model.remove(&path).unwrap();
                            model.insert(format!("{to}{}", &path[from.len()..]), file);
                        }
                    }
                    (edit.rename(from, to), ok)
                }
                PathAct::Copy(a, b) => {
                    let (from, to) = (PATHS[a], PATHS[b]);
                    let free = !model.contains_key(to) && parent_ok(&model, to) && !is_below(to, from);
                    let ok = model.contains_key(from) && free;
                    if ok {
                        let copied = model.iter().filter(|(path, _)| *path == from || is_below(path, from));
                        let copied: Vec<_> = copied.map(|(path, file)| (format!("{to}{}", &path[from.len()..]), file.clone())).collect();
                        model.extend(copied);
                    }
                    (edit.copy(from, to), ok)
                }
            };
            prop_assert_eq!(done.is_ok(), should, "{:?}: {:?}", act, done);
            if !should {
                prop_assert_eq!(&before, edit.root(), "what failed changed nothing");
            }
        }
        edit.commit(NOW).unwrap();
        let oracle = dir.path().join("oracle-tree");
        write_tree(&oracle, &model);
        prop_assert_eq!(*edit.root(), from_scratch(&oracle, profile));
        check(&store);
    }
}

#[test]
fn cur_2_links_stay_within_the_tree() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.mkdir("d").unwrap();
    edit.write_at("a", 0, b"a").unwrap();
    edit.symlink("d/up", "../a").unwrap();
    for target in ["/a", "../../a", "..", "", "a\0", "d/up/../a"] {
        assert!(matches!(edit.symlink("l", target), Err(StorageError::Escape { .. })), "{target:?}");
    }
    // Moved up, it would lead out.
    assert!(matches!(edit.rename("d/up", "up"), Err(StorageError::Escape { .. })));
    assert!(matches!(edit.copy("d/up", "up"), Err(StorageError::Escape { .. })));
    let link = edit.stat("d/up").unwrap();
    assert_eq!(link.kind, Kind::Symlink("../a".into()));
    assert!(matches!(edit.link("up", &link.cid), Err(StorageError::Escape { .. })));
    assert!(matches!(edit.append("d/up", b"x"), Err(StorageError::Kind { .. })), "a link is not followed");
    let oracle = dir.path().join("t");
    fs::create_dir_all(oracle.join("d")).unwrap();
    fs::write(oracle.join("a"), "a").unwrap();
    std::os::unix::fs::symlink("../a", oracle.join("d/up")).unwrap();
    assert_eq!(*edit.root(), from_scratch(&oracle, Profile::V1_2025));
}

#[test]
fn cur_4_a_copy_is_the_same_blocks_and_what_is_written_to_one_is_not_in_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.mkdir("d").unwrap();
    edit.write_at("d/film", 0, &noise(2, 5 << 20)).unwrap();
    edit.commit(NOW).unwrap();
    let before = store.stat().unwrap();
    edit.copy("d/film", "film").unwrap();
    edit.copy("d", "e").unwrap();
    edit.commit(NOW).unwrap();
    let after = store.stat().unwrap();
    assert_eq!(after.blocks, before.blocks, "a root took the place of a root");
    assert!(after.bytes < before.bytes + 1024, "{} of {}", after.bytes, before.bytes);
    assert!(matches!(edit.copy("d", "d/d"), Err(StorageError::Path { .. })), "a directory is not put into itself");
    assert!(
        matches!(edit.copy("d", "e"), Err(StorageError::Exists(_)))
            && matches!(edit.copy("x", "y"), Err(StorageError::NoEntry(_)))
    );
    edit.write_at("film", 0, b"other").unwrap();
    edit.remove("e", true).unwrap();
    edit.commit(NOW).unwrap();
    let mut out = [0; 5];
    edit.read("d/film", 0, &mut out).unwrap();
    assert_eq!(out, noise(2, 5)[..]);
    check(&store);
}

#[test]
fn cur_7_of_two_writers_the_second_is_told_and_both_sides_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let (mut one, mut two) = (store.edit(&ME).unwrap(), store.edit(&ME).unwrap());
    one.write_at("f", 0, b"one").unwrap();
    two.write_at("f", 0, b"two").unwrap();
    let won = one.commit(NOW).unwrap();
    let error = two.commit(NOW).unwrap_err();
    assert!(matches!(error, StorageError::CurMoved { base: 0, found: 1, .. }), "{error}");
    assert!(error.to_string().contains("nothing was lost"));
    assert_eq!(store.cur(&ME).unwrap(), Some(won));
    // The loser's side can be read, and kept.
    let mut out = [0; 3];
    two.read("f", 0, &mut out).unwrap();
    assert_eq!(&out, b"two");
    let side = two.keep_as(&Root::Pin("conflict/me".into()), NOW).unwrap();
    drop((one, two));
    store.sweep().unwrap();
    assert_eq!(store.view(&side.cid, side.profile).read("f", 0, &mut out).unwrap(), 3);
    assert_eq!(&out, b"two");
    assert!(matches!(store.create_cur(&ME, Profile::V1_2025, None), Err(StorageError::HasCur(_))));
    assert!(matches!(store.edit(&MimeiId([1; 20])), Err(StorageError::NoCur(_))));
    check(&store);
}

#[test]
fn cur_7_a_commit_that_moved_the_root_says_so_whatever_comes_after() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut one = store.edit(&ME).unwrap();
    one.append("f", b"one").unwrap();
    let moved = one.commit_and(NOW, || {
        let mut two = store.edit(&ME).unwrap();
        two.append("f", b"two").unwrap();
        two.commit(NOW).unwrap();
    });
    let moved = moved.unwrap();
    assert_eq!(moved.generation, 1);
    assert_eq!(store.get(&moved.cid).unwrap(), None, "it is superseded, and gone, before it could be held");
    let now = store.cur(&ME).unwrap().unwrap();
    let mut out = [0; 8];
    assert_eq!(store.view(&now.cid, now.profile).read("f", 0, &mut out).unwrap(), 6);
    assert_eq!(&out[..6], b"onetwo");
    drop(one);
    check(&store);
}

#[test]
fn cur_7_what_writes_supersede_goes_at_once_and_what_was_removed_stays_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    for n in 0..50u8 {
        edit.append("log", &[n; 100]).unwrap();
        edit.commit(NOW).unwrap();
    }
    assert_eq!(store.stat().unwrap().blocks, 2, "the file and its directory");
    assert_eq!(store.trash(None, 10).unwrap(), []);
    let before = edit.stat("").unwrap().cid;
    edit.remove("log", false).unwrap();
    edit.commit(NOW).unwrap();
    assert_eq!(store.trash(None, 10).unwrap()[0].cid, before);
    let now = NOW + crate::config::GRACE_MS;
    while store.purge(now, 10).unwrap().more {}
    assert_eq!(store.stat().unwrap().blocks, 1);
    check(&store);
}

#[test]
fn cur_7_the_losers_side_keeps_blocks_that_the_winner_superseded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut one = store.edit(&ME).unwrap();
    one.write_at("f", 0, &noise(1, 3 << 20)).unwrap();
    one.commit(NOW).unwrap();
    let mut two = store.edit(&ME).unwrap();
    one.write_at("f", 0, b"the winner's").unwrap();
    one.commit(NOW).unwrap();
    two.append("f", b"the loser's").unwrap();
    assert!(matches!(two.commit(NOW), Err(StorageError::CurMoved { .. })));
    two.keep_as(&Root::Pin("side".into()), NOW).unwrap();
    let mut out = vec![0; (3 << 20) + 11];
    assert_eq!(two.read("f", 0, &mut out).unwrap(), out.len());
    assert_eq!(out[..3 << 20], noise(1, 3 << 20));
    drop((one, two));
    check(&store);
}

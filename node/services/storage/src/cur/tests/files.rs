use super::*;

/// A change of a file, in the model and in the edit.
#[derive(Clone, Debug)]
enum Act {
    Write(u64, usize),
    Append(usize),
    Truncate(u64),
    Commit,
}

/// Places that lie near the borders of chunks as often as anywhere.
fn place(chunk: u64) -> impl Strategy<Value = u64> {
    prop_oneof![0..4 * chunk, (0u64..5, 0u64..5).prop_map(move |(n, off)| (n * chunk + off).saturating_sub(2))]
}

fn acts(chunk: u64) -> impl Strategy<Value = Vec<Act>> {
    let len = || prop_oneof![0usize..5, 0..chunk as usize + 3];
    let act = prop_oneof![
        4 => (place(chunk), len()).prop_map(|(at, len)| Act::Write(at, len)),
        2 => len().prop_map(Act::Append),
        2 => place(chunk).prop_map(Act::Truncate),
        1 => Just(Act::Commit),
    ];
    proptest::collection::vec(act, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cur_3_a_file_that_was_changed_is_the_one_that_adding_its_bytes_gives(
        (profile, acts) in profile().prop_flat_map(|p| (Just(p), acts(p.chunk_bytes()))),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.create_cur(&ME, profile, None).unwrap();
        let mut edit = store.edit(&ME).unwrap();
        let mut model: Vec<u8> = Vec::new();
        edit.write_at("f", 0, b"").unwrap();
        for (n, act) in acts.into_iter().enumerate() {
            let bytes = |len| noise(n as u64, len);
            match act {
                Act::Write(at, len) => {
                    edit.write_at("f", at, &bytes(len)).unwrap();
                    let at = at as usize;
                    if len > 0 {
                        model.resize(model.len().max(at + len), 0);
                        model[at..at + len].copy_from_slice(&bytes(len));
                    }
                }
                Act::Append(len) => {
                    edit.append("f", &bytes(len)).unwrap();
                    model.extend(bytes(len));
                }
                Act::Truncate(size) => {
                    edit.truncate("f", size).unwrap();
                    model.resize(size as usize, 0);
                }
                Act::Commit => {
                    edit.commit(NOW).unwrap();
                }
            }
            let item = edit.stat("f").unwrap();
            prop_assert_eq!(item.kind, Kind::File(model.len() as u64));
            prop_assert_eq!(item.cid, cid_of_bytes(dir.path(), &model, profile));
        }
        edit.commit(NOW).unwrap();
        let mut out = vec![0; model.len() + 1];
        prop_assert_eq!(edit.read("f", 0, &mut out).unwrap(), model.len());
        prop_assert_eq!(&out[..model.len()], &model[..]);
        let mut middle = [0; 1000];
        let start = model.len() as u64 / 3;
        let read = edit.read("f", start, &mut middle).unwrap();
        prop_assert_eq!(&middle[..read], &model[start as usize..][..read]);
        check(&store);
    }
}

#[test]
fn cur_3_a_file_grows_and_shrinks_over_a_level() {
    let dir = tempfile::tempdir().unwrap();
    let profile = Profile::V0_2015;
    let store = open(dir.path());
    store.create_cur(&ME, profile, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    let chunk = profile.chunk_bytes() as usize;
    let full = chunk * profile.links() as usize;
    let mut model = noise(1, full);
    for part in model.chunks(9 << 20) {
        edit.append("f", part).unwrap();
    }
    let same = |edit: &Edit, model: &[u8], what: &str| {
        assert_eq!(edit.stat("f").unwrap().cid, cid_of_bytes(dir.path(), model, profile), "{what}");
    };
    same(&edit, &model, "one full node");
    edit.commit(NOW).unwrap();
    edit.append("f", b"x").unwrap();
    model.push(b'x');
    same(&edit, &model, "a level more");
    edit.write_at("f", 3, b"yyy").unwrap();
    model[3..6].copy_from_slice(b"yyy");
    same(&edit, &model, "its first leaf");
    edit.commit(NOW).unwrap();
    edit.write_at("f", full as u64 + 3 * chunk as u64, b"zz").unwrap();
    model.resize(full + 3 * chunk, 0);
    model.extend(b"zz");
    same(&edit, &model, "over a gap");
    for size in [full + chunk, full + 1, full, full - 1, chunk + 1, chunk, 1, 0] {
        edit.truncate("f", size as u64).unwrap();
        model.truncate(size);
        same(&edit, &model, &format!("{size} bytes"));
    }
    edit.commit(NOW).unwrap();
    check(&store);
}

#[test]
fn cur_3_a_write_makes_anew_what_it_touches_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let file = dir.path().join("file");
    fs::write(&file, noise(1, 40 << 20)).unwrap();
    let pin = Root::Pin("f".into());
    let added = store.add(&file, Profile::V1_2025, &pin, NOW, &mut |_| ()).unwrap();
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.link("f", &added.cid).unwrap();
    edit.commit(NOW).unwrap();
    let before = store.stat().unwrap();
    edit.write_at("f", 20 << 20, b"in one chunk").unwrap();
    edit.commit(NOW).unwrap();
    let after = store.stat().unwrap();
    // The chunk, the file's node, the directory: the directory's former block went.
    assert_eq!(after.blocks - before.blocks, 2);
    assert!(after.bytes - before.bytes < (1 << 20) + 4096);
    check(&store);
}

#[test]
fn cur_3_a_gap_of_a_tebibyte_costs_a_few_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.write_at("f", 1 << 40, b"far").unwrap();
    edit.commit(NOW).unwrap();
    assert!(store.stat().unwrap().bytes < 4 << 20);
    let mut out = [1; 8];
    assert_eq!(edit.read("f", (1 << 40) - 2, &mut out).unwrap(), 5);
    assert_eq!(&out[..5], b"\0\0far");
    assert!(matches!(edit.write_at("f", u64::MAX - 1, b"abc"), Err(StorageError::TooMuch(_))));
    assert!(matches!(edit.truncate("f", u64::MAX), Err(StorageError::TooMuch(_))));
    edit.truncate("f", 5).unwrap();
    assert_eq!(edit.stat("f").unwrap().cid, cid_of_bytes(dir.path(), &[0; 5], Profile::V1_2025));
    check(&store);
}

#[test]
fn cur_3_a_file_of_another_shape_is_cut_anew_when_it_is_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bytes = noise(3, (5 << 20) + 77);
    let file = dir.path().join("file");
    fs::write(&file, &bytes).unwrap();
    for (from, to) in [(Profile::V0_2015, Profile::V1_2025), (Profile::V1_2025, Profile::V0_2015)] {
        let me = MimeiId([from.chunk_bytes().trailing_zeros() as u8; 20]);
        let added = store.add(&file, from, &Root::Pin("f".into()), NOW, &mut |_| ()).unwrap();
        store.create_cur(&me, to, None).unwrap();
        let mut edit = store.edit(&me).unwrap();
        edit.link("f", &added.cid).unwrap();
        edit.write_at("f", 3 << 20, b"changed").unwrap();
        let mut model = bytes.clone();
        model[3 << 20..][..7].copy_from_slice(b"changed");
        assert_eq!(edit.stat("f").unwrap().cid, cid_of_bytes(dir.path(), &model, to), "{from} to {to}");
        edit.commit(NOW).unwrap();
    }
    check(&store);
}

#[test]
fn cur_8_an_edit_of_any_size_stays_within_its_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    let file = dir.path().join("file");
    let mut all = Vec::new();
    for n in 0..60 {
        let part = noise(n, 3 << 19);
        edit.append("f", &part).unwrap();
        all.extend(part);
        assert!(edit.made_bytes() <= crate::config::EDIT_BYTES_MAX + (4 << 20));
    }
    let cid = edit.stat("f").unwrap().cid;
    fs::write(&file, &all).unwrap();
    assert_eq!(cid, from_scratch(&file, Profile::V1_2025));
    assert!(store.stat().unwrap().bytes > 20 << 20, "some of it is on disk before the commit");
    edit.commit(NOW).unwrap();
    check(&store);
    // One that is given up leaves nothing.
    let before = store.stat().unwrap();
    let mut edit = store.edit(&ME).unwrap();
    for n in 100..140 {
        edit.append("g", &noise(n, 1 << 20)).unwrap();
    }
    drop(edit);
    assert_eq!(store.stat().unwrap(), before);
    check(&store);
}

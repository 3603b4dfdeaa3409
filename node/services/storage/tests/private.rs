//! Whole trees: sealed from a disk, and opened again with nothing but blocks.

mod common;

use cid::Cid;
use common::{ME, NOW, check, pin};
use leither_kit::node::{Node, Slot, decode};
use leither_storage::content::{self, ContentError, Profile};
use leither_storage::seal::{HEAD_NAME, Head, Id, Name, Opening, Seal, SealError, TreeKey};
use leither_storage::{ContentStore, Kept, StorageError};
use leither_types::{MimeiId, SecretKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

fn reader() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn seal(key: u8) -> Seal {
    let mut seal = Seal::new(TreeKey::new([key; 32]));
    seal.add(reader().public(), &[9; 32]).unwrap();
    seal
}

/// What somebody may do to the entries of a directory; told how deep it lies.
type Alter<'a> = &'a dyn Fn(usize, &mut Vec<(String, Cid)>);

struct Blocks(HashMap<Cid, Vec<u8>>);

impl Blocks {
    fn add(path: &Path, seal: &Seal) -> (Cid, Self) {
        let mut blocks = HashMap::new();
        let mut sink = |cid: &Cid, block: Vec<u8>| {
            blocks.insert(*cid, block);
            Ok(())
        };
        let added = content::add_sealed(path, Profile::default(), seal, &mut sink, &mut |_| ()).unwrap();
        (added.cid, Self(blocks))
    }

    fn node(&self, cid: &Cid) -> Node {
        decode(cid, &self.0[cid]).unwrap()
    }

    fn entries(&self, cid: &Cid) -> Vec<(String, Cid)> {
        match self.node(cid) {
            Node::Directory(directory) => directory.entries.into_iter().map(|entry| (entry.name, entry.cid)).collect(),
            Node::Shard(shard) => {
                let below = shard.slots.into_iter().flat_map(|(_, slot)| match slot {
                    Slot::Entry(entry) => vec![(entry.name, entry.cid)],
                    Slot::Shard(cid) => self.entries(&cid),
                });
                below.collect()
            }
            other => panic!("no directory but {other:?}"),
        }
    }

    fn bytes(&self, cid: &Cid) -> Vec<u8> {
        match self.node(cid) {
            Node::Raw(_) => self.0[cid].clone(),
            Node::File(file) => {
                let own = self.0[cid][file.inline.clone()].to_vec();
                [own].into_iter().chain(file.parts.iter().map(|part| self.bytes(&part.cid))).flatten().collect()
            }
            other => panic!("no file but {other:?}"),
        }
    }

    /// Path and what it is, in words.
    fn open(&self, root: &Cid, alter: Alter<'_>) -> Result<BTreeMap<String, String>, SealError> {
        let entries = self.entries(root);
        let (_, head) = entries.iter().find(|(name, _)| name == HEAD_NAME).expect("a head");
        let head = Head::read(&self.bytes(head))?;
        let key = head.unlock(&reader())?.key().clone();
        let mut found = BTreeMap::new();
        let id = self.directory(&key, root, 0, "", alter, &mut found)?;
        if id == *head.root() { Ok(found) } else { Err(SealError::Altered("the root directory")) }
    }

    fn directory(
        &self,
        key: &TreeKey,
        cid: &Cid,
        depth: usize,
        above: &str,
        alter: Alter<'_>,
        found: &mut BTreeMap<String, String>,
    ) -> Result<Id, SealError> {
        let mut entries = self.entries(cid);
        entries.retain(|(name, _)| depth > 0 || name != HEAD_NAME);
        alter(depth, &mut entries);
        let id = key.directory_id(entries.iter().map(|(name, _)| name.as_str()).collect());
        for (text, cid) in entries.iter().filter(|(text, _)| !TreeKey::is_beside(text)) {
            let beside = TreeKey::beside(text).and_then(|name| entries.iter().find(|(other, _)| *other == name));
            let beside = beside.map(|(_, cid)| self.bytes(cid));
            let name = key.open_name(text, beside.as_deref())?;
            let path = format!("{above}/{}", name.text);
            let (child, what) = self.entry(key, cid, depth, &path, &name, alter, found)?;
            name.check(key, &child)?;
            found.insert(path, what);
        }
        Ok(id)
    }

    #[allow(clippy::too_many_arguments)]
    fn entry(
        &self,
        key: &TreeKey,
        cid: &Cid,
        depth: usize,
        path: &str,
        name: &Name,
        alter: Alter<'_>,
        found: &mut BTreeMap<String, String>,
    ) -> Result<(Id, String), SealError> {
        match self.node(cid) {
            Node::Directory(_) | Node::Shard(_) => {
                Ok((self.directory(key, cid, depth + 1, path, alter, found)?, "directory".into()))
            }
            Node::Symlink(target) => key.open_link(&target).map(|(target, id)| (id, format!("-> {target}"))),
            _ => {
                let sealed = self.bytes(cid);
                let mut opening = Opening::new(key, sealed.len() as u64, Some(name.clone()));
                let mut bytes = Vec::new();
                opening.push(&sealed, &mut |part| {
                    bytes.extend_from_slice(part);
                    Ok(())
                })?;
                Ok((opening.finish()?, format!("{} bytes, {:02x?}", bytes.len(), bytes.get(..4))))
            }
        }
    }
}

const AS_IT_IS: Alter<'static> = &|_, _| ();

/// Two directories, files of several sizes, links, names of odd kinds.
fn tree(root: &Path) {
    fs::create_dir_all(root.join("photos/empty")).unwrap();
    fs::write(root.join("photos/one.jpg"), b"a secret picture").unwrap();
    fs::write(root.join("photos/two.jpg"), b"another picture").unwrap();
    fs::write(root.join("photos/copy of one.jpg"), b"a secret picture").unwrap();
    fs::write(root.join("long"), vec![7; 3 << 20]).unwrap();
    fs::write(root.join("nothing"), b"").unwrap();
    fs::write(root.join("y".repeat(255)), b"a long name").unwrap();
    fs::write(root.join(HEAD_NAME), b"a file called so").unwrap();
    fs::write(root.join("\u{202e}odd\n"), b"odd").unwrap();
    symlink("photos/one.jpg", root.join("newest")).unwrap();
}

#[test]
fn private_1_of_a_file_that_changes_while_it_is_added_no_changed_byte_becomes_a_block() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long");
    fs::write(&path, vec![7; 3 << 20]).unwrap();
    let (_, whole) = Blocks::add(dir.path(), &seal(1));
    let mut blocks = Vec::new();
    let mut sink = |cid: &Cid, _: Vec<u8>| {
        // After the first reading, before the second one comes there.
        if blocks.is_empty() {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(b"other", 5 << 19).unwrap();
        }
        blocks.push(*cid);
        Ok(())
    };
    let added = content::add_sealed(dir.path(), Profile::default(), &seal(1), &mut sink, &mut |_| ());
    assert!(matches!(added, Err(ContentError::Changed { .. })), "{added:?}");
    assert!(!blocks.is_empty());
    assert!(blocks.iter().all(|cid| whole.0.contains_key(cid)), "a block that the file as it was has not got");
}

#[test]
fn private_4_a_tree_comes_back_and_no_block_shows_anything_of_it() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    let (root, blocks) = Blocks::add(dir.path(), &seal(1));
    let found = blocks.open(&root, AS_IT_IS).unwrap();
    let is = |path: &str, what: &str| assert_eq!(found.get(path).map(String::as_str), Some(what), "{path}");
    is("/photos", "directory");
    is("/photos/empty", "directory");
    is("/photos/one.jpg", "16 bytes, Some([61, 20, 73, 65])");
    is("/long", "3145728 bytes, Some([07, 07, 07, 07])");
    is("/nothing", "0 bytes, None");
    is(&format!("/{}", "y".repeat(255)), "11 bytes, Some([61, 20, 6c, 6f])");
    is("/.leither-private", "16 bytes, Some([61, 20, 66, 69])");
    is("/newest", "-> photos/one.jpg");
    assert_eq!(found.len(), 11);
    for word in ["photos", "secret", "newest", "picture", "yyyyyyyy", "empty"] {
        let shows = |block: &Vec<u8>| block.windows(word.len()).any(|part| part == word.as_bytes());
        assert!(!blocks.0.values().any(shows), "`{word}` can be read");
    }
}

#[test]
fn private_4_what_is_swapped_left_out_or_put_in_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    let (root, blocks) = Blocks::add(dir.path(), &seal(1));
    let places = |entries: &[(String, Cid)], like: fn(&Node) -> bool, blocks: &Blocks| {
        let all = entries.iter().enumerate().filter(|(_, (name, cid))| !TreeKey::is_beside(name) && like(&blocks.node(cid)));
        all.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let is_file = |node: &Node| matches!(node, Node::Raw(_) | Node::File(_));
    let is_dir = |node: &Node| matches!(node, Node::Directory(_));
    for depth in [0, 1] {
        let swapped = |at: usize, entries: &mut Vec<(String, Cid)>| {
            let files = places(entries, is_file, &blocks);
            if at == depth
                && let [one, other, ..] = files[..]
            {
                let distinct = files.iter().find(|third| entries[**third].1 != entries[one].1).copied().unwrap_or(other);
                (entries[one].1, entries[distinct].1) = (entries[distinct].1, entries[one].1);
            }
        };
        assert!(blocks.open(&root, &swapped).is_err(), "two files, {depth} deep");
        let left_out = |at: usize, entries: &mut Vec<(String, Cid)>| {
            if at == depth {
                entries.pop();
            }
        };
        assert!(blocks.open(&root, &left_out).is_err(), "the last entry, {depth} deep");
        let doubled = |at: usize, entries: &mut Vec<(String, Cid)>| {
            if at == depth {
                let name = TreeKey::new([1; 32]).seal_name("new", &[3; 32]).unwrap().text;
                entries.push((name, entries[0].1));
            }
        };
        assert!(blocks.open(&root, &doubled).is_err(), "one more, {depth} deep");
    }
    // A directory put in the place of another one, or of a file.
    let replaced = |at: usize, entries: &mut Vec<(String, Cid)>| {
        if at == 0 {
            let (dir, file) = (places(entries, is_dir, &blocks)[0], places(entries, is_file, &blocks)[0]);
            entries[file].1 = entries[dir].1;
        }
    };
    assert!(blocks.open(&root, &replaced).is_err());
}

#[test]
fn private_5_another_key_is_told_that_it_is_no_readers() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "a").unwrap();
    let mut other = Seal::new(TreeKey::new([1; 32]));
    other.add(SecretKey::from_seed(&[2; 32]).public(), &[9; 32]).unwrap();
    let (root, blocks) = Blocks::add(dir.path(), &other);
    assert!(matches!(blocks.open(&root, AS_IT_IS), Err(SealError::NotReader(1))));
}

#[test]
fn private_6_what_did_not_change_keeps_its_blocks_and_another_mimei_shares_none() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    let (root, before) = Blocks::add(dir.path(), &seal(1));
    assert_eq!(Blocks::add(dir.path(), &seal(1)).0, root, "the same again");
    let ids = |blocks: &Blocks| blocks.0.keys().copied().collect::<BTreeSet<_>>();
    fs::write(dir.path().join("photos/two.jpg"), b"not that picture").unwrap();
    let (changed, after) = Blocks::add(dir.path(), &seal(1));
    assert_ne!(changed, root);
    // The file, its directory, the head, the root.
    assert_eq!(ids(&after).difference(&ids(&before)).count(), 4);
    let (_, other) = Blocks::add(dir.path(), &seal(2));
    assert_eq!(ids(&other).intersection(&ids(&after)).count(), 1, "an empty directory is like any other");
}

#[test]
fn private_6_equal_files_are_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        fs::write(dir.path().join(name), vec![3; 100_000]).unwrap();
    }
    let (_, blocks) = Blocks::add(dir.path(), &seal(1));
    assert_eq!(blocks.0.len(), 3, "one file, the head, the root");
}

#[test]
fn private_3_a_file_alone_stands_in_a_directory_under_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("letter.txt"), "dear").unwrap();
    let (root, blocks) = Blocks::add(&dir.path().join("letter.txt"), &seal(1));
    let found = blocks.open(&root, AS_IT_IS).unwrap();
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [("/letter.txt".to_string(), "4 bytes, Some([64, 65, 61, 72])".to_string())]
    );
}

#[test]
fn private_4_a_directory_of_many_entries_is_sharded_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..3_000 {
        fs::write(dir.path().join(format!("file number {n}")), n.to_string()).unwrap();
    }
    let (root, blocks) = Blocks::add(dir.path(), &seal(1));
    assert!(matches!(blocks.node(&root), Node::Shard(_)));
    let found = blocks.open(&root, AS_IT_IS).unwrap();
    assert_eq!(found.len(), 3_000);
    assert_eq!(found["/file number 2999"], "4 bytes, Some([32, 39, 39, 39])");
}

/// A working copy of a sealed tree.
fn cur(store: &ContentStore, root: &Cid, blocks: &Path, seal: &Seal) {
    let mut session = store.session();
    let mut sink = |cid: &Cid, block: Vec<u8>| session.put(cid, block).map_err(std::io::Error::other);
    let added = content::add_sealed(blocks, Profile::default(), seal, &mut sink, &mut |_| ()).unwrap();
    assert_eq!(added.cid, *root);
    let kept = Kept { cid: *root, profile: Profile::default(), generation: 0 };
    session.finish(&pin("sealed"), kept, NOW).unwrap();
    store.create_cur(&ME, Profile::default(), Some(root)).unwrap();
}

#[test]
fn private_9_nothing_is_written_in_the_open_into_private_content() {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("files");
    tree(&files);
    let (root, blocks) = Blocks::add(&files, &seal(1));
    let store = common::open(&dir.path().join("db"));
    cur(&store, &root, &files, &seal(1));
    let mut edit = store.edit(&ME).unwrap();
    let is_private = |done: Result<(), StorageError>| assert!(matches!(done, Err(StorageError::Private(_))), "{done:?}");
    let inside = blocks.entries(&root).into_iter().map(|(name, _)| name).find(|name| name != HEAD_NAME).unwrap();
    is_private(edit.write_at("plain", 0, b"for everybody"));
    is_private(edit.append(&inside, b"more"));
    is_private(edit.truncate(&inside, 0));
    is_private(edit.mkdir("plain"));
    is_private(edit.symlink("plain", "x"));
    is_private(edit.link("plain", &root));
    is_private(edit.remove(&inside, true));
    is_private(edit.remove(HEAD_NAME, true));
    is_private(edit.rename(&inside, "plain"));
    is_private(edit.rename(HEAD_NAME, "plain"));
    assert_eq!(*edit.root(), root);
    // PRIVATE-8: by another head readers come, and all else stays.
    let mut more = seal(1);
    more.add(SecretKey::from_seed(&[2; 32]).public(), &[8; 32]).unwrap();
    let (_, head) = blocks.entries(&root).into_iter().find(|(name, _)| name == HEAD_NAME).unwrap();
    let head = Head::read(&blocks.bytes(&head)).unwrap();
    edit.truncate(HEAD_NAME, 0).unwrap();
    edit.write_at(HEAD_NAME, 0, &more.head(head.root())).unwrap();
    let kept = edit.commit(NOW).unwrap();
    drop(edit);
    assert_eq!(Blocks::add(&files, &more).0, kept.cid, "as if it had been added for them");
    check(&store);
}

#[test]
fn private_9_a_working_copy_is_neither_opened_nor_closed_by_its_head() {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("files");
    tree(&files);
    let (root, _) = Blocks::add(&files, &seal(1));
    let store = common::open(&dir.path().join("db"));
    cur(&store, &root, &files, &seal(1));
    let mut edit = store.edit(&ME).unwrap();
    edit.truncate(HEAD_NAME, 0).unwrap();
    assert!(
        matches!(edit.write_at("plain", 0, b"for everybody"), Err(StorageError::Private(_))),
        "without its head as well"
    );
    edit.write_at(HEAD_NAME, 0, b"no head").unwrap();
    assert!(matches!(edit.commit(NOW), Err(StorageError::Head(_))));
    drop(edit);
    let open = MimeiId([8; 20]);
    store.create_cur(&open, Profile::default(), None).unwrap();
    let mut edit = store.edit(&open).unwrap();
    edit.write_at("plain", 0, b"for everybody").unwrap();
    edit.write_at(HEAD_NAME, 0, &seal(1).head(&[9; 32])).unwrap();
    assert!(matches!(edit.commit(NOW), Err(StorageError::Head(_))));
    edit.append(HEAD_NAME, b"and more, so that it is none").unwrap();
    edit.commit(NOW).unwrap();
    drop(edit);
    assert_eq!(store.cur(&ME).unwrap().unwrap().cid, root, "as it was");
    check(&store);
}

fn add_open(path: &Path) -> Result<content::Added, ContentError> {
    content::add(path, Profile::default(), &mut |_, _| Ok(()), &mut |_| ())
}

#[test]
fn private_10_a_file_called_like_the_head_is_harmless_and_a_head_is_not_added_in_the_open() {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("files");
    fs::create_dir_all(files.join("below")).unwrap();
    for text in ["", "notes", "leither-private", "leither-private: my notes\n"] {
        fs::write(files.join(HEAD_NAME), text).unwrap();
        add_open(&files).unwrap();
    }
    let store = common::open(&dir.path().join("db"));
    let added = store.add(&files, Profile::default(), &pin("open"), NOW, &mut |_| ()).unwrap();
    store.create_cur(&ME, Profile::default(), Some(&added.cid)).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.write_at("other", 0, b"a working copy like any other").unwrap();
    edit.rename(HEAD_NAME, "notes").unwrap();
    edit.commit(NOW).unwrap();
    drop(edit);
    check(&store);

    let head = seal(1).head(&[9; 32]);
    let mut later = head.clone();
    later[15] = 2;
    for bytes in [head.clone(), later] {
        fs::write(files.join(HEAD_NAME), bytes).unwrap();
        let added = add_open(&files);
        assert!(matches!(&added, Err(ContentError::Head { path }) if path.ends_with(HEAD_NAME)), "{added:?}");
    }
    // Below the root it is a file like any other, and so it is where all is closed.
    Blocks::add(&files, &seal(1));
    fs::rename(files.join(HEAD_NAME), files.join("below").join(HEAD_NAME)).unwrap();
    add_open(&files).unwrap();
}

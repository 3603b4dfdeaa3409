//! Whether a verification finds what is wrong, and nothing else.
mod common;

use common::*;
use leither_storage::{Config, ContentStore, StorageError};

#[test]
fn storage_9_verification_names_each_kind_of_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    add(&store, "one", &[b"a", b"b", b"c"]);
    add(&store, "gone", &[b"d"]);
    store.release(&pin("gone"), NOW).unwrap();
    check(&store);
    let total = store.stat().unwrap();
    let found = store.verify(true).unwrap();
    assert_eq!((found.blocks, found.bytes, found.roots, found.trashed), (total.blocks, total.bytes, 1, 1));
    drop(store);
    // Behind its back.
    let names = ["default", "blocks", "counts", "roots", "holds", "trash"];
    let key = |bytes: &[u8]| hash(bytes).to_bytes();
    let damages: [(&str, &dyn Fn(&rocksdb::DB)); 6] = [
        ("its bytes are missing", &|db| db.delete_cf(db.cf_handle("blocks").unwrap(), key(b"a")).unwrap()),
        ("1 need it, its count is 9", &|db| {
            let counts = db.cf_handle("counts").unwrap();
            let mut row = db.get_cf(counts, key(b"b")).unwrap().unwrap();
            row[7] = 9;
            db.put_cf(counts, key(b"b"), row).unwrap();
        }),
        ("do not hash to its id", &|db| db.put_cf(db.cf_handle("blocks").unwrap(), key(b"c"), b"x").unwrap()),
        ("it is needed and not here", &|db| db.delete_cf(db.cf_handle("counts").unwrap(), key(b"c")).unwrap()),
        ("nobody counts it", &|db| db.put_cf(db.cf_handle("blocks").unwrap(), key(b"z"), b"z").unwrap()),
        ("the trash says None", &|db| {
            let trash = db.cf_handle("trash").unwrap();
            let rows: Vec<_> = db.iterator_cf(trash, rocksdb::IteratorMode::Start).map(|row| row.unwrap().0).collect();
            assert_eq!(rows.len(), 1);
            db.delete_cf(trash, &rows[0]).unwrap();
        }),
    ];
    for (wanted, damage) in damages {
        let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), dir.path(), names).unwrap();
        damage(&db);
        drop(db);
        let store = open(dir.path());
        let wrong = store.verify(true).unwrap().wrong;
        assert!(wrong.iter().any(|wrong| wrong.what.contains(wanted)), "{wanted}: {wrong:?}");
    }
    // A newer program's database is left alone.
    let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), dir.path(), names).unwrap();
    db.put(b"format", 2u32.to_be_bytes()).unwrap();
    drop(db);
    assert!(matches!(ContentStore::open(&Config::new(dir.path())), Err(StorageError::Newer(_))));
    let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), dir.path(), names).unwrap();
    db.delete(b"format").unwrap();
    drop(db);
    assert!(matches!(ContentStore::open(&Config::new(dir.path())), Err(StorageError::Damaged(_))));
    std::fs::remove_file(dir.path().join("CURRENT")).unwrap();
    assert!(matches!(ContentStore::open(&Config::new(dir.path())), Err(StorageError::Damaged(_))));
}

#[test]
fn storage_9_a_verification_sees_one_moment_and_shuts_no_writer_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let leaves: Vec<Vec<u8>> = (0..200).map(|n| noise(n, 600)).collect();
    let refs: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
    add(&store, "there", &refs);
    add(&store, "stays", &[&leaves[0], b"more"]);
    let before = store.stat().unwrap();
    let mut steps = Vec::new();
    let found = store
        .verify_watched(true, &mut |far| {
            // Between two steps all that was counted goes, for good, and something else comes.
            let (other, first) = (store.clone(), steps.is_empty());
            let write = move || {
                if first {
                    other.release(&pin("there"), NOW).unwrap();
                    assert_eq!(purge(&other, NOW + DAY), 200);
                    other.compact(&mut |_| true).unwrap();
                }
                add(&other, "new", &[b"new"]);
                other.release(&pin("new"), NOW).unwrap();
            };
            std::thread::spawn(write).join().unwrap();
            steps.push(*far);
            true
        })
        .unwrap();
    assert_eq!(found.wrong, [], "{found:?}");
    assert_eq!((found.blocks, found.bytes, found.roots, found.trashed), (before.blocks, before.bytes, 2, 0));
    assert!(steps.len() > 2 && steps.is_sorted_by_key(|far| far.done), "{steps:?}");
    assert!(steps.iter().all(|far| far.of == 3 * before.blocks && far.done <= far.of), "{steps:?}");
    check(&store);
    // It ends wherever nobody wants to hear more, also where it looks last: for bytes that nobody counts.
    add(&store, "again", &refs);
    let mut last = 0;
    let watched = store.verify_watched(false, &mut |far| {
        last = far.done;
        true
    });
    assert!(watched.is_ok() && last >= 2 * blocks(&store), "{last}, {watched:?}");
    for at in [0, last] {
        let stopped = store.verify_watched(false, &mut |far| far.done != at);
        assert!(matches!(stopped, Err(StorageError::Stopped)), "{at}: {stopped:?}");
    }
}

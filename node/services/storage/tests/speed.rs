//! How long things take here: no claim, only numbers. `cargo test -p leither-storage --test speed -- --ignored --nocapture`
mod common;

use common::*;
use leither_storage::content::Profile;
use std::fs;
use std::io::Write;
use std::time::Instant;

/// The most memory that this process has had.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().into()
}

#[test]
#[ignore = "it takes a while, and measures the machine"]
fn speed_of_one_large_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let mut out = fs::File::create(&file).unwrap();
    for n in 0..1024 {
        out.write_all(&noise(n, 1 << 20)).unwrap();
    }
    out.sync_all().unwrap();
    for profile in Profile::ALL {
        let start = Instant::now();
        id_of(&file, profile);
        println!("{profile}: 1 GiB cut and hashed in {:?}", start.elapsed());
        let store = open(&dir.path().join(format!("db-{profile}")));
        let start = Instant::now();
        let added = store.add(&file, profile, &pin("f"), NOW, &mut |_| ()).unwrap();
        println!("{profile}: 1 GiB added in {:?}, {}", start.elapsed(), peak());
        let start = Instant::now();
        store.add(&file, profile, &pin("g"), NOW, &mut |_| ()).unwrap();
        println!("{profile}: 1 GiB added again in {:?}", start.elapsed());
        let view = store.view(&added.cid, profile);
        let mut buffer = vec![0; 1 << 20];
        let start = Instant::now();
        for n in 0..1024 {
            view.read("", n << 20, &mut buffer).unwrap();
        }
        println!("{profile}: 1 GiB read in {:?}, {}", start.elapsed(), peak());
        let start = Instant::now();
        store.release(&pin("f"), NOW).unwrap();
        store.release(&pin("g"), NOW).unwrap();
        let gone = purge(&store, NOW + DAY);
        println!("{profile}: {gone} blocks purged in {:?}", start.elapsed());
        check(&store);
    }
}

#[test]
#[ignore = "it takes a while, and measures the machine"]
fn speed_of_many_small_files() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    for d in 0..100 {
        let sub = tree.join(format!("dir-{d:03}"));
        fs::create_dir_all(&sub).unwrap();
        for f in 0..1000 {
            fs::write(sub.join(format!("file-{f:04}.txt")), noise(d * 1000 + f, 1024)).unwrap();
        }
    }
    let profile = Profile::V0_2015;
    let start = Instant::now();
    id_of(&tree, profile);
    println!("100000 files of 1 KiB cut and hashed in {:?}", start.elapsed());
    let store = open(&dir.path().join("db"));
    let start = Instant::now();
    store.add(&tree, profile, &pin("t"), NOW, &mut |_| ()).unwrap();
    println!("100000 files of 1 KiB added in {:?}, {}", start.elapsed(), peak());
    let start = Instant::now();
    store.add(&tree, profile, &pin("u"), NOW, &mut |_| ()).unwrap();
    println!("added again in {:?}", start.elapsed());
    let start = Instant::now();
    println!("{:?} in {:?}", store.dry_run(&pin("t")).unwrap(), start.elapsed());
    let start = Instant::now();
    store.release(&pin("t"), NOW).unwrap();
    store.release(&pin("u"), NOW).unwrap();
    println!("released in {:?}", start.elapsed());
    let start = Instant::now();
    println!("{} blocks purged in {:?}", purge(&store, NOW + DAY), start.elapsed());
    check(&store);
}

#[test]
#[ignore = "it takes a while, and measures the machine"]
fn speed_of_a_directory_of_a_million_entries() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.create_cur(&ME, Profile::V1_2025, None).unwrap();
    let mut edit = store.edit(&ME).unwrap();
    edit.write_at("f", 0, b"content").unwrap();
    edit.mkdir("d").unwrap();
    let cid = edit.stat("f").unwrap().cid;
    let start = Instant::now();
    for n in 0..1_000_000 {
        edit.link(&format!("d/entry-{n}"), &cid).unwrap();
        if n % 100_000 == 99_999 {
            println!("{} entries after {:?}, {}", n + 1, start.elapsed(), peak());
        }
    }
    edit.commit(NOW).unwrap();
    println!("a million entries linked in one by one, on disk after {:?}, {}", start.elapsed(), peak());
    let before = store.stat().unwrap().blocks;
    let start = Instant::now();
    for n in 0..1000 {
        edit.stat(&format!("d/entry-{}", n * 997)).unwrap();
    }
    println!("1000 names looked up in {:?}", start.elapsed());
    let start = Instant::now();
    let page = edit.list("d", Some("entry-77"), 1000).unwrap();
    println!("a page of {} in {:?}", page.entries.len(), start.elapsed());
    let start = Instant::now();
    edit.remove("d/entry-500000", false).unwrap();
    edit.commit(NOW).unwrap();
    println!("one removed in {:?}, {} blocks more", start.elapsed(), store.stat().unwrap().blocks - before);
    let start = Instant::now();
    edit.remove("d/entry-500001", false).unwrap();
    edit.commit(NOW).unwrap();
    println!("another in {:?}", start.elapsed());
}

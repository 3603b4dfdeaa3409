//! Bytes of the database's files are changed or cut off: the store refuses, or it has all that was committed; it never answers wrongly.
mod common;

use common::*;
use leither_state::Fault;
use leither_store::OpenError;
use leither_types::Height;
use std::path::Path;

const HEIGHT: Height = 24;

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// What a damaged copy still says must be true.
fn check(dir: &Path, what: &str) -> bool {
    let store = match open(dir) {
        Ok(store) => store,
        Err(OpenError::Damaged { .. }) => return false,
        Err(e) => panic!("{what}: {e}"),
    };
    assert_eq!(store.head().unwrap().height, HEIGHT, "{what}");
    Expected::at(HEIGHT).check(&*snapshot(&store));
    let mut parent = leither_types::Hash::ZERO;
    for height in 1..=HEIGHT {
        match store.block(height) {
            Ok(block) => {
                let block = block.unwrap_or_else(|| panic!("{what}: block {height} is gone"));
                assert!(block.header.height == height && (parent == leither_types::Hash::ZERO || block.header.parent == parent));
                parent = block.id();
                for tx in &block.txs {
                    assert!(matches!(store.tx(&tx.id()), Ok(Some(_)) | Err(Fault::Corrupt(_) | Fault::Storage(_))), "{what}");
                }
            }
            Err(Fault::Corrupt(_) | Fault::Storage(_)) => parent = leither_types::Hash::ZERO,
            Err(fault) => panic!("{what}: {fault}"),
        }
    }
    true
}

#[test]
fn store_9_no_flipped_or_cut_byte_is_ever_answered_as_if_it_were_right() {
    let dir = tempfile::tempdir().unwrap();
    // Some heights in sorted files, the others in the log alone.
    grow(&open(dir.path()).unwrap(), HEIGHT / 2);
    grow(&open(dir.path()).unwrap(), HEIGHT);
    let mut dice = Dice(11);
    let (mut refused, mut opened) = (0, 0);
    let mut names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.iter().any(|n| n.ends_with(".sst")) && names.iter().any(|n| n.ends_with(".log")));
    for name in &names {
        let whole = std::fs::read(dir.path().join(name)).unwrap();
        if whole.is_empty() || name.starts_with("LOG") || name == "LOCK" {
            continue;
        }
        let tries = if name.ends_with(".log") || name.starts_with("MANIFEST") { 24 } else { 6 };
        for round in 0..tries {
            let at = dice.roll(whole.len() as u64) as usize;
            let mut bytes = whole.clone();
            let what = if round % 3 == 2 {
                bytes.truncate(at);
                format!("{name} cut at {at} of {}", whole.len())
            } else {
                bytes[at] ^= 1 << dice.roll(8);
                format!("{name} flipped at {at} of {}", whole.len())
            };
            let damaged = tempfile::tempdir().unwrap();
            copy(dir.path(), damaged.path());
            std::fs::write(damaged.path().join(name), bytes).unwrap();
            *(if check(damaged.path(), &what) { &mut opened } else { &mut refused }) += 1;
        }
    }
    assert!(refused > 40 && opened > 0, "{refused} refused, {opened} opened");
}

#[test]
fn store_9_a_log_torn_within_its_last_write_gives_the_height_before() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("COMMITTED");
    let store = open(dir.path()).unwrap();
    grow(&store, HEIGHT);
    let (note, short) = (std::fs::read(&mark).unwrap(), log(dir.path()).1);
    grow(&store, HEIGHT + 1);
    drop(store);
    let (path, long) = log(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for (cut, fill) in [(short, 0), (short + 1, 0), ((short + long) / 2, 0), (long - 1, 0), ((short + long) / 2, 3_000)] {
        let damaged = tempfile::tempdir().unwrap();
        copy(dir.path(), damaged.path());
        // The power went while the last write was on its way: the log ends within it, perhaps in zeros, and the note is the older one.
        let torn = [&whole[..cut], &vec![0; fill]].concat();
        std::fs::write(damaged.path().join(path.file_name().unwrap()), torn).unwrap();
        std::fs::write(damaged.path().join("COMMITTED"), &note).unwrap();
        assert!(check(damaged.path(), &format!("cut at {cut} of {long}")));
        // With the newer note the same log is short of a committed height.
        let damaged = tempfile::tempdir().unwrap();
        copy(dir.path(), damaged.path());
        std::fs::write(damaged.path().join(path.file_name().unwrap()), &whole[..cut]).unwrap();
        assert!(!check(damaged.path(), "short"));
    }
}

fn log(dir: &Path) -> (std::path::PathBuf, usize) {
    let paths = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let newest = paths.filter(|path| path.extension().is_some_and(|e| e == "log")).max().unwrap();
    let len = std::fs::metadata(&newest).unwrap().len() as usize;
    (newest, len)
}

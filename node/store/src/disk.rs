use leither_state::Fault;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The length of all files in the database's directory.
pub(crate) fn bytes(dir: &Path) -> Result<u64, Fault> {
    let fault = |e: std::io::Error| Fault::Storage(format!("cannot look into {}: {e}", dir.display()));
    let mut sum = 0u64;
    for entry in std::fs::read_dir(dir).map_err(fault)? {
        match entry.and_then(|e| e.metadata()) {
            Ok(meta) if meta.is_file() => sum = sum.saturating_add(meta.len()),
            Ok(_) => {}
            // Compaction removes files while we count.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(fault(e)),
        }
    }
    Ok(sum)
}

/// STORE-21: the length of all files below `path`, or of that file. A file with several names counts once, a link to elsewhere not at
/// all, and what goes while it is counted is no error.
pub fn tree_bytes(path: &Path) -> std::io::Result<u64> {
    let mut sum = 0u64;
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<PathBuf> = vec![path.into()];
    while let Some(path) = waiting.pop() {
        let meta = match std::fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        if meta.is_dir() {
            match std::fs::read_dir(&path) {
                Ok(entries) => {
                    for entry in entries {
                        waiting.push(entry?.path());
                    }
                }
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        } else if meta.is_file() && (meta.nlink() == 1 || seen.insert((meta.dev(), meta.ino()))) {
            sum = sum.saturating_add(meta.len());
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn store_21_a_tree_is_as_large_as_its_files_each_counted_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(tree_bytes(dir.path()).unwrap(), 0);
        assert_eq!(tree_bytes(&dir.path().join("nothing")).unwrap(), 0);
        let deep = dir.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(dir.path().join("one"), [0; 1_000]).unwrap();
        fs::write(deep.join("two"), [0; 234]).unwrap();
        assert_eq!(tree_bytes(dir.path()).unwrap(), 1_234);
        fs::hard_link(dir.path().join("one"), deep.join("again")).unwrap();
        std::os::unix::fs::symlink(dir.path(), deep.join("round")).unwrap();
        assert_eq!(tree_bytes(dir.path()).unwrap(), 1_234);
        assert_eq!(tree_bytes(&deep.join("two")).unwrap(), 234);
    }
}

//! The directory in which snapshots stand.

use super::{CHUNK_BYTES_MAX, HANDOVERS_MAX, MANIFEST_BYTES_MAX, Manifest, SnapshotError, disk, hash_chunk, sync_dir};
use leither_failpoints::hit;
use leither_types::{Handover, Hash, Height, List, codec::decode_within};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The manifest's file.
pub(super) const MANIFEST: &str = "manifest.scale";
/// What leads to the manifest's header.
pub(super) const HANDOVERS_FILE: &str = "handovers.scale";
/// 65,536 times 10 KiB, the longest handover, and some.
const HANDOVERS_BYTES_MAX: usize = 704 * 1024 * 1024;
/// The directory of the chunks.
pub(super) const CHUNKS: &str = "chunks";
const PART: &str = ".part";

/// Lower-case hex, as files are called.
pub(super) fn hex(hash: &Hash) -> String {
    let text = hash.to_string();
    text.strip_prefix("0x").unwrap_or(&text).to_owned()
}

/// The name of a snapshot's directory.
pub(super) fn name(height: Height, state_root: &Hash) -> String {
    let root: String = hex(state_root).chars().take(8).collect();
    format!("{height}-{root}")
}

/// Whether a directory is called like a snapshot: others are left alone.
fn is_name(name: &str) -> bool {
    name.split_once('-').is_some_and(|(height, root)| {
        height.parse::<Height>().is_ok() && root.len() == 8 && root.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Beside a directory, for what is not complete.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(PART);
    path.with_file_name(name)
}

/// Removes a directory with all that is in it, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), SnapshotError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(disk(path)(e)),
        _ => Ok(()),
    }
}

/// The names in a directory; none where it does not exist.
fn names(dir: &Path) -> Result<Vec<String>, SnapshotError> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(disk(dir))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // What is not even text was not named by this program.
        if let Ok(name) = entry.map_err(disk(dir))?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn snapshots(dir: &Path) -> Result<Vec<PathBuf>, SnapshotError> {
    Ok(names(dir)?.into_iter().filter(|name| is_name(name)).map(|name| dir.join(name)).collect())
}

/// The bytes of a file, of which there may be at most `max`.
fn read_within(path: &Path, max: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than there may be shows that there are too many.
    File::open(path)?.take(max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// STORE-15: the manifest of the snapshot in this directory.
pub fn read_manifest(directory: &Path) -> Result<Manifest, SnapshotError> {
    let file = directory.join(MANIFEST);
    Manifest::read(&read_within(&file, MANIFEST_BYTES_MAX).map_err(disk(&file))?)
}

/// STORE-14: what leads to the manifest's header from the genesis, as it was written beside it.
pub fn read_handovers(directory: &Path, manifest: &Manifest) -> Result<Vec<Handover>, SnapshotError> {
    let file = directory.join(HANDOVERS_FILE);
    if manifest.handovers == 0 {
        return Ok(Vec::new());
    }
    let bytes = read_within(&file, HANDOVERS_BYTES_MAX).map_err(disk(&file))?;
    let list = decode_within::<List<Handover, HANDOVERS_MAX>>(&bytes, HANDOVERS_BYTES_MAX);
    list.map(List::into_vec).map_err(|_| SnapshotError::Handovers("their file is damaged"))
}

/// The height of the newest snapshot in `dir`: who begins there needs the blocks above it, so they are not to be pruned.
pub fn newest_height(dir: &Path) -> Option<Height> {
    list_snapshots(dir).first().map(|(_, manifest)| manifest.height)
}

/// A snapshot's manifest, if all its files are there in full length. Their bytes are looked at when they are read.
pub(super) fn load(path: &Path) -> Result<Manifest, SnapshotError> {
    let manifest = read_manifest(path)?;
    if path.file_name().is_none_or(|found| found.to_string_lossy() != name(manifest.height, &manifest.state_root)) {
        return Err(SnapshotError::Contradiction("its directory is called otherwise"));
    }
    for (hash, len) in &manifest.chunks {
        let chunk = path.join(CHUNKS).join(hex(hash));
        if fs::metadata(&chunk).map_err(disk(&chunk))?.len() != u64::from(*len) {
            return Err(SnapshotError::BadChunk(*hash));
        }
    }
    Ok(manifest)
}

/// Where the chunks of all snapshots in `dir` lie.
pub(super) fn chunks_by_name(dir: &Path) -> Result<BTreeMap<String, PathBuf>, SnapshotError> {
    let mut chunks = BTreeMap::new();
    for snapshot in snapshots(dir)? {
        let folder = snapshot.join(CHUNKS);
        chunks.extend(names(&folder)?.into_iter().map(|name| (name.clone(), folder.join(name))));
    }
    Ok(chunks)
}

/// STORE-15: the snapshots in `dir`, the newest first. A damaged one is passed over, and the log says why.
///
/// Each file's length is looked at: ask once, not a request.
pub fn list_snapshots(dir: &Path) -> Vec<(PathBuf, Manifest)> {
    let paths = snapshots(dir).unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot list snapshots");
        Vec::new()
    });
    let mut found = Vec::new();
    for path in paths {
        match load(&path) {
            Ok(manifest) => found.push((path, manifest)),
            Err(error) => tracing::warn!(snapshot = %path.display(), %error, "a damaged snapshot is passed over"),
        }
    }
    found.sort_by_key(|(_, manifest)| std::cmp::Reverse(manifest.height));
    found
}

/// STORE-15: the chunk of this name, from a snapshot's directory or from any snapshot in a directory of them. Nothing where there is none
/// whose bytes the name fits.
pub fn read_chunk(dir: &Path, hash: &Hash) -> Option<Vec<u8>> {
    let name = hex(hash);
    let read = |snapshot: &Path| {
        let bytes = read_within(&snapshot.join(CHUNKS).join(&name), CHUNK_BYTES_MAX).ok()?;
        let is_it = hash_chunk(&bytes) == *hash;
        if !is_it {
            tracing::warn!(snapshot = %snapshot.display(), chunk = %hash, "a chunk is damaged");
        }
        is_it.then_some(bytes)
    };
    read(dir).or_else(|| snapshots(dir).ok()?.iter().rev().find_map(|snapshot| read(snapshot)))
}

/// STORE-15: deletes a snapshot. One that is half deleted when the power fails is swept by [`remove_unfinished`].
pub fn delete_snapshot(path: &Path) -> Result<(), SnapshotError> {
    let part = part_of(path);
    remove(&part)?;
    match fs::rename(path, &part) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(disk(path))?,
    }
    hit("snapshot/retired");
    remove(&part)
}

/// STORE-15: keeps the newest `keep` snapshots in `dir` and deletes the others and the damaged ones; gives those that went.
pub fn keep_newest(dir: &Path, keep: usize) -> Result<Vec<PathBuf>, SnapshotError> {
    let kept: Vec<PathBuf> = list_snapshots(dir).into_iter().take(keep).map(|(path, _)| path).collect();
    let gone: Vec<PathBuf> = snapshots(dir)?.into_iter().filter(|path| !kept.contains(path)).collect();
    gone.iter().try_for_each(|path| delete_snapshot(path))?;
    Ok(gone)
}

/// STORE-14: removes what a process that was stopped had not finished, and gives how many those were. To be called at the start, before any
/// snapshot is written.
pub fn remove_unfinished(dir: &Path) -> Result<usize, SnapshotError> {
    let mut count = 0;
    for name in names(dir)? {
        if name.strip_suffix(PART).is_some_and(is_name) {
            remove(&dir.join(name))?;
            count += 1;
        }
    }
    if count > 0 {
        sync_dir(dir)?;
    }
    Ok(count)
}

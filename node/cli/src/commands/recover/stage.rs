//! Two steps, so that a power cut leaves either the old home or the new one. Everything is built beside, in `recovering/`; its
//! `genesis.json`, written last, says that it is whole. Then it changes places with what is there, name by name; whoever is stopped in the
//! middle of that begins again and finds what is left to do.

use super::source::Source;
use crate::commands::db::has_database;
use crate::commands::node::consensus_keys;
use crate::commands::snapshot::create;
use crate::exit::{Done, Exit, Failure};
use crate::files;
use crate::genesis::{self, GenesisFile};
use crate::home::Home;
use leither_engine::join::begin_from;
use leither_engine::{ORIGIN_FOLDER, guard_files};
use leither_store::snapshots::read_chunk;
use leither_store::{Manifest, SnapshotError};
use leither_types::{Genesis, Hash, ValidatorId, json::hex_of};
use parity_scale_codec::Encode;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const GENESIS: &str = "genesis.json";

/// Whether something was built whole and did not come to its place.
pub fn is_cut_short(home: &Home) -> bool {
    home.recovering().join(GENESIS).exists()
}

/// The genesis of what was built whole.
pub fn built(home: &Home) -> Done<Option<Genesis>> {
    match is_cut_short(home) {
        true => Ok(Some(genesis::load(&home.recovering().join(GENESIS))?)),
        false => Ok(None),
    }
}

fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.to_path_buf();
    move |error| no_room(Failure::fault(format!("{}: {error}", path.display())))
}

/// RECOVER-9: a full disk in one sentence; whatever else it was, as it was.
fn no_room(failure: Failure) -> Failure {
    match failure.sentence.contains("No space left") {
        true => Failure::fault(
            "the disk is full: the new chain's state has no room beside the old one's; make some and start again, nothing was changed",
        ),
        false => failure,
    }
}

fn of_snapshot(error: SnapshotError) -> Failure {
    let exit = match &error {
        SnapshotError::Disk { .. } | SnapshotError::Fault(_) => Exit::Fault,
        _ => Exit::Usage,
    };
    no_room(Failure::new(exit, error))
}

/// Builds the new chain's database and the snapshot that others will ask for.
pub fn build(home: &Home, plan: &Genesis, source: &Source, progress: &dyn Fn(u64, u64)) -> Done {
    let staging = home.recovering();
    clear(&staging)?;
    files::private_dir(&staging).map_err(disk(&staging))?;
    let made = build_in(&staging, plan, source, progress);
    if made.is_err() {
        // What it failed of is what is to be told.
        let _ = fs::remove_dir_all(&staging);
    }
    made
}

fn build_in(staging: &Path, plan: &Genesis, source: &Source, progress: &dyn Fn(u64, u64)) -> Done {
    let shelf = staging.join("snapshots").join(ORIGIN_FOLDER);
    files::private_dir(&shelf).map_err(disk(&shelf))?;
    let (directory, manifest) = match source {
        Source::Head { store, .. } => create(store, &shelf).map_err(no_room)?,
        Source::Copy { directory, manifest } => (copied(directory, manifest, &shelf)?, Manifest::clone(manifest)),
    };
    let mut chunks = |hash: &Hash| read_chunk(&directory, hash).ok_or(SnapshotError::NoChunk(*hash));
    begin_from(&staging.join("data"), &plan.head, &manifest, &mut chunks, progress).map_err(of_snapshot)?;
    // Last of all: from now on it is whole.
    Ok(genesis::write(&staging.join(GENESIS), &GenesisFile::from(plan))?)
}

/// A copy of somebody's snapshot, chunk by chunk, each by its name.
fn copied(from: &Path, manifest: &Manifest, shelf: &Path) -> Done<PathBuf> {
    let root = hex_of(&manifest.state_root.0[..4]);
    let to = shelf.join(format!("{}-{}", manifest.height, root.trim_start_matches("0x")));
    let folder = to.join("chunks");
    fs::create_dir_all(&folder).map_err(disk(&folder))?;
    for (hash, _) in &manifest.chunks {
        let bytes = read_chunk(from, hash).ok_or_else(|| of_snapshot(SnapshotError::NoChunk(*hash)))?;
        write_synced(&folder.join(hex_of(&hash.0).trim_start_matches("0x")), &bytes)?;
    }
    write_synced(&to.join("manifest.scale"), &manifest.encode())?;
    Ok(to)
}

fn write_synced(path: &Path, bytes: &[u8]) -> Done {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(disk(path))
}

fn clear(path: &Path) -> Done {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk(path)(error)),
        _ => Ok(()),
    }
}

/// RECOVER-10: puts what was built in its place, and what was there aside; gives the directory that has the old chain's files.
pub fn switch(home: &Home, plan: &Genesis) -> Done<PathBuf> {
    let Some(origin) = &plan.head.origin else { return Err(Failure::fault("a plan without an origin")) };
    let (staging, aside) = (home.recovering(), home.before(&origin.chain));
    let chain = plan.chain();
    // RECOVER-8: before the node could start on the new chain.
    for (dir, key) in consensus_keys(home)? {
        guard_files::begin_on(&dir, &chain, &ValidatorId::of_key(&key.public()).to_string()).map_err(Failure::usage)?;
    }
    files::private_dir(&aside).map_err(disk(&aside))?;
    for (name, place) in [("data", home.data()), ("snapshots", home.snapshots())] {
        change_places(&staging.join(name), &place, &aside.join(name))?;
    }
    let trusted = home.trusted();
    if trusted.exists() {
        // A block of the old chain: the new one has another at that height.
        fs::rename(&trusted, aside.join("trusted")).map_err(disk(&trusted))?;
    }
    let old = aside.join(GENESIS);
    if !old.exists() {
        let bytes = fs::read(home.genesis()).map_err(disk(&home.genesis()))?;
        files::replace(&old, &bytes, files::OPEN_MODE).map_err(disk(&old))?;
    }
    genesis::write(&home.genesis(), &GenesisFile::from(plan))?;
    clear(&staging)?;
    Ok(aside)
}

/// `new` takes the place of what stands at `place`, which goes to `aside`: each a rename, none twice.
fn change_places(new: &Path, place: &Path, aside: &Path) -> Done {
    if !new.exists() {
        return Ok(());
    }
    if place.exists() && !aside.exists() {
        fs::rename(place, aside).map_err(disk(place))?;
    } else if place.exists() {
        if has_database(place) {
            let sentence =
                format!("{} and {} are both there: move one of them away, and start again", place.display(), aside.display());
            return Err(Failure::usage(sentence));
        }
        // Some command has made the directories of a home.
        clear(place)?;
    }
    fs::rename(new, place).map_err(disk(place))?;
    let parent = place.parent().unwrap_or(place);
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(disk(parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RECOVER-10.
    #[test]
    fn what_was_built_takes_its_place_wherever_the_power_fails() {
        let content = |path: &Path| fs::read_to_string(path.join("CURRENT")).ok();
        for stopped_after in 0..3 {
            let top = tempfile::tempdir().unwrap();
            let [new, place, aside] = ["new", "data", "old"].map(|name| top.path().join(name));
            for (dir, what) in [(&new, "of the new chain"), (&place, "of the old chain")] {
                fs::create_dir(dir).unwrap();
                fs::write(dir.join("CURRENT"), what).unwrap();
            }
            match stopped_after {
                1 => fs::rename(&place, &aside).unwrap(),
                2 => {
                    fs::rename(&place, &aside).unwrap();
                    // A command that makes a home's directories ran meanwhile.
                    fs::create_dir(&place).unwrap();
                }
                _ => {}
            }
            for _ in 0..2 {
                change_places(&new, &place, &aside).unwrap();
                assert_eq!(content(&place).as_deref(), Some("of the new chain"), "{stopped_after}");
                assert_eq!(content(&aside).as_deref(), Some("of the old chain"), "{stopped_after}");
            }
        }
    }

    #[test]
    fn two_databases_are_not_taken_for_one() {
        let top = tempfile::tempdir().unwrap();
        let paths = ["new", "data", "old"].map(|name| top.path().join(name));
        for path in &paths {
            fs::create_dir(path).unwrap();
            fs::write(path.join("CURRENT"), "").unwrap();
        }
        let [new, place, aside] = &paths;
        assert!(change_places(new, place, aside).unwrap_err().sentence.contains("both there"));
        assert!(paths.iter().all(|path| path.exists()));
    }
}

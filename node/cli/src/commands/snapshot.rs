//! `leither snapshot …`: the state at one height as files. For a node that does not run; a running one writes and serves them by itself.

use super::db::open;
use super::node::{consensus_keys, trusted};
use super::{Session, join};
use crate::exit::{Done, Failure};
use crate::genesis;
use crate::home::Home;
use crate::wallet::now_ms;
use clap::Subcommand;
use leither_engine::join::{Anchor, HISTORIES, Trusted, begin_from};
use leither_store::snapshots::{list_snapshots, read_chunk, read_handovers, read_manifest, restore};
use leither_store::{Handover, Manifest, SnapshotError, Store, check_chain_of_trust};
use leither_types::{GenesisHead, Hash};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Snapshots of the state.
#[derive(Subcommand, Debug)]
pub enum Snapshot {
    /// Writes one of the newest height.
    Create,
    /// The snapshots of this home, the newest first.
    List,
    /// Makes this home's database of a snapshot, after certificates were checked from the genesis to it. The home must have none.
    Restore {
        /// The snapshot's directory, e.g. ~/.leither/snapshots/1234-89abcdef.
        directory: PathBuf,
        /// The snapshot's block, or a change of validators before it, as somebody whom you trust told you: `HEIGHT:ID`. Needed where the
        /// chain began longer ago than pledges are bound.
        #[arg(long, value_name = "HEIGHT:ID", value_parser = trusted)]
        trust: Option<Trusted>,
    },
}

fn shown(path: &Path, manifest: &Manifest) -> Value {
    json!({
        "height": manifest.height.to_string(),
        "block": manifest.header.id().to_string(),
        "state_root": manifest.state_root.to_string(),
        "bytes": manifest.bytes.to_string(),
        "chunks": manifest.chunks.len(),
        "holdings": manifest.holdings.to_string(),
        "records": manifest.records.to_string(),
        "directory": path.display().to_string(),
    })
}

impl Snapshot {
    pub(super) fn run(self, session: &Session) -> Done {
        let home = &session.home;
        match self {
            Snapshot::Create => {
                let store = open(home)?;
                let (path, manifest) = create(&store, &home.snapshots())?;
                session.printer.answer(&shown(&path, &manifest));
            }
            Snapshot::List => {
                let list: Vec<Value> = list_snapshots(&home.snapshots()).iter().map(|(path, m)| shown(path, m)).collect();
                session.printer.answer(&json!({ "snapshots": list }));
            }
            Snapshot::Restore { directory, trust } => {
                let manifest = take(home, &directory, trust)?;
                session.printer.answer(&shown(&home.data(), &manifest));
            }
        }
        Ok(())
    }
}

/// Writes a snapshot of the newest height.
pub fn create(store: &Store, dir: &Path) -> Done<(PathBuf, Manifest)> {
    let id = store.write_snapshot(dir, &|_, _| ())?.id();
    let found = list_snapshots(dir).into_iter().find(|(_, manifest)| manifest.id() == id);
    found.ok_or_else(|| Failure::fault("the snapshot that was written is not there"))
}

/// What is needed to believe a snapshot in a directory: certificates from the genesis to it. Chunks are looked at when they are read.
pub(super) fn read_copy(genesis: &GenesisHead, directory: &Path, trusted: Option<&Trusted>) -> Done<(Manifest, Vec<Handover>)> {
    let manifest = manifest_in(directory)?;
    let handovers = read_handovers(directory, &manifest)?;
    check_chain_of_trust(genesis, trusted, &handovers, &manifest.header, &manifest.certificate).map_err(Failure::usage)?;
    Ok((manifest, handovers))
}

fn manifest_in(directory: &Path) -> Done<Manifest> {
    if !directory.join("manifest.scale").exists() {
        let sentence = format!("{} has no manifest.scale; is this the directory of a snapshot?", directory.display());
        return Err(Failure::usage(sentence));
    }
    Ok(read_manifest(directory)?)
}

/// Files prove no more than peers do: the same rule holds as for who joins (ENGINE-13).
fn take(home: &Home, directory: &Path, trust: Option<Trusted>) -> Done<Manifest> {
    let genesis = genesis::load(&home.genesis())?.head;
    let mut chunks = |hash: &Hash| read_chunk(directory, hash).ok_or(SnapshotError::NoChunk(*hash));
    let first = manifest_in(directory)?;
    if genesis.origin.as_ref().is_some_and(|origin| origin.chain == first.chain) {
        // RECOVER-7: the old chain's, with which this one begins. The genesis names the very block.
        begin_from(&home.data(), &genesis, &first, &mut chunks, &|_, _| ())?;
        return Ok(first);
    }
    let trusted = trust.map_or_else(|| join::remembered(home), |trust| Ok(Some(trust)))?;
    if !genesis.dev && !join::is_founder(&consensus_keys(home)?, &genesis) {
        Anchor::genesis(&genesis).check(now_ms()?, &genesis.params, trusted, trust)?;
    }
    let (manifest, handovers) = read_copy(&genesis, directory, trusted.as_ref())?;
    restore(&home.data(), &genesis, &manifest, &handovers, &HISTORIES, &mut chunks, &|_, _| ())?;
    Ok(manifest)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::genesis::GenesisFile;
    use leither_solo::{genesis_of, grow, open};
    use leither_types::Genesis;
    use std::os::unix::fs::PermissionsExt;

    /// A home that has the genesis of a chain that is no development chain and began at `time`.
    pub fn home(dir: &Path, time: u64) -> (Home, Genesis) {
        let genesis = genesis_of(time, false);
        let home = Home::at(dir).unwrap();
        home.create().unwrap();
        genesis::write(&home.genesis(), &GenesisFile::from(&genesis)).unwrap();
        (home, genesis)
    }

    /// The chain's first block, and its snapshot.
    pub fn snapshot(dir: &Path, genesis: &Genesis) -> (PathBuf, Manifest) {
        let store = open(&dir.join("data"), genesis);
        grow(&store);
        create(&store, &dir.join("snapshots")).unwrap()
    }

    // ENGINE-13
    #[test]
    fn a_snapshot_of_a_chain_that_began_long_ago_is_restored_by_a_trusted_block_alone() {
        let (origin, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (home, genesis) = home(dir.path(), 1_000);
        let (path, manifest) = snapshot(origin.path(), &genesis);
        let block = manifest.header.id();
        let trust = |height, block| Some(Trusted { height, block });
        for (trust, words) in [
            (None, "--trust HEIGHT:ID"),
            (trust(1, Hash([9; 32])), "another block than the trusted one"),
            (trust(2, block), "nothing here shows the trusted block of height 2"),
        ] {
            let refused = take(&home, &path, trust).unwrap_err();
            assert!(refused.exit == Exit::Usage && refused.sentence.contains(words), "{}", refused.sentence);
            assert!(!home.data().join("CURRENT").exists());
        }
        assert_eq!(take(&home, &path, trust(1, block)).unwrap(), manifest);
        assert_eq!(std::fs::metadata(home.data()).unwrap().permissions().mode() & 0o777, 0o700);
        let taken = take(&home, &path, trust(1, block)).unwrap_err();
        assert!(taken.exit == Exit::Usage && taken.sentence.contains("is in use"), "{}", taken.sentence);
        assert!(take(&home, dir.path(), trust(1, block)).unwrap_err().sentence.contains("directory of a snapshot"));
    }

    // ENGINE-13
    #[test]
    fn a_snapshot_of_a_young_chain_needs_no_trusted_block_and_keeps_to_the_one_of_an_earlier_start() {
        let (origin, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (home, genesis) = home(dir.path(), now_ms().unwrap() - 60_000);
        let (path, manifest) = snapshot(origin.path(), &genesis);
        join::remember(&home, Some(Trusted { height: 1, block: Hash([9; 32]) })).unwrap();
        assert!(take(&home, &path, None).unwrap_err().sentence.contains("another block than the trusted one"));
        std::fs::remove_file(home.trusted()).unwrap();
        assert_eq!(take(&home, &path, None).unwrap(), manifest);
    }

    #[test]
    fn a_disk_that_fails_under_a_restore_is_this_machines_fault() {
        let (origin, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (home, genesis) = home(dir.path(), now_ms().unwrap());
        let (path, _) = snapshot(origin.path(), &genesis);
        // Where the database is built there is a file already, which cannot be removed as a directory.
        std::fs::write(dir.path().join("data.part"), b"x").unwrap();
        let failed = take(&home, &path, None).unwrap_err();
        assert_eq!(failed.exit, Exit::Fault, "{}", failed.sentence);
    }
}

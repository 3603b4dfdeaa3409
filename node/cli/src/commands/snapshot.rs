//! `leither snapshot …`: the state at one height as files. For a node that does not run; a running one writes and serves them by itself.

use super::Session;
use super::db::open;
use crate::exit::{Done, Failure};
use crate::genesis;
use clap::Subcommand;
use leither_engine::join::begin_from;
use leither_store::snapshots::{list_snapshots, read_chunk, restore};
use leither_store::{Handover, Manifest, Store, check_chain_of_trust};
use leither_types::{GenesisHead, List, decode_within};
use parity_scale_codec::Encode;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Changes of the set that a file of them holds.
const HANDOVERS_MAX: usize = 65_536;
/// The file beside a manifest.
const HANDOVERS_FILE: &str = "handovers.scale";

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
            Snapshot::Restore { directory } => {
                let manifest = take(home, &directory)?;
                session.printer.answer(&shown(&home.data(), &manifest));
            }
        }
        Ok(())
    }
}

/// Writes a snapshot of the newest height, and beside it what leads to it from the genesis: without that a copy in another place could not
/// be believed.
pub fn create(store: &Store, dir: &Path) -> Done<(PathBuf, Manifest)> {
    let id = store.write_snapshot(dir, &|_, _| ()).map_err(Failure::fault)?.id();
    let found = list_snapshots(dir).into_iter().find(|(_, manifest)| manifest.id() == id);
    let (path, manifest) = found.ok_or_else(|| Failure::fault("the snapshot that was written is not there"))?;
    let mut handovers = store.handovers(0, HANDOVERS_MAX + 1).map_err(Failure::fault)?;
    handovers.retain(|handover| handover.header.height <= manifest.height);
    let list = List::<Handover, HANDOVERS_MAX>::new(handovers);
    let list = list.ok_or_else(|| Failure::fault("more changes of the set than a file holds"))?;
    let file = path.join(HANDOVERS_FILE);
    std::fs::write(&file, list.encode()).map_err(|e| Failure::fault(format!("{}: {e}", file.display())))?;
    Ok((path, manifest))
}

/// What is needed to believe a snapshot in a directory: certificates from the genesis to it. Chunks are looked at when they are read.
pub(super) fn read_copy(genesis: &GenesisHead, directory: &Path) -> Done<(Manifest, List<Handover, HANDOVERS_MAX>)> {
    let manifest = manifest_in(directory)?;
    let handovers = match manifest.handovers {
        0 => List::default(),
        _ => {
            let bytes = read_in(directory, HANDOVERS_FILE)?;
            decode_within::<List<Handover, HANDOVERS_MAX>>(&bytes, 1 << 30)
                .map_err(|e| Failure::usage(format!("{HANDOVERS_FILE}: {e}")))?
        }
    };
    check_chain_of_trust(genesis, None, &handovers, &manifest.header, &manifest.certificate).map_err(Failure::usage)?;
    Ok((manifest, handovers))
}

fn read_in(directory: &Path, name: &str) -> Done<Vec<u8>> {
    let path = directory.join(name);
    std::fs::read(&path).map_err(|e| Failure::usage(format!("{}: {e}; is this the directory of a snapshot?", path.display())))
}

fn manifest_in(directory: &Path) -> Done<Manifest> {
    Manifest::read(&read_in(directory, "manifest.scale")?).map_err(Failure::usage)
}

fn take(home: &crate::home::Home, directory: &Path) -> Done<Manifest> {
    let genesis = genesis::load(&home.genesis())?.head;
    let mut chunks = |hash: &leither_types::Hash| read_chunk(directory, hash).ok_or(leither_store::SnapshotError::NoChunk(*hash));
    let first = manifest_in(directory)?;
    if genesis.origin.as_ref().is_some_and(|origin| origin.chain == first.chain) {
        // RECOVER-7: the old chain's, with which this one begins.
        begin_from(&home.data(), &genesis, &first, &mut chunks, &|_, _| ()).map_err(Failure::usage)?;
        return Ok(first);
    }
    let (manifest, handovers) = read_copy(&genesis, directory)?;
    restore(&home.data(), &genesis, &manifest, &handovers, &mut chunks, &|_, _| ()).map_err(Failure::usage)?;
    Ok(manifest)
}

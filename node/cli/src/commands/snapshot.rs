//! `leither snapshot …`: the state at one height as files. For a node that does not run; a running one writes and serves them by itself.

use super::Session;
use super::db::open;
use crate::exit::{Done, Failure};
use crate::genesis;
use clap::Subcommand;
use leither_store::snapshots::{HANDOVERS_FILE, HANDOVERS_MAX, list_snapshots, read_chunk, restore};
use leither_store::{Handover, Manifest, Store, check_chain_of_trust};
use leither_types::{List, decode_within};
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

/// Writes a snapshot of the newest height; where it is, and its manifest.
pub fn create(store: &Store, dir: &Path) -> Done<(PathBuf, Manifest)> {
    let id = store.write_snapshot(dir, &|_, _| ()).map_err(Failure::fault)?.id();
    let found = list_snapshots(dir).into_iter().find(|(_, manifest)| manifest.id() == id);
    found.ok_or_else(|| Failure::fault("the snapshot that was written is not there"))
}

fn take(home: &crate::home::Home, directory: &Path) -> Done<Manifest> {
    let genesis = genesis::load(&home.genesis())?.head;
    let read = |name: &str| {
        let path = directory.join(name);
        std::fs::read(&path).map_err(|e| Failure::usage(format!("{}: {e}; is this the directory of a snapshot?", path.display())))
    };
    let manifest = Manifest::read(&read("manifest.scale")?).map_err(Failure::usage)?;
    let handovers = match manifest.handovers {
        0 => List::default(),
        _ => {
            let bytes = read(HANDOVERS_FILE)?;
            decode_within::<List<Handover, HANDOVERS_MAX>>(&bytes, 1 << 30)
                .map_err(|e| Failure::usage(format!("{HANDOVERS_FILE}: {e}")))?
        }
    };
    check_chain_of_trust(&genesis, None, &handovers, &manifest.header, &manifest.certificate).map_err(Failure::usage)?;
    let mut chunks = |hash: &leither_types::Hash| read_chunk(directory, hash).ok_or(leither_store::SnapshotError::NoChunk(*hash));
    restore(&home.data(), &genesis, &manifest, &handovers, &mut chunks, &|_, _| ()).map_err(Failure::usage)?;
    Ok(manifest)
}

//! `leither db …`: the database of a node that does not run.

use super::Session;
use crate::exit::{Done, Exit, Failure};
use crate::genesis;
use crate::home::Home;
use clap::Subcommand;
use leither_state::Fault;
use leither_store::snapshots::newest_height;
use leither_store::{OpenError, Store, tree_bytes};
use leither_types::{GenesisHead, Height};
use serde_json::{Value, json};
use std::path::Path;

/// The database of a node that does not run.
#[derive(Subcommand, Debug)]
pub enum Db {
    /// What it takes on disk, by kind of record, and which heights it has.
    Stat,
    /// Takes out old blocks, but never the 100 newest, nor those after the newest snapshot: a device that begins there needs them.
    Prune {
        /// The lowest height to keep.
        #[arg(long, value_name = "HEIGHT")]
        keep_from: Height,
    },
}

/// Whether there is a database, perhaps one whose first start was cut short.
pub(super) fn has_database(data: &Path) -> bool {
    data.join("CURRENT").exists()
}

/// A database that is there. [`OpenError::Genesis`]: nothing was ever written into it.
pub(super) fn open_existing(data: &Path, genesis: &GenesisHead) -> Result<Store, OpenError> {
    let initial = || Err(Fault::Corrupt("a database that is there is not made anew".into()));
    Store::open(data, genesis, &initial)
}

/// This home's database, which must be there.
pub(super) fn open(home: &Home) -> Done<Store> {
    let genesis = genesis::load(&home.genesis())?;
    if !has_database(&home.data()) {
        return Err(Failure::usage(format!("{} has no database yet: `leither run` makes one", home.root().display())));
    }
    open_existing(&home.data(), &genesis.head).map_err(|error| match error {
        OpenError::Busy(_) => Failure::usage(format!("{error}; while a node runs, /metrics tells what it takes on disk")),
        other => Failure::new(Exit::Fault, other),
    })
}

/// Why blocks stay that were to go; nothing where none do.
fn kept_for(wanted: Height, lowest: Height, newest: Option<Height>) -> Option<String> {
    match newest {
        _ if wanted <= lowest => None,
        Some(snapshot) if snapshot.saturating_add(1) == lowest => Some(format!(
            "a device that begins with the newest snapshot, at {snapshot}, needs the blocks after it: `leither snapshot create` makes a newer one"
        )),
        _ => Some("the 100 newest blocks always stay".into()),
    }
}

impl Db {
    pub(super) fn run(self, session: &Session) -> Done {
        let home = &session.home;
        let store = open(home)?;
        match self {
            Db::Stat => {
                let row = |column: leither_store::ColumnStat| {
                    json!({
                        "name": column.name,
                        "rows": column.rows_estimate.to_string(),
                        "bytes": column.sst_bytes.to_string(),
                        "memory_bytes": column.memtable_bytes.to_string(),
                    })
                };
                let columns: Vec<Value> = store.stat().map_err(Failure::fault)?.into_iter().map(row).collect();
                let bytes = |path: &Path| tree_bytes(path).map(|n| n.to_string()).map_err(Failure::fault);
                session.printer.answer(&json!({
                    "height": store.head().map_err(Failure::fault)?.height.to_string(),
                    "lowest": store.lowest().map_err(Failure::fault)?.to_string(),
                    "columns": columns,
                    "data_bytes": bytes(&home.data())?,
                    "snapshot_bytes": bytes(&home.snapshots())?,
                    "home_bytes": bytes(home.root())?,
                }));
            }
            Db::Prune { keep_from } => {
                let newest = newest_height(&home.snapshots());
                let allowed = newest.map_or(keep_from, |newest| keep_from.min(newest.saturating_add(1)));
                let pruned = store.prune(allowed).map_err(Failure::fault)?;
                session.printer.answer(&json!({
                    "from": pruned.from.to_string(),
                    "to": pruned.to.to_string(),
                    "freed_bytes": pruned.bytes.to_string(),
                    "newest_snapshot": newest.map(|height| height.to_string()),
                    "kept_for": kept_for(keep_from, pruned.to, newest),
                }));
            }
        }
        Ok(())
    }
}

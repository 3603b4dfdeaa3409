use crate::commands::db::{has_database, open_existing};
use crate::commands::snapshot::read_copy;
use crate::exit::{Done, Exit, Failure};
use crate::home::Home;
use leither_store::{Head, Manifest, OpenError, Store};
use leither_types::{GenesisHead, Hash, Header, Height};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The old chain's last block, with the state after it.
pub enum Source {
    /// This home's own database, held so that no node runs by it.
    Head {
        /// The database.
        store: Store,
        /// Its newest block.
        head: Arc<Head>,
    },
    /// A snapshot, to which certificates lead from the old chain's genesis.
    Copy {
        /// Its directory.
        directory: PathBuf,
        /// What is in it.
        manifest: Box<Manifest>,
    },
}

/// This home's database, if it has one.
fn own(home: &Home, old: &GenesisHead) -> Done<Option<(Store, Arc<Head>)>> {
    if !has_database(&home.data()) {
        return Ok(None);
    }
    let store = open_existing(&home.data(), old).map_err(|error| match error {
        // RECOVER-9: a node that runs would go on with the old chain.
        OpenError::Busy(_) => Failure::usage(format!("a node runs by {}: stop it, and start again", home.root().display())),
        other => Failure::new(Exit::Fault, other),
    })?;
    let head = store.head().map_err(Failure::fault)?;
    Ok(Some((store, head)))
}

fn copy(old: &GenesisHead, directory: &Path) -> Done<Source> {
    let (manifest, _) = read_copy(old, directory, None)?;
    Ok(Source::Copy { directory: directory.into(), manifest: Box::new(manifest) })
}

impl Source {
    /// For a plan: the newest block that this home has, or that of a snapshot, which must not be older.
    pub fn newest(home: &Home, old: &GenesisHead, snapshot: Option<&Path>) -> Done<Self> {
        let own = own(home, old)?;
        match (own, snapshot) {
            (own, Some(directory)) => {
                let source = copy(old, directory)?;
                let height = own.map_or(0, |(_, head)| head.height);
                match source.header().is_some_and(|header| header.height < height) {
                    true => Err(ahead(home, height, source.header().map_or(0, |header| header.height))),
                    false => Ok(source),
                }
            }
            (Some((store, head)), None) if head.header.is_some() => Ok(Source::Head { store, head }),
            _ => Err(Failure::usage(format!(
                "{} has no block of the old chain: give a snapshot of it by --snapshot DIR",
                home.root().display()
            ))),
        }
    }

    /// RECOVER-9: for a start: the very block that the plan goes on from, by this home's own books or by a snapshot that certificates lead to.
    pub fn of_plan(home: &Home, old: &GenesisHead, wanted: (Height, Hash), snapshot: Option<&Path>) -> Done<Self> {
        let (height, block) = wanted;
        if let Some((store, head)) = own(home, old)? {
            if head.height > height {
                return Err(ahead(home, head.height, height));
            }
            if head.height == height && head.id != block {
                return Err(Failure::usage(format!(
                    "the plan goes on from block {block} at height {height}, this home has {} there: they are of two histories; find out \
                     which one two thirds signed before anybody starts",
                    head.id
                )));
            }
            if head.height == height {
                return Ok(Source::Head { store, head });
            }
            if snapshot.is_none() {
                return Err(Failure::usage(format!(
                    "this home ends at height {}, the plan goes on from {height}: run its node beside one that has that height until it has \
                     caught up, or give a snapshot of it by --snapshot DIR",
                    head.height
                )));
            }
        }
        let Some(directory) = snapshot else {
            return Err(Failure::usage(format!(
                "{} has no database of the old chain to check the plan against: give a snapshot of it by --snapshot DIR, such as the one under \
                 snapshots/origin of another home that has started already. A node that is no validator may make a fresh home instead, with \
                 `leither init --genesis PLAN`",
                home.root().display()
            )));
        };
        let source = copy(old, directory)?;
        let found = source.header().map(|header| (header.height, header.id()));
        if found != Some(wanted) {
            let (other, id) = found.unwrap_or_default();
            return Err(Failure::usage(format!(
                "the snapshot is of height {other} and block {id}, the plan goes on from height {height} and block {block}: give that one"
            )));
        }
        Ok(source)
    }

    /// The block's header.
    pub fn header(&self) -> Option<&Header> {
        match self {
            Source::Head { head, .. } => head.header.as_ref(),
            Source::Copy { manifest, .. } => Some(&manifest.header),
        }
    }

    /// About what a copy of the state and a database of it take, in bytes.
    pub fn room(&self) -> Done<u64> {
        const FIXED: u64 = 64 << 20;
        let rows = match self {
            Source::Head { store, .. } => {
                let columns = store.stat().map_err(Failure::fault)?;
                let state = columns.iter().filter(|column| matches!(column.name, "holdings" | "records"));
                // On disk they are compressed.
                state.map(|column| column.sst_bytes.saturating_mul(2).saturating_add(column.memtable_bytes)).sum()
            }
            Source::Copy { manifest, .. } => manifest.bytes,
        };
        Ok(rows.saturating_mul(2).saturating_add(FIXED))
    }
}

fn ahead(home: &Home, has: Height, plan: Height) -> Failure {
    Failure::usage(format!(
        "{} has height {has}, which is final, and {plan} is older: what was paid since would be undone; make the plan from this home's newest \
         block",
        home.root().display()
    ))
}

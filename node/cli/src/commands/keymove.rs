//! `leither keys move …`: a consensus key changes machines, and what it has signed goes with it. At no time do two homes sign by it, unless
//! somebody imports one file twice: so the file is removed once it was imported.

use super::Session;
use super::db::{has_database, open_existing};
use super::node::{CONSENSUS_KEY, consensus_keys};
use crate::exit::{Done, Exit, Failure};
use crate::genesis;
use crate::home::Home;
use crate::keys::{Bundle, Purpose, ScryptCost, write_node_key};
use clap::Subcommand;
use leither_engine::{GuardError, guard_files};
use leither_store::{OpenError, Store};
use leither_types::{SecretKey, ValidatorId};
use serde_json::json;
use std::path::PathBuf;

/// A consensus key changes machines.
#[derive(Subcommand, Debug)]
pub enum Move {
    /// Writes the key and what it has signed into one encrypted file; from then on it signs nothing here. The node must not run.
    Export {
        /// The file to write. Keep it to yourself, and import it once.
        file: PathBuf,
        /// Which key, where this home has several: its validator id (lthval1…).
        #[arg(long, value_name = "VALIDATOR")]
        validator: Option<ValidatorId>,
    },
    /// Takes such a file in, and removes it. Refused where this home knows of a later signature by this key.
    Import {
        /// The file.
        file: PathBuf,
    },
}

fn guard(error: GuardError) -> Failure {
    match error {
        GuardError::Disk { .. } => Failure::new(Exit::Fault, error),
        _ => Failure::usage(error),
    }
}

/// Held while the guard is written: a node that runs would be stopped by it at its next signature.
fn keep_still(home: &Home) -> Done<Option<Store>> {
    if !home.genesis().exists() || !has_database(&home.data()) {
        return Ok(None);
    }
    let genesis = genesis::load(&home.genesis())?;
    match open_existing(&home.data(), &genesis.head) {
        Ok(store) => Ok(Some(store)),
        Err(OpenError::Busy(_)) => Err(Failure::usage(format!("a node runs by {}: stop it first", home.root().display()))),
        // A database that no node can open runs none.
        Err(_) => Ok(None),
    }
}

/// The key that was asked for, else the only one that is still here.
fn chosen(home: &Home, validator: Option<ValidatorId>) -> Done<(PathBuf, SecretKey)> {
    let id = |key: &SecretKey| ValidatorId::of_key(&key.public());
    let mut keys = consensus_keys(home)?;
    match validator {
        Some(wanted) => keys.retain(|(_, key)| id(key) == wanted),
        None if keys.len() > 1 => keys.retain(|(dir, _)| guard_files::check_here(dir).is_ok()),
        None => {}
    }
    if keys.len() > 1 {
        let ids: Vec<String> = keys.iter().map(|(_, key)| id(key).to_string()).collect();
        return Err(Failure::usage(format!(
            "this home has several consensus keys: choose one by --validator, of {}",
            ids.join(", ")
        )));
    }
    keys.pop()
        .ok_or_else(|| Failure::usage(format!("{} has no such consensus key that could be moved", home.root().display())))
}

impl Move {
    pub(super) fn run(self, session: &Session) -> Done {
        let home = &session.home;
        let _still = keep_still(home)?;
        match self {
            Move::Export { file, validator } => {
                let (dir, secret) = chosen(home, validator)?;
                if file.exists() {
                    return Err(Failure::usage(format!("{} exists: choose another name", file.display())));
                }
                let password = session.passwords().ask("the file", true)?;
                // From here on it signs nothing here, whatever becomes of the file.
                let guards = guard_files::leave(&dir).map_err(guard)?;
                let validator = ValidatorId::of_key(&secret.public()).to_string();
                Bundle { secret, guards }.write(&file, &password, ScryptCost::default())?;
                guard_files::gone(&dir).map_err(guard)?;
                session.printer.answer(&json!({ "file": file.display().to_string(), "validator": validator }));
                session.printer.say(
                    "Import it on the other machine: `leither keys move import FILE`. This home signs nothing by it any more.",
                );
            }
            Move::Import { file } => {
                let passwords = session.passwords();
                let bundle = Bundle::read(&file, &mut || passwords.ask("the file", false))?;
                let dir = place(home, &bundle.secret)?;
                crate::files::private_dir(&dir).map_err(|e| Failure::fault(format!("cannot create {}: {e}", dir.display())))?;
                // The record before the key: a key without it does not start.
                guard_files::arrive(&dir, &bundle.guards).map_err(guard)?;
                let key_file = dir.join(CONSENSUS_KEY);
                if !key_file.exists() {
                    write_node_key(&key_file, Purpose::Consensus, &bundle.secret)?;
                }
                std::fs::remove_file(&file).map_err(|e| {
                    Failure::fault(format!("the key is here, but {} cannot be removed ({e}): do so yourself", file.display()))
                })?;
                session.printer.answer(&json!({
                    "validator": ValidatorId::of_key(&bundle.secret.public()).to_string(),
                    "key_file": key_file.display().to_string(),
                    "removed": file.display().to_string(),
                }));
            }
        }
        Ok(())
    }
}

/// Where this key stands or will stand.
fn place(home: &Home, secret: &SecretKey) -> Done<PathBuf> {
    let keys = consensus_keys(home)?;
    let known = keys.iter().find(|(_, key)| key.public() == secret.public());
    Ok(match known {
        Some((dir, _)) => dir.clone(),
        None if keys.is_empty() => home.validator(),
        None => home.next_validator(keys.len()),
    })
}

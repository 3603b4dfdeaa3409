//! `genesis.json`: the start of a chain as people read, review and sign off on it. Its chain id is the hash of the SCALE form alone, so
//! the file's spaces and the order of its keys mean nothing; what it says means everything, and nothing unknown may stand in it.
//!
//! ```text
//! genesis.json <-> GenesisFile --check--> leither_types::Genesis --hash--> chain id
//! ```
//! A [`GenesisFile`] may lack validators while it is being put together; a [`Genesis`] never does.

mod check;
mod form;
#[cfg(test)]
mod tests;

pub use form::{AllocationForm, GenesisFile, OriginForm, ParamsForm, ValidatorForm};

use crate::files;
use leither_types::{AccountId, Amount, Genesis, PublicKey};
use std::path::{Path, PathBuf};

/// A file of the most allocations that a chain may start with stays below this.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// Why a genesis was refused.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// No file there.
    #[error(
        "{0} is missing: join a chain with `leither init --join ADDRESS --chain HASH` or by its genesis file with `leither init --genesis FILE`, or make one of your own with `leither genesis new`"
    )]
    Missing(PathBuf),
    /// The machine refused.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the machine said.
        source: std::io::Error,
    },
    /// Not the form of a genesis.
    #[error("this is no genesis file: {0}")]
    Form(String),
    /// The form is right, the content is not.
    #[error("this genesis cannot start a chain: {0}")]
    Unfit(String),
    /// The file states an id that its content does not have.
    #[error("the file states chain {stated}, but its content is chain {found}: get the original, or remove the line `chain`")]
    Chain {
        /// What the file states.
        stated: String,
        /// What its content hashes to.
        found: String,
    },
}

/// A new chain without validators and without `mei`. `dev` chains have short deadlines and public keys.
pub fn new(name: &str, time_ms: u64, dev: bool) -> GenesisFile {
    GenesisFile::empty(name, time_ms, dev)
}

/// Adds a validator. The key may not be in the file yet.
pub fn add_validator(file: &mut GenesisFile, key: PublicKey, power: u64, operator: AccountId) -> Result<(), GenesisError> {
    check::validator(file, &key, power)?;
    file.validators.push(ValidatorForm { key, power, operator, possession: None });
    file.chain = None;
    Ok(())
}

/// Adds `mei` that exists from the start, as an issuance with its reason and the hash of its evidence.
pub fn add_allocation(
    file: &mut GenesisFile,
    account: AccountId,
    amount: Amount,
    reason: &str,
    evidence: leither_types::Hash,
) -> Result<(), GenesisError> {
    let allocation = AllocationForm { account, amount, reason: reason.into(), evidence };
    check::allocation(file.allocations.len(), &allocation)?;
    file.allocations.push(allocation);
    file.chain = None;
    Ok(())
}

/// Checks everything and gives what a node starts from.
pub fn validate(file: &GenesisFile) -> Result<Genesis, GenesisError> {
    check::whole(file)
}

/// Reads a file and gives what a node starts from.
pub fn load(path: &Path) -> Result<Genesis, GenesisError> {
    validate(&read(path)?)
}

/// HOME-10: reads a file that may still lack validators.
pub fn read(path: &Path) -> Result<GenesisFile, GenesisError> {
    match files::read_within(path, FILE_BYTES_MAX) {
        Ok(bytes) => parse(&bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(GenesisError::Missing(path.into())),
        Err(source) => Err(GenesisError::Io { what: "read", path: path.into(), source }),
    }
}

/// HOME-8: reads the form, strictly: an unknown, repeated or missing key is an error.
pub fn parse(json: &[u8]) -> Result<GenesisFile, GenesisError> {
    serde_json::from_slice(json).map_err(|e| GenesisError::Form(e.to_string()))
}

/// Writes a file, replacing an older one. Where the content can start a chain, the chain's id is written into it.
pub fn write(path: &Path, file: &GenesisFile) -> Result<(), GenesisError> {
    let text = text(file)?;
    files::replace(path, text.as_bytes(), files::OPEN_MODE).map_err(|source| GenesisError::Io {
        what: "write",
        path: path.into(),
        source,
    })
}

/// The file's text.
pub fn text(file: &GenesisFile) -> Result<String, GenesisError> {
    let mut stated = file.clone();
    stated.chain = None;
    stated.chain = check::whole(&stated).ok().map(|genesis| genesis.chain());
    serde_json::to_string_pretty(&stated).map(|text| text + "\n").map_err(|e| GenesisError::Form(e.to_string()))
}

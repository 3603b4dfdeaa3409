use super::keystore::{self, Closed, KeyFile, ScryptCost, VERSION};
use super::ring::{io, uuid};
use super::{KeyError, Password};
use crate::files;
use leither_engine::GuardRecord;
use leither_types::{SecretKey, ValidatorId};
use serde::{Deserialize, Serialize};
use std::path::Path;
use zeroize::Zeroizing;

/// Stands where a wallet key's derivation path does, so that neither file is taken for the other.
const PATH: &str = "bundle/consensus/1";
const DESCRIPTION: &str = "a consensus key on its way to another machine: import it once, where it shall sign from now on";
/// So many guard files of 4 KiB, and more.
const CONTENT_BYTES_MAX: usize = 256 * 1024;
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// KEY-15: a consensus key with what it has signed.
#[derive(Debug)]
pub struct Bundle {
    /// The key.
    pub secret: SecretKey,
    /// On each chain.
    pub guards: Vec<GuardRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    secret: Zeroizing<String>,
    guards: Vec<GuardRecord>,
}

impl Bundle {
    /// Writes it, encrypted, where nothing may be yet.
    pub fn write(&self, file: &Path, password: &Password, cost: ScryptCost) -> Result<(), KeyError> {
        let secret = Zeroizing::new(hex::encode(&Zeroizing::new(self.secret.seed())[..]));
        let machine = |what: String| KeyError::Machine(what);
        let content = serde_json::to_vec(&Content { secret, guards: self.guards.clone() }).map_err(|e| machine(e.to_string()))?;
        let content = Zeroizing::new(content);
        if content.len() > CONTENT_BYTES_MAX {
            return Err(machine("it has signed on too many chains for one file".into()));
        }
        let pubkey = hex::encode(self.secret.public().0);
        let sealed = keystore::seal_content(&content, pubkey, password, cost, PATH, DESCRIPTION, uuid()?).map_err(machine)?;
        let mut text = serde_json::to_vec_pretty(&sealed).map_err(|e| machine(e.to_string()))?;
        text.push(b'\n');
        files::create_new(file, &text, files::SECRET_MODE).map_err(io("write", file))
    }

    /// Reads one. `password` is asked for once the file is found to be one.
    pub fn read(file: &Path, password: &mut dyn FnMut() -> Result<Password, KeyError>) -> Result<Self, KeyError> {
        let damaged = |what: String| KeyError::Damaged { path: file.into(), what };
        let bytes = files::read_within(file, FILE_BYTES_MAX).map_err(io("read", file))?;
        let sealed: KeyFile = serde_json::from_slice(&bytes)
            .map_err(|e| damaged(format!("not a key file: line {}, column {}", e.line(), e.column())))?;
        if sealed.version != VERSION || sealed.path != PATH {
            return Err(damaged("it is no file of `leither keys move export`".into()));
        }
        let content = keystore::open_content(&sealed, &password()?, 0..=CONTENT_BYTES_MAX).map_err(|closed| match closed {
            Closed::WrongPassword => KeyError::WrongPassword(file.display().to_string()),
            Closed::Damaged(what) => damaged(what),
        })?;
        let content: Content = serde_json::from_slice(&content)
            .map_err(|e| damaged(format!("its content: line {}, column {}", e.line(), e.column())))?;
        let seed = hex::decode(content.secret.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| damaged("the secret is not hex".into()))?;
        let secret = keystore::secret_of(&seed, &sealed.pubkey).map_err(|what| damaged(what.into()))?;
        let me = ValidatorId::of_key(&secret.public()).to_string();
        if content.guards.is_empty() || content.guards.iter().any(|guard| guard.validator() != me) {
            return Err(damaged("it does not say what this key has signed".into()));
        }
        Ok(Self { secret, guards: content.guards })
    }
}

use super::{KeyError, ring::io};
use crate::files;
use leither_types::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use std::path::Path;
use zeroize::Zeroizing;

const VERSION: u32 = 1;
const FILE_BYTES_MAX: u64 = 4096;

/// What a node's own key is for. Its file says which, so that two files cannot be mixed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `validator/consensus_key.json`: votes and proposals.
    Consensus,
    /// `config/node_key`: the node's name among its peers.
    Node,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Purpose::Consensus => "consensus",
            Purpose::Node => "node",
        }
    }
}

/// KEY-12. The file: not encrypted, since a node starts with nobody at the terminal; mode 0600.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeKeyFile {
    purpose: String,
    pubkey: PublicKey,
    secret: Zeroizing<String>,
    version: u32,
}

/// Makes a new key and writes it to `path`, where nothing may be yet.
pub fn create_node_key(path: &Path, purpose: Purpose) -> Result<SecretKey, KeyError> {
    let secret = random_node_key()?;
    write_node_key(path, purpose, &secret)?;
    Ok(secret)
}

/// A new key, not written anywhere yet.
pub fn random_node_key() -> Result<SecretKey, KeyError> {
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *seed).map_err(|e| KeyError::Machine(format!("no randomness: {e}")))?;
    Ok(SecretKey::from_seed(&seed))
}

/// Writes a key (one derived from words, say) to `path`, where nothing may be yet.
pub fn write_node_key(path: &Path, purpose: Purpose, secret: &SecretKey) -> Result<(), KeyError> {
    let file = NodeKeyFile {
        purpose: purpose.name().into(),
        pubkey: secret.public(),
        secret: Zeroizing::new(hex::encode(&Zeroizing::new(secret.seed())[..])),
        version: VERSION,
    };
    let mut text = Zeroizing::new(serde_json::to_vec_pretty(&file).map_err(|e| KeyError::Machine(e.to_string()))?);
    text.push(b'\n');
    if let Some(dir) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        files::private_dir(dir).map_err(io("create", dir))?;
    }
    files::create_new(path, &text, files::SECRET_MODE).map_err(io("write", path))
}

/// Reads the key at `path`. A file of the other purpose, one that others may read, or one whose halves differ is refused.
pub fn load_node_key(path: &Path, purpose: Purpose) -> Result<SecretKey, KeyError> {
    let damaged = |what: String| KeyError::Damaged { path: path.into(), what };
    let bytes = match files::read_within(path, FILE_BYTES_MAX) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(KeyError::NoFile { path: path.into() }),
        Err(error) => return Err(io("read", path)(error)),
    };
    if files::too_open(path).map_err(io("examine", path))? != 0 {
        return Err(KeyError::TooOpen { path: path.into() });
    }
    let file: NodeKeyFile = serde_json::from_slice(&bytes)
        .map_err(|e| damaged(format!("not a key file: line {}, column {}", e.line(), e.column())))?;
    if file.version != VERSION {
        return Err(damaged(format!("version {} is not known here", file.version)));
    }
    if file.purpose != purpose.name() {
        let found = file.purpose.chars().take(32).collect();
        return Err(KeyError::Purpose { path: path.into(), found, wanted: purpose.name() });
    }
    let mut seed = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(file.secret.as_bytes(), &mut *seed).map_err(|_| damaged("the secret is not 32 bytes of hex".into()))?;
    let secret = SecretKey::from_seed(&seed);
    if secret.public() == file.pubkey { Ok(secret) } else { Err(damaged("the secret does not belong to the public key".into())) }
}
